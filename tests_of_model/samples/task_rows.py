"""The rows of a panel as arrays, prepared once and shared by the estimators of task outputs."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags, floats
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup, optional


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskRows:
    """Task outputs as arrays, (row,) each unless said otherwise."""

    worker: Codes
    """Code of the worker."""
    task: Codes
    """Code of the task."""
    firm: Codes
    """Code of the firm; 0 everywhere where firms are not known."""
    period: Codes
    """Period as in the panel."""
    is_post: Flags
    """Whether AI has arrived."""
    output: Array
    """Output."""
    access: Array
    """Access to AI, 0 or 1; NaN where not known."""
    use: Array
    """Use of AI in [0, 1]; NaN where not known."""
    exposure: Array
    """Exposure of the task; NaN where not known."""
    time_share: Array
    """Weight of the task within its worker's time; 1 where not known."""
    is_soc: Flags
    """Whether the task takes social-organizational skill."""
    worker_ids: pl.DataFrame
    """worker_id of each row."""

    @cached_property
    def log_output(self) -> Array:
        """Log output."""
        return np.asarray(np.log(self.output))

    @property
    def n_firms(self) -> int:
        """Firms."""
        return int(self.firm.max()) + 1

    def take(self, chosen: Flags | Codes) -> "TaskRows":
        """Return some of the rows, by mask or position."""
        arrays = {
            f.name: getattr(self, f.name)[chosen] for f in fields(self) if f.name != "worker_ids"
        }
        mask = pl.Series(chosen)
        ids = self.worker_ids.filter(mask) if chosen.dtype == np.bool_ else self.worker_ids[chosen]
        return TaskRows(**arrays, worker_ids=ids)

    def with_output(self, output: Array) -> "TaskRows":
        """Return the rows with other output, (row,)."""
        return replace(self, output=output)

    def arm(self, treatment: Array) -> Codes:
        """Give each row its worker's arm: 1 if ever treated after AI's arrival, 0 if not, -1 if not seen then.

        Parameters
        ----------
        treatment
            Access or use, (row,); positive means treated.
        """
        arm = np.full(int(self.worker.max()) + 1, -1)
        np.maximum.at(
            arm, self.worker[self.is_post], (treatment[self.is_post] > 0).astype(np.int64)
        )
        return arm[self.worker]


def task_rows(panel: Panel) -> TaskRows:
    """Prepare the task outputs of a panel.

    Raises
    ------
    EstimationError
        If the panel does not say when AI arrived.
    """
    if panel.info.first_ai_period is None:
        raise EstimationError(
            "panel: first_ai_period is not stated, so there is no before and after"
        )
    assert panel.outputs is not None
    frame = eager(panel.outputs)
    task = lookup(frame, "task_id", panel.tasks, ("exposure", "time_share", "skill_type"))
    period = frame["period"].to_numpy()
    time_share = floats(task["time_share"])
    return TaskRows(
        worker=codes(frame["worker_id"]),
        task=codes(frame["task_id"]),
        firm=codes(optional(frame, "firm_id", pl.String)),
        period=period,
        is_post=period >= panel.info.first_ai_period,
        output=floats(frame["output"]),
        access=floats(optional(frame, "ai_access", pl.Boolean)),
        use=floats(optional(frame, "ai_use", pl.Float64)),
        exposure=floats(task["exposure"]),
        time_share=np.where(np.isnan(time_share), 1.0, time_share),
        is_soc=(task["skill_type"].cast(pl.String) == "soc").fill_null(False).to_numpy(),
        worker_ids=frame.select("worker_id"),
    )


ENOUGH_FIRMS = 10
"""Firms from which on errors are clustered by firm; below, by worker."""


ENOUGH_TASKS = 3
"""Tasks from which on they count as drawn from a population; fewer are taken as given."""


def clusters(rows: TaskRows) -> tuple[Codes, ...]:
    """Clusters of rows: firms (workers where firms are few), and tasks unless they are taken as given."""
    n_firms, n_tasks = (np.count_nonzero(np.bincount(code)) for code in (rows.firm, rows.task))
    unit = rows.firm if n_firms >= ENOUGH_FIRMS else rows.worker
    return (unit, rows.task) if n_tasks >= ENOUGH_TASKS else (unit,)


def firm_task(rows: TaskRows) -> Codes:
    """Code of the firm and task of each row."""
    return rows.firm * (int(rows.task.max()) + 1) + rows.task


def is_exposed(rows: TaskRows) -> Flags:
    """Rows of exposed tasks; all rows where exposure is not known."""
    return ~(rows.exposure == 0)
