"""The projector is the least-squares projection, whatever the graph of the effects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from withintask.panel.errors import EstimationError
from withintask.tests_of_model.regression import laplacian, schur
from withintask.tests_of_model.regression.absorb import Projector, encode


def dummies(codes):
    return np.column_stack([codes_of[:, None] == np.unique(codes_of) for codes_of in codes]) * 1.0


def brute_force(codes, rows, weights=None):
    root = np.ones(len(codes[0])) if weights is None else np.sqrt(weights)
    design = dummies(codes) * root[:, None]
    basis, singular, _ = np.linalg.svd(design, full_matrices=False)
    basis = basis[:, singular > 1e-9 * singular[0]]
    scaled = rows * root
    return (scaled - (scaled @ basis) @ basis.T) / root, basis.shape[1]


@st.composite
def factors(draw):
    n_obs = draw(st.integers(2, 40))
    n_factors = draw(st.integers(1, 4))
    levels = st.lists(st.integers(0, draw(st.integers(0, 12))), min_size=n_obs, max_size=n_obs)
    return [np.array(draw(levels)) for _ in range(n_factors)]


@settings(max_examples=200)
@given(codes=factors(), seed=st.integers(0, 2**32), is_weighted=st.booleans())
def test_residuals_and_rank_are_those_of_explicit_dummies(codes, seed, is_weighted):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((2, len(codes[0]))) + 10
    weights = rng.uniform(0.2, 3, len(codes[0])) if is_weighted else None
    expected, rank = brute_force(codes, rows, weights)
    projector = Projector(codes, weights=weights)
    assert projector.rank == rank
    np.testing.assert_allclose(projector.residuals(rows), expected, atol=1e-9)


@pytest.mark.parametrize("method", ["pairs", "products", "sparse product"])
def test_three_ways_to_build_the_system_agree(monkeypatch, method):
    rng = np.random.default_rng(3)
    codes = [rng.integers(0, 50, 600), rng.integers(0, 12, 600), rng.integers(0, 4, 600)]
    rows, weights = rng.standard_normal((3, 600)), rng.uniform(0.5, 2, 600)
    monkeypatch.setattr(schur, "_PAIRS_PER_ROW", np.inf if method == "pairs" else 0)
    monkeypatch.setattr(schur, "_PRODUCTS_PER_PAIR", np.inf if method == "products" else 0)
    monkeypatch.setattr(schur, "_PAIRS_AT_ONCE", 2_000)
    expected, rank = brute_force(codes, rows, weights)
    projector = Projector(codes, weights=weights)
    assert projector.rank == rank
    np.testing.assert_allclose(projector.residuals(rows), expected, atol=1e-11)


def test_one_level_with_very_many_rows_is_no_obstacle(monkeypatch):
    """Its pairs alone would overflow the memory for pairs, though levels are thin on average."""
    monkeypatch.setattr(schur, "_PAIRS_AT_ONCE", 500)
    rng = np.random.default_rng(9)
    worker = np.concatenate([np.zeros(60, dtype=int), np.repeat(np.arange(1, 400), 2)])
    codes = [worker, rng.integers(0, 12, len(worker))]
    rows = rng.standard_normal((2, len(worker)))
    expected, rank = brute_force(codes, rows)
    projector = Projector(codes)
    assert projector.rank == rank
    np.testing.assert_allclose(projector.residuals(rows), expected, atol=1e-11)


@pytest.mark.parametrize("n_factors", [2, 3])
@pytest.mark.parametrize("method", ["sparse", "cg"])
def test_large_systems_agree_with_dense_ones(monkeypatch, method, n_factors):
    rng = np.random.default_rng(4)
    n_obs = 4_000
    worker = rng.integers(0, 800, n_obs)
    codes = [worker, (worker + rng.integers(0, 3, n_obs)) % 700, rng.integers(0, 5, n_obs)]
    codes = codes[:n_factors]
    rows = rng.standard_normal((2, n_obs))
    dense = Projector(codes)
    monkeypatch.setattr(schur, "DENSE_SIZE", 0)
    monkeypatch.setattr(laplacian, "_DENSE_SIZE_MAX", 0)
    if method == "cg":
        monkeypatch.setattr(laplacian, "_PROFILE_MAX", 0)
    other = Projector(codes)
    assert other._solver.method == method
    if method == "sparse" or n_factors == 2:
        assert other.rank == dense.rank
    np.testing.assert_allclose(other.residuals(rows), dense.residuals(rows), atol=1e-9)


def test_a_chain_of_neighbours_is_projected_exactly():
    """Each worker links two neighbouring cells: iterations would need millions of sweeps."""
    n_cells = 1_500
    worker = np.repeat(np.arange(n_cells - 1), 2)
    cell = worker + np.tile([0, 1], n_cells - 1)
    effects = np.cumsum(np.random.default_rng(5).standard_normal(n_cells))
    noise = np.random.default_rng(6).standard_normal(n_cells - 1)
    explained = effects[cell] + noise[worker]
    projector = Projector([worker, cell])
    assert projector.rank == len(worker)
    np.testing.assert_allclose(projector.residuals(explained), 0, atol=1e-9)


def test_a_projection_leaves_nothing_to_project():
    rng = np.random.default_rng(7)
    projector = Projector([rng.integers(0, 90, 900), rng.integers(0, 30, 900)])
    once = projector.residuals(rng.standard_normal(900))
    np.testing.assert_allclose(projector.residuals(once), once, atol=1e-12)


def test_absorbed_degrees_of_freedom_count_connected_components():
    worker = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    firm = np.array([0, 1, 1, 0, 2, 3, 3, 2])
    assert Projector([worker, firm]).rank == 4 + 4 - 2


def test_singletons_are_counted_until_none_appears():
    worker = np.array([0, 1, 1, 2, 2, 2])
    firm = np.array([0, 0, 1, 1, 1, 1])
    # Worker 0 is alone; then firm 0 holds one row of worker 1; then worker 1 is alone.
    assert Projector([worker, firm]).n_singletons == 3


def test_codes_need_neither_order_nor_density():
    rng = np.random.default_rng(8)
    worker, cell = rng.integers(0, 40, 300), rng.integers(0, 9, 300)
    y = rng.standard_normal(300)
    expected = Projector([worker, cell]).residuals(y)
    sparse_codes = [worker * 10**12 + 7, 3 * (8 - cell).astype(np.uint8)]
    np.testing.assert_allclose(Projector(sparse_codes).residuals(y), expected, atol=1e-12)


def test_encode_numbers_combinations_in_order():
    np.testing.assert_array_equal(encode(["b", "a", "b"], [1, 2, 0]), [2, 0, 1])


def test_all_faults_of_the_factors_are_listed_together():
    with pytest.raises(EstimationError) as caught:
        Projector([np.array([0, 1]), np.array([0.5, 1]), np.array([-1, 0])], weights=np.zeros(2))
    text = str(caught.value)
    assert "3 problems" in text
    assert "factor 1 has type float64" in text
    assert "factor 2 has negative codes: -1" in text
