"""Sums by cell that a database makes: the query in each dialect, equal cells, and the numbers of memory from its answer."""

import math
import sqlite3
from itertools import product

import duckdb
import numpy as np
import polars as pl
import pytest
import sqlglot

import withintask as wt
from tests.command_line import run
from tests.tests_of_model.hypotheses.test_stream import (
    NUMBERS,
    PANELS,
    WORDS,
    drawn,
    trial_of_two_arms,
    with_outputs,
)
from withintask.panel.errors import ParameterError, SourceError
from withintask.panel.store import write_panel
from withintask.panel.trial_arms import with_access
from withintask.tests_of_model.hypotheses.dispersion_of_cells import SUM_TERMS
from withintask.tests_of_model.hypotheses.estimate import estimate
from withintask.tests_of_model.hypotheses.estimate_cells import estimate_cells, query_of
from withintask.tests_of_model.samples.cells_sql import DIALECTS, cells_sql

TERMS = [(estimator, term) for estimator, terms in SUM_TERMS.items() for term in terms]
BY_FIRM = ("firms", "eleven tasks", "tasks of both kinds", "unknown", "access by task", "times")
BY_WORKER = ("few firms", "no firm told", "moving workers", "teams", "assigned by item")


def answer(panel, sql):
    """What DuckDB answers to a query."""
    connection = duckdb.connect()
    for name in ("outputs", "tasks"):
        connection.register(name, getattr(panel, name).to_arrow())
    return pl.DataFrame(pl.from_arrow(connection.sql(sql).to_arrow_table()))


def answer_of_sqlite(panel, sql):
    connection = sqlite3.connect(":memory:")
    for name, function in (("ln", math.log), ("exp", math.exp)):
        connection.create_function(name, 1, lambda x, f=function: None if x is None else f(x))
    for name in ("outputs", "tasks"):
        frame = getattr(panel, name)
        connection.execute(f"CREATE TABLE {name} ({', '.join(frame.columns)})")
        places = ", ".join("?" * frame.width)
        connection.executemany(f"INSERT INTO {name} VALUES ({places})", frame.rows())
    found = connection.execute(sql)
    names = [column[0] for column in found.description]
    return pl.DataFrame(found.fetchall(), schema=names, orient="row", infer_schema_length=None)


def estimated(panel, file, *, unit, terms=TERMS, **how):
    """Estimates from the answers to the queries of terms, in one CSV file."""
    answers = [
        answer(panel, cells_sql(query_of(panel, estimator, term, unit=unit, **how)))
        for estimator, term in terms
    ]
    pl.concat(answers, how="vertical_relaxed").write_csv(file)
    return estimate_cells(file)


def assert_same(rows, of_cells):
    joined = rows.join(of_cells, on=["estimator", "term"], suffix="_cells", maintain_order="right")
    assert joined.height == of_cells.height
    for name in WORDS:
        assert joined[name].to_list() == joined[f"{name}_cells"].to_list()
    for name in NUMBERS[:-1]:
        np.testing.assert_allclose(
            joined[f"{name}_cells"].to_numpy(),
            joined[name].to_numpy(),
            rtol=1e-10,
            atol=1e-13,
            err_msg=name,
        )


def without_unexposed(panel):
    """Terms whose cells exist where every task is exposed."""
    has_both = panel.tasks["exposure"].eq(0).any() and panel.tasks["exposure"].gt(0).any()
    return [(e, t) for e, t in TERMS if has_both or "by_exposure" not in e]


@pytest.mark.parametrize("name", BY_FIRM)
def test_the_answer_of_a_database_gives_the_numbers_of_memory(name, tmp_path):
    panel = PANELS[name]()
    terms = without_unexposed(panel) if name == "tasks of both kinds" else TERMS[:1]
    rows = estimate(panel, estimators=[e for e, _ in terms])
    assert_same(rows, estimated(panel, tmp_path / "cells.csv", unit="firm", terms=terms))


@pytest.mark.parametrize("name", BY_WORKER)
def test_sums_by_worker_do_so_where_firms_do_not_hold_workers(name, tmp_path):
    panel = PANELS[name]()
    terms = [("dispersion_between_arms", "delta_log_cv")]
    terms += [] if name == "assigned by item" else [("dispersion_by_access", "delta_log_cv")]
    rows = estimate(panel, estimators=[e for e, _ in terms])
    assert_same(rows, estimated(panel, tmp_path / "cells.csv", unit="worker", terms=terms))


