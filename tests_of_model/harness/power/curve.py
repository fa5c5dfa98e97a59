"""Power as a function of size or effect: where it reaches a goal, by a probit fit, a search or a closed form."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr, ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.rule import POWER_GOAL


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Where power reaches the goal, from a probit fit of rejections."""

    value: float
    """Estimated size or effect; infinity if power does not rise with it."""
    low: float
    """Lower end of a 95 percent interval."""
    high: float
    """Upper end."""
    is_extrapolated: bool
    """Whether it lies outside what was run."""


def smallest_sample(
    size: Array, rejections: Array, trials: Array, *, goal: float = POWER_GOAL
) -> Crossing:
    """Find the sample at which power reaches the goal.

    Parameters
    ----------
    size, rejections, trials
        Sizes run, tests that rejected, and replicates, (size,) each.
    goal
        Power asked for.

    Returns
    -------
    Crossing
        The size at which power reaches the goal, with its interval.

    Raises
    ------
    EstimationError
        If fewer than two sizes were run.

    Notes
    -----
    For a two-sided test of level .05 whose standard error falls with √n, power is about Φ(b√n - 1.96): a probit that
    is linear in √n, with intercept near -1.96. The interval is by Fieller's theorem in √n.

    Examples
    --------
    >>> import numpy as np
    >>> import withintask as wt
    >>> workers, rejected, tried = (np.array(v, float) for v in ((40, 80, 160), (20, 55, 90), (100, 100, 100)))
    >>> 80 < wt.smallest_sample(workers, rejected, tried).value < 160
    True
    """
    root = _crossing(np.sqrt(size), rejections, trials, goal)
    return replace(root, value=root.value**2, low=root.low**2, high=root.high**2)


def smallest_effect(
    effect: Array, rejections: Array, trials: Array, *, goal: float = POWER_GOAL
) -> Crossing:
    """Find the true effect, in absolute value, that a design finds with the power asked for.

    Parameters
    ----------
    effect, rejections, trials
        Truths run, tests that rejected, and replicates, (effect,) each.
    goal
        Power asked for.

    Raises
    ------
    EstimationError
        If fewer than two effects were run.

    Notes
    -----
    As for :func:`smallest_sample`, with a probit that is linear in the effect.
    """
    return _crossing(np.abs(effect), rejections, trials, goal)


def _crossing(x: Array, rejections: Array, trials: Array, goal: float) -> Crossing:
    if np.unique(x).size < 2:
        raise EstimationError("power: expected at least two sizes or effects to search between")
    params, covariance = _probit(np.column_stack([np.ones(x.size), x]), rejections, trials)
    target = float(ndtri(goal))
    value = float((target - params[0]) / params[1])
    if params[1] <= 0 or value <= 0:
        return Crossing(value=math.inf, low=math.nan, high=math.inf, is_extrapolated=True)
    low, high = _fieller(params, covariance, target)
    outside = not x.min() <= value <= x.max()
    return Crossing(value=value, low=low, high=high, is_extrapolated=outside)


def _probit(X: Array, hits: Array, trials: Array) -> tuple[Array, Array]:
    def loss(b: Array) -> float:
        index = X @ b
        # Half a pseudo-trial of each kind keeps the fit finite where all or none reject.
        return -float((hits + 1 / 2) @ log_ndtr(index) + (trials - hits + 1 / 2) @ log_ndtr(-index))

    start = np.array([-float(ndtri(1 - LEVEL / 2)), 1 / float(X[:, 1].mean())])
    b = minimize(loss, start, method="BFGS").x
    index = X @ b
    density = np.exp(-(index**2) / 2) / math.sqrt(2 * math.pi)
    p = np.clip(ndtr(index), np.finfo(float).eps, 1 - np.finfo(float).eps)
    weight = (trials + 1) * density**2 / (p * (1 - p))
    return b, np.linalg.inv((X * weight[:, None]).T @ X)


def _fieller(b: Array, covariance: Array, target: float) -> tuple[float, float]:
    z = float(ndtri(1 - LEVEL / 2))
    shift = target - b[0]
    a2 = b[1] ** 2 - z**2 * covariance[1, 1]
    a1 = -2 * (b[1] * shift + z**2 * covariance[0, 1])
    a0 = shift**2 - z**2 * covariance[0, 0]
    root = a1**2 - 4 * a2 * a0
    if a2 <= 0 or root < 0:
        return 0.0, math.inf
    ends = sorted((-a1 + sign * math.sqrt(root)) / (2 * a2) for sign in (-1, 1))
    return max(ends[0], 0.0), max(ends[1], 0.0)


def search_size(
    rejects: Callable[[int, int], float],
    *,
    low: int,
    high: int,
    goal: float = POWER_GOAL,
    trials: int = 4_000,
) -> int:
    """Find the smallest size by stochastic bisection with a likelihood over candidate sizes.

    Parameters
    ----------
    rejects
        Function of a size and a replicate number: 1 if the test rejects, else 0.
    low, high
        Sizes to search between.
    goal
        Power asked for.
    trials
        Replicates in all.

    Returns
    -------
    int
        The median of the posterior over sizes.

    Notes
    -----
    A sequential probit design: each replicate is run at the present median, where it tells most (Kesten 1958; the
    Bayesian form follows Chaloner and Verdinelli 1995). Power is taken to be Φ(√(n/n*)(z_goal + 1.96) - 1.96).
    """
    sizes = np.unique(np.geomspace(low, high, 400).round().astype(int))
    z = float(ndtri(1 - LEVEL / 2))
    log_weight = np.zeros(sizes.size)
    place = sizes.size // 2
    for number in range(trials):
        index = np.sqrt(sizes[place] / sizes) * (float(ndtri(goal)) + z) - z
        hit = rejects(int(sizes[place]), number)
        log_weight += log_ndtr(index) if hit else log_ndtr(-index)
        weight = np.exp(log_weight - log_weight.max())
        place = int(np.searchsorted(np.cumsum(weight), weight.sum() / 2))
    return int(sizes[place])


def detectable_effect(std_error: float, *, goal: float = POWER_GOAL) -> float:
    """Smallest effect that a two-sided normal test finds with the given power, (z_{1-level/2} + z_goal)·std_error."""
    return float(ndtri(1 - LEVEL / 2) + ndtri(goal)) * std_error


def normal_power(effect: float, std_error: float) -> float:
    """Closed form: power of a two-sided normal test of an effect estimated with this standard error."""
    z, shift = float(ndtri(1 - LEVEL / 2)), abs(effect) / std_error
    return float(ndtr(shift - z) + ndtr(-shift - z))
