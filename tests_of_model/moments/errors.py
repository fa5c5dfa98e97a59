"""Errors of a fit: sandwich covariance with simulation noise, the J test, weak directions, profile intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems
from withintask.panel.notation import symbol
from withintask.tests_of_model.harness.parallel import one_blas_thread
from withintask.tests_of_model.moments.problem import (
    SINGULAR,
    MsmProblem,
    make_problem,
    scaled,
    singular_directions,
)
from withintask.tests_of_model.moments.search import at_bound, minimize

LEVEL = 0.95
"""Coverage of every interval."""
_WEAK = float(np.log(2))
"""A direction is weak if one standard error along it changes a parameter by a factor of two."""
_LOADED = 1e-3
"""Weight in a direction from which on a parameter lies on it."""
_WEAK_SINGULAR = 1e-2
"""Without errors, if its singular value is this share of the largest."""
_FIRST_STEP = 0.25
"""First step of a profile, in logs or logits; doubled until the bound is crossed."""
_END = 1e-3
"""Accuracy of the ends of a profile interval, in logs or logits."""
_NEAR = 1e-2
"""The same, in the distance statistic; it moves the coverage by less than 0.0003."""
_INNER_TOLERANCE = 1e-6
"""Tolerance of the inner fits of a profile."""
_N_PROFILE = 2**12
"""Points of the population at which profiles are computed; quadrature noise there is far below the targets' errors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Errors:
    """How well the parameters are known."""

    covariance: Array
    """Of the transformed parameters, NaN at a bound and where not identified, (parameter, parameter)."""
    jacobian: Array
    """∂m/∂point, (moment, parameter)."""
    quadrature: Array
    """Covariance of the model's moments over quadratures, included above, (moment, moment)."""
    j_statistic: float
    """(m - m̂)' V⁻¹ (m - m̂); NaN where not over-identified or no errors are known."""
    j_dof: int
    """Moments less parameters that are identified and not at a bound."""
    j_p_value: float
    """Of the J statistic."""
    condition_number: float
    """Of the Jacobian of the moments, each over its size, in logs and logits of the parameters."""
    weak_directions: tuple[str, ...]
    """Directions that the moments hardly pin, each with one standard error along it."""


def compute_errors(problem: MsmProblem, point: Array, jacobian: Array, quadrature: Array) -> Errors:
    """Compute the errors of a fit.

    Parameters
    ----------
    problem
        The criterion.
    point
        Its minimum, transformed.
    jacobian
        ∂m/∂point there, (moment, parameter).
    quadrature
        Simulation noise of the moments, (moment, moment).

    Notes
    -----
    Var = (G'WG)⁻¹ G'W (V + Q) W G (G'WG)⁻¹ with V the targets' covariance and Q the quadrature's (Gourieroux, Monfort
    and Renault 1993: simulation noise adds to the data's). Parameters at a bound are held fixed. A parameter on a
    direction that is not identified at the minimum has no error (NaN); the weak directions name it.
    """
    names = problem.free.names
    inside = np.array([name not in at_bound(problem, point) for name in names])
    covariance = np.full((len(names), len(names)), np.nan)
    noise = None if problem.target.covariance is None else problem.target.covariance + quadrature
    G = jacobian[:, inside]
    statistic, dof = float("nan"), len(problem.target.names) - int(inside.sum())
    if noise is not None and inside.any():
        flat = singular_directions(scaled(problem, G))
        gain = np.linalg.pinv(problem.root @ G, rcond=SINGULAR) @ problem.root
        known = gain @ noise @ gain.T
        is_open = (np.abs(flat) > _LOADED).any(axis=0)
        known[is_open, :] = known[:, is_open] = np.nan
        covariance[np.ix_(inside, inside)] = known
        dof += len(flat)
        gap = problem.moments(point) - problem.target.value
        statistic = _j_statistic(gap, np.eye(len(gap)) - G @ gain, noise, dof)
    size = np.abs(problem.target.value)
    by_size = jacobian / np.where(size > 0, size, 1.0)[:, None]
    return Errors(
        covariance=covariance,
        jacobian=jacobian,
        quadrature=quadrature,
        j_statistic=statistic,
        j_dof=dof,
        j_p_value=float(special.chdtrc(dof, statistic)) if dof else float("nan"),
        condition_number=float(np.linalg.cond(by_size)),
        weak_directions=_weak_directions(problem, jacobian, has_errors=noise is not None),
    )


def _j_statistic(gap: Array, keep: Array, noise: Array, dof: int) -> float:
    """Hansen's J in the form that any weight allows: the gap over its covariance after fitting, which has rank dof."""
    if dof < 1:
        return float("nan")
    unit = np.sqrt(np.diagonal(noise))
    value, vector = np.linalg.eigh(keep @ noise @ keep.T / np.outer(unit, unit))
    along = vector[:, -dof:].T @ (gap / unit)
    return float(np.sum(along**2 / value[-dof:]))


