"""What a pilot leaves open: its figures drawn anew by resampling its firms or workers, to be carried into the power."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from withintask.panel.panel import Panel
from withintask.panel.transform import eager
from withintask.sim.design import Design
from withintask.sim.design_fields import field_meaning, field_unit
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.pilot import calibrate, taken

_ENOUGH_FIRMS = 10
"""Firms from which on they, not workers, are drawn anew."""
_OPEN = (
    "output_noise",
    "noise_persistence",
    "ai_noise_ratio",
    "rater_noise",
    "ability_noise",
    "mobility",
)
"""Fields whose value a pilot leaves open; sizes and kinds are as it has them."""


@dataclass(frozen=True, kw_only=True)
class PilotFigure:
    """One field of the design that a pilot gives."""

    name: str
    """Field."""
    value: object
    """As estimated."""
    std_error: float
    """Spread of the draws; NaN where it is not open."""
    low: float
    """Lower end of the middle 95 percent of the draws."""
    high: float
    """Upper end."""
    unit: str
    """Unit."""
    meaning: str
    """One line."""


@dataclass(frozen=True, kw_only=True)
class PilotFigures:
    """What a pilot gives, and draws of what it leaves open."""

    figures: tuple[PilotFigure, ...]
    """One a field."""
    draws: tuple[tuple[tuple[str, float | int], ...], ...]
    """Fields and values, one a draw."""
    unit: str
    """What was drawn anew: firms or workers."""
    n_units: int
    """Of these in the pilot."""


def pilot_figures(
    design: Design, pilot: Panel, *, held: frozenset[str], seed: int, n: int = 60
) -> PilotFigures:
    """Take from a pilot what it shows, and how sure that is.

    Parameters
    ----------
    design
        The design to be powered.
    pilot
        A panel.
    held
        Fields that the pilot does not decide.
    seed
        Seed of the draws.
    n
        Draws.

    Notes
    -----
    A bootstrap over firms where there are ten or more, else over workers; each draw is calibrated as the pilot is.
    """
    shown = _kept(taken(design, calibrate(design, pilot)), held)
    unit, ids = _units(pilot)
    rng = np.random.default_rng(seed)
    samples = [taken(design, calibrate(design, resampled(pilot, unit, ids, rng))) for _ in range(n)]
    open_fields = [name for name in _OPEN if name in shown]
    drawn = {
        name: np.array([float(s.get(name, getattr(design, name))) for s in samples])  # type: ignore[arg-type]
        for name in open_fields
    }
    return PilotFigures(
        figures=tuple(_figure(name, value, drawn) for name, value in shown.items()),
        draws=tuple(
            tuple((name, float(values[k])) for name, values in drawn.items()) for k in range(n)
        )
        if drawn
        else (),
        unit=unit.removesuffix("_id") + "s",
        n_units=ids.len(),
    )


def resampled(panel: Panel, unit: str, ids: pl.Series, rng: np.random.Generator) -> Panel:
    """Return a panel of as many firms or workers, drawn with replacement; each time one is drawn it is another."""
    drawn = pl.DataFrame({unit: ids.gather(rng.integers(0, ids.len(), ids.len()))})
    drawn = drawn.with_columns(copy=pl.int_range(pl.len()).over(unit))
    of_worker = _of_worker(panel, unit, drawn)
    changed: dict[str, Any] = {
        name: _copies(eager(frame), unit, drawn, of_worker)
        for name in ("outputs", "workers", "pay", "abilities")
        if (frame := getattr(panel, name)) is not None
    }
    return replace(panel, **changed)


def _units(pilot: Panel) -> tuple[str, pl.Series]:
    """Column of the units that are drawn, and their ids."""
    frame = eager(pilot.outputs if pilot.outputs is not None else pilot.pay)  # type: ignore[arg-type]
    if (
        pilot.outputs is not None
        and "firm_id" in frame.columns
        and frame["firm_id"].n_unique() >= _ENOUGH_FIRMS
    ):
        return "firm_id", frame["firm_id"].drop_nulls().unique().sort()
    return "worker_id", frame["worker_id"].unique().sort()


def _of_worker(panel: Panel, unit: str, drawn: pl.DataFrame) -> pl.DataFrame:
    """Workers that go with the units drawn, and the number of the copy."""
    if unit == "worker_id":
        return drawn
    main = panel.outputs if panel.outputs is not None else panel.pay
    pairs = eager(main).select("worker_id", unit).unique()  # type: ignore[arg-type]
    return pairs.join(drawn, on=unit).select("worker_id", "copy").unique()


def _copies(
    frame: pl.DataFrame, unit: str, drawn: pl.DataFrame, of_worker: pl.DataFrame
) -> pl.DataFrame:
    if "worker_id" not in frame.columns:
        return frame
    key, units = (unit, drawn) if unit in frame.columns else ("worker_id", of_worker)
    renamed = ["worker_id", *(["firm_id"] if unit == "firm_id" else []), *_own_items(frame)]
    named = [
        pl.format("{}#{}", pl.col(name), pl.col("copy")).alias(name)
        for name in renamed
        if name in frame.columns
    ]
    return frame.join(units, on=key).with_columns(named).drop("copy")


def _own_items(frame: pl.DataFrame) -> list[str]:
    """The column of items, if most are done by one worker: a worker's copy then has copies of them."""
    if "item_id" not in frame.columns:
        return []
    workers = frame.group_by("task_id", "period", "item_id").agg(pl.col("worker_id").n_unique())
    return ["item_id"] if workers["worker_id"].median() == 1 else []


def _kept(shown: Mapping[str, object], held: frozenset[str]) -> dict[str, object]:
    return {name: value for name, value in shown.items() if name not in held}


def _figure(name: str, value: object, drawn: Mapping[str, np.ndarray]) -> PilotFigure:
    values = drawn.get(name)
    low, high = (
        (float("nan"),) * 2 if values is None else np.quantile(values, [LEVEL / 2, 1 - LEVEL / 2])
    )
    return PilotFigure(
        name=name,
        value=value,
        std_error=float("nan") if values is None else float(values.std(ddof=1)),
        low=float(low),
        high=float(high),
        unit=field_unit(name),
        meaning=field_meaning(name),
    )
