"""The method of simulated moments: recovery, roots, errors, resuming, refusals."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from withintask.panel.errors import ConvergenceError, EstimationError, ParameterError
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.free_parameters import FREE, free_parameters
from withintask.tests_of_model.moment_targets import make_target, target_from_economy
from withintask.tests_of_model.moments import NAMES, model_moments
from withintask.tests_of_model.msm import fit_msm
from withintask.tests_of_model.msm_errors import profile_interval
from withintask.tests_of_model.msm_problem import make_problem
from withintask.tests_of_model.msm_search import minimize

N = 2**10
TRUTH = {
    "ai_floor": 0.7,
    "ai_multiplicative": 0.15,
    "substitution": 1.6,
    "credential_cost_scale": 0.018,
    "proprietary": 0.6,
    "rent_sharing": 0.2,
}


@pytest.fixture(scope="module")
def start():
    return load_params()


@pytest.fixture(scope="module")
def target(start):
    """Exact moments of the truth, with standard errors of a thousandth of each."""
    economy = solve_economy(vary(start, **TRUTH), n_workers=N)
    exact = target_from_economy(economy)
    return exact.with_covariance(np.diag((1e-3 * exact.value) ** 2))


@pytest.fixture(scope="module")
def fit(target, start):
    return fit_msm(target, start, n_starts=12, n_workers=N)


def test_six_exact_moments_give_back_six_parameters(fit):
    values = np.array([root.point for root in fit.roots])
    found = np.array([fit.problem.free.values(point) for point in values])
    gap = np.abs(found / np.array(list(TRUTH.values())) - 1).max(axis=1)
    # Moments are met to 1e-11; the scaled Jacobian's condition number is below 1e4.
    assert gap.min() < 1e-6


def test_both_roots_of_the_credential_cost_scale_are_reported(fit):
    place = FREE.index("credential_cost_scale")
    roots = [fit.problem.free.values(root.point) for root in fit.roots]
    assert len(roots) == 2
    assert roots[0][place] != pytest.approx(roots[1][place], rel=0.1)
    np.testing.assert_allclose(np.delete(roots[0], place), np.delete(roots[1], place), rtol=1e-6)
    assert fit.root_table()["is_root"].sum() == 2


def test_reported_root_is_the_one_nearest_to_the_start(fit, start):
    own = fit.problem.free.point(start)
    distance = [np.abs(root.point - own).max() for root in fit.roots]
    assert np.abs(fit.best.point - own).max() == min(distance)


@pytest.mark.parametrize("weight", ["optimal", "identity"])
def test_recovery_does_not_depend_on_the_weight(target, start, weight):
    near = vary(start, **{name: 1.02 * value for name, value in TRUTH.items()})
    fitted = fit_msm(target, near, weight=weight, n_starts=1, n_workers=N)
    np.testing.assert_allclose(fitted.values, list(TRUTH.values()), rtol=1e-3)


def test_threads_change_nothing(target, start):
    with ThreadPoolExecutor(2) as pool:
        both = [fit_msm(target, start, n_starts=3, n_workers=N, executor=e) for e in (None, pool)]
    np.testing.assert_array_equal(both[0].best.point, both[1].best.point)


class StopError(Exception):
    pass


def test_killed_fit_goes_on_where_it_stopped(target, start, tmp_path):
    ledger, seen = tmp_path / "starts.json", []

    def stop(done, total):
        if done == 2:
            raise StopError

    with pytest.raises(StopError):
        fit_msm(target, start, n_starts=4, n_workers=N, ledger=ledger, on_progress=stop)
    assert len(json.loads(ledger.read_text())["starts"]) == 2
    resumed = fit_msm(
        target,
        start,
        n_starts=4,
        n_workers=N,
        ledger=ledger,
        on_progress=lambda d, n: seen.append(d),
    )
    whole = fit_msm(target, start, n_starts=4, n_workers=N)
    assert seen[0] == 3
    np.testing.assert_array_equal(resumed.best.point, whole.best.point)


def test_ledger_of_another_fit_is_refused(target, start, tmp_path):
    ledger = tmp_path / "starts.json"
    fit_msm(target, start, n_starts=1, n_workers=N, ledger=ledger)
    with pytest.raises(ParameterError, match="another fit"):
        fit_msm(
            target.with_value(1.01 * target.value), start, n_starts=1, n_workers=N, ledger=ledger
        )


def test_spoilt_ledger_is_refused(target, start, tmp_path):
    ledger = tmp_path / "starts.json"
    ledger.write_text("{")
    with pytest.raises(ParameterError, match="expected a ledger"):
        fit_msm(target, start, n_starts=1, n_workers=N, ledger=ledger)


def test_fewer_moments_than_parameters_names_the_open_direction(target, start):
    with pytest.raises(
        ParameterError, match=r"5 moments .* 6 free[\s\S]*nothing pins .*ξ"
    ) as caught:
        fit_msm(target.take(NAMES[:5]), start, n_workers=N)
    assert "Fix as many parameters" in str(caught.value)


def test_singular_weight_names_the_combination_without_variance(start):
    value = model_moments(start, ("m1", "m2"), n_workers=N)
    twice = make_target(value, ("m1", "m2"), covariance=np.full((2, 2), 1e-4), source="x")
    with pytest.raises(ParameterError, match=r"no variance along .*m1.*m2"):
        fit_msm(twice, start, free=("ai_floor",), weight="optimal", n_workers=N)


def test_weights_need_errors(target, start):
    with pytest.raises(ParameterError, match="no standard errors"):
        fit_msm(target.with_covariance(None), start, n_workers=N)


def test_singular_jacobian_names_the_direction_without_effect(target, start):
    with pytest.raises(
        EstimationError, match=r"no moment moves along \+1.00 \S+ Gini\(ω\)|no moment moves along"
    ):
        fit_msm(target.take(("m1", "m2")), start, free=("ai_floor", "own_gini"), n_workers=N)


def test_targets_out_of_reach_are_said_with_the_gap(target, start):
    value = target.value.copy()
    value[NAMES.index("m4")] = -0.5
    with pytest.raises(ConvergenceError, match=r"out of reach[\s\S]*m4: target -0.5"):
        fit_msm(target.with_value(value), start, n_starts=1, n_workers=N, must_reach=True)


def test_start_outside_its_bounds_is_refused_with_them(target, start):
    with pytest.raises(ParameterError, match=r"rent_sharing = 0.9999: expected 0.001 to 0.999"):
        fit_msm(target, vary(start, rent_sharing=0.9999), n_workers=N)


def test_unknown_fixed_and_repeated_parameters_are_listed(start):
    with pytest.raises(ParameterError) as caught:
        free_parameters(start, ("alpha", "n_tasks", "ai_floor", "ai_floor"))
    assert all(
        part in str(caught.value)
        for part in ("alpha: not a", "n_tasks: a whole", "ai_floor: given twice")
    )


def test_transform_and_its_inverse_agree(start):
    free = free_parameters(start)
    points = free.bounds[:, 0] + np.linspace(0.1, 0.9, 5)[:, None] * (
        free.bounds[:, 1] - free.bounds[:, 0]
    )
    for point in points:
        np.testing.assert_allclose(free.transform(free.values(point)), point, rtol=1e-9, atol=1e-9)


def test_slope_is_the_derivative_of_the_values(start):
    free = free_parameters(start)
    point, h = free.point(start), 1e-6
    numeric = (free.values(point + h) - free.values(point - h)) / (2 * h)
    np.testing.assert_allclose(free.slope(point), numeric, rtol=1e-7)


def test_profile_interval_is_the_wald_interval_where_the_model_is_linear(fit):
    """Errors of a thousandth make the model linear over the interval."""
    name = "credential_cost_scale"
    place = FREE.index(name)
    interval = profile_interval(fit.problem, fit.best.point, name)
    row = fit.table().row(place, named=True)
    width = row["conf_high"] - row["conf_low"]
    assert not interval.is_low_open
    assert not interval.is_high_open
    # The sandwich adds the quadrature's noise, which a profile lacks; curvature moves the ends less.
    assert 0.3 * width < interval.high - interval.low < 1.2 * width
    assert interval.low < row["value"] < interval.high


def test_weak_direction_is_named(target, start):
    loose = target.with_covariance(np.diag((0.5 * target.value) ** 2))
    fitted = fit_msm(loose, start, n_starts=1, n_workers=N)
    assert any("standard error" in line for line in fitted.errors.weak_directions)


FOUR = ("ai_floor", "credential_cost_scale", "proprietary", "rent_sharing")


@pytest.mark.slow
def test_j_statistic_and_intervals_have_their_levels_over_noisy_targets(start):
    """Targets drawn around the exact moments: J is chi-square 2, intervals cover 95 percent."""
    n, rng = 100, np.random.default_rng(5)
    exact = target_from_economy(solve_economy(start, n_workers=N))
    covariance = np.diag((0.02 * exact.value) ** 2)
    problem = make_problem(
        exact.with_covariance(covariance), free_parameters(start, FOUR), n_workers=N
    )
    own, j_values, covered = problem.free.point(start), [], []
    jacobian = problem.jacobian(own)
    gain = np.linalg.solve(jacobian.T @ problem.weight @ jacobian, jacobian.T @ problem.weight)
    spread = np.sqrt(np.diagonal(gain @ covariance @ gain.T))
    for draw in rng.multivariate_normal(exact.value, covariance, size=n):
        noisy = make_problem(
            exact.with_covariance(covariance).with_value(draw), problem.free, n_workers=N
        )
        found = minimize(noisy, own, 1e-8)
        j_values.append(found.objective)
        covered.append(np.abs(found.point - own) < 1.96 * spread)
    assert np.mean(j_values) == pytest.approx(2, abs=4 * 2 / np.sqrt(n))
    share, band = np.mean(covered, axis=0), 4 * np.sqrt(0.95 * 0.05 / n)
    assert (np.abs(share - 0.95) < band).all()


def test_estimagic_finds_the_same_minimum_and_covariance(target, start):
    em = pytest.importorskip("estimagic", reason="development oracle")
    near = vary(start, **{name: 1.02 * value for name, value in TRUTH.items()})
    loose = target.with_covariance(np.diag((2e-2 * target.value) ** 2))
    ours = fit_msm(loose, near, n_starts=1, n_workers=N)
    problem = ours.problem

    def simulate(params):
        return problem.moments(np.asarray(params))

    theirs = em.estimate_msm(
        simulate,
        problem.target.value,
        problem.target.covariance,
        params=problem.free.point(near),
        optimize_options="scipy_ls_lm",
        weights="diagonal",
        jacobian=problem.jacobian,
    )
    np.testing.assert_allclose(theirs.params, ours.best.point, rtol=1e-4, atol=1e-4)
    sandwich = ours.errors.covariance
    np.testing.assert_allclose(np.diagonal(theirs.cov()), np.diagonal(sandwich), rtol=0.2)
