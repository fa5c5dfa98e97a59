"""Joint inference on several averages: bands that hold for all at once, and a test that all are zero."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from withintask.panel.arrays import Array
from withintask.tests_of_model.regression.aggregates import Averages

N_DRAWS = 4999
"""Draws of the multiplier bootstrap."""
_SEED = 20_260_104
_SMALLEST = 1e-9
"""Relative to the largest, an eigenvalue of a correlation matrix below which a direction is not told apart."""


@dataclass(frozen=True, kw_only=True)
class JointTest:
    """A test that several effects are all zero."""

    statistic: float
    """F statistic."""
    dof: tuple[float, float]
    """Its degrees of freedom."""
    p_value: float
    """Its p-value; NaN where there is nothing to test."""
    n_tested: int
    """Effects, or averages of neighbouring ones, that were tested."""
    note: str
    """What was pooled or left out."""


def band_factors(averages: Averages, *, level: float) -> Array:
    """Factors by which errors are multiplied to give a band that covers all averages at once.

    Parameters
    ----------
    averages
        Those without an error play no part.
    level
        Probability that the band covers all.

    Returns
    -------
    array (average,)

    Notes
    -----
    The multiplier bootstrap over clusters: influences are multiplied by independent standard normal weights, and the
    critical value is the quantile of the largest |t| (Callaway and Sant'Anna 2021, section 4). It is carried from the normal
    to the t distribution of each average's degrees of freedom at the same probability, and is no smaller than the
    pointwise one. Weights of two or six points are bounded: where an average hangs on few clusters, no draw of theirs
    reaches the quantile, and bands came out too narrow (.81 to .93 for .95 with 6 to 12 clusters).
    """
    error = np.sqrt(np.square(averages.influence).sum(axis=0))
    known = np.isfinite(error) & (error > 0)
    if not known.any():
        return np.full(error.size, np.nan)
    random = np.random.default_rng(_SEED)
    weights = random.standard_normal((N_DRAWS, averages.influence.shape[0]))
    largest = np.abs(weights @ (averages.influence[:, known] / error[known])).max(axis=1)
    pointwise = float(special.ndtri((1 + level) / 2))
    joint = float(np.quantile(largest, level)) if known.sum() > 1 else pointwise
    tail = special.ndtr(-max(joint, pointwise))
    return np.asarray(-special.stdtrit(averages.dof, tail))


def joint_test(averages: Averages) -> JointTest:
    """Test that all averages are zero.

    Parameters
    ----------
    averages
        In the order of time; those without an estimate or an error are left out.

    Returns
    -------
    JointTest
        Hotelling's: a Wald statistic whose covariance has the degrees of freedom of its clusters.

    Notes
    -----
    With ν degrees of freedom and k averages, ``W (ν - k + 1) / (k ν)`` is F of k and ν - k + 1. Where k exceeds a third of ν
    the covariance is hardly known, and neighbours in time are averaged until it does not. ν is the mean of the averages'.
    """
    error = np.sqrt(np.square(averages.influence).sum(axis=0))
    known = np.isfinite(averages.estimate) & np.isfinite(error) & (error > 0)
    if not known.any():
        return JointTest(
            statistic=math.nan,
            dof=(0.0, 0.0),
            p_value=math.nan,
            n_tested=0,
            note="nothing to test: no effect of known error",
        )
    influence = averages.influence[:, known]
    dof = float(averages.dof[known].mean())
    most = max(1, int(dof // 3))
    groups = np.array_split(np.arange(influence.shape[1]), min(most, influence.shape[1]))
    estimate = np.array([averages.estimate[known][group].mean() for group in groups])
    pooled = np.column_stack([influence[:, group].mean(axis=1) for group in groups])
    statistic, k = _wald(estimate, pooled)
    value = statistic * (dof - k + 1) / (k * dof)
    notes = []
    if influence.shape[1] > len(groups):
        notes.append(f"{influence.shape[1]} effects pooled to {len(groups)}: too few clusters")
    if not known.all():
        notes.append(f"{int((~known).sum())} left out, of no known error")
    return JointTest(
        statistic=value,
        dof=(float(k), dof - k + 1),
        p_value=float(special.fdtrc(k, dof - k + 1, value)),
        n_tested=k,
        note="; ".join(notes),
    )


def _wald(estimate: Array, influence: Array) -> tuple[float, int]:
    """Wald statistic and rank; directions that the clusters do not tell apart are left out."""
    error = np.sqrt(np.square(influence).sum(axis=0))
    correlation = (influence / error).T @ (influence / error)
    values, vectors = linalg.eigh(correlation)
    kept = values > _SMALLEST * values[-1]
    turned = vectors[:, kept].T @ (estimate / error)
    return float(np.sum(turned**2 / values[kept])), int(kept.sum())


def holm(p_values: Array) -> Array:
    """Holm's (1979) adjusted p-values: each times the number of those not smaller, at least those before it, at most 1, (test,)."""
    order = np.argsort(p_values)
    raw = p_values[order] * np.arange(order.size, 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(raw), 1.0)
    return adjusted
