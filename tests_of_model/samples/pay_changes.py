"""Changes of pay with AI's arrival, one entry a worker."""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.tests_of_model.regression.absorb import compact_codes
from withintask.tests_of_model.samples.pay_rows import PayRows, UsablePay, mean_before
from withintask.tests_of_model.samples.unknown import earliest


@dataclass(frozen=True, kw_only=True, eq=False)
class WorkerChanges:
    """Mean pay after AI minus before, one entry a worker seen in both, (worker,) each."""

    level: Array
    """Change of mean pay, in the panel's unit."""
    log: Array
    """Change of mean log pay."""
    rows: PayRows
    """The worker's earliest row, for what does not change over time; who changes occupation counts for the first."""
    n_workers: int
    """Workers; more than entries where few stand in for many."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PayChanges:
    """Changes of the workers of whom all is known that is asked for."""

    workers: WorkerChanges
    """The changes."""
    unit: float
    """Unit of level returns, see :func:`withintask.tests_of_model.samples.pay_rows.mean_before`; NaN if not asked for."""
    note: str
    """Rows of pay that were left out."""


def pay_changes(panel: Panel, usable: UsablePay, *, with_unit: bool) -> PayChanges:
    """Take the changes of usable rows, with the unit of level returns if it is asked for."""
    unit = mean_before(usable.rows, panel) if with_unit and usable.rows.pay.size else float("nan")
    return PayChanges(workers=worker_changes(usable.rows), unit=unit, note=usable.note)


def worker_changes(rows: PayRows) -> WorkerChanges:
    """Average each worker's pay and log pay before and after AI, and take the differences."""
    if rows.worker.size == 0:
        raise EstimationError("no row of pay is left")
    worker = compact_codes(rows.worker)
    size = int(worker.max()) + 1
    means = []
    for values in (rows.pay, np.log(rows.pay)):
        with np.errstate(invalid="ignore", divide="ignore"):
            by_time = [
                np.bincount(worker[chosen], values[chosen], minlength=size)
                / np.bincount(worker[chosen], minlength=size)
                for chosen in (~rows.is_post, rows.is_post)
            ]
        means.append(by_time[1] - by_time[0])
    first = earliest(worker, rows.period, rows.occupation, rows.firm)
    seen = np.isfinite(means[0])
    return WorkerChanges(
        level=means[0][seen],
        log=means[1][seen],
        rows=rows.take(first[seen]),
        n_workers=int(np.count_nonzero(seen)),
    )
