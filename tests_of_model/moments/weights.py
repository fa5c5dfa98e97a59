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
    """Weights that sum to 1, (draw,); all 0 where none is possible."""
    top = np.max(log_weight)
    if top == -np.inf:
        return np.zeros(log_weight.size)
    weight = np.exp(log_weight - top)
    return np.asarray(weight / weight.sum())


def effective_number(weight: Array) -> float:
    """Effective number of weighted draws, (Σw)²/Σw² (Kish 1965)."""
    square = float(np.sum(weight**2))
    return float(weight.sum() ** 2 / square) if square > 0 else 0.0


def weighted_quantile(values: Array, weight: Array, levels: Sequence[float]) -> Array:
    """Quantiles of weighted draws, (level,)."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) - weight[order] / 2
    return np.interp(levels, reached, values[order])
