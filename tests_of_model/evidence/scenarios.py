"""Scenario analysis: targets at the ends of their ranges, and the sign of ΔGini that each combination implies."""

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems
from withintask.sim.params import Params
from withintask.tests_of_model.harness.parallel import run_all
from withintask.tests_of_model.moments.free_parameters import free_parameters
from withintask.tests_of_model.moments.moments import model_moments, params_with
from withintask.tests_of_model.moments.of_panel import OF_PANEL
from withintask.tests_of_model.moments.problem import MsmProblem, make_problem
from withintask.tests_of_model.moments.search import at_bound, minimize
from withintask.tests_of_model.moments.targets import MomentTarget

FREE_GIVEN_SHARING = (
    "ai_floor",
    "ai_multiplicative",
    "substitution",
    "credential_cost_scale",
    "proprietary",
)
"""α, μ, σ, χ, η1: as many as the moments m1 to m5; ξ is given."""
_TOLERANCE = 1e-4
_NEAR = 1.0
"""A combination is near if every moment is within this many standard errors of its end of the range."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Case:
    problem: MsmProblem
    start: Array
    labels: dict[str, str | float]


def scenarios(
    target: MomentTarget,
    start: Params,
    *,
    sharings: Sequence[float],
    n_workers: int,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Fit α, μ, σ, χ and η1 to every combination of the low and high ends of m1 to m5, at given ξ.

    Parameters
    ----------
    target
        m1 to m5, with ranges and errors.
    start
        Start, and the other parameters.
    sharings
        Values of ξ.
    n_workers
        Points of the population.
    executor, on_progress
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`.

    Returns
    -------
    polars.DataFrame
        One row a combination and ξ: ends, ``is_near`` (whether the model comes within one standard
        error of all five), the largest gap in standard errors, the parameters, ``delta_gini_income`` and ``sign``.

    Raises
    ------
    ParameterError
        If a moment lacks its range.

    Notes
    -----
    m6 is not among the moments: with it the sign would be put in. Where the model cannot meet the five, the nearest fit
    (diagonal weights) counts.
    """
    five = target.take(OF_PANEL)
    absent = [
        f"{n}: no range"
        for n, a, b in zip(five.names, five.low, five.high, strict=True)
        if not math.isfinite(a + b)
    ]
    if absent:
        raise ParameterError(
            list_problems("scenarios", absent, advice="Give range = [low, high] in the targets.")
        )
    cases = []
    for sharing in sharings:
        free = free_parameters(
            params_with(start, ("rent_sharing",), (sharing,)), FREE_GIVEN_SHARING
        )
        for ends in itertools.product(("low", "high"), repeat=len(OF_PANEL)):
            value = np.where(np.array(ends) == "low", five.low, five.high)
            problem = make_problem(five.with_value(value), free, n_workers=n_workers)
            labels: dict[str, str | float] = {
                "rent_sharing": sharing,
                **dict(zip(OF_PANEL, ends, strict=True)),
            }
            cases.append(_Case(problem=problem, start=free.point(start), labels=labels))
    return pl.DataFrame(run_all(_solve, cases, executor=executor, on_progress=on_progress))


def tally(table: pl.DataFrame) -> pl.DataFrame:
    """Count signs by ξ and by whether the model comes near the combination."""
    return (
        table.group_by("rent_sharing", "is_near")
        .agg(
            pl.len().alias("n"),
            (pl.col("delta_gini_income") > 0).sum().alias("n_rises"),
            (pl.col("delta_gini_income") < 0).sum().alias("n_falls"),
            pl.col("delta_gini_income").min().alias("lowest"),
            pl.col("delta_gini_income").max().alias("highest"),
        )
        .sort("rent_sharing", "is_near", descending=[False, True])
    )


def by_end(table: pl.DataFrame) -> pl.DataFrame:
    """Count, for each moment and end of its range, in how many of the combinations ΔGini rises."""
    return (
        table.unpivot(list(OF_PANEL), index="sign", variable_name="moment", value_name="end")
        .group_by("moment", "end")
        .agg(pl.len().alias("n"), (pl.col("sign") > 0).sum().alias("n_rises"))
        .sort("moment", "end", descending=[False, True])
    )


def _solve(case: _Case) -> dict[str, object]:
    found = minimize(case.problem, case.start, _TOLERANCE)
    params = case.problem.free.params(found.point)
    gap = np.abs(found.moments - case.problem.target.value) / case.problem.scale
    gini = float(model_moments(params, ("m6",), n_workers=case.problem.n_workers)[0])
    values = dict(
        zip(case.problem.free.names, case.problem.free.values(found.point).tolist(), strict=True)
    )
    return {
        **case.labels,
        "is_near": bool(gap.max() <= _NEAR),
        "largest_gap": float(gap.max()),
        **values,
        "at_bound": ", ".join(at_bound(case.problem, found.point)),
        "delta_gini_income": gini,
        "sign": int(np.sign(gini)),
    }
