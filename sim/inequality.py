"""Measures of inequality of an equally or unequally weighted population."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri


def gini(values: ArrayLike) -> float:
    """Return the Gini coefficient of non-negative values, each of equal weight."""
    x = np.sort(np.asarray(values, dtype=np.float64))
    n = x.size
    rank = np.arange(1, n + 1)
    return float(2 * (rank @ x) / (n * x.sum()) - (n + 1) / n)


def theil(values: ArrayLike) -> float:
    """Return the Theil index E[(x/mean) ln(x/mean)] of positive values."""
    share = np.asarray(values, dtype=np.float64)
    share = share / share.mean()
    return float(np.mean(share * np.log(share)))


def percentile_ratio(values: ArrayLike, high: float, low: float) -> float:
    """Return the ratio of two percentiles, given in percent."""
    top, bottom = np.percentile(np.asarray(values, dtype=np.float64), [high, low])
    return float(top / bottom)


def lognormal_log_sd(gini_coefficient: float) -> float:
    """Return the log standard deviation of a lognormal with the given Gini, √2 Φ⁻¹((1+G)/2)."""
    return math.sqrt(2) * float(ndtri((1 + gini_coefficient) / 2))
