"""Gains of workers, log output after AI minus before it, one a worker and task; and their output on other tasks."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.regression.absorb import compact_codes
from withintask.tests_of_model.samples.arms import find_arms
from withintask.tests_of_model.samples.task_rows import (
    TaskRows,
    clusters,
    firm_task,
    is_exposed,
    usable,
)
from withintask.tests_of_model.samples.unknown import earliest

_ASKED = ("firm", "exposure", "time_share", "access")
"""Fields that must be known of a row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WorkerTaskGains:
    """One entry a worker and exposed task seen before and after AI, (pair,) each."""

    gain: Array
    """Mean log output after minus before."""
    rows: TaskRows
    """The pair's earliest row, for what does not change over time; who changes firm counts for the first."""
    arm: Codes
    """1 if the worker has access to AI on the task after its arrival."""
    message: str
    """Rows that were left out."""

    @property
    def worker_ids(self) -> pl.DataFrame:
        """worker_id of each pair."""
        return self.rows.worker_ids

    @property
    def time_share(self) -> Array:
        """Weight of the task."""
        return self.rows.time_share

    @property
    def group(self) -> Codes:
        """Firm and task."""
        return firm_task(self.rows)

    @property
    def clusters(self) -> tuple[Codes, ...]:
        """Clusters of the pairs."""
        return clusters(self.rows)

    def take(self, chosen: Flags) -> "WorkerTaskGains":
        """Return some of the pairs."""
        return replace(
            self, gain=self.gain[chosen], rows=self.rows.take(chosen), arm=self.arm[chosen]
        )


def worker_task_gains(rows: TaskRows) -> WorkerTaskGains:
    """Average each worker's log output on each exposed task before and after AI, and take the difference.

    Raises
    ------
    EstimationError
        If access varies within a worker's task after AI's arrival, so that a gain has no arm; or if no row is usable.
    """
    rows, message = usable(rows, *_ASKED)
    arms = find_arms(rows, rows.access)
    if arms.problem:
        raise EstimationError(arms.problem)
    chosen = is_exposed(rows) & (arms.arm >= 0)
    if not chosen.any():
        raise EstimationError("no row of an exposed task and a known arm")
    arm, rows = arms.arm[chosen], rows.take(chosen)
    pair = _pair(rows)
    before, after = (
        _mean(pair, rows.log_output, rows.count, chosen) for chosen in (~rows.is_post, rows.is_post)
    )
    first = earliest(pair, rows.period, rows.firm)
    gain = after - before
    pairs = WorkerTaskGains(gain=gain, rows=rows.take(first), arm=arm[first], message=message)
    return pairs.take(np.isfinite(gain))


def other_tasks_before(rows: TaskRows, pairs: WorkerTaskGains) -> tuple[Array, Array]:
    """Mean log output before AI on the worker's other tasks, in two halves by task number, (pair,) each.

    Log output is taken in deviation from the mean of its task, so that the tasks done do not matter; NaN where a
    half is empty.
    """
    rows, _ = usable(rows, *_ASKED)
    rows = rows.take(~rows.is_post & is_exposed(rows))
    if rows.output.size == 0 or pairs.gain.size == 0:
        nothing = np.full(pairs.gain.size, np.nan)
        return nothing, nothing
    count_of_task = np.bincount(rows.task, rows.count)
    task_mean = np.bincount(rows.task, rows.count * rows.log_output) / np.maximum(count_of_task, 1)
    score = rows.log_output - task_mean[rows.task]
    n_workers = int(max(rows.worker.max(), pairs.rows.worker.max())) + 1
    halves = []
    for half in (0, 1):
        inside = rows.task % 2 == half
        amount = rows.count[inside]
        total = np.bincount(rows.worker[inside], amount * score[inside], minlength=n_workers)
        count = np.bincount(rows.worker[inside], amount, minlength=n_workers)
        own_total, own_count = _own(rows.take(inside), score[inside], pairs)
        left = count[pairs.rows.worker] - own_count
        with np.errstate(invalid="ignore", divide="ignore"):
            halves.append(np.where(left > 0, (total[pairs.rows.worker] - own_total) / left, np.nan))
    return halves[0], halves[1]


def _own(rows: TaskRows, score: Array, pairs: WorkerTaskGains) -> tuple[Array, Array]:
    """Sum and count of the scores that belong to each pair itself, (pair,) each."""
    # Both axes, rows then pairs, in one: code = worker x n_tasks + task, numbered together.
    n_tasks = int(max(rows.task.max(initial=0), pairs.rows.task.max())) + 1
    codes = [part.worker * n_tasks + part.task for part in (rows, pairs.rows)]
    of_rows, of_pairs = np.split(compact_codes(np.concatenate(codes)), [score.size])
    size = int(max(of_rows.max(initial=0), of_pairs.max())) + 1
    total = np.bincount(of_rows, rows.count * score, minlength=size)
    count = np.bincount(of_rows, rows.count, minlength=size)
    return np.asarray(total[of_pairs], dtype=float), np.asarray(count[of_pairs], dtype=float)


def _pair(rows: TaskRows) -> Codes:
    return compact_codes(rows.worker * (int(rows.task.max()) + 1) + rows.task)


def _mean(pair: Codes, values: Array, count: Array, chosen: Flags) -> Array:
    size = int(pair.max()) + 1
    pair, amount = pair[chosen], count[chosen]
    total = np.bincount(pair, amount, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.bincount(pair, amount * values[chosen], minlength=size) / total)
