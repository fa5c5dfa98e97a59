"""Rows that stand in for many have their moments, and the regressions of both are the same."""

import numpy as np
import pytest

from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.alone import n_alone
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference
from withintask.tests_of_model.regression.stand_ins import squares_around_means, stand_ins


def blocks(seed=0, n=400, n_blocks=30):
    """Rows of three variables, and their blocks; some blocks have one row, some two equal ones."""
    random = np.random.default_rng(seed)
    block = np.sort(random.integers(0, n_blocks, n))
    values = random.normal(size=(n, 3)) * [1, 100, 1e-3] + random.normal(size=(n_blocks, 3))[block]
    single = np.flatnonzero(np.diff(block, prepend=-1) > 0)[:4]
    keep = ~np.isin(block, block[single]) | np.isin(np.arange(n), single)
    return np.unique(block[keep], return_inverse=True)[1], values[keep]


def moments(block, values):
    n = np.bincount(block).astype(float)
    sums = np.array([np.bincount(block, column) for column in values.T]).T
    products = np.zeros((n.size, values.shape[1], values.shape[1]))
    np.add.at(products, block, values[:, :, None] * values[:, None, :])
    return n, *squares_around_means(n, sums, products)


def test_they_have_the_moments_of_their_blocks():
    block, values = blocks()
    stands = stand_ins(*moments(block, values))
    weighted = stands.values * stands.weight[:, None]
    np.testing.assert_allclose(
        np.bincount(stands.block, stands.weight), np.bincount(block), rtol=1e-12
    )
    for j in range(3):
        expected = np.bincount(block, values[:, j])
        found = np.bincount(stands.block, weighted[:, j])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
        for k in range(3):
            expected = np.bincount(block, values[:, j] * values[:, k])
            found = np.bincount(stands.block, weighted[:, j] * stands.values[:, k])
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["cluster", "CR2", "CR3", "jackknife"])
@pytest.mark.parametrize("absorbs_blocks", [False, True])
def test_no_regression_tells_them_from_the_rows(kind, absorbs_blocks):
    block, values = blocks(seed=1)
    stands = stand_ins(*moments(block, values))
    results = []
    for code, rows, effects in (
        (block, values, {}),
        (stands.block, stands.values, {"weights": stands.weight, "n_obs": block.size}),
    ):
        absorb = code if absorbs_blocks else code // 10
        results.append(
            fit(
                rows[:, 0],
                rows[:, 1:],
                names=["a", "b"],
                effects=Effects(absorb=[absorb], **effects),
                inference=Inference(cluster=[code // 3], kind=kind),
            )
        )
    np.testing.assert_allclose(results[1].params, results[0].params, rtol=1e-10)
    np.testing.assert_allclose(results[1].covariance, results[0].covariance, rtol=1e-9)
    np.testing.assert_allclose(results[1].dof, results[0].dof, rtol=1e-9)
    assert results[1].messages == results[0].messages


def test_rows_alone_are_counted_as_in_the_rows_themselves():
    random = np.random.default_rng(2)
    codes = [random.integers(0, 60, 90), random.integers(0, 50, 90)]
    n_rows = random.integers(1, 3, 90).astype(float)
    whole = [np.repeat(code, n_rows.astype(int)) for code in codes]
    expected = Projector(whole).n_singletons
    assert expected > 0
    assert n_alone(codes, [n_rows, n_rows], n_rows) == expected
