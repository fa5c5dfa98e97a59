"""Two-way effects under staggered adoption, kept to show their bias.

They compare late adopters with early ones whose own effect is still growing (Goodman-Bacon 2021); the estimators of
``staggered.py`` compare each cohort only with those that have not yet adopted.
"""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.dispersion import make_cells
from withintask.tests_of_model.hypotheses.dispersion_scanned import log_cv
from withintask.tests_of_model.hypotheses.estimates import from_fit
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.regression.options import Effects, Options
from withintask.tests_of_model.regression.two_way_errors import fit_two_way
from withintask.tests_of_model.samples.cell_sums import SMALLEST_CELL
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.task_rows import TaskRows, firm_task
from withintask.tests_of_model.samples.unknown import joined

TERM = "delta_log_cv"


@dataclass(frozen=True, kw_only=True, eq=False)
class DispersionPaths:
    """Log dispersion of each firm and task over periods; units seen in every period."""

    path: Array
    """Log coefficient of variation, (unit, period)."""
    adoption: Codes
    """First period with access, counted from the panel's first; the number of periods if never, (unit,)."""
    firm: Codes
    """Firm, (unit,)."""
    task: Codes
    """Task, (unit,)."""
    message: str
    """What was left out."""


def dispersion_paths(sample: Sample, rows: TaskRows, note: str = "") -> DispersionPaths:
    """Compute the paths of all firm-task units over the periods that occur.

    Parameters
    ----------
    sample
        Whose rows they are.
    rows
        Rows of exposed tasks, access known.
    note
        What was left out before.

    Raises
    ------
    EstimationError
        If there is nothing to compare: no unit is seen in every period, all adopt at once, none does, or adoption ends.
    """
    if rows.output.size == 0:
        raise EstimationError(joined("no row of an exposed task", note))
    unit, wave = firm_task(rows), encode(rows.period)
    cells = make_cells(unit, np.zeros_like(unit), rows.period, rows.is_post, rows.count)
    theta, _ = log_cv(sample, rows, cells, rows.output)
    n_periods = int(wave.max()) + 1
    path = theta.reshape(cells.n_groups, 2, n_periods)[:, 0]
    adoption = np.full(cells.n_groups, n_periods)
    with_access = rows.access > 0
    np.minimum.at(adoption, unit[with_access], wave[with_access])
    _fail_if_adoption_ends(rows, unit, wave, adoption)
    n_tasks = int(rows.task.max()) + 1
    seen = np.isfinite(path).all(axis=1)
    number = np.flatnonzero(seen)
    if number.size == 0:
        reason = f"no firm and task has {SMALLEST_CELL} rows that vary in each of the {n_periods} periods"
        raise EstimationError(joined(reason, note))
    if np.unique(adoption[seen]).size < 2:
        raise EstimationError("all firms adopt in the same period, or none does")
    n_left = int(np.unique(unit).size - number.size)
    left = f"{n_left} firm-task units left out: too few rows in a period" if n_left else ""
    return DispersionPaths(
        path=path[seen],
        adoption=adoption[seen],
        firm=number // n_tasks,
        task=number % n_tasks,
        message=joined(left, note),
    )


def _fail_if_adoption_ends(rows: TaskRows, unit: Codes, wave: Codes, adoption: Codes) -> None:
    """Refuse units in which nobody has access in a period after the first with access."""
    key = unit * (int(wave.max()) + 1) + wave
    has_access = np.bincount(key, rows.access > 0) > 0
    ended = (wave > adoption[unit]) & ~has_access[key]
    if ended.any():
        n_firms = np.unique(rows.firm[ended]).size
        raise EstimationError(
            f"access ends in {n_firms} firms after it began, which is not modelled"
        )


def two_way_effect(paths: DispersionPaths, options: Options) -> Estimate:
    """Coefficient of adoption with firm-task and period effects."""
    n_units, n_periods = paths.path.shape
    period = np.tile(np.arange(n_periods), n_units)
    unit = np.repeat(np.arange(n_units), n_periods)
    adopted = (period >= paths.adoption[unit]).astype(np.float64)
    fitted = fit_two_way(
        paths.path.ravel(),
        adopted[:, None],
        names=["adopted"],
        clusters=(paths.firm[unit], paths.task[unit]),
        options=options,
        effects=Effects(absorb=[unit, encode(period)]),
    )
    return from_fit(fitted, {TERM: "adopted"}, message=paths.message)[0]
