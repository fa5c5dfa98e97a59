"""The covariance of the estimated moments in the linked design: kept, named when spoilt, and scaled by size."""

from dataclasses import replace

import numpy as np
import pytest

from withintask.panel.errors import SourceError
from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.moments import noise as module
from withintask.tests_of_model.moments.noise import DESIGN, PanelNoise, panel_noise
from withintask.tests_of_model.moments.of_panel import panel_moments


@pytest.fixture
def few(monkeypatch):
    """Estimates drawn from a normal instead of panels, to look at what is kept."""
    generator = np.random.default_rng(1)
    monkeypatch.setattr(module, "simulate", lambda *_: None)
    monkeypatch.setattr(module, "panel_moments", lambda _: generator.normal(size=5))


def test_covariance_is_taken_from_its_file_while_the_parameters_are_the_same(few, tmp_path):
    params = load_params()
    first = panel_noise(params, n_replicates=8, cache=tmp_path)
    again = panel_noise(params, n_replicates=6, cache=tmp_path)
    np.testing.assert_array_equal(again.covariance, first.covariance)
    assert again.n_replicates == 8
    other = panel_noise(vary(params, ai_floor=0.5), n_replicates=6, cache=tmp_path)
    assert other.n_replicates == 6
    more = panel_noise(params, n_replicates=9, cache=tmp_path)
    assert more.n_replicates == 9


def test_a_spoilt_file_is_named(few, tmp_path):
    panel_noise(load_params(), n_replicates=6, cache=tmp_path)
    next(tmp_path.glob("panel_noise_*.toml")).write_text("key = 1")
    with pytest.raises(SourceError, match=r"panel_noise_\w+.toml: expected a covariance"):
        panel_noise(load_params(), n_replicates=6, cache=tmp_path)


def test_covariance_falls_in_proportion_to_the_size():
    noise = PanelNoise(
        design=load_design(DESIGN),
        covariance=np.eye(5),
        bias=np.zeros(5),
        n_replicates=2,
        key="",
    )
    np.testing.assert_allclose(noise.at(4), np.eye(5) / 4)
    assert replace(noise, covariance=noise.at(4)).std_error.tolist() == [0.5] * 5


@pytest.mark.slow
def test_errors_of_panels_four_times_as_large_are_half_as_large():
    economy, design, n, spread = solve_economy(load_params()), load_design(DESIGN), 16, []
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
