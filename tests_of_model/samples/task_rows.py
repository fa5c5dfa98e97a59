"""The rows of a panel as arrays, prepared once and shared by the estimators of task outputs."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags, floats
from withintask.panel.design_words import ENOUGH_TASKS
from withintask.panel.errors import EstimationError
from withintask.panel.outcome import OutcomeKind
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup_levels, optional
from withintask.tests_of_model.regression.grouping import encode, is_nested, n_distinct
from withintask.tests_of_model.samples.controls import (
    NOTHING,
    Adjust,
    control_columns,
    weights_of,
)
from withintask.tests_of_model.samples.names import Names
from withintask.tests_of_model.samples.unknown import known_or_unasked, left_out, told


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskRows:
    """Task outputs as arrays, (row,) each unless said otherwise."""

    worker: Codes
    """Code of the worker."""
    task: Codes
    """Code of the task."""
    firm: Codes
    """Code of the firm, -1 where not known; 0 everywhere where the panel tells none."""
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
    """Weight of the task within its worker's time, NaN where not known; 1 everywhere where the panel tells none."""
    skill: Codes
    """Skill type of the task, 0 cog, 1 soc, -1 where not known; 0 everywhere where the panel tells none."""
    assignment: Codes
    """What was assigned as one, -1 where not known; 0 everywhere where the panel does not tell."""
    controls: Array
    """Controls that were asked for, NaN where not known, (row, control)."""
    weight: Array
    """Sampling weight; 1 where none is known."""
    names: Names
    """worker_id of each code of a worker."""
    sums_row: Codes | None = None
    """Row of the sums that a row is; None where each is one row of the panel."""
    n_rows: Array | None = None
    """Rows of the panel that a row stands for, whose mean its log output is; None where each is one."""
    log_square: Array | None = None
    """Sum of squares of their log output around the mean."""

    @property
    def count(self) -> Array:
        """Rows of the panel that each row stands for, (row,)."""
        return np.ones(self.output.size) if self.n_rows is None else self.n_rows

    @property
    def worker_ids(self) -> pl.DataFrame:
        """worker_id of each row."""
        return self.names.of(self.worker)

    @cached_property
    def log_output(self) -> Array:
        """Log output."""
        return np.asarray(np.log(self.output))

    @property
    def n_firms(self) -> int:
        """Firms."""
        return int(self.firm.max()) + 1

    def take(self, chosen: Flags | Codes) -> "TaskRows":
        """Return some of the rows, by mask or position; the rows themselves if all are chosen."""
        if chosen.dtype == np.bool_:
            if chosen.all():
                return self
            chosen = np.flatnonzero(chosen)
        arrays = {
            f.name: getattr(self, f.name).take(chosen, axis=0)
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
        }
        return TaskRows(**arrays, names=self.names)

    def with_output(self, output: Array) -> "TaskRows":
        """Return the rows with other output, (row,)."""
        return replace(self, output=output)

    def is_known(self, name: str) -> Flags:
        """Rows in which a field is known; all where the panel does not tell it at all.

        Access and use before AI's arrival are asked for only where some row before it tells them.
        """
        values = getattr(self, name)
        if name not in ("access", "use"):
            return known_or_unasked(values)
        known = np.ones_like(self.is_post)
        for side in (self.is_post, ~self.is_post):
            known[side] = known_or_unasked(values[side])
        return known


def usable(rows: TaskRows, *names: str) -> tuple[TaskRows, str]:
    """Leave out the rows in which a field is not known, and say how many."""
    known = {name: rows.is_known(name) for name in names}
    if rows.controls.shape[1]:
        known["a control"] = np.asarray(np.isfinite(rows.controls).all(axis=1))
    known["the weight"] = rows.weight > 0
    note = left_out(known, n_rows=rows.n_rows)
    return (rows.take(np.logical_and.reduce(list(known.values()))) if note else rows), note


