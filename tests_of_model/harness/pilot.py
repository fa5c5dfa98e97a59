"""A design takes from a pilot panel what the pilot shows."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.panel import Panel
from withintask.panel.transform import eager
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.tests_of_model.regression.grouping import compact_codes, encode, group_sums
from withintask.tests_of_model.samples.item_rows import UNKNOWN, ItemRows, item_rows

_MOST_PERSISTENT = 0.95
"""Persistence beyond which noise and ability are not told apart."""


def calibrate(design: Design, pilot: Panel) -> Design:
    """Take from a pilot panel what it shows of items, noise, ability tests, firm sizes and mobility.

    Parameters
    ----------
    design
        The design to be powered.
    pilot
        A panel with outputs or pay.

    Returns
    -------
    Design
        With what the pilot shows of: ``outcome`` and its limits; ``n_items``, ``is_item_shared`` and ``n_raters`` of a
        cell; ``output_noise`` and ``noise_persistence`` from a worker's neighbouring items without AI (from periods
        before AI where a cell has one row), ``ai_noise_ratio`` from those with it, ``rater_noise`` from an item's
        raters; ``ability_noise`` from two measurements; ``n_firms`` from workers per firm; ``mobility`` from changes of
        firm. :func:`taken` lists them.

    Notes
    -----
    Half the mean square of the difference of items l places apart is σ²(1 - r^l): two of these give noise σ and
    persistence r, free of ability. Counts are taken over the mean of their task and period: what their differences have
    beyond a Poisson's variance is noise, ln(1 + CV²) in log points. Noise of scores is in points over the design's
    ``score_slope``. That of single answers, 0 or 1, is not told from chance and stays as it is.
    """
    changes: dict[str, object] = {}
    if pilot.outputs is not None:
        rows = item_rows(pilot)
        changes |= _outcome(pilot, rows) | _sizes(rows) | _noise(rows, _points(design, pilot))
        changes |= _firms(design, eager(pilot.outputs))
    if pilot.workers is not None:
        changes |= _ability(eager(pilot.workers))
    if pilot.pay is not None and "firm_id" in eager(pilot.pay).columns:
        changes |= _from_pay(eager(pilot.pay))
    return replace(change_design(design, **changes), name=design.name)


def taken(design: Design, calibrated: Design) -> dict[str, object]:
    """Name the fields in which a calibrated design differs, and their values."""
    values = {
        field.name: getattr(calibrated, field.name)
        for field in fields(Design)
        if field.name != "columns"
    }
    return {name: value for name, value in values.items() if value != getattr(design, name)}


def as_design_file(like: str, values: Mapping[str, object]) -> str:
    """Write changes of a design as a file that states them, for use wherever a design is named."""
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in values.items()}
    lines = [f"{name} = {json.dumps(value)}" for name, value in {"like": like, **rounded}.items()]
    return "\n".join(lines) + "\n"


def _outcome(pilot: Panel, rows: ItemRows) -> dict[str, object]:
    info = pilot.info
    shown: dict[str, object] = {"outcome": rows.kind}
    if rows.kind == "count":
        shown["count_mean"] = float(rows.value[rows.is_known].mean())
    if rows.kind == "score" and info.outcome_floor is not None and info.outcome_ceiling is not None:
        shown |= {"score_floor": info.outcome_floor, "score_ceiling": info.outcome_ceiling}
    return shown


def _sizes(rows: ItemRows) -> dict[str, object]:
    """Items of a cell and raters of an item, medians; whether most items are done by several workers."""
    by_item = encode(rows.worker, rows.item)
    n_raters = np.bincount(by_item)
    n_rows = np.bincount(encode(rows.worker, rows.task, rows.period, rows.arm))
    first = np.unique(by_item, return_index=True)[1]
    raters = int(np.median(n_raters)) if rows.has_raters else 1
    return {
        "n_items": max(1, round(float(np.median(n_rows)) / raters)),
        "n_raters": raters,
        "is_item_shared": bool(rows.has_items and np.median(np.bincount(rows.item[first])) > 1),
    }


def _points(design: Design, pilot: Panel) -> float:
    """Log points of output for a unit of the analysed value: of a score, its range over the points of a log point."""
    floor, ceiling = pilot.info.outcome_floor, pilot.info.outcome_ceiling
    if pilot.info.outcome_kind != "score":
        return 1.0
    span = ceiling - floor if floor is not None and ceiling is not None else 1.0
    return span / design.score_slope


def _noise(rows: ItemRows, points: float) -> dict[str, object]:
    """Noise in log points; none of answers."""
    known = rows.take(rows.is_known & (np.abs(rows.value) < math.inf))
    if rows.kind == "binary" or not known.value.size:
        return {}
    items, shown = _Items.of(replace(known, value=points * known.value)), {}
    if known.has_raters and not math.isnan(items.rater_variance):
        shown["rater_noise"] = math.sqrt(items.rater_variance)
    near, far = (items.variance(lag, items.arm == 0) for lag in (1, 2))
    if math.isnan(near):
        return {**shown, **_noise_over_periods(items)}
    persistence = 0.0
    if known.has_order and not math.isnan(far) and near > 0:
        persistence = min(max(far / near - 1, 0.0), _MOST_PERSISTENT)
    shown |= {"noise_persistence": persistence, "output_noise": math.sqrt(near / (1 - persistence))}
    with_ai = items.variance(1, items.arm > 0)
    if near > 0 and not math.isnan(with_ai):
        shown["ai_noise_ratio"] = math.sqrt(with_ai / near)
    return dict(shown)


def _noise_over_periods(items: "_Items") -> dict[str, float]:
    """Noise from one worker's outputs on one task in several periods before AI; none of counts."""
    if items.is_count:
        return {}
    before = ~items.is_post
    cell = encode(items.worker[before], items.task[before])
    variance = _within_variance(cell, items.value[before])
    return {} if math.isnan(variance) else {"output_noise": math.sqrt(variance)}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Items:
    """Items of workers, raters averaged and means of tasks taken out, sorted by cell and order of work."""

    worker: Codes
    task: Codes
    arm: Codes
    is_post: Flags
    cell: Codes
    """Worker, task, period and arm."""
    position: Codes
    value: Array
    rater_variance: float
    """Variance of an item's ratings around their mean; NaN if none is rated twice."""
    raters: float
    """Raters of an item."""
    chance: Array
    """Variance that a Poisson of the same mean would have; 0 but for counts."""
    is_count: bool
    """Whether values are counts over their mean, whose variance is a squared coefficient of variation."""

    @classmethod
    def of(cls, rows: ItemRows) -> "_Items":
        """Prepare known rows; where workers share items, an item's mean is taken out with its difficulty."""
        by_item = encode(rows.worker, rows.item)
        count = np.bincount(by_item)
        first = np.unique(by_item, return_index=True)[1]
        value = group_sums(by_item, rows.value) / count
        kept = {
            name: getattr(rows, name)[first]
            for name in ("worker", "task", "arm", "period", "item", "position", "is_post")
        }
        is_shared = np.median(np.bincount(compact_codes(kept["item"]))) > 1
        unit = kept["item"] if is_shared else encode(kept["task"], kept["period"])
        removed = encode(unit, kept["arm"])
        mean = (group_sums(removed, value) / np.bincount(removed))[removed]
        is_count, over = rows.kind == "count", np.where(mean > 0, mean, 1.0)
        chance = value / over**2 if is_count else np.zeros_like(value)
        value = (value - mean) / over if is_count else value - mean
        cell = encode(kept["worker"], kept["task"], kept["period"], kept["arm"])
        order = np.lexsort((kept["position"], cell))
        named = ("worker", "task", "arm", "position", "is_post")
        return cls(
            **{name: kept[name][order] for name in named},
            cell=cell[order],
            value=value[order],
            chance=chance[order],
            is_count=is_count,
            rater_variance=_within_variance(by_item, rows.value),
            raters=float(count.mean()),
        )

    def variance(self, lag: int, chosen: Flags) -> float:
        """Half the mean square of the difference of items some places apart, raters' noise off; NaN if there are none."""
        is_pair = (self.cell[lag:] == self.cell[:-lag]) & chosen[lag:] & (self.arm[lag:] != UNKNOWN)
        if not is_pair.any():
            return math.nan
        later, earlier = self.value[lag:][is_pair], self.value[:-lag][is_pair]
        half_square = ((later - earlier) ** 2).mean() / 2
        of_raters = 0.0 if math.isnan(self.rater_variance) else self.rater_variance / self.raters
        if not self.is_count:
            return max(float(half_square) - of_raters, 0.0)
        chance = (self.chance[lag:][is_pair] + self.chance[:-lag][is_pair]).mean() / 2
        # What a worker's rate varies by multiplies noise: E λ² is 1 and the product of a cell's items.
        rate_square = 1 + max(float((later * earlier).mean()), 0.0)
        return math.log1p(max(float(half_square - chance), 0.0) / rate_square)


