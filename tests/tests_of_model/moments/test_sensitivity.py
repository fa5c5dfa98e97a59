"""Sensitivity to moments: the derivative of a re-fit, and each measure by brute force."""

import numpy as np
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.tests_of_model.moments.fit import fit_msm
from withintask.tests_of_model.moments.free_parameters import FREE
from withintask.tests_of_model.moments.moments import NAMES, model_moments
from withintask.tests_of_model.moments.problem import make_problem
from withintask.tests_of_model.moments.search import minimize
from withintask.tests_of_model.moments.sensitivity import DELTA_GINI, measures, sensitivity
from withintask.tests_of_model.moments.targets import target_from_economy

N = 2**10
FOUR = ("ai_floor", "credential_cost_scale", "proprietary", "rent_sharing")


def fitted(names, free):
    params = load_params()
    exact = target_from_economy(solve_economy(params, n_workers=N), names)
    target = exact.with_covariance(np.diag((0.05 * exact.value) ** 2))
    return fit_msm(target, params, free=free, n_starts=1, n_workers=N)


@pytest.fixture(scope="module")
def over_identified():
    return fitted(NAMES, FOUR)


@pytest.mark.parametrize("moment", NAMES)
def test_lambda_is_the_change_of_a_refit_with_one_moment_perturbed(over_identified, moment):
    """At exact targets the residual is zero, so Λ is the derivative of the estimate, sign included."""
    fit, place = over_identified, NAMES.index(moment)
    step = 1e-2 * fit.problem.target.std_error[place]
    refits = []
    for sign in (1, -1):
        value = fit.problem.target.value.copy()
        value[place] += sign * step
        problem = make_problem(fit.problem.target.with_value(value), fit.problem.free, n_workers=N)
        point = minimize(problem, fit.best.point).point
        gini = model_moments(problem.free.params(point), ("m6",), n_workers=N)
        refits.append(np.append(problem.free.values(point), gini))
    numeric = (refits[0] - refits[1]) / (2 * step)
    found = sensitivity(fit)
    scale = np.abs(found.gradient).max(axis=1)
    np.testing.assert_allclose(
        numeric / scale, found.gradient[:, place] / scale, rtol=1e-2, atol=1e-4
    )


def test_with_six_moments_the_gini_depends_on_its_own_moment_alone():
    found = sensitivity(fitted(NAMES, FREE))
    row = found.gradient[found.rows.index(DELTA_GINI)] * found.std_error / found.std_error[-1]
    np.testing.assert_allclose(row, [0, 0, 0, 0, 0, 1], atol=1e-4)


def random_case(seed=0, n_moments=6, n_parameters=4):
    rng = np.random.default_rng(seed)
    G, root, other = (
        rng.normal(size=shape)
        for shape in ((n_moments, n_parameters), *[(n_moments, n_moments)] * 2)
    )
    names = tuple(f"m{k + 1}" for k in range(n_moments))
    return {
        "jacobian": G,
        "weight": other @ other.T + np.eye(n_moments),
        "covariance": root @ root.T + np.eye(n_moments),
        "selector": np.eye(n_parameters),
        "rows": tuple(f"p{k}" for k in range(n_parameters)),
        "moments": names,
    }


def variance(case, **changes):
    c = {**case, **changes}
    G, W = c["jacobian"], c["weight"]
    gain = np.linalg.solve(G.T @ W @ G, G.T @ W)
    return np.diagonal(gain @ c["covariance"] @ gain.T)


def bumped(matrix, k, share):
    changed = matrix.copy()
    changed[k, k] *= 1 + share
    return changed


def elasticity(case, name, k, *, is_optimal=False):
    h, ends = 1e-5, []
    for sign in (1, -1):
        changes = {name: bumped(case[name], k, sign * h)}
        if is_optimal:
            changes["weight"] = np.linalg.inv(changes["covariance"])
        ends.append(np.log(variance(case, **changes)))
    return (ends[0] - ends[1]) / (2 * h)


@pytest.mark.parametrize("k", range(6))
def test_noise_measures_are_elasticities_to_the_variance_of_a_moment(k):
    case, found = random_case(), measures(**random_case())
    np.testing.assert_allclose(found.noise[:, k], elasticity(case, "covariance", k), rtol=1e-6)
    optimal = elasticity(case, "covariance", k, is_optimal=True)
    np.testing.assert_allclose(found.noise_optimal[:, k], optimal, rtol=1e-5)


@pytest.mark.parametrize("k", range(6))
def test_weighting_is_the_elasticity_to_the_weight_of_a_moment(k):
    case, found = random_case(), measures(**random_case())
    np.testing.assert_allclose(
        found.weighting[:, k], elasticity(case, "weight", k), rtol=1e-5, atol=1e-8
    )


def test_weighting_is_zero_under_optimal_weights():
    case = random_case()
    case["weight"] = np.linalg.inv(case["covariance"])
    np.testing.assert_allclose(measures(**case).weighting, 0, atol=1e-9)


@pytest.mark.parametrize("k", range(6))
def test_removal_is_the_variance_without_the_moment(k):
    case, found = random_case(), measures(**random_case())
    weight = case["weight"].copy()
    weight[k] = weight[:, k] = 0
    np.testing.assert_allclose(
        found.removal[:, k], variance(case, weight=weight) / variance(case) - 1, rtol=1e-8
    )
    rest = np.delete(np.arange(6), k)
    inner = case["covariance"][np.ix_(rest, rest)]
    G = case["jacobian"][rest]
    best = np.diagonal(np.linalg.inv(G.T @ np.linalg.inv(inner) @ G))
    own = variance(case, weight=np.linalg.inv(case["covariance"]))
    np.testing.assert_allclose(found.removal_optimal[:, k], best / own - 1, rtol=1e-8)


def test_removal_that_leaves_parameters_open_is_not_a_number():
    assert np.isnan(measures(**random_case(n_moments=4)).removal).all()


def test_sensitivity_needs_errors():
    fit = fitted(NAMES[:2], ("ai_floor",))
    params = load_params()
    bare = fit_msm(
        fit.problem.target.with_covariance(None),
        params,
        free=("ai_floor",),
        weight="identity",
        n_starts=1,
        n_workers=N,
    )
    with pytest.raises(ParameterError, match="no standard errors"):
        sensitivity(bare)
