"""Group-time effects of a staggered roll-out, with and without each cluster of units.

A cohort is compared, in each period, with units that AI has not reached yet (or never does): Callaway and Sant'Anna
(2021), outcome differences from the last period before the cohort's start. Every comparison is computed once with all
clusters and once without each of them, so that errors are those of the cluster jackknife.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError, list_problems

Controls = Literal["not_yet", "never"]
"""Units that a cohort is compared with: without AI in the periods compared, or without it throughout."""

FEW_CLUSTERS = 60
"""Clusters up to which degrees of freedom are computed from the comparisons; above they are the clusters less one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Paths:
    """An outcome of units over the periods of a panel."""

    value: Array
    """Outcome, NaN where a unit is not seen, (unit, period)."""
    start: Codes
    """First period with AI, counted from the panel's first; the number of periods if never, (unit,)."""
    weight: Array
    """Positive weight of the unit, (unit,)."""
    stratum: Codes
    """Code of those that are compared with each other, 0 and up, (unit,)."""

    @property
    def n_periods(self) -> int:
        """Periods."""
        return int(self.value.shape[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class PairEffects:
    """Effects of pairs of cohort and period; row 0 with all clusters, row 1 + c without cluster c."""

    cohort: Codes
    """First period with AI, (pair,)."""
    period: Codes
    """Period, (pair,)."""
    estimate: Array
    """Effects, NaN where there is nobody to compare, (1 + cluster, pair)."""
    weight: Array
    """Weight of the units with AI that were compared, (1 + cluster, pair)."""
    reach: Array | None
    """Weight of each cluster's change from the last period before the start to the pair's period, where clusters are few
    enough for it to matter to the degrees of freedom, (1 + cluster, cluster, pair)."""
    is_compared: Flags
    """Units compared in the pair's period and, of group-time effects, in the last period before the start, (unit, pair)."""
    is_fitted: Flags | None = None
    """Values that every effect draws on: those without AI, of imputed effects, (unit, period)."""

    @property
    def event_time(self) -> Codes:
        """Periods since the start, 0 in the first with AI, (pair,)."""
        return np.asarray(self.period - self.cohort)

    def used(self, n_periods: int, chosen: Flags) -> Flags:
        """Values that enter the effects of some pairs, (unit, period)."""
        used = np.zeros((self.is_compared.shape[0], n_periods), dtype=np.bool_)
        for place in np.flatnonzero(chosen & np.isfinite(self.estimate[0])):
            used[:, self.period[place]] |= self.is_compared[:, place]
            if self.is_fitted is None:
                used[:, self.cohort[place] - 1] |= self.is_compared[:, place]
        return used if self.is_fitted is None else used | self.is_fitted


def check_paths(paths: Paths) -> None:
    """Refuse weights that are no weights and shapes that do not fit.

    Raises
    ------
    EstimationError
        Names every problem.
    """
    n_units = paths.value.shape[0]
    sizes = {"start": paths.start.size, "weight": paths.weight.size, "stratum": paths.stratum.size}
    problems = [
        f"{name}: {size} units, expected {n_units}"
        for name, size in sizes.items()
        if size != n_units
    ]
    for word, wrong in (
        ("not known", ~np.isfinite(paths.weight)),
        ("zero", paths.weight == 0),
        ("negative", paths.weight < 0),
    ):
        if wrong.any():
            problems.append(f"weight: {np.count_nonzero(wrong)} units have a weight that is {word}")
    if problems:
        advice = "weights must be positive; leave out the units that should not count"
        raise EstimationError(list_problems("paths of a roll-out", problems, advice=advice))


def pair_effects(paths: Paths, cluster: Codes, *, controls: Controls = "not_yet") -> PairEffects:
    """Compare every cohort in every period with units without AI.

    Parameters
    ----------
    paths
        Outcomes of units.
    cluster
        Code of what is left out as one, 0 and up without gaps, (unit,).
    controls
        Who is compared with.

    Returns
    -------
    PairEffects
        Pairs of a cohort that starts after the first period and any period but the one before its start, those of
        NaN included.

    Notes
    -----
    With Δ the outcome of period t less that of g - 1, the effect on cohort g is the mean over strata, weighted by the
    cohort, of ``mean(Δ | start = g) - mean(Δ | start > max(t, g - 1), start ≠ g)``, each mean over units seen in both
    periods.
    """
    check_paths(paths)
    pairs = list(_pairs(paths))
    n_clusters = int(cluster.max(initial=-1)) + 1
    blocks, compared = [], []
    for cohort, period in pairs:
        change, treated, control = _sides(paths, cohort, period, controls)
        blocks.append(_without_each(paths, change, cluster, treated, control))
        compared.append(treated | control)
    cohorts, periods = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    reach = [block[2] for block in blocks if block[2] is not None]
    return PairEffects(
        cohort=cohorts,
        period=periods,
        estimate=np.array([block[0] for block in blocks]).reshape(-1, 1 + n_clusters).T,
        weight=np.array([block[1] for block in blocks]).reshape(-1, 1 + n_clusters).T,
        reach=np.stack(reach, axis=-1) if reach else None,
        is_compared=np.array(compared).reshape(len(pairs), -1).T,
    )


def _pairs(paths: Paths) -> Iterator[tuple[int, int]]:
    for cohort in np.unique(paths.start):
        if 0 < cohort < paths.n_periods:
            for period in range(paths.n_periods):
                if period != cohort - 1:
                    yield int(cohort), period


def pair_weights(paths: Paths, *, controls: Controls = "not_yet") -> Array:
    """Weight of each unit's change from the last period before the start in the effects of pairs, (unit, pair).

    Parameters
    ----------
    paths, controls
        As for :func:`pair_effects`; pairs are in the same order.
    """
    columns = []
    for cohort, period in _pairs(paths):
        _, *sides = _sides(paths, cohort, period, controls)
        n_strata = int(paths.stratum.max(initial=-1)) + 1
        totals = [
            np.bincount(paths.stratum, np.where(side, paths.weight, 0.0), minlength=n_strata)
            for side in sides
        ]
        share = totals[0] / max(totals[0].sum(), np.finfo(float).tiny)
        with np.errstate(divide="ignore", invalid="ignore"):
            scales = [(share / total)[paths.stratum] for total in totals]
        treated, control = (
            np.where(side, paths.weight * scale, 0.0)
            for side, scale in zip(sides, scales, strict=True)
        )
        columns.append(treated - control)
    return np.column_stack(columns)


def _sides(
    paths: Paths, cohort: int, period: int, controls: Controls
) -> tuple[Array, Flags, Flags]:
    """Change from the last period before the start; units of the cohort and those it is compared with, (unit,) each."""
    change = paths.value[:, period] - paths.value[:, cohort - 1]
    seen = np.isfinite(change)
    treated = seen & (paths.start == cohort)
    control = seen & _controls(paths, cohort, period, controls)
    both = _in_both(paths.stratum, treated, control)
    return change, treated & both, control & both


def _controls(paths: Paths, cohort: int, period: int, controls: Controls) -> Flags:
    if controls == "never":
        return np.asarray(paths.start == paths.n_periods)
    return np.asarray((paths.start > max(period, cohort - 1)) & (paths.start != cohort))


def _in_both(stratum: Codes, treated: Flags, control: Flags) -> Flags:
    """Units of strata in which somebody is on either side, (unit,)."""
    n = int(stratum.max(initial=-1)) + 1
    sides = [np.bincount(stratum[side], minlength=n) > 0 for side in (treated, control)]
    return np.asarray((sides[0] & sides[1])[stratum])


def _without_each(
    paths: Paths, change: Array, cluster: Codes, treated: Flags, control: Flags
) -> tuple[Array, Array, Array | None]:
    """Effect and weight with all clusters, then without each, (1 + cluster,); reach, (1 + cluster, cluster)."""
    n_clusters = int(cluster.max(initial=-1)) + 1
    n_strata = int(paths.stratum.max(initial=-1)) + 1
    place = cluster * n_strata + paths.stratum
    means, weights, own = [], [], []
    for side in (treated, control):
        sums = [
            _by_cluster(place[side], values[side], n_clusters, n_strata)
            for values in (np.ones_like(change), paths.weight, paths.weight * change)
        ]
        count, total, weighted = (_without(by_cluster) for by_cluster in sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            # Counts are exact, so that a stratum left without units is told from one of little weight.
            means.append(np.where(count > 0, weighted / total, np.nan))
        weights.append(np.where(count > 0, total, 0.0))
        own.append(sums[1])
    difference = means[0] - means[1]
    share = np.where(np.isfinite(difference), weights[0], 0.0)
    total = share.sum(axis=1)
    with np.errstate(invalid="ignore"):
        effect = np.where(share > 0, share * difference, 0.0).sum(axis=1) / total
    reach = _reach(share, total, weights, own) if n_clusters <= FEW_CLUSTERS else None
    return effect, total, reach


def _by_cluster(place: Codes, values: Array, n_clusters: int, n_strata: int) -> Array:
    """Sums by cluster and stratum, (cluster, stratum)."""
    sums = np.bincount(place, values, minlength=n_clusters * n_strata)
    return np.asarray(sums, dtype=np.float64).reshape(n_clusters, n_strata)


def _without(by_cluster: Array) -> Array:
    """Sums by stratum of all clusters, then of all but each, (1 + cluster, stratum)."""
    total = by_cluster.sum(axis=0)
    return np.concatenate([total[None], total - by_cluster])


def _reach(share: Array, total: Array, weights: list[Array], own: list[Array]) -> Array:
    """Weight of each cluster's change in the effect with all clusters and without each, (1 + cluster, cluster)."""
    n_clusters = own[0].shape[0]
    is_in = np.ones((1 + n_clusters, n_clusters))
    is_in[np.arange(1, 1 + n_clusters), np.arange(n_clusters)] = 0.0
    reach = np.zeros_like(is_in)
    for side, sign in ((0, 1.0), (1, -1.0)):
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(share > 0, share / weights[side], 0.0) / total[:, None]
        reach += sign * is_in * (np.nan_to_num(scale) @ own[side].T)
    return reach
