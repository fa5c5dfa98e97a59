"""The change of firm-effect variance is recovered, where the plug-in change is biased."""

import numpy as np
import pytest

from withintask.panel.errors import EstimationError
from withintask.tests_of_model.components.leave_out import leave_out_change
from withintask.tests_of_model.components.two_way import two_way_components

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
    found = leave_out_change(y, worker, firm, is_post)
    expected = sides[1].leave_out.firm - sides[0].leave_out.firm
    np.testing.assert_allclose(found.change, expected, rtol=1e-12)


def test_the_error_is_that_of_a_mean_over_firms():
    rng, firm, effect, own = draw_world(2)
    y, worker, firm, is_post = draw_pay(rng, firm, effect, own)
    total = np.zeros(N_FIRMS)
    for side, sign in ((is_post, 1), (~is_post, -1)):
        one = two_way_components(y[side], worker[side], firm[side])
        share = np.bincount(firm[side], minlength=N_FIRMS) / side.sum()
        np.testing.assert_allclose(share @ one.firm_effects, 0, atol=1e-12)
        np.testing.assert_allclose(share @ one.firm_effects**2, one.plug_in.firm, rtol=1e-10)
        total += sign * share * (one.firm_effects**2 - one.plug_in.firm)
    expected = np.sqrt(N_FIRMS / (N_FIRMS - 1) * np.sum(total**2))
    found = leave_out_change(y, worker, firm, is_post)
    np.testing.assert_allclose(found.std_error, expected, rtol=1e-10)
    assert found.n_firms == N_FIRMS


@pytest.mark.slow
def test_a_known_change_is_recovered_where_the_plug_in_is_biased():
    """Firm effects and moves fixed, errors and worker effects fresh; bands of 4 errors."""
    n_draws = 100
    rng, firm, effect, _ = draw_world(3)
    found, plug_in = [], []
    for _ in range(n_draws):
        y, worker, firms, post = draw_pay(rng, firm, effect, rng.standard_normal(N_WORKERS))
        sides = [two_way_components(y[s], worker[s], firms[s]) for s in (~post, post)]
        found.append(leave_out_change(y, worker, firms, post).change)
        plug_in.append(sides[1].plug_in.firm - sides[0].plug_in.firm)
    truth, spread = true_change(firm, effect), np.std(found, ddof=1)
    band = 4 * spread / np.sqrt(n_draws)
    assert abs(np.mean(found) - truth) < band
    assert abs(np.mean(plug_in) - truth) > band


@pytest.mark.slow
def test_the_error_covers_the_draw_of_firms():
    """Everything fresh: forty firms, five workers a firm; the ratio of two standard deviations within 4 errors."""
    n_draws = 200
    rng = np.random.default_rng(7)
    found, errors = [], []
    for _ in range(n_draws):
        firm = 8 * rng.integers(0, 5, N_WORKERS)[:, None] + draw_moves(rng) % 8
        moves = rng.random(firm.shape) < 0.2
        firm = np.where(moves, rng.integers(0, 40, firm.shape), firm)
        y, worker, firms, post = draw_pay(
            rng, firm, rng.standard_normal(40), rng.standard_normal(N_WORKERS)
        )
        one = leave_out_change(y, worker, firms, post)
        found.append(one.change)
        errors.append(one.std_error)
    ratio = np.mean(errors) / np.std(found, ddof=1)
    assert abs(ratio - 1) < 4 / np.sqrt(2 * n_draws), ratio


def test_nothing_depends_on_labels_or_on_the_firms_order():
    rng, firm, effect, own = draw_world(4)
    y, worker, firm, is_post = draw_pay(rng, firm, effect, own)
    names = np.array([f"firm {7 * k % 8}" for k in range(N_FIRMS)])
    found = leave_out_change(y, worker, firm, is_post)
    other = leave_out_change(y + 3, worker * 5 + 1, names[firm], is_post.astype(int))
    np.testing.assert_allclose(other[:3], found[:3], rtol=1e-8)


def test_a_side_without_movers_is_named():
    rng, firm, effect, own = draw_world(5)
    firm[:, : N_PERIODS // 2] = firm[:, :1]
    with pytest.raises(EstimationError, match="leave-out change, before"):
        leave_out_change(*draw_pay(rng, firm, effect, own))


def test_faults_are_listed_together():
    with pytest.raises(EstimationError) as caught:
        leave_out_change([1.0, np.nan, 2.0], [0, 1, 2], [0, 0], [0, 1, 5])
    assert "3 problems" in str(caught.value)
