"""Covariances equal their definitions, written out with explicit dummies and inverse matrices."""

import numpy as np
import pytest
from scipy import linalg

from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference

NAMES = ("x1", "x2")


def panel(seed=11, n_obs=150):
    rng = np.random.default_rng(seed)
    worker = rng.integers(0, 20, n_obs)
    columns = {
        "worker": worker,
        "firm": worker % 7,
        "cell": rng.integers(0, 5, n_obs),
        "year": rng.integers(0, 3, n_obs),
    }
    X = rng.standard_normal((n_obs, 2)) + rng.standard_normal((7, 2))[columns["firm"]]
    noise = rng.standard_normal(n_obs) * (1 + X[:, 0] ** 2) + rng.standard_normal(7)[worker % 7]
    return X @ [1.0, -1.0] + noise, X, columns, rng.uniform(0.5, 2, n_obs)


def full_design(X, codes, weights):
    """Regressors and an independent set of dummies, times the root of the weights."""
    blocks = [c[:, None] == np.unique(c) for c in codes]
    D = np.column_stack([*blocks]) * 1.0 if blocks else np.empty((len(X), 0))
    keep = []
    for column in range(D.shape[1]):
        if np.linalg.matrix_rank(D[:, [*keep, column]]) == len(keep) + 1:
            keep.append(column)
    return np.column_stack([X, D[:, keep]]) * np.sqrt(weights)[:, None]


def power(matrix, exponent):
    values, vectors = linalg.eigh(matrix)
    kept = values > 1e-9
    return (vectors[:, kept] * values[kept] ** exponent) @ vectors[:, kept].T


def bell_mccaffrey(design, y, cluster, k):
    """CR2 covariance and degrees of freedom from n × n matrices."""
    n_obs = len(y)
    bread = np.linalg.inv(design.T @ design)
    annihilator = np.eye(n_obs) - design @ bread @ design.T
    residuals = annihilator @ y
    meat = np.zeros((design.shape[1],) * 2)
    maps = []
    for g in np.unique(cluster):
        rows = np.flatnonzero(cluster == g)
        adjust = power(annihilator[np.ix_(rows, rows)], -0.5)
        score = design[rows].T @ adjust @ residuals[rows]
        meat += np.outer(score, score)
        maps.append(bread @ design[rows].T @ adjust @ annihilator[rows])
    covariance = bread @ meat @ bread
    dof = []
    for j in range(k):
        gram = np.array([[p[j] @ q[j] for q in maps] for p in maps])
        dof.append(np.trace(gram) ** 2 / np.sum(gram**2))
    return covariance[:k, :k], np.array(dof)


EFFECTS = [(), ("worker",), ("cell",), ("worker", "cell"), ("worker", "cell", "year")]


@pytest.mark.parametrize("absorb", EFFECTS)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_cr2_equals_its_definition(absorb, is_weighted):
    y, X, columns, weights = panel()
    weights = weights if is_weighted else np.ones(len(y))
    codes = [columns[name] for name in absorb]
    design = full_design(X, codes, weights)
    expected, dof = bell_mccaffrey(design, y * np.sqrt(weights), columns["firm"], 2)
    found = fit(
        y,
        X,
        names=NAMES,
        effects=Effects(absorb=codes, weights=weights if is_weighted else None),
        inference=Inference(cluster=[columns["firm"]], kind="CR2"),
    )
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-8)
    np.testing.assert_allclose(found.dof, dof, rtol=1e-8)


