"""Posteriors given moments: closed forms, agreement of both ways, bad input."""

from dataclasses import replace

import numpy as np
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.params import load_params
from withintask.tests_of_model.moments.bank import make_bank
from withintask.tests_of_model.moments.mixture import AS_GIVEN, WIDE
from withintask.tests_of_model.moments.predictive import fail_if_out_of_reach, prior_predictive
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.reweight import posterior
from withintask.tests_of_model.moments.targets import make_target
from withintask.tests_of_model.moments.weights import (
    effective_number,
    log_normal,
    normalized,
    weighted_quantile,
)

N_DRAWS = 2**12
VAGUE = {"m1": 0.1, "m2": 0.1, "m4": 0.05}
"""Errors so wide that many draws of a small bank count."""


@pytest.fixture(scope="module")
def bank():
    return make_bank(load_params(), load_prior(), n_draws=N_DRAWS, n_workers=2**8)


def target(errors, values):
    return make_target(
        values, tuple(errors), covariance=np.diag(np.square(list(errors.values()))), source="test"
    )


def test_a_moment_that_is_a_parameter_updates_it_as_bayes_does(bank):
    # m7 is own_gini, its prior Beta(2, 2) on [.5, .95]: posterior by a fine grid.
    grid = np.linspace(0.5, 0.95, 20001)
    share = (grid - 0.5) / 0.45
    weight = share * (1 - share) * np.exp(-(((grid - 0.8) / 0.02) ** 2) / 2)
    expected = weighted_quantile(grid, weight / weight.sum(), [0.05, 0.5, 0.95])
    after = posterior(bank, target({"m7": 0.02}, [0.8]), n_particles=2**10)
    got = np.array(after.interval("own_gini"))
    # Quantiles of 1024 draws: density at the 5 percent point of a normal is .103/sd, so its error is
    # sqrt(.05 x .95/1024)/.103 = .066 sd; four of those, and some left-over memory.
    np.testing.assert_allclose(got, expected, atol=0.3 * 0.02)


def test_a_parameter_of_which_moments_say_nothing_keeps_its_prior(bank):
    after = posterior(bank, target({"m1": 0.01}, [-0.2]), n_particles=2**8)
    low, middle, high = after.interval("own_gini")
    share = bank.prior.uniforms(np.column_stack([np.full(3, 1.0)] * len(bank.prior.names)))
    assert share.shape == (3, len(bank.prior.names))
    own = bank.prior.names.index("own_gini")
    expected = bank.prior.quantile(np.column_stack([[0.05, 0.5, 0.95]] * len(bank.prior.names)))
    # Prior sd .1; a 5 percent point of 256 draws has an error of sqrt(.05 x .95/256)/.2 = .07 sd, and draws keep some memory.
    np.testing.assert_allclose([low, middle, high], expected[:, own], atol=0.05)


def test_refined_and_reweighted_posteriors_agree(bank):
    wanted = target(VAGUE, [-0.15, -0.15, 0.05])
    refined = posterior(bank, wanted, n_particles=2**10)
    assert np.isfinite(refined.acceptance)
    gap = bank.features[:, [0, 1, 3]] - wanted.value
    weight = normalized(bank.log_weight() + log_normal(gap, wanted.covariance))
    n = effective_number(weight)
    assert n > 100
    for name in ("ai_floor", "task_substitution", "credential_cost_scale"):
        draws = bank.values[:, bank.prior.names.index(name)]
        mean = weight @ draws
        sd = np.sqrt(weight @ (draws - mean) ** 2)
        # Four errors of a difference of means, 2 x 3 x 3e-5 false alarms.
        got = refined.weight @ refined.of(name)
        assert got == pytest.approx(mean, abs=4 * sd * np.sqrt(1 / n + 2 / refined.n_effective))


def test_one_population_holds_the_posterior_under_each_prior(bank):
    wanted = target(VAGUE, [-0.15, -0.15, 0.05])
    refined = posterior(bank, wanted, n_particles=2**10)
    gap = bank.features[:, [0, 1, 3]] - wanted.value
    drawn = bank.values[:, bank.prior.names.index("ai_floor")]
    for name, other in refined.variants().items():
        prior = refined.mixture.components[name]
        weight = normalized(bank.log_weight(prior) + log_normal(gap, wanted.covariance))
        mean = weight @ drawn
        sd = np.sqrt(weight @ (drawn - mean) ** 2)
        error = sd * np.sqrt(1 / effective_number(weight) + 2 / other.n_effective)
        # Four errors of a difference of means, three times 6e-5.
        assert other.weight @ other.of("ai_floor") == pytest.approx(mean, abs=4 * error)


def test_draws_of_a_posterior_keep_its_weights(bank):
    after = posterior(bank, target({"m1": 0.03}, [-0.2]), n_particles=2**9)
    fewer = after.drawn(4000, seed=0)
    got, expected = (each.weight @ each.of("ai_floor") for each in (fewer, after))
    sd = np.sqrt(after.weight @ (after.of("ai_floor") - expected) ** 2)
    assert got == pytest.approx(expected, abs=4 * sd / np.sqrt(fewer.n_effective))


