"""From the mean and variance of shares to the variance of their logits, as if these were normal."""

from functools import cache

import numpy as np
from scipy import optimize, special

from withintask.panel.arrays import Array

_N_NODES = 41
_LARGEST_VARIANCE = 100.0
"""Variance of a logit at which nearly all shares are 0 or 1."""


def logit_variance(variance: float, mean: float) -> tuple[float, Array]:
    """Variance of a normal logit whose share has this variance and mean.

    Parameters
    ----------
    variance
        Variance of shares over workers; one not above zero is carried over by its tangent.
    mean
        Their mean, between 0 and 1.

    Returns
    -------
    tuple of float and array (2,)
        The variance and its slopes in the two arguments; NaN where the mean is not inside, or no logit varies so much.
    """
    missing = np.full(2, np.nan)
    if not 0 < mean < 1 or variance >= mean * (1 - mean):
        return float("nan"), missing
    slope = 1 / (mean * (1 - mean)) ** 2
    if variance <= 0:
        return variance * slope, np.array([slope, 0.0])

    def excess(logit: float) -> float:
        return _moments(_center(mean, logit), logit)[1] - variance

    if excess(_LARGEST_VARIANCE) <= 0:
        return float("nan"), missing
    solved = float(optimize.brentq(excess, 0.0, _LARGEST_VARIANCE, xtol=1e-10))
    return solved, _slopes(_center(mean, solved), solved)


def _center(mean: float, variance: float) -> float:
    """Mean of the logit that gives the mean share."""
    reach = abs(float(special.logit(mean))) * (1 + variance) + 1
    return float(
        optimize.brentq(lambda c: _moments(c, variance)[0] - mean, -reach, reach, xtol=1e-11)
    )


def _moments(center: float, variance: float) -> tuple[float, float]:
    """Mean and variance of the share."""
    nodes, weights = _quadrature()
    share = special.expit(center + np.sqrt(variance) * nodes)
    mean = float(weights @ share)
    return mean, float(weights @ (share - mean) ** 2)


def _slopes(center: float, variance: float) -> Array:
    """Slopes of the logit's variance in the share's variance and mean, by the implicit function theorem."""
    nodes, weights = _quadrature()
    scale = np.sqrt(variance)
    share = special.expit(center + scale * nodes)
    mean, steep = float(weights @ share), share * (1 - share)
    by_center, by_variance = steep, steep * nodes / (2 * scale)
    jacobian = np.array(
        [
            [
                weights @ (2 * (share - mean) * by_variance),
                weights @ (2 * (share - mean) * by_center),
            ],
            [weights @ by_variance, weights @ by_center],
        ]
    )
    return np.asarray(np.linalg.inv(jacobian)[0])


@cache
def _quadrature() -> tuple[Array, Array]:
    """Nodes and weights of the standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_N_NODES)
    return nodes, weights / weights.sum()
