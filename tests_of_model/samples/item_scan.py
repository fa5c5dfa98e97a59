"""A second pass over a panel's outputs: the log spread of each cell without each of its rows."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, floats
from withintask.tests_of_model.samples.cell_sums import ROUNDING


@dataclass(frozen=True, kw_only=True, eq=False)
class CellOfRow:
    """Rows of sums and the cells they lie in, (row,) each."""

    sums_row: Codes
    """Row of the sums."""
    weight: Array
    """Weight, one on average in the cell."""
    n_rows: Array
    """Rows of the panel in the cell."""
    center: Array
    """Weighted mean of output in the cell."""
    square: Array
    """Weighted sum of squares around it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemScan:
    """The rows behind sums of items, still to be read, and the sums' moments of output, more is better."""

    rows: pl.LazyFrame
    """Keys, ``value`` and ``sums_row``."""
    mean: Array
    """Mean output, (sum,)."""
    square: Array
    """Sum of squares of output around the mean, (sum,)."""

    def left_out(self, cell: CellOfRow) -> Array:
        """Sum over the rows of each sum the log coefficient of variation of its cell without each, (row,).

        NaN where one of them does not exist. This reads the outputs once.
        """
        cells = pl.DataFrame(
            {
                "sums_row": cell.sums_row,
                "w": cell.weight,
                "n": cell.n_rows,
                "center": cell.center,
                "square": cell.square,
            }
        ).with_columns(pl.col("sums_row").cast(pl.UInt32))
        w, d, left = pl.col("w"), pl.col("value") - pl.col("center"), pl.col("n") - pl.col("w")
        moved = -w * d / left
        variance = (pl.col("square") - w * d**2 - left * moved**2) / (left - 1)
        spread = pl.when(variance > (ROUNDING * pl.col("center")) ** 2).then(variance)
        log_cv = spread.log() / 2 - (pl.col("center") + moved).log()
        sums = (
            self.rows.join(cells.lazy(), on="sums_row", how="inner")
            .group_by("sums_row")
            .agg(log_cv.sum().alias("left"), log_cv.is_null().any().alias("is_lost"))
            .collect(engine="streaming")
        )
        totals = cells.select("sums_row").join(
            sums, on="sums_row", how="left", maintain_order="left"
        )
        lost = totals["is_lost"].fill_null(value=True).to_numpy()
        return np.where(lost, np.nan, floats(totals["left"]))