def test_fixed_parameters_stay_and_narrow_the_others(bank):
    wanted = target({"m5": 1e-4}, [3e-4])
    free = posterior(bank, wanted, n_particles=2**9)
    given = posterior(
        bank, wanted, n_particles=2**9, fixed={"rent_sharing": 0.15, "base_rent": 0.25}
    )
    assert "rent_sharing" not in given.prior.names
    assert set(given.of("rent_sharing")) == {0.15}

    def width(after):
        low, _, high = after.interval("capital_intensity")
        return high - low

    assert width(given) < width(free)


def test_equal_seeds_give_equal_posteriors(bank):
    wanted = target({"m1": 0.02}, [-0.2])
    one, same, other = (posterior(bank, wanted, n_particles=2**8, seed=s) for s in (1, 1, 2))
    assert (one.values == same.values).all()
    assert not (one.values == other.values).all()


def test_the_change_of_the_gini_reweights_the_draws(bank):
    errors = {"m1": 0.05, "m6": 0.004}
    after = posterior(bank, target(errors, [-0.2, 0.01]), n_particles=2**9)
    low, _, high = after.interval("m6")
    assert 0.01 - 3 * 0.004 < low < high < 0.01 + 3 * 0.004
    assert after.n_effective < 2**9


def test_targets_without_errors_are_refused(bank):
    with pytest.raises(ParameterError, match="every target needs a std_error"):
        posterior(bank, make_target([-0.2], ("m1",), source="test"))


def test_fixing_what_has_no_prior_is_refused_with_the_nearest_name(bank):
    with pytest.raises(ParameterError, match=r"ai_flor: has no prior.*ai_floor"):
        posterior(bank, target({"m1": 0.05}, [-0.2]), fixed={"ai_flor": 0.8})


def test_fixing_outside_the_domain_is_refused(bank):
    with pytest.raises(ParameterError, match=r"own_gini = 1.2"):
        posterior(bank, target({"m1": 0.05}, [-0.2]), fixed={"own_gini": 1.2})


# What the prior predicts -----------------------------------------------------------------------


def test_targets_drawn_from_the_prior_are_in_reach(bank):
    wanted = target(VAGUE, bank.features[5, [0, 1, 3]])
    fail_if_out_of_reach(bank, wanted)
    assert set(prior_predictive(bank, wanted)["gap_of_nearest_draw"].abs() < 1) == {True}


def test_a_target_that_no_draw_comes_near_is_named(bank):
    # No economy here gives firm effects a fifth of the variance of log pay: only rents make them differ.
    wanted = target({"m1": 0.05, "m8": 0.001}, [-0.1, 0.5])
    with pytest.raises(ParameterError, match=r"m8 = 0.5: p = .*the prior predicts") as error:
        fail_if_out_of_reach(bank, wanted)
    assert "m1" not in str(error.value)


def test_targets_that_exclude_each_other_are_refused_together(bank):
    # m1 and m2 are almost one number in this model: each is possible, not both.
    wanted = target({"m1": 0.01, "m2": 0.01}, [-0.2, 0.2])
    with pytest.raises(ParameterError, match=r"together: p = .*misses m"):
        fail_if_out_of_reach(bank, wanted)


def test_evidence_is_the_mean_likelihood_of_the_prior(bank):
    wanted = target(VAGUE, [-0.15, -0.15, 0.05])
    gap = bank.features[:, [0, 1, 3]] - wanted.value
    weight = normalized(bank.log_weight())
    terms = np.exp(log_normal(gap, wanted.covariance))
    mean = weight @ terms
    error = np.sqrt(weight**2 @ (terms - mean) ** 2) / mean
    got = posterior(bank, wanted, n_particles=2**10).log_evidence()
    # Both start from the same bank; the second adds the error of its steps, about 1/sqrt(1024) each.
    assert got == pytest.approx(np.log(mean), abs=4 * (error + 4 / np.sqrt(2**10)))


def test_evidence_of_a_prior_that_no_draw_lies_in_is_its_upper_bound(bank):
    after = posterior(bank, target(VAGUE, [-0.15, -0.15, 0.05]), n_particles=2**8)
    values = after.values.copy()
    place = after.prior.names.index("ai_multiplicative")
    values[:, place] = after.prior.high[place] + 0.01
    outside = replace(
        after,
        values=values,
        log_mixture=after.mixture.log_density(values),
    )
    # Its draws are half of the mixture's, so its mean likelihood is at most twice the mixture's.
    most = outside.log_evidence_mixture + np.log(2)
    assert outside.log_evidence(AS_GIVEN) == pytest.approx(most, rel=1e-12)
    # All of them lie in the wide prior, where the mixture is a quarter of it.
    assert outside.log_evidence(WIDE) == pytest.approx(most + np.log(2), rel=1e-12)
