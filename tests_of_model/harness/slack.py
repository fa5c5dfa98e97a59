"""How far a cell is from its limits at one size of a nuisance, as the change from what it is without it.

The base is the cell without the nuisance, over all its replicates; what a size does is the change on the replicates that
both have, whose shocks are the same. So a few replicates a size serve: the change of a figure has a far smaller error than
the figure.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.sim.worlds import NO_AI, REFERENCE
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.hypotheses.hypothesis import OK

WORLDS = (REFERENCE, NO_AI)
"""Worlds in which a nuisance is turned on."""
BENEFIT = 1.0
"""Monte-Carlo errors by which a base figure may be beyond its limit and count as at it."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What one size does to a cell."""

    share: float
    """Size, as a share of the range."""
    slack: float
    """Distance of the worst figure from its limit: 1 where it should be, 0 at the limit, negative beyond."""
    slack_mc_se: float
    """Its Monte-Carlo error."""
    figure: str
    """The worst figure."""
    world: str
    """Where it is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Series:
    """What each replicate says, (replicate,)."""

    error: Array
    """Estimate less truth, NaN where failed."""
    covers: Array
    """1 or 0."""
    rejects: Array
    """1 or 0."""


def visit(share: float, here: pl.DataFrame, base: pl.DataFrame) -> Visit:
    """Say how far a cell is from its limits.

    Parameters
    ----------
    share
        Size of the nuisance, as a share of its range.
    here
        Replicates of one estimator and term at that size, in the reference world and without AI.
    base
        The same without the nuisance, of the same replicates and more.
    """
    truth = base.filter(world=REFERENCE)["truth"]
    margin = rule.BIAS_SHARE * abs(float(truth[0])) if truth.len() else math.nan
    found = [slack for world in WORLDS for slack in _slacks(here, base, world, margin)]
    slack, error, figure, world = min(found, key=lambda s: s[0])
    return Visit(share=share, slack=slack, slack_mc_se=error, figure=figure, world=world)


_Slack = tuple[float, float, str, str]


def _slacks(here: pl.DataFrame, base: pl.DataFrame, world: str, margin: float) -> Iterator[_Slack]:
    names = ["replicate", "truth", "estimate", "conf_low", "conf_high", "p_value", "status"]
    of_here, of_base = (part.filter(world=world).select(names) for part in (here, base))
    pair = of_here.join(of_base, on="replicate", suffix="_base")
    at, was, whole = _series(pair), _series(pair, "_base"), _series(of_base)
    figure, limit, ideal = ("size", rule.SIZE_LIMIT, LEVEL) if world == NO_AI else _POWER
    has_truth = not pair["truth"].is_nan().any()
    is_known = np.isfinite(at.error).sum() > pair.height / 2 and margin > 0
    if has_truth and not is_known:
        yield -1.0, 0.0, "estimates", world
        return
    yield _share_slack(at.rejects, was.rejects, whole.rejects, limit, ideal, figure, world)
    if not has_truth:
        return
    bias, error = _changed(at.error, was.error, whole.error)
    yield 1 - abs(bias) / margin, error / margin, "bias", world
    yield _share_slack(
        at.covers, was.covers, whole.covers, rule.COVERAGE_LIMIT, 1 - LEVEL, "coverage", world
    )


_POWER = ("power", rule.POWER_GOAL, 1.0)


def _share_slack(
    at: Array, was: Array, whole: Array, limit: float, ideal: float, name: str, world: str
) -> _Slack:
    """Slack of a share; a base that is beyond its limit by chance counts as at it."""
    scale = ideal - limit
    share = float(whole.mean())
    base_error = math.sqrt(max(share * (1 - share), limit * (1 - limit)) / whole.size)
    base = (share - limit) / scale
    if -BENEFIT * base_error / abs(scale) < base <= 0:
        base = base_error / abs(scale)
    change = at - was
    error = math.hypot(base_error, float(change.std()) / math.sqrt(change.size)) / abs(scale)
    return base + float(change.mean()) / scale, error, name, world


def _changed(at: Array, was: Array, whole: Array) -> tuple[float, float]:
    """Mean of the whole moved by the mean change, and its Monte-Carlo error."""
    change = at - was
    change = change[np.isfinite(change)]
    usable = whole[np.isfinite(whole)]
    if not change.size or not usable.size:
        return math.inf, 0.0
    error = math.hypot(
        float(usable.std()) / math.sqrt(usable.size), float(change.std()) / math.sqrt(change.size)
    )
    return float(usable.mean() + change.mean()), error


def _series(rows: pl.DataFrame, suffix: str = "") -> _Series:
    def column(name: str) -> Array:
        return rows[f"{name}{suffix}"].cast(pl.Float64).fill_null(np.nan).to_numpy()

    is_usable = (rows[f"status{suffix}"] == OK).to_numpy()
    truth, low, high = column("truth"), column("conf_low"), column("conf_high")
    return _Series(
        error=np.where(is_usable, column("estimate") - truth, np.nan),
        covers=(is_usable & (low <= truth) & (truth <= high)).astype(float),
        rejects=(is_usable & (column("p_value") < LEVEL)).astype(float),
    )
