"""Diagnosands: how good an estimator is over replicates, each with its Monte-Carlo error.

Definitions and errors follow Morris, White and Crowther (2019), "Using simulation studies to evaluate statistical
methods", Statistics in Medicine 38, table 6; errors of sign and of exaggeration follow Gelman and Carlin (2014).
A failed estimate counts as one that neither covers nor rejects; it stays in the denominators of these shares.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Flags

LEVEL = 0.05
"""Level of tests; intervals cover 1 - LEVEL."""
ROUNDING = 1e-9
"""A truth below this is zero."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Replicates:
    """Replicates of one term of one estimator in one design and world, (replicate,) each."""

    truth: float
    """The estimand."""
    estimate: Array
    """Point estimates; NaN where failed."""
    std_error: Array
    """Standard errors; NaN where the method has none."""
    p_value: Array
    """Two-sided p-values of no effect."""
    conf_low: Array
    """Lower ends."""
    conf_high: Array
    """Upper ends."""

    @property
    def is_null(self) -> bool:
        """Whether the truth is zero, but for rounding."""
        return abs(self.truth) < ROUNDING

    @property
    def n(self) -> int:
        """Replicates, failures included."""
        return self.estimate.size

    @property
    def usable(self) -> Array:
        """Point estimates that are there."""
        return self.estimate[np.isfinite(self.estimate)]


Value = tuple[float, float]
"""Value and Monte-Carlo error."""
_NONE: Value = (float("nan"), float("nan"))


def bias(r: Replicates) -> Value:
    """Mean estimate minus truth."""
    x = r.usable
    return (
        (float(x.mean() - r.truth), float(x.std(ddof=1) / np.sqrt(x.size))) if x.size > 1 else _NONE
    )


def relative_bias(r: Replicates) -> Value:
    """Bias over the absolute truth, where it is not zero."""
    value, error = bias(r)
    return _NONE if r.is_null else (value / abs(r.truth), error / abs(r.truth))


def empirical_se(r: Replicates) -> Value:
    """Standard deviation of the estimates."""
    x = r.usable
    if x.size < 2:
        return _NONE
    value = float(x.std(ddof=1))
    return value, value / float(np.sqrt(2 * (x.size - 1)))


def model_se(r: Replicates) -> Value:
    """Root mean squared standard error."""
    square = r.std_error[np.isfinite(r.std_error)] ** 2
    if square.size < 2 or not square.any():
        return _NONE
    value = float(np.sqrt(square.mean()))
    return value, float(np.sqrt(square.var(ddof=1) / (4 * square.size)) / value)


def rmse(r: Replicates) -> Value:
    """Root mean squared error."""
    square = (r.usable - r.truth) ** 2
    if square.size < 2 or not square.any():
        return _NONE
    value = float(np.sqrt(square.mean()))
    return value, float(square.std(ddof=1) / np.sqrt(square.size) / (2 * value))


def coverage(r: Replicates) -> Value:
    """Share of intervals that hold the truth."""
    return _covers(r, r.truth)


def bias_eliminated_coverage(r: Replicates) -> Value:
    """Share of intervals that hold the mean estimate."""
    return _covers(r, float(r.usable.mean())) if r.usable.size else _NONE


def power(r: Replicates) -> Value:
    """Share of tests that reject no effect; where the truth is zero, the size of the test."""
    return _share(r.p_value < LEVEL, r.n)


def sign_error(r: Replicates) -> Value:
    """Type S: share of rejections whose sign is wrong."""
    rejected = r.p_value < LEVEL
    if not rejected.any() or r.is_null:
        return _NONE
    return _share(np.sign(r.estimate[rejected]) != np.sign(r.truth), int(rejected.sum()))


def exaggeration(r: Replicates) -> Value:
    """Type M: mean of |estimate|/|truth| among rejections."""
    rejected = r.p_value < LEVEL
    if rejected.sum() < 2 or r.is_null:
        return _NONE
    ratio = np.abs(r.estimate[rejected] / r.truth)
    return float(ratio.mean()), float(ratio.std(ddof=1) / np.sqrt(ratio.size))


def _covers(r: Replicates, target: float) -> Value:
    if not np.isfinite(r.conf_low).any():
        return _NONE
    return _share((r.conf_low <= target) & (target <= r.conf_high), r.n)


def _share(hits: Flags, n: int) -> Value:
    value = float(np.count_nonzero(hits)) / n
    return value, float(np.sqrt(value * (1 - value) / n))


DIAGNOSANDS: dict[str, Callable[[Replicates], Value]] = {
    function.__name__: function
    for function in (
        bias,
        relative_bias,
        empirical_se,
        model_se,
        rmse,
        coverage,
        bias_eliminated_coverage,
        power,
        sign_error,
        exaggeration,
    )
}
"""All diagnosands by name, in the order of a diagnosis."""
