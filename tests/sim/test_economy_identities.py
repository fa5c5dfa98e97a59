"""The economy against closed forms and accounting identities, and the pattern of its reference figures."""

import numpy as np
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim import equations as eq
from withintask.sim.cells import exposed_cells
from withintask.sim.economy import solve_economy, solve_path
from withintask.sim.inequality import gini, lognormal_log_sd
from withintask.sim.params import load_params, make_params, vary
from withintask.sim.screening import screening_after, screening_before
from withintask.tests_of_model.estimands import between as h4
from withintask.tests_of_model.estimands import compression as h1
from withintask.tests_of_model.estimands import credentials as h3
from withintask.tests_of_model.estimands import returns as h2

ROUNDING = 1e-12
VARIANTS = [
    {},
    {"substitution": 1.0},
    {"substitution": 0.6},
    {"task_substitution": -0.5},
    {"proprietary_gap": 0.5, "rent_sharing_gap": 0.1},
]


@pytest.fixture(scope="module")
def baseline():
    return solve_economy(load_params())


@pytest.mark.parametrize("changes", VARIANTS)
def test_values_add_up(changes):
    economy = solve_economy(vary(load_params(), **changes), n_workers=2**12)
    before, after = economy.before, economy.after
    v_bar, r0 = before.human_pay_mean, economy.params.base_rent
    total = (after.final_output + r0) * v_bar
    assert after.human_pay_mean + after.rent_mean == pytest.approx(total, rel=ROUNDING)
    assert after.pay_mean + after.profit_mean == pytest.approx(total, rel=ROUNDING)
    # Equal time shares and φ = 1: pre-AI output of a task is proportional to h̄ of its skill type.
    weight = economy.population.workers.human_capital_mean[economy.population.task_skill]
    output = np.broadcast_to(weight, after.output_ratio.shape) * after.output_ratio
    value = np.sum(after.task_price * output)
    assert value == pytest.approx(after.final_output * weight.sum() * output.shape[0], rel=ROUNDING)


@pytest.mark.parametrize("changes", VARIANTS)
def test_owners_never_lose_by_sharing_and_keep_at_least_their_part(changes):
    economy = solve_economy(vary(load_params(), **changes), n_workers=2**10)
    state = economy.after
    sharing = economy.population.industries.rent_sharing[:, None]
    kept = eq.profit(state.rent, state.human_pay_mean, state.premium)
    assert (kept >= (1 - sharing) * state.rent - ROUNDING).all()


def test_proposition_one_holds_exactly_for_an_additive_floor():
    economy = solve_economy(vary(load_params(), ai_multiplicative=0.0), n_workers=2**12)
    (cells,) = exposed_cells(economy)
    output, weight = cells.output_after(), cells.grid.weight
    mean = output @ weight
    cv = np.sqrt((output - mean[..., None]) ** 2 @ weight) / mean
    h = economy.population.workers.human_capital[:, 0]
    expected = eq.compressed_cv(h.std() / h.mean(), cells.ai_output / h.mean())
    np.testing.assert_allclose(cv, expected, rtol=1e-9)


def test_the_quadrature_over_skills_equals_the_mean_over_workers(baseline):
    (cells,) = exposed_cells(baseline)
    h = baseline.population.workers.human_capital[:, 0]
    for m in (0.1, 0.8, 5.0):
        np.testing.assert_allclose(
            np.log(cells.grid.node + m) @ cells.grid.weight, np.log(h + m).mean(), rtol=1e-9
        )


def test_the_sign_of_h1_follows_that_of_rho():
    change = [
        h1.delta_log_cv(solve_economy(vary(load_params(), task_substitution=rho), n_workers=2**13))
        for rho in (1.0, 0.5, 0.01, -0.5, -1.0)
    ]
    assert change == sorted(change)
    # The prototype's figures; exposure draws differ by seed, so that a tenth of the range is allowed.
    np.testing.assert_allclose(change, [-0.236, -0.112, -0.002, 0.122, 0.274], atol=0.05)


def test_the_pooled_cv_can_rise_where_proprietary_ai_is_very_unequal():
    unequal = solve_economy(
        vary(load_params(), proprietary=3.0, capital_intensity=1.5, asset_gini=0.9), n_workers=2**12
    )
    assert h1.delta_log_cv(unequal) < 0 < h1.delta_log_cv_pooled(unequal)


