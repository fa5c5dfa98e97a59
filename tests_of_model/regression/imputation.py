"""Effects of a roll-out by imputation: what units with AI would have done, from units and periods without it.

Borusyak, Jaravel and Spiess (2024); two-stage differences in differences (Gardner 2022) gives the same estimates.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.regression.group_time import PairEffects, Paths, check_paths


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sums:
    """Sums over units, by stratum; all but the pairs' are of values without AI."""

    moments: Array
    """Of period effects after units' effects are out, (stratum, period, period)."""
    right: Array
    """Their right-hand side, (stratum, period)."""
    seen: Array
    """Values seen, (stratum, period)."""
    outcome: Array
    """Weighted value less the unit's mean without AI, (stratum, pair)."""
    effects: Array
    """Weights of the periods seen without AI in the units' own means, (stratum, pair, period)."""
    weight: Array
    """Weight of the units, (stratum, pair)."""
    count: Array
    """Units, which subtraction leaves exact, (stratum, pair)."""

    def less(self, other: "_Sums", strata: Codes) -> "_Sums":
        """Return the sums of some strata, each without those of other units of it."""
        return _Sums(
            **{name: getattr(self, name)[strata] - getattr(other, name) for name in _FIELDS}
        )


_FIELDS = ("moments", "right", "seen", "outcome", "effects", "weight", "count")
_AT_ONCE = 4096
"""Clusters left out together: a bound on memory."""
_RANK = 1e-9
"""Relative to the largest, an eigenvalue that counts as zero."""


def imputed_effects(paths: Paths, cluster: Codes) -> PairEffects:
    """Estimate the effect on every cohort in every period with AI.

    Parameters
    ----------
    paths
        Outcomes of units.
    cluster
        Code of what is left out as one, 0 and up without gaps, (unit,).

    Returns
    -------
    PairEffects
        Pairs of a cohort and a period from its start on; no leads.

    Notes
    -----
    Effects of units, and of periods within strata, are fitted by weighted least squares to values without AI; an effect is
    the weighted mean of value less fit over the units of a cohort. All periods before the start serve, where
    :func:`withintask.tests_of_model.regression.group_time.pair_effects` takes the last: smaller errors if noise is
    independent over periods, and more bias if trends have differed for long.
    """
    check_paths(paths)
    pairs = [
        (int(g), t)
        for g in np.unique(paths.start)
        if 0 < g < paths.n_periods
        for t in range(g, paths.n_periods)
    ]
    cohort, period = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    total = _sums(paths, paths.stratum, cohort, period)
    by_stratum, weight = _numerators(total, period)
    n_clusters = int(cluster.max(initial=-1)) + 1
    estimate = np.full((1 + n_clusters, cohort.size), np.nan)
    weights = np.zeros((1 + n_clusters, cohort.size))
    estimate[0], weights[0] = _mean(by_stratum, weight)
    for first in range(0, n_clusters, _AT_ONCE):
        some = range(first, first + _AT_ONCE)
        left_out = _without_each(paths, cluster, some, total, cohort, period)
        for code, strata, own, own_weight in left_out:
            left, left_weight = by_stratum.copy(), weight.copy()
            left[strata], left_weight[strata] = own, own_weight
            estimate[1 + code], weights[1 + code] = _mean(left, left_weight)
    return PairEffects(
        cohort=cohort,
        period=period,
        estimate=estimate,
        weight=weights,
        reach=None,
        is_compared=np.isfinite(paths.value)[:, period] & (paths.start[:, None] == cohort),
        is_fitted=np.isfinite(paths.value) & _is_before(paths),
    )


def _is_before(paths: Paths) -> Flags:
    return np.asarray(np.arange(paths.n_periods) < paths.start[:, None])


