"""Indirect inference: the design of a panel, binding functions, targets freed of bias."""

from functools import partial

import numpy as np
import pytest

from withintask.panel.errors import EstimationError
from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.moments.design_like import design_of
from withintask.tests_of_model.moments.fit import fit_msm
from withintask.tests_of_model.moments.indirect import (
    Binding,
    BoundPanel,
    estimate_binding,
    indirect_target,
)
from withintask.tests_of_model.moments.moments import economy_moments
from withintask.tests_of_model.moments.noise import quiet_design
from withintask.tests_of_model.moments.of_panel import panel_moments
from withintask.tests_of_model.moments.panel_fit import fit_panel
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.targets import make_target

NOISE = 0.5
NAMES = ("m1", "m3")


@pytest.fixture(scope="module")
def params():
    return load_params()


@pytest.fixture(scope="module")
def design():
    sizes = {"n_workers": 2400, "n_firms": 60, "n_occupations": 30, "n_postings_by_occupation": 40}
    return change_design(quiet_design(), output_noise=NOISE, **sizes)


@pytest.fixture(scope="module")
def economy(params):
    return solve_economy(params, n_workers=2**12)


@pytest.fixture(scope="module")
def binding(design, params):
    return estimate_binding(design, params, load_prior(), names=NAMES, n_panels=40)


def made_up(slope, error):
    return Binding(
        names=("m1",),
        design=quiet_design(),
        center=np.array([-0.2]),
        coefficients=np.array([[-0.1], [slope]]),
        slope_error=np.array([error]),
        covariance=np.array([[0.0004]]),
        n_panels=50,
    )


def test_sizes_and_noise_are_read_off_the_panel(economy, design):
    panel = simulate(economy, design, draw_shocks(design, seed=1))
    got = design_of(panel)
    for name in (
        "n_workers",
        "n_firms",
        "n_occupations",
        "n_pre",
        "n_post",
        "n_postings_by_occupation",
    ):
        assert getattr(got, name) == getattr(design, name)
    # 2,400 workers on three cognitive and two social tasks leave 3 degrees of freedom each: relative error
    # 1/sqrt(2 x 7200) = .8 percent, four of them.
    assert got.output_noise == pytest.approx(NOISE, rel=0.034)
    assert got.ability_noise == pytest.approx(design.ability_noise, rel=4 / np.sqrt(2 * 2400))


def test_noise_biases_the_estimates_and_simulated_panels_show_it(binding, economy):
    truth = economy_moments(economy, NAMES)
    bias = binding.mean(truth) - truth
    error = np.sqrt(np.diagonal(binding.covariance) / binding.n_panels)
    assert bias[0] > 10 * error[0]
    # The Mincer coefficients of pay do not read outputs.
    assert abs(bias[1]) < 4 * error[1]


def test_targets_freed_of_bias_have_the_truth_as_their_mean(binding, economy, design):
    truth = economy_moments(economy, NAMES)
    n = 12
    estimates = [
        panel_moments(simulate(economy, design, draw_shocks(design, seed=9, replicate=k)), NAMES)
        for k in range(n)
    ]
    targets = np.array([indirect_target(e, binding, source="test").value for e in estimates])
    raw = np.mean(estimates, axis=0)
    spread = targets.std(axis=0, ddof=1)
    error = spread * np.sqrt(1 / n + 1 / binding.n_panels)
    assert abs(raw[0] - truth[0]) > abs(targets.mean(axis=0)[0] - truth[0])
    # Four errors of a t with 11 degrees of freedom: twice .001, two moments.
    assert (abs(targets.mean(axis=0) - truth) < 4 * error).all()


def test_a_linear_binding_function_is_inverted_exactly():
    target = indirect_target(np.array([-0.13]), made_up(0.5, 0.1), source="test")
    assert target.value == pytest.approx([-0.26])
    assert target.std_error == pytest.approx([0.04])
    assert target.status == ("estimated",)


def test_an_estimate_that_does_not_move_with_its_moment_is_refused():
    with pytest.raises(EstimationError, match=r"m1: slope 0.1, error 0.2"):
        indirect_target(np.array([-0.13]), made_up(0.1, 0.2), source="test")


def test_a_panel_is_read_in_three_ways(params):
    def of(value, error):
        return make_target([value], ("m1",), covariance=np.array([[error**2]]), source="test")

    bound = BoundPanel(
        estimates=np.array([-0.1]),
        binding=made_up(0.5, 0.1),
        target=of(-0.23, 0.02),
        unfreed=of(-0.1, 0.01),
    )
    ways = fit_panel(bound, params, free=("ai_floor",), fit=partial(fit_msm, n_starts=1))
    (row,) = ways.table().to_dicts()
    # More compression needs more of AI; one moment and one parameter, so that the posterior has its middle at the fit.
    assert row["as_they_are"] < row["posterior_low"] < row["indirect"] < row["posterior_high"]
    assert row["posterior_median"] == pytest.approx(row["indirect"], rel=0.1)


def test_the_design_of_a_panel_of_items_is_read_off_it(params, economy):
    design = change_design(load_design("everything-linked"), n_workers=1200, n_firms=60)
    got = design_of(simulate(economy, design, draw_shocks(design, seed=2)), params=params)
    assert (got.n_items, got.n_tasks) == (design.n_items, design.n_tasks)
    # 1,200 workers x 2 tasks x 7 degrees of freedom before AI: relative error 1/sqrt(2 x 16800) = .5 percent and as much again
    # from the persistence, whose own error is about 1/sqrt(16800) = .008; four of each.
    assert got.output_noise == pytest.approx(design.output_noise, rel=0.04)
    assert got.noise_persistence == pytest.approx(design.noise_persistence, abs=0.04)
    assert got.mobility == pytest.approx(design.mobility, abs=4 * np.sqrt(0.15 * 0.85 / 1200))
    # 60 firms: the error of a standard deviation is a tenth of it.
    assert got.firm_premium_sd == pytest.approx(design.firm_premium_sd, rel=0.4)
