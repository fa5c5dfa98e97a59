"""What every registered estimator must do, on a design that feeds it."""

import math
from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest
from estimator_panels import ESTIMATORS, panel_of

from withintask.panel.panel import Panel
from withintask.tests_of_model.harness.synthetic import draw_panel
from withintask.tests_of_model.hypotheses.estimate import (
    NOT_ESTIMABLE,
    estimate,
    run_estimator,
)
from withintask.tests_of_model.hypotheses.hypothesis import OK
from withintask.tests_of_model.samples.sample import Sample

RELATIVE = 1e-6


@pytest.fixture(scope="module")
def panels():
    """One panel for each estimator, drawn once a design."""
    return panel_of


def values(rows):
    return [(row.term, row.estimate, row.std_error) for row in rows]


def assert_same(first, second):
    for (term, *numbers), (other_term, *others) in zip(values(first), values(second), strict=True):
        assert term == other_term
        for number, other in zip(numbers, others, strict=True):
            assert number == pytest.approx(other, rel=RELATIVE, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimates_are_finite_and_complete(name, panels):
    rows = run_estimator(ESTIMATORS[name], Sample(panels(name)))
    assert [row.term for row in rows] == list(ESTIMATORS[name].terms)
    assert {row.status for row in rows} == {OK}, [row.message for row in rows]
    for row in rows:
        assert math.isfinite(row.estimate)
        assert math.isfinite(row.p_value)
        assert row.n_obs > 0
        if ESTIMATORS[name].has_interval:
            assert row.conf_low < row.estimate < row.conf_high
            assert row.std_error > 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_panel_is_left_as_it_was(name, panels):
    panel = panels(name)
    before = {table: frame.clone() for table, frame in panel.tables().items()}
    run_estimator(ESTIMATORS[name], Sample(panel))
    assert all(frame.equals(before[table]) for table, frame in panel.tables().items())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_order_of_rows_does_not_matter(name, panels):
    panel = panels(name)
    shuffled = panel.with_tables(
        **{
            table: frame.sample(fraction=1, shuffle=True, seed=7)
            for table, frame in panel.tables().items()
        }
    )
    assert_same(
        run_estimator(ESTIMATORS[name], Sample(panel)),
        run_estimator(ESTIMATORS[name], Sample(shuffled)),
    )


# The split of tasks into halves follows their ids, so that this one estimate may change with them.
@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n != "H1-gradient_of_output"])
def test_the_names_of_ids_do_not_matter(name, panels):
    panel = panels(name)
    ids = (
        "worker_id",
        "task_id",
        "firm_id",
        "occupation_code",
        "industry_code",
        "posting_id",
        "applicant_id",
    )
    renamed = panel.with_tables(
        **{
            table: frame.with_columns(
                pl.col(c).str.reverse().str.replace("^", "x") for c in frame.columns if c in ids
            )
            for table, frame in panel.tables().items()
        }
    )
    assert_same(
        run_estimator(ESTIMATORS[name], Sample(panel)),
        run_estimator(ESTIMATORS[name], Sample(renamed)),
    )


IN_UNITS = "average_effect_level"
SCALED = {"outputs": ["output"], "pay": ["pay"], "firms": ["rent_per_worker", "human_pay_mean"]}
SCALED |= {"occupation_pay": [f"pay_p{q}" for q in (10, 25, 50, 75, 90)] + ["pay_mean"]}


