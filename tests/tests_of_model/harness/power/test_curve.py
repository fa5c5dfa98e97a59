"""Power analysis against closed forms."""

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtr

from withintask.panel.errors import EstimationError, ParameterError
from withintask.sim.designs import load_design
from withintask.tests_of_model.harness.pilot import calibrate
from withintask.tests_of_model.harness.power.curve import (
    detectable_effect,
    normal_power,
    search_size,
    smallest_effect,
    smallest_sample,
)
from withintask.tests_of_model.harness.power.table import design_grid
from withintask.tests_of_model.harness.settings import parse_grid
from withintask.tests_of_model.harness.synthetic import draw_panel

Z = 1.959963984540054
Z80 = 0.8416212335729143


def two_group_power(effect, sd, n_by_group):
    """Power of a two-sided z test of two equal groups' means."""
    return normal_power(effect, sd * np.sqrt(2 / n_by_group))


def rejects(effect, size, rng):
    """A two-group z test on simulated data: 1 if it rejects."""
    gap = effect + rng.standard_normal() * np.sqrt(2 / size)
    return float(abs(gap) / np.sqrt(2 / size) > Z)


def test_two_group_power_is_that_of_simulated_tests():
    rng = np.random.default_rng(1)
    hits = np.mean([rejects(0.4, 60, rng) for _ in range(20_000)])
    expected = two_group_power(0.4, 1.0, 60)
    assert abs(hits - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000)


def test_detectable_effect_has_the_power_asked_for():
    effect = detectable_effect(np.sqrt(2 / 80))
    assert two_group_power(effect, 1.0, 80) == pytest.approx(0.8, abs=1e-4)


def test_the_probit_fit_finds_the_closed_form_sample():
    rng = np.random.default_rng(3)
    sizes, n = np.array([20.0, 40.0, 80.0, 160.0]), 2_000
    power = np.array([two_group_power(0.4, 1.0, int(size)) for size in sizes])
    found = smallest_sample(sizes, rng.binomial(n, power).astype(float), np.full(4, float(n)))
    exact = 2 * ((Z + Z80) / 0.4) ** 2
    assert found.low < exact < found.high
    assert found.value == pytest.approx(exact, rel=0.08)
    assert not found.is_extrapolated


def test_the_probit_fit_finds_the_closed_form_effect():
    rng = np.random.default_rng(5)
    effects, n = np.array([-0.2, -0.4, -0.6]), 2_000
    power = np.array([two_group_power(effect, 1.0, 80) for effect in effects])
    found = smallest_effect(effects, rng.binomial(n, power).astype(float), np.full(3, float(n)))
    exact = detectable_effect(np.sqrt(2 / 80))
    assert found.low < exact < found.high
    # Two standard deviations of a root by the delta method, sqrt(p(1-p)/n)/density over the slope, are below 3 percent.
    assert found.value == pytest.approx(exact, rel=0.05)


def test_the_interval_of_the_probit_fit_covers():
    rng = np.random.default_rng(4)
    sizes, n, runs = np.array([30.0, 60.0, 120.0]), 300, 300
    exact = 2 * ((Z + Z80) / 0.4) ** 2
    power = np.array([two_group_power(0.4, 1.0, int(size)) for size in sizes])
    fits = [
        smallest_sample(sizes, rng.binomial(n, power).astype(float), np.full(3, float(n)))
        for _ in range(runs)
    ]
    covered = np.mean([fit.low <= exact <= fit.high for fit in fits])
    assert covered > 0.95 - 4 * np.sqrt(0.95 * 0.05 / runs)


def test_the_sequential_search_finds_the_closed_form_sample():
    exact = 2 * ((Z + Z80) / 0.4) ** 2
    found = [
        search_size(
            lambda size, number, seed=seed: rejects(
                0.4, size, np.random.default_rng((seed, number))
            ),
            low=10,
            high=2_000,
        )
        for seed in range(8)
    ]
    assert np.mean(found) == pytest.approx(exact, rel=0.1)


def test_no_power_asks_for_an_infinite_sample():
    flat = smallest_sample(
        np.array([50.0, 100.0, 200.0]), np.array([10.0, 9.0, 8.0]), np.full(3, 200.0)
    )
    assert np.isinf(flat.value)


def test_one_size_is_refused():
    with pytest.raises(EstimationError, match="two sizes"):
        smallest_sample(np.array([50.0]), np.array([1.0]), np.array([2.0]))


def test_a_grid_crosses_sizes_and_keeps_the_size_of_firms():
    designs = design_grid(load_design("rct"), parse_grid(["workers=100,200", "tasks=5,10"]))
    assert [(d.n_workers, d.n_tasks, d.n_firms) for d in designs] == [
        (100, 5, 5),
        (100, 10, 5),
        (200, 5, 10),
        (200, 10, 10),
    ]


def test_all_malformed_sizes_are_named():
    with pytest.raises(ParameterError, match=r"(?s)workers.*tasks=x"):
        parse_grid(["workers", "tasks=x"])


def test_calibration_takes_noise_firms_and_mobility_from_a_pilot():
    quiet = ["output_noise=0.2", "noise_persistence=0"]
    settings = ["n_pre=2", "n_items=1", "n_firms=10", "n_workers=100", *quiet]
    design = calibrate(load_design("rct"), draw_panel("rct", settings=settings))
    # The standard deviation of n·T normals' noise, from pairs: relative error 1/sqrt(2·n·T) a pair.
    assert design.output_noise == pytest.approx(0.2, rel=4 / np.sqrt(2 * 100 * 10))
    assert design.n_firms == design.n_workers // 10
    linked = draw_panel("linked-pay")
    mobility = calibrate(load_design("linked-pay"), linked).mobility
    n = 6_000 * 3
    expected = load_design("linked-pay").mobility * (1 - 1 / 240)
    assert abs(mobility - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_closed_form_power_rises_with_the_effect():
    power = [two_group_power(effect, 1.0, 50) for effect in (0.0, 0.2, 0.4)]
    assert power[0] == pytest.approx(2 * ndtr(-Z), rel=1e-9)
    assert power == sorted(power)
    assert pl.Series(power).max() < 1