def test_access_that_arms_tell_is_asked_of_arms(tmp_path):
    panel = trial_of_two_arms()
    rows = estimate(with_access(panel), estimators=TERMS[0][0])
    assert_same(rows, estimated(panel, tmp_path / "cells.csv", unit="firm", terms=TERMS[:1]))


def weighted(has_unknown):
    """Rows have sampling weights; some of these are not known."""
    panel = drawn("n_control_tasks=2")
    random = np.random.default_rng(3)
    weight = pl.Series(random.uniform(0.5, 2, panel.outputs.height))
    known = pl.Series(random.random(panel.outputs.height) > 0.02 * has_unknown)
    return with_outputs(panel, weight=pl.when(known).then(weight))


@pytest.mark.parametrize(
    ("unit", "has_unknown", "terms"),
    [("firm", True, TERMS), ("firm", False, TERMS[:2]), ("worker", False, TERMS[:2])],
)
def test_sampling_weights_are_taken_as_in_memory(unit, has_unknown, terms, tmp_path):
    panel = weighted(has_unknown)
    rows = estimate(panel, estimators=[e for e, _ in terms])
    assert ("the weight in" in rows["message"][0]) == has_unknown
    assert_same(rows, estimated(panel, tmp_path / "cells.csv", unit=unit, terms=terms))


def test_an_answer_of_before_weights_were_taken_is_read(tmp_path):
    panel, file = drawn(), tmp_path / "cells.csv"
    answer(panel, cells_sql(query_of(panel, *TERMS[0]))).drop("no_weight").write_csv(file)
    assert_same(estimate(panel, estimators=TERMS[0][0]), estimate_cells(file))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("unit", ["firm", "worker"])
def test_every_query_is_sql_of_its_dialect(dialect, unit):
    panels = (drawn("n_control_tasks=1"), weighted(has_unknown=False))
    for panel, (estimator, term) in product(panels, TERMS):
        query = query_of(
            panel,
            estimator,
            term,
            unit=unit,
            dialect=dialect,
            outputs="lab.x.outputs",
            tasks="lab.x.tasks",
        )
        (statement,) = sqlglot.parse(
            cells_sql(query), read=dialect, error_level=sqlglot.ErrorLevel.RAISE
        )
        assert isinstance(statement, sqlglot.exp.Select)
        assert not list(statement.find_all(sqlglot.exp.Anonymous))


@pytest.mark.parametrize("name", ["unknown", "access by task", "weights"])
@pytest.mark.parametrize(
    ("estimator", "term"), [TERMS[0], TERMS[2], ("deviation_regression", "delta_log_cv")]
)
def test_duckdb_and_sqlite_give_the_same_cells(name, estimator, term):
    panel = weighted(has_unknown=True) if name == "weights" else PANELS[name]()
    keys = ["task_id", "firm_id", "arm", "period"]
    queries = [cells_sql(query_of(panel, estimator, term, dialect=d)) for d in ("duckdb", "sqlite")]
    ours = answer(panel, queries[0]).sort(keys)
    theirs = answer_of_sqlite(panel, queries[1]).sort(keys)
    assert ours.columns == theirs.columns
    for column in ours.columns:
        if ours[column].dtype.is_numeric():
            np.testing.assert_allclose(
                theirs[column].cast(float).to_numpy(),
                ours[column].cast(float).to_numpy(),
                rtol=1e-11,
                atol=1e-13,
            )
        else:
            assert ours[column].to_list() == theirs[column].to_list()


