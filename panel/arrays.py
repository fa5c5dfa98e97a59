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


def floats(column: pl.Series) -> Array:
    """Return a column as numbers, null as NaN, (row,)."""
    numbers = column.cast(pl.Float64)
    if numbers.null_count():
        numbers = numbers.fill_null(float("nan"))
    return np.asarray(numbers.to_numpy(), dtype=np.float64)
