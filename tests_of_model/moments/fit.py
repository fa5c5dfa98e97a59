"""The method of simulated moments: fit the model's parameters to targets."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy import special

from withintask.panel.arrays import Array
from withintask.panel.errors import ConvergenceError, list_problems
from withintask.panel.notation import symbol
from withintask.sim.params import Params
from withintask.tests_of_model.moments.errors import LEVEL, Errors, compute_errors
from withintask.tests_of_model.moments.free_parameters import FREE, free_parameters
from withintask.tests_of_model.moments.moments import N_WORKERS, quadrature_covariance
from withintask.tests_of_model.moments.problem import (
    MsmProblem,
    WeightKind,
    fail_if_singular,
    fail_if_start_outside,
    make_problem,
)
from withintask.tests_of_model.moments.search import (
    Minimum,
    Progress,
    Search,
    at_bound,
    search,
    sobol_starts,
)
from withintask.tests_of_model.moments.targets import MomentTarget

_REACHED = 1e-4
"""A target is met if the model's moment is within this share of its scale (its standard error, or its size)."""
_N_COARSE = 2**12
"""Points of the population in the first search of every start."""
_N_SCRAMBLES = 8
"""Scramblings from which the quadrature's noise is computed."""
_EQUAL = 1e-6
"""Minima whose criterion differs by less are equally good roots."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MsmFit:
    """Fitted parameters, their errors, and everything found on the way."""

    problem: MsmProblem
    """Targets, weight and free parameters."""
    params: Params
    """All parameters, the free ones fitted."""
    best: Minimum
    """The minimum reported: the lowest; of equally low ones the one nearest to the start."""
    search: Search
    """All starts and all distinct minima."""
    errors: Errors
    """Covariance, J test, condition number, weak directions."""
    bound: tuple[str, ...]
    """Parameters at a bound of the search; their errors are not known."""

    @property
    def names(self) -> tuple[str, ...]:
        """Free parameters."""
        return self.problem.free.names

    @property
    def values(self) -> Array:
        """Fitted values, (parameter,)."""
        return self.problem.free.values(self.best.point)

    @property
    def std_error(self) -> Array:
        """Standard errors of the values by the delta method, (parameter,)."""
        return np.asarray(
            np.sqrt(np.diagonal(self.errors.covariance)) * self.problem.free.slope(self.best.point)
        )

    @property
    def roots(self) -> tuple[Minimum, ...]:
        """Minima as good as the best: distinct parameters that the targets cannot tell apart."""
        lowest = self.search.minima[0].objective
        return tuple(
            one for one in self.search.minima if one.objective <= lowest + _EQUAL * (1 + lowest)
        )

    @property
    def is_reached(self) -> bool:
        """Whether every target is met."""
        return not _gaps(self.problem, self.best)

    def table(self) -> pl.DataFrame:
        """Fitted parameters: value, standard error, interval (of the log or logit, mapped back), one row each."""
        point, sd = self.best.point, np.sqrt(np.diagonal(self.errors.covariance))
        reach = float(special.ndtri((1 + LEVEL) / 2)) * sd
        low, high = (self.problem.free.values(point + sign * reach) for sign in (-1, 1))
        return pl.DataFrame(
            {
                "parameter": self.names,
                "symbol": [symbol(name).symbol for name in self.names],
                "value": self.values,
                "std_error": self.std_error,
                "conf_low": low,
                "conf_high": high,
                "is_at_bound": [name in self.bound for name in self.names],
            }
        )

    def moment_table(self) -> pl.DataFrame:
        """Targets, errors and the fitted model's moments, one row each."""
        target = self.problem.target
        gap = self.best.moments - target.value
        return pl.DataFrame(
            {
                "moment": target.names,
                "target": target.value,
                "std_error": target.std_error,
                "model": self.best.moments,
                "gap_in_std_errors": gap / target.std_error,
                "source": target.source,
            }
        )

    def root_table(self) -> pl.DataFrame:
        """Every distinct minimum: its criterion, the starts that led to it, and its parameters."""
        rows = [
            {
                "objective": one.objective,
                "is_root": any(one is root for root in self.roots),
                "is_reported": one is self.best,
                "n_starts": one.n_starts,
                "has_converged": one.has_converged,
                **dict(zip(self.names, self.problem.free.values(one.point).tolist(), strict=True)),
            }
            for one in self.search.minima
        ]
        return pl.DataFrame(rows)


