"""Intervals for effects where trends may differ, but smoothly: fixed length, shortest for the worst case."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize, special

from withintask.panel.arrays import Array

_SWEEPS = 2_000
_TOLERANCE = 1e-12
"""Relative to the scale of the coefficients, a change at which coordinate descent stops."""
_SMALLEST_PENALTY = 1e-8
"""Relative to the penalty at which all second differences are left out."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An interval of a fixed length around an affine estimate."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Problem:
    """Estimates θ̂(c) = v(c)'β̂ with v(c) = start + map c; c are its weights on second differences before AI."""

    start: Array
    """v at c = 0, (event,)."""
    map: Array
    """(event, curvature)."""
    covariance: Array
    """Of the estimates, (event, event)."""
    after: float
    """Sum of the absolute weights on second differences from the last period before AI on."""

    def variance(self, c: Array) -> float:
        v = self.start + self.map @ c
        return float(v @ self.covariance @ v)

    def half_length(self, c: Array, curvature: float, level: float) -> float:
        error = math.sqrt(self.variance(c))
        bias = curvature * (self.after + float(np.abs(c).sum()))
        return error * folded_quantile(bias / error, level)


def smooth_interval(
    estimate: Array,
    covariance: Array,
    *,
    n_leads: int,
    target: Array,
    curvature: float,
    level: float,
) -> Interval:
    """Find the interval for a sum of effects if trends bend by no more than ``curvature`` between periods.

    Parameters
    ----------
    estimate
        Event-study estimates, leads first, the last period before AI left out, (event,).
    covariance
        Theirs, (event, event).
    n_leads
        Leads, at least one.
    target
        Weights of the effects from the first period with AI on, (event - n_leads,).
    curvature
        M: the largest change of the slope of the difference in trends from one period to the next.
    level
        Coverage.

    Returns
    -------
    Interval

    Notes
    -----
    Δ^SD(M) of Rambachan and Roth (2023) and the optimal fixed-length interval of Armstrong and Kolesár (2018): among affine
    estimates that no linear trend biases, the one with the shortest ``σ_v cv(b_v/σ_v)``, b its worst bias and cv the quantile
    of |N(b/σ, 1)|. With v's weights c on second differences the bias is ``M Σ|c|``, so that the best v lie on the path of
    a lasso; the length is then minimized along the path.
    """
    problem = _set_up(covariance, n_leads=n_leads, target=target)
    c = _shortest(problem, curvature, level)
    centre = float((problem.start + problem.map @ c) @ estimate)
    half = problem.half_length(c, curvature, level)
    return Interval(low=centre - half, high=centre + half)


def folded_quantile(shift: float, level: float) -> float:
    """Quantile of |N(shift, 1)|."""
    upper = shift + float(special.ndtri((1 + level) / 2))
    lower = max(0.0, shift + float(special.ndtri(level)) - 1)

    def missing(c: float) -> float:
        return float(special.ndtr(c - shift) - special.ndtr(-c - shift)) - level

    return float(optimize.brentq(missing, lower, upper + 1, xtol=1e-14))


def _set_up(covariance: Array, *, n_leads: int, target: Array) -> _Problem:
    """Write v in its weights on second differences, the slope's weight being zero."""
    n_post = target.size
    after = np.arange(1, n_post + 1)
    # Weight of the second difference at j = 0, …: effects of t > j carry it t - j times.
    later = [float(np.sum((target * (after - j))[after > j])) for j in range(n_post)]
    # c at j = -1, …, -(K - 1) from v before; the lead at -1 sets the slope's weight to zero.
    leads = -np.arange(n_leads, 0, -1)
    curved = np.arange(-n_leads + 1, 0)
    weights = np.where(leads[None, :] < curved[:, None], curved[:, None] - leads[None, :], 0.0)
    system = np.vstack([weights, leads[None, :].astype(np.float64)])
    inverse = linalg.inv(system)
    slope = -float(target @ after)
    start = np.concatenate([inverse[:, -1] * slope, target])
    mapped = np.vstack([inverse[:, :-1], np.zeros((n_post, curved.size))])
    return _Problem(
        start=start, map=mapped, covariance=covariance, after=float(np.abs(later).sum())
    )


def _shortest(problem: _Problem, curvature: float, level: float) -> Array:
    """Weights c of the shortest interval."""
    quadratic = problem.map.T @ problem.covariance @ problem.map
    linear = problem.map.T @ problem.covariance @ problem.start
    if linear.size == 0:
        return np.zeros(0)
    if curvature == 0:
        return -linalg.lstsq(quadratic, linear)[0]
    largest = float(np.abs(linear).max())

    def length(log_share: float) -> float:
        c = _lasso(quadratic, linear, largest * math.exp(log_share))
        return problem.half_length(c, curvature, level)

    found = optimize.minimize_scalar(
        length, bounds=(math.log(_SMALLEST_PENALTY), 0.0), method="bounded", options={"xatol": 1e-9}
    )
    candidates = [
        _lasso(quadratic, linear, largest * math.exp(found.x)),
        np.zeros(linear.size),
    ]
    return min(candidates, key=lambda c: problem.half_length(c, curvature, level))


def _lasso(quadratic: Array, linear: Array, penalty: float) -> Array:
    """Minimize c'Qc/2 + l'c + penalty |c| by coordinate descent."""
    c = np.zeros(linear.size)
    for _ in range(_SWEEPS):
        before = c.copy()
        for k in range(c.size):
            slope = linear[k] + quadratic[k] @ c - quadratic[k, k] * c[k]
            c[k] = -math.copysign(max(abs(slope) - penalty, 0.0), slope) / quadratic[k, k]
        if np.abs(c - before).max() <= _TOLERANCE * (1 + np.abs(c).max()):
            break
    return c
