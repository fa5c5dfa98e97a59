"""Covariances for few clusters: CR2 with Satterthwaite degrees of freedom, CR3 and jackknife."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import linalg

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.conventions import nested_factors
from withintask.tests_of_model.regression.problem import Problem
from withintask.tests_of_model.regression.within import Within, independent_rows

# Dummies of absorbed effects that cross the clusters are written out; above this many the
# matrices of the correction no longer fit in cache and the correction itself is hardly needed.
_DUMMIES_MAX = 2_000
# A leverage within this distance of one belongs to a direction that only one cluster identifies;
# such directions carry no residual and are left out (Moore-Penrose).
_LEVERAGE_SLACK = 1e-9


@dataclass(frozen=True, kw_only=True)
class FewClusters:
    """A covariance with the degrees of freedom of each coefficient."""

    matrix: Array
    """(k, k)."""
    dof: Array
    """(k,)."""


def few_clusters_covariance(problem: Problem, within: Within, residuals: Array) -> FewClusters:
    """CR2, CR3 or jackknife covariance, as the problem asks.

    Parameters
    ----------
    problem
        One clustering dimension.
    within
        Projected regressors.
    residuals
        Residuals times the square root of the weights (n_rows,).

    Returns
    -------
    FewClusters
        CR2 with Bell-McCaffrey degrees of freedom; otherwise G−1.

    Notes
    -----
    V = Σ_g b X_g' A_g e_g e_g' A_g' X_g b with b the bread and H the hat matrix of the regression
    with all its effects:

    - CR2: A_g = (I − H_gg)^(−1/2), working covariance the identity on the scale of the weights
      (Bell and McCaffrey 2002; Pustejovsky and Tipton 2018, section 2.2). Effects nested in the
      clusters may be projected out first (their theorem 2); those that cross clusters enter H.
      Degrees of freedom of coefficient k: tr(P'P)² / tr((P'P)²), P the map from errors to the
      estimate's squared terms.
    - CR3: A_g = (I − H_gg)⁻¹ and factor (G−1)/G: the cluster jackknife around the estimate
      (MacKinnon, Nielsen and Webb 2023, CV3).
    - jackknife: the same around the mean of the leave-one-cluster-out estimates (CV3J).
    """
    codes = problem.clusters[0]
    basis = _hat_basis(problem, within)
    order = np.argsort(codes, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(codes))])
    groups = [order[start:stop] for start, stop in pairwise(bounds)]
    power = 0.5 if problem.covariance == "CR2" else 1.0
    bread_rows = within.bread @ within.regressors
    adjusted = [_adjusted(basis[:, rows], bread_rows[:, rows], power) for rows in groups]
    moved = np.array([u @ residuals[rows] for u, rows in zip(adjusted, groups, strict=True)])
    n_groups = len(groups)
    if problem.covariance == "CR2":
        dof = _satterthwaite(adjusted, [basis[:, rows] for rows in groups])
        return FewClusters(matrix=moved.T @ moved, dof=dof)
    if problem.covariance == "jackknife":
        moved = moved - moved.mean(axis=0)
    matrix = (n_groups - 1) / n_groups * (moved.T @ moved)
    return FewClusters(matrix=matrix, dof=np.full(len(matrix), float(n_groups - 1)))


def _hat_basis(problem: Problem, within: Within) -> Array:
    """Orthonormal rows (r, n_rows) spanning regressors and the effects not nested in clusters."""
    rows = within.regressors
    projector = problem.projector
    if projector is not None:
        nested = nested_factors(projector, problem.clusters)
        crossing = [f for f in range(len(projector.codes)) if f not in nested]
        if crossing:
            inner = [projector.codes[f] for f in nested]
            dummies = _dummies([projector.codes[f] for f in crossing], problem.n_obs)
            if inner:
                dummies = Projector(inner, weights=problem.weights).residuals(dummies)
            if problem.weights is not None:
                dummies = dummies * np.sqrt(problem.weights)
            moments = dummies @ dummies.T
            dummies = dummies[independent_rows(moments)]
            rows = np.concatenate([dummies, rows])
    basis: Array = linalg.qr(rows.T, mode="economic", check_finite=False)[0].T
    return np.ascontiguousarray(basis)


def _dummies(factors: list[Codes], n_rows: int) -> Array:
    n_levels = sum(int(np.max(codes)) + 1 for codes in factors)
    if n_levels > _DUMMIES_MAX:
        raise EstimationError(
            f"few-cluster covariance: {n_levels} levels of absorbed effects cross the clusters, "
            f"expected at most {_DUMMIES_MAX}; use covariance='cluster' or the wild bootstrap"
        )
    return np.concatenate(
        [(codes == np.arange(np.max(codes) + 1)[:, None]).astype(float) for codes in factors]
    )


def _adjusted(basis: Array, bread_rows: Array, power: float) -> Array:
    """Rows b X_g' A_g of one cluster (k, n_g), by the singular values of its hat block."""
    right, singular, _ = linalg.svd(basis.T, full_matrices=False, check_finite=False)
    left = 1 - singular**2
    scale = np.where(left > _LEVERAGE_SLACK, np.maximum(left, _LEVERAGE_SLACK) ** -power, 0.0)
    moved: Array = bread_rows + ((bread_rows @ right) * (scale - 1)) @ right.T
    return moved


def _satterthwaite(adjusted: list[Array], basis: list[Array]) -> Array:
    """Degrees of freedom of each coefficient (k,) from the Gram matrix of P."""
    squares = np.array([np.einsum("ki,ki->k", u, u) for u in adjusted])
    inner = np.array([q @ u.T for u, q in zip(adjusted, basis, strict=True)])
    dof = []
    for k in range(squares.shape[1]):
        gram = np.diag(squares[:, k]) - inner[:, :, k] @ inner[:, :, k].T
        dof.append(np.trace(gram) ** 2 / np.sum(gram**2))
    return np.array(dof)