def test_the_reference_figures_have_the_prototypes_pattern(baseline):
    assert h1.delta_log_cv(baseline) == pytest.approx(-0.236, abs=0.02)
    assert h1.ability_gradient(baseline) == pytest.approx(-0.229, abs=0.02)
    assert h2.delta_return_cog(baseline) < 0 < h2.delta_return_soc(baseline)
    assert h2.delta_return_gap(baseline) == pytest.approx(-0.0042, abs=0.001)
    assert h3.delta_credential(baseline) == pytest.approx(0.087, abs=0.02)
    assert h4.delta_between_variance(baseline) == pytest.approx(0.0003, abs=0.0001)
    assert baseline.delta_gini_pay < 0 < baseline.delta_gini_income
    assert (baseline.before.profit_share, baseline.after.profit_share) == pytest.approx(
        (0.174, 0.222), abs=0.005
    )


def test_figures_agree_over_scrambles_to_their_quadrature_error():
    figures = [
        solve_economy(load_params(), n_workers=2**14, scramble=s).delta_gini_income
        for s in range(8)
    ]
    assert np.std(figures, ddof=1) < 1e-4


def test_rent_sharing_lowers_inequality_of_income_and_then_raises_it():
    change = {
        xi: solve_economy(vary(load_params(), rent_sharing=xi)) for xi in (0.0, 0.3, 0.6, 0.8, 1.0)
    }
    income = [e.delta_gini_income for e in change.values()]
    assert income[0] > income[1] > income[2] > income[3] < income[4]
    assert change[1.0].delta_gini_income == pytest.approx(change[1.0].delta_gini_pay, rel=1e-9)


def test_technology_structure_alone_crosses_the_boundary():
    commodity, proprietary = (
        solve_economy(vary(load_params(), commodity=1 - share, proprietary=share))
        for share in (0.2, 0.9)
    )
    assert commodity.delta_gini_income < 0 < proprietary.delta_gini_income


def test_the_between_share_rises_under_commodity_ai_too():
    economy = solve_economy(vary(load_params(), commodity=1.0, proprietary=0.0))
    assert h4.delta_between_share(economy) > 0
    assert h4.delta_between_variance(economy) < 0


def test_the_log_ratio_contrast_of_h4_is_zero_since_the_between_variance_is_proportional_to_xi_squared():
    economy = solve_economy(
        vary(load_params(), proprietary_gap=0.5, rent_sharing_gap=0.1), n_workers=2**10
    )
    assert h4.between_variance_contrast(economy) > 0
    assert h4.log_ratio_contrast(economy) == pytest.approx(0.0, abs=1e-10)


def test_nothing_changes_without_ai():
    economy = solve_economy(vary(load_params(), capability=0.0), n_workers=2**10)
    for estimands in (h1, h2, h3, h4):
        for term, estimand in estimands.TRUTHS.items():
            value = estimand(economy)
            assert np.isnan(value) or abs(value) < 1e-9, term


def test_work_samples_say_less_where_skill_and_ai_substitute_and_more_where_they_are_complements():
    for rho, sign in ((1.0, 1), (-0.5, -1)):
        economy = solve_economy(vary(load_params(), task_substitution=rho), n_workers=2**10)
        rise = (
            screening_after(economy).credential_probability
            - screening_before(economy).credential_probability
        )
        exposed = screening_after(economy).is_exposed
        assert (sign * rise[exposed] > 0).all()
        assert np.abs(rise[~exposed]).max() < ROUNDING


def test_cumulative_advantage_concentrates_and_its_absence_is_static():
    grows = solve_path(vary(load_params(), cumulative_advantage=0.05), 6, n_workers=2**10)
    static = solve_path(load_params(), 6, n_workers=2**10)
    spread = [np.sum(s.firm_weight * (s.asset_factor - 1) ** 2) for s in grows]
    assert spread == sorted(spread)
    assert spread[-1] > spread[1]
    np.testing.assert_array_equal(static[1].asset_factor, static[-1].asset_factor)


def test_gini_of_a_lognormal_is_its_closed_form():
    z = (np.arange(200_000) + 0.5) / 200_000
    from scipy.special import ndtri

    for g in (0.4, 0.75):
        # The cut tails hold less than 1e-3 of the Gini at this log standard deviation.
        assert gini(np.exp(lognormal_log_sd(g) * ndtri(z))) == pytest.approx(g, abs=1e-3)


def test_every_problem_of_the_parameters_is_named_at_once():
    values = {"ability_sd": -1, "proprietry": 0.3}
    with pytest.raises(ParameterError) as caught:
        make_params(values)
    said = str(caught.value)
    assert "ability_sd = -1: expected (0, 2]" in said
    assert "proprietry: unknown; did you mean proprietary?" in said
    assert "rent_sharing: missing" in said
