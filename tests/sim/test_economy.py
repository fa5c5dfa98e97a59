"""The economy: identities to rounding, quadrature within its error, closed forms of dispersion."""

import numpy as np
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.economy import solve_at, solve_economy, solve_path
from withintask.sim.inequality import gini, lognormal_log_sd, percentile_ratio, theil
from withintask.sim.params import switch_off, vary

ROUNDING = 1e-12
VARIANTS = [
    {},
    {"substitution": 1.0},
    {"substitution": 0.5},
    {"task_substitution": -1.0},
    {"ai_multiplicative": 0.6},
    {"proprietary_gap": 0.5, "rent_sharing_gap": 0.1},
    {"base_rent": 0.0, "rent_sharing": 1.0},
    {"reach_rate": 0.5},
    {"asset_gini": 0.9, "capital_intensity": 1.0},
]


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request, params):
    return solve_economy(vary(params, **request.param), n_workers=2**12)


def output_before(economy):
    """Output of every task before AI; prices are 1, so this is expenditure too."""
    workers, population = economy.population.workers, economy.population
    human = economy.params.task_productivity * workers.human_capital_mean
    return np.broadcast_to(human[population.task_skill], population.exposure.shape)


def test_expenditure_is_final_output_times_output_before(variant):
    after, before = variant.after, output_before(variant)
    spent = float(np.sum(after.task_price * after.output_ratio * before))
    assert spent == pytest.approx(after.final_output * float(before.sum()), rel=ROUNDING)


@pytest.mark.parametrize("when", ["before", "after"])
def test_human_pay_and_rents_are_final_output_and_base_rents(variant, when):
    state, v_bar = getattr(variant, when), variant.before.human_pay_mean
    expected = (state.final_output + variant.params.base_rent) * v_bar
    assert state.human_pay_mean + state.rent_mean == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("when", ["before", "after"])
def test_pay_and_profit_are_human_pay_and_rents(variant, when):
    state = getattr(variant, when)
    total = state.human_pay_mean + state.rent_mean
    assert state.pay_mean + state.profit_mean == pytest.approx(total, rel=ROUNDING)


@pytest.mark.parametrize("when", ["before", "after"])
def test_income_is_the_same_total(variant, when):
    # The mean over the joint points differs from the exact means by quadrature alone; 2^12 scrambled Sobol
    # points integrate these smooth functions to better than one part in a thousand.
    state = getattr(variant, when)
    assert state.income.mean() == pytest.approx(state.pay_mean + state.profit_mean, rel=2e-3)
    kept = state.income - variant.population.ownership * state.profit_mean
    np.testing.assert_allclose(kept, state.pay, rtol=1e-9)


def test_without_ai_nothing_changes(params):
    economy = solve_economy(switch_off(params), n_workers=2**10)
    assert economy.delta_gini_income == 0
    assert economy.delta_gini_pay == 0
    assert economy.after.final_output == 1


def test_before_ai_prices_are_one_and_the_signal_of_rents_is_the_base(economy):
    assert np.all(economy.before.task_price == 1)
    mean = economy.before.rent_mean
    assert mean == pytest.approx(
        economy.params.base_rent * economy.before.human_pay_mean, rel=ROUNDING
    )


def test_all_rents_go_to_workers_with_full_sharing(params):
    economy = solve_economy(vary(params, rent_sharing=1.0), n_workers=2**10)
    assert economy.after.profit_mean == pytest.approx(0, abs=ROUNDING)
    assert economy.delta_gini_income == pytest.approx(economy.delta_gini_pay, abs=ROUNDING)


def test_between_variance_is_that_of_the_shared_log_rent(variant):
    state, weight = variant.after, variant.after.firm_weight
    sharing = variant.population.industries.rent_sharing[:, None]
    shared = sharing * np.log1p(state.rent / state.human_pay_mean)
    mean = np.sum(weight * shared)
    assert state.between_variance == pytest.approx(np.sum(weight * (shared - mean) ** 2), rel=1e-9)


def test_variance_of_log_pay_is_between_plus_within(variant):
    # Firm and worker are independent in the population; the joint points reproduce this up to quadrature.
    state = variant.after
    total = np.log(state.pay).var()
    assert state.between_variance + state.within_variance == pytest.approx(total, rel=1e-2)


def test_between_variance_by_industry_averages_to_the_whole_where_there_is_one(economy):
    whole = economy.after.between_variance
    np.testing.assert_allclose(economy.after.between_variance_by_industry, [whole], rtol=ROUNDING)


def test_the_between_share_rises_under_pure_commodity_ai(params):
    economy = solve_economy(vary(params, commodity=1.0, proprietary=0.0))
    assert economy.after.between_share > economy.before.between_share
    assert economy.after.between_variance < economy.before.between_variance


def test_asset_factors_have_mean_one_over_firms(variant):
    mean = variant.population.firm_weight @ variant.after.asset_factor
    assert mean == pytest.approx(1, rel=ROUNDING)


