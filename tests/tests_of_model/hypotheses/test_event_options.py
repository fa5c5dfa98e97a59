"""Event studies with covariates and weights, and by dealing out the dates anew."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.tests_of_model.hypotheses import event_randomized
from withintask.tests_of_model.hypotheses.event_study import event_study
from withintask.tests_of_model.regression.group_time import Paths, pair_effects
from withintask.tests_of_model.regression.rollout_controls import with_covariates

STARTS = (3, 3, 4, 4, 5, 5, None, None, None, None)
GAIN, SLOPE = 0.2, 0.5
PERIODS = range(1, 7)


def rollout(*, noise=0.0, seed=1, slope=SLOPE, by_period=0.0, starts=STARTS, strata=None):
    """Firms of six workers; a load that moves output and rises with AI, and a size whose slope changes over time."""
    random = np.random.default_rng(seed)
    rows = []
    for f, start in enumerate(starts):
        size = float(random.normal())
        for period in PERIODS:
            has_ai = start is not None and period >= start
            load = float(random.normal()) + has_ai
            log = GAIN * has_ai + slope * load + by_period * size * (period - 3) ** 2
            for w in range(6):
                own = 0.3 * (w - 2.5) / 6 + noise * random.standard_normal()
                rows.append(
                    {
                        "worker_id": f"{f}-{w}",
                        "task_id": "t",
                        "period": period,
                        "firm_id": f"{f}",
                        "stratum_id": None if strata is None else f"{strata[f]}",
                        "ai_access": has_ai,
                        "load": load,
                        "size": size,
                        "survey": 1.0 + (w % 3),
                        "output": math.exp(log + own),
                    }
                )
    frame = pl.DataFrame(rows, schema_overrides={"stratum_id": pl.String})
    names = ("outputs.load", "outputs.size", "outputs.survey")
    return Panel(info=PanelInfo(name="rollout", first_ai_period=3, covariates=names), outputs=frame)


def overall(study):
    return study.tidy("overall").row(0, named=True)


# Covariates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["group_time", "imputation"])
def test_a_covariate_that_moves_with_ai_is_taken_off_by_its_slope_without_ai(method):
    panel = rollout()
    plain = overall(event_study(panel, outcome="mean", method=method))
    assert abs(plain["estimate"] - GAIN) > 0.1
    study = event_study(panel, outcome="mean", method=method, covariates="load")
    assert overall(study)["estimate"] == pytest.approx(GAIN, abs=1e-9)
    assert "controls, as means of units: outputs.load" in study.message
    assert "load changes after AI's arrival" in study.message


@pytest.mark.parametrize("method", ["group_time", "imputation"])
def test_a_covariate_that_is_one_value_a_unit_has_a_slope_in_every_period(method):
    panel = rollout(slope=0.0, by_period=0.1)
    plain = event_study(panel, outcome="mean", method=method)
    study = event_study(panel, outcome="mean", method=method, covariates=["size"])
    assert np.ptp(plain.coef()["estimate"].to_numpy()) > 0.1
    for time, estimate in study.coef().iter_rows():
        assert estimate == pytest.approx(GAIN if time >= 0 else 0.0, abs=1e-9)


def test_imputation_given_a_covariate_is_least_squares_on_what_is_without_ai():
    import statsmodels.api as sm

    frame = rollout(noise=0.2).outputs
    cells = (
        frame.group_by("firm_id", "period", maintain_order=True)
        .agg(pl.col("output").log().mean(), pl.col("load", "ai_access").first())
        .sort("firm_id", "period")
    )
    dummies = [cells[name].to_dummies().to_numpy() for name in ("firm_id", "period")]
    X = np.column_stack([dummies[0], dummies[1][:, 1:], cells["load"]]).astype(float)
    y, has_ai = cells["output"].to_numpy(), cells["ai_access"].to_numpy()
    fitted = sm.OLS(y[~has_ai], X[~has_ai]).fit()
    expected = float((y - X @ fitted.params)[has_ai].mean())
    study = event_study(rollout(noise=0.2), outcome="mean", method="imputation", covariates="load")
    assert overall(study)["estimate"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("constant", [False, True])
def test_effects_without_a_cluster_are_those_of_the_others_alone(constant):
    random = np.random.default_rng(3)
    start = np.array([2, 2, 3, 3, 5, 5, 5, 5])
    shape = (8, 5)
    covariate = np.tile(random.normal(size=(8, 1)), 5) if constant else random.normal(size=shape)
    paths = Paths(
        value=random.normal(size=shape) + covariate,
        start=start,
        weight=random.uniform(1, 2, 8),
        stratum=np.zeros(8, dtype=np.int64),
    )
    cluster = np.arange(8)
    whole = with_covariates(paths, covariate[None], cluster, lambda p: pair_effects(p, cluster))
    for left_out in range(8):
        kept = cluster != left_out
        fewer = Paths(
            value=paths.value[kept],
            start=start[kept],
            weight=paths.weight[kept],
            stratum=paths.stratum[kept],
        )
        code = np.arange(7)
        alone = with_covariates(
            fewer, covariate[kept][None], code, lambda p, code=code: pair_effects(p, code)
        )
        np.testing.assert_allclose(
            whole.estimate[1 + left_out], alone.estimate[0], rtol=1e-8, equal_nan=True
        )


def test_more_slopes_than_values_without_ai_are_refused():
    panel = rollout(starts=(3, 3, None), by_period=0.1)
    with pytest.raises(EstimationError, match=r"values without AI for \d+ slopes"):
        event_study(panel, outcome="mean", covariates=["size", "load"])


@pytest.mark.parametrize("outcome", ["mean", "dispersion"])
def test_weights_count_and_their_scale_does_not(outcome):
    panel = rollout(noise=0.2)
    tenfold = replace(panel, outputs=panel.outputs.with_columns(survey=10 * pl.col("survey")))
    plain, weighted, scaled = (
        overall(event_study(p, outcome=outcome, weight=w))["estimate"]
        for p, w in ((panel, ""), (panel, "survey"), (tenfold, "survey"))
    )
    assert scaled == pytest.approx(weighted, rel=1e-9)
    assert weighted != pytest.approx(plain, rel=1e-6)


def test_what_is_not_there_is_named_with_what_is_near():
    with pytest.raises(ParameterError, match="did you mean load"):
        event_study(rollout(), outcome="mean", covariates="lod")
    with pytest.raises(ParameterError, match="'wild', expected one of auto, randomization"):
        event_study(rollout(), outcome="mean", errors="wild")


# Randomization ------------------------------------------------------------------------------------

FEW = (3, 4, None, None)


def test_all_dates_that_might_have_been_are_dealt_out():
    panel = rollout(noise=0.3, slope=0.0, starts=FEW)
    study = event_study(panel, outcome="mean", errors="randomization")
    assert study.message.startswith("randomization: all 12 assignments of 4 firms")
    assert study.convention.startswith("randomization")
    p = study.effects["p_value"].drop_nans().to_numpy()
    assert p.size > 0
    np.testing.assert_allclose(p * 12, np.rint(p * 12), atol=1e-9)


def test_units_started_anew_are_panels_with_other_access(monkeypatch):
    panel = rollout(noise=0.3, starts=FEW)
    fast = event_study(panel, outcome="dispersion", errors="randomization", covariates="load")
    monkeypatch.setattr(event_randomized, "_by_units", lambda *_: None)
    slow = event_study(panel, outcome="dispersion", errors="randomization", covariates="load")
    for column in ("p_value", "conf_low", "band_high"):
        np.testing.assert_allclose(fast.effects[column], slow.effects[column], rtol=1e-9)
    assert fast.pre_trends.p_value == slow.pre_trends.p_value


def test_dates_stay_within_strata():
    panel = rollout(noise=0.3, starts=(3, None, 4, None), strata=(0, 0, 1, 1))
    study = event_study(panel, outcome="mean", errors="randomization")
    assert "all 4 assignments of 4 firms within 2 strata" in study.message


def test_workers_who_start_apart_within_firms_are_dealt_out_too():
    panel = rollout(noise=0.3, slope=0.0, starts=FEW)
    start = pl.col("worker_id").str.slice(-1).cast(pl.Int64) % 3 + 3
    outputs = panel.outputs.with_columns(
        ai_access=(start < 5) & (pl.col("period") >= start),
        output=pl.col("output") * (-GAIN * pl.col("ai_access")).exp(),
    )
    moved = replace(panel, outputs=outputs)
    study = event_study(moved, outcome="mean", errors="randomization", method="group_time")
    assert "assignments of 24 workers within 4 firms" in study.message
    assert 0 < overall(study)["p_value"] <= 1


def test_an_effect_that_is_large_beside_noise_is_found():
    panel = rollout(noise=0.01, slope=0.0, starts=(3, 3, 3, None, None, None, None, None))
    row = overall(event_study(panel, outcome="mean", errors="randomization"))
    # Of the 56 assignments the observed one alone splits the firms by the effect.
    assert row["p_value"] == pytest.approx(1 / 56)
    assert row["conf_low"] > 0


def test_the_test_keeps_its_size_where_ai_does_nothing():
    n, rejected = 20, 0
    for seed in range(n):
        panel = rollout(noise=0.3, slope=0.0, starts=(4, 4, None, None, None), seed=seed)
        null = panel.outputs.with_columns(
            output=pl.col("output") * (-GAIN * pl.col("ai_access")).exp()
        )
        study = event_study(replace(panel, outputs=null), outcome="mean", errors="randomization")
        rejected += overall(study)["p_value"] <= 0.1
    # Exact: ten assignments, p <= .1 in a tenth. More than 7 of 20 has a probability of 1 in 2,400.
    assert rejected <= 7


@pytest.mark.parametrize("name", ["dispersion_staggered", "effect_staggered"])
def test_estimators_of_roll_outs_take_randomization(name):
    panel = rollout(noise=0.3, slope=0.0, starts=FEW)
    row = wt.estimate(panel, estimators=name, errors="randomization").row(0, named=True)
    assert "all 12 assignments of 4 firms" in row["message"]
    assert (row["p_value"] * 12) % 1 == pytest.approx(0, abs=1e-9) or row["p_value"] == 1
