"""Interquartile ranges of log output by cell, from DuckDB's exact quantiles."""

import polars as pl

from withintask.tests_of_model.samples.cell_passes import ROWS
from withintask.tests_of_model.samples.cell_source import CellSource
from withintask.tests_of_model.samples.cell_sums import SMALLEST_CELL


def log_ranges(source: CellSource, cells: pl.DataFrame) -> pl.DataFrame:
    """Add ``left``, the rows of each cell times the log of its interquartile range; null where it has none.

    Parameters
    ----------
    source
        With the rows that are compared held.
    cells
        Cells that are their own parts, with ``cell, n_rows, n_cell``.

    Notes
    -----
    Quantiles lie between order statistics by linear interpolation, as in memory. A range has no jackknife: all rows of its
    cell count alike. DuckDB holds the values of all cells, eight bytes each.
    """
    quartiles = source.frame(
        "SELECT cell, quantile_cont(ln(value), 0.25) AS low, quantile_cont(ln(value), 0.75) AS high "
        f"FROM {ROWS} GROUP BY cell"
    )
    spread = pl.col("high") - pl.col("low")
    is_usable = (pl.col("n_cell") >= SMALLEST_CELL) & (spread > 0)
    joined = cells.join(quartiles, on="cell", how="left").sort("part")
    return joined.with_columns(left=pl.when(is_usable).then(pl.col("n_rows") * spread.log()))