def _weak_directions(problem: MsmProblem, jacobian: Array, *, has_errors: bool) -> tuple[str, ...]:
    _, value, vector = np.linalg.svd(scaled(problem, jacobian), full_matrices=False)
    lines = []
    for k in range(value.size - 1, -1, -1):
        spread = 1 / value[k] if value[k] > 0 else np.inf
        if has_errors and spread > _WEAK:
            lines.append(f"{problem.free.direction(vector[k])} (standard error {spread:.2g})")
        if not has_errors and value[k] < _WEAK_SINGULAR * value[0]:
            lines.append(
                f"{problem.free.direction(vector[k])} (singular value {value[k] / value[0]:.1e} of the largest)"
            )
    return tuple(lines)


@dataclass(frozen=True, kw_only=True)
class ProfileInterval:
    """Values of a parameter that the targets do not reject, the others being fitted again at each."""

    name: str
    """The parameter."""
    low: float
    """Low end."""
    high: float
    """High end."""
    is_low_open: bool
    """Whether the search bound was reached before the low end."""
    is_high_open: bool
    """The same for the high end."""


def profile_interval(
    problem: MsmProblem, point: Array, name: str, *, on_evaluation: Callable[[], None] | None = None
) -> ProfileInterval:
    """Invert the distance statistic for one parameter.

    Parameters
    ----------
    problem
        The criterion; its targets must have errors.
    point
        A minimum, transformed.
    name
        The parameter.
    on_evaluation
        Called after each inner fit.

    Returns
    -------
    ProfileInterval
        {value: min over the others of (m - m̂)'V⁻¹(m - m̂), less its overall minimum, <= χ²₁(.95)}, the connected part
        around the minimum; like a likelihood ratio it needs no linearity (Newey and West 1987).

    Raises
    ------
    ParameterError
        If the parameter is not free, or the targets have no covariance.
    """
    fail_if_not_free((name,), problem.free.names)
    n_workers = min(problem.n_workers, _N_PROFILE)
    optimal = make_problem(problem.target, problem.free, weight="optimal", n_workers=n_workers)
    start = minimize(optimal, point)
    place = problem.free.names.index(name)
    bound = start.objective + float(special.chdtri(1, 1 - LEVEL))
    ends = [
        _end(optimal, start.point, place, direction, bound, on_evaluation) for direction in (-1, 1)
    ]
    values = [problem.free.values(_with(point, place, end))[place] for end, _ in ends]
    return ProfileInterval(
        name=name,
        low=float(values[0]),
        high=float(values[1]),
        is_low_open=ends[0][1],
        is_high_open=ends[1][1],
    )


def fail_if_not_free(profiled: Sequence[str], free: Sequence[str]) -> None:
    """Refuse to profile parameters that are not free.

    Raises
    ------
    ParameterError
        Lists them.
    """
    problems = [f"{name}: not free" for name in profiled if name not in free]
    if problems:
        advice = f"Free parameters are {', '.join(free)}."
        raise ParameterError(list_problems("profile", problems, advice=advice))


def _with(point: Array, place: int, value: float) -> Array:
    changed = point.copy()
    changed[place] = value
    return changed


def _end(
    problem: MsmProblem,
    point: Array,
    place: int,
    direction: int,
    bound: float,
    on_evaluation: Callable[[], None] | None,
) -> tuple[float, bool]:
    """Walk away from the minimum until the profile crosses the bound, then close in (Illinois rule); whether the search bound came first."""
    limit = problem.free.bounds[place, int(direction > 0)]
    inner, rest, step = point[place], np.delete(point, place), _FIRST_STEP
    floor = problem.objective(point)
    while True:
        outer = inner + direction * step
        outer = min(outer, limit) if direction > 0 else max(outer, limit)
        height, further = _profile(problem, place, outer, rest)
        if on_evaluation is not None:
            on_evaluation()
        if height > bound:
            break
        if outer == limit:
            return float(limit), True
        inner, rest, step, floor = outer, further, 2 * step, height
    low, high = floor - bound, height - bound
    while abs(outer - inner) > _END:
        middle = inner - (outer - inner) * low / (high - low)
        height, further = _profile(problem, place, middle, rest)
        if on_evaluation is not None:
            on_evaluation()
        if abs(height - bound) < _NEAR:
            return float(middle), False
        if height > bound:
            outer, high, low = middle, height - bound, low / 2
        else:
            inner, rest, low, high = middle, further, height - bound, high / 2
    return float(inner), False


def _profile(problem: MsmProblem, place: int, value: float, rest: Array) -> tuple[float, Array]:
    """Minimum over the other parameters with one held at a transformed value, and where it is."""
    if rest.size == 0:
        return problem.objective(np.array([value])), rest
    full = np.insert(rest, place, value)
    name = problem.free.names[place]
    free = problem.free.without(name, float(problem.free.values(full)[place]))
    bounds = np.delete(problem.free.bounds, place, axis=0)
    held = replace(problem, free=replace(free, bounds=bounds))
    with one_blas_thread():
        found = minimize(held, rest, _INNER_TOLERANCE)
    return found.objective, found.point


def open_end(interval: ProfileInterval) -> str:
    """Write an interval, with the ends that the search bounds cut."""
    left = "<" if interval.is_low_open else ""
    right = ">" if interval.is_high_open else ""
    return f"{symbol(interval.name).symbol}: {left}{interval.low:.4g} to {right}{interval.high:.4g}"
