"""The sign-ambiguous set by panel size: what m1 to m5 leave open, and what m6 adds."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.sim.economy import solve_economy
from withintask.sim.inequality import gini
from withintask.sim.params import Params
from withintask.tests_of_model.evidence.admissible import (
    AdmissibleSet,
    cloud,
    exact_curve,
    gini_range,
)
from withintask.tests_of_model.harness.kept import NOT_KEPT, Stages
from withintask.tests_of_model.harness.parallel import run_all
from withintask.tests_of_model.moments.free_parameters import FREE, free_parameters
from withintask.tests_of_model.moments.moments import NAMES, model_moments
from withintask.tests_of_model.moments.noise import PanelNoise
from withintask.tests_of_model.moments.of_panel import OF_PANEL
from withintask.tests_of_model.moments.problem import MsmProblem, make_problem
from withintask.tests_of_model.moments.targets import MomentTarget, make_target

Progress = Callable[[int, int], None]

BOXES = ("search", "plausible")
"""Where parameters are looked for: all that a search may reach, or the plausible ranges of the parameter file."""
_CURVE_BY = "proprietary"
_SHARPEST = 1.25
"""The threshold is found up to this factor of the panel's size."""
_N_GINI_DRAWS = 200
_THRESHOLD = {"box": pl.String, "n_workers_below": pl.Float64, "n_workers_above": pl.Float64}


@dataclass(frozen=True, kw_only=True, eq=False)
class SignSets:
    """Ranges of ΔGini by panel size."""

    ranges: pl.DataFrame
    """size, n_workers, moments (five or six), box, low, high, spans_zero."""
    cloud: pl.DataFrame
    """size, n_workers, rent_sharing, proprietary, delta_gini_income: members of the set of m1 to m5, for drawing."""
    curve: pl.DataFrame
    """Parameters that match m1 to m5 exactly, with ΔGini: the limit of an endless panel."""
    threshold: pl.DataFrame
    """box, n_workers_below (still spans zero), n_workers_above (no longer does); null where no size of the search does."""
    gini_std_error: float
    """Standard error of ΔGini in a sample of incomes of the size of the design."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SetPlan:
    """What to compute."""

    sizes: tuple[float, ...]
    """Panel sizes, as multiples of the design's."""
    n_points: int
    """Points of each cloud."""
    n_workers: int
    """Points of the population."""
    boxes: tuple[str, ...] = BOXES
    """Boxes to search."""
    has_threshold: bool = True
    """Whether to close in on the size from which on the sign is known."""


