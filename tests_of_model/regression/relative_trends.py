"""Intervals for effects where trends differ after AI by no more than a multiple of how they differed before."""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from scipy import optimize, special, stats

from withintask.panel.arrays import Array, Flags
from withintask.tests_of_model.regression.smooth_trends import Interval

_FIRST_STAGE = 0.1
"""Share of the error that the first stage of the hybrid test may make."""
_REACH, _POINTS = 20.0, 400
"""Standard errors to either side, and points, of the first search for the interval's ends."""
_LARGEST_REACH = 20_000.0
_ROUNDS = 3
"""Grids by which an end is then narrowed down."""


def relative_interval(
    estimate: Array,
    covariance: Array,
    *,
    n_leads: int,
    target: Array,
    multiple: float,
    level: float,
) -> Interval:
    """Find the interval for a sum of effects if trends bend away after AI by at most ``multiple`` times the most before.

    Parameters
    ----------
    estimate, covariance, n_leads, target, level
        As for :func:`withintask.tests_of_model.regression.smooth_trends.smooth_interval`.
    multiple
        M̄: the largest change of the difference in trends between neighbouring periods after AI, in multiples of the
        largest before.

    Returns
    -------
    Interval
        The hull of the values that the test does not reject.

    Notes
    -----
    Δ^RM(M̄) of Rambachan and Roth (2023): for each lead s and sign, that the largest change before AI is the one at s implies
    ``|θ̂ - θ - noise| ≤ L M̄ |δ_{s+1} - δ_s|`` with ``L = Σ_t |Σ_{r ≥ t} l_r|``, two moment inequalities without nuisance
    parameters; a value is kept if the hybrid least-favourable test of Andrews, Roth and Pakes (2023) keeps it for some s and
    sign. For the effect in one period the moments are those of the HonestDiD package.
    """
    error = math.sqrt(float(target @ covariance[n_leads:, n_leads:] @ target))
    effect = float(target @ estimate[n_leads:])
    kept = [
        interval
        for weights in _moments(n_leads, target, multiple)
        if (interval := _inverted(weights, estimate, covariance, effect, error, level)) is not None
    ]
    if not kept:
        return Interval(low=math.nan, high=math.nan)
    return Interval(low=min(i.low for i in kept), high=max(i.high for i in kept))


def _moments(n_leads: int, target: Array, multiple: float) -> Iterator[Array]:
    """Weights of the two moments on the estimates, for each lead and sign, (2, event)."""
    reach = multiple * float(np.abs(np.cumsum(target[::-1])).sum())
    for lead in range(n_leads):
        change = np.zeros(n_leads)
        change[lead] = -1.0
        if lead + 1 < n_leads:
            change[lead + 1] = 1.0
        for sign in (1.0, -1.0):
            bound = -sign * reach * change
            yield np.array([np.concatenate([bound, side * target]) for side in (1.0, -1.0)])


def _inverted(
    weights: Array, estimate: Array, covariance: Array, effect: float, error: float, level: float
) -> Interval | None:
    """Interval of the values that the test of two moments keeps; None if it keeps none."""
    spread = weights @ covariance @ weights.T
    deviation = np.sqrt(np.diag(spread))
    correlation = float(np.clip(spread[0, 1] / deviation.prod(), -1.0, 1.0))
    first_stage = _least_favourable(correlation, _FIRST_STAGE * (1 - level))
    moments = weights @ estimate

    def keeps(values: Array) -> Flags:
        standardized = (moments - np.outer(values, [1.0, -1.0])) / deviation
        return _keeps(standardized, correlation, first_stage, level)

    reach = _REACH
    while reach < _LARGEST_REACH and keeps(effect + np.array([-reach, reach]) * error).any():
        reach *= 2
    grid = effect + error * np.linspace(-reach, reach, 2 * _POINTS + 1)
    kept = np.flatnonzero(keeps(grid))
    if kept.size == 0:
        return None
    low, high = int(kept[0]), int(kept[-1])
    return Interval(
        low=_edge(keeps, grid[low], grid[low - 1]) if low > 0 else -math.inf,
        high=_edge(keeps, grid[high], grid[high + 1]) if high + 1 < grid.size else math.inf,
    )


def _edge(keeps: Callable[[Array], Flags], inside: float, outside: float) -> float:
    """Find the last value kept, by finer and finer grids."""
    for _ in range(_ROUNDS):
        points = np.linspace(inside, outside, _POINTS)
        last = int(np.flatnonzero(keeps(points))[-1])
        inside, outside = points[last], points[min(last + 1, _POINTS - 1)]
    return float(inside)


def _keeps(z: Array, correlation: float, first_stage: float, level: float) -> Flags:
    """Whether the hybrid test keeps that both standardized moments have a mean of at most zero, (value,)."""
    largest, smallest = z.max(axis=1), z.min(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = (smallest - correlation * largest) / (1 - correlation)
    low = np.where(correlation < 1, low, -np.inf)
    size = ((1 - level) * (1 - _FIRST_STAGE)) / (1 - _FIRST_STAGE * (1 - level))
    critical = np.maximum(_truncated_quantile(1 - size, low, first_stage), 0.0)
    return np.asarray((largest <= first_stage) & (largest <= critical))


def _truncated_quantile(p: float, low: Array, high: float) -> Array:
    """Quantile of a standard normal between two values, from the upper tail so that no digits are lost."""
    tail_low, tail_high = special.ndtr(-low), special.ndtr(-high)
    return np.asarray(-special.ndtri(np.maximum(tail_low - p * (tail_low - tail_high), 0.0)))


@lru_cache(maxsize=256)
def _least_favourable(correlation: float, error: float) -> float:
    """Value that the larger of two standard normals exceeds with probability ``error``."""
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])

    def excess(c: float) -> float:
        below = stats.multivariate_normal.cdf([c, c], cov=covariance, allow_singular=True)
        return 1 - float(below) - error

    single = float(-special.ndtri(error))
    both = float(-special.ndtri(error / 2))
    return float(optimize.brentq(excess, single - 0.5, both + 0.5, xtol=1e-8))
