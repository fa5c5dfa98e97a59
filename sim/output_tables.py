"""From simulated outputs to the table of them: one row a worker, task, period, item and rater."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.transform import in_order
from withintask.sim import equations as eq
from withintask.sim.access import Use
from withintask.sim.block import Block
from withintask.sim.design import Design
from withintask.sim.ids import Numbering, number_ids, repeat_ids, take_ids, tile_ids
from withintask.sim.measurement import Limits
from withintask.sim.moves import has_movers
from withintask.sim.rollout import draw_of_period
from withintask.sim.sample import Sample, worker_firm, worker_occupation, worker_team

UNITS = {
    "positive": "model output",
    "time": "model time",
    "count": "items",
    "binary": "success",
    "score": "points",
    "log": "log model output",
}
"""Unit of each kind of outcome."""
ARMS = pl.Series(["control", "ai", None])
"""Arms of a trial, and rows that are in none."""
_LARGEST_KEPT = 2**20
"""Rows up to which the columns shared by replicates are kept in memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputArrays:
    """What the outputs table is made of."""

    output: Array
    """What is recorded, (worker, task, period, item, rater)."""
    use: Use
    """Access to AI and its use."""
    is_kept: Flags | None
    """Cells that are observed, (worker, task, period); None for all."""
    rating_limits: Limits
    """Lowest and highest value that can be recorded."""


def outputs(block: Block, arrays: OutputArrays) -> pl.DataFrame:
    """Outputs in worker, task, period, item, rater order, with the columns that the design shows.

    In a repeated cross-section a worker is one per period and task, so that ids link nothing.
    """
    design, sample = block.design, block.sample
    columns = {
        name: column
        for name, column in _keys(design, sample, block.number).items()
        if design.shows("outputs", name)
    }
    shape = arrays.output.shape
    if has_movers(design) and "firm_id" in columns:
        firm = _by_row(block.firm[:, None, :, None], shape)
        columns["firm_id"] = take_ids(block.number("f", design.n_firms, 0), firm)
    columns["output"] = pl.Series(np.ascontiguousarray(arrays.output).ravel())
    columns |= dict(_columns_of_use(design, sample, arrays.use, shape))
    if design.shows("outputs", "weight"):
        columns["weight"] = pl.Series(_by_row(_weight(block), shape))
    for name, limit in zip(("rating_floor", "rating_ceiling"), arrays.rating_limits, strict=True):
        if design.shows("outputs", name):
            value = pl.Series([limit], dtype=pl.Float64)
            columns[name] = value.new_from_index(0, arrays.output.size)
    frame = pl.DataFrame([column.alias(name) for name, column in columns.items()])
    if arrays.is_kept is None:
        return frame
    return frame.filter(pl.Series(np.repeat(arrays.is_kept.ravel(), design.n_rows_by_task)))


def _weight(block: Block) -> Array:
    """One over the chance to be sampled, (worker, 1, period, 1)."""
    return 1 / (1 - eq.loss_probability(block.design.undersampling, block.score))


def _columns_of_use(
    design: Design, sample: Sample, use: Use, shape: tuple[int, ...]
) -> Iterator[tuple[str, pl.Series]]:
    """Columns that say who had AI, and how that was assigned."""
    if design.shows("outputs", "ai_access"):
        yield "ai_access", pl.Series(_by_row(use.has_access, shape))
    if design.shows("outputs", "ai_use"):
        yield "ai_use", pl.Series(_by_row(use.is_recorded.astype(np.float64), shape))
    if design.shows("outputs", "arm"):
        yield "arm", ARMS.gather(_by_row(_arm(design, sample, use), shape))


def _arm(design: Design, sample: Sample, use: Use) -> Codes:
    """Position of each row's arm in ARMS; none where nothing is randomized, nor of items before AI's arrival."""
    if not design.is_trial:
        return np.full((1, 1, 1, 1), ARMS.len() - 1)
    if design.treatment == "randomized_items":
        is_post = (np.arange(design.n_periods) >= design.n_pre)[:, None]
        return np.where(is_post, use.is_treated.astype(np.int64), ARMS.len() - 1)
    return sample.is_treated[:, draw_of_period(design)][:, None, :, None].astype(np.int64)


