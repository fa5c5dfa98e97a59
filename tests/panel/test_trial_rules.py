"""What a trial must say of itself: control, order, strata, covariates, units; ids that look alike."""

import unicodedata

import polars as pl
import pytest

from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import panel_violations


def outputs(**columns):
    rows = {"worker_id": ["w1", "w2", "w3"], "task_id": "t", "period": [1, 1, 1]}
    rows |= {"output": [1.0, 2.0, 4.0], **columns}
    return pl.DataFrame(rows, schema_overrides={"period": pl.Int64})


def rules(frame, *, tables=None, **info):
    panel = Panel(info=PanelInfo(name="trial", **info), outputs=frame).with_tables(**(tables or {}))
    return dict(panel_violations(panel).select("rule", "n_rows").iter_rows())


# Arms, order, strata -------------------------------------------------------------------------------


@pytest.mark.parametrize("control", [None, "none"])
def test_an_arm_without_control_is_named(control):
    frame = outputs(arm=["chat", "tutor", None])
    assert rules(frame, control_arm=control) == {"arm|no_control": 2}
    assert rules(frame, control_arm="chat") == {}


def test_a_control_without_arms_is_named():
    assert rules(outputs(), control_arm="chat") == {"control_arm": 1}


def test_two_items_cannot_have_one_place_in_their_workers_order():
    frame = outputs(worker_id=["w1", "w1", "w2"], item_id=["a", "b", "a"], sequence=[1, 1, 1])
    assert rules(frame) == {"sequence|twice": 2}
    assert rules(frame.with_columns(sequence=pl.Series([1, 2, 1]))) == {}


def test_raters_of_an_item_share_its_place():
    frame = outputs(worker_id=["w1"] * 3, item_id=["a"] * 3, rater_id=["r", "s", "u"], sequence=1)
    assert rules(frame.with_columns(pl.col("sequence").cast(pl.Int64))) == {}


def test_what_was_assigned_as_one_is_in_one_stratum():
    frame = outputs(assignment_id=["c", "c", "d"], stratum_id=["s1", "s2", "s1"])
    assert rules(frame) == {"stratum_id|varies": 2}


# Covariates ----------------------------------------------------------------------------------------

COVARIATES = {
    "constant": ({"age": [3.0, 3.0, None]}, {"age|constant": 3}),
    "not finite": ({"age": [3.0, float("inf"), float("nan")]}, {"age|inf": 2}),
    "whole numbers": ({"age": [3, 4, 5]}, {"age|dtype": 1}),
    "not there": ({}, {"age|missing": 1}),
    "not declared": ({"age": [1.0, 2.0, 3.0], "sex": ["f", "m", "f"]}, {"sex|unknown": 3}),
    "text": ({"age": ["old", "young", None]}, {}),
}


@pytest.mark.parametrize(("columns", "expected"), COVARIATES.values(), ids=COVARIATES.keys())
def test_a_covariate_that_cannot_be_used_is_named(columns, expected):
    assert rules(outputs(**columns), covariates=("outputs.age",)) == expected


def test_collinear_covariates_are_named_whatever_their_origin_and_scale():
    draws = pl.Series([0.3, 1.7, -0.4, 2.2, 0.9, -1.1])
    workers = pl.DataFrame(
        {"worker_id": [f"w{k}" for k in range(1, 7)], "a": draws, "b": draws.pow(2)}
    )
    names = ("workers.a", "workers.b", "workers.c")
    twin = workers.with_columns(c=1e6 + 1e-3 * (pl.col("a") - 2 * pl.col("b")))
    assert rules(outputs(), tables={"workers": twin}, covariates=names) == {"c|collinear": 6}
    free = workers.with_columns(c=1e6 + 1e-3 * pl.col("a").pow(3))
    assert rules(outputs(), tables={"workers": free}, covariates=names) == {}


# Units ---------------------------------------------------------------------------------------------

QUESTIONED = [
    "seconds",
    "s",
    "Minutes per call",
    "ms",
    "response time",
    "log seconds",
    "ln(output)",
]
UNQUESTIONED = ["calls an hour", "items per second", "pages", "score", "meters", "daylight"]


@pytest.mark.parametrize("unit", QUESTIONED)
def test_a_unit_of_time_or_log_is_questioned_until_the_outcome_is_stated(unit):
    assert rules(outputs(unit=[unit] * 3)) == {"unit|question": 3}
    stated = "log" if unit.startswith("ln") else "time"
    assert rules(outputs(unit=[unit] * 3), outcome=stated) == {}


@pytest.mark.parametrize("unit", UNQUESTIONED)
def test_other_units_raise_no_question(unit):
    assert rules(outputs(unit=[unit] * 3)) == {}


def test_the_log_of_a_time_is_questioned_since_less_of_it_is_better():
    assert rules(outputs(unit=["log seconds"] * 3), outcome="log") == {"unit|question": 3}


def test_log_pay_is_questioned():
    pay = pl.DataFrame(
        {"worker_id": ["w1"], "period": [1], "pay": [2.5], "unit": ["log US dollars"]}
    )
    assert rules(outputs(), tables={"pay": pay}) == {"unit|question": 1}


def test_a_damaged_scan_is_a_named_problem_without_its_cells():
    cells = pl.LazyFrame({"worker_id": ["w1", "w2"], "cell": ["1.5", "private"]})
    broken = cells.select(
        "worker_id",
        task_id=pl.lit("t"),
        period=pl.lit(1, dtype=pl.Int64),
        output=pl.col("cell").cast(pl.Float64),
    )
    found = panel_violations(Panel(info=PanelInfo(name="p"), outputs=broken))
    assert "unreadable" in found["rule"].to_list()
    assert "private" not in str(found.to_dicts())


# Look-alikes ---------------------------------------------------------------------------------------

COMPOSED = unicodedata.normalize("NFC", "Zoë")
LOOK_ALIKES = {
    "decomposed": unicodedata.normalize("NFD", "Zoë"),
    "zero-width space": "Zo\u200bë",
    "soft hyphen": "Zo\u00adë",
    "byte order mark": "\ufeffZoë",
    "word joiner": "Zoë\u2060",
}


@pytest.mark.parametrize("other", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
def test_two_ids_that_look_alike_are_counted_in_one_table(other):
    assert rules(outputs(worker_id=[COMPOSED, other, "w"])) == {"worker_id|look_alike": 2}


@pytest.mark.parametrize("other", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
def test_an_id_that_looks_like_one_of_its_table_is_told_from_an_unknown_one(other):
    workers = pl.DataFrame({"worker_id": [COMPOSED, "w"]})
    frame = outputs(worker_id=[other, "w", "unknown"])
    assert rules(frame, tables={"workers": workers}) == {
        "worker_id|dangling": 1,
        "worker_id|look_alike": 1,
    }


def test_ids_that_differ_to_the_eye_are_left_alone():
    assert rules(outputs(worker_id=["Zoe", COMPOSED, "zoë"])) == {}


@pytest.mark.parametrize("column", ["task_id", "item_id", "firm_id", "rater_id", "assignment_id"])
def test_every_id_of_outputs_is_compared(column):
    frame = outputs(**{column: [COMPOSED, LOOK_ALIKES["decomposed"], "x"]})
    assert rules(frame) == {f"{column}|look_alike": 2}
