"""The answer under nuisances that real panels show: how much larger the sample must be, and whether size is all it takes."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from scipy.special import ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.switches import SWITCHES, why_idle
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power.lab import Lab, Results, Visit
from withintask.tests_of_model.harness.power.search import Target
from withintask.tests_of_model.harness.power.space import LARGEST_PANEL, WORKERS_BY_FIRM
from withintask.tests_of_model.harness.power.surface import Features, fit_surface, needed
from withintask.tests_of_model.harness.rule import BIAS_SHARE

_SCALED = ("n_firms", "n_workers", "n_postings_by_occupation", "n_occupations")
"""Sizes that grow where a design must be larger; the first that varied."""
_MOST = 8.0
"""Largest multiple that is drawn."""
_ROUNDS = 3
"""Sizes that are drawn of each nuisance."""
_DRAWS = 4_000
_SLOPE, _SLOPE_SPREAD = 0.5, 0.15
_LEVEL_SPREAD = 1.5


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that happens in real panels."""

    name: str
    """Short name."""
    words: str
    """Goes on from "needs N workers; M ..."."""
    changes: Mapping[str, float]
    """Fields of a design."""
    source: str
    """Where the size is from."""


@dataclass(frozen=True, kw_only=True)
class Robust:
    """What a trouble does to the answer."""

    trouble: Trouble
    """The trouble."""
    axis: str
    """Size that grows."""
    size: float
    """Size with the power asked for; NaN where it does nothing or no size is enough."""
    low: float
    """Lower end of its 95 percent interval."""
    high: float
    """Upper end; infinite where more than was drawn may be needed."""
    workers: float
    """Workers of a design of that size."""
    power: float
    """Power at the winner's own size."""
    power_mc_se: float
    """Its Monte-Carlo error."""
    relative_bias: float
    """Bias at the winner's own size, over the truth."""
    relative_bias_mc_se: float
    """Its Monte-Carlo error."""
    n: int
    """Replicates, all sizes."""
    idle: str = ""
    """Why it changes nothing here; empty if it may."""

    @property
    def is_biased(self) -> bool:
        """Whether bias is shown to be beyond what is tolerated, so that no size is enough."""
        z = float(ndtri(1 - LEVEL / 2))
        return abs(self.relative_bias) - z * self.relative_bias_mc_se > BIAS_SHARE


@cache
def load_troubles() -> tuple[Trouble, ...]:
    """Return the troubles that are tried, from ``nuisances.toml``."""
    text = (
        files("withintask.tests_of_model.harness.power")
        .joinpath("nuisances.toml")
        .read_text("utf-8")
    )
    return tuple(
        Trouble(
            name=name,
            words=entry["words"],
            changes=entry["set"],
            source=entry["source"],
        )
        for name, entry in tomllib.loads(text).items()
    )


def robustness(
    design: Design, axes: Sequence[str], lab: Lab, target: Target, *, seed: int, n: int
) -> tuple[Robust, ...]:
    """Find the size with the power asked for under each trouble, all else as in a design.

    Parameters
    ----------
    design
        The winner of a search.
    axes
        What it varied.
    lab
        Where replicates come from.
    target
        What the design must do.
    seed
        Seed; not that of the search.
    n
        Replicates a size.
    """
    axis = _scaled_axis(axes)
    return tuple(
        _idle(trouble, axis, reason)
        if (reason := _why_idle(trouble, design))
        else _sized(trouble, design, axis, lab, target, seed, n)
        for trouble in load_troubles()
    )


def resized(design: Design, axis: str, size: float) -> Design:
    """Return a design with another number of an axis; workers grow with firms, and firms with workers."""
    whole = max(1, round(size))
    factor = whole / getattr(design, axis)
    changes: dict[str, object] = {axis: whole}
    if axis == "n_firms":
        changes["n_workers"] = whole * round(design.n_workers / design.n_firms)
    if axis == "n_workers":
        changes["n_firms"] = max(1, round(design.n_firms * factor))
    return change_design(design, **changes, name=f"{design.name}[{axis}={whole}]")


def _scaled_axis(axes: Sequence[str]) -> str:
    plain = ["n_firms" if name == WORKERS_BY_FIRM else name for name in axes]
    return next((name for name in _SCALED if name in plain), "n_workers")


