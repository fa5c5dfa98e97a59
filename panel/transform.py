"""Small transformations that estimators share: codes and lookups."""

import numpy as np
import polars as pl

from withintask.panel.arrays import Codes
from withintask.panel.panel import Frame


def eager(frame: Frame) -> pl.DataFrame:
    """Return the frame in memory."""
    return frame.collect() if isinstance(frame, pl.LazyFrame) else frame


def codes(column: pl.Series) -> Codes:
    """Number the distinct values 0, 1, … in their order; null is -1, not known.

    Returns
    -------
    array of int (row,)
    """
    if column.null_count() == column.len():
        return np.full(column.len(), -1, dtype=np.int64)
    if column.dtype == pl.String and not column.is_sorted():
        # Few distinct texts in no order: sorting these alone is faster than ranking every row.
        ranks = column.cast(pl.Enum(column.drop_nulls().unique().sort())).to_physical()
    else:
        ranks = column.rank("dense") - 1
    return np.asarray(ranks.cast(pl.Int64).fill_null(-1).to_numpy(), dtype=np.int64)


def optional(frame: pl.DataFrame, name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """Return a column, or one of nulls where the table leaves it out."""
    if name in frame.columns:
        return frame[name]
    return pl.Series(name, dtype=dtype).extend_constant(None, frame.height)


def lookup(
    rows: pl.DataFrame, key: str, table: Frame | None, names: tuple[str, ...]
) -> pl.DataFrame:
    """Fetch columns of another table for each row by a shared key; null where there is none.

    Returns
    -------
    polars.DataFrame
        One row for each of rows, in their order, with exactly the columns asked for.
    """
    if table is None:
        missing = pl.Series(dtype=pl.Float64).extend_constant(None, rows.height)
        return pl.DataFrame(dict.fromkeys(names, missing))
    parent = eager(table)
    present = [name for name in names if name in parent.columns]
    found = rows.select(key).join(
        parent.select(key, *present), on=key, how="left", maintain_order="left"
    )
    absent = [pl.lit(None, dtype=pl.Float64).alias(name) for name in names if name not in present]
    return found.with_columns(absent).select(names)
