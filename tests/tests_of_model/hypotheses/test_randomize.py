"""Assignments read from panels, and randomization inference for the estimators of H1."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.estimate import run_estimator
from withintask.tests_of_model.hypotheses.h1_compression import HYPOTHESIS
from withintask.tests_of_model.hypotheses.randomize import randomized
from withintask.tests_of_model.samples.assignment import (
    drawn,
    listed,
    read_assignment,
    reassigned,
)

ESTIMATORS = {e.name: e for e in HYPOTHESIS.estimators}


def _panel(rows, **info):
    frame = pl.DataFrame(rows).with_columns(task_id=pl.lit("t"))
    if "period" not in frame.columns:
        frame = frame.with_columns(period=pl.lit(1))
    if "output" not in frame.columns:
        frame = frame.with_columns(output=pl.Series(1.0 + np.arange(frame.height)))
    first = info.pop("first_ai_period", 1)
    return wt.Panel(
        info=wt.PanelInfo(name="invented", first_ai_period=first, **info), outputs=frame
    )


def _trial(n_firms=2, n_workers=4):
    """Half of each firm's workers have access from period 1 on; seen in periods 0 and 1."""
    return _panel(
        [
            {
                "worker_id": f"{f}{w}",
                "firm_id": f"{f}",
                "period": t,
                "ai_access": t == 1 and w < n_workers // 2,
            }
            for f in range(n_firms)
            for w in range(n_workers)
            for t in (0, 1)
        ]
    )


def test_workers_are_assigned_within_firms():
    found = read_assignment(_trial())
    assert found.words == "8 workers within 2 firms"
    assert math.exp(found.log_count) == pytest.approx(math.comb(4, 2) ** 2)


def test_all_assignments_are_listed_once():
    found = read_assignment(_trial())
    kinds = {tuple(found.treatment[source]) for source in listed(found)}
    assert len(kinds) == len(list(listed(found))) == 36
    for source in listed(found):
        counts = np.bincount(found.stratum, found.treatment[source])
        np.testing.assert_array_equal(counts, np.bincount(found.stratum, found.treatment))


def test_drawn_assignments_stay_within_strata():
    found = read_assignment(_trial())
    source = drawn(found, np.random.default_rng(1))
    np.testing.assert_array_equal(found.stratum[source], found.stratum)
    assert sorted(source) == list(range(8))


def test_the_observed_assignment_gives_the_panel_back():
    panel = _trial()
    found = read_assignment(panel)
    again = reassigned(panel, found, np.arange(8))
    assert again.outputs["ai_access"].to_list() == panel.outputs["ai_access"].to_list()


def test_firms_that_adopt_at_different_times_keep_the_dates():
    starts = {"a": 1, "b": 2, "c": 3, "d": 99}
    rows = [
        {"worker_id": f"{f}{w}", "firm_id": f, "period": t, "ai_access": t >= start}
        for f, start in starts.items()
        for w in range(2)
        for t in range(4)
    ]
    panel = _panel(rows)
    found = read_assignment(panel)
    assert found.words == "4 firms"
    assert math.exp(found.log_count) == pytest.approx(24)
    swapped = reassigned(panel, found, np.array([3, 0, 1, 2])).outputs
    since = swapped.filter("ai_access").group_by("firm_id").agg(pl.col("period").min())
    assert dict(since.iter_rows()) == {"b": 1, "c": 2, "d": 3}


def test_items_are_assigned_within_workers():
    rows = [
        {"worker_id": w, "firm_id": "f", "item_id": f"{i}", "ai_access": i % 2 == 0}
        for w in ("u", "v")
        for i in range(4)
    ]
    found = read_assignment(_panel(rows))
    assert found.words == "8 items within 2 workers"


def test_recorded_units_strata_and_arms_are_used():
    rows = [
        {
            "worker_id": f"{team}{w}",
            "firm_id": "f",
            "assignment_id": f"{team}",
            "stratum_id": f"{team // 3}",
            "ai_access": team % 3 > 0,
            "arm": ("none", "chat", "tutor")[team % 3],
        }
        for team in range(6)
        for w in range(2)
    ]
    panel = _panel(rows, control_arm="none")
    found = read_assignment(panel)
    assert found.words == "6 assigned units within 2 strata"
    assert math.exp(found.log_count) == pytest.approx(36)
    swapped = reassigned(panel, found, np.array([1, 0, 2, 3, 4, 5])).outputs
    team = swapped.filter(pl.col("assignment_id") == "0")
    assert team["arm"].unique().to_list() == ["chat"]
    assert team["ai_access"].all()