def sign_sets(
    params: Params,
    noise: PanelNoise,
    plan: SetPlan,
    *,
    stages: Stages = NOT_KEPT,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> SignSets:
    """Compute the range of ΔGini over the parameters that panels of several sizes do not reject.

    Parameters
    ----------
    params
        The truth: m̂ are its moments.
    noise
        Covariance of the estimates of m1 to m5, and the design's size.
    plan
        Sizes and effort.
    stages
        Where finished parts are kept.
    executor, on_progress
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`.
    """
    error = gini_error(params, noise.design.n_workers)
    base = _problem(params, noise, 1.0, plan.n_workers, None)
    curve = exact_curve(base, base.free.point(params), _CURVE_BY)
    steps = len(plan.sizes) + 2
    done_before = 0

    def report(done: int, n: int) -> None:
        if on_progress is not None:
            on_progress(done_before + done, steps)

    drawings = [
        _Drawing(params=params, noise=noise, plan=plan, curve=curve, stages=stages, size=size)
        for size in plan.sizes
    ]
    drawn = pl.concat(run_all(_draw, drawings, executor=executor, on_progress=report))
    done_before = len(plan.sizes)
    chains = [
        _Chain(
            params=params,
            noise=noise,
            plan=plan,
            curve=curve,
            stages=stages,
            drawn=drawn,
            gini_std_error=given,
        )
        for given in (None, error)
    ]
    five, six = run_all(_ranges, chains, executor=executor, on_progress=report)
    return SignSets(
        ranges=pl.concat([five, six])
        .filter(~pl.col("is_bracket"))
        .drop("is_bracket")
        .sort("n_moments", "box", "size"),
        cloud=drawn,
        curve=_curve_frame(base, curve),
        threshold=_threshold_frame(five, plan),
        gini_std_error=error,
    )


def gini_error(params: Params, n_sampled: int) -> float:
    """Standard error of ΔGini of income in a random sample of people, each with income before and after AI."""
    economy = solve_economy(params)
    generator = np.random.default_rng(0)
    before, after = economy.before.income, economy.after.income
    changes = []
    for _ in range(_N_GINI_DRAWS):
        drawn = generator.integers(before.size, size=n_sampled)
        changes.append(gini(after[drawn]) - gini(before[drawn]))
    return float(np.std(changes, ddof=1))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Chain:
    """Ranges at all sizes, from the largest panel down: a smaller panel's set holds the larger one's."""

    params: Params
    noise: PanelNoise
    plan: SetPlan
    curve: Array
    stages: Stages
    drawn: pl.DataFrame
    gini_std_error: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Drawing:
    """The cloud at one size."""

    params: Params
    noise: PanelNoise
    plan: SetPlan
    curve: Array
    stages: Stages
    size: float


def _ranges(chain: _Chain) -> pl.DataFrame:
    name = f"ranges_{len(NAMES) - (chain.gini_std_error is None)}"
    return chain.stages.frame(name, lambda: _computed_ranges(chain))


def _computed_ranges(chain: _Chain) -> pl.DataFrame:
    """Ranges at the sizes of the plan, then at sizes that close in on the threshold (marked ``is_bracket``)."""
    ends: dict[str, dict[float, AdmissibleSet]] = {box: {} for box in chain.plan.boxes}
    rows = []
    for size in sorted(chain.plan.sizes, reverse=True):
        rows += _at_size(chain, size, ends, is_bracket=False)
    if chain.gini_std_error is None and chain.plan.has_threshold:
        for box in chain.plan.boxes:
            while (gap := _bracket(ends[box])) is not None and gap[1] / gap[0] > _SHARPEST:
                rows += _at_size(chain, float(np.sqrt(gap[0] * gap[1])), ends, is_bracket=True)
    return pl.DataFrame(rows)


def _bracket(found: dict[float, AdmissibleSet]) -> tuple[float, float] | None:
    """Largest size at which the set spans zero, and the next one; None if there is none."""
    spanning = [size for size, one in found.items() if one.spans_zero]
    below = max(spanning, default=None)
    beyond = [size for size in found if below is not None and size > below]
    return None if below is None or not beyond else (below, min(beyond))


def _at_size(
    chain: _Chain, size: float, ends: dict[str, dict[float, AdmissibleSet]], *, is_bracket: bool
) -> list[dict[str, object]]:
    """Ranges of all boxes, the narrow one first; ends of larger panels are members, those of smaller ones hints."""
    error = None if chain.gini_std_error is None else chain.gini_std_error / np.sqrt(size)
    rows = []
    for box in reversed(chain.plan.boxes):
        problem = _in_box(
            _problem(chain.params, chain.noise, size, chain.plan.n_workers, error), box
        )
        known = [one for inner in ends.values() for one in inner.values()]
        points = np.array(
            [
                chain.curve[0],
                chain.curve[-1],
                *[p for one in known for p in (one.lowest, one.highest)],
                *_drawn_ends(chain, problem, size),
            ]
        )
        own = problem.free.point(chain.params)
        inside = (
            (points >= problem.free.bounds[:, 0]) & (points <= problem.free.bounds[:, 1])
        ).all(axis=1)
        members = np.vstack([own, chain.curve if error is None else own[None], points[inside]])
        nearest = sorted(ends[box], key=lambda other: abs(np.log(other / size)))[:2]
        found = gini_range(problem, members, [ends[box][other] for other in nearest])
        ends[box][size] = found
        rows.append({**_row(problem, found, chain.noise, size, box), "is_bracket": is_bracket})
    return rows


def _drawn_ends(chain: _Chain, problem: MsmProblem, size: float) -> list[Array]:
    """Members of the clouds of this size and larger, inside the bounds, with the lowest and highest ΔGini."""
    rows = chain.drawn.filter(pl.col("size") >= size)
    points = [problem.free.transform(row) for row in rows.select(problem.free.names).iter_rows()]
    low, high = problem.free.bounds.T
    inside = [
        (value, place)
        for place, value in enumerate(rows["delta_gini_income"])
        if ((points[place] >= low) & (points[place] <= high)).all()
    ]
    return [points[place] for _, place in (min(inside), max(inside))] if inside else []


def _in_box(problem: MsmProblem, box: str) -> MsmProblem:
    """Restrict to the plausible ranges, widened to hold the truth."""
    if box == BOXES[0]:
        return problem
    own, limits = problem.free.point(problem.free.base), problem.free.plausible
    limits = np.column_stack([np.minimum(limits[:, 0], own), np.maximum(limits[:, 1], own)])
    return replace(problem, free=replace(problem.free, bounds=limits))


def _draw(job: _Drawing) -> pl.DataFrame:
    return job.stages.frame(f"cloud_{job.size:g}", lambda: _drawn(job))


def _drawn(job: _Drawing) -> pl.DataFrame:
    problem = _problem(job.params, job.noise, job.size, job.plan.n_workers, None)
    points, delta_gini = cloud(problem, job.curve, n_points=job.plan.n_points)
    values = np.array([problem.free.values(point) for point in points])
    columns = dict(zip(problem.free.names, values.T, strict=True))
    n_workers = job.size * job.noise.design.n_workers
    return pl.DataFrame({**columns, "delta_gini_income": delta_gini}).with_columns(
        size=pl.lit(float(job.size)), n_workers=pl.lit(float(n_workers))
    )


def _problem(
    params: Params, noise: PanelNoise, size: float, n_workers: int, gini_std_error: float | None
) -> MsmProblem:
    """m1 to m5 of the params with the panel's covariance; m6 too, if it has an error (independent of the panel)."""
    names = OF_PANEL if gini_std_error is None else NAMES
    covariance = np.zeros((len(names), len(names)))
    covariance[: len(OF_PANEL), : len(OF_PANEL)] = noise.at(size)
    if gini_std_error is not None:
        covariance[-1, -1] = gini_std_error**2
    target = make_target(
        model_moments(params, names, n_workers=n_workers),
        names,
        covariance=covariance,
        source="fitted model",
    )
    return _unchecked(target, params, n_workers)


def _unchecked(target: MomentTarget, params: Params, n_workers: int) -> MsmProblem:
    """Optimal weights with fewer moments than parameters: here the set is wanted, not a point."""
    fewer = make_problem(
        target, free_parameters(params, FREE[:1]), weight="optimal", n_workers=n_workers
    )
    return replace(fewer, free=free_parameters(params, FREE))


def _row(
    problem: MsmProblem, found: AdmissibleSet, noise: PanelNoise, size: float, box: str
) -> dict[str, object]:
    ends: dict[str, float] = {}
    for end, point in (("low", found.lowest), ("high", found.highest)):
        values = problem.free.values(point).tolist()
        ends |= {f"{name}_at_{end}": v for name, v in zip(problem.free.names, values, strict=True)}
    return {
        "size": float(size),
        "n_workers": float(size * noise.design.n_workers),
        "n_firms": float(size * noise.design.n_firms),
        "n_moments": len(problem.target.names),
        "box": box,
        "low": found.low,
        "high": found.high,
        "spans_zero": found.spans_zero,
        **ends,
    }


def _curve_frame(problem: MsmProblem, curve: Array) -> pl.DataFrame:
    values = np.array([problem.free.values(point) for point in curve])
    ginis = [
        model_moments(problem.free.params(point), ("m6",), n_workers=problem.n_workers)[0]
        for point in curve
    ]
    return pl.DataFrame(
        {**dict(zip(problem.free.names, values.T, strict=True)), "delta_gini_income": ginis}
    )


def _threshold_frame(ranges: pl.DataFrame, plan: SetPlan) -> pl.DataFrame:
    rows = []
    for box in plan.boxes:
        own = ranges.filter(pl.col("box") == box)
        below = own.filter("spans_zero")["n_workers"].max()
        above = (
            None if below is None else own.filter(pl.col("n_workers") > below)["n_workers"].min()
        )
        rows.append({"box": box, "n_workers_below": below, "n_workers_above": above})
    return pl.DataFrame(rows, schema=_THRESHOLD)
