"""Ids of simulated rows: short texts that keep their order, repeated and gathered as 16-byte views.

A text of at most twelve bytes lies inside its Arrow string view, so a column of ids is an array of 16-byte items
and repeating it is a copy of memory.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from withintask.panel.arrays import Codes

_VIEW = np.dtype("V16")
_N_DIGITS = 7


@lru_cache(maxsize=64)
def number_ids(prefix: str, n: int, first: int = 0) -> pl.Series:
    """Return ids such as w0000012; a number over seven digits makes a longer id."""
    number = pl.int_range(first, first + n, dtype=pl.Int64, eager=True)
    return prefix + number.cast(pl.String).str.zfill(_N_DIGITS)


def repeat_ids(ids: pl.Series, count: int) -> pl.Series:
    """Repeat every id count times, one after the other."""
    return _series(np.repeat(_views(ids), count))


def tile_ids(ids: pl.Series, count: int) -> pl.Series:
    """Repeat the whole series count times."""
    return _series(np.tile(_views(ids), count))


def take_ids(ids: pl.Series, index: Codes) -> pl.Series:
    """Return the ids at the given positions."""
    return _series(_views(ids)[index])


def _views(ids: pl.Series) -> NDArray[np.void]:
    array: Any = ids.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    return np.frombuffer(
        array.buffers()[1], dtype=_VIEW, count=len(ids), offset=array.offset * _VIEW.itemsize
    )


def _series(views: NDArray[np.void]) -> pl.Series:
    array = pa.Array.from_buffers(pa.string_view(), views.size, [None, pa.py_buffer(views)])
    return pl.Series(pl.from_arrow(array))
