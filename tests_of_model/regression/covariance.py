"""Covariances of estimated coefficients: unadjusted, robust, one- and multi-way clustered."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.regression.conventions import SmallSample
from withintask.tests_of_model.regression.grouping import combined_codes, group_sums
from withintask.tests_of_model.regression.problem import Problem

# A negative eigenvalue above this share of the largest is rounding, not a defect to report.
_EIGENVALUE_SHARE = 1e-12


@dataclass(frozen=True, kw_only=True)
class Covariance:
    """A covariance of k coefficients and what had to be repaired."""

    matrix: Array
    """(k, k)."""
    messages: tuple[str, ...] = ()
    """Empty unless eigenvalues were set to zero."""


def covariance_matrix(
    problem: Problem,
    bread: Array,
    regressors: Array,
    residuals: Array,
    sample: SmallSample,
    sums: "ScoreSums | None" = None,
) -> Covariance:
    """Covariance of the kind the problem asks for: unadjusted, robust (HC1) or clustered.

    Parameters
    ----------
    problem
        For kind, clusters and weights.
    bread
        Inverse cross-product of the regressors (k, k).
    regressors, residuals
        (k, n_rows) and (n_rows,), projected, times the square root of the weights.
    sample
        Counts for the small-sample factor.
    sums
        Those of earlier calls with the same regressors and residuals.

    Notes
    -----
    Unadjusted: s² bread, s² = e'e/(n−k). Robust: bread (Σ x x' e²) bread · n/(n−k). In compressed
    data the sums of squares of y around the rows' means are added to e'e and to e².
    """
    if problem.covariance == "unadjusted":
        square = float(residuals @ residuals)
        if problem.pure_square is not None:
            square += float(problem.pure_square.sum())
        return Covariance(matrix=bread * (square / sample.dof_resid))
    if problem.covariance == "robust":
        scores = regressors * _robust_residuals(problem, residuals)
        return Covariance(matrix=bread @ (scores @ scores.T) @ bread * sample.robust_factor())
    sums = sums or ScoreSums()
    if sums.scores is None:
        sums.scores = regressors * residuals
    return clustered_covariance(bread, sums.scores, problem.clusters, sample, sums)


def clustered_covariance(
    bread: Array,
    scores: Array,
    clusters: Sequence[Codes],
    sample: SmallSample,
    sums: "ScoreSums | None" = None,
) -> Covariance:
    """Covariance clustered in one or more dimensions by inclusion and exclusion.

    Parameters
    ----------
    bread
        Inverse cross-product of the regressors (k, k).
    scores
        Regressor times residual times weight (k, n_obs).
    clusters
        Cluster codes without gaps (n_obs,), one array a dimension.
    sample
        Counts for the small-sample factor.
    sums
        Those of earlier calls with the same scores.

    Notes
    -----
    Σ over non-empty sets S of dimensions of (−1)^(|S|+1) V_S, V_S clustered by the intersection
    (Cameron, Gelbach and Miller 2011, eq. 2.13). ``withintask`` sets negative eigenvalues of the
    result to zero (their section 2.3) and says so; the other conventions leave them.
    """
    of_clusters, matrix = sums or ScoreSums(scores), np.zeros(bread.shape)
    for size in range(1, len(clusters) + 1):
        for members in combinations(clusters, size):
            totals = of_clusters.within(of_clusters.intersection(members))
            sign = 1 if size % 2 else -1
            matrix += sign * sample.cluster_factor(totals.shape[1]) * (totals @ totals.T)
    matrix = bread @ matrix @ bread
    if len(clusters) > 1 and sample.convention == "withintask":
        return _without_negative_eigenvalues(matrix)
    return Covariance(matrix=matrix)


class ScoreSums:
    """Sums of scores within clusters and their intersections, found once however many covariances need them."""

    def __init__(self, scores: Array | None = None) -> None:
        self.scores = scores
        # Arrays are known by their identity, and kept so that it stays theirs.
        self._sums: dict[int, tuple[Codes, Array]] = {}
        self._cells: dict[tuple[int, ...], tuple[Sequence[Codes], Codes]] = {}

    def intersection(self, clusters: Sequence[Codes]) -> Codes:
        """Return :func:`intersection` of clusters."""
        key = tuple(map(id, clusters))
        if key not in self._cells:
            self._cells[key] = clusters, intersection(clusters)
        return self._cells[key][1]

    def within(self, codes: Codes) -> Array:
        """Return :func:`cluster_sums` of the scores."""
        assert self.scores is not None
        if id(codes) not in self._sums:
            self._sums[id(codes)] = codes, cluster_sums(self.scores, codes)
        return self._sums[id(codes)][1]


def cluster_sums(rows: Array, codes: Codes) -> Array:
    """Sum variables (k, n_obs) within clusters: (k, n_clusters)."""
    n_clusters = int(np.max(codes)) + 1
    return np.array([group_sums(codes, row, n_clusters) for row in rows])


def intersection(clusters: Sequence[Codes]) -> Codes:
    """Codes of the combinations of clusters, without gaps (n_obs,)."""
    codes = clusters[0]
    for other in clusters[1:]:
        codes = combined_codes(codes, other)
    return codes


def _robust_residuals(problem: Problem, residuals: Array) -> Array:
    if problem.pure_square is None or problem.weights is None:
        return residuals
    return np.sqrt((residuals**2 + problem.pure_square) / problem.weights)


def _without_negative_eigenvalues(matrix: Array) -> Covariance:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if values[0] >= -_EIGENVALUE_SHARE * values[-1]:
        return Covariance(matrix=matrix)
    message = (
        f"the multiway covariance had a negative eigenvalue ({values[0]:.3g}), set to zero; "
        "few clusters in some dimension"
    )
    repaired = (vectors * np.maximum(values, 0)) @ vectors.T
    return Covariance(matrix=repaired, messages=(message,))
