"""Integer codes of groups, and sums over groups."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.panel.transform import first_rows
from withintask.tests_of_model.regression.identifiers import (
    SPARSE_CODES,
    compact_codes,
    known_codes,
)

__all__ = [
    "combined_codes",
    "compact_codes",
    "encode",
    "first_rows",
    "group_sums",
    "is_nested",
    "n_distinct",
    "sorting_order",
]

# Rows that settle most questions of nesting.
_FIRST_ROWS = 512


def encode(*columns: npt.ArrayLike) -> Codes:
    """Give codes to the distinct values of a column, or to the combinations of several.

    Parameters
    ----------
    columns
        Columns (n_obs,) of anything that sorts: integers of any size, decimals, strings, categories, dates.

    Returns
    -------
    array of int (n_obs,)
        Codes 0, 1, … in the order of the values.

    Raises
    ------
    EstimationError
        Values that are not known (null, NaN), which are no level; see
        :func:`withintask.tests_of_model.regression.identifiers.known_codes`.
    """
    codes: Codes | None = None
    for column in columns:
        inner, known = known_codes(column)
        if not known.all():
            raise EstimationError(
                f"encode: {np.count_nonzero(~known):,} of {known.size:,} values are not known (null or NaN), and what "
                "is not known is no level; leave the rows out first"
            )
        codes = inner if codes is None else combined_codes(codes, inner)
    return np.zeros(0, dtype=np.intp) if codes is None else codes


def combined_codes(outer: Codes, inner: Codes) -> Codes:
    """Give codes without gaps to the combinations of two codes that have none, in their order, (n_obs,)."""
    n_outer, n_inner = (int(np.max(codes, initial=0)) + 1 for codes in (outer, inner))
    if not len(outer) or n_outer * n_inner <= SPARSE_CODES * len(outer):
        return compact_codes(outer * n_inner + inner)
    # Many more combinations than rows: sorted by counting, twice, which is faster than by comparing.
    order = sorting_order(inner)
    order = order[sorting_order(outer[order])]
    sorted_outer, sorted_inner = outer[order], inner[order]
    is_new = (np.diff(sorted_outer) != 0) | (np.diff(sorted_inner) != 0)
    codes = np.zeros(len(order), dtype=np.intp)
    codes[order[1:]] = np.cumsum(is_new)
    return codes


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


def n_distinct(codes: Codes) -> int:
    """Count the distinct values of codes, not known (-1) among them if it is there."""
    return int(np.count_nonzero(np.bincount(codes + 1)))


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
