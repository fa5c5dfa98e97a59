"""Search from many starts: first on few points of the population, then the distinct minima on all of them."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.sim.params import params_hash
from withintask.tests_of_model.harness.kept import Entries, Entry
from withintask.tests_of_model.harness.parallel import one_blas_thread
from withintask.tests_of_model.moments.problem import MsmProblem

Progress = Callable[[int, int], None]

TOLERANCE = 1e-11
"""Relative step or decrease at which a search ends; the quadrature's own rounding is near 1e-13."""
_MOST_EVALUATIONS = 80
"""Jacobians a search may take."""
_SAME = 1e-2
"""Minima closer than this in every log or logit are one."""
_SAME_COARSE = 2e-1
"""The same for minima of the coarse search, which are not yet sharp."""
_AT_BOUND = 1e-3
"""Distance in logs or logits within which a parameter is said to be at its bound."""
_VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Minimum:
    """A local minimum of the criterion."""

    point: Array
    """Transformed parameters, (parameter,)."""
    objective: float
    """(m - m̂)' W (m - m̂)."""
    moments: Array
    """Moments there, (moment,)."""
    n_starts: int
    """Starts that led to it."""
    has_converged: bool
    """Whether the search met its tolerance."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """Outcome of all starts."""

    starts: Array
    """Transformed starts; the first is the one given, (start, parameter)."""
    ends: Array
    """Where each search on few points ended, (start, parameter)."""
    objectives: Array
    """The criterion there, (start,)."""
    minima: tuple[Minimum, ...]
    """Distinct minima on all points, the lowest first."""


def sobol_starts(problem: MsmProblem, first: Array, n_starts: int, seed: int) -> Array:
    """Starts: the given one, then scrambled Sobol points of the plausible ranges, (start, parameter)."""
    from scipy.stats import qmc

    if n_starts < 1:
        raise ParameterError(f"n_starts = {n_starts}: expected at least 1")
    sampler = qmc.Sobol(d=first.size, scramble=True, rng=np.random.default_rng(seed))
    power = int(np.ceil(np.log2(n_starts)))
    unit = sampler.random_base2(power)[: n_starts - 1]
    low, high = problem.free.plausible.T
    return np.vstack([first, low + unit * (high - low)])


def search(
    problem: MsmProblem,
    starts: Array,
    *,
    n_coarse: int,
    executor: Executor | None = None,
    ledger: Path | None = None,
    on_progress: Progress | None = None,
) -> Search:
    """Minimize from every start.

    Parameters
    ----------
    problem
        The criterion.
    starts
        Transformed starts, (start, parameter).
    n_coarse
        Points of the population in the first search; those of the problem if larger.
    executor
        Any executor; serial if None. Results do not depend on it.
    ledger
        File that keeps finished starts; a killed search goes on from there. A file of another problem is refused.
    on_progress
        Called with searches done and searches in all (starts, then distinct minima).
    """
    coarse = replace(problem, n_workers=min(n_coarse, problem.n_workers))
    kept = Entries(ledger, _key(coarse, starts), name="starts")
    coarse_minima = _run(coarse, starts, executor, kept, on_progress)
    candidates = _distinct(coarse_minima, _SAME_COARSE)
    points = np.array([candidate.point for candidate in candidates])
    polished = _run(problem, points, executor, None, on_progress, before=len(starts))
    counted = [
        replace(fine, n_starts=candidate.n_starts)
        for fine, candidate in zip(polished, candidates, strict=True)
    ]
    return Search(
        starts=starts,
        ends=np.array([minimum.point for minimum in coarse_minima]),
        objectives=np.array([minimum.objective for minimum in coarse_minima]),
        minima=tuple(_distinct(counted, _SAME)),
    )


def minimize(problem: MsmProblem, start: Array, tolerance: float = TOLERANCE) -> Minimum:
    """Minimize the criterion from one transformed start, within the search bounds.

    Parameters
    ----------
    problem
        The criterion.
    start
        Transformed parameters, moved inside the bounds if outside.
    tolerance
        Relative step or decrease at which to end.

    Notes
    -----
    Trust-region reflective least squares (Branch, Coleman and Li 1999), forward differences.
    """
    from scipy.optimize import least_squares

    low, high = problem.free.bounds.T
    with one_blas_thread():
        solution = least_squares(
            problem.residual,
            np.clip(start, low + TOLERANCE, high - TOLERANCE),
            jac=problem.forward_jacobian,
            bounds=(low, high),
            x_scale="jac",
            ftol=tolerance,
            xtol=tolerance,
            gtol=None,
            max_nfev=_MOST_EVALUATIONS,
        )
    root = np.linalg.solve(problem.root, solution.fun)
    return Minimum(
        point=solution.x,
        objective=2 * float(solution.cost),
        moments=root + problem.target.value,
        n_starts=1,
        has_converged=solution.status > 0,
    )


def at_bound(problem: MsmProblem, point: Array) -> tuple[str, ...]:
    """Names of the parameters that lie at a bound of the search."""
    low, high = problem.free.bounds.T
    near = (point - low < _AT_BOUND) | (high - point < _AT_BOUND)
    return tuple(name for name, is_near in zip(problem.free.names, near, strict=True) if is_near)


def _distinct(minima: Sequence[Minimum], distance: float) -> list[Minimum]:
    """One of each group of near minima, the lowest, with the starts of all."""
    kept: list[Minimum] = []
    for minimum in sorted(minima, key=lambda minimum: minimum.objective):
        near = [
            k
            for k, other in enumerate(kept)
            if np.abs(minimum.point - other.point).max() < distance
        ]
        if near:
            n_starts = kept[near[0]].n_starts + minimum.n_starts
            kept[near[0]] = replace(kept[near[0]], n_starts=n_starts)
        else:
            kept.append(minimum)
    return kept


def _run(
    problem: MsmProblem,
    starts: Array,
    executor: Executor | None,
    kept: Entries | None,
    on_progress: Progress | None,
    before: int = 0,
) -> list[Minimum]:
    done = {} if kept is None else {k: _minimum(entry) for k, entry in kept.done.items()}
    todo = [k for k in range(len(starts)) if k not in done]

    def keep(k: int, minimum: Minimum) -> None:
        done[k] = minimum
        if kept is not None:
            kept.add(k, _entry(minimum))
        if on_progress is not None:
            on_progress(before + len(done), before + len(starts))

    with one_blas_thread():
        if executor is None:
            for k in todo:
                keep(k, minimize(problem, starts[k]))
        else:
            futures: dict[Future[Minimum], int] = {
                executor.submit(minimize, problem, starts[k]): k for k in todo
            }
            for future in as_completed(futures):
                keep(futures[future], future.result())
    return [done[k] for k in range(len(starts))]


def _entry(minimum: Minimum) -> Entry:
    return {
        "point": minimum.point.tolist(),
        "objective": minimum.objective,
        "moments": minimum.moments.tolist(),
        "has_converged": minimum.has_converged,
    }


def _minimum(entry: Entry) -> Minimum:
    return Minimum(
        point=np.array(entry["point"]),
        objective=float(entry["objective"]),  # type: ignore[arg-type]
        moments=np.array(entry["moments"]),
        n_starts=1,
        has_converged=bool(entry["has_converged"]),
    )


def _key(problem: MsmProblem, starts: Array) -> str:
    parts = (
        _VERSION,
        params_hash(problem.free.base),
        problem.free.names,
        problem.target.names,
        problem.target.value.tobytes(),
        problem.weight.tobytes(),
        problem.n_workers,
        starts.tobytes(),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()
