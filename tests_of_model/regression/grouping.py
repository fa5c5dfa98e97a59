"""Integer codes of groups, and sums over groups."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from withintask.panel.arrays import Array, Codes

# A code above this multiple of the number of rows is re-encoded by sorting, below it by counting.
_SPARSE_CODES = 8
# Rows that settle most questions of nesting.
_FIRST_ROWS = 512


def encode(*columns: npt.ArrayLike) -> Codes:
    """Give codes to the distinct values of a column, or to the combinations of several.

    Parameters
    ----------
    columns
        Arrays (n_obs,) of anything that sorts: integers, strings, dates.

    Returns
    -------
    array of int (n_obs,)
        Codes 0, 1, … in the order of the values.
    """
    codes = np.zeros(len(np.asarray(columns[0])), dtype=np.intp)
    for column in columns:
        inverse = _ordered_codes(np.asarray(column))
        codes = compact_codes(codes * (np.max(inverse, initial=0) + 1) + inverse)
    return codes


def _ordered_codes(column: npt.NDArray[Any]) -> Codes:
    """Codes of the distinct values of a column, integers by counting where their range allows it."""
    if column.size and column.dtype.kind in "iu":
        return compact_codes(column.astype(np.int64) - int(column.min()))
    return np.unique(column, return_inverse=True)[1]


def is_nested(inner: Codes, outer: Codes) -> bool:
    """Whether each level of the inner factor lies in one level of the outer factor."""
    if inner is outer:
        return True
    owner = np.empty(np.max(inner) + 1, dtype=outer.dtype)
    for stop in (_FIRST_ROWS, len(inner)):
        owner[inner[:stop]] = outer[:stop]
        if not np.array_equal(owner[inner[:stop]], outer[:stop]):
            return False
    return True


def compact_codes(codes: npt.NDArray[Any]) -> Codes:
    """Renumber non-negative integer codes to 0, 1, … without gaps, keeping their order."""
    exact = codes.astype(np.intp, copy=False)
    if np.max(exact, initial=0) > _SPARSE_CODES * len(exact):
        return np.unique(exact, return_inverse=True)[1].astype(np.intp, copy=False)
    present = np.bincount(exact) > 0
    if present.all():
        return exact
    return (np.cumsum(present) - 1)[exact]


def first_rows(codes: Codes) -> Codes:
    """Find the first row of each of the codes 0, 1, … that have no gaps, (n_groups,)."""
    first = np.zeros(int(np.max(codes, initial=-1)) + 1, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first


def group_sums(codes: Codes, values: npt.NDArray[Any], n_groups: int = 0) -> Array:
    """Sum values (n_obs,) within groups: (n_groups,), or as many as there are codes."""
    sums: Any = np.bincount(codes, values, n_groups)
    return np.asarray(sums, dtype=float)


def sorting_order(codes: Codes) -> Codes:
    """Find the stable order that sorts small integers, by counting (a sparse transpose)."""
    n_rows = len(codes)
    shape = (n_rows, int(np.max(codes)) + 1)
    ones = np.empty(n_rows, dtype=np.int8)
    by_row = sparse.csr_array((ones, codes, np.arange(n_rows + 1)), shape=shape)
    order: Codes = by_row.tocsc().indices
    return order
