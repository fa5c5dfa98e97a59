"""What the oews design shows of a compression within tasks that is known."""

import numpy as np

from withintask.sim.params import load_params, switch_off, vary
from withintask.tests_of_model.evidence.occupation_truth import shown_compression


def test_without_ai_the_design_shows_nothing():
    rows = shown_compression(switch_off(load_params()), n_replicates=12)
    # The truth is zero, its share undefined; slopes are noise, four simulation errors.
    assert (rows["truth"].abs() < 1e-12).all()
    assert (rows["slope_by_sd"].abs() < 4 * rows["slope_mc_se"]).all()


def test_the_implied_change_is_the_slope_over_the_share_it_is_of():
    rows = shown_compression(load_params(), n_replicates=6)
    np.testing.assert_allclose(
        rows["shown_share"] * rows["truth"], rows["implied"], rtol=1e-12, atol=1e-15
    )


def test_a_larger_compression_within_tasks_is_shown_as_one():
    params = load_params()
    small, large = (
        shown_compression(vary(params, capability=level), n_replicates=8).row(0, named=True)
        for level in (params.capability / 4, params.capability)
    )
    assert large["truth"] < small["truth"] < 0
    error = np.hypot(small["slope_mc_se"], large["slope_mc_se"])
    assert large["slope_by_sd"] < small["slope_by_sd"] - 4 * error


def test_equal_seeds_give_equal_results():
    first, second = (shown_compression(load_params(), n_replicates=3, seed=5) for _ in range(2))
    assert first.equals(second)
