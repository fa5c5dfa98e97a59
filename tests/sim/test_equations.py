"""Closed forms of equations (1) to (9)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from withintask.sim import equations as eq

SEED = 20260305
ROUNDING = 1e-12
AMOUNTS = st.floats(min_value=0.05, max_value=20)
SHARES = st.floats(min_value=0, max_value=1)


def skills(n=400):
    return np.exp(0.5 * np.random.default_rng(SEED).standard_normal(n))


def cv(values):
    return values.std() / values.mean()


def test_human_capital_rises_by_the_return_for_each_year():
    ratio = eq.human_capital(2.0, 11.0, 0.08) / eq.human_capital(2.0, 10.0, 0.08)
    assert ratio == pytest.approx(np.exp(0.08), rel=ROUNDING)


def test_no_task_is_reached_without_ai_and_every_exposed_task_in_the_limit():
    exposure = np.array([0.0, 1e-9, 0.4, 0.999])
    without, limit = eq.reach(0.0, 3.0), eq.reach(1.0, np.inf)
    assert eq.augmentable_exposure(exposure, without).tolist() == [0.0] * 4
    assert eq.augmentable_exposure(exposure, limit).tolist() == exposure.tolist()


def test_the_most_exposed_tasks_are_reached_first():
    exposure = np.array([0.2, 0.5, 0.9])
    reached = eq.augmentable_exposure(exposure, eq.reach(1.0, np.log(2)))
    assert reached.tolist() == [0.0, 0.5, 0.9]


def test_capability_is_zero_before_arrival_and_saturates():
    path = eq.capability_path(np.array([-1, 0, 1, 2, 10_000]), 1.5, 0.7)
    assert path[:2].tolist() == [0.0, 0.0]
    assert path[2] == pytest.approx(1.5 * (1 - np.exp(-0.7)), rel=ROUNDING)
    assert path[4] == pytest.approx(1.5, rel=ROUNDING)


@given(mu=SHARES, rho=st.floats(-2, 1), h=AMOUNTS)
def test_output_without_ai_is_human_output(mu, rho, h):
    assert eq.task_output(h, 0.0, eq.skill_response(h, mu, rho)) == h


@given(m=AMOUNTS)
def test_additive_ai_adds_the_same_to_everyone(m):
    h = skills()
    gain = eq.task_output(h, m, eq.skill_response(h / h.mean(), 0.0, 1.0)) - h
    np.testing.assert_allclose(gain, m, rtol=1e-9)


@given(m=AMOUNTS)
def test_an_additive_floor_compresses_the_cv_by_the_closed_form(m):
    h = skills()
    after = eq.task_output(h, m, eq.skill_response(h / h.mean(), 0.0, 1.0))
    assert cv(after) == pytest.approx(float(eq.compressed_cv(cv(h), m / h.mean())), rel=1e-9)


@given(m=AMOUNTS, mu=SHARES)
def test_the_cv_does_not_change_as_rho_goes_to_zero(m, mu):
    h = skills()
    after = eq.task_output(h, m, eq.skill_response(h / h.mean(), mu, 0.0))
    assert cv(after) == pytest.approx(cv(h), rel=1e-9)


@given(m=AMOUNTS, rho=st.floats(0.05, 1), mu=st.floats(0, 0.9))
def test_the_cv_falls_for_substitutes_and_rises_for_complements(m, rho, mu):
    h = skills()
    for sign, power in ((-1, rho), (1, -rho)):
        after = eq.task_output(h, m, eq.skill_response(h / h.mean(), mu, power))
        assert np.sign(cv(after) - cv(h)) == sign


@given(m=AMOUNTS)
def test_the_relative_gain_falls_in_skill_under_an_additive_floor(m):
    h = np.sort(skills())
    gain = np.log(eq.task_output(h, m, eq.skill_response(h / h.mean(), 0.1, 1.0)) / h)
    assert np.all(np.diff(gain) < 0)


@given(m1=AMOUNTS, m2=AMOUNTS, rho=st.floats(-1, 1), mu=SHARES)
def test_output_is_linear_in_ai(m1, m2, rho, mu):
    h = skills(50)
    response = eq.skill_response(h / h.mean(), mu, rho)
    together = eq.task_output(h, m1 + m2, response)
    apart = eq.task_output(h, m1, response) + eq.task_output(h, m2, response) - h
    np.testing.assert_allclose(together, apart, rtol=1e-9)


def test_the_expansion_is_the_slope_of_a_ces_of_skill_and_ai():
    # A CES of skill and AI, normalized to hφ without AI: y = h [1 + ρ (m/h̄)(h/h̄)^(-ρ)]^(1/ρ).
    h, h_mean, step = 1.7, 1.1, 1e-7
    for rho in (1.0, 0.5, -0.5, -1.0):
        ces = h * (1 + rho * (step / h_mean) * (h / h_mean) ** -rho) ** (1 / rho)
        linear = float(eq.task_output(h, step, eq.skill_response(h / h_mean, 0.0, rho)))
        assert (ces - h) / step == pytest.approx((linear - h) / step, rel=1e-5)


@given(sigma=st.sampled_from([0.3, 0.9, 1.0, 1.1, 2.0, 7.0]), seed=st.integers(0, 99))
def test_expenditure_at_the_new_prices_is_final_output(sigma, seed):
    random = np.random.default_rng(seed)
    share, ratio = random.dirichlet(np.ones(6)), 1 + random.random(6)
    final = eq.final_output_ratio(share, ratio, sigma)
    price = eq.task_price(final, ratio, sigma)
    # Quantities before AI are the shares, since prices were 1.
    assert float(np.sum(price * share * ratio)) == pytest.approx(final, rel=ROUNDING)


def test_cobb_douglas_is_the_limit_of_the_ces():
    share, ratio = np.array([0.2, 0.3, 0.5]), np.array([1.0, 1.4, 2.0])
    exact = eq.final_output_ratio(share, ratio, 1.0)
    for sigma in (1 - 1e-6, 1 + 1e-6):
        assert eq.final_output_ratio(share, ratio, sigma) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 5.0])
def test_prices_are_one_where_nothing_changes(sigma):
    share = np.array([0.25, 0.75])
    final = eq.final_output_ratio(share, np.ones(2), sigma)
    assert eq.task_price(final, np.ones(2), sigma).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 5.0])
def test_the_price_of_a_task_falls_with_its_output(sigma):
    share, ratio = np.array([0.5, 0.5]), np.array([1.0, 1.5])
    price = eq.task_price(eq.final_output_ratio(share, ratio, sigma), ratio, sigma)
    assert price[1] < 1 < price[0]


def test_expenditure_on_the_exposed_task_rises_above_and_falls_below_unit_elasticity():
    share, ratio = np.array([0.5, 0.5]), np.array([1.0, 1.5])
    change = {}
    for sigma in (0.5, 1.0, 2.0):
        final = eq.final_output_ratio(share, ratio, sigma)
        spent = eq.task_price(final, ratio, sigma) * share * ratio
        change[sigma] = spent[1] / spent.sum() - share[1]
    assert change[0.5] < 0 < change[2.0]
    assert change[1.0] == pytest.approx(0, abs=ROUNDING)


@given(rent=AMOUNTS, hc=AMOUNTS, xi=SHARES)
def test_shared_and_kept_rents_add_up_and_owners_keep_at_least_one_minus_xi(rent, hc, xi):
    premium = eq.rent_premium(rent, hc, xi)
    kept = float(eq.profit(rent, hc, premium))
    assert hc * (float(premium) - 1) + kept == pytest.approx(rent, rel=1e-9)
    assert kept >= (1 - xi) * rent - 1e-9 * (rent + hc)


@pytest.mark.parametrize(("xi", "kept"), [(0.0, 3.0), (1.0, 0.0)])
def test_owners_keep_all_rents_without_sharing_and_none_with_full_sharing(xi, kept):
    assert float(eq.profit(3.0, 2.0, eq.rent_premium(3.0, 2.0, xi))) == pytest.approx(
        kept, abs=ROUNDING
    )


def test_xi_is_the_elasticity_of_pay_to_one_plus_relative_rent():
    step = 1e-6
    low, high = (np.log(eq.rent_premium(1.5 * np.exp(s) - 1, 1.0, 0.3)) for s in (0, step))
    assert (high - low) / step == pytest.approx(0.3, rel=1e-6)


def test_income_adds_a_share_in_mean_profit():
    assert eq.income(np.array([1.0, 2.0]), np.array([0.0, 2.0]), 0.5).tolist() == [1.0, 3.0]


def test_assets_grow_only_with_rents_above_the_mean():
    grown = eq.next_log_assets(np.zeros(3), np.array([0.5, 1.0, 1.5]), 0.1)
    np.testing.assert_allclose(grown, [-0.05, 0.0, 0.05], rtol=ROUNDING, atol=ROUNDING)


def test_schooling_is_never_negative():
    assert eq.incumbent_education(-3.0, -3.0, 2.0, 0.5, 1.0) == 0.0
    assert eq.incumbent_education(1.0, 1.0, 2.0, 0.5, 1.0) == 3.5


@given(rho=st.floats(-1, 1), mu=st.floats(0, 0.99), m=AMOUNTS, h=AMOUNTS)
def test_the_output_elasticity_is_the_slope_of_log_output_in_log_skill(rho, mu, m, h):
    step = 1e-6
    low, high = (
        np.log(eq.task_output(h * np.exp(s), m, eq.skill_response(h * np.exp(s), mu, rho)))
        for s in (-step, step)
    )
    exact = float(eq.output_elasticity(h, m, h, mu, rho))
    assert (high - low) / (2 * step) == pytest.approx(exact, rel=1e-6, abs=1e-8)


def test_the_output_elasticity_is_one_without_ai():
    assert eq.output_elasticity(1.3, 0.0, 1.1, 0.2, 0.5) == 1.0


@given(v=AMOUNTS, noise=AMOUNTS, slope=AMOUNTS)
def test_a_work_sample_is_worth_its_precision(v, noise, slope):
    # Posterior variance of a normal prior and a signal slope·x + noise: v·noise²/(noise² + slope²·v).
    exact = v * noise**2 / (noise**2 + slope**2 * v)
    assert float(eq.posterior_variance(v, slope, noise)) == pytest.approx(exact, rel=1e-9)


@given(v=AMOUNTS, noise=AMOUNTS)
def test_the_gain_from_a_credential_has_its_closed_form(v, noise):
    exact = v**2 / (v + noise**2)
    assert float(eq.credential_gain(v, noise)) == pytest.approx(exact, rel=1e-7, abs=1e-12)


def test_credentials_are_required_more_often_as_the_signal_weakens():
    slope = np.linspace(1, 0.2, 9)
    gain = eq.credential_gain(eq.posterior_variance(0.2, slope, 0.35), 0.45)
    assert np.all(np.diff(eq.credential_probability(gain, 0.06, 0.015)) > 0)


def test_a_gain_equal_to_the_mean_cost_is_a_coin_toss():
    assert eq.credential_probability(0.06, 0.06, 0.015) == 0.5
