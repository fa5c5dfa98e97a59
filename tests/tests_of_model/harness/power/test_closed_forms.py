"""The simulator's tests have the power of their closed forms, where there are any: two means, clusters, a ratio of variances."""

import numpy as np
import pytest
from scipy import stats

from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.estimands.ability import delta_log_sd
from withintask.tests_of_model.estimands.average import average_effect_log
from withintask.tests_of_model.harness.power.question import rejection
from withintask.tests_of_model.hypotheses.estimate import choose

N = 200
NOISE, SHOCK = 0.3, 0.2
# One technology for all firms and nearly one exposure for all tasks: the effect is the same for everybody.
SAME = {
    "proprietary": 0.0,
    "commodity": 1.0,
    "exposure_shape_low": 50.0,
    "exposure_shape_high": 50.0,
}
MULTIPLIES = vary(load_params(), **SAME, ai_multiplicative=0.999, capability=1.0)
COMPRESSES = vary(load_params(), **SAME, capability=0.6)


def design(**changes):
    sizes = {"n_tasks": 1, "n_items": 1, "output_noise": NOISE}
    return change_design(load_design("rct"), **{**sizes, **changes})


def simulated_power(estimator, term, params, of_design):
    ((_, chosen),) = choose(["H1"], [estimator])
    hits = [rejection(chosen, term, params, of_design, seed=1, replicate=k) for k in range(N)]
    return np.mean(hits)


def assert_agrees(power, exact):
    """Four Monte-Carlo errors: a false alarm in 16,000, but for what the closed form leaves out."""
    assert abs(power - exact) < 4 * np.sqrt(exact * (1 - exact) / N)


def power_of_t(shift, dof):
    """Power of a two-sided t test with a shift in standard errors."""
    critical = stats.t.ppf(0.975, dof)
    return stats.nct.sf(critical, dof, shift) + stats.nct.cdf(-critical, dof, shift)


def effect_and_spread():
    economy = solve_economy(MULTIPLIES)
    skill = np.log(economy.population.workers.human_capital[:, 0]).std()
    return average_effect_log(economy), np.hypot(skill, NOISE)


def test_two_means_have_the_power_of_the_t_test():
    n = 40
    effect, spread = effect_and_spread()
    exact = power_of_t(effect / (spread * np.sqrt(2 / n)), 2 * n - 2)
    trial = design(n_workers=2 * n, n_firms=1)
    assert_agrees(simulated_power("effect_between", "average_effect_log", MULTIPLIES, trial), exact)


def test_clusters_have_the_power_of_the_t_test_of_their_means():
    n_firms, by_firm = 30, 8
    effect, spread = effect_and_spread()
    of_firm = np.sqrt(SHOCK**2 + spread**2 / by_firm)
    exact = power_of_t(effect / (of_firm * np.sqrt(4 / n_firms)), n_firms - 2)
    trial = design(
        treatment="randomized_firms",
        n_workers=n_firms * by_firm,
        n_firms=n_firms,
        firm_shock_sd=SHOCK,
    )
    assert_agrees(simulated_power("effect_between", "average_effect_log", MULTIPLIES, trial), exact)


@pytest.mark.parametrize(
    ("estimator", "term", "more"),
    [
        ("dispersion_between_arms", "delta_log_variance", {"output_noise": 0.0}),
        ("pairs_between", "delta_log_sd", {"output_noise": 0.001, "n_items": 2}),
    ],
)
def test_a_ratio_of_variances_has_the_power_of_the_f_test(estimator, term, more):
    n = 200
    ratio = np.exp(2 * delta_log_sd(solve_economy(COMPRESSES)))
    low, high = stats.f.ppf([0.025, 0.975], n - 1, n - 1)
    exact = stats.f.cdf(low / ratio, n - 1, n - 1) + stats.f.sf(high / ratio, n - 1, n - 1)
    trial = design(n_workers=2 * n, n_firms=1, **more)
    assert_agrees(simulated_power(estimator, term, COMPRESSES, trial), exact)