def _within_variance(group: Codes, value: Array) -> float:
    """Pooled variance within groups; NaN if no group has two values."""
    if not value.size:
        return math.nan
    count = np.bincount(group)
    left = value - (group_sums(group, value) / np.maximum(count, 1))[group]
    freedom = int((count[count > 0] - 1).sum())
    return float((left**2).sum() / freedom) if freedom else math.nan


def _firms(design: Design, frame: pl.DataFrame) -> dict[str, object]:
    if "firm_id" not in frame.columns or frame["firm_id"].n_unique() == 1:
        return {}
    by_firm = frame["worker_id"].n_unique() / frame["firm_id"].n_unique()
    return {"n_firms": max(1, round(design.n_workers / by_firm))}


def _ability(frame: pl.DataFrame) -> dict[str, object]:
    """Noise of a measurement: what two of them do not share."""
    if not {"ability_log", "ability_retest_log"} <= set(frame.columns):
        return {}
    both = frame.select("ability_log", "ability_retest_log").drop_nulls()
    gap = (both["ability_log"] - both["ability_retest_log"]).var() if both.height > 1 else None
    return {} if gap is None else {"ability_noise": math.sqrt(float(gap) / 2)}  # type: ignore[arg-type]


def _from_pay(frame: pl.DataFrame) -> dict[str, object]:
    moved = (
        frame.sort("worker_id", "period")
        .with_columns(is_move=(pl.col("firm_id") != pl.col("firm_id").shift(1).over("worker_id")))
        .get_column("is_move")
        .drop_nulls()
    )
    return {"mobility": float(moved.mean())} if moved.len() else {}  # type: ignore[arg-type]