def _without_each(
    paths: Paths, cluster: Codes, chosen: range, total: _Sums, cohort: Codes, period: Codes
) -> Iterator[tuple[int, Codes, Array, Array]]:
    """Clusters one after the other: code, its strata, and their :func:`_numerators` without it."""
    members = np.flatnonzero((cluster >= chosen.start) & (cluster < chosen.stop))
    n_strata = int(paths.stratum.max()) + 1
    place = cluster[members] * n_strata + paths.stratum[members]
    places, group = np.unique(place, return_inverse=True)
    code, stratum = np.divmod(places, n_strata)
    own_paths = Paths(**{f.name: getattr(paths, f.name)[members] for f in fields(paths)})
    rest = total.less(_sums(own_paths, group, cohort, period), stratum)
    own, own_weight = _numerators(rest, period)
    ends = np.searchsorted(code, [*np.unique(code), chosen.stop])
    for start, stop in pairwise(ends.tolist()):
        here = slice(start, stop)
        yield int(code[start]), stratum[here], own[here], own_weight[here]


def _sums(paths: Paths, stratum: Codes, cohort: Codes, period: Codes) -> _Sums:
    """Sum within strata, which have codes without gaps."""
    n_strata = int(stratum.max(initial=-1)) + 1
    value, start, weight = paths.value, paths.start, paths.weight
    seen = (np.isfinite(value) & (np.arange(paths.n_periods) < start[:, None])).astype(np.float64)
    filled = np.nan_to_num(value)
    n = seen.sum(axis=1)
    share = seen / np.maximum(n, 1)[:, None]
    mean = (share * filled).sum(axis=1)
    own = weight[:, None, None] * (
        seen[:, :, None] * np.eye(paths.n_periods) - seen[:, :, None] * share[:, None, :]
    )
    right = weight[:, None] * seen * (filled - mean[:, None])
    counted = (start[:, None] == cohort) & np.isfinite(value)[:, period] & (n > 0)[:, None]
    by_pair = weight[:, None] * counted
    return _Sums(
        moments=_by_stratum(stratum, own, n_strata),
        right=_by_stratum(stratum, right, n_strata),
        seen=_by_stratum(stratum, seen, n_strata),
        outcome=_by_stratum(stratum, by_pair * (filled[:, period] - mean[:, None]), n_strata),
        effects=_by_products(stratum, by_pair, share, n_strata),
        weight=_by_stratum(stratum, by_pair, n_strata),
        count=_by_stratum(stratum, counted.astype(np.float64), n_strata),
    )


def _by_stratum(stratum: Codes, values: Array, n_strata: int) -> Array:
    sums = np.zeros((n_strata, *values.shape[1:]))
    np.add.at(sums, stratum, values)
    return sums


def _by_products(stratum: Codes, first: Array, second: Array, n_strata: int) -> Array:
    """Sums of outer products, (stratum, column of first, column of second)."""
    sums = np.zeros((n_strata, first.shape[1], second.shape[1]))
    order = np.argsort(stratum, kind="stable")
    ends = np.searchsorted(stratum[order], np.arange(n_strata + 1))
    for code in np.flatnonzero(np.diff(ends)):
        chosen = order[ends[code] : ends[code + 1]]
        sums[code] = first[chosen].T @ second[chosen]
    return sums


def _numerators(sums: _Sums, period: Codes) -> tuple[Array, Array]:
    """Weighted sums of effects and weights, zero where a stratum cannot impute them, (stratum, pair) each."""
    values, vectors = np.linalg.eigh(sums.moments)
    kept = values > _RANK * np.maximum(values[:, -1:], np.finfo(float).tiny)
    inverse = np.where(kept, 1 / np.where(kept, values, 1.0), 0.0)
    turned = np.einsum("stk,st->sk", vectors, sums.right) * inverse
    by_period = np.einsum("stk,sk->st", vectors, turned)
    is_seen = sums.seen > 1 / 2
    # Periods that hang together leave one direction, their level, to the units' effects.
    is_joined = kept.sum(axis=1) >= is_seen.sum(axis=1) - 1
    possible = is_seen[:, period] & is_joined[:, None] & (sums.count > 1 / 2)
    weight = np.where(possible, sums.weight, 0.0)
    own = np.einsum("spt,st->sp", sums.effects, by_period)
    without = weight * by_period[:, period] - own
    return np.where(possible, sums.outcome - without, 0.0), weight


def _mean(by_stratum: Array, weight: Array) -> tuple[Array, Array]:
    total = weight.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return by_stratum.sum(axis=0) / total, total