def test_cells_of_few_people_are_withheld_and_counted(tmp_path):
    whole = drawn()
    is_lost = (pl.col("firm_id") == "f0000000") & (
        pl.col("worker_id").str.slice(1).cast(int) % 3 > 0
    )
    panel = whole.with_tables(outputs=whole.outputs.filter(~is_lost))
    sql = cells_sql(query_of(panel, "dispersion_by_access", fewest=5))
    cells = answer(panel, sql)
    n_withheld = cells["n_rows"].null_count()
    assert 0 < n_withheld < cells.height
    assert all(cells[name].null_count() == n_withheld for name in ("center", "square", "left_sum"))
    cells.write_csv(tmp_path / "cells.csv")
    row = estimate_cells(tmp_path / "cells.csv").row(0, named=True)
    assert (
        f"{n_withheld} of {cells.height} cells withheld, of fewer than 5 workers" in row["message"]
    )
    assert row["status"] == "ok"
    assert row["n_obs"] < panel.outputs.height


def test_an_answer_that_was_cut_off_or_doubled_is_refused(tmp_path):
    panel, file = drawn(), tmp_path / "cells.csv"
    whole = answer(panel, cells_sql(query_of(panel, *TERMS[0], unit="firm", fewest=8)))
    for cut in (whole.head(whole.height - 1), pl.concat([whole, whole])):
        cut.write_csv(file)
        counted = (
            rf"{TERMS[0][0]} {TERMS[0][1]}: {cut.height} rows, the database answered {whole.height}"
        )
        with pytest.raises(SourceError, match=counted):
            estimate_cells(file)


def test_columns_that_are_missing_or_something_else_are_all_named(tmp_path):
    cells = answer(drawn(), cells_sql(query_of(drawn(), "dispersion_by_access")))
    cells.drop("square", "mixed_pairs").with_columns(center=pl.lit("much")).write_csv(
        tmp_path / "x.csv"
    )
    with pytest.raises(SourceError) as caught:
        estimate_cells(tmp_path / "x.csv")
    for words in ("no column square", "no column mixed_pairs", "center: "):
        assert words in str(caught.value)


@pytest.mark.parametrize("name", ["moving workers", "few firms"])
def test_sums_by_firm_are_refused_where_errors_are_clustered_by_worker(name, tmp_path):
    panel = PANELS[name]()
    answer(panel, cells_sql(query_of(panel, "dispersion_by_access"))).write_csv(tmp_path / "x.csv")
    try:
        message = estimate_cells(tmp_path / "x.csv")["message"][0]
    except SourceError as error:
        message = str(error)
    assert "--unit worker" in message


def test_what_a_query_cannot_ask_is_refused_at_once():
    panel = drawn()
    with pytest.raises(ParameterError) as caught:
        cells_sql(
            query_of(panel, "dispersion_by_access", unit="worker", fewest=5, outputs="x; drop")
        )
    for words in ("no name of a table", "each is of one person"):
        assert words in str(caught.value)
    with pytest.raises(ParameterError, match="gradient: "):
        query_of(drawn(), "gradient")


def test_the_public_door_streams_and_reads_cells(tmp_path):
    panel = drawn()
    write_panel(panel, tmp_path / "p")
    answer(panel, cells_sql(query_of(panel, *TERMS[0]))).write_csv(tmp_path / "cells.csv")
    expected = wt.estimate(panel, estimators=TERMS[0][0]).frame["estimate"]
    for result in (
        wt.estimate_larger(str(tmp_path / "p"), estimators=TERMS[0][0]),
        wt.estimate_from_cells(str(tmp_path / "cells.csv")),
    ):
        assert result["estimate"][0] == pytest.approx(expected[0], rel=1e-10)
        assert "H1" in result.summary()


def test_the_command_line_writes_the_query_and_estimates_from_its_answer(tmp_path):
    panel = drawn()
    write_panel(panel, tmp_path / "p")
    shown = run("panel", "sql", "p", "--estimator", "dispersion_by_access", cwd=tmp_path)
    answer(panel, shown.stdout).write_parquet(tmp_path / "cells.parquet")
    found = run("estimate", "--cells", "cells.parquet", "--format", "csv", cwd=tmp_path)
    expected = estimate(panel, estimators="dispersion_by_access")["std_error"][0]
    assert pl.read_csv(found.stdout.encode())["std_error"][0] == pytest.approx(expected, rel=1e-10)
    refused = run("estimate", "p", "--cells", "cells.parquet", "--control", "unit", cwd=tmp_path)
    assert "PANEL: " in refused.stderr and "--control: " in refused.stderr
    assert "name a panel" in run("estimate", cwd=tmp_path).stderr
