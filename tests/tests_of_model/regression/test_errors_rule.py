"""Which errors a regression gets, and the tests that stand in for its t tests."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.regression.errors import FEW, choose_errors


def _data(n_clusters, *, seed=1):
    random = np.random.default_rng(seed)
    size = random.integers(4, 12, n_clusters)
    cluster = np.repeat(np.arange(n_clusters), size)
    x = random.normal(size=cluster.size) + random.normal(size=n_clusters)[cluster]
    z = random.normal(size=cluster.size)
    y = 0.3 * x + random.normal(size=cluster.size) + random.normal(size=n_clusters)[cluster]
    return y, np.column_stack([x, z, np.ones(cluster.size)]), cluster


NAMES = ["x", "z", "constant"]


def _fit(y, X, cluster, errors, **more):
    return wt.fit(
        y, X, names=NAMES, inference=wt.Inference(cluster=[cluster], errors=errors), **more
    )


@pytest.mark.parametrize(("n_clusters", "kind"), [(FEW - 1, "CR2"), (FEW, "cluster")])
def test_auto_corrects_below_forty_clusters(n_clusters, kind):
    y, X, cluster = _data(n_clusters)
    expected = wt.fit(y, X, names=NAMES, inference=wt.Inference(cluster=[cluster], kind=kind))
    fitted = _fit(y, X, cluster, "auto")
    np.testing.assert_array_equal(fitted.std_error, expected.std_error)
    assert any("fewer than 40" in message for message in fitted.messages) == (kind == "CR2")


def test_without_clusters_few_rows_are_corrected_as_clusters_of_one():
    y, X, _ = _data(3)
    expected = wt.fit(
        y, X, names=NAMES, inference=wt.Inference(cluster=[np.arange(y.size)], kind="CR2")
    )
    fitted = wt.fit(y, X, names=NAMES, inference=wt.Inference(errors="auto"))
    np.testing.assert_allclose(fitted.std_error, expected.std_error, rtol=1e-12)


@pytest.mark.parametrize("errors", ["CR2", "CR3", "jackknife", "wild"])
def test_errors_asked_for_by_name_are_refused_where_they_cannot_be_had(errors):
    with pytest.raises(ParameterError, match=rf"{errors} take one clustering dimension, found 2"):
        choose_errors(errors, (8, 9), is_instrumented=False)
    y, X, cluster = _data(8)
    with pytest.raises(ParameterError, match=f"reference engine has no errors {errors}"):
        _fit(y, X, cluster, errors, options=wt.Options(engine="reference"))


@pytest.mark.parametrize("errors", ["jackknife", "wild"])
def test_errors_that_would_draw_the_first_stage_again_are_refused_with_instruments(errors):
    with pytest.raises(ParameterError, match="instrumented; take auto, CR1, CR2, CR3"):
        choose_errors(errors, (8,), is_instrumented=True)


def test_auto_in_two_dimensions_is_cr1():
    assert choose_errors("auto", (8, 9), is_instrumented=False).kind == "cluster"


def test_size_is_kept_with_few_treated_clusters_where_sandwich_errors_over_reject():
    """Two of eight clusters treated, levels that differ between clusters and have nothing to do with treatment."""
    random, n, rejected = np.random.default_rng(9), 200, {"CR1": 0, "auto": 0}
    for _ in range(n):
        cluster = np.repeat(np.arange(8), random.integers(5, 40, 8))
        y = random.normal(size=8)[cluster] + random.normal(size=cluster.size)
        X = np.column_stack([cluster < 2, np.ones(cluster.size)]).astype(float)
        for errors in rejected:
            fitted = wt.fit(
                y,
                X,
                names=["treated", "constant"],
                inference=wt.Inference(cluster=[cluster], errors=errors),
            )
            rejected[errors] += fitted.p_value[0] < 0.05
    # Binomial: over 21 of 200 at .05 has a probability of 1 in 1,800; CR1 rejects about a fifth (seed fixed).
    assert rejected["auto"] <= 21 < rejected["CR1"]


# Instruments -------------------------------------------------------------------------------------


def _instrumented(n_clusters=12, *, seed=4):
    random = np.random.default_rng(seed)
    y, X, cluster = _data(n_clusters, seed=seed)
    return y, X, cluster, X[:, 0] + random.normal(size=y.size)


def _two_stage(y, X, cluster, z, **more):
    instruments = wt.Instruments(endogenous=["x"], excluded=z[:, None])
    return wt.fit(
        y,
        X,
        names=NAMES,
        instruments=instruments,
        inference=wt.Inference(cluster=[cluster], **more),
    )


def _explicit(y, X, cluster, z, power):
    """Sandwich of the projected regressors, A_g = (I - H_gg)^-power, from n x n matrices."""
    Z = np.column_stack([z, X[:, 1:]])
    projected = Z @ np.linalg.solve(Z.T @ Z, Z.T @ X)
    bread = np.linalg.inv(projected.T @ projected)
    left = y - X @ (bread @ projected.T @ y)
    hat = projected @ bread @ projected.T
    parts = []
    for g in np.unique(cluster):
        rows = np.flatnonzero(cluster == g)
        values, vectors = np.linalg.eigh(np.eye(rows.size) - hat[np.ix_(rows, rows)])
        adjusted = vectors @ np.diag(values**-power) @ vectors.T
        parts.append(bread @ projected[rows].T @ adjusted @ left[rows])
    return np.array(parts).T @ np.array(parts)


@pytest.mark.parametrize(("kind", "power"), [("CR2", 0.5), ("CR3", 1.0)])
def test_two_stage_errors_are_those_of_the_projected_regressors(kind, power):
    y, X, cluster, z = _instrumented()
    factor = 11 / 12 if kind == "CR3" else 1.0
    expected = factor * _explicit(y, X, cluster, z, power)
    fitted = _two_stage(y, X, cluster, z, errors=kind)
    np.testing.assert_allclose(fitted.covariance, expected, rtol=1e-9)
    assert fitted.covariance_kind == kind


def test_regressors_as_their_own_instruments_have_the_errors_of_least_squares():
    y, X, cluster = _data(9)
    expected = _fit(y, X, cluster, "CR2")
    fitted = _two_stage(y, X, cluster, X[:, 0], errors="CR2")
    np.testing.assert_allclose(fitted.std_error, expected.std_error, rtol=1e-9)
    np.testing.assert_allclose(fitted.dof, expected.dof, rtol=1e-9)


def test_auto_corrects_two_stage_errors_below_forty_clusters_and_says_so():
    y, X, cluster, z = _instrumented()
    fitted = _two_stage(y, X, cluster, z, errors="auto")
    assert fitted.covariance_kind == "CR2"
    assert "projected on the instruments: 12 clusters are fewer than 40" in fitted.messages[0]
    many = _two_stage(*_instrumented(FEW), errors="auto")
    assert many.covariance_kind == "cluster"


def test_few_treated_clusters_do_not_over_reject_with_instruments():
    """Three of twelve clusters treated, slopes on ability that differ between clusters and are one on average."""
    random, n, rejected = np.random.default_rng(8), 150, {"CR1": 0, "auto": 0}
    for _ in range(n):
        cluster = np.repeat(np.arange(12), random.integers(8, 60, 12))
        ability = random.normal(size=cluster.size)
        first, second = ability + random.normal(size=(2, cluster.size))
        treated = (cluster < 3).astype(float)
        slope = 1 + 0.4 * random.normal(size=12)[cluster]
        y = slope * ability + random.normal(size=cluster.size)
        for errors in rejected:
            fitted = wt.fit(
                y,
                np.column_stack([treated * first, first]),
                names=["product", "ability"],
                effects=wt.Effects(absorb=[cluster]),
                instruments=wt.Instruments(
                    endogenous=["product", "ability"],
                    excluded=np.column_stack([treated * second, second]),
                ),
                inference=wt.Inference(cluster=[cluster], errors=errors),
            )
            rejected[errors] += fitted.p_value[0] < 0.05
    # Binomial: over 17 of 150 at .05 has a probability of 1 in 2,000; under 13 at CR1's .14 one of 40 (seed fixed).
    assert rejected["auto"] <= 17
    assert rejected["CR1"] > rejected["auto"]


def test_wild_fit_gives_the_p_value_and_interval_of_the_wild_bootstrap():
    y, X, cluster = _data(13)
    expected = wt.wild_bootstrap(y, X, names=NAMES, term="x", cluster=cluster, seed=1)
    assert expected.is_exact
    fitted = _fit(y, X, cluster, "wild")
    assert fitted.covariance_kind == "wild"
    assert fitted.p_value[0] == expected.p_value
    np.testing.assert_allclose(
        fitted.conf_int()[0], [expected.conf_low, expected.conf_high], rtol=1e-7
    )


def test_a_contrast_keeps_the_wild_test():
    y, X, cluster = _data(13)
    difference = _fit(y, X, cluster, "wild").contrast({"x": 1.0, "z": -2.0}, name="gap")
    # y on gap · x + b (z + 2x): the coefficient of x is then b_x - 2 b_z.
    turned = np.column_stack([X[:, 0], X[:, 1] + 2 * X[:, 0], X[:, 2]])
    expected = wt.wild_bootstrap(y, turned, names=NAMES, term="x", cluster=cluster, seed=1)
    assert difference.params[0] == pytest.approx(expected.estimate, rel=1e-9)
    assert difference.p_value[0] == expected.p_value


def test_five_clusters_get_webbs_points_so_that_p_values_are_not_coarse():
    y, X, cluster = _data(5)
    y = y + 3 * X[:, 0]
    assert _fit(y, X, cluster, "wild").p_value[0] < 2 / 2**5


def test_unknown_errors_are_refused_by_name():
    y, X, cluster = _data(5)
    with pytest.raises(ParameterError, match="CR4"):
        _fit(y, X, cluster, "CR4")
    with pytest.raises(ParameterError, match="randomization_test"):
        _fit(y, X, cluster, "randomization")


# Randomization of a regressor --------------------------------------------------------------------


def _trial(n_units=12, *, effect=0.0, seed=2):
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n_units), 5)
    strata = unit // (n_units // 2)
    treated = (unit % 2).astype(float)
    y = effect * treated + random.normal(size=unit.size) + random.normal(size=n_units)[unit]
    return y, treated, unit, strata


def _test(y, treated, unit, strata=None, **more):
    X = np.column_stack([treated, np.ones(y.size)])
    return wt.randomization_test(
        y,
        X,
        names=["treated", "constant"],
        term="treated",
        unit=unit,
        strata=strata,
        seed=3,
        **more,
    )


def test_the_p_value_is_the_share_of_all_assignments_as_extreme():
    from itertools import combinations

    y, treated, unit, _ = _trial(8)
    means = np.bincount(unit, y) / 5
    observed = means[1::2].mean() - means[::2].mean()
    effects = [
        means[list(chosen)].mean() - np.delete(means, chosen).mean()
        for chosen in combinations(range(8), 4)
    ]
    exact = np.mean(np.abs(effects) >= abs(observed) - 1e-12)
    n_draws = 1_999
    found = _test(y, treated, unit, statistic="coefficient", n_draws=n_draws)
    # Four errors of the drawn share: one false alarm in 16,000; the observed assignment adds 1/2,000.
    tolerance = 4 * math.sqrt(exact * (1 - exact) / n_draws) + 1 / n_draws
    assert found.p_value == pytest.approx(exact, abs=tolerance)


def test_strata_keep_their_numbers_so_that_a_stratums_level_does_not_matter():
    y, treated, unit, strata = _trial(effect=40.0)
    moved = y + 50.0 * strata
    effects = wt.Effects(absorb=[strata])
    X, names = treated[:, None], ["treated"]
    found = wt.randomization_test(
        moved, X, names=names, term="treated", unit=unit, strata=strata, effects=effects, seed=3
    )
    assert found.n_strata == 2
    # Of 20 x 20 assignments the observed and its mirror image are as extreme; four errors of the drawn share.
    exact = 2 / 400
    tolerance = 4 * math.sqrt(exact * (1 - exact) / found.n_draws) + 1 / found.n_draws
    assert found.p_value == pytest.approx(exact, abs=tolerance)


def test_bad_assignments_are_named_together():
    y, treated, unit, strata = _trial()
    with pytest.raises(EstimationError) as error:
        _test(y, np.arange(y.size) % 2.0, unit, np.arange(y.size) % 3)
    assert "varies within 12 units" in str(error.value)
    assert "lie in two strata" in str(error.value)
    with pytest.raises(EstimationError, match="one value in every stratum"):
        _test(y, strata.astype(float), unit, strata)
    with pytest.raises(ParameterError) as error:
        _test(y, treated, unit, statistic="z", n_draws=0)
    assert "'z'" in str(error.value) and "n_draws" in str(error.value)


GOLDEN = Path(__file__).parents[2] / "golden" / "regression"


@pytest.mark.parametrize("case", json.loads((GOLDEN / "ritest.json").read_text())["cases"])
def test_the_p_value_is_that_of_pyfixests_ritest(case):
    frame = pl.read_csv(GOLDEN / "panel.csv")
    worker = frame["worker"].to_numpy()
    treated = (worker // 8 % 2).astype(float)
    n_draws = 999
    found = wt.randomization_test(
        frame["y"].to_numpy() + 0.6 * treated,
        np.column_stack([treated, frame["d"].to_numpy()]),
        names=["treated", "d"],
        term="treated",
        unit=worker,
        effects=wt.Effects(absorb=[frame["year"].to_numpy()]),
        statistic="t" if case["statistic"].endswith("-t") else "coefficient",
        n_draws=n_draws,
        seed=5,
    )
    # Both are shares of draws, 1,999 theirs: four errors of their difference, one false alarm in 16,000.
    p = case["p_value"]
    tolerance = 4 * math.sqrt(p * (1 - p) * (1 / n_draws + 1 / 1_999))
    assert found.p_value == pytest.approx(p, abs=tolerance)


STATA = json.loads((GOLDEN / "stata_regress.json").read_text())


@pytest.mark.parametrize(
    ("figures", "errors", "is_clustered"),
    [("cluster", "CR1", True), ("hc2", "CR2", False), ("hc1", "CR1", False)],
)
def test_errors_are_those_of_stata(figures, errors, is_clustered):
    y = np.concatenate([np.cos(np.arange(10)), np.tan(np.arange(1, 11))])
    x = np.concatenate([np.sin(np.arange(1, 11)), np.sin(np.arange(2, 12))])
    clusters = np.tile([2, 1, 3, 2, 2, 3, 3, 1, 1, 2], 2)
    fitted = wt.fit(
        y,
        np.column_stack([np.ones(20), x]),
        names=STATA["names"],
        inference=wt.Inference(cluster=[clusters] if is_clustered else (), errors=errors),
    )
    np.testing.assert_allclose(fitted.params, STATA["coefficients"], rtol=0, atol=6e-11)
    np.testing.assert_allclose(fitted.std_error, STATA[figures], rtol=0, atol=6e-11)


def test_a_wrong_golden_error_is_noticed():
    assert STATA["hc2"] != pytest.approx(STATA["hc1"], rel=1e-3)
