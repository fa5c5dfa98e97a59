"""Coefficients of variation of cells of rows that stand for several: the jackknife reads the panel a second time."""

from typing import Protocol

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.hypotheses.dispersion import Cells, log_dispersion
from withintask.tests_of_model.samples.cell_sums import ROUNDING, SMALLEST_CELL
from withintask.tests_of_model.samples.item_scan import CellOfRow
from withintask.tests_of_model.samples.sample import Sample


class Summed(Protocol):
    """Rows that may stand for several."""

    @property
    def sums_row(self) -> Codes | None:
        """Row of the sums that each is; None where each is one row of the panel."""

    @property
    def count(self) -> Array:
        """Rows of the panel that each stands for."""


def log_cv(
    sample: Sample, rows: Summed, cells: Cells, output: Array, weight: Array | None = None
) -> tuple[Array, Array]:
    """Log coefficient of variation of output in each cell, and each row's influence on it.

    Parameters
    ----------
    sample
        Whose rows they are.
    rows
        The rows.
    cells, output, weight
        As for :func:`withintask.tests_of_model.hypotheses.dispersion.log_dispersion`; output is not used where rows stand
        for several, as then the sample's sums tell it.

    Returns
    -------
    tuple of arrays
        As there; of a row that stands for several, the sum of their influences.
    """
    scan = sample.item_scan
    if scan is None or rows.sums_row is None:
        return log_dispersion(cells, output, "log_cv", weight)
    n, of_row, place = cells.count, cells.of_row, rows.sums_row
    own = np.ones(of_row.size) if weight is None else weight
    mean, square_around = scan.mean[place], scan.square[place]
    total = np.bincount(of_row, own * rows.count, minlength=n.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        w = own * (n / np.where(total > 0, total, 1))[of_row]
        center = np.bincount(of_row, w * rows.count * mean, minlength=n.size) / n
        deviation = mean - center[of_row]
        square = np.bincount(
            of_row, w * (square_around + rows.count * deviation**2), minlength=n.size
        )
        variance = square / (n - 1)
        variance = np.where(variance > (ROUNDING * center) ** 2, variance, np.nan)
        theta = np.log(variance) / 2 - np.log(center)
        left = scan.left_out(
            CellOfRow(
                sums_row=place,
                weight=w,
                n_rows=n[of_row],
                center=center[of_row],
                square=np.asarray(square, dtype=float)[of_row],
            )
        )
        mean_left = np.bincount(of_row, left, minlength=n.size) / n
        corrected = n * theta - (n - 1) * mean_left
        influence = -(n[of_row] - 1) * (left - rows.count * mean_left[of_row])
    usable = (n >= SMALLEST_CELL) & np.isfinite(corrected)
    return np.where(usable, corrected, np.nan), np.where(usable[of_row], influence, 0.0)
