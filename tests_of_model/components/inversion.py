"""Confidence sets by inversion of a test: ratios of means, and contrasts of two ratios: equation (13).

A ratio whose denominator may be zero has no interval that always covers and is always bounded. The set of all values that
a test does not reject covers whatever the denominator; where ability is not detected it is a ray, two rays or the line.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy import optimize

from withintask.panel.arrays import Array

Contrast = Literal["ratio", "difference"]
"""How two ratios are compared."""

_LARGEST_LOG = 20.0
"""Contrasts are searched between exp(-20) and exp(20); a set that holds an end goes on without end."""
_N_TARGETS, _N_NUISANCES, _N_BETWEEN, _N_FINER, _N_ZOOMS = 161, 241, 61, 21, 5


@dataclass(frozen=True, kw_only=True)
class ConfidenceSet:
    """All values that a test does not reject."""

    pieces: tuple[tuple[float, float], ...]
    """Intervals in ascending order; ±inf where an end is missing. Empty if every value is rejected."""

    @property
    def low(self) -> float:
        """Lower end of the smallest interval that holds the set; -inf for two rays."""
        return self.pieces[0][0] if self.pieces else math.nan

    @property
    def high(self) -> float:
        """Upper end of that interval."""
        return self.pieces[-1][1] if self.pieces else math.nan

    @property
    def is_bounded(self) -> bool:
        """Whether it has both ends."""
        return bool(self.pieces) and math.isfinite(self.low) and math.isfinite(self.high)

    def holds(self, value: float) -> bool:
        """Whether a value is in the set."""
        return any(low <= value <= high for low, high in self.pieces)

    def mapped(self, function: Callable[[float], float]) -> "ConfidenceSet":
        """Apply an increasing function to all ends."""
        return ConfidenceSet(pieces=tuple((function(a), function(b)) for a, b in self.pieces))

    def within(self, low: float, high: float = math.inf) -> "ConfidenceSet":
        """Keep the part between two values that the parameter cannot leave."""
        cut = ((max(a, low), min(b, high)) for a, b in self.pieces)
        return ConfidenceSet(pieces=tuple((a, b) for a, b in cut if a < b))

    def describe(self) -> str:
        """Say of what kind the set is; empty for an interval."""
        if self.is_bounded and len(self.pieces) == 1:
            return ""
        if not self.pieces:
            return "every value is rejected"
        if len(self.pieces) > 1:
            gaps = ", ".join(
                f"{a[1]:.3g} to {b[0]:.3g}"
                for a, b in zip(self.pieces, self.pieces[1:], strict=False)
            )
            return f"the set is not one interval: all but {gaps} within its ends"
        if self.low == -math.inf and self.high == math.inf:
            return "unbounded: no value is rejected"
        return f"unbounded {'below' if self.low == -math.inf else 'above'}"


def ratio_set(estimate: Array, covariance: Array, critical: float) -> ConfidenceSet:
    """Invert the t test of E[numerator] = c E[denominator].

    Parameters
    ----------
    estimate
        Numerator and denominator, (2,).
    covariance
        Their sampling covariance, (2, 2).
    critical
        Critical value of |t|.

    Returns
    -------
    ConfidenceSet
        {c : (a - c b)² <= critical² Var(a - c b)}, Fieller's (1954) set: an interval, two rays or the line.
    """
    (a, b), (row_a, row_b) = estimate, critical**2 * covariance
    square = b**2 - row_b[1]
    middle, constant = a * b - row_a[1], a**2 - row_a[0]
    root = middle**2 - square * constant
    if root <= 0 or square == 0:
        return ConfidenceSet(pieces=((-math.inf, math.inf),) if square <= 0 else ())
    # The root of the same sign as the middle loses no digits; the other follows from their product.
    first = (middle + math.copysign(math.sqrt(root), middle)) / square
    second = constant / (square * first) if first != 0 else 0.0
    low, high = sorted((float(first), float(second)))
    if square > 0:
        return ConfidenceSet(pieces=((low, high),))
    return ConfidenceSet(pieces=((-math.inf, low), (high, math.inf)))


def ratio_statistic(estimate: Array, covariance: Array, ratio: float) -> float:
    """T statistic of E[numerator] = ratio · E[denominator]."""
    direction = np.array([1.0, -ratio])
    variance = float(direction @ covariance @ direction)
    return float(direction @ estimate) / math.sqrt(variance) if variance > 0 else math.nan


def contrast_set(
    estimate: Array, covariance: Array, critical: float, *, kind: Contrast
) -> ConfidenceSet:
    """Invert the test that two ratios differ by a factor, or by a number.

    Parameters
    ----------
    estimate
        Numerator and denominator of the treated, then of the controls, (4,).
    covariance
        Their sampling covariance, (4, 4).
    critical
        Critical value.
    kind
        ``ratio``: both ratios positive, contrast c > 0; ``difference``: any.

    Returns
    -------
    ConfidenceSet
        {c : min over r of Q(c r or c + r, r) <= critical²}; see :func:`contrast_statistic`.
    """
    center = _searched(_point(estimate[:2], kind) - _point(estimate[2:], kind), kind)
    targets = np.unique(np.append(_grid(_end(kind), _N_TARGETS), center))

    def excess(target: float) -> float:
        return float(_profile(estimate, covariance, np.array([target]), kind)[0]) - critical**2

    is_in = _profile(estimate, covariance, targets, kind) <= critical**2
    edges = np.flatnonzero(is_in[1:] != is_in[:-1])
    ends = [float(optimize.brentq(excess, targets[k], targets[k + 1], xtol=1e-10)) for k in edges]
    marks = ([-math.inf] if is_in[0] else []) + ends + ([math.inf] if is_in[-1] else [])
    pieces = tuple(zip(marks[::2], marks[1::2], strict=True))
    return ConfidenceSet(pieces=pieces).mapped(lambda x: _value(x, kind))


def contrast_statistic(
    estimate: Array, covariance: Array, contrast: float, *, kind: Contrast
) -> float:
    """Root of the profiled test of a contrast of two ratios, with the sign of estimate less contrast.

    Parameters
    ----------
    estimate, covariance, kind
        As for :func:`contrast_set`.
    contrast
        The factor or difference tested.

    Notes
    -----
    Q(x, r) = h'(Var h)⁻¹h with h = (a₁ - x b₁, a₀ - r b₀), the two ratios' own tests; what is not tested is profiled out.
    Against the test of a₁b₀ - c b₁a₀ = 0, which is too wide with few workers a group, it keeps each ratio's own test where its
    denominator is weak; coverage is in docs/items.md.
    """
    target = math.log(contrast) if kind == "ratio" else math.asinh(contrast)
    root = math.sqrt(max(float(_profile(estimate, covariance, np.array([target]), kind)[0]), 0.0))
    ratios = estimate[0] / estimate[1], estimate[2] / estimate[3]
    is_above = (
        ratios[0] > contrast * ratios[1] if kind == "ratio" else ratios[0] - ratios[1] > contrast
    )
    return root if is_above else -root


def _end(kind: Contrast) -> float:
    """Largest contrast searched, on the searched scale: logs of factors, inverse hyperbolic sines of differences."""
    return _LARGEST_LOG if kind == "ratio" else _LARGEST_LOG / 2


@cache
def _grid(end: float, n: int) -> Array:
    """Points from -end to end, denser in the middle."""
    return np.asarray(np.sinh(np.linspace(-1, 1, n) * math.asinh(end)))


@cache
def _shares(n: int) -> Array:
    """Points from 0 to 1, as far apart."""
    return np.linspace(0, 1, n)


def _point(pair: Array, kind: Contrast) -> float:
    """A ratio, its log where ratios are compared; 0 where it has none."""
    ratio = float(pair[0] / pair[1]) if pair[1] != 0 else 0.0
    if kind == "difference":
        return ratio
    return math.log(ratio) if ratio > 0 else 0.0


def _searched(contrast: float, kind: Contrast) -> float:
    """A difference of points on the searched scale."""
    end = _end(kind)
    return float(np.clip(contrast if kind == "ratio" else math.asinh(contrast), -end, end))


def _value(target: float, kind: Contrast) -> float:
    if math.isinf(target):
        return 0.0 if kind == "ratio" and target < 0 else target
    return math.exp(target) if kind == "ratio" else math.sinh(target)


def _profile(estimate: Array, covariance: Array, targets: Array, kind: Contrast) -> Array:
    """Smallest Q over the controls' ratio at each contrast, (target,)."""
    nuisance, each = _nuisances(estimate, targets, kind), np.arange(targets.size)
    values = _distance(estimate, covariance, targets, nuisance, kind)
    for _ in range(_N_ZOOMS):
        best, last = values.argmin(axis=1), nuisance.shape[1] - 1
        low = nuisance[each, np.maximum(best - 1, 0)][:, None]
        high = nuisance[each, np.minimum(best + 1, last)][:, None]
        nuisance = low + (high - low) * _shares(_N_FINER)
        values = _distance(estimate, covariance, targets, nuisance, kind)
    return np.asarray(values.min(axis=1))