def task_rows(panel: Panel, adjust: Adjust = NOTHING) -> TaskRows:
    """Prepare the task outputs of a panel, with the controls and weights asked for.

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
    worker, task = codes(frame["worker_id"]), codes(frame["task_id"])
    of_task = lookup_levels(frame["task_id"], task, panel.tasks)
    skill = np.array([_SKILLS.get(name, -1) for name in of_task.values("skill_type").to_list()])
    period = frame["period"].to_numpy()
    return TaskRows(
        worker=worker,
        task=task,
        firm=told(codes(optional(frame, "firm_id", pl.String)), 0),
        period=period,
        is_post=period >= panel.info.first_ai_period,
        output=_positive(floats(frame["output"]), panel.info.outcome_kind),
        access=floats(optional(frame, "ai_access", pl.Boolean)),
        use=floats(optional(frame, "ai_use", pl.Float64)),
        exposure=of_task.of_rows("exposure", task),
        time_share=told(of_task.of_rows("time_share", task), 1.0),
        skill=told(skill[task], 0),
        assignment=told(codes(optional(frame, "assignment_id", pl.String)), 0),
        controls=_controls(panel, frame, adjust),
        weight=_weight(panel, frame, adjust),
        names=Names(frame["worker_id"], worker),
    )


def _weight(panel: Panel, frame: pl.DataFrame, adjust: Adjust) -> Array:
    weight: Array = told(floats(optional(frame, "weight", pl.Float64)), 1.0)
    return weight * weights_of(panel, "outputs", frame, adjust.weight) if adjust.weight else weight


def _controls(panel: Panel, frame: pl.DataFrame, adjust: Adjust) -> Array:
    """Controls of rows; fixed effects are indicators here, as the effects of groups have no rows to absorb them from."""
    absorbed = tuple(f"C({name})" for name in adjust.absorb)
    columns = control_columns(panel, "outputs", frame, (*adjust.controls, *absorbed))
    return columns.to_numpy().reshape(frame.height, -1)


_SKILLS = {"cog": 0, "soc": 1}
_NO_LOG = ("count", "binary", "score")


def _positive(output: Array, kind: OutcomeKind) -> Array:
    """Output on a scale where more is better and of which the log can be taken."""
    if kind in _NO_LOG:
        raise EstimationError(
            f"the outcome is a {kind}: dispersion of its log is not defined; estimators by pairs take it as it is"
        )
    if kind == "time":
        return np.asarray(1 / output)
    return np.asarray(np.exp(output)) if kind == "log" else output


ENOUGH_CLUSTERS = ENOUGH_TASKS
"""Tasks from which on they count as drawn from a population, below as given."""
ENOUGH_FIRMS = 6
"""Firms from which on they are the clusters, if they hold whole units of what was assigned: effects differ between firms.
Below they are taken as given. Tests keep their size down to six (docs/estimators.md)."""


def clusters(rows: TaskRows) -> tuple[Codes, ...]:
    """Clusters of rows: firms, or what was assigned (workers) where firms are few; and tasks unless taken as given."""
    return clusters_of(rows.worker, rows.task, rows.firm, rows.assignment)


def clusters_of(worker: Codes, task: Codes, firm: Codes, assignment: Codes) -> tuple[Codes, ...]:
    """Clusters of rows by their codes, (row,) each, as in :class:`TaskRows`; see :func:`clusters`."""
    unit = worker
    if (assignment > 0).any():
        unit = encode(np.where(assignment >= 0, assignment, -1 - worker))
        if not is_nested(encode(worker), unit):
            return with_tasks(unit, task)
    return with_tasks(units_or_firms(unit, firm), task)


def with_tasks(unit: Codes, task: Codes) -> tuple[Codes, ...]:
    """Units, and tasks beside them where they are at least ENOUGH_CLUSTERS, (row,) each."""
    n_tasks = np.count_nonzero(np.bincount(task))
    return (unit, task) if n_tasks >= ENOUGH_CLUSTERS else (unit,)


def units_or_firms(unit: Codes, firm: Codes) -> Codes:
    """Firms where they are at least ENOUGH_FIRMS and hold whole units, else the units, (row,).

    Parameters
    ----------
    unit
        Workers, or what was assigned as one.
    firm
        Firm, -1 where not known.
    """
    if n_distinct(firm) < ENOUGH_FIRMS:
        return unit
    inner, outer = encode(unit), encode(firm)
    return firm if is_nested(inner, outer) else unit


def firm_task(rows: TaskRows) -> Codes:
    """Code of the firm and task of each row."""
    return rows.firm * (int(rows.task.max(initial=-1)) + 1) + rows.task


def is_exposed(rows: TaskRows) -> Flags:
    """Rows of exposed tasks; all rows where the panel tells no exposure."""
    return ~(rows.exposure == 0)