def _by_row(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Repeat (worker, task, period, item) over axes of length 1 and over raters, in row order."""
    n_workers, n_tasks, n_periods, n_items, n_raters = shape
    if values.shape == (n_workers, 1, n_periods, 1):
        # Copies of whole rows, several times faster than broadcasting over the short last axes.
        by_period = np.repeat(values.reshape(n_workers, n_periods), n_items * n_raters, axis=1)
        return np.repeat(by_period, n_tasks, axis=0).ravel()
    return np.broadcast_to(values[..., None], shape).ravel()


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What the keys of the outputs of a block of workers depend on."""

    n_workers: int
    first_worker: int
    n_workers_of_panel: int
    n_firms: int
    n_occupations: int
    n_occupations_by_firm: int
    n_tasks: int
    n_periods: int
    n_items: int
    n_raters: int
    is_common: bool
    is_linked: bool
    is_item_shared: bool
    treatment: str
    unit: str
    names: tuple[str, ...]
    number: Numbering

    @property
    def by_task(self) -> int:
        return self.n_items * self.n_raters

    @property
    def by_worker(self) -> int:
        return self.n_tasks * self.n_periods * self.by_task

    @property
    def n_rows(self) -> int:
        return self.n_workers * self.by_worker


def _keys(design: Design, sample: Sample, number: Numbering) -> Mapping[str, pl.Series]:
    """Columns of the outputs that are the same in every replicate; kept where they are small."""
    rows = _Rows(
        n_workers=sample.worker.size,
        first_worker=int(sample.worker[0]),
        n_workers_of_panel=design.n_workers,
        n_firms=design.n_firms,
        n_occupations=design.n_occupations,
        n_occupations_by_firm=design.n_occupations_by_firm,
        n_tasks=design.n_tasks_by_worker,
        n_periods=design.n_periods,
        n_items=design.n_items,
        n_raters=design.n_raters,
        is_common=design.task_sampling == "cells",
        is_linked=not design.is_repeated_cross_section,
        is_item_shared=design.is_item_shared,
        treatment=design.treatment,
        unit=UNITS[design.outcome],
        names=design.columns["outputs"],
        number=number,
    )
    is_small = rows.n_rows <= _LARGEST_KEPT
    is_whole = rows.n_workers == rows.n_workers_of_panel
    of_workers = (_kept_own_keys if is_small and is_whole else _own_keys)(rows)
    # Not of these workers: blocks of the same size share them.
    of_any = (_kept_common_keys if is_small else _common_keys)(replace(rows, first_worker=0))
    return {**of_any, **of_workers}


def _own_keys(rows: _Rows) -> Mapping[str, pl.Series]:
    """Keys that say which workers these are."""
    worker = np.arange(rows.first_worker, rows.first_worker + rows.n_workers)
    firm = worker_firm(worker, rows.n_firms, rows.n_workers_of_panel)
    makers: dict[str, Callable[[], pl.Series]] = {
        "worker_id": lambda: _worker_ids(rows),
        "firm_id": lambda: _firm_ids(rows, firm),
        "assignment_id": lambda: _assignment_ids(rows, firm),
        "stratum_id": lambda: _stratum_ids(rows, worker, firm),
    }
    if not rows.is_common:
        makers["task_id"] = lambda: _occupation_task_ids(rows, worker, firm)
    if not rows.is_item_shared or not rows.is_common:
        makers["item_id"] = lambda: _item_ids(rows, worker, firm)
    return {name: make() for name, make in makers.items() if name in rows.names}


def _common_keys(rows: _Rows) -> Mapping[str, pl.Series]:
    """Keys that are the same for any so many workers; tasks and items where all have the same."""
    by_cell, n_cells = rows.by_task, rows.n_workers * rows.n_tasks
    makers: dict[str, Callable[[], pl.Series]] = {
        "task_id": lambda: tile_ids(
            repeat_ids(rows.number("t", rows.n_tasks, 0), rows.n_periods * by_cell), rows.n_workers
        ),
        "period": lambda: pl.Series(np.tile(np.arange(rows.n_periods).repeat(by_cell), n_cells)),
        "item_id": lambda: tile_ids(
            repeat_ids(rows.number("k", rows.by_worker // rows.n_raters, 0), rows.n_raters),
            rows.n_workers,
        ),
        "rater_id": lambda: tile_ids(
            rows.number("v", rows.n_raters, 0), rows.n_rows // rows.n_raters
        ),
        "sequence": lambda: pl.Series(np.tile(_sequence(rows), rows.n_workers)),
        "unit": lambda: _unit(rows).new_from_index(0, rows.n_rows),
    }
    return {name: make() for name, make in makers.items() if name in rows.names}


_kept_own_keys = lru_cache(maxsize=8)(_own_keys)
_kept_common_keys = lru_cache(maxsize=8)(_common_keys)


def _worker_ids(rows: _Rows) -> pl.Series:
    """The worker, or in a repeated cross-section one for each task and period."""
    if rows.is_linked:
        return repeat_ids(rows.number("w", rows.n_workers, rows.first_worker), rows.by_worker)
    by_worker = rows.by_worker // rows.by_task
    ids = rows.number("r", rows.n_workers * by_worker, rows.first_worker * by_worker)
    return repeat_ids(ids, rows.by_task)


def _firm_ids(rows: _Rows, firm: Codes) -> pl.Series:
    return repeat_ids(take_ids(rows.number("f", rows.n_firms, 0), firm), rows.by_worker)


def _occupation_task_ids(rows: _Rows, worker: Codes, firm: Codes) -> pl.Series:
    occupation = worker_occupation(worker, firm, rows.n_occupations, rows.n_occupations_by_firm)
    task = occupation[:, None] * rows.n_tasks + np.arange(rows.n_tasks)
    ids = rows.number("t", rows.n_occupations * rows.n_tasks, 0)
    return repeat_ids(take_ids(ids, task.ravel()), rows.n_periods * rows.by_task)


def _item_ids(rows: _Rows, worker: Codes, firm: Codes) -> pl.Series:
    """Items of the worker's own, or of the worker's occupation."""
    if not rows.is_item_shared:
        return _numbered_items(rows, "k")
    by_worker = rows.by_worker // rows.n_raters
    occupation = worker_occupation(worker, firm, rows.n_occupations, rows.n_occupations_by_firm)
    item = occupation[:, None] * by_worker + np.arange(by_worker)
    ids = rows.number("k", rows.n_occupations * by_worker, 0)
    return repeat_ids(take_ids(ids, item.ravel()), rows.n_raters)


def _numbered_items(rows: _Rows, prefix: str) -> pl.Series:
    """A number for each worker and item, (row,)."""
    by_worker = rows.by_worker // rows.n_raters
    ids = rows.number(prefix, rows.n_workers * by_worker, rows.first_worker * by_worker)
    return repeat_ids(ids, rows.n_raters)


def _assignment_ids(rows: _Rows, firm: Codes) -> pl.Series:
    """What was assigned as one: workers, firms, or items (each worker's apart); null where nothing was."""
    if rows.treatment == "randomized":
        return _worker_ids(rows)
    if rows.treatment == "randomized_items":
        return _numbered_items(rows, "x" if rows.is_item_shared else "k")
    if rows.treatment == "randomized_firms" or rows.treatment.startswith("staggered"):
        return _firm_ids(rows, firm)
    return _nothing(rows)


def _stratum_ids(rows: _Rows, worker: Codes, firm: Codes) -> pl.Series:
    """Within what was assigned: teams of workers, or workers of items; null where within nothing."""
    if rows.treatment == "randomized_items":
        return _worker_ids(rows)
    if rows.treatment != "randomized":
        return _nothing(rows)
    n_teams = rows.n_firms * rows.n_occupations_by_firm
    team = worker_team(worker, firm, rows.n_occupations_by_firm)
    return repeat_ids(take_ids(rows.number("s", n_teams, 0), team), rows.by_worker)


def _unit(rows: _Rows) -> pl.Series:
    """The unit of output, as ids are: a text, or a category."""
    unit = pl.Series([rows.unit])
    return unit if rows.number is number_ids else in_order(unit, rows.unit)


def _nothing(rows: _Rows) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, rows.n_rows)


def _sequence(rows: _Rows) -> Codes:
    """Place of each row's item among the worker's: by period, task and item; rows are by task first."""
    task, period, item, _ = np.indices((rows.n_tasks, rows.n_periods, rows.n_items, rows.n_raters))
    place = (period * rows.n_tasks + task) * rows.n_items + item
    return (place if rows.is_linked else item).ravel()