def _nuisances(estimate: Array, targets: Array, kind: Contrast) -> Array:
    """Controls' ratios to look at: all, and densely between what each group says of it, (target, nuisance)."""
    own, others = _point(estimate[2:], kind), _point(estimate[:2], kind)
    shift = targets if kind == "ratio" else np.sinh(targets)
    between = own + (others - shift - own)[:, None] * _shares(_N_BETWEEN)
    if kind == "difference":
        between = np.arcsinh(between)
    everywhere = _grid(2 * _LARGEST_LOG if kind == "ratio" else _LARGEST_LOG / 2, _N_NUISANCES)
    shape = (targets.size, everywhere.size)
    return np.sort(np.concatenate([np.broadcast_to(everywhere, shape), between], axis=1), axis=1)


def _distance(
    estimate: Array, covariance: Array, targets: Array, nuisance: Array, kind: Contrast
) -> Array:
    """Q at contrasts and values of the controls' ratio, both on the searched scale, (target, nuisance)."""
    if kind == "ratio":
        r, x = np.exp(nuisance), np.exp(targets[:, None] + nuisance)
    else:
        r = np.sinh(nuisance)
        x = r + np.sinh(targets)[:, None]
    # As Python's numbers: taking single entries out of arrays costs more than the arithmetic.
    v, means = covariance.tolist(), estimate.tolist()
    first, second = means[0] - x * means[1], means[2] - r * means[3]
    twice_x, twice_r = 2 * x, 2 * r
    v11 = v[0][0] - twice_x * v[0][1] + x**2 * v[1][1]
    v22 = v[2][2] - twice_r * v[2][3] + r**2 * v[3][3]
    v12 = v[0][2] - r * v[0][3] - x * v[1][2] + x * r * v[1][3]
    distance = v22 * first**2 - 2 * v12 * first * second + v11 * second**2
    return np.asarray(distance / (v11 * v22 - v12**2))
