"""Estimates from sums by cell are those of memory: estimate, error, degrees of freedom, counts and messages."""

import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import withintask as wt
from tests.command_line import run
from withintask import larger
from withintask.panel.errors import ParameterError, SourceError
from withintask.panel.own_files import own_files, scan_panel
from withintask.panel.store import write_panel
from withintask.tests_of_model.hypotheses import stream
from withintask.tests_of_model.hypotheses.dispersion_of_cells import CELL_TERMS
from withintask.tests_of_model.hypotheses.estimate import estimate
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.hypotheses.stream import (
    NEEDS_ROWS,
    OF_FIRMS,
    estimate_streamed,
)
from withintask.tests_of_model.samples import cell_source
from withintask.tests_of_model.samples.cell_codes import CellCodes
from withintask.tests_of_model.samples.cell_source import open_cells

SERVED = tuple(CELL_TERMS)
NUMBERS = ("estimate", "std_error", "dof", "p_value", "conf_low", "conf_high", "p_value_adjusted")
WORDS = ("n_obs", "n_clusters", "status", "message", "convention")
SMALL = ("n_workers=96", "n_firms=8", "n_tasks=4")


def drawn(*settings, design="rct-ability"):
    return wt.draw_panel(design, seed=5, settings=[*SMALL, *settings])


def with_outputs(panel, *columns, drop=(), **named):
    outputs = panel.outputs.with_columns(*columns, **named).drop(drop)
    return panel.with_tables(outputs=outputs)


def by_row(panel, name, share, seed=0):
    """Whether each row is among a random share of rows."""
    return pl.Series(name, np.random.default_rng(seed).random(panel.outputs.height) < share)


def unknown():
    """Rows of unknown firm, access and exposure; some tasks are not exposed."""
    panel = drawn("n_control_tasks=2")
    outputs = panel.outputs.with_columns(lost=by_row(panel, "lost", 0.03)).with_columns(
        firm_id=pl.when(~pl.col("lost")).then("firm_id"),
        ai_access=pl.when(pl.col("sequence") % 17 > 0).then("ai_access"),
    )
    first = panel.tasks["task_id"][0]
    tasks = panel.tasks.with_columns(exposure=pl.when(pl.col("task_id") != first).then("exposure"))
    return panel.with_tables(outputs=outputs.drop("lost"), tasks=tasks)


def moving():
    """Workers change firms, so that these do not hold them."""
    panel = drawn()
    other = pl.when(pl.col("worker_id").str.slice(-1) == "0").then(pl.lit("f0000001"))
    firm = (
        pl.when(pl.col("period") == 0).then(other).otherwise("firm_id").fill_null(pl.col("firm_id"))
    )
    return with_outputs(panel, firm_id=firm, drop=("assignment_id",))


def by_task():
    """Access is given by worker and task."""
    panel = drawn("n_control_tasks=2")
    number = pl.col("worker_id").str.slice(1).cast(int) + pl.col("task_id").str.slice(1).cast(int)
    given = (number % 2 == 0) & (pl.col("period") >= panel.info.first_ai_period)
    return with_outputs(panel, ai_access=given, drop=("assignment_id",))


def weighted():
    panel = drawn()
    weight = np.random.default_rng(1).uniform(0.5, 2, panel.outputs.height)
    return with_outputs(panel, weight=pl.Series(weight))


def teams():
    """Teams that cross firms were assigned."""
    panel = drawn()
    team = (pl.col("worker_id").str.slice(1).cast(int) % 20).cast(pl.String)
    given = (team.cast(int) % 2 == 0) & (pl.col("period") >= panel.info.first_ai_period)
    return with_outputs(panel, assignment_id=team, ai_access=given)


def times():
    panel = with_outputs(drawn(), output=1 / pl.col("output"))
    return replace(panel, info=replace(panel.info, outcome="time"))


