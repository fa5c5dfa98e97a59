"""Ids of simulated rows: short texts that keep their order, or the same as categories, repeated and gathered as items of fixed size.

A text of at most twelve bytes lies inside its Arrow string view, so a column of ids is an array of 16-byte items
and repeating it is a copy of memory. As categories ids are their numbers, and estimators need not code them again.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from withintask.panel.arrays import Codes
from withintask.panel.transform import in_order

_VIEW = np.dtype("V16")
_N_DIGITS = 7

Numbering = Callable[[str, int, int], pl.Series]
"""What makes ids of a prefix, how many, and the first number: :func:`number_ids` or :func:`number_codes`."""


@lru_cache(maxsize=64)
def number_ids(prefix: str, n: int, first: int = 0) -> pl.Series:
    """Return ids such as w0000012; a number over seven digits makes a longer id."""
    number = pl.int_range(first, first + n, dtype=pl.Int64, eager=True)
    return prefix + number.cast(pl.String).str.zfill(_N_DIGITS)


def number_codes(prefix: str, n: int, first: int = 0) -> pl.Series:
    """Return the same ids as categories, whose codes are their places; as texts where those are in another order."""
    ids = number_ids(prefix, n, first)
    return in_order(ids, f"{prefix} {n} {first}") if ids.is_sorted() else ids


def repeat_ids(ids: pl.Series, count: int) -> pl.Series:
    """Repeat every id count times, one after the other."""
    return _series(np.repeat(_items(ids), count), ids)


def tile_ids(ids: pl.Series, count: int) -> pl.Series:
    """Repeat the whole series count times."""
    return _series(np.tile(_items(ids), count), ids)


def take_ids(ids: pl.Series, index: Codes) -> pl.Series:
    """Return the ids at the given positions."""
    return _series(_items(ids)[index], ids)


def _items(ids: pl.Series) -> NDArray[Any]:
    if ids.dtype != pl.String:
        return ids.to_physical().to_numpy()
    array: Any = ids.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    return np.frombuffer(
        array.buffers()[1], dtype=_VIEW, count=len(ids), offset=array.offset * _VIEW.itemsize
    )


def _series(items: NDArray[Any], ids: pl.Series) -> pl.Series:
    """A column of items of the type of ids."""
    if ids.dtype != pl.String:
        return pl.Series(items).cat.to(ids.dtype)
    array = pa.Array.from_buffers(pa.string_view(), items.size, [None, pa.py_buffer(items)])
    return pl.Series(pl.from_arrow(array))
