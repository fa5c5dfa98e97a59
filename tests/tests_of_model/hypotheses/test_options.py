"""Every estimator takes what it is said to take, and refuses the rest by name before it begins."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from estimator_panels import ESTIMATORS, panel_of

from withintask.panel.errors import ParameterError
from withintask.tests_of_model.hypotheses.estimate import choose, estimate, run_estimator
from withintask.tests_of_model.hypotheses.hypothesis import OK
from withintask.tests_of_model.hypotheses.options import options_table
from withintask.tests_of_model.regression.errors import ERRORS
from withintask.tests_of_model.regression.options import Options
from withintask.tests_of_model.samples.controls import Adjust
from withintask.tests_of_model.samples.sample import Sample

ASKED = {
    "control": Adjust(controls=("tenure",)),
    "absorb": Adjust(absorb=("site",)),
    "weight": Adjust(weight="survey"),
}
# Rows that are firms or occupations are clusters of one, where CR1 is HC1.
KINDS = {
    "CR1": ("cluster", "robust"),
    "CR2": "CR2",
    "CR3": "CR3",
    "jackknife": "jackknife",
    "wild": "wild",
}
# Of one kind of errors, whatever is asked for: their own sets, or those of another package.
OWN = ("pairs", "logit")


def _never(sample):
    raise AssertionError("it began")


def _cases(takes, options):
    return [
        (name, option)
        for name, estimator in ESTIMATORS.items()
        for option in options
        if (option in takes(estimator)) and option not in ("auto", "randomization")
    ]


def _with_columns(panel):
    """The panel with a covariate, a category and a weight in each table of rows."""
    random = np.random.default_rng(6)
    tables = {}
    for table in ("outputs", "pay", "postings"):
        frame = panel.tables().get(table)
        if frame is None:
            continue
        n = frame.height
        tables[table] = frame.with_columns(
            tenure=pl.Series(random.normal(size=n)),
            site=pl.Series(random.choice(["a", "b", "c"], n)),
            survey=pl.Series(random.uniform(0.5, 2.0, n)),
        )
    names = [f"{table}.{column}" for table in tables for column in ("tenure", "site", "survey")]
    panel = panel.with_tables(**tables)
    return replace(panel, info=replace(panel.info, covariates=tuple(names)))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_not_taken_is_refused_before_the_work(name):
    estimator, panel = replace(ESTIMATORS[name], run=_never), panel_of(name)
    for option, adjust in ASKED.items():
        if option not in estimator.adjusts:
            rows = run_estimator(estimator, Sample(panel, adjust=adjust))
            assert {row.status for row in rows} == {"unusable"}
            assert f"{estimator.name} does not take --{option}" in rows[0].message
    for errors in ERRORS:
        if errors not in estimator.takes_errors:
            rows = run_estimator(estimator, Sample(panel, Options(errors=errors)))
            assert {row.status for row in rows} == {"unusable"}
            assert f"does not take --errors {errors}" in rows[0].message


@pytest.mark.parametrize(
    ("name", "option"), _cases(lambda estimator: estimator.adjusts, ["control", "absorb", "weight"])
)
def test_what_is_taken_moves_the_estimate(name, option):
    panel = _with_columns(panel_of(name))
    bare = replace(panel, info=replace(panel.info, covariates=()))
    plain = run_estimator(ESTIMATORS[name], Sample(bare))
    rows = run_estimator(ESTIMATORS[name], Sample(bare, adjust=ASKED[option]))
    assert {row.status for row in rows} == {OK}, rows[0].message
    assert any(
        row.estimate != pytest.approx(other.estimate, rel=1e-9)
        for row, other in zip(plain, rows, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "errors"), _cases(lambda estimator: estimator.errors, ["CR1", "CR2", "wild"])
)
def test_errors_asked_for_are_used_and_printed(name, errors):
    panel = panel_of(name)
    rows = run_estimator(ESTIMATORS[name], Sample(panel, Options(errors=errors)))
    plain = run_estimator(ESTIMATORS[name], Sample(panel))
    for row, other in zip(rows, plain, strict=True):
        assert row.estimate == pytest.approx(other.estimate, rel=1e-9)
        if ESTIMATORS[name].name.startswith(OWN):
            continue
        told = "errors CR1 by the second dimension" in row.message or "says the same" in row.message
        assert row.convention.startswith("cluster" if told else KINDS[errors]), row.message


def test_the_table_lists_every_estimator_once():
    table = options_table()
    assert table["estimator"].to_list() == [e.name for _, e in choose()]


@pytest.mark.parametrize("name", ["permutation", "effect_randomization"])
def test_estimators_that_were_taken_out_name_what_does_their_work(name):
    with pytest.raises(ParameterError, match="errors randomization"):
        choose(estimators=name)


def test_the_reference_engine_refuses_errors_that_it_has_not():
    with pytest.raises(ParameterError, match="no errors CR2"):
        estimate(panel_of("H1-gradient"), engine="reference", errors="CR2")
