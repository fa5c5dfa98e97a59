"""Power as a surface over sizes: a probit whose index falls short of the critical value by log-linear noncentrality."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power.space import WORKERS_BY_FIRM, Space

_SLOPES: Mapping[str, tuple[float, float]] = {
    "n_firms": (0.5, 0.15),
    "n_workers": (0.5, 0.15),
    WORKERS_BY_FIRM: (0.4, 0.2),
    "treated_share": (1.0, 0.3),
}
"""Prior mean and spread of d ln λ / d ln x: an error falls with the root of what is sampled, by less within firms."""
_SLOPE = (0.25, 0.25)
"""The same of any other size: none to the root."""
_CURVE = 0.15
"""Prior spread of the quadratic term of a log size, around none."""
_KIND = 0.7
"""Prior spread of ln λ between roll-outs."""
_LEVEL = (1.0, 1.5)
"""Prior mean and spread of ln λ in the middle of the space: power of 5 % to 100 %."""
_FEWEST = 3
"""Values of a size from which on its curvature is fitted."""
_ITERATIONS, _TOLERANCE = 60, 1e-9
_LARGEST = 6.0
"""Bound of ln λ: beyond it power is one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """What ln λ is linear in, (candidate, feature), and its prior."""

    X: Array
    """Features, centred at the middle of the space."""
    mean: Array
    """Prior means, (feature,)."""
    spread: Array
    """Prior standard deviations, (feature,)."""
    names: tuple[str, ...]
    """What each is, (feature,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """A fitted surface; ln λ = X b, power = Φ(λ - z)."""

    features: Features
    """Of the space it was fitted on."""
    coef: Array
    """Posterior mode, (feature,)."""
    covariance: Array
    """Inverse of the information at the mode, (feature, feature)."""

    @cached_property
    def log_noncentrality(self) -> Array:
        """Ln λ at the mode, (candidate,)."""
        return self.features.X @ self.coef

    @cached_property
    def log_noncentrality_error(self) -> Array:
        """Its standard error, (candidate,)."""
        X = self.features.X
        return np.sqrt(np.einsum("ij,jk,ik->i", X, self.covariance, X))

    @property
    def power(self) -> Array:
        """Power at the mode, (candidate,)."""
        return power_at(self.log_noncentrality)

    def interval(self, confidence: float = 0.95) -> tuple[Array, Array]:
        """Ends of the interval of power, (candidate,) each."""
        z = float(ndtri((1 + confidence) / 2))
        error = z * self.log_noncentrality_error
        middle = self.log_noncentrality
        return power_at(middle - error), power_at(middle + error)

    def draws(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of ln λ from the posterior, (draw, candidate)."""
        root = np.linalg.cholesky(self.covariance + 1e-12 * np.eye(self.coef.size))
        coef = self.coef + rng.standard_normal((n, self.coef.size)) @ root.T
        return np.asarray(coef @ self.features.X.T)


def power_at(log_noncentrality: Array) -> Array:
    """Power of a two-sided test of level LEVEL at ln λ: Φ(λ - z), the other side left out."""
    return np.asarray(ndtr(np.exp(np.minimum(log_noncentrality, _LARGEST)) - _critical()))


def needed(goal: float) -> float:
    """Return ln λ with which power is the goal."""
    return math.log(_critical() + float(ndtri(goal)))


def _critical() -> float:
    return float(ndtri(1 - LEVEL / 2))


def make_features(space: Space) -> Features:
    """Return logs of sizes, their squares where there are several, and a level for each roll-out."""
    columns, means, spreads, names = [np.ones(len(space))], [_LEVEL[0]], [_LEVEL[1]], ["level"]
    for axis in space.varied:
        if axis == "treatment":
            for place, kind in enumerate(space.axes[axis][1:], 1):
                columns.append((space.place[axis] == place) - 1 / len(space.axes[axis]))
                means, spreads = [*means, 0.0], [*spreads, _KIND]
                names.append(str(kind))
            continue
        size = space.sizes(axis)
        x = np.log(size * (1 - size)) / 2 if axis == "treated_share" else np.log(size)
        values = np.unique(x)
        x = x - (values[0] + values[-1]) / 2
        slope = _SLOPES.get(axis, _SLOPE)
        columns.append(x)
        means, spreads, names = [*means, slope[0]], [*spreads, slope[1]], [*names, axis]
        if values.size >= _FEWEST:
            columns.append(x**2 - np.mean((values - values.mean()) ** 2))
            means, spreads, names = [*means, 0.0], [*spreads, _CURVE], [*names, f"{axis}²"]
    return Features(
        X=np.column_stack(columns),
        mean=np.array(means),
        spread=np.array(spreads),
        names=tuple(names),
    )


def fit_surface(features: Features, visited: Codes, hits: Array, trials: Array) -> Surface:
    """Fit the surface by its posterior mode.

    Parameters
    ----------
    features
        From :func:`make_features`.
    visited
        Candidates at which replicates were run, (visit,).
    hits, trials
        Tests that rejected, and replicates, (visit,).

    Returns
    -------
    Surface
        With the curvature at the mode as its precision (Laplace).

    Notes
    -----
    Fisher scoring with step halving. Of a normal test of level .05 whose standard error is a product of powers of the
    sizes, ln λ is exactly linear; squares take up what is not, such as the floor under an error that more items leave.
    """
    X = features.X[visited]
    precision = np.diag(features.spread**-2)

    def loss(b: Array) -> float:
        index = _index(X @ b)
        gap = (b - features.mean) / features.spread
        return float(gap @ gap / 2 - hits @ log_ndtr(index) - (trials - hits) @ log_ndtr(-index))

    b = features.mean.copy()
    for _ in range(_ITERATIONS):
        gradient, information = _slopes(X, b, hits, trials)
        gradient = gradient - precision @ (b - features.mean)
        step = np.linalg.solve(information + precision, gradient)
        before = loss(b)
        while loss(b + step) > before and np.abs(step).max() > _TOLERANCE:
            step = step / 2
        b = b + step
        if np.abs(step).max() < _TOLERANCE:
            break
    _, information = _slopes(X, b, hits, trials)
    covariance = np.asarray(np.linalg.inv(information + precision), dtype=np.float64)
    return Surface(features=features, coef=b, covariance=covariance)


def _index(log_noncentrality: Array) -> Array:
    return np.exp(np.minimum(log_noncentrality, _LARGEST)) - _critical()


def _slopes(X: Array, b: Array, hits: Array, trials: Array) -> tuple[Array, Array]:
    """Gradient of the log likelihood and its expected information."""
    line = X @ b
    index = _index(line)
    rise = np.where(line < _LARGEST, np.exp(np.minimum(line, _LARGEST)), 0.0)
    log_density = -(index**2) / 2 - math.log(2 * math.pi) / 2
    up, down = np.exp(log_density - log_ndtr(index)), np.exp(log_density - log_ndtr(-index))
    score = (hits * up - (trials - hits) * down) * rise
    weight = trials * up * down * rise**2
    return X.T @ score, (X * weight[:, None]).T @ X
