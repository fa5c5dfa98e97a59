"""A design takes from a pilot what the pilot was drawn with; tolerances are four errors of a variance."""

import numpy as np
import pytest
from plain_designs import plain_design

from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.harness.pilot import as_design_file, calibrate, taken

N_CELLS = 400 * 20
"""Cells of worker and task; half the workers have AI in one of two periods."""


@pytest.fixture(scope="module")
def economy():
    """Return the baseline economy."""
    return solve_economy(load_params())


def pilot(economy, name="rct-ability", **changes):
    design = change_design(plain_design(name), **changes)
    return simulate(economy, design, draw_shocks(design, seed=2))


def from_pilot(economy, **changes):
    return calibrate(plain_design("rct-ability"), pilot(economy, **changes))


def error(n, cells=N_CELLS):
    """Four relative errors of a standard deviation from the differences of neighbours among n items of so many cells."""
    # Differences of neighbours share an item: the error of their mean square is √1.5 times that of independent ones.
    return 4 * np.sqrt(1.5 / (2 * cells * (n - 1)))


@pytest.mark.parametrize("persistence", [0.0, 0.3, 0.6])
def test_noise_and_its_persistence_are_told_apart(economy, persistence):
    found = from_pilot(economy, n_items=8, output_noise=0.5, noise_persistence=persistence)
    assert found.n_items == 8
    # A ratio of two mean squares that are correlated: at most the error of one.
    assert found.noise_persistence == pytest.approx(persistence, abs=2 * error(8))
    assert found.output_noise == pytest.approx(0.5, rel=2 * error(8) / (1 - persistence))


def test_steadier_output_with_ai_is_seen(economy):
    found = from_pilot(economy, n_items=8, output_noise=0.5, ai_noise_ratio=0.7)
    assert found.ai_noise_ratio == pytest.approx(0.7, rel=error(8, N_CELLS / 2) + error(8))


def test_raters_and_items_that_are_shared_are_seen(economy):
    changes = {
        "n_items": 6,
        "n_raters": 2,
        "rater_noise": 0.3,
        "item_sd": 0.4,
        "is_item_shared": True,
    }
    found = from_pilot(economy, output_noise=0.5, **changes)
    assert (found.n_items, found.n_raters, found.is_item_shared) == (6, 2, True)
    assert found.rater_noise == pytest.approx(0.3, rel=4 / np.sqrt(2 * 2 * N_CELLS * 6))
    assert found.output_noise == pytest.approx(0.5, rel=2 * error(6))


def test_noise_comes_from_periods_before_ai_where_a_cell_has_one_row(economy):
    found = from_pilot(economy, n_pre=3, output_noise=0.3)
    assert found.output_noise == pytest.approx(0.3, rel=4 / np.sqrt(2 * 2 * N_CELLS))


def test_times_are_read_as_logs(economy):
    times = from_pilot(economy, outcome="time", output_noise=0.4, n_items=4)
    assert times.outcome == "time"
    assert times.output_noise == pytest.approx(0.4, rel=2 * error(4))


@pytest.mark.parametrize(("noise", "persistence"), [(0.5, 0.0), (0.3, 0.0), (0.5, 0.3)])
def test_noise_of_counts_is_what_they_vary_by_beyond_chance(economy, noise, persistence):
    found = from_pilot(
        economy,
        outcome="count",
        count_mean=8.0,
        n_items=6,
        output_noise=noise,
        noise_persistence=persistence,
    )
    assert found.outcome == "count"
    assert found.count_mean == pytest.approx(8.0, rel=0.4)
    # Chance adds 1/8 to a variance of noise²: the error of the difference is that of the sum. Persistence is told by a
    # first-order expansion, which errs by up to 4 percent at noise .5.
    share = (noise**2 + 1 / 8) / noise**2
    assert found.output_noise == pytest.approx(noise, rel=2 * error(6) * share + 0.04)
    assert found.noise_persistence == pytest.approx(persistence, abs=2 * error(6) * share + 0.04)


def test_ai_that_steadies_counts_is_seen(economy):
    found = from_pilot(
        economy, outcome="count", count_mean=8.0, n_items=6, output_noise=0.5, ai_noise_ratio=0.6
    )
    share = (0.3**2 + 1 / 8) / 0.3**2
    assert found.ai_noise_ratio == pytest.approx(0.6, rel=2 * error(6, N_CELLS / 2) * share)


def test_noise_of_scores_is_in_points_over_the_slope(economy):
    # A wide scale, so that its ends cut nothing off.
    changes = {"score_floor": 0.0, "score_ceiling": 40.0, "score_slope": 3.0}
    like = change_design(plain_design("rct-ability"), **changes)
    drawn = pilot(economy, outcome="score", n_items=6, output_noise=0.5, **changes)
    assert calibrate(like, drawn).output_noise == pytest.approx(0.5, rel=error(6))


def test_single_answers_leave_noise_alone(economy):
    answers = from_pilot(economy, outcome="binary", n_items=4, output_noise=0.5)
    assert answers.outcome == "binary"
    assert answers.output_noise == plain_design("rct-ability").output_noise


def test_the_noise_of_a_test_comes_from_its_retest(economy):
    found = from_pilot(economy, ability_noise=0.3)
    assert found.ability_noise == pytest.approx(0.3, rel=4 / np.sqrt(2 * 400))


def test_what_was_taken_is_a_design_file(economy, tmp_path):
    like = plain_design("rct-ability")
    calibrated = calibrate(like, pilot(economy, n_items=3, output_noise=0.5))
    values = taken(like, calibrated)
    assert {"n_items", "output_noise"} <= set(values)
    assert "columns" not in values
    file = tmp_path / "mine.toml"
    file.write_text(as_design_file("rct-ability", values), encoding="utf-8")
    assert load_design(file).n_items == 3
    assert load_design(file).output_noise == pytest.approx(calibrated.output_noise, rel=1e-3)
