"""Ginis of many draws at once, and changes of parameters that leave the model as it is."""

import numpy as np
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.moments.bank import features_at
from withintask.tests_of_model.moments.many_ginis import many_ginis
from withintask.tests_of_model.moments.mixture import AS_GIVEN, FLAT, WIDE, Mixture
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.ridges import MOVES_ALONG

N_WORKERS = 2**8


@pytest.fixture(scope="module")
def params():
    return load_params()


@pytest.fixture(scope="module")
def draws():
    prior = load_prior()
    return prior.names, prior.widened().quantile(
        np.random.default_rng(0).uniform(size=(40, len(prior.names)))
    )


def test_ginis_of_many_draws_are_those_of_their_economies(params, draws):
    names, values = draws
    solved = [
        solve_economy(
            vary(params, **dict(zip(names, row.tolist(), strict=True))),
            n_workers=N_WORKERS,
            is_cut=False,
        )
        for row in values
    ]
    expected = [(each.delta_gini_income, each.delta_gini_pay) for each in solved]
    got = many_ginis(params, names, values, n_workers=N_WORKERS)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_a_substitution_of_one_is_the_limit(params):
    near, at = (
        many_ginis(params, ("substitution",), np.array([[value]]), n_workers=N_WORKERS)
        for value in (1 + 1e-6, 1.0)
    )
    np.testing.assert_allclose(near, at, atol=1e-6)


def test_parameters_that_cannot_differ_between_draws_are_refused(params):
    with pytest.raises(ParameterError, match="ability_sd: must be the same in all draws"):
        many_ginis(params, ("ability_sd",), np.array([[0.5]]), n_workers=N_WORKERS)


@pytest.mark.parametrize("names", list(MOVES_ALONG), ids=lambda names: names[0])
def test_ridges_leave_every_moment_and_both_ginis_as_they_are(params, draws, names):
    free, values = draws
    moved, _ = MOVES_ALONG[names](
        {name: values[:, free.index(name)] for name in names}, np.random.default_rng(1)
    )
    changed = values.copy()
    for name in names:
        changed[:, free.index(name)] = moved[name]
    before, after = (features_at(params, free, v, n_workers=N_WORKERS) for v in (values, changed))
    assert not np.allclose(values, changed)
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-12)


def test_the_mixture_is_its_components_by_their_shares():
    mixture = Mixture(prior=load_prior())
    values = mixture.prior.quantile(
        np.random.default_rng(2).uniform(size=(20, len(mixture.prior.names)))
    )
    density = {name: np.exp(p.log_density(values)) for name, p in mixture.components.items()}
    expected = density[AS_GIVEN] / 2 + density[WIDE] / 4 + density[FLAT] / 4
    np.testing.assert_allclose(np.exp(mixture.log_density(values)), expected, rtol=1e-12)
