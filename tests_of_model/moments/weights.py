"""Weighted draws: normal likelihoods, weights, effective number, quantiles."""

from collections.abc import Sequence

import numpy as np

from withintask.panel.arrays import Array


def log_normal(gap: Array, covariance: Array) -> Array:
    """Log density of gaps (draw, moment) up to a constant, (draw,)."""
    root = np.linalg.cholesky(covariance)
    scores = np.linalg.solve(root, gap.T)
    return np.asarray(-np.sum(scores**2, axis=0) / 2)


def normalized(log_weight: Array) -> Array:
    """Weights that sum to 1, (draw,)."""
    weight = np.exp(log_weight - np.max(log_weight))
    return np.asarray(weight / weight.sum())


def effective_number(weight: Array) -> float:
    """Effective number of weighted draws, (Σw)²/Σw² (Kish 1965)."""
    return float(weight.sum() ** 2 / np.sum(weight**2))


def weighted_quantile(values: Array, weight: Array, levels: Sequence[float]) -> Array:
    """Quantiles of weighted draws, (level,)."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) - weight[order] / 2
    return np.interp(levels, reached, values[order])
