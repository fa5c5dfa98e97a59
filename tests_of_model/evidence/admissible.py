"""The parameters that the targets do not reject, and the range of ΔGini over them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import special

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.tests_of_model.harness.parallel import one_blas_thread
from withintask.tests_of_model.moments.moments import NAMES, model_moments
from withintask.tests_of_model.moments.problem import MsmProblem
from withintask.tests_of_model.moments.search import minimize

LEVEL = 0.95
"""Confidence of the set."""
_FORWARD_STEP = 1e-6
_GINI_UNIT = 1e-2
"""Unit of ΔGini inside the search, so that objective and constraint are of one size."""
_EXACT = 1e-6
"""Distance from the targets, in scaled squares, below which a point of the curve matches them."""
_SLACK = 1e-3
"""Relative violation of the bound that a search may leave; such ends count as members of the set."""
_MOST_STEPS = 40
_TOLERANCE = 1e-9
"""Tolerance of a point of the curve."""
_END_TOLERANCE = 1e-5
"""Tolerance of an end, in units of _GINI_UNIT: ΔGini to 1e-7."""
_N_CHAINS = 24
_N_CURVE = 81
_N_BISECTIONS = 6
"""Steps in which an end of the curve is closed in on: to a 64th of the grid's step."""
_JITTER = 1e-4
_DE_SCALE = 2.38
"""Scale of differential-evolution proposals, 2.38/√(2d) (ter Braak 2006)."""
_SPREAD = 3
"""Every so many steps a proposal goes in a random direction."""
_LENGTHS = (1e-2, 2.0)
"""Shortest and longest of these, in logs or logits."""
_LONG_JUMP = 10
"""Every so many steps a proposal keeps the full difference, to move between parts."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AdmissibleSet:
    """Parameters within a distance of the targets."""

    points: Array
    """Members known beforehand, transformed, (point, parameter)."""
    delta_gini: Array
    """ΔGini of each, (point,)."""
    lowest: Array
    """Member with the lowest ΔGini found, transformed, (parameter,)."""
    highest: Array
    """Member with the highest."""
    low: float
    """Lowest ΔGini."""
    high: float
    """Highest ΔGini."""
    bound: float
    """χ² quantile."""

    @property
    def spans_zero(self) -> bool:
        """Whether members disagree on the sign."""
        return self.low < 0 < self.high


def chi_square_bound(n_moments: int) -> float:
    """Quantile of the distance statistic at true parameters, χ²_k(.95)."""
    return float(special.chdtri(n_moments, 1 - LEVEL))


class _Evaluator:
    """Distance from the targets and ΔGini at a point, each computed once, with forward-difference gradients."""

    def __init__(self, problem: MsmProblem) -> None:
        self.problem = problem
        self.place = [NAMES.index(name) for name in problem.target.names]
        self._at = lru_cache(maxsize=4096)(self._compute)

    def _compute(self, key: bytes) -> Array:
        point = np.frombuffer(key)
        return model_moments(
            self.problem.free.params(point), NAMES, n_workers=self.problem.n_workers
        )

    def moments(self, point: Array) -> Array:
        return self._at(np.ascontiguousarray(point).tobytes())

    def gini(self, point: Array) -> float:
        return float(self.moments(point)[-1])

    def distance(self, point: Array) -> float:
        residual = self.problem.root @ (self.moments(point)[self.place] - self.problem.target.value)
        return float(residual @ residual)

    def jacobian(self, point: Array) -> Array:
        base = self.moments(point)
        steps = np.eye(point.size) * _FORWARD_STEP
        return np.column_stack(
            [(self.moments(point + step) - base) / _FORWARD_STEP for step in steps]
        )

    def distance_gradient(self, point: Array) -> Array:
        gap = self.moments(point)[self.place] - self.problem.target.value
        return np.asarray(2 * self.jacobian(point)[self.place].T @ (self.problem.weight @ gap))

    def gini_gradient(self, point: Array) -> Array:
        return np.asarray(self.jacobian(point)[-1])


def exact_curve(problem: MsmProblem, point: Array, name: str) -> Array:
    """Follow the parameters that match the targets exactly as one of them varies over its search bounds.

    Parameters
    ----------
    problem
        One moment fewer than free parameters.
    point
        A member of the curve, transformed.
    name
        The parameter that is varied.

    Returns
    -------
    array (point, parameter)
        Transformed, ordered; values of the parameter at which no match exists are left out.
    """
    if name not in problem.free.names:
        raise ParameterError(
            f"exact_curve: {name} is not among the free parameters {', '.join(problem.free.names)}"
        )
    place = problem.free.names.index(name)
    low, high = problem.free.bounds[place]
    grid = np.linspace(low, high, _N_CURVE)
    own = float(point[place])
    members = {own: point}
    for outward in (grid[grid > own], grid[grid < own][::-1]):
        inner, rest = own, np.delete(point, place)
        for value in outward:
            member = _match(problem, place, value, rest)
            if member is None:
                members |= _last_matches(problem, place, (inner, value), rest)
                break
            inner, rest = value, member
            members[value] = np.insert(member, place, value)
    return np.array([members[value] for value in sorted(members)])


def _last_matches(
    problem: MsmProblem, place: int, ends: tuple[float, float], rest: Array
) -> dict[float, Array]:
    """Close in on the value beyond which there is no match, from the last that has one and the first that has none."""
    found: dict[float, Array] = {}
    inner, outer = ends
    for _ in range(_N_BISECTIONS):
        middle = (inner + outer) / 2
        member = _match(problem, place, middle, rest)
        if member is None:
            outer = middle
        else:
            inner, rest = middle, member
            found[middle] = np.insert(member, place, middle)
    return found


def _match(problem: MsmProblem, place: int, value: float, rest: Array) -> Array | None:
    full = np.insert(rest, place, value)
    held_free = problem.free.without(
        problem.free.names[place], float(problem.free.values(full)[place])
    )
    held = replace(
        problem, free=replace(held_free, bounds=np.delete(problem.free.bounds, place, axis=0))
    )
    end = minimize(held, rest, _TOLERANCE)
    gap = (end.moments - problem.target.value) / np.abs(problem.target.value)
    return end.point if float(gap @ gap) < _EXACT else None


def gini_range(
    problem: MsmProblem,
    members: Array,
    hints: Sequence[AdmissibleSet] = (),
    *,
    bound: float | None = None,
) -> AdmissibleSet:
    """Find the lowest and highest ΔGini over the parameters that the targets do not reject.

    Parameters
    ----------
    problem
        Targets with errors and optimal weight; ``target.value`` is m̂.
    members
        Parameters inside the set, transformed, (point, parameter); from :func:`exact_curve`, or of a smaller set.
    hints
        Sets of other sizes, from whose ends to search too.
    bound
        Largest distance; χ²_k(.95) of the k moments if None.

    Returns
    -------
    AdmissibleSet
        ``points`` are the members given.

    Raises
    ------
    ParameterError
        If no member is inside the set.

    Notes
    -----
    max and min of ΔGini(θ) subject to (m(θ) - m̂)'W(m(θ) - m̂) <= bound within the search bounds, by sequential
    quadratic programming (Kraft 1988) from the extreme member, the ends of the hints (or the middle member), and, where parameters are
    no more than moments, the end of the linearized set. An end outside the bound is not used.
    """
    limit = chi_square_bound(len(problem.target.names)) if bound is None else bound
    evaluator = _Evaluator(problem)
    low, high = problem.free.bounds.T
    with one_blas_thread():
        inside = np.array(
            [
                one
                for one in np.clip(members, low, high)
                if evaluator.distance(one) <= limit * (1 + _SLACK)
            ]
        )
        if not inside.size:
            raise ParameterError("gini_range: no member is inside the set")
        gini = np.array([evaluator.gini(point) for point in inside])
        ends = [_extreme(evaluator, inside, gini, limit, sign, hints) for sign in (1, -1)]
    return AdmissibleSet(
        points=inside,
        delta_gini=gini,
        lowest=ends[0],
        highest=ends[1],
        low=evaluator.gini(ends[0]),
        high=evaluator.gini(ends[1]),
        bound=limit,
    )


def cloud(
    problem: MsmProblem, members: Array, *, n_points: int, seed: int = 0, bound: float | None = None
) -> tuple[Array, Array]:
    """Draw members of the set for a picture, uniform in logs and logits, and ΔGini of each.

    Differential-evolution Markov chains (ter Braak 2006) from the members given; the first half is dropped.

    Returns
    -------
    tuple of arrays
        (point, parameter) transformed, and (point,).
    """
    limit = chi_square_bound(len(problem.target.names)) if bound is None else bound
    evaluator = _Evaluator(problem)
    with one_blas_thread():
        points = _cloud(evaluator, members, limit, 2 * n_points, np.random.default_rng(seed))[
            -n_points:
        ]
        return points, np.array([evaluator.gini(point) for point in points])


def _extreme(
    evaluator: _Evaluator,
    members: Array,
    gini: Array,
    limit: float,
    sign: int,
    hints: Sequence[AdmissibleSet],
) -> Array:
    """Member with the lowest (sign 1) or highest (sign -1) ΔGini."""
    order = np.argsort(sign * gini)
    starts = [members[order[0]], *((one.lowest if sign > 0 else one.highest) for one in hints)]
    starts += [] if hints else [members[order[len(order) // 2]]]
    starts += _linear_end(evaluator, members[order[0]], limit, sign)
    ends = [members[order[0]], *[_constrained(evaluator, start, limit, sign) for start in starts]]
    inside = [end for end in ends if evaluator.distance(end) <= limit * (1 + _SLACK)]
    return min(inside, key=lambda end: sign * evaluator.gini(end))


def _linear_end(evaluator: _Evaluator, point: Array, limit: float, sign: int) -> list[Array]:
    """End of the linearized set around a point: -√bound Σ∇d/√(∇d'Σ∇d)."""
    if evaluator.problem.n_over < 0:
        return []
    jacobian = evaluator.jacobian(point)
    G, slope = evaluator.problem.root @ jacobian[evaluator.place], jacobian[-1]
    step = np.linalg.lstsq(G.T @ G, slope, rcond=None)[0]
    return [point - sign * np.sqrt(limit / abs(slope @ step)) * step]


def _constrained(evaluator: _Evaluator, start: Array, limit: float, sign: int) -> Array:
    from scipy.optimize import minimize as scipy_minimize

    low, high = evaluator.problem.free.bounds.T
    found = scipy_minimize(
        lambda x: sign * evaluator.gini(x) / _GINI_UNIT,
        np.clip(start, low, high),
        jac=lambda x: sign * evaluator.gini_gradient(x) / _GINI_UNIT,
        bounds=list(zip(low, high - _FORWARD_STEP, strict=True)),
        constraints=[
            {
                "type": "ineq",
                "fun": lambda x: 1 - evaluator.distance(x) / limit,
                "jac": lambda x: -evaluator.distance_gradient(x) / limit,
            }
        ],
        method="SLSQP",
        options={"maxiter": _MOST_STEPS, "ftol": _END_TOLERANCE},
    )
    return np.asarray(found.x)


def _cloud(
    evaluator: _Evaluator, seeds: Array, limit: float, n_points: int, generator: np.random.Generator
) -> Array:
    low, high = evaluator.problem.free.bounds.T
    chains = seeds[np.linspace(0, len(seeds) - 1, _N_CHAINS).round().astype(int)].copy()
    dims = chains.shape[1]
    kept: list[Array] = []
    for step in range(-(-n_points // _N_CHAINS) if n_points else 0):
        for k in range(_N_CHAINS):
            proposal = chains[k] + _jump(chains, k, step, generator)
            inside = ((proposal > low) & (proposal < high)).all()
            if inside and evaluator.distance(proposal) <= limit:
                chains[k] = proposal
        kept.append(chains.copy())
    return np.vstack(kept) if kept else np.empty((0, dims))


def _jump(chains: Array, k: int, step: int, generator: np.random.Generator) -> Array:
    """Difference of two other chains; every third step a random direction of random length, so that chains spread."""
    dims = chains.shape[1]
    if step % _SPREAD == 0:
        direction = generator.standard_normal(dims)
        length = np.exp(generator.uniform(*np.log(_LENGTHS)))
        return np.asarray(length * direction / np.linalg.norm(direction))
    scale = 1.0 if step % _LONG_JUMP == 0 else _DE_SCALE / np.sqrt(2 * dims)
    a, b = generator.choice(_N_CHAINS - 1, size=2, replace=False)
    a, b = a + (a >= k), b + (b >= k)
    return np.asarray(scale * (chains[a] - chains[b]) + _JITTER * generator.standard_normal(dims))
