"""Effects beyond the mean, joint inference, and components of a panel, on invented data with known truth."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import ParameterError
from withintask.tests_of_model.hypotheses.distribution import (
    distribution,
    gini_influence,
    quantile_influence,
)
from withintask.tests_of_model.hypotheses.joint import joint, romano_wolf
from withintask.tests_of_model.hypotheses.panel_components import components
from withintask.tests_of_model.regression.simultaneous import holm


def _trial(*, n=2_000, shift=0.2, factor=0.6, age=0.0, seed=1):
    random = np.random.default_rng(seed)
    access = random.permutation(np.arange(n) % 2 == 0)
    ages = random.normal(size=n) + (0.8 if age else 0.0) * access
    ability = random.normal(size=n)
    output = np.where(access, shift + factor * ability, ability) + age * ages
    frame = pl.DataFrame(
        {
            "worker_id": [f"w{w}" for w in range(n)],
            "task_id": "t",
            "period": [1] * n,
            "ai_access": access,
            "output": output,
            "age": ages,
        }
    )
    info = wt.PanelInfo(
        name="invented", first_ai_period=1, outcome="log", covariates=("outputs.age",)
    )
    return wt.Panel(info=info, outputs=frame)


def _rows(frame):
    return {row["term"]: row for row in frame.iter_rows(named=True)}


def test_quantile_spread_and_variance_effects_are_recovered():
    rows = _rows(distribution(_trial(), quantiles=(0.1, 0.5, 0.9), errors="CR1"))
    z = 1.2815515655
    truth = {
        "quantile_effect_0.1": 0.2 + 0.4 * z,
        "quantile_effect_0.5": 0.2,
        "quantile_effect_0.9": 0.2 - 0.4 * z,
        "delta_log_p90_p10": -0.8 * z,
        "delta_variance": 0.36 - 1,
    }
    for term, value in truth.items():
        # Four errors: one false alarm in 16,000 a term.
        assert abs(rows[term]["estimate"] - value) < 4 * rows[term]["std_error"], term


def test_covariates_take_off_what_arms_differ_in():
    panel = _trial(age=0.5, factor=1.0, shift=0.0, seed=2)
    head = replace(panel.info, covariates=())
    without = replace(panel, info=head, outputs=panel.outputs.drop("age"))
    biased = _rows(distribution(without, quantiles=(0.5,), errors="CR1"))["quantile_effect_0.5"]
    controlled = _rows(distribution(panel, quantiles=(0.5,), errors="CR1"))["quantile_effect_0.5"]
    assert abs(biased["estimate"] - 0.4) < 4 * biased["std_error"]
    assert abs(controlled["estimate"]) < 4 * controlled["std_error"]


def test_influence_functions_average_to_their_statistics():
    random = np.random.default_rng(3)
    y, w = np.exp(random.normal(size=501)), np.ones(501)
    assert quantile_influence(y, w, 0.5).mean() == pytest.approx(np.median(y), rel=1e-12)
    gini = np.abs(y[:, None] - y).mean() / (2 * y.mean())
    assert gini_influence(y, w).mean() == pytest.approx(gini, rel=1e-9)


def test_the_influence_of_the_gini_is_its_derivative():
    random = np.random.default_rng(4)
    y = np.exp(random.normal(size=60))
    w = np.ones(60)
    base = gini_influence(y, w)
    for k in (0, 30, 59):
        heavier = w.copy()
        heavier[k] += 1e-6
        moved = np.average(gini_influence(y, heavier), weights=heavier)
        slope = (moved - base.mean()) / (1e-6 / 60)
        assert slope == pytest.approx(base[k] - base.mean(), rel=1e-3)


def test_what_cannot_be_asked_is_named_at_once():
    with pytest.raises(ParameterError) as error:
        distribution(_trial(n=20), form="within", quantiles=(0.0, 1.5))
    for part in ("'within'", "0.0", "1.5"):
        assert part in str(error.value)


def test_the_figure_is_drawn(tmp_path):
    from withintask.report.distribution_figure import draw_quantile_effects

    frame = distribution(_trial(n=200), errors="CR1")
    assert draw_quantile_effects(frame, tmp_path / "q.png").stat().st_size > 1_000


# Joint -------------------------------------------------------------------------------------------


def test_holms_p_values_are_those_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.array([0.04, 0.01, 0.3, 0.02])
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


def test_romano_wolf_of_independent_terms_is_sidaks_step_down():
    statistic = np.array([2.5, 1.0, 2.0])
    adjusted = romano_wolf(statistic, np.eye(3), math.inf)
    from scipy import stats

    single = 2 * stats.norm.sf(np.sort(statistic)[::-1])
    expected = np.maximum.accumulate(1 - (1 - single) ** np.array([3, 2, 1]))
    # 20,000 draws: four errors are at most .014.
    np.testing.assert_allclose(adjusted[[0, 2, 1]], expected, atol=0.014)


def test_romano_wolf_of_one_term_repeated_costs_nothing():
    correlation = np.full((3, 3), 1.0)
    adjusted = romano_wolf(np.array([2.0, 2.0, 2.0]), correlation, math.inf)
    np.testing.assert_allclose(adjusted, 0.0455, atol=0.006)


@pytest.mark.slow
def test_terms_of_a_linked_panel_are_tested_together():
    settings = ["n_workers=600", "n_firms=24", "n_items=1"]
    found = joint(wt.draw_panel("everything-linked", seed=1, settings=settings))
    assert found.estimates["hypothesis"].to_list() == ["H1", "H2", "H3", "H4"]
    assert (found.estimates["p_romano_wolf"] >= found.estimates["p_value"] - 0.014).all()
    matrix = found.covariance.drop("term").to_numpy()
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(np.sqrt(np.diag(matrix)), found.estimates["std_error"])
    assert found.p_chain == found.estimates["p_sign"].max()


def test_a_panel_of_outputs_alone_has_one_term_and_says_what_is_missing():
    settings = ["n_workers=48", "n_firms=6", "n_tasks=2", "n_items=1", "output_noise=0.1"]
    found = joint(wt.draw_panel("rct", seed=1, settings=settings))
    row = found.estimates.row(0, named=True)
    assert found.estimates.height == 1
    assert row["p_holm"] == row["p_value"]
    assert "H2 cannot be estimated on this panel" in found.message
    assert "6 groups of 6 firm_id" in found.message


# Components --------------------------------------------------------------------------------------


def _linked(*, n_workers=60, n_firms=5, seed=1):
    random = np.random.default_rng(seed)
    worker = np.repeat(np.arange(n_workers), 4)
    firm = random.integers(0, n_firms, worker.size)
    pay = 20 + random.normal(size=n_workers)[worker] + random.normal(size=n_firms)[firm]
    pay = pay + 0.3 * random.normal(size=worker.size)
    frame = pl.DataFrame(
        {
            "worker_id": [f"w{w}" for w in worker],
            "period": np.tile(np.arange(4), n_workers),
            "firm_id": [f"f{f}" for f in firm],
            "pay": pay,
        }
    )
    info = wt.PanelInfo(name="invented", first_ai_period=2)
    return wt.Panel(info=info, pay=frame)


def test_components_in_levels_equal_the_exact_algebra():
    """Plug-in and leave-out moments by dense matrices, the linked data invented; Kline, Saggio and Sølvsten (2020)."""
    panel = _linked()
    frame = components(panel, levels=True, leave_out="observation", by_side=False)
    worker, firm = (
        np.unique(panel.pay[c], return_inverse=True)[1] for c in ("worker_id", "firm_id")
    )
    y = panel.pay["pay"].to_numpy()
    D, F = np.eye(worker.max() + 1)[worker], np.eye(firm.max() + 1)[firm][:, 1:]
    X = np.hstack([D, F])
    S = np.linalg.inv(X.T @ X)
    b = S @ X.T @ y
    leverage = np.einsum("ij,ij->i", X @ S, X)
    variance = (y - y.mean()) * (y - X @ b) / (1 - leverage)
    part = np.hstack([np.zeros_like(D), F])
    part = part - part.mean(axis=0)
    A = part.T @ part / y.size
    plug_in = b @ A @ b
    corrected = plug_in - np.sum(np.einsum("ij,ij->i", X @ S @ A @ S, X) * variance)
    found = {row["correction"]: row["firm"] for row in frame.iter_rows(named=True)}
    assert found["plug_in"] == pytest.approx(plug_in, rel=1e-9)
    assert found["leave_out"] == pytest.approx(corrected, rel=1e-9)


def test_sides_are_split_and_a_table_without_firms_is_refused():
    frame = components(_linked(n_workers=200))
    assert frame["side"].unique().sort().to_list() == ["before AI", "with AI"]
    with pytest.raises(ParameterError, match="'outputs'"):
        components(_linked(), table="outputs")
