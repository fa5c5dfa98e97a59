"""Regressions by formula, and what a fit can be asked for."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import EstimationError, ParameterError

GOLDEN = Path(__file__).parents[2] / "golden" / "regression"
FRAME = pl.read_csv(GOLDEN / "panel.csv")


@pytest.mark.parametrize("case", json.loads((GOLDEN / "formula.json").read_text())["cases"])
def test_terms_estimates_and_errors_are_those_of_pyfixest(case):
    fitted = wt.regress(
        case["formula"], FRAME, cluster="firm", weights=case["weights"], errors="CR1"
    )
    assert sorted(fitted.names) == sorted(case["terms"])
    ours = fitted.tidy()
    places = [fitted.position(term) for term in case["terms"]]
    np.testing.assert_allclose(ours["estimate"].to_numpy()[places], case["params"], rtol=1e-8)
    # pyfixest counts every effect but one a factor; with crossed effects the factors differ by that count alone.
    ratio = ours["std_error"].to_numpy()[places] / case["std_error"]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-7)
    assert ratio[0] == pytest.approx(1, abs=2e-3)


def test_linearmodels_formulas_give_the_numbers_of_linearmodels():
    from linearmodels.iv import IV2SLS

    formula = "y ~ 1 + d + [x ~ z1 + z2]"
    theirs = IV2SLS.from_formula(formula, FRAME.to_pandas()).fit(cov_type="unadjusted")
    fitted = wt.regress(formula, FRAME)
    assert list(fitted.names) == list(theirs.params.index)
    np.testing.assert_allclose(fitted.coef(), theirs.params, rtol=1e-9)


def test_tidy_coef_vcov_and_confint_agree():
    fitted = wt.regress("y ~ x + d | year", FRAME, cluster="worker")
    table = fitted.tidy(0.9)
    np.testing.assert_allclose(fitted.coef().to_numpy(), table["estimate"])
    np.testing.assert_allclose(np.sqrt(np.diag(fitted.vcov())), table["std_error"])
    bounds = fitted.confint(0.9)
    assert list(bounds.columns) == ["5.0%", "95.0%"]
    np.testing.assert_allclose(bounds.loc["x"], table.row(0)[-2:])


def test_the_summary_shows_terms_counts_and_messages():
    text = wt.regress("y ~ x + d + I(2 * d) | worker", FRAME, cluster="firm").summary()
    assert "240 rows, 8 clusters, 40 effects absorbed; errors CR2" in text
    assert "fewer than 40" in text
    assert "collinear with earlier terms, dropped: I(2 * d)" in text


def test_pandas_and_polars_frames_give_the_same():
    first, second = (wt.regress("y ~ x", frame) for frame in (FRAME, FRAME.to_pandas()))
    np.testing.assert_array_equal(first.params, second.params)


def test_rows_of_which_something_is_not_known_are_left_out_and_counted():
    frame = FRAME.with_columns(
        x=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise(pl.col("x")),
        d=pl.when(pl.int_range(pl.len()) == 5).then(float("inf")).otherwise(pl.col("d")),
    )
    fitted = wt.regress("y ~ x + d", frame)
    kept = FRAME.filter((pl.int_range(pl.len()) > 2) & (pl.int_range(pl.len()) != 5))
    np.testing.assert_array_equal(fitted.params, wt.regress("y ~ x + d", kept).params)
    assert fitted.messages[0] == "4 rows left out, something not known"


def test_the_reference_engine_takes_formulas_too():
    fast = wt.regress("y ~ x + d | cell", FRAME, cluster="firm", errors="CR1")
    slow = wt.regress(
        "y ~ x + d | cell",
        FRAME,
        cluster="firm",
        errors="CR1",
        options=wt.Options(engine="reference"),
    )
    np.testing.assert_allclose(fast.std_error, slow.std_error, rtol=1e-9)


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("y x", "expected 'y ~ x"),
        ("y ~ x + EntityEffects", "write effects after a bar"),
        ("y ~ x | a | b", "one list of effects"),
        ("y ~ x +* d", "formula"),
    ],
)
def test_formulas_that_cannot_be_read_are_refused(formula, reason):
    with pytest.raises(ParameterError, match=reason.replace("*", r"\*")):
        wt.regress(formula, FRAME)


def test_all_absent_columns_are_named_at_once():
    with pytest.raises(ParameterError) as error:
        wt.regress("y ~ xx + C(cel) | frim", FRAME, cluster="firm + yaer", weights="ww")
    for name in ("'xx'", "'cel'", "'frim'", "'yaer'", "'ww'"):
        assert name in str(error.value)
    assert "did you mean firm?" in str(error.value)


def test_weights_that_are_not_positive_are_counted():
    frame = FRAME.with_columns(
        w=pl.when(pl.int_range(pl.len()) < 2).then(0.0).otherwise(pl.col("w"))
    )
    with pytest.raises(EstimationError, match="weights w: 2 of 240 rows are zero or negative"):
        wt.regress("y ~ x", frame, weights="w")


def test_a_frame_without_a_complete_row_is_refused():
    frame = pd.DataFrame({"y": [1.0, None], "x": [None, 2.0]})
    with pytest.raises(EstimationError, match="no row of which everything is known"):
        wt.regress("y ~ x", frame)