def fit_msm(
    target: MomentTarget,
    start: Params,
    *,
    free: Sequence[str] = FREE,
    weight: WeightKind = "diagonal",
    n_starts: int = 20,
    n_workers: int = N_WORKERS,
    seed: int = 0,
    must_reach: bool = False,
    executor: Executor | None = None,
    ledger: Path | None = None,
    on_progress: Progress | None = None,
) -> MsmFit:
    """Fit parameters to moments.

    Parameters
    ----------
    target
        Moments to match, with their errors.
    start
        First start, and the values of the parameters that are not free.
    free
        Free parameters; α, μ, σ, χ, η1 and ξ if left out.
    weight
        ``diagonal``, ``optimal`` or ``identity``.
    n_starts
        Starts: the first, then Sobol points of the plausible ranges.
    n_workers
        Points of the population, the same for every parameter value.
    seed
        Seed of the Sobol starts.
    must_reach
        Refuse a fit with as many parameters as moments that does not meet its targets.
    executor, ledger, on_progress
        As for :func:`withintask.tests_of_model.moments.search.search`.

    Returns
    -------
    MsmFit
        The lowest minimum and every other distinct one.

    Raises
    ------
    ParameterError
        Fewer moments than free parameters, a singular weight, a start out of bounds, an unknown name.
    EstimationError
        The Jacobian is singular at the start; the direction is named.
    ConvergenceError
        No search converged, or ``must_reach`` and the targets are out of reach.

    Notes
    -----
    θ̂ = argmin (m(θ) - m̂)' W (m(θ) - m̂) over logs (logits on bounded domains) of the parameters, with common shocks:
    one scrambled Sobol population for every θ (McFadden 1989; Pakes and Pollard 1989).
    """
    parameters = free_parameters(start, free)
    fail_if_start_outside(parameters, start)
    problem = make_problem(target, parameters, weight=weight, n_workers=n_workers)
    first = parameters.point(start)
    fail_if_singular(problem, problem.jacobian(first), "at the start")
    starts = sobol_starts(problem, first, n_starts, seed)
    found = search(
        problem,
        starts,
        n_coarse=_N_COARSE,
        executor=executor,
        ledger=ledger,
        on_progress=on_progress,
    )
    best = _reported(found, first)
    _fail_if_not_converged(problem, found, best, must_reach=must_reach)
    return _finish(problem, found, best)


def _finish(problem: MsmProblem, found: Search, best: Minimum) -> MsmFit:
    """Compute the errors of a minimum and put the fit together."""
    params = problem.free.params(best.point)
    names = problem.target.names
    noise = quadrature_covariance(
        params, names, n_workers=problem.n_workers, n_scrambles=_N_SCRAMBLES
    )
    jacobian = problem.jacobian(best.point)
    return MsmFit(
        problem=problem,
        params=params,
        best=best,
        search=found,
        errors=compute_errors(problem, best.point, jacobian, noise),
        bound=at_bound(problem, best.point),
    )


def _reported(found: Search, first: Array) -> Minimum:
    lowest = found.minima[0].objective
    equal = [one for one in found.minima if one.objective <= lowest + _EQUAL * (1 + lowest)]
    return min(equal, key=lambda one: float(np.abs(one.point - first).max()))


def _gaps(problem: MsmProblem, minimum: Minimum) -> list[str]:
    target = problem.target
    share = (minimum.moments - target.value) / problem.scale
    unit = "standard errors" if target.covariance is not None else "of its size"
    return [
        f"{name}: target {t:.5g}, nearest {m:.5g}, a gap of {s:+.2g} {unit}"
        for name, t, m, s in zip(target.names, target.value, minimum.moments, share, strict=True)
        if abs(s) > _REACHED
    ]


def _fail_if_not_converged(
    problem: MsmProblem, found: Search, best: Minimum, *, must_reach: bool
) -> None:
    if not best.has_converged:
        raise ConvergenceError(
            f"fit_msm: none of {len(found.starts)} starts led to a minimum; criterion {best.objective:.3g}. Give other starts."
        )
    gaps = _gaps(problem, best)
    if not (must_reach and problem.n_over == 0 and gaps):
        return
    edges = at_bound(problem, best.point)
    stuck = [f"{name} is at a bound of the search" for name in edges]
    jacobian = problem.jacobian(best.point) / problem.scale[:, None]
    weakest = np.linalg.svd(jacobian)[2][-1]
    lines = [
        *gaps,
        *stuck,
        f"the direction that moves the moments least there is {problem.free.direction(weakest)}",
    ]
    advice = (
        "Widen the targets, free another parameter, or accept the nearest fit (must_reach=False)."
    )
    raise ConvergenceError(list_problems("targets out of reach", lines, advice=advice))
