"""Priors, the reduced quadrature and the bank of draws."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import qmc

from withintask.panel.errors import ParameterError, SourceError
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.moments.bank import FEATURES, make_bank
from withintask.tests_of_model.moments.moments import ALL_NAMES, economy_moments
from withintask.tests_of_model.moments.priors import SHAPES, load_prior
from withintask.tests_of_model.moments.reduced import MOVES, REDUCED, reduced_moments

SMALL = 2**11


@pytest.fixture(scope="module")
def params():
    return load_params()


@pytest.fixture(scope="module")
def prior():
    return load_prior()


@pytest.fixture(scope="module")
def bank(params, prior, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    return make_bank(params, prior, n_draws=SMALL, n_workers=2**8, folder=folder), folder


# Priors ----------------------------------------------------------------------------------------


def test_packaged_priors_cover_what_the_reduced_moments_allow(prior):
    assert set(MOVES) == set(prior.names)


@pytest.mark.parametrize("form", ["itself", "widened", "flattened"])
def test_quantiles_and_distribution_functions_are_inverse(prior, form):
    chosen = prior if form == "itself" else getattr(prior, form)()
    uniform = np.random.default_rng(0).uniform(size=(50, len(prior.names)))
    np.testing.assert_allclose(chosen.uniforms(chosen.quantile(uniform)), uniform, atol=1e-9)


@pytest.mark.parametrize("form", ["itself", "widened", "flattened"])
def test_densities_are_the_slopes_of_the_distribution_functions(prior, form):
    chosen = prior if form == "itself" else getattr(prior, form)()
    values = chosen.quantile(np.random.default_rng(1).uniform(0.05, 0.95, (20, len(prior.names))))
    step = 1e-6 * np.abs(values)
    slope = (chosen.uniforms(values + step) - chosen.uniforms(values - step)) / (2 * step)
    np.testing.assert_allclose(chosen.log_density(values), np.log(slope).sum(axis=1), rtol=1e-5)


def test_nothing_outside_the_support_is_possible(prior):
    outside = prior.quantile(np.full((1, len(prior.names)), 0.5))
    outside[0, prior.names.index("own_gini")] = 0.99
    assert prior.log_density(outside)[0] == -np.inf


def test_wide_priors_stay_in_the_domain(prior):
    wide = prior.widened()
    ends = wide.quantile(np.vstack([np.full(len(wide.names), u) for u in (1e-9, 1 - 1e-9)]))
    for k, name in enumerate(wide.names):
        vary(load_params(), **{name: float(ends[0, k])})
        vary(load_params(), **{name: float(ends[1, k])})


def test_a_bad_prior_file_is_refused_with_every_problem(tmp_path):
    path = tmp_path / "priors.toml"
    path.write_text(
        '[own_gini]\nshape = "uniform"\nsource = "x"\nrange = [0.5, 1.2]\n'
        '[ai_flor]\nshape = "dome"\nsource = "x"\n'
        '[base_rent]\nshape = "flat"\nsource = "x"\n[proprietary]\nshape = "uniform"\n',
        encoding="utf-8",
    )
    with pytest.raises(ParameterError) as error:
        load_prior(path)
    message = str(error.value)
    assert [
        part
        for part in (
            "[own_gini]: range = [0.5, 1.2] reaches outside [0, .95]",
            "ai_floor",
            "shape = 'flat'",
            "[proprietary]: source is missing",
        )
        if part not in message
    ] == []
    assert SHAPES[0] in message


# The reduced quadrature ------------------------------------------------------------------------


def test_reduced_moments_are_those_of_the_economy(params, prior):
    uniform = qmc.Sobol(len(prior.names), rng=np.random.default_rng(5)).random(8)
    values = prior.quantile(uniform)
    got = reduced_moments(params, prior.names, values)
    for row, moments in zip(values, got, strict=True):
        changed = vary(params, **dict(zip(prior.names, row.tolist(), strict=True)))
        economy = solve_economy(changed, n_workers=2**15, is_cut=False)
        # The same points of workers: what differs is the quadrature over exposure, firms and skill.
        np.testing.assert_allclose(moments, economy_moments(economy, REDUCED), rtol=1e-5, atol=3e-6)


def test_reduced_moments_pass_the_cobb_douglas_limit(params):
    values = np.array([[1 - 1e-6], [1.0], [1 + 1e-6]])
    below, at, above = reduced_moments(params, ("substitution",), values)
    np.testing.assert_allclose(at, (below + above) / 2, atol=1e-8)


def test_reduced_moments_refuse_what_they_hold_fixed(params):
    with pytest.raises(ParameterError, match="ability_sd: must be the same in all draws"):
        reduced_moments(params, ("ability_sd",), np.array([[0.4]]))


def test_reduced_moments_refuse_industries_that_differ(params):
    with pytest.raises(ParameterError, match=r"proprietary_gap = 0.3: expected 0"):
        reduced_moments(vary(params, proprietary_gap=0.3), ("ai_floor",), np.array([[0.4]]))


# An economy without cut tails ------------------------------------------------------------------


def test_the_uncut_gini_is_the_limit_of_many_points(params):
    # .008353 from 2^20 uncut points (three scramblings agree to 1e-6); twelve scramblings of 2^12 points spread by 3e-5,
    # so 1.2e-4 is passed by chance once in 16,000.
    assert solve_economy(params, n_workers=2**12, is_cut=False).delta_gini_income == pytest.approx(
        0.008353, abs=1.2e-4
    )


def test_uncut_owners_hold_everything(params):
    ownership = solve_economy(
        vary(params, own_gini=0.95), n_workers=2**9, is_cut=False
    ).population.ownership
    assert ownership.mean() == pytest.approx(1, abs=1e-12)


# Further moments -------------------------------------------------------------------------------


def test_further_moments_without_ai_are_what_they_were(params):
    economy = solve_economy(vary(params, capability=1e-9), n_workers=2**9)
    moments = dict(zip(ALL_NAMES, economy_moments(economy, ALL_NAMES), strict=True))
    assert moments["m10"] == pytest.approx(1, abs=1e-6)
    assert moments["m11"] == pytest.approx(0, abs=1e-6)


def test_profit_share_before_ai_without_sharing_is_that_of_rents(params):
    economy = solve_economy(vary(params, rent_sharing=0.0), n_workers=2**9)
    (share,) = economy_moments(economy, ("m9",))
    assert share == pytest.approx(params.base_rent / (1 + params.base_rent))


def test_likeness_of_tasks_falls_with_the_floor(params):
    less, more = (
        economy_moments(solve_economy(vary(params, ai_floor=a), n_workers=2**9), ("m10",))[0]
        for a in (0.4, 0.8)
    )
    assert more < less < 1


# The bank --------------------------------------------------------------------------------------


def test_features_of_a_draw_are_those_of_its_economy(bank, params):
    drawn, _ = bank
    changed = vary(params, **dict(zip(drawn.prior.names, drawn.values[7].tolist(), strict=True)))
    economy = solve_economy(changed, n_workers=2**8, is_cut=False)
    ginis = (economy.delta_gini_income, economy.delta_gini_pay)
    np.testing.assert_allclose(drawn.features[7, [FEATURES.index("m6"), -1]], ginis, atol=1e-12)


def test_weights_turn_the_draws_into_each_prior(bank):
    drawn, _ = bank
    for prior in (drawn.prior, drawn.prior.widened(), drawn.prior.flattened()):
        weight = np.exp(drawn.log_weight(prior))
        # The mean weight is 1; its error, of independent draws, is at most sqrt(4 - 1)/sqrt(n).
        assert weight.mean() == pytest.approx(1, abs=4 * np.sqrt(3 / SMALL))
        assert weight.max() <= 4 * (1 + 1e-9)


def test_a_larger_bank_takes_the_blocks_of_a_smaller_one(bank, params, prior):
    drawn, folder = bank
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    larger = make_bank(params, prior, n_draws=2 * SMALL, n_workers=2**8, folder=folder)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    smaller = larger.take(SMALL)
    assert (smaller.values == drawn.values).all()
    assert (smaller.features == drawn.features).all()


def test_a_spoilt_block_is_refused_by_name(params, prior, tmp_path):
    make_bank(params, prior, n_draws=SMALL, n_workers=2**8, folder=tmp_path)
    path = next(iter(sorted(tmp_path.glob("*_0_*.parquet"))))
    pl.DataFrame({"m1": [1.0]}).write_parquet(path)
    with pytest.raises(SourceError, match=path.name):
        make_bank(params, prior, n_draws=SMALL, n_workers=2**8, folder=tmp_path)


def test_a_number_of_draws_that_no_sequence_has_is_refused(params, prior):
    with pytest.raises(ParameterError, match="power of two"):
        make_bank(params, prior, n_draws=3000)