def _why_idle(trouble: Trouble, design: Design) -> str:
    if all(getattr(design, name) == value for name, value in trouble.changes.items()):
        return "the design has it already"
    try:
        changed = change_design(design, **trouble.changes)
    except ParameterError as error:
        return str(error)
    if {"output_noise", "noise_persistence"} & set(trouble.changes) and not design.has_outputs:
        return "the design has no outputs"
    by_name = {switch.name: switch for switch in SWITCHES}
    reasons = [why_idle(by_name[name], changed) for name in trouble.changes if name in by_name]
    return next(filter(None, reasons), "")


def _idle(trouble: Trouble, axis: str, reason: str) -> Robust:
    nan = math.nan
    return Robust(
        trouble=trouble, axis=axis, size=nan, low=nan, high=nan, workers=nan, power=nan,
        power_mc_se=nan, relative_bias=nan, relative_bias_mc_se=nan, n=0, idle=reason,
    )  # fmt: skip


def _sized(
    trouble: Trouble, design: Design, axis: str, lab: Lab, target: Target, seed: int, n: int
) -> Robust:
    own = float(getattr(design, axis))
    largest = own * min(_MOST, max(1.0, LARGEST_PANEL / _rows(design)))
    sizes: list[float] = []
    results: list[Results] = []
    size = own
    for _ in range(_ROUNDS):
        visit = Visit(
            design=resized(design, axis, size),
            first=0,
            last=n,
            seed=seed + len(sizes),
            nuisances=tuple(trouble.changes.items()),
        )
        results += lab([visit], f"robust: {trouble.name}")
        sizes.append(float(max(1, round(size))))
        hits = np.array([float(r.rejects(target.together).sum()) for r in results])
        size, low, high = crossing(
            np.array(sizes), hits, np.array([float(r.n) for r in results]), own, target.goal
        )
        size = min(size, largest)
    power = hits[0] / results[0].n
    bias, error = _bias(results[0])
    return Robust(
        trouble=trouble,
        axis=axis,
        size=size if size < largest else math.inf,
        low=low,
        high=high if high < largest else math.inf,
        workers=math.ceil(size) * design.n_workers / own,
        power=float(power),
        power_mc_se=math.sqrt(power * (1 - power) / results[0].n),
        relative_bias=bias,
        relative_bias_mc_se=error,
        n=n * _ROUNDS,
    )


def _rows(design: Design) -> float:
    return float(
        design.n_workers
        * max(1, design.n_tasks_by_worker)
        * design.n_rows_by_task
        * design.n_periods
    )


def crossing(
    sizes: Array, hits: Array, trials: Array, centre: float, goal: float
) -> tuple[float, float, float]:
    """Size at which power reaches a goal, with a 95 percent interval, from the surface along one size.

    Parameters
    ----------
    sizes, hits, trials
        Sizes drawn, studies that succeeded, replicates, (visit,).
    centre
        Size around which the level's prior is centred, at the goal.
    goal
        Power.
    """
    x = np.log(sizes / centre)
    features = Features(
        X=np.column_stack([np.ones(x.size), x]),
        mean=np.array([needed(goal), _SLOPE]),
        spread=np.array([_LEVEL_SPREAD, _SLOPE_SPREAD]),
        names=("level", "size"),
    )
    surface = fit_surface(features, np.arange(x.size), hits, trials)
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(surface.covariance)
    draws = surface.coef + rng.standard_normal((_DRAWS, 2)) @ root.T
    slope = np.maximum(draws[:, 1], 1e-3)
    logs = (needed(goal) - draws[:, 0]) / slope
    middle = (needed(goal) - surface.coef[0]) / max(surface.coef[1], 1e-3)
    low, high = np.quantile(logs, [LEVEL / 2, 1 - LEVEL / 2])
    with np.errstate(over="ignore"):
        return (
            float(centre * np.exp(middle)),
            float(centre * np.exp(low)),
            float(centre * np.exp(high)),
        )


def _bias(results: Results) -> tuple[float, float]:
    """Largest bias of the terms, over the truth, and its error."""
    worst = (0.0, math.nan)
    for truth, row in zip(results.truth, results.estimate, strict=True):
        x = row[np.isfinite(row)]
        if x.size > 1 and truth:
            found = (
                float((x.mean() - truth) / abs(truth)),
                float(x.std(ddof=1) / math.sqrt(x.size) / abs(truth)),
            )
            worst = max(worst, found, key=lambda pair: abs(pair[0]))
    return worst
