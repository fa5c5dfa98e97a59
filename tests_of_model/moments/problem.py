"""The criterion of the method of simulated moments: (m(θ) - m̂)' W (m(θ) - m̂), its Jacobian and its checks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError, ParameterError, list_problems
from withintask.sim.params import Params
from withintask.tests_of_model.moments.free_parameters import FreeParameters
from withintask.tests_of_model.moments.moments import N_WORKERS, model_moments
from withintask.tests_of_model.moments.targets import MomentTarget

WeightKind = Literal["diagonal", "optimal", "identity"]

_STEP = 1e-4
"""Step of central differences: their error is of order step², rounding over step; 1e-8 and below."""
_FORWARD_STEP = 1e-6
"""Step of forward differences inside the search."""
SINGULAR = 1e-7
"""Ratio of singular values of the scaled Jacobian below which it is singular, ten times the error of the differences."""
_SINGULAR_WEIGHT = 1e-12
"""Ratio of eigenvalues of the correlation matrix of the targets below which it has no inverse."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MsmProblem:
    """What is fitted to what."""

    free: FreeParameters
    """Free parameters and the values of the others."""
    target: MomentTarget
    """Moments to match."""
    weight: Array
    """W, (moment, moment)."""
    root: Array
    """R with R'R = W, (moment, moment)."""
    n_workers: int
    """Points of the population; the same for every parameter value."""

    @property
    def n_over(self) -> int:
        """Moments less free parameters."""
        return len(self.target.names) - len(self.free.names)

    @property
    def scale(self) -> Array:
        """Unit in which a gap of a moment is read: its standard error, or its size where no error is known, (moment,)."""
        size = np.abs(self.target.value)
        size = np.where(size > 0, size, np.max(size, initial=np.finfo(float).tiny))
        error = self.target.std_error
        return np.asarray(np.where(error > 0, error, size))

    def moments(self, point: Array) -> Array:
        """Moments at a transformed point, (moment,)."""
        return model_moments(self.free.params(point), self.target.names, n_workers=self.n_workers)

    def residual(self, point: Array) -> Array:
        """R (m(θ) - m̂), (moment,)."""
        return np.asarray(self.root @ (self.moments(point) - self.target.value))

    def objective(self, point: Array) -> float:
        """(m - m̂)' W (m - m̂)."""
        residual = self.residual(point)
        return float(residual @ residual)

    def jacobian(self, point: Array) -> Array:
        """∂m/∂point by central differences, (moment, parameter)."""
        return central_jacobian(self.moments, point)

    def forward_jacobian(self, point: Array) -> Array:
        """R ∂m/∂point by forward differences, (moment, parameter)."""
        base = self.residual(point)
        steps = np.eye(point.size) * _FORWARD_STEP
        return np.column_stack(
            [(self.residual(point + step) - base) / _FORWARD_STEP for step in steps]
        )


def central_jacobian(function: Callable[[Array], Array], point: Array) -> Array:
    """Jacobian of a vector function by central differences, (value, parameter)."""
    steps = np.eye(point.size) * _STEP
    return np.column_stack(
        [(function(point + step) - function(point - step)) / (2 * _STEP) for step in steps]
    )


def make_problem(
    target: MomentTarget,
    free: FreeParameters,
    *,
    weight: WeightKind = "diagonal",
    n_workers: int = N_WORKERS,
) -> MsmProblem:
    """Set up a fit and check it.

    Parameters
    ----------
    target
        Moments to match.
    free
        Free parameters.
    weight
        ``diagonal``: inverse variances of the targets; ``optimal``: inverse of their covariance; ``identity``.
    n_workers
        Points of the population.

    Raises
    ------
    ParameterError
        If there are fewer moments than free parameters (the directions that they leave open are named), errors are
        missing, or the weight is singular (the combination of moments without variance is named).
    """
    if weight not in get_args(WeightKind):
        raise ParameterError(
            f"weight {weight!r}: expected one of {', '.join(get_args(WeightKind))}"
        )
    W = _weight(target, weight)
    problem = MsmProblem(
        free=free,
        target=target,
        weight=W,
        root=np.linalg.cholesky(W).T.astype(np.float64),
        n_workers=n_workers,
    )
    if problem.n_over < 0:
        raise ParameterError(_too_few(problem))
    return problem


