"""Gains of workers, log output after AI minus before it, one a worker and task; and their output on other tasks."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.regression.absorb import compact_codes
from withintask.tests_of_model.samples.task_rows import TaskRows, clusters, firm_task, is_exposed


@dataclass(frozen=True, kw_only=True, eq=False)
class WorkerTaskGains:
    """One entry a worker and exposed task seen before and after AI, (pair,) each."""

    gain: Array
    """Mean log output after minus before."""
    rows: TaskRows
    """One of the pair's rows, for what does not change over time."""
    arm: Codes
    """1 if the worker has access to AI after its arrival."""

    @property
    def worker_ids(self) -> pl.DataFrame:
        """worker_id of each pair."""
        return self.rows.worker_ids

    @property
    def is_soc(self) -> Flags:
        """Whether the task takes social-organizational skill."""
        return self.rows.is_soc

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
        return WorkerTaskGains(
            gain=self.gain[chosen], rows=self.rows.take(chosen), arm=self.arm[chosen]
        )


def worker_task_gains(rows: TaskRows) -> WorkerTaskGains:
    """Average each worker's log output on each exposed task before and after AI, and take the difference."""
    arm = rows.arm(rows.access)
    exposed = is_exposed(rows)
    arm, rows = arm[exposed], rows.take(exposed)
    pair = _pair(rows)
    before, after = (
        _mean(pair, rows.log_output, chosen) for chosen in (~rows.is_post, rows.is_post)
    )
    row_of_pair = np.empty(before.size, dtype=np.int64)
    row_of_pair[pair[::-1]] = np.arange(pair.size)[::-1]
    gain = after - before
    all_pairs = WorkerTaskGains(gain=gain, rows=rows.take(row_of_pair), arm=arm[row_of_pair])
    return all_pairs.take(np.isfinite(gain))


def other_tasks_before(rows: TaskRows, pairs: WorkerTaskGains) -> tuple[Array, Array]:
    """Mean log output before AI on the worker's other tasks, in two halves by task number, (pair,) each.

    Log output is taken in deviation from the mean of its task, so that the tasks done do not matter; NaN where a
    half is empty.
    """
    rows = rows.take(~rows.is_post & is_exposed(rows))
    task_mean = np.bincount(rows.task, rows.log_output) / np.maximum(np.bincount(rows.task), 1)
    score = rows.log_output - task_mean[rows.task]
    n_workers = int(max(rows.worker.max(), pairs.rows.worker.max())) + 1
    halves = []
    for half in (0, 1):
        inside = rows.task % 2 == half
        total = np.bincount(rows.worker[inside], score[inside], minlength=n_workers)
        count = np.bincount(rows.worker[inside], minlength=n_workers).astype(np.float64)
        own_total, own_count = _own(rows.take(inside), score[inside], pairs)
        left = count[pairs.rows.worker] - own_count
        with np.errstate(invalid="ignore", divide="ignore"):
            halves.append(np.where(left > 0, (total[pairs.rows.worker] - own_total) / left, np.nan))
    return halves[0], halves[1]


def _own(rows: TaskRows, score: Array, pairs: WorkerTaskGains) -> tuple[Array, Array]:
    """Sum and count of the scores that belong to each pair itself."""
    n_tasks = int(max(rows.task.max(), pairs.rows.task.max())) + 1
    keys = (own.worker * n_tasks + own.task for own in (rows, pairs.rows))
    both = compact_codes(np.concatenate(list(keys)))
    key, wanted = both[: score.size], both[score.size :]
    size = int(both.max()) + 1
    total, count = np.bincount(key, score, minlength=size), np.bincount(key, minlength=size)
    return total[wanted].astype(np.float64), count[wanted].astype(np.float64)


def _pair(rows: TaskRows) -> Codes:
    return compact_codes(rows.worker * (int(rows.task.max()) + 1) + rows.task)


def _mean(pair: Codes, values: Array, chosen: Flags) -> Array:
    size = int(pair.max()) + 1
    count = np.bincount(pair[chosen], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.bincount(pair[chosen], values[chosen], minlength=size) / count)
