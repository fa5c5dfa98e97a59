"""The change of firm-effect variance is recovered, where the plug-in change is biased."""

import numpy as np
import pytest

from withintask.panel.errors import EstimationError
from withintask.tests_of_model.leave_out import leave_out_change
from withintask.tests_of_model.two_way import two_way_components

N_WORKERS, N_FIRMS, N_PERIODS = 200, 8, 8
SPREAD_BEFORE, SPREAD_AFTER = 0.3, 0.5
NOISE_BEFORE, NOISE_AFTER = 0.8, 0.3


def draw_moves(rng):
    firm = np.empty((N_WORKERS, N_PERIODS), dtype=int)
    firm[:, 0] = rng.integers(0, N_FIRMS, N_WORKERS)
    for t in range(1, N_PERIODS):
        moves = rng.random(N_WORKERS) < 0.4
        firm[:, t] = np.where(moves, rng.integers(0, N_FIRMS, N_WORKERS), firm[:, t - 1])
    return firm


def draw_pay(rng, firm, effect, own):
    """Log pay; the second half of the periods is after, with other firm effects and less noise."""
    is_post = np.broadcast_to(np.arange(N_PERIODS) >= N_PERIODS // 2, firm.shape)
    premium = np.where(is_post, SPREAD_AFTER, SPREAD_BEFORE) * effect[firm]
    noise = np.where(is_post, NOISE_AFTER, NOISE_BEFORE) * rng.standard_normal(firm.shape)
    worker = np.broadcast_to(np.arange(N_WORKERS)[:, None], firm.shape)
    pay = own[:, None] + premium + noise
    return pay.ravel(), worker.ravel(), firm.ravel(), is_post.ravel()


def draw_world(seed):
    rng = np.random.default_rng(seed)
    return rng, draw_moves(rng), rng.standard_normal(N_FIRMS), rng.standard_normal(N_WORKERS)


def true_change(firm, effect):
    half = N_PERIODS // 2
    before = np.var(SPREAD_BEFORE * effect[firm[:, :half]])
    return np.var(SPREAD_AFTER * effect[firm[:, half:]]) - before


def test_the_change_is_that_of_the_two_sides_apart():
    rng, firm, effect, own = draw_world(1)
    y, worker, firm, is_post = draw_pay(rng, firm, effect, own)
    sides = [two_way_components(y[s], worker[s], firm[s]) for s in (~is_post, is_post)]
    found = leave_out_change(y, worker, firm, is_post, n_groups=2)
    expected = sides[1].leave_out.firm - sides[0].leave_out.firm
    np.testing.assert_allclose(found.change, expected, rtol=1e-12)


def test_the_error_is_the_jackknife_over_groups():
    """Three groups by brute force; groups are found from which single workers matter."""
    rng, firm, effect, own = draw_world(2)
    y, worker, firm, is_post = draw_pay(rng, firm, effect, own)
    from withintask.tests_of_model import leave_out

    group = leave_out._groups(N_WORKERS, 3)
    assert np.ptp(np.bincount(group)) <= 1
    without = []
    for k in range(3):
        rows = group[worker] != k
        without.append(leave_out_change(y[rows], worker[rows], firm[rows], is_post[rows]).change)
    expected = np.sqrt(2 / 3 * np.sum((without - np.mean(without)) ** 2))
    found = leave_out_change(y, worker, firm, is_post, n_groups=3)
    np.testing.assert_allclose(found.std_error, expected, rtol=1e-10)
    assert "jackknife over 3 groups" in found.message


@pytest.mark.slow
def test_a_known_change_is_recovered_and_its_error_is_honest():
    """Firm effects and moves fixed, errors and worker effects fresh; bands of 4 errors.

    The jackknife also counts the draw of moves, so it may exceed the spread at fixed moves, but not
    fall short of it by more than the error of a standard deviation from 100 draws and 19 groups.
    """
    n_draws = 100
    rng, firm, effect, _ = draw_world(3)
    found, plug_in, errors = [], [], []
    for _ in range(n_draws):
        y, worker, firms, post = draw_pay(rng, firm, effect, rng.standard_normal(N_WORKERS))
        one = leave_out_change(y, worker, firms, post)
        sides = [two_way_components(y[s], worker[s], firms[s]) for s in (~post, post)]
        found.append(one.change)
        errors.append(one.std_error)
        plug_in.append(sides[1].plug_in.firm - sides[0].plug_in.firm)
    truth, spread = true_change(firm, effect), np.std(found, ddof=1)
    band = 4 * spread / np.sqrt(n_draws)
    assert abs(np.mean(found) - truth) < band
    assert abs(np.mean(plug_in) - truth) > band
    ratio = np.mean(errors) / spread
    assert 1 - 4 / np.sqrt(2 * n_draws) < ratio < 2


def test_nothing_depends_on_labels_or_on_the_firms_order():
    rng, firm, effect, own = draw_world(4)
    y, worker, firm, is_post = draw_pay(rng, firm, effect, own)
    names = np.array([f"firm {7 * k % 8}" for k in range(N_FIRMS)])
    found = leave_out_change(y, worker, firm, is_post)
    other = leave_out_change(y + 3, worker * 5 + 1, names[firm], is_post.astype(int))
    np.testing.assert_allclose(other[:2], found[:2], rtol=1e-8)


def test_a_side_without_movers_is_named():
    rng, firm, effect, own = draw_world(5)
    firm[:, : N_PERIODS // 2] = firm[:, :1]
    with pytest.raises(EstimationError, match="leave-out change, before"):
        leave_out_change(*draw_pay(rng, firm, effect, own))


def test_a_group_that_cannot_be_left_out_gives_no_error_and_is_said():
    """Two firms tied by two movers: without either, nothing is connected."""
    worker = np.repeat([0, 1, 2, 3], 4)
    firm = np.array([0, 1] * 4 + [0] * 4 + [1] * 4)
    is_post = np.tile([0, 0, 1, 1], 4)
    y = np.random.default_rng(6).standard_normal(16) + firm
    found = leave_out_change(y, worker, firm, is_post, n_groups=4)
    assert np.isfinite(found.change)
    assert np.isnan(found.std_error)
    assert "2 of the groups cannot be left out" in found.message


def test_faults_are_listed_together():
    with pytest.raises(EstimationError) as caught:
        leave_out_change([1.0, np.nan, 2.0], [0, 1, 2], [0, 0], [0, 1, 5])
    assert "4 problems" in str(caught.value)
