"""Variance components are unbiased, and equal their definitions by explicit matrices."""

import numpy as np
import pytest

from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.components.between_within import between_within, two_way_components
from withintask.tests_of_model.components.mover_graph import leave_out_connected

MOMENTS = ("firm", "worker", "covariance")


def draw_panel(rng, *, n_workers=60, n_firms=6, n_periods=4, moving=0.5):
    worker_effect, firm_effect = rng.standard_normal(n_workers), rng.standard_normal(n_firms)
    firm = np.empty((n_workers, n_periods), dtype=int)
    firm[:, 0] = rng.integers(0, n_firms, n_workers)
    for t in range(1, n_periods):
        moves = rng.random(n_workers) < moving
        firm[:, t] = np.where(moves, rng.integers(0, n_firms, n_workers), firm[:, t - 1])
    worker, firm = np.repeat(np.arange(n_workers), n_periods), firm.ravel()
    noise = rng.standard_normal(len(worker)) * (0.3 + (firm_effect[firm] > 0))
    return worker_effect[worker] + 0.4 * firm_effect[firm] + noise, worker, firm


def brute_force(y, worker, firm, leave_out):
    """Plug-in, homoskedastic and leave-out components by n × n matrices (KSS, eq. 3 and 10)."""
    n_obs = len(y)
    W = (worker[:, None] == np.unique(worker)) * 1.0
    F = (firm[:, None] == np.unique(firm)) * 1.0
    X = np.hstack([W, F])
    inverse = np.linalg.pinv(X.T @ X)
    beta = inverse @ X.T @ y
    hat = X @ inverse @ X.T
    residuals = y - X @ beta
    omega = np.zeros((n_obs, n_obs))
    for rows in units(worker, firm, leave_out):
        own = np.eye(len(rows)) - hat[np.ix_(rows, rows)]
        if np.linalg.matrix_rank(own, tol=1e-9) < len(rows):  # a stayer's match
            omega[np.ix_(rows, rows)] = np.eye(len(rows)) * np.var(y[rows], ddof=1)
        else:
            left_out = np.linalg.solve(own, residuals[rows])
            omega[np.ix_(rows, rows)] = np.outer(y[rows] - y.mean(), left_out)
    s2 = residuals @ residuals / (n_obs - np.linalg.matrix_rank(X))
    centre = np.eye(n_obs) - 1 / n_obs
    only_worker, only_firm = np.hstack([W, 0 * F]), np.hstack([0 * W, F])
    cross = only_worker.T @ centre @ only_firm / n_obs
    forms = {
        "firm": only_firm.T @ centre @ only_firm / n_obs,
        "worker": only_worker.T @ centre @ only_worker / n_obs,
        "covariance": (cross + cross.T) / 2,
    }
    out = {}
    for name, form in forms.items():
        bias = X @ inverse @ form @ inverse @ X.T
        plug_in = beta @ form @ beta
        out[name] = (plug_in, plug_in - s2 * np.trace(bias), plug_in - np.sum(bias * omega))
    return out


def units(worker, firm, leave_out):
    if leave_out == "observation":
        return [np.array([row]) for row in range(len(worker))]
    labels = np.unique(np.stack([worker, firm]), axis=1, return_inverse=True)[1].ravel()
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


