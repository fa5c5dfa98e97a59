"""Ids of any type as integer codes, never through floats, and which of them are known."""

import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from withintask.panel.arrays import Codes, Flags
from withintask.panel.errors import EstimationError

_LARGEST = np.iinfo(np.int64).max
# A code above this multiple of the number of rows is re-encoded by sorting, below it by counting.
SPARSE_CODES = 8


def known_codes(column: Any) -> tuple[Codes, Flags]:
    """Give codes to the distinct values of a column, and tell which are known.

    Parameters
    ----------
    column
        Array, Polars, pandas or Arrow column (n_obs,) of anything that sorts: integers of any size, decimals, strings,
        categories, dates. Null, NaN, NaT and None are not known.

    Returns
    -------
    codes : array of int (n_obs,)
        0, 1, … in the order of the values; -1 where the value is not known.
    known : array of bool (n_obs,)

    Raises
    ------
    EstimationError
        Values of types that have no common order.
    """
    if isinstance(column, pl.Series):
        return _of_series(column)
    if hasattr(column, "__arrow_c_stream__") or hasattr(column, "__arrow_c_array__"):
        return _of_series(pl.Series(column))
    values = column if isinstance(column, np.ndarray) else _as_given(column)
    masked = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    plain = np.asarray(values)
    known = _is_known(plain)
    if masked is not None:
        known &= ~masked
    if known.all():
        return ordered_codes(plain), known
    codes = np.full(plain.shape, -1, dtype=np.intp)
    codes[known] = ordered_codes(plain[known])
    return codes, known


def left_out_ids(known: Mapping[str, Flags]) -> str:
    """Say how many rows are left out because an id is not known, and how many for each; empty if none is."""
    missing = {name: int(np.count_nonzero(~flags)) for name, flags in known.items()}
    if not any(missing.values()):
        return ""
    everything = np.logical_and.reduce(list(known.values()))
    n_left = int(np.count_nonzero(~everything))
    return left_out_message(n_left, everything.size, missing)


def left_out_message(n_left: int, n_rows: int, missing: Mapping[str, int]) -> str:
    """Say how many of how many rows are left out, and how many for each id."""
    parts = ", ".join(f"{name} in {n:,}" for name, n in missing.items() if n)
    return f"{n_left:,} of {n_rows:,} rows left out, not known: {parts}"


def ordered_codes(values: npt.NDArray[Any]) -> Codes:
    """Codes of the distinct values of an array, integers by counting where their range allows it."""
    if values.size and values.dtype.kind in "iu":
        lowest = values.min()
        if int(values.max()) - int(lowest) <= _LARGEST:
            wide = values if values.dtype.kind == "u" else values.astype(np.int64, copy=False)
            return compact_codes(wide - wide.dtype.type(lowest) if lowest else wide)
    try:
        return np.unique(values, return_inverse=True)[1]
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in values.tolist()})
        raise EstimationError(
            f"ids are of types that have no common order: {', '.join(kinds)}; use one type"
        ) from error


def compact_codes(codes: npt.NDArray[Any]) -> Codes:
    """Renumber non-negative integer codes to 0, 1, … without gaps, keeping their order."""
    if codes.dtype == np.uint64 and int(np.max(codes, initial=0)) > _LARGEST:
        return np.unique(codes, return_inverse=True)[1].astype(np.intp, copy=False)
    exact = codes.astype(np.intp, copy=False)
    if np.max(exact, initial=0) > SPARSE_CODES * len(exact):
        step = np.diff(exact)
        if (step >= 0).all():
            # Rows in the order of their codes, as panels often are, need no sorting.
            return np.concatenate([[0], np.cumsum(step > 0)])
        return np.unique(exact, return_inverse=True)[1].astype(np.intp, copy=False)
    present = np.bincount(exact) > 0
    if present.all():
        return exact
    return (np.cumsum(present) - 1).take(exact)


def _of_series(series: pl.Series) -> tuple[Codes, Flags]:
    if series.dtype.is_float():
        series = series.fill_nan(None)
    known = series.is_not_null().to_numpy()
    if series.dtype in (pl.Int8, pl.Int16, pl.Int32, pl.Int64) and known.all():
        return ordered_codes(series.to_numpy()), known
    ranks = series.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
    return ranks.astype(np.intp) - 1, known


def _as_given(column: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return a sequence as an array in which no integer has become a float."""
    values = np.asarray(column)
    return np.asarray(column, dtype=object) if values.dtype.kind == "f" else values


def _is_known(values: npt.NDArray[Any]) -> Flags:
    if values.dtype.kind == "f":
        return np.asarray(~np.isnan(values))
    if values.dtype.kind in "mM":
        return np.asarray(~np.isnat(values))
    if values.dtype.kind != "O":
        return np.ones(values.shape, dtype=np.bool_)
    return np.array([_is_value(value) for value in values.ravel()], dtype=bool).reshape(
        values.shape
    )


def _is_value(value: object) -> bool:
    """Whether something stands there: no None, NaN, NaT or missing-value marker, none of which equals itself."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    try:
        return bool(operator.eq(value, value))
    except TypeError:  # pandas.NA has no truth value
        return False