def many_tasks():
    return wt.draw_panel(
        "rct-ability", seed=6, settings=["n_workers=72", "n_firms=7", "n_tasks=11"]
    )


PANELS = {
    "firms": drawn,
    "few firms": lambda: drawn("n_firms=3", "n_control_tasks=2"),
    "no firm told": lambda: with_outputs(drawn(), drop=("firm_id", "assignment_id")),
    "tasks of both kinds": lambda: drawn("n_control_tasks=3"),
    "eleven tasks": many_tasks,
    "unknown": unknown,
    "moving workers": moving,
    "access by task": by_task,
    "weights": weighted,
    "teams": teams,
    "times": times,
    "assigned by item": lambda: drawn("treatment=randomized_items"),
    "staggered": lambda: drawn("treatment=staggered", "n_post=3"),
    "one period": lambda: with_outputs_of(drawn(), pl.col("period") == 1),
    "chosen use": lambda: drawn("treatment=self_selected"),
}


def with_outputs_of(panel, condition):
    return panel.with_tables(outputs=panel.outputs.filter(condition))


def streamed(panel, path, layout="parquet", **how):
    """Estimates from the sums of a panel that is written to a path first."""
    write_panel(panel, path, layout=layout)
    files = own_files(path, "outputs")
    return estimate_streamed(scan_panel(path), files=files, **{"estimators": SERVED, **how})


def assert_same(rows, streamed):
    served = streamed["status"] != NEEDS_ROWS
    rows, streamed = rows.filter(served), streamed.filter(served)
    assert (
        rows.select("estimator", "term", *WORDS).rows()
        == streamed.select("estimator", "term", *WORDS).rows()
    )
    for name in NUMBERS:
        np.testing.assert_allclose(
            streamed[name].to_numpy(), rows[name].to_numpy(), rtol=1e-10, atol=1e-13, err_msg=name
        )


ON_ALL = ("tasks of both kinds", "few firms")
"""Panels on which every estimator is run; on the others, one of each form."""
ONE_OF_EACH = ("dispersion_by_access", "dispersion_between_arms", "dispersion_by_exposure")


@pytest.mark.parametrize("name", PANELS)
def test_sums_by_cell_give_the_numbers_of_memory(name, tmp_path):
    panel, names = PANELS[name](), SERVED if name in ON_ALL else ONE_OF_EACH
    rows = estimate(panel, estimators=names)
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=names))


@pytest.mark.parametrize("name", ON_ALL)
def test_so_they_do_where_memory_does_not_hold_the_rows(name, tmp_path, monkeypatch):
    monkeypatch.setattr(cell_source, "HELD", 0.0)
    panel, names = PANELS[name](), ("dispersion_by_access", "deviation_regression")
    rows = estimate(panel, estimators=names)
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=names))


@pytest.mark.parametrize("errors", ["CR1", "CR2", "CR3", "wild"])
@pytest.mark.parametrize("name", ["firms", "few firms"])
def test_so_they_do_for_every_kind_of_error(errors, name, tmp_path):
    panel = PANELS[name]()
    rows = estimate(panel, estimators=SERVED[:1], errors=errors)
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=SERVED[:1], errors=errors))


@pytest.mark.parametrize("layout", ["csv", "duckdb"])
def test_other_layouts_are_copied_and_give_the_same(layout, tmp_path):
    panel, path = drawn(), tmp_path / ("p.duckdb" if layout == "duckdb" else "p")
    rows = estimate(panel, estimators=SERVED[:1])
    assert_same(rows, streamed(panel, path, layout, estimators=SERVED[:1], spill=tmp_path))
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("unknown_firms", [False, True])
def test_between_firm_variances_come_from_sums_of_pay_by_firm(unknown_firms, tmp_path):
    panel = wt.draw_panel("linked-pay-assets", seed=4, settings=["n_workers=400", "n_firms=24"])
    if unknown_firms:
        lost = pl.Series(np.random.default_rng(2).random(panel.pay.height) < 0.05)
        pay = panel.pay.with_columns(firm_id=pl.when(~lost).then("firm_id"))
        panel = panel.with_tables(pay=pay)
    rows = estimate(panel, estimators=OF_FIRMS)
    assert "ok" in rows["status"].to_list()
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=OF_FIRMS))


