"""Averages of group-time effects, and their covariance from leaving clusters out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.regression.group_time import PairEffects

_ROUNDING = 64 * np.finfo(float).eps
"""Relative to the largest change, a change of an estimate that is rounding."""
_EFFECT_VARIANCE = 1.0
"""Variance of clusters' own effects in the working model, relative to that of the noise of a period."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Averages:
    """Averages of effects, with the influence of every cluster."""

    estimate: Array
    """Averages; NaN where nothing could be compared, (average,)."""
    influence: Array
    """Influences whose cross-products sum to the covariance; NaN for an average that hangs on one cluster,
    (cluster, average)."""
    dof: Array
    """Degrees of freedom of each variance, (average,)."""
    weight: Array
    """Weight of the units and periods with AI behind each, (average,)."""

    @property
    def covariance(self) -> Array:
        """Covariance of the averages, (average, average)."""
        return np.asarray(self.influence.T @ self.influence)

    @property
    def n_clusters(self) -> Array:
        """Clusters that enter each average, (average,)."""
        return np.asarray((self.influence != 0).sum(axis=0), dtype=np.int64)


def average(effects: PairEffects, sets: Sequence[Flags]) -> Averages:
    """Average effects over sets of pairs, weighted by the units with AI.

    Parameters
    ----------
    effects
        Effects of pairs, with all clusters and without each.
    sets
        Pairs of each average, (pair,).

    Returns
    -------
    Averages
        In the order of the sets.

    Notes
    -----
    Without a cluster the average runs over the pairs that can still be compared, so that the jackknife holds both the
    noise of units and how their effects differ. The n influences are the leave-one-out estimates less their mean, times
    sqrt((n - 1)/n) (MacKinnon, Nielsen and Webb 2023, CV3J), scaled so that the variance is unbiased in a working model, of
    which degrees of freedom are Satterthwaite's too (Bell and McCaffrey 2002): clusters' paths are white noise, and each
    cluster has an effect of its own of the same variance in all periods with AI. Both are known from the comparisons alone.
    Without effects that differ, tests of two clusters with AI against late ones rejected a true null in .026 instead of .05
    of draws. A cluster without which there is no average leaves its error unknown.
    """
    values = np.full((effects.estimate.shape[0], len(sets)), np.nan)
    working = np.ones((len(sets), 2)) * (float(effects.estimate.shape[0] - 2), 1.0)
    for place, chosen in enumerate(sets):
        # Only the pairs of the set: all pairs of all averages and clusters together would fill the memory.
        pairs = np.flatnonzero(chosen & np.isfinite(effects.estimate[0]))
        if pairs.size:
            share = _shares(effects, pairs)
            values[:, place] = (share * np.nan_to_num(effects.estimate[:, pairs])).sum(axis=1)
            working[place] = _working(effects, pairs, share)
    return Averages(
        estimate=values[0],
        influence=_influences(values[0], values[1:]) * np.sqrt(working[:, 1]),
        dof=working[:, 0],
        weight=np.array([effects.weight[0][chosen].sum() for chosen in sets]),
    )


def _shares(effects: PairEffects, pairs: Codes) -> Array:
    """Share of each pair in an average with all clusters and without each, NaN where nothing is left, (1 + cluster, pair)."""
    known = np.isfinite(effects.estimate[:, pairs])
    weight = np.where(known, effects.weight[:, pairs], 0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _influences(estimate: Array, without: Array) -> Array:
    """Jackknife influences of clusters on averages; zero where a cluster took no part, (cluster, average)."""
    change = without - estimate
    scale = np.abs(estimate) + np.nan_to_num(np.abs(change)).max(axis=0, initial=0.0)
    enters = ~(np.abs(change) <= _ROUNDING * scale)
    n = enters.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(enters, change, 0.0).sum(axis=0) / n
        scaled = np.sqrt((n - 1) / n) * (mean - change)
    return np.where(enters, scaled, 0.0)


def _working(effects: PairEffects, pairs: Codes, share: Array) -> tuple[float, float]:
    """Degrees of freedom, and the jackknife's bias taken off, in the working model of :func:`average`."""
    n_clusters = share.shape[0] - 1
    if effects.reach is None or not np.isfinite(share).all():
        return float(n_clusters - 1), 1.0
    noise, own = _maps(effects, pairs, share)
    change = noise[1:] - noise[0]
    enters = np.abs(change).max(axis=1, initial=0.0) > _ROUNDING
    n = int(enters.sum())
    if n < 2:
        return float(n_clusters - 1), 1.0
    scaled = np.hstack([noise, np.sqrt(_EFFECT_VARIANCE) * own])
    change = (scaled[1:] - scaled[0])[enters]
    gram = (change - change.mean(axis=0)) @ (change - change.mean(axis=0)).T * (n - 1) / n
    trace = float(np.trace(gram))
    return trace**2 / float(np.square(gram).sum()), float(np.square(scaled[0]).sum()) / trace


def _maps(effects: PairEffects, pairs: Codes, share: Array) -> tuple[Array, Array]:
    """Weights in an average, with all clusters and without each, of clusters' paths and of their own effects.

    Paths are (1 + cluster, cluster x period); effects, which clusters with AI alone have in the periods since its start,
    (1 + cluster, cluster).
    """
    assert effects.reach is not None
    n_clusters = share.shape[0] - 1
    n_periods = int(max(effects.period.max(), effects.cohort.max())) + 1
    flow = np.nan_to_num(effects.reach[:, :, pairs]) * share[:, None, :]
    weights = np.zeros((1 + n_clusters, n_clusters, n_periods))
    for place, pair in enumerate(pairs):
        weights[:, :, effects.period[pair]] += flow[:, :, place]
        weights[:, :, effects.cohort[pair] - 1] -= flow[:, :, place]
    has_ai = effects.event_time[pairs] >= 0
    own = np.maximum(flow, 0.0)[:, :, has_ai].sum(axis=2)
    return weights.reshape(1 + n_clusters, -1), own