def test_access_that_ends_is_named():
    rows = [
        {"worker_id": f"{w}", "firm_id": "f", "period": t, "ai_access": w == 0 and t == 1}
        for w in range(4)
        for t in range(3)
    ]
    with pytest.raises(EstimationError, match="in 1 workers access ends"):
        read_assignment(_panel(rows))


def test_a_panel_whose_strata_hold_one_kind_each_is_refused():
    rows = [
        {"worker_id": f"{w}", "firm_id": "f", "stratum_id": f"{w}", "ai_access": w == 0}
        for w in range(3)
    ]
    with pytest.raises(EstimationError, match="no stratum holds some with access and some without"):
        read_assignment(_panel(rows))


# Through the estimators --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trial():
    settings = ["n_firms=6", "n_workers=36", "n_tasks=2", "n_items=1", "output_noise=0.1"]
    return wt.draw_panel("rct", seed=3, settings=settings).collect()


def test_a_sample_with_other_access_equals_one_made_anew(trial):
    found = read_assignment(trial)
    other = reassigned(trial, found, drawn(found, np.random.default_rng(1)))
    sample = wt.Sample(trial)
    for name in ("dispersion_by_access", "effect_difference"):
        run_estimator(ESTIMATORS[name], sample)
        expected = run_estimator(ESTIMATORS[name], wt.Sample(other))
        assert run_estimator(ESTIMATORS[name], sample.with_access(other)) == expected


def test_p_values_are_shares_of_assignments_and_intervals_agree_with_them(trial):
    rows = wt.estimate(trial, estimators="effect_difference", errors="randomization")
    row = rows.row(0, named=True)
    assert row["convention"] == "randomization"
    assert "assignments of 36 assigned units within 6 strata" in row["message"]
    n_drawn = int(row["message"].partition("randomization: ")[2].split()[0])
    assert round(row["p_value"] * (n_drawn + 1)) == pytest.approx(row["p_value"] * (n_drawn + 1))
    assert (row["p_value"] <= 0.05) == (row["conf_low"] > 0 or row["conf_high"] < 0)


def test_few_assignments_are_all_listed():
    random = np.random.default_rng(4)
    rows = [
        {
            "worker_id": f"{f}{w}",
            "firm_id": f"{f}",
            "period": t,
            "ai_access": t == 1 and f < 3,
            "output": float(np.exp(random.normal())),
        }
        for f in range(6)
        for w in range(5)
        for t in (0, 1)
    ]
    panel = _panel(rows)
    row = wt.estimate(panel, estimators="effect_difference", errors="randomization").row(
        0, named=True
    )
    assert "all 20 assignments of 6 firms" in row["message"]
    assert (row["p_value"] * 20) % 1 == pytest.approx(0, abs=1e-9)


def test_the_test_keeps_its_size_where_ai_does_nothing():
    estimator, n, rejected = ESTIMATORS["effect_between"], 40, 0
    for seed in range(n):
        random = np.random.default_rng(seed)
        access = random.permutation(np.arange(6) < 3)
        rows = [
            {
                "worker_id": f"{w}",
                "firm_id": "f",
                "ai_access": bool(access[w]),
                "output": float(np.exp(2 * random.standard_t(2))),
            }
            for w in range(6)
        ]
        sample = wt.Sample(_panel(rows)).with_errors("randomization")
        rejected += run_estimator(estimator, sample)[0].p_value <= 0.1
    # Exact: p <= .1 in at most a tenth. More than 12 of 40 has a probability under 1 in 5,000.
    assert rejected <= 12


@pytest.mark.parametrize("name", ["dispersion_by_use", "dispersion_by_exposure"])
def test_what_nobody_assigned_is_not_randomized(trial, name):
    exposed = replace(
        ESTIMATORS[name], needs=tuple(n for n in ESTIMATORS[name].needs if "tasks" not in n)
    )
    row = run_estimator(exposed, wt.Sample(trial).with_errors("randomization"))[0]
    assert row.status == "unusable"
    assert "which is for what was assigned" in row.message
    with pytest.raises(EstimationError, match="which nobody assigned"):
        randomized(ESTIMATORS[name], wt.Sample(trial))