@pytest.mark.parametrize("errors", ["auto", "CR1", "CR3"])
@pytest.mark.parametrize("is_known", [True, False])
def test_requirements_come_from_shares_of_postings_by_occupation(is_known, errors, tmp_path):
    panel = wt.draw_panel("postings", seed=4)
    if not is_known:
        draw = pl.Series(np.random.default_rng(2).random(panel.postings.height))
        postings = panel.postings.with_columns(
            occupation_code=pl.when(draw > 0.05).then("occupation_code"),
            is_credential_required=pl.when(draw < 0.9).then("is_credential_required"),
        )
        panel = panel.with_tables(postings=postings)
    name = "linear_probability"
    rows = estimate(panel, estimators=name, errors=errors)
    assert rows["status"].to_list() == ["ok"]
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=name, errors=errors))


def test_arms_of_a_trial_tell_access(tmp_path):
    panel = trial_of_two_arms()
    assert_same(
        estimate(panel, estimators=SERVED[:1]),
        streamed(panel, tmp_path / "p", estimators=SERVED[:1]),
    )


def test_of_several_arms_one_is_compared(tmp_path):
    panel = trial_of_two_arms()
    rows = estimate(panel, estimators=SERVED[:1], arm="tool")
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=SERVED[:1], arm="tool"))


def trial_of_two_arms():
    panel = drawn()
    arm = pl.when(pl.col("worker_id").is_in(treated_workers(panel))).then(pl.lit("tool"))
    panel = with_outputs(panel, arm=arm.otherwise(pl.lit("none")), drop=("ai_access", "ai_use"))
    return replace(panel, info=replace(panel.info, control_arm="none"))


def treated_workers(panel):
    return panel.outputs.filter("ai_access")["worker_id"].unique().to_list()


def test_all_that_needs_rows_is_refused_in_one_error(tmp_path):
    with pytest.raises(ParameterError) as caught:
        streamed(
            drawn(),
            tmp_path / "p",
            estimators=["pairs_within", "pairs_staggered"],
            errors="randomization",
        )
    assert all(
        word in str(caught.value) for word in ("pairs_within: ", "pairs_staggered: ", "errors rand")
    )


def test_of_all_estimators_those_that_need_rows_say_so(tmp_path):
    frame = streamed(drawn(), tmp_path / "p", estimators=(), hypotheses="H1")
    waiting = set(frame.filter(status=NEEDS_ROWS)["estimator"])
    assert {"pairs_within", "pairs_staggered"} <= waiting
    assert set(frame["estimator"]) == {e.name for h in HYPOTHESES[:1] for e in h.estimators}


def test_a_panel_that_changes_meanwhile_gives_no_estimate(tmp_path):
    write_panel(drawn(), tmp_path / "p")
    (file,) = own_files(tmp_path / "p", "outputs")
    with (
        pytest.raises(SourceError, match="changed while it was read"),
        open_cells(scan_panel(tmp_path / "p"), [file]),
    ):
        os.utime(file, ns=(1, 1))


def test_a_panel_of_text_that_changes_while_it_is_copied_gives_no_estimate(tmp_path, monkeypatch):
    write_panel(drawn(), tmp_path / "p", layout="csv")
    sink = pl.LazyFrame.sink_parquet

    def changed(frame, path, **options):
        sink(frame, path, **options)
        os.utime(tmp_path / "p" / "outputs.csv", ns=(1, 1))

    panel = scan_panel(tmp_path / "p")
    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", changed)
    with pytest.raises(SourceError, match=r"outputs\.csv: changed while it was read"):
        estimate_streamed(panel, estimators=SERVED[0])