def fail_if_singular(problem: MsmProblem, jacobian: Array, where: str) -> None:
    """Refuse a Jacobian without full column rank.

    Raises
    ------
    EstimationError
        Names the directions along which no moment moves.
    """
    flat = singular_directions(scaled(problem, jacobian))
    if flat.size:
        lines = [f"no moment moves along {problem.free.direction(one)}" for one in flat]
        advice = "Fix one parameter of each direction, or add a moment that moves along it."
        raise EstimationError(list_problems(f"Jacobian {where} is singular", lines, advice=advice))


def singular_directions(jacobian: Array) -> Array:
    """Directions along which nothing moves next to the direction along which most does, (direction, parameter)."""
    _, value, vector = np.linalg.svd(jacobian)
    return np.asarray(vector[np.flatnonzero(value <= SINGULAR * value[0])])


def scaled(problem: MsmProblem, jacobian: Array) -> Array:
    """Jacobian of the moments in units of their scale, (moment, parameter)."""
    return np.asarray(jacobian / problem.scale[:, None])


def fail_if_start_outside(free: FreeParameters, start: Params) -> None:
    """Refuse a start outside the domain or the search bounds.

    Raises
    ------
    ParameterError
        Lists every such parameter with its bounds.
    """
    low, high = free.values(free.bounds[:, 0]), free.values(free.bounds[:, 1])
    problems = [
        f"{name} = {getattr(start, name):g}: expected {a:.4g} to {b:.4g}"
        for name, a, b in zip(free.names, low, high, strict=True)
        if not a <= getattr(start, name) <= b
    ]
    if problems:
        raise ParameterError(list_problems("start", problems, advice="Start inside the bounds."))


def _weight(target: MomentTarget, kind: WeightKind) -> Array:
    n_moments = len(target.names)
    if kind == "identity":
        return np.eye(n_moments)
    if target.covariance is None:
        raise ParameterError(
            f"weight {kind!r}: the targets {', '.join(target.names)} have no standard errors; give std_error for each, or "
            "use weight 'identity'"
        )
    error = target.std_error
    problems = [
        f"{name}: standard error {e:g}"
        for name, e in zip(target.names, error, strict=True)
        if not e > 0
    ]
    if problems:
        raise ParameterError(
            list_problems(f"weight {kind!r} is singular", problems, advice="Give positive errors.")
        )
    if kind == "diagonal":
        return np.diag(error**-2)
    value, vector = np.linalg.eigh(target.covariance / np.outer(error, error))
    flat = [vector[:, k] for k in range(n_moments) if value[k] <= _SINGULAR_WEIGHT * value[-1]]
    if flat:
        lines = [f"no variance along {_combination(target.names, one / error)}" for one in flat]
        advice = "Leave one of these moments out, or use weight 'diagonal'."
        raise ParameterError(list_problems("weight 'optimal' is singular", lines, advice=advice))
    return np.asarray((vector / value) @ vector.T / np.outer(error, error))


def _combination(names: tuple[str, ...], vector: Array) -> str:
    unit = vector / np.abs(vector).max()
    return " ".join(
        f"{w:+.3g} {name}" for name, w in zip(names, unit, strict=True) if abs(w) > SINGULAR
    )


def _too_few(problem: MsmProblem) -> str:
    names = problem.target.names
    jacobian = scaled(problem, problem.jacobian(problem.free.point(problem.free.base)))
    vector = np.linalg.svd(jacobian, full_matrices=True)[2]
    open_ones = [problem.free.direction(one) for one in vector[len(names) :]]
    lines = [f"at the start, nothing pins {one}" for one in open_ones]
    where = (
        f"{len(names)} moments ({', '.join(names)}) for {len(problem.free.names)} free parameters"
    )
    return list_problems(
        where, lines, advice="Fix as many parameters as there are directions, or add moments."
    )
