"""Sums by cell: all that estimators of dispersion need of the rows of a panel.

A cell holds the rows of one task (and firm), arm and period. With n rows v, their mean m and S = Σ(v − m)², the cell
without row i has squares S(1 − u_i), u_i = n d²/((n − 1)S), and mean m(1 − j_i), j_i = d/((n − 1)m), d = v − m. So the
jackknife needs, beside n, m and S, only the sum over rows of the log spread without each row, less that of the cell.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.transform import codes

SMALLEST_CELL = 4
"""Rows below which a cell's dispersion is not used: the jackknife needs a variance of n - 1 rows."""
ROUNDING = 8 * np.finfo(float).eps
"""Share of its mean below which a cell's standard deviation is rounding."""

CellMeasure = Literal["log_cv", "log_variance", "log_deviation", "log_iqr"]
"""Measures of dispersion that passes by cell serve."""
AVERAGES: tuple[CellMeasure, ...] = ("log_deviation", "log_iqr")
"""Those that are means over a cell's rows, without a jackknife or sampling weights."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellSums:
    """Cells, or the parts of cells that lie in one firm or unit, (part,) each."""

    task: Codes
    """Code of the task."""
    firm: Codes
    """Code of the firm; 0 everywhere where none is told."""
    arm: Codes
    """0 or 1."""
    period: Codes
    """Period as in the panel."""
    is_post: Flags
    """Whether AI has arrived."""
    is_exposed: Flags
    """Whether the task is exposed."""
    time_share: Array
    """Weight of the task within its worker's time."""
    n_rows: Array
    """Rows."""
    n_cell: Array
    """Rows of the whole cell."""
    center: Array
    """Mean of the value in the whole cell."""
    square: Array
    """Sum of squared deviations in the whole cell."""
    left: Array
    """Sum over the part's rows of the cell's log spread without each, less that of the cell; of ``log_deviation``, sum of
    log deviations; of ``log_iqr``, the cell's value once for every row. NaN where one of them does not exist."""


def merged(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Put the moments of parts together into those of their cells: ``n_cell, center, square`` beside each part.

    Parameters
    ----------
    frame
        ``n_rows, mean, squares`` of each part (count, mean, sum of squared deviations) and the keys.
    keys
        What a cell is.
    """
    n = pl.col("n_rows")
    center = (n * pl.col("mean")).sum() / n.sum()
    return frame.with_columns(n_cell=n.sum().over(keys), center=center.over(keys)).with_columns(
        square=(pl.col("squares") + n * (pl.col("mean") - pl.col("center")) ** 2).sum().over(keys)
    )


def as_cell_sums(frame: pl.DataFrame, first_ai_period: int) -> CellSums:
    """Take a frame of parts, with the fields of :class:`CellSums` by name and ids of task and firm, as arrays."""
    period = frame["period"].to_numpy()
    numbers = {
        name: np.asarray(frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy())
        for name in ("time_share", "n_rows", "n_cell", "center", "square", "left")
    }
    return CellSums(
        task=codes(frame["task_id"]),
        firm=np.maximum(codes(frame["firm_id"]), 0),
        arm=frame["arm"].cast(pl.Int64).to_numpy(),
        period=period,
        is_post=period >= first_ai_period,
        is_exposed=frame["is_exposed"].to_numpy(),
        **numbers,
    )