def test_a_disk_too_small_for_the_copy_is_named_before_it_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    with pytest.raises(SourceError, match="set TMPDIR to a larger disk"):
        estimate_streamed(drawn(), estimators=SERVED[0], spill=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_too_small_for_what_spills_ends_with_an_error_and_leaves_nothing(tmp_path):
    many = "CREATE TEMP TABLE many AS SELECT random() AS x, random() AS y FROM range(3000000)"
    with open_cells(drawn(), memory_bytes=20_000_000, spill=tmp_path) as source:
        source.run("SET max_temp_directory_size = '1MB'")
        with pytest.raises(SourceError, match="set TMPDIR to a larger disk"):
            source.run(many)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_database_ends_the_run(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise SourceError("the disk is full")

    monkeypatch.setattr(stream, "cell_moments", broken)
    with pytest.raises(SourceError, match="the disk is full"):
        streamed(drawn(), tmp_path / "p", estimators=SERVED[:1])


@pytest.mark.parametrize("firms", [["a", "b", "c"], [""]])
@pytest.mark.parametrize("n_periods", [3, 2**30])
def test_the_number_of_a_cell_says_its_firm_task_arm_and_period(firms, n_periods):
    codes = CellCodes(
        tasks=pl.Series("task_id", ["t", "u"]),
        firms=pl.Series("firm_id", firms),
        first=2019,
        n_periods=n_periods,
    )
    rows = pl.DataFrame({"firm_id": firms}).join(pl.DataFrame({"task_id": ["t", "u"]}), how="cross")
    rows = rows.join(pl.DataFrame({"arm": [0, 1]}), how="cross")
    rows = rows.join(pl.DataFrame({"period": [2019, 2021]}), how="cross")
    with open_cells(drawn()) as source:
        codes.keep(source)
        source.keep("drawn", rows)
        numbered = source.frame(
            f"SELECT {codes.of_row('arm')} AS cell, task_id, firm_id, arm, period FROM drawn{codes.joins}"
        )
    assert numbered["cell"].n_unique() == rows.height
    assert (
        codes.decoded(numbered.select("cell")).drop("cell").rows() == numbered.drop("cell").rows()
    )


def test_outputs_that_are_not_positive_are_refused(tmp_path):
    panel = with_outputs(drawn(), output=pl.col("output") - 1)
    frame = streamed(panel, tmp_path / "p", estimators=SERVED[0])
    assert "not all positive" in frame["message"][0]


def test_a_panel_of_more_than_half_the_memory_is_streamed(tmp_path, monkeypatch):
    panel = drawn()
    write_panel(panel, tmp_path / "p")
    monkeypatch.setattr(
        larger, "memory_bytes", lambda: 2 * larger.BYTES_A_ROW * panel.outputs.height
    )
    assert larger.why_streamed(tmp_path / "p") == ""
    monkeypatch.setattr(larger, "memory_bytes", lambda: larger.BYTES_A_ROW * panel.outputs.height)
    assert "estimated from sums" in larger.why_streamed(tmp_path / "p")


def test_the_command_line_streams_on_request(tmp_path):
    panel = drawn()
    write_panel(panel, tmp_path / "p")
    shown = run(
        "estimate",
        "p",
        "--engine",
        "stream",
        "--estimator",
        SERVED[0],
        "--format",
        "csv",
        cwd=tmp_path,
    )
    assert "from sums, not rows" in shown.stderr
    rows = pl.read_csv(shown.stdout.encode())
    expected = estimate(panel, estimators=SERVED[0])["std_error"][0]
    assert rows["std_error"][0] == pytest.approx(expected, rel=1e-10)
    refused = run(
        "estimate", "p", "--engine", "stream", "--control", "unit", "--distance", "2", cwd=tmp_path
    )
    assert refused.returncode == 1
    assert "--control: " in refused.stderr and "--distance: " in refused.stderr
