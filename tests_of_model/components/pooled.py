"""Means of units' moments over workers, with the covariance that sampling of workers, firms and tasks gives them."""

from dataclasses import dataclass, replace

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.regression.grouping import compact_codes, encode, group_sums


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooled:
    """Weighted means of some moments over units, and their sampling covariance."""

    estimate: Array
    """Means, (moment,)."""
    covariances: Array
    """Covariance clustered in each way, and in both at once where there are two, (way, moment, moment)."""
    n_clusters: tuple[int, ...]
    """Clusters of each way."""
    is_mixed: bool
    """Whether clusters hold units of both groups, or there is one group."""
    n_by_group: tuple[int, int]
    """Clusters of the first way that hold units of group 0, and of group 1."""

    def covariance(self, direction: Array) -> Array:
        """Return the covariance that is largest in a direction, (moment, moment)."""
        variances = np.einsum("i,kij,j->k", direction, self.covariances, direction)
        return np.asarray(self.covariances[int(np.argmax(variances))])

    def select(self, places: list[int]) -> "Pooled":
        """Return some of the moments."""
        grid = np.ix_(range(len(self.covariances)), places, places)
        return replace(self, estimate=self.estimate[places], covariances=self.covariances[grid])

    def mapped(self, values: Array, slopes: Array) -> "Pooled":
        """Return smooth functions of the moments, one each, with the covariance of their tangents."""
        return replace(
            self, estimate=values, covariances=self.covariances * np.outer(slopes, slopes)
        )

    def transformed(self, values: Array, jacobian: Array) -> "Pooled":
        """Return smooth functions of all moments, with the covariance of their tangents, (value, moment)."""
        return replace(self, estimate=values, covariances=jacobian @ self.covariances @ jacobian.T)


def pool(moments: Array, weight: Array, group: Codes, clusters: tuple[Codes, ...]) -> Pooled:
    """Average moments over units.

    Parameters
    ----------
    moments
        (moment, unit); NaN for units that a moment is not about.
    weight
        Weight of each unit, (unit,).
    group
        0 or 1, (unit,).
    clusters
        One or two codes a unit, (unit,) each.

    Notes
    -----
    The covariance is G/(G-1) Σ_g ψ_g ψ_g', ψ the sum over a cluster of the units' weighted deviations. In two ways it is the
    sum of both less that of their intersection (Cameron, Gelbach and Miller 2011).
    """
    share = np.where(np.isfinite(moments), weight, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = share / share.sum(axis=1, keepdims=True)
    estimate = np.nansum(share * np.nan_to_num(moments), axis=1)
    estimate[~np.isfinite(moments).any(axis=1)] = np.nan
    influence = share * np.nan_to_num(moments - estimate[:, None])
    matrices = [_clustered(influence, code) for code in clusters]
    if len(clusters) > 1:
        matrices.append(matrices[0] + matrices[1] - _clustered(influence, encode(*clusters)))
    n_by_group = tuple(np.unique(clusters[0][group == g]).size for g in (0, 1))
    n_clusters = tuple(np.unique(code).size for code in clusters)
    return Pooled(
        estimate=estimate,
        covariances=np.array(matrices),
        n_clusters=n_clusters,
        is_mixed=sum(n_by_group) > n_clusters[0] or 0 in n_by_group,
        n_by_group=(n_by_group[0], n_by_group[1]),
    )


def _clustered(influence: Array, code: Codes) -> Array:
    code = compact_codes(code)
    n = int(code.max()) + 1
    sums = np.array([group_sums(code, row, n) for row in influence])
    return sums @ sums.T * (n / (n - 1)) if n > 1 else np.full((len(sums), len(sums)), np.nan)


def cluster_units(firm: Codes, assignment: Codes, enough_firms: int) -> Codes:
    """Clusters of units: what was assigned as one or, where firms are many and coarser, firms."""
    if np.unique(firm).size >= enough_firms and _is_coarser(firm, assignment):
        return firm
    return assignment


def _is_coarser(outer: Codes, inner: Codes) -> Flags | bool:
    pairs = np.unique(encode(inner, outer)).size
    return bool(pairs == np.unique(inner).size)
