"""Entrants' education: the optimum, against brute force, and what AI does to it."""

import numpy as np
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim import equations as eq
from withintask.sim.economy import skill_values, solve_economy
from withintask.sim.education import curvature_bound, entrant_education
from withintask.sim.params import vary

VARIANTS = [
    {},
    {"task_substitution": 0.4},
    {"task_substitution": -0.5, "educ_cost": 0.06},
    {"ai_multiplicative": 0.5},
]


@pytest.fixture(params=VARIANTS, ids=str)
def solved(request, params):
    economy = solve_economy(vary(params, **request.param), n_workers=2**9)
    return economy, entrant_education(economy, economy.after)


def utility(economy, entrants, worker, cog, soc):
    """Eq. (8) without terms that education does not change, on arrays of both types."""
    p, population = economy.params, economy.population
    human, floor = skill_values(p, population, economy.after)
    occupation = population.occupation[worker]
    theta, log_cost, total = entrants.ability[worker], 0.0, 0.0
    for k, years in enumerate((cog, soc)):
        h = eq.human_capital(theta, years, p.return_per_year)
        response = eq.skill_response(
            h / population.workers.human_capital_mean[k], p.ai_multiplicative, p.task_substitution
        )
        total = total + h * human[occupation, k] + response * floor[occupation, k]
        ease = theta**p.educ_cost_ability * np.exp(entrants.taste[worker, k])
        log_cost = log_cost + p.educ_cost * years**2 / (2 * ease)
    return np.log(total) - log_cost


def test_no_point_of_a_grid_is_better_than_the_optimum(solved):
    economy, entrants = solved
    for worker in range(0, 2**9, 37):
        cog, soc = entrants.education[worker]
        best = utility(economy, entrants, worker, cog, soc)
        axis = np.linspace(0, 15, 301)
        grid = utility(economy, entrants, worker, *np.meshgrid(axis, axis))
        assert grid.max() <= best + 1e-12
        at = np.unravel_index(np.argmax(grid), grid.shape)
        # The nearest grid point of a concave problem lies within a few steps of the optimum.
        assert abs(axis[at[1]] - cog) < 0.2
        assert abs(axis[at[0]] - soc) < 0.2


def test_the_optimum_is_interior_and_stationary(solved):
    economy, entrants = solved
    assert np.all(entrants.education > 0)
    p = economy.params
    again = eq.chosen_education(
        entrants.pay_elasticity,
        entrants.ability[:, None],
        entrants.taste,
        p.return_per_year,
        p.educ_cost,
        p.educ_cost_ability,
    )
    np.testing.assert_allclose(again, entrants.education, rtol=1e-10)


def test_without_ai_the_elasticities_are_the_task_shares_of_pay(economy):
    entrants = entrant_education(economy, economy.before)
    np.testing.assert_allclose(entrants.pay_elasticity.sum(axis=1), 1, rtol=1e-12)


def test_ai_lowers_cognitive_and_raises_social_education(economy):
    before, after = (
        entrant_education(economy, s).education_mean for s in (economy.before, economy.after)
    )
    assert after[0] < before[0]
    assert after[1] > before[1]


def test_tails_are_truncated(economy):
    entrants, p = entrant_education(economy, economy.before), economy.params
    assert np.abs(entrants.taste).max() <= p.educ_taste_bound
    score = (np.log(entrants.ability) + p.ability_sd**2 / 2) / p.ability_sd
    assert np.abs(score).max() <= p.educ_taste_bound + 1e-9


def test_the_curvature_bound_is_half_the_squared_return_for_substitutes(params):
    assert curvature_bound(params) == pytest.approx(params.return_per_year**2 / 2, rel=1e-12)


def test_a_cost_that_allows_two_optima_is_refused_with_the_least_that_does_not(params):
    economy = solve_economy(vary(params, educ_cost=0.01), n_workers=2**8)
    with pytest.raises(ParameterError, match="educ_cost = 0.01: expected more than"):
        entrant_education(economy, economy.after)


@pytest.mark.parametrize("name", ["educ_cost", "return_per_year"])
def test_dearer_or_less_rewarded_schooling_is_chosen_less(economy, params, name):
    change = {"educ_cost": 0.04} if name == "educ_cost" else {"return_per_year": 0.07}
    other = solve_economy(vary(params, **change))
    assert np.all(
        entrant_education(other, other.before).education_mean
        < entrant_education(economy, economy.before).education_mean
    )


def test_education_does_not_move_without_ai(params):
    economy = solve_economy(vary(params, capability=0.0), n_workers=2**8)
    before, after = (entrant_education(economy, s) for s in (economy.before, economy.after))
    assert np.array_equal(before.education, after.education)
