"""The method of simulated moments: recovery, roots, errors, resuming, refusals."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from withintask.panel.errors import ConvergenceError, EstimationError, ParameterError
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.moments.errors import compute_errors, profile_interval
from withintask.tests_of_model.moments.fit import fit_msm
from withintask.tests_of_model.moments.free_parameters import FREE, free_parameters
from withintask.tests_of_model.moments.moments import NAMES, model_moments
from withintask.tests_of_model.moments.noise import quiet_design
from withintask.tests_of_model.moments.of_panel import OF_PANEL, panel_moments
from withintask.tests_of_model.moments.problem import make_problem
from withintask.tests_of_model.moments.search import minimize
from withintask.tests_of_model.moments.sensitivity import sensitivity
from withintask.tests_of_model.moments.targets import make_target, target_from_economy

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
    """The baseline with a quarter of its occupations, to be quick."""
    return vary(load_params(), n_occupations=10)


@pytest.fixture(scope="module")
def target(start):
    """Exact moments of the truth, with standard errors of a thousandth of each."""
    economy = solve_economy(vary(start, **TRUTH), n_workers=N)
    exact = target_from_economy(economy)
    return exact.with_covariance(np.diag((1e-3 * exact.value) ** 2))


@pytest.fixture(scope="module")
def fit(target, start):
    return fit_msm(target, start, n_starts=6, n_workers=N)


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
        both = [fit_msm(target, start, n_starts=2, n_workers=N, executor=e) for e in (None, pool)]
    np.testing.assert_array_equal(both[0].best.point, both[1].best.point)


class StopError(Exception):
    pass


def test_killed_fit_goes_on_where_it_stopped(target, start, tmp_path):
    ledger, seen = tmp_path / "starts.json", []

    def stop(done, total):
        raise StopError

    with pytest.raises(StopError):
        fit_msm(target, start, n_starts=2, n_workers=N, ledger=ledger, on_progress=stop)
    assert len(json.loads(ledger.read_text())["starts"]) == 1
    resumed = fit_msm(
        target,
        start,
        n_starts=2,
        n_workers=N,
        ledger=ledger,
        on_progress=lambda d, n: seen.append(d),
    )
    whole = fit_msm(target, start, n_starts=2, n_workers=N)
    assert seen[0] == 2
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
    with pytest.raises(EstimationError, match=r"no moment moves along \+1.00 \S+ Gini\(ω\)"):
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
    """Correlated errors under diagonal weights: J is chi-square 2, intervals cover 95 percent."""
    n, rng = 60, np.random.default_rng(5)
    exact = target_from_economy(solve_economy(start, n_workers=N))
    unit = 0.02 * np.abs(exact.value)
    covariance = (0.5 + 0.5 * np.eye(6)) * np.outer(unit, unit)
    noisy = exact.with_covariance(covariance)
    free = free_parameters(start, FOUR)
    own, found = free.point(start), []
    for draw in rng.multivariate_normal(exact.value, covariance, size=n):
        problem = make_problem(noisy.with_value(draw), free, n_workers=N)
        point = minimize(problem, own, 1e-8).point
        errors = compute_errors(problem, point, problem.jacobian(point), np.zeros((6, 6)))
        gap = np.abs(point - own) / np.sqrt(np.diagonal(errors.covariance))
        found.append([errors.j_statistic, errors.j_p_value < 0.05, *(gap < 1.96)])
    mean = np.mean(found, axis=0)
    band = 4 * np.sqrt(0.95 * 0.05 / n)
    assert mean[0] == pytest.approx(2, abs=4 * 2 / np.sqrt(n))
    assert mean[1] < 0.05 + band
    assert (np.abs(mean[2:] - 0.95) < band).all()


def test_j_statistic_is_the_criterion_under_optimal_weights(target, start):
    value = target.value * (1 + 1e-3 * np.array([1, -1, 1, -1, 1, -1]))
    near = vary(start, **TRUTH)
    problem = make_problem(
        target.with_value(value), free_parameters(near, FOUR), weight="optimal", n_workers=N
    )
    found = minimize(problem, problem.free.point(near))
    errors = compute_errors(problem, found.point, problem.jacobian(found.point), np.zeros((6, 6)))
    assert errors.j_dof == 2
    # At the minimum the gap has no component along the Jacobian but for the differences' error.
    assert errors.j_statistic == pytest.approx(found.objective, rel=1e-4)


def test_without_over_identification_there_is_no_j_test(fit):
    assert fit.errors.j_dof == 0
    assert np.isnan(fit.errors.j_p_value)


def test_parameters_not_identified_at_the_fit_are_said(fit):
    twice = fit.errors.jacobian.copy()
    twice[:, 1] = twice[:, 0]
    point = fit.best.point
    errors = compute_errors(fit.problem, point, twice, fit.errors.quadrature)
    assert np.isnan(np.diagonal(errors.covariance)).tolist() == [True, True, *[False] * 4]
    assert errors.j_dof == 1
    assert any("α" in line and "μ" in line for line in errors.weak_directions)
    with pytest.raises(EstimationError, match=r"at the fit is singular[\s\S]*ln α"):
        sensitivity(replace(fit, errors=errors))


def test_profile_says_where_the_search_bounds_cut_it(target, start):
    loose = target.with_covariance(np.diag((0.5 * target.value) ** 2))
    near = vary(start, **TRUTH)
    problem = make_problem(loose, free_parameters(near), n_workers=2**8)
    interval = profile_interval(problem, problem.free.point(near), "ai_multiplicative")
    assert interval.is_low_open
    assert interval.low == pytest.approx(problem.free.values(problem.free.bounds[:, 0])[1])


@pytest.mark.slow
def test_parameters_are_recovered_from_simulated_panels():
    """Estimated moments, with their spread over panels as errors, give back the parameters."""
    start, design = load_params(), quiet_design()
    economy = solve_economy(start)
    estimates = np.array(
        [
            panel_moments(simulate(economy, design, draw_shocks(design, seed=11, replicate=k)))
            for k in range(16)
        ]
    )
    found = make_target(estimates[0], OF_PANEL, covariance=np.cov(estimates.T), source="panels")
    free = ("ai_floor", "substitution", "credential_cost_scale", "rent_sharing")
    own = free_parameters(start, free).point(start)
    for estimate in estimates[:4]:
        fitted = fit_msm(found.with_value(estimate), start, free=free, n_starts=1, n_workers=2**12)
        error = np.sqrt(np.diagonal(fitted.errors.covariance))
        # Errors from 16 panels: t with 15 degrees of freedom is beyond 5 in 2 of 10,000 draws. χ can end
        # where its two roots meet; there it has no error.
        assert np.nanmax(np.abs(fitted.best.point - own) / error) < 5
        # An estimate that says nothing would pass: α is known to a tenth.
        assert error[0] < 0.1
        assert fitted.errors.j_p_value > 1e-4


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
