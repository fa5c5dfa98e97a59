"""What is not known stays unknown: rows without what an estimator uses are left out, and counted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags

IN_WORDS = {
    "access": "access to AI",
    "use": "use of AI",
    "firm": "the firm",
    "industry": "the industry",
    "occupation": "the occupation",
    "exposure": "exposure",
    "time_share": "the task's share of time",
    "rent": "the firm's rent per worker or human pay",
    "skill": "the task's skill type",
    "educ_cog": "cognitive education",
    "educ_soc": "social education",
    "ability": "ability",
    "retest": "the second measurement of ability",
}
"""What messages call a field."""


def is_known(values: Array | Codes) -> Flags:
    """Entries that are known: codes from 0 on, finite numbers, (row,)."""
    return values >= 0 if values.dtype.kind == "i" else np.isfinite(values)


def known_or_unasked(values: Array | Codes) -> Flags:
    """Entries that are known; all of them where none is, as the panel then does not tell them apart."""
    known = is_known(values)
    return known if known.any() else np.ones_like(known)


def told(values: Any, otherwise: float) -> Any:
    """Values as they are; one and the same everywhere where none is known, (row,)."""
    if is_known(values).any():
        return values
    return np.broadcast_to(np.asarray(otherwise, dtype=values.dtype), values.shape)


def left_out(known: Mapping[str, Flags], what: str = "rows", *, n_rows: Array | None = None) -> str:
    """Say how many rows were left out because a field is not known, and how many for each; empty if none was.

    Parameters
    ----------
    known
        Entries in which each field is known, (row,) each.
    what
        What they are called.
    n_rows
        How many each stands for, (row,); one if None.
    """
    everything = np.logical_and.reduce(list(known.values()))
    counts = np.ones(everything.size) if n_rows is None else n_rows
    missing = {name: int(counts[~flags].sum()) for name, flags in known.items()}
    return left_out_counts(missing, int(counts[~everything].sum()), int(counts.sum()), what)


def left_out_counts(missing: Mapping[str, int], n_left: int, n_all: int, what: str = "rows") -> str:
    """Say the same from counts: rows in which each field is not known, rows left out, and all rows."""
    if not n_left:
        return ""
    parts = [f"{IN_WORDS.get(name, name)} in {n:,}" for name, n in missing.items() if n]
    return f"{n_left:,} of {n_all:,} {what} left out, not known: {', '.join(parts)}"


def known_rows(frame: pl.DataFrame, *columns: str) -> tuple[pl.DataFrame, str]:
    """Leave out the rows of a table in which a column is null or NaN, and say how many."""
    rows, note = scan_known(frame.lazy(), *columns)
    return (rows.collect() if note else frame), note


def scan_known(frame: pl.LazyFrame, *columns: str) -> tuple[pl.LazyFrame, str]:
    """Leave out the same rows of a lazy table, in a pass that counts them."""
    schema = frame.collect_schema()
    known = {
        name: pl.col(name).is_not_null() & pl.col(name).is_not_nan()
        if schema[name].is_float()
        else pl.col(name).is_not_null()
        for name in columns
        if name in schema
    }
    everything = pl.all_horizontal(known.values())
    counts = frame.select(
        pl.len().alias("n_all"),
        (~everything).sum().alias("n_left"),
        **{n: (~flag).sum() for n, flag in known.items()},
    )
    row = counts.collect(engine="streaming").row(0, named=True)
    n_all, n_left = row.pop("n_all"), row.pop("n_left")
    note = left_out_counts(row, n_left, n_all)
    return (frame.filter(everything) if note else frame), note


def joined(*messages: str) -> str:
    """Join the messages that say something."""
    return "; ".join(message for message in messages if message)


def earliest(unit: Codes, period: Codes, *then: Array | Codes) -> Codes:
    """Position of the earliest row of each unit, whatever the order of rows, (unit,).

    Parameters
    ----------
    unit
        Codes without gaps, (row,).
    period
        Period, (row,).
    then
        What decides between rows of one unit and period, so that no order of rows does, (row,) each.
    """
    order = np.lexsort((*reversed(then), period, unit))
    is_first = np.diff(unit[order], prepend=-1) > 0
    return np.asarray(order[is_first])
