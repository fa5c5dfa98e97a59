"""The covariance of the estimated moments in the linked design: a study of replicates, scaled by size."""

import tomllib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import EstimationError
from withintask.sim.designs import change_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.harness.replicate import replicate
from withintask.tests_of_model.moments.moments import economy_moments
from withintask.tests_of_model.moments.noise import (
    PanelNoise,
    noise_of,
    noise_study,
    quiet_design,
    save_noise,
)
from withintask.tests_of_model.moments.of_panel import OF_PANEL, panel_moments


@pytest.fixture(scope="module")
def small():
    """The linked design with few workers, and its replicates 0 to 2."""
    design = change_design(quiet_design(), n_workers=600, n_firms=30)
    return design, replicate(noise_study(load_params(), design, n_replicates=3, seed=5))


def test_replicates_are_the_panels_whose_moments_a_user_estimates(small):
    design, rows = small
    economy = solve_economy(load_params())
    panels = [simulate(economy, design, draw_shocks(design, seed=5, replicate=k)) for k in range(3)]
    table = np.array([panel_moments(panel) for panel in panels])
    noise = noise_of(rows, design)
    np.testing.assert_array_equal(noise.covariance, np.cov(table, rowvar=False))
    expected = table.mean(axis=0) - economy_moments(economy, OF_PANEL)
    np.testing.assert_array_equal(noise.bias, expected)


def test_every_replicate_without_an_estimate_is_named(small):
    design, rows = small
    is_spoilt = (pl.col("term") == "delta_credential") & (pl.col("replicate") > 0)
    spoilt = rows.with_columns(
        estimate=pl.when(is_spoilt).then(None).otherwise("estimate"),
        status=pl.when(is_spoilt).then(pl.lit("failed")).otherwise("status"),
    )
    with pytest.raises(EstimationError, match=r"(?s)replicate 1, m4.*failed.*replicate 2, m4"):
        noise_of(spoilt, design)


def test_the_file_holds_the_covariance_to_the_last_digit(small, tmp_path):
    design, rows = small
    noise = noise_of(rows, design)
    save_noise(noise, tmp_path / "panel_noise.toml")
    kept = tomllib.loads((tmp_path / "panel_noise.toml").read_text(encoding="utf-8"))
    np.testing.assert_array_equal(kept["covariance"], noise.covariance)
    assert kept["n_replicates"] == 3


def test_covariance_falls_in_proportion_to_the_size():
    noise = PanelNoise(
        design=quiet_design(),
        covariance=np.eye(5),
        bias=np.zeros(5),
        n_replicates=2,
    )
    np.testing.assert_allclose(noise.at(4), np.eye(5) / 4)
    assert replace(noise, covariance=noise.at(4)).std_error.tolist() == [0.5] * 5


@pytest.mark.slow
def test_errors_of_panels_four_times_as_large_are_half_as_large():
    economy, design, n, spread = solve_economy(load_params()), quiet_design(), 16, []
    for share in (1 / 2, 2):
        sizes = {
            name: int(share * getattr(design, name))
            for name in ("n_workers", "n_firms", "n_occupations")
        }
        changed = change_design(design, **sizes)
        estimates = [
            panel_moments(simulate(economy, changed, draw_shocks(changed, seed=3, replicate=k)))
            for k in range(n)
        ]
        spread.append(np.std(estimates, axis=0, ddof=1))
    # Each log ratio has a standard error of √(1/(n - 1)); m1 and m2 are nearly one moment, so four count.
    band = 4 * np.sqrt(1 / (n - 1) / 4)
    assert np.mean(np.log(spread[0] / spread[1])) == pytest.approx(np.log(2), abs=band)