@pytest.mark.parametrize("leave_out", ["observation", "match"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_way_components_equal_their_definition(leave_out, seed):
    rng = np.random.default_rng(seed)
    y, worker, firm = draw_panel(rng, n_workers=25 + 10 * seed, moving=0.3)
    found = two_way_components(y, worker, firm, leave_out=leave_out)
    rows = found.pruned.rows
    expected = brute_force(y[rows], worker[rows], firm[rows], leave_out)
    for name in MOMENTS:
        values = [getattr(found.plug_in, name), getattr(found.homoskedastic, name)]
        values.append(getattr(found.leave_out, name))
        np.testing.assert_allclose(values, expected[name], rtol=1e-9, atol=1e-12)


def test_controls_are_removed_with_both_effects_in_the_regression():
    rng = np.random.default_rng(4)
    y, worker, firm = draw_panel(rng)
    age = rng.standard_normal(len(y)) + 0.1 * worker
    slope = np.linalg.lstsq(
        np.hstack([age[:, None], worker[:, None] == np.unique(worker), firm[:, None] == range(6)]),
        y + 0.5 * age,
        rcond=None,
    )[0][0]
    expected = two_way_components(y + (0.5 - slope) * age, worker, firm)
    found = two_way_components(y + 0.5 * age, worker, firm, controls=age)
    np.testing.assert_allclose(found.leave_out.firm, expected.leave_out.firm, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("leave_out", ["observation", "match"])
def test_leave_out_components_are_unbiased_where_plug_in_ones_are_not(leave_out):
    """Fixed effects and moves, fresh heteroskedastic errors; bands of 4 Monte-Carlo errors."""
    rng = np.random.default_rng(5)
    _, worker, firm = draw_panel(rng, n_workers=150, n_firms=15, moving=0.4)
    rows = leave_out_connected(worker, firm, leave_out=leave_out).rows
    worker, firm = worker[rows], firm[rows]
    effect = 0.3 * rng.standard_normal(15)[firm]
    own = rng.standard_normal(150)[worker]
    truth = [np.var(effect), np.var(own), np.cov(effect, own, ddof=0)[0, 1]]
    spread = 0.3 + (firm < 5)
    plug_in, corrected = [], []
    for _ in range(600):
        y = own + effect + spread * rng.standard_normal(len(worker))
        found = two_way_components(y, worker, firm, leave_out=leave_out)
        plug_in.append([getattr(found.plug_in, name) for name in MOMENTS])
        corrected.append([getattr(found.leave_out, name) for name in MOMENTS])
    error = np.std(corrected, axis=0) / np.sqrt(600)
    assert (np.abs(np.mean(corrected, axis=0) - truth) < 4 * error).all()
    assert (np.abs(np.mean(plug_in, axis=0) - truth) > 4 * error).all()


def test_leverage_is_one_exactly_on_bridges():
    """On graphs with few moves, rows kept have leverage below one and bridges do not."""
    n_bridges = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        _, worker, firm = draw_panel(rng, n_workers=24, n_firms=9, n_periods=2, moving=0.9)
        pruned = leave_out_connected(worker, firm, leave_out="observation")
        rows = pruned.rows
        X = np.hstack([worker[:, None] == np.unique(worker), firm[:, None] == np.unique(firm)]) * 1
        inside = X[rows]
        leverage = np.diag(inside @ np.linalg.pinv(inside.T @ inside) @ inside.T)
        assert np.max(leverage) < 1 - 1e-9
        everything = np.diag(X @ np.linalg.pinv(X.T @ X) @ X.T)
        n_bridges += (everything > 1 - 1e-9).any()
        n_dropped = pruned.n_dropped_disconnected + pruned.n_dropped_bridges
        assert n_dropped + pruned.n_dropped_alone == (~rows).sum()
        assert (everything[rows] < 1 - 1e-9).all()
    assert n_bridges > 0


def test_a_bridge_between_two_parts_is_cut():
    left = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    right = [(3, 2), (3, 3), (4, 2), (4, 3)]
    worker, firm = np.array([*left, *right, (5, 1), (5, 2), (5, 2)]).T
    pruned = leave_out_connected(worker, firm, leave_out="observation")
    np.testing.assert_array_equal(np.flatnonzero(pruned.rows), range(len(left)))
    assert pruned.n_dropped_disconnected == 0


def test_a_long_chain_of_firms_has_only_bridges():
    worker = np.repeat(np.arange(3_000), 2)
    firm = worker + np.tile([0, 1], 3_000)
    with pytest.raises(EstimationError, match="no two firms stay connected"):
        leave_out_connected(worker, firm, leave_out="match")


def test_a_ring_of_firms_has_no_bridges():
    worker = np.repeat(np.arange(3_000), 2)
    firm = (worker + np.tile([0, 1], 3_000)) % 3_000
    assert leave_out_connected(worker, firm, leave_out="match").rows.all()


def test_faults_of_the_panel_are_listed_together():
    with pytest.raises(EstimationError) as caught:
        two_way_components([1.0, np.nan], [0, 1], [0])
    assert "2 problems" in str(caught.value)
    with pytest.raises(ParameterError, match="leave_out is 'worker'"):
        two_way_components([1.0, 2.0], [0, 1], [0, 0], leave_out="worker")


def test_between_and_within_are_the_anova_estimates_in_balanced_groups():
    rng = np.random.default_rng(6)
    values = rng.standard_normal((30, 5)) + 0.5 * rng.standard_normal((30, 1))
    found = between_within(values.ravel(), np.repeat(np.arange(30), 5))
    within = values.var(axis=1, ddof=1).mean()
    between = values.mean(axis=1).var(ddof=1) - within / 5
    np.testing.assert_allclose([found.between, found.within], [between, within], rtol=1e-10)


@pytest.mark.parametrize("groups_are", ["sampled", "fixed"])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_leave_out_values_are_the_estimates_without_each_group(groups_are, is_weighted):
    rng = np.random.default_rng(7)
    groups = rng.integers(0, 9, 60)
    values = rng.standard_normal(60) + groups
    weights = rng.uniform(0.5, 2, 60) if is_weighted else np.ones(60)
    found = between_within(values, groups, weights, groups_are=groups_are)
    for g in range(9):
        kept = groups != g
        other = between_within(values[kept], groups[kept], weights[kept], groups_are=groups_are)
        np.testing.assert_allclose(found.leave_out[g], [other.between, other.within], rtol=1e-9)


@pytest.mark.parametrize("groups_are", ["sampled", "fixed"])
def test_between_variance_is_unbiased_and_its_error_honest(groups_are):
    """Unequal groups; bands of 4 Monte-Carlo errors, and 15 % for the jackknife's spread."""
    rng = np.random.default_rng(8)
    sizes = rng.integers(2, 12, 40)
    groups = np.repeat(np.arange(40), sizes)
    fixed = 0.5 * rng.standard_normal(40)
    shares = sizes / sizes.sum()
    at_fixed = np.sum(shares * (fixed - shares @ fixed) ** 2)
    truth = 0.25 if groups_are == "sampled" else at_fixed
    estimates, errors = [], []
    for _ in range(1_500):
        means = 0.5 * rng.standard_normal(40) if groups_are == "sampled" else fixed
        values = means[groups] + rng.standard_normal(len(groups))
        found = between_within(values, groups, groups_are=groups_are)
        estimates.append(found.between)
        errors.append(found.between_std_error)
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - truth) < 4 * error
    if groups_are == "sampled":
        np.testing.assert_allclose(np.mean(errors), np.std(estimates), rtol=0.15)


def test_groups_of_one_are_left_out_and_counted():
    values, groups = np.arange(8.0), np.array([0, 0, 1, 1, 2, 2, 3, 4])
    found = between_within(values, groups)
    assert found.n_alone == 2
    assert found.between == between_within(values[:6], groups[:6]).between


def test_too_few_groups_is_an_error():
    with pytest.raises(EstimationError, match="2 groups"):
        between_within([1.0, 2, 3, 4], [0, 0, 1, 1])
