"""Leverages by random projections agree with exact ones within the simulation error that they report."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.components import two_way
from withintask.tests_of_model.components.leave_out import leave_out_change
from withintask.tests_of_model.components.two_way import two_way_components
from withintask.tests_of_model.regression.threads import threads_for

MOMENTS = ("firm", "worker", "covariance")


def draw_panel(seed, *, n_workers=300, n_firms=30, n_periods=4, moving=0.4):
    rng = np.random.default_rng(seed)
    firm = np.empty((n_workers, n_periods), dtype=int)
    firm[:, 0] = rng.integers(0, n_firms, n_workers)
    for t in range(1, n_periods):
        moves = rng.random(n_workers) < moving
        firm[:, t] = np.where(moves, rng.integers(0, n_firms, n_workers), firm[:, t - 1])
    worker, firm = np.repeat(np.arange(n_workers), n_periods), firm.ravel()
    noise = rng.standard_normal(worker.size) * (0.3 + (firm < n_firms // 3))
    y = rng.standard_normal(n_workers)[worker] + 0.4 * rng.standard_normal(n_firms)[firm] + noise
    return y, worker, firm


def moments(components):
    return np.array([getattr(components, name) for name in MOMENTS])


@pytest.mark.parametrize("leave_out", ["match", "observation"])
def test_projections_are_unbiased_and_their_error_is_honest(leave_out):
    """Sixty seeds, means within 4 errors (1 in 15,000), spreads within 4 errors of a standard deviation of 60 draws."""
    y, worker, firm = draw_panel(1)
    exact = two_way_components(y, worker, firm, leave_out=leave_out)
    draws, errors = [], []
    for seed in range(60):
        found = two_way_components(
            y, worker, firm, leave_out=leave_out, n_projections=40, seed=seed
        )
        draws.append(moments(found.leave_out))
        errors.append(moments(found.simulation))
    spread = np.std(draws, axis=0, ddof=1)
    missed = np.abs(np.mean(draws, axis=0) - moments(exact.leave_out))
    assert (missed < 4 * spread / np.sqrt(60)).all(), missed / spread
    ratio = np.sqrt(np.mean(np.square(errors), axis=0)) / spread
    assert (np.abs(ratio - 1) < 4 / np.sqrt(2 * 60)).all(), ratio


def test_what_needs_no_projection_is_exact():
    y, worker, firm = draw_panel(2)
    exact = two_way_components(y, worker, firm)
    found = two_way_components(y, worker, firm, n_projections=20)
    np.testing.assert_allclose(moments(found.plug_in), moments(exact.plug_in), rtol=1e-9)
    np.testing.assert_allclose(found.firm_effects, exact.firm_effects, atol=1e-9)
    assert (exact.n_projections, found.n_projections) == (0, 20)
    assert (moments(exact.simulation) == 0).all()
    assert (moments(found.simulation) > 0).all()


def test_equal_seeds_agree_and_others_differ():
    y, worker, firm = draw_panel(3)
    first, again, other = (
        two_way_components(y, worker, firm, n_projections=20, seed=seed).leave_out
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_leverages_near_one_stay_below_it():
    """On a ring of 40 firms with one mover between neighbours leverages are 1 - 1/80; as sums of squares half would pass one."""
    worker = np.repeat(np.arange(40), 2)
    firm = (worker + np.tile([0, 1], 40)) % 40
    y = np.random.default_rng(5).standard_normal(80)
    np.testing.assert_allclose(two_way_components(y, worker, firm).max_leverage, 1 - 1 / 80)
    for seed in range(20):
        found = two_way_components(y, worker, firm, n_projections=8, seed=seed)
        assert 0.9 < found.max_leverage < 1


def test_a_ring_of_firms_on_which_gradients_are_slow_is_factored():
    n_firms = 6_000
    worker = np.repeat(np.arange(2 * n_firms), 2)
    firm = (worker // 2 + np.tile([0, 1], 2 * n_firms)) % n_firms
    rng = np.random.default_rng(6)
    y = rng.standard_normal(n_firms)[firm] + 0.1 * rng.standard_normal(worker.size)
    found = two_way_components(y, worker, firm, n_projections=4)
    assert found.n_firms == n_firms
    assert np.isfinite(moments(found.leave_out)).all()


def test_many_firms_are_projected_and_few_are_not(monkeypatch):
    y, worker, firm = draw_panel(7)
    monkeypatch.setattr(two_way, "EXACT_FIRMS", 29)
    assert two_way_components(y, worker, firm).n_projections == two_way.PROJECTIONS
    monkeypatch.setattr(two_way, "EXACT_FIRMS", 30)
    assert two_way_components(y, worker, firm).n_projections == 0


def test_exact_leverages_that_memory_does_not_hold_are_refused_before_the_work(monkeypatch):
    y, worker, firm = draw_panel(8)
    monkeypatch.setattr(two_way, "_FIRMS_MAX", 20)
    monkeypatch.setattr(two_way, "make_matches", None)
    with pytest.raises(EstimationError, match="30 firms, expected at most 20 for exact leverages"):
        two_way_components(y, worker, firm, n_projections=0)


@pytest.mark.parametrize("n_projections", [-1, 1])
def test_a_number_of_projections_without_an_error_is_refused(n_projections):
    with pytest.raises(ParameterError, match=f"n_projections is {n_projections}"):
        two_way_components(*draw_panel(9), n_projections=n_projections)


def test_the_change_has_the_simulation_error_in_its_own():
    y, worker, firm = draw_panel(10, n_periods=6)
    is_post = np.tile(np.arange(6) >= 3, 300)
    exact = leave_out_change(y, worker, firm, is_post)
    found = leave_out_change(y, worker, firm, is_post, n_projections=10)
    sides = [
        two_way_components(y[s], worker[s], firm[s], n_projections=10).simulation.firm
        for s in (is_post, ~is_post)
    ]
    expected = np.sqrt(exact.std_error**2 + np.sum(np.square(sides)))
    np.testing.assert_allclose(found.std_error, expected, rtol=1e-8)
    assert "leverages by 10 random projections" in found.message
    assert "projections" not in exact.message


@pytest.mark.parametrize(
    ("size", "is_held"), [(100, False), (500, True), (2_000, True), (2_001, False)]
)
def test_small_systems_have_one_thread_and_give_it_back(size, is_held):
    before = [pool["num_threads"] for pool in threadpool_info()]
    with threads_for(size):
        with threads_for(size):
            pass
        inside = [pool["num_threads"] for pool in threadpool_info()]
        assert inside == ([1] * len(before) if is_held else before)
    assert [pool["num_threads"] for pool in threadpool_info()] == before
