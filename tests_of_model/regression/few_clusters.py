"""Covariances for few clusters: CR2 with Satterthwaite degrees of freedom, CR3 and jackknife."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import linalg

from withintask.panel.arrays import Array, Codes, Flags
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
# Share of a coefficient's weights in such directions above which it hangs on that cluster.
_HANGING_SHARE = 1e-12

LEVERAGE_ONE = "leverage one"
"""What the message about a coefficient that hangs on one cluster contains."""


@dataclass(frozen=True, kw_only=True)
class FewClusters:
    """A covariance with the degrees of freedom of each coefficient."""

    matrix: Array
    """(k, k)."""
    dof: Array
    """(k,)."""
    messages: tuple[str, ...] = ()
    """Which coefficients hang on one cluster."""


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
        CR2 with Bell-McCaffrey degrees of freedom; otherwise G−1. NaN for a coefficient that could not be estimated
        without one of the clusters (a leverage of one), such as that of the only treated cluster.

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

    Instrumented regressions: X are the regressors projected on the instruments, e the residuals of the regressors themselves,
    as ``clubSandwich`` takes ``ivreg``: the working model treats the first stage as known. The jackknife is not for these.
    """
    codes = problem.clusters[0]
    basis = _hat_basis(problem, within)
    order = np.argsort(codes, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(codes))])
    groups = [order[start:stop] for start, stop in pairwise(bounds)]
    power = 0.5 if problem.covariance == "CR2" else 1.0
    bread_rows = within.back.matrix @ within.bread @ within.fitted
    blocks = [_adjusted(basis[:, rows], bread_rows[:, rows], power) for rows in groups]
    adjusted = [rows for rows, _ in blocks]
    squares = np.einsum("ki,ki->k", bread_rows, bread_rows)
    hanging = np.any([lost > _HANGING_SHARE * squares for _, lost in blocks], axis=0)
    moved = np.array([u @ residuals[rows] for u, rows in zip(adjusted, groups, strict=True)])
    n_groups = len(groups)
    dof = np.full(len(bread_rows), float(n_groups - 1))
    factor = (n_groups - 1) / n_groups
    if problem.covariance == "CR2":
        dof, factor = _satterthwaite(adjusted, [basis[:, rows] for rows in groups]), 1.0
    if problem.covariance == "jackknife":
        moved = moved - moved.mean(axis=0)
    matrix = factor * (moved.T @ moved)
    matrix[hanging], matrix[:, hanging], dof[hanging] = np.nan, np.nan, np.nan
    return FewClusters(matrix=matrix, dof=dof, messages=_messages(problem, within, hanging))


def _messages(problem: Problem, within: Within, hanging: Flags) -> tuple[str, ...]:
    if not hanging.any():
        return ()
    names = ", ".join(problem.names[place] for place in within.kept[hanging])
    return (
        f"{names} could not be estimated without one of the {problem.n_clusters[0]} clusters ({LEVERAGE_ONE}): no "
        f"{problem.covariance} errors; more clusters have to vary",
    )


def _hat_basis(problem: Problem, within: Within) -> Array:
    """Orthonormal rows (r, n_rows) spanning regressors and the effects not nested in clusters."""
    rows = within.fitted
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


def _adjusted(basis: Array, bread_rows: Array, power: float) -> tuple[Array, Array]:
    """Rows b X_g' A_g of one cluster (k, n_g), by the singular values of its hat block, and what they lack (k,).

    What they lack is the square of b X_g' in the directions that only this cluster identifies.
    """
    right, singular = _left_singular(basis.T)
    left = 1 - singular**2
    is_free = left > _LEVERAGE_SLACK
    scale = np.where(is_free, np.maximum(left, _LEVERAGE_SLACK) ** -power, 0.0)
    inside = bread_rows @ right
    moved: Array = bread_rows + (inside * (scale - 1)) @ right.T
    return moved, np.asarray(np.sum(inside[:, ~is_free] ** 2, axis=1))


def _left_singular(matrix: Array) -> tuple[Array, Array]:
    """Left singular vectors and singular values, as ``scipy.linalg.svd`` has them; its own checks take longer than small ones."""
    svd, work_size = _gesdd()
    work, _ = work_size(*matrix.shape, compute_uv=True, full_matrices=False)
    left, singular, _, info = svd(
        matrix, compute_uv=True, lwork=int(work), full_matrices=False, overwrite_a=False
    )
    if info != 0:
        raise linalg.LinAlgError("SVD did not converge")
    return left, singular


@cache
def _gesdd() -> tuple[Callable[..., Any], Callable[..., Any]]:
    names = ("gesdd", "gesdd_lwork")
    svd, work_size = linalg.get_lapack_funcs(names, dtype=np.float64, ilp64="preferred")
    return svd, work_size


def _satterthwaite(adjusted: list[Array], basis: list[Array]) -> Array:
    """Degrees of freedom of each coefficient (k,) from the Gram matrix of P."""
    squares = np.array([np.einsum("ki,ki->k", u, u) for u in adjusted])
    inner = np.array([q @ u.T for u, q in zip(adjusted, basis, strict=True)])
    dof = []
    for k in range(squares.shape[1]):
        gram = np.diag(squares[:, k]) - inner[:, :, k] @ inner[:, :, k].T
        dof.append(np.trace(gram) ** 2 / np.sum(gram**2))
    return np.array(dof)