@pytest.mark.parametrize("kind", ["CR3", "jackknife"])
@pytest.mark.parametrize("absorb", EFFECTS)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_cr3_and_jackknife_equal_fits_without_each_cluster(kind, absorb, is_weighted):
    y, X, columns, weights = panel()
    weights = weights if is_weighted else np.ones(len(y))
    cluster, codes = columns["firm"], [columns[name] for name in absorb]
    whole = fit(
        y,
        X,
        names=NAMES,
        effects=Effects(absorb=codes, weights=weights),
        inference=Inference(cluster=[cluster], kind=kind),
    )
    without = []
    for g in np.unique(cluster):
        kept = cluster != g
        design = full_design(X[kept], [c[kept] for c in codes], weights[kept])
        without.append(np.linalg.lstsq(design, (y * np.sqrt(weights))[kept], rcond=None)[0][:2])
    centre = whole.params if kind == "CR3" else np.mean(without, axis=0)
    deviations = np.array(without) - centre
    n_groups = len(without)
    expected = (n_groups - 1) / n_groups * deviations.T @ deviations
    np.testing.assert_allclose(whole.covariance, expected, rtol=1e-8)


def test_clustering_by_rows_is_the_robust_covariance():
    y, X, columns, _ = panel()
    codes = [columns["cell"]]
    robust = fit(
        y, X, names=NAMES, effects=Effects(absorb=codes), inference=Inference(kind="robust")
    )
    by_row = fit(
        y,
        X,
        names=NAMES,
        effects=Effects(absorb=codes),
        inference=Inference(cluster=[np.arange(len(y))]),
    )
    np.testing.assert_allclose(by_row.covariance, robust.covariance, rtol=1e-12)


def test_clustering_twice_the_same_way_changes_nothing():
    y, X, columns, _ = panel()
    once = fit(y, X, names=NAMES, inference=Inference(cluster=[columns["firm"]]))
    twice = fit(y, X, names=NAMES, inference=Inference(cluster=[columns["firm"], columns["firm"]]))
    np.testing.assert_allclose(twice.covariance, once.covariance, rtol=1e-10)


def test_three_way_clusters_follow_inclusion_and_exclusion():
    y, X, columns, _ = panel()
    ways = [columns[name] for name in ("firm", "cell", "year")]
    found = fit(y, X, names=NAMES, inference=Inference(cluster=ways, convention="fixest"))
    bread = np.linalg.inv(X.T @ X)
    scores = X * (y - X @ bread @ X.T @ y)[:, None]
    meat = np.zeros((2, 2))
    for chosen in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        labels = np.unique([ways[c] for c in chosen], axis=1, return_inverse=True)[1].ravel()
        sums = np.array([scores[labels == label].sum(axis=0) for label in np.unique(labels)])
        meat += (-1) ** (len(chosen) + 1) * sums.T @ sums
    groups = 3
    factor = groups / (groups - 1) * (len(y) - 1) / (len(y) - 2)
    np.testing.assert_allclose(found.covariance, factor * bread @ meat @ bread, rtol=1e-10)


def test_a_negative_eigenvalue_is_set_to_zero_and_said():
    rng = np.random.default_rng(4)
    for _ in range(200):
        X, y = rng.standard_normal((12, 2)), rng.standard_normal(12)
        ways = [np.arange(12) % 3, np.arange(12) // 4]
        raw = fit(y, X, names=NAMES, inference=Inference(cluster=ways, convention="fixest"))
        if np.linalg.eigvalsh(raw.covariance)[0] < -1e-6:
            break
    repaired = fit(y, X, names=NAMES, inference=Inference(cluster=ways))
    values, vectors = np.linalg.eigh(raw.covariance)
    expected = (vectors * np.maximum(values, 0)) @ vectors.T
    np.testing.assert_allclose(repaired.covariance, expected, atol=1e-12)
    assert "negative eigenvalue" in repaired.messages[0]


def test_nested_effects_count_as_one_parameter():
    y, X, columns, _ = panel()
    n_obs, firm, worker = len(y), columns["firm"], columns["worker"]
    found = fit(
        y, X, names=NAMES, effects=Effects(absorb=[worker]), inference=Inference(cluster=[firm])
    )
    counted = fit(
        y,
        X,
        names=NAMES,
        effects=Effects(absorb=[worker]),
        inference=Inference(cluster=[firm], convention="statsmodels"),
    )
    n_workers = len(np.unique(worker))
    ratio = (n_obs - 2 - n_workers) / (n_obs - 2 - 1)
    np.testing.assert_allclose(found.covariance, counted.covariance * ratio, rtol=1e-12)