def test_industries_differ_only_in_technology_and_sharing(industries):
    kinds, state = industries.population.industries, industries.after
    np.testing.assert_allclose(kinds.proprietary, [0.2, 0.2, 1.2, 1.2], rtol=ROUNDING)
    np.testing.assert_allclose(kinds.rent_sharing, [0.05, 0.25, 0.05, 0.25], rtol=ROUNDING)
    np.testing.assert_allclose(state.rent[0], state.rent[1], rtol=ROUNDING)
    assert np.all(state.rent[2] > state.rent[0])
    np.testing.assert_allclose(industries.before.rent[0], industries.before.rent[3], rtol=ROUNDING)


def test_proprietary_industries_with_strong_sharing_spread_pay_most(industries):
    change = (
        industries.after.between_variance_by_industry
        - industries.before.between_variance_by_industry
    )
    assert change[3] - change[2] > change[1] - change[0]
    assert np.argmax(change) == 3


def test_equal_arguments_give_equal_economies(params):
    one, two = (solve_economy(params, n_workers=2**10, scramble=3) for _ in range(2))
    assert np.array_equal(one.after.income, two.after.income)


def test_the_state_at_the_frontier_is_the_state_after(economy):
    again = solve_at(economy, economy.params.capability)
    assert again.gini_income == economy.after.gini_income
    assert again.final_output == economy.after.final_output


@pytest.mark.parametrize("size", [0, 100, 255, 1000])
def test_sizes_that_break_the_quadrature_are_refused(params, size):
    with pytest.raises(ParameterError, match="power of two"):
        solve_economy(params, n_workers=size)


# Cumulative advantage ------------------------------------------------------------------------------


def spread(state):
    weight = state.firm_weight[0] / state.firm_weight[0].sum()
    return float(weight @ (state.asset_factor - 1) ** 2)


def test_without_cumulative_advantage_assets_are_static(params):
    states = solve_path(params, 5, n_workers=2**10)
    assert {spread(state) for state in states} == {spread(states[0])}
    ratio = states[-1].final_output / solve_economy(params, n_workers=2**10).after.final_output
    frontier = 1 - np.exp(-5 * params.capability_rate)
    assert states[-1].capability == pytest.approx(frontier, rel=ROUNDING)
    assert ratio == pytest.approx(1, abs=1e-3)


def test_cumulative_advantage_concentrates_assets_profit_and_income(params):
    static = solve_path(params, 6, n_workers=2**12)
    growing = solve_path(vary(params, cumulative_advantage=0.05), 6, n_workers=2**12)
    spreads = [spread(state) for state in growing]
    assert np.all(np.diff(spreads[1:]) > 0)
    assert spreads[0] == spread(static[-1])
    # Premia are concave in rents, so the more concentrated rents are, the more of them owners keep.
    assert growing[-1].profit_share > static[-1].profit_share
    assert growing[-1].gini_income > static[-1].gini_income


def test_one_step_of_advantage_follows_equation_seven(params):
    gamma = 0.05
    first, second = solve_path(vary(params, cumulative_advantage=gamma), 2, n_workers=2**10)[1:]
    relative = first.rent[0] / first.rent_mean
    log_growth = np.log(second.asset_factor / first.asset_factor) / params.capital_intensity
    expected = gamma * (relative - 1)
    # Re-normalization shifts all firms alike.
    np.testing.assert_allclose(
        log_growth - log_growth[0], expected - expected[0], atol=1e-12, rtol=1e-9
    )


# Measures ------------------------------------------------------------------------------------------


def test_the_gini_of_a_two_point_distribution_has_its_closed_form():
    assert gini([0.0, 1.0]) == pytest.approx(0.5, rel=ROUNDING)
    assert gini([1.0, 1.0, 1.0, 5.0]) == pytest.approx(3 / 8, rel=ROUNDING)


def test_gini_is_half_the_relative_mean_difference():
    x = np.random.default_rng(1).lognormal(size=300)
    difference = np.abs(x[:, None] - x).mean() / (2 * x.mean())
    assert gini(x) == pytest.approx(difference, rel=ROUNDING)


@pytest.mark.parametrize("coefficient", [0.2, 0.6, 0.75])
def test_the_lognormal_has_the_gini_asked_for(coefficient):
    n = 2**17
    score = np.sort(np.random.default_rng(5).standard_normal(n))
    # Standard error of a sample Gini of a lognormal of this spread is below .6/sqrt(n)·(1 + sd²): 4 of them.
    sd = lognormal_log_sd(coefficient)
    assert gini(np.exp(sd * score)) == pytest.approx(coefficient, abs=4 * (1 + sd**2) / np.sqrt(n))


def test_theil_of_a_lognormal_is_half_its_log_variance():
    n, sd = 2**17, 0.5
    x = np.exp(sd * np.random.default_rng(6).standard_normal(n))
    assert theil(x) == pytest.approx(sd**2 / 2, abs=4 * sd / np.sqrt(n))


def test_inequality_does_not_depend_on_the_unit(economy):
    pay = economy.after.pay
    for measure in (gini, theil):
        assert measure(7 * pay) == pytest.approx(measure(pay), rel=1e-9)
    assert economy.after.percentile_ratio_pay(90, 10) == pytest.approx(
        percentile_ratio(7 * pay, 90, 10), rel=1e-9
    )


def test_income_is_spread_more_than_pay_where_ownership_is(economy):
    state = economy.after
    assert state.theil_income > state.theil_pay
    assert state.gini_income > state.gini_pay
    assert state.percentile_ratio_income(90, 10) > 1
