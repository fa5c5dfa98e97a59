"""Who is treated: the arm of a worker, of a worker on a task, or of a row, and whether arms can be compared over time."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.regression.grouping import encode
from withintask.tests_of_model.samples.task_rows import TaskRows

Unit = Literal["worker", "worker and task", "row"]

ACCESS_VARIES = (
    "access varies between items of one worker, task and period, so that rows before AI are in no arm; "
    "compare arms after AI's arrival"
)
ACCESS_BEGINS = (
    "access begins in different periods after AI's arrival, so that one comparison of before and after "
    "would count rows without access as treated; dispersion_staggered is made for this"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Arms:
    """The arms of a sample of task rows."""

    arm: Codes
    """1 treated, 0 not, -1 in no known arm, (row,)."""
    unit: Unit
    """What is in one arm for all of the time after AI's arrival."""
    problem: str
    """Why rows before AI are in no arm; empty where they are."""


def find_arms(rows: TaskRows, treatment: Array) -> Arms:
    """Find the largest unit within which treatment after AI's arrival does not vary, and its arm.

    Parameters
    ----------
    rows
        Task rows; those in which the treatment is not known should be left out before.
    treatment
        Access or use, (row,); positive means treated.

    Returns
    -------
    Arms
        A worker is in one arm if all his rows after AI are; else each of his tasks, if all its rows are. Where treatment
        varies even there, rows after AI are in the arm they show and rows before it in none.
    """
    known = rows.is_post & np.isfinite(treatment)
    treated = treatment > 0
    names: tuple[Unit, ...] = ("worker", "worker and task")
    with_it, without = known & treated, known & ~treated
    for name in names:
        unit = rows.worker if name == "worker" else encode(rows.worker, rows.task)
        any_treated, any_not = _any(unit, with_it), _any(unit, without)
        if not (any_treated & any_not).any():
            arm = np.where(any_treated, 1, np.where(any_not, 0, -1))
            return Arms(arm=arm[unit], unit=name, problem="")
    arm = np.where(known, treated.astype(np.int64), -1)
    return Arms(arm=arm, unit="row", problem=_variation(rows, unit, known, treated))


def _any(unit: Codes, chosen: Flags) -> Flags:
    """Units of which some row is chosen, (unit,)."""
    return np.bincount(unit[chosen], minlength=int(unit.max(initial=-1)) + 1) > 0


def _variation(rows: TaskRows, pair: Codes, known: Flags, treated: Flags) -> str:
    """Say how treatment varies within a worker's task after AI's arrival."""
    cell = encode(pair, rows.period)
    if (_any(cell, known & treated) & _any(cell, known & ~treated)).any():
        return ACCESS_VARIES
    n_periods = int(rows.period.max()) + 1
    last_without = np.full(int(pair.max()) + 1, -1)
    first_with = np.full(int(pair.max()) + 1, n_periods)
    np.maximum.at(last_without, pair[known & ~treated], rows.period[known & ~treated])
    np.minimum.at(first_with, pair[known & treated], rows.period[known & treated])
    ended = (first_with < n_periods) & (last_without > first_with)
    if ended.any():
        workers = np.unique(rows.worker[ended[pair]]).size
        return f"access ends for {workers} workers after it began, which is not modelled"
    return ACCESS_BEGINS
