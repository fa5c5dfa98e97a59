"""Search from many starts: first on few points of the population, then the distinct minima on all of them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.atomic import save_text
from withintask.panel.errors import ParameterError
from withintask.sim.params import params_hash
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
    found = _run(coarse, starts, executor, _Ledger.open(ledger, coarse, starts), on_progress)
    ends = np.array([one.point for one in found])
    objectives = np.array([one.objective for one in found])
    candidates = _distinct(found, _SAME_COARSE)
    polished = _run(
        problem,
        np.array([one.point for one in candidates]),
        executor,
        None,
        on_progress,
        before=len(starts),
    )
    counted = [
        replace(fine, n_starts=one.n_starts) for fine, one in zip(polished, candidates, strict=True)
    ]
    return Search(
        starts=starts, ends=ends, objectives=objectives, minima=tuple(_distinct(counted, _SAME))
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
        found = least_squares(
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
    root = np.linalg.solve(problem.root, found.fun)
    return Minimum(
        point=found.x,
        objective=2 * float(found.cost),
        moments=root + problem.target.value,
        n_starts=1,
        has_converged=found.status > 0,
    )


def at_bound(problem: MsmProblem, point: Array) -> tuple[str, ...]:
    """Names of the parameters that lie at a bound of the search."""
    low, high = problem.free.bounds.T
    near = (point - low < _AT_BOUND) | (high - point < _AT_BOUND)
    return tuple(name for name, is_near in zip(problem.free.names, near, strict=True) if is_near)


def _distinct(found: Sequence[Minimum], distance: float) -> list[Minimum]:
    """One of each group of near minima, the lowest, with the starts of all."""
    kept: list[Minimum] = []
    for one in sorted(found, key=lambda minimum: minimum.objective):
        near = [
            k for k, other in enumerate(kept) if np.abs(one.point - other.point).max() < distance
        ]
        if near:
            kept[near[0]] = replace(kept[near[0]], n_starts=kept[near[0]].n_starts + one.n_starts)
        else:
            kept.append(one)
    return kept


def _run(
    problem: MsmProblem,
    starts: Array,
    executor: Executor | None,
    ledger: "_Ledger | None",
    on_progress: Progress | None,
    before: int = 0,
) -> list[Minimum]:
    done: dict[int, Minimum] = {} if ledger is None else dict(ledger.done)
    todo = [k for k in range(len(starts)) if k not in done]

    def keep(k: int, minimum: Minimum) -> None:
        done[k] = minimum
        if ledger is not None:
            ledger.add(k, minimum)
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


class _Ledger:
    """Finished starts of one search in one JSON file, rewritten whole and renamed after each."""

    def __init__(self, path: Path, key: str, done: dict[int, Minimum]) -> None:
        self.path, self.key, self.done = path, key, done

    @classmethod
    def open(cls, path: Path | None, problem: MsmProblem, starts: Array) -> "_Ledger | None":
        if path is None:
            return None
        key = _key(problem, starts)
        if not path.exists():
            return cls(path, key, {})
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            found, rows = stored["key"], stored["starts"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ParameterError(
                f"{path}: expected a ledger of starts; {error}. Remove it or name another file."
            ) from error
        if found != key:
            raise ParameterError(
                f"{path}: holds starts of another fit (other targets, weights, parameters or starts). Remove it or name another file."
            )
        return cls(path, key, {int(k): _minimum(row) for k, row in rows.items()})

    def add(self, k: int, minimum: Minimum) -> None:
        self.done[k] = minimum
        rows = {str(j): _row(one) for j, one in sorted(self.done.items())}
        save_text(self.path, json.dumps({"key": self.key, "starts": rows}))


def _row(one: Minimum) -> dict[str, object]:
    return {
        "point": one.point.tolist(),
        "objective": one.objective,
        "moments": one.moments.tolist(),
        "has_converged": one.has_converged,
    }


def _minimum(row: dict[str, object]) -> Minimum:
    return Minimum(
        point=np.array(row["point"]),
        objective=float(row["objective"]),  # type: ignore[arg-type]
        moments=np.array(row["moments"]),
        n_starts=1,
        has_converged=bool(row["has_converged"]),
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