# Scores between 0 and 1 have no other unit.
@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n != "H1-pairs_logit"])
def test_the_unit_of_output_and_pay_does_not_matter(name, panels):
    panel = panels(name)
    scaled = panel.with_tables(
        **{
            table: panel.tables()[table].with_columns(
                pl.col(c) * 8 for c in columns if c in panel.tables()[table].columns
            )
            for table, columns in SCALED.items()
            if table in panel.tables()
        }
    )
    plain, eightfold = (run_estimator(ESTIMATORS[name], Sample(p)) for p in (panel, scaled))
    assert_same(*([row for row in rows if row.term != IN_UNITS] for rows in (plain, eightfold)))
    for row, other in zip(plain, eightfold, strict=True):
        if row.term == IN_UNITS:
            assert other.estimate == pytest.approx(8 * row.estimate, rel=RELATIVE)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_missing_column_is_refused_by_name(name, panels):
    panel = panels(name)
    for need in ESTIMATORS[name].needs:
        table, _, column = need.split(" ")[0].split("->")[0].partition(".")
        column = column.split(",")[0]
        if table == "info" or column == "period":
            continue
        without = panel.with_tables(**{table: panel.tables()[table].drop(column)})
        rows = run_estimator(ESTIMATORS[name], Sample(without))
        assert {row.status for row in rows} == {NOT_ESTIMABLE}
        assert f"{table}.{column}" in rows[0].message


def test_a_panel_without_anything_gives_a_row_for_every_term():
    frame = estimate(Panel(info=draw_panel("oews").info))
    assert frame.height == sum(len(e.terms) for e in ESTIMATORS.values())
    assert set(frame["status"]) == {NOT_ESTIMABLE}


def test_the_family_wise_correction_takes_one_primary_term_a_hypothesis():
    frame = estimate(draw_panel("everything-linked"))
    adjusted = frame.filter(pl.col("p_value_adjusted").is_not_nan())
    assert adjusted["hypothesis"].to_list() == ["H1", "H2", "H3", "H4"]
    p = sorted(adjusted["p_value"].to_list())
    holm = [max(min(1.0, (4 - j) * p[j]) for j in range(i + 1)) for i in range(4)]
    assert sorted(adjusted["p_value_adjusted"].to_list()) == pytest.approx(holm, rel=1e-12)


@pytest.fixture(scope="module")
def small():
    """Everything linked, small enough for explicit dummies."""
    settings = ["n_workers=96", "n_firms=12", "n_occupations=6"]
    return draw_panel("everything-linked", settings=settings)


def test_the_reference_engine_gives_the_same_numbers(small):
    # The reference engine has no corrections for few clusters, which are the default here.
    exact = estimate(small, errors="CR1")
    reference = estimate(small, errors="CR1", engine="reference")
    labels = ["hypothesis", "estimator", "term"]
    assert exact.select(labels).equals(reference.select(labels))
    assert exact["status"].to_list() == reference["status"].to_list()
    for column in ("estimate", "std_error", "p_value"):
        np.testing.assert_allclose(
            reference[column].to_numpy(), exact[column].to_numpy(), rtol=1e-8, atol=1e-12
        )


def test_a_few_cluster_correction_changes_errors_and_not_estimates(small):
    names = ["mincer", "mincer_iv", "linear_probability"]
    plain = estimate(small, estimators=names, errors="CR1")
    for kind in ("CR2", "CR3", "jackknife"):
        corrected = estimate(small, estimators=names, errors=kind)
        rest = corrected.filter(pl.col("estimator") != "mincer_iv")
        instrumented = corrected.filter(estimator="mincer_iv")
        if kind == "jackknife":
            assert set(instrumented["status"]) == {"unusable"}
            assert "mincer_iv does not take --errors jackknife" in instrumented["message"][0]
        else:
            assert instrumented["convention"].str.contains(kind).all()
        before = plain.filter(pl.col("estimator") != "mincer_iv")
        np.testing.assert_allclose(rest["estimate"], before["estimate"], rtol=1e-10)
        # With one unexposed occupation of six the requirements' error hangs on that cluster, and is not given.
        assert dict(rest.select("estimator", "status").unique().iter_rows()) == {
            "mincer": OK,
            "linear_probability": "leverage_one",
        }
        assert rest["convention"].str.contains(kind).all()
        assert (rest["std_error"] != before["std_error"]).all()


def test_a_failing_estimator_is_a_row_not_a_gap():
    def broken(panel):
        raise ZeroDivisionError("deliberate")

    one = replace(ESTIMATORS["H3-linear_probability"], run=broken)
    rows = run_estimator(one, Sample(draw_panel("postings")))
    assert [row.status for row in rows] == ["failed"]
    assert "deliberate" in asdict(rows[0])["message"]
