"""Group-time effects, imputation, bands and sensitivity to trends: closed forms, plain loops and exact algebra."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from withintask.panel.errors import EstimationError
from withintask.tests_of_model.regression.aggregates import Averages, average
from withintask.tests_of_model.regression.group_time import Paths, pair_effects, pair_weights
from withintask.tests_of_model.regression.imputation import imputed_effects
from withintask.tests_of_model.regression.relative_trends import relative_interval
from withintask.tests_of_model.regression.simultaneous import band_factors, joint_test
from withintask.tests_of_model.regression.smooth_trends import folded_quantile, smooth_interval

EXACT = 1e-10


def drawn(seed=0, n_units=14, n_periods=6, n_strata=2, missing=0.1):
    random = np.random.default_rng(seed)
    value = random.standard_normal((n_units, n_periods))
    value[random.random(value.shape) < missing] = np.nan
    return Paths(
        value=value,
        start=random.permutation(np.resize([2, 3, 5, n_periods], n_units)),
        weight=random.uniform(0.5, 2, n_units),
        stratum=np.arange(n_units) % n_strata,
    )


def without(paths, chosen):
    return replace(
        paths, **{f: getattr(paths, f)[~chosen] for f in ("value", "start", "weight", "stratum")}
    )


def plain_effect(paths, cohort, period):
    """The formula, stratum by stratum."""
    total = weight = 0.0
    change = paths.value[:, period] - paths.value[:, cohort - 1]
    for stratum in np.unique(paths.stratum):
        member = (paths.stratum == stratum) & np.isfinite(change)
        treated = member & (paths.start == cohort)
        control = member & (paths.start > max(period, cohort - 1)) & (paths.start != cohort)
        if treated.any() and control.any():
            means = [np.average(change[s], weights=paths.weight[s]) for s in (treated, control)]
            total += paths.weight[treated].sum() * (means[0] - means[1])
            weight += paths.weight[treated].sum()
    return total / weight if weight else math.nan


@pytest.mark.parametrize("seed", range(3))
def test_effects_with_and_without_each_cluster_are_those_of_plain_loops(seed):
    paths = drawn(seed)
    cluster = np.arange(paths.start.size) // 2
    effects = pair_effects(paths, cluster)
    for row, kept in enumerate(
        [paths, *(without(paths, cluster == c) for c in np.unique(cluster))]
    ):
        expected = [
            plain_effect(kept, int(g), int(t))
            for g, t in zip(effects.cohort, effects.period, strict=True)
        ]
        np.testing.assert_allclose(effects.estimate[row], expected, rtol=0, atol=EXACT)


def test_a_difference_of_two_means_by_hand():
    value = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 0.5], [0.0, 0.7]])
    paths = Paths(
        value=value,
        start=np.array([1, 1, 2, 2]),
        weight=np.ones(4),
        stratum=np.zeros(4, dtype=np.int64),
    )
    effects = pair_effects(paths, np.arange(4))
    assert effects.estimate[0].tolist() == pytest.approx([2.0 - 0.6])
    found = average(effects, [np.ones(1, dtype=bool)])
    # Two and two: the variance of a difference of means, each with its n - 1. In the working model changes have variance 2, of
    # noise, and 1 more with AI: Satterthwaite's (3/2 + 2/2)² / ((3/2)² + (2/2)²).
    assert found.covariance[0, 0] == pytest.approx((2.0 + 0.02) / 2)
    assert found.dof[0] == pytest.approx(6.25 / 3.25)


def test_weights_of_changes_reproduce_the_effects():
    paths = drawn(3)
    effects = pair_effects(paths, np.arange(paths.start.size))
    weights = pair_weights(paths)
    for k, (cohort, period) in enumerate(zip(effects.cohort, effects.period, strict=True)):
        change = np.nan_to_num(paths.value[:, period] - paths.value[:, cohort - 1])
        if np.isfinite(effects.estimate[0, k]):
            assert weights[:, k] @ change == pytest.approx(effects.estimate[0, k], abs=EXACT)
            assert weights[:, k].sum() == pytest.approx(0.0, abs=EXACT)


def test_the_variance_is_unbiased_where_paths_are_white_noise_and_units_have_effects_of_their_own():
    """Exact: estimate and influences are linear, so that sums over directions of the working model are expectations."""
    plan = drawn(5, n_units=8, n_periods=6, n_strata=1, missing=0.0)
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((48, 48)))[0]
    has_ai = np.arange(6) >= plan.start[:, None]
    own = [(has_ai * (np.arange(8) == u)[:, None]).ravel().astype(float) for u in range(8)]
    root = np.linalg.cholesky(np.eye(48) + sum(np.outer(z, z) for z in own))
    expected, given = np.zeros(2), np.zeros(2)
    for direction in basis @ root.T:
        value = direction.reshape(plan.value.shape)
        effects = pair_effects(replace(plan, value=value), np.arange(8))
        age = effects.event_time
        found = average(effects, [age >= 0, age == 1])
        expected += found.estimate**2
        given += np.square(found.influence).sum(axis=0)
    np.testing.assert_allclose(given, expected, rtol=1e-9)


def test_an_average_that_hangs_on_one_cluster_has_no_error():
    paths = drawn(1, n_strata=1, missing=0.0)
    alone = np.where(np.arange(14) == 0, 3, np.where(paths.start == 3, 6, paths.start))
    effects = pair_effects(replace(paths, start=alone), np.arange(14))
    found = average(effects, [effects.cohort == 3, effects.event_time >= 0])
    assert np.isfinite(found.estimate).all()
    assert np.isfinite(found.covariance.diagonal()).tolist() == [False, True]


@pytest.mark.parametrize("seed", range(3))
def test_imputed_effects_are_those_of_dummies(seed):
    paths = drawn(seed)
    n_units, n_periods = paths.value.shape
    effects = imputed_effects(paths, np.arange(n_units))
    unit, period = np.nonzero(
        np.isfinite(paths.value) & (np.arange(n_periods) < paths.start[:, None])
    )
    columns = np.zeros((unit.size, n_units + 2 * n_periods))
    columns[np.arange(unit.size), unit] = 1
    columns[np.arange(unit.size), n_units + paths.stratum[unit] * n_periods + period] = 1
    root = np.sqrt(paths.weight[unit])
    fit = np.linalg.lstsq(columns * root[:, None], paths.value[unit, period] * root, rcond=None)[0]
    for k, (cohort, t) in enumerate(zip(effects.cohort, effects.period, strict=True)):
        level = fit[:n_units] + fit[n_units + paths.stratum * n_periods + t]
        chosen = (paths.start == cohort) & np.isfinite(paths.value[:, t])
        chosen &= np.isin(np.arange(n_units), unit)
        seen = [bool((period[paths.stratum[unit] == s] == t).any()) for s in range(2)]
        chosen &= np.array(seen)[paths.stratum]
        if chosen.any():
            expected = np.average(
                paths.value[chosen, t] - level[chosen], weights=paths.weight[chosen]
            )
            assert effects.estimate[0, k] == pytest.approx(expected, abs=1e-8)


def test_leaving_a_cluster_out_of_an_imputation_is_imputing_without_it():
    paths = drawn(4, missing=0.0)
    cluster = np.arange(14) % 7
    effects = imputed_effects(paths, cluster)
    for code in range(7):
        kept = without(paths, cluster == code)
        again = imputed_effects(kept, np.zeros(kept.start.size, dtype=np.int64))
        places = {
            (g, t): k for k, (g, t) in enumerate(zip(effects.cohort, effects.period, strict=True))
        }
        chosen = [places[pair] for pair in zip(again.cohort, again.period, strict=True)]
        np.testing.assert_allclose(
            effects.estimate[1 + code, chosen], again.estimate[0], rtol=0, atol=1e-8
        )


def test_weights_that_are_no_weights_are_named_together():
    paths = replace(drawn(), weight=np.array([0.0, -1.0, np.nan, *np.ones(11)]))
    with pytest.raises(EstimationError) as error:
        pair_effects(paths, np.arange(14))
    for word in ("not known", "zero", "negative", "must be positive"):
        assert word in str(error.value)


# Joint inference ----------------------------------------------------------------------------------


def averages(n_clusters=20, n=5, seed=0):
    random = np.random.default_rng(seed)
    return Averages(
        estimate=random.standard_normal(n),
        influence=random.standard_normal((n_clusters, n)),
        dof=np.full(n, n_clusters - 1.0),
        weight=np.ones(n),
    )


def test_a_band_of_one_effect_is_its_interval_and_that_of_several_is_wider():
    assert band_factors(averages(n=1), level=0.95)[0] == pytest.approx(stats.t.ppf(0.975, 19))
    several = band_factors(averages(), level=0.95)
    assert (several > stats.t.ppf(0.975, 19)).all()
    # Independent effects: no wider than Bonferroni's, but for the error of the draws.
    assert (several < stats.t.ppf(1 - 0.025 / 5, 19) * 1.05).all()


def test_the_joint_test_of_one_effect_is_its_t_test():
    single = averages(n=1)
    t = single.estimate[0] / math.sqrt(single.covariance[0, 0])
    assert joint_test(single).p_value == pytest.approx(2 * special.stdtr(19, -abs(t)))


def test_the_joint_test_is_hotellings_where_clusters_are_many():
    many = averages(n_clusters=60, n=3)
    found = joint_test(many)
    statistic = many.estimate @ np.linalg.solve(many.covariance, many.estimate)
    assert found.statistic == pytest.approx(statistic * (59 - 3 + 1) / (3 * 59))
    assert found.dof == (3.0, 57.0)


def test_neighbours_are_pooled_where_clusters_are_few():
    found = joint_test(averages(n_clusters=8, n=5))
    assert found.n_tested == 2
    assert "5 effects pooled to 2" in found.note


def test_with_nothing_to_test_there_is_no_p_value():
    nothing = averages(n=1)
    assert math.isnan(joint_test(replace(nothing, influence=np.full((20, 1), np.nan))).p_value)


# Sensitivity to trends ----------------------------------------------------------------------------

COVARIANCE = 0.01 * (0.5 * np.eye(6) + 0.5)
ESTIMATE = np.array([0.02, -0.03, 0.01, 0.3, 0.4, 0.35])
FIRST = np.array([1.0, 0.0, 0.0])


def settings(**changes):
    return {
        "estimate": ESTIMATE, "covariance": COVARIANCE, "n_leads": 3, "target": FIRST, "level": 0.95,
        **changes,
    }  # fmt: skip


def test_the_folded_normal_without_shift_is_twice_the_normal():
    assert folded_quantile(0.0, 0.95) == pytest.approx(stats.norm.ppf(0.975))
    assert folded_quantile(10.0, 0.95) == pytest.approx(10 + stats.norm.ppf(0.95))


@pytest.mark.parametrize("target", [FIRST, np.full(3, 1 / 3)])
def test_intervals_widen_with_the_bound(target):
    for name, interval, bounds in (
        ("curvature", smooth_interval, (0.0, 0.01, 0.05, 0.2)),
        ("multiple", relative_interval, (0.0, 0.5, 1.0, 2.0)),
    ):
        found = [interval(**settings(target=target), **{name: bound}) for bound in bounds]
        lengths = [each.high - each.low for each in found]
        assert lengths == sorted(lengths)


def test_a_linear_difference_in_trends_moves_no_smooth_interval():
    slope = 0.07 * np.array([-3, -2, -1, 1, 2, 3])
    plain = smooth_interval(**settings(), curvature=0.02)
    tilted = smooth_interval(**settings(estimate=ESTIMATE + slope), curvature=0.02)
    assert (tilted.low, tilted.high) == pytest.approx((plain.low, plain.high), abs=1e-7)


@pytest.mark.parametrize("interval", ["smooth", "relative"])
def test_intervals_follow_the_unit(interval):
    function, bound = {
        "smooth": (smooth_interval, {"curvature": 0.02}),
        "relative": (relative_interval, {"multiple": 0.7}),
    }[interval]
    plain = function(**settings(), **bound)
    scaled_bound = {k: v * (8 if k == "curvature" else 1) for k, v in bound.items()}
    scaled = function(**settings(estimate=8 * ESTIMATE, covariance=64 * COVARIANCE), **scaled_bound)
    assert (scaled.low, scaled.high) == pytest.approx((8 * plain.low, 8 * plain.high), rel=1e-5)


def test_the_interval_holds_the_effect_where_the_violation_is_the_worst_that_is_allowed():
    """The last change before AI is the largest, and the first after it M̄ times as large: 400 draws, binomial band of four errors."""
    random = np.random.default_rng(8)
    bias = np.array([-0.1, -0.1, -0.2, 0.2, 0.2, 0.2])
    noise = random.multivariate_normal(np.zeros(6), COVARIANCE, size=400)
    held = 0
    for errors in noise:
        found = relative_interval(**settings(estimate=bias + errors), multiple=1.0)
        held += found.low <= 0.0 <= found.high
    # False alarm below 1e-4: coverage is at least .95.
    assert held / 400 >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 400)
