"""The array types of the project, and how a column becomes one."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Numbers; NaN where a value is not known."""

Codes = NDArray[np.int64]
"""Codes of categories, or positions."""

Flags = NDArray[np.bool_]
"""A mask."""


def same_everywhere(value: float, n: int) -> Array:
    """Return one number n times, which takes no memory and cannot be written to, (n,)."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (n,))


def floats(column: pl.Series) -> Array:
    """Return a column as numbers, null as NaN, (row,)."""
    n_unknown = column.null_count()
    if n_unknown == column.len():
        return same_everywhere(np.nan, n_unknown)
    numbers = column.cast(pl.Float64)
    if n_unknown:
        numbers = numbers.fill_null(float("nan"))
    return np.asarray(numbers.to_numpy(), dtype=np.float64)
