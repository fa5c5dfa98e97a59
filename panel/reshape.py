"""Rows of a data owner's file as rows of ours: wide to long, one row a key, items by row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from withintask.panel.references import Breach

ROW = "_row"
"""Name of the number of a row while a table is read; the first is 1."""

AGGREGATES: Mapping[str, Callable[[pl.Expr], pl.Expr]] = MappingProxyType(
    {
        "mean": lambda value: value.mean(),
        "median": lambda value: value.median(),
        "sum": lambda value: value.sum(),
        "min": lambda value: value.min(),
        "max": lambda value: value.max(),
    }
)
"""Ways to make one value of those of several rows."""


@dataclass(frozen=True, kw_only=True)
class Wide:
    """Columns that are one of ours, side by side."""

    by: str
    """our column that tells them apart"""
    into: str
    """our column that takes their cells"""
    columns: Mapping[str, object]
    """their column -> our value of `by`"""


LABEL, CELL = "_label", "_cell"


def lengthen(raw: pl.LazyFrame, wide: Wide) -> pl.LazyFrame:
    """Put columns that stand side by side below each other, as ``_label`` and ``_cell``."""
    rest = [name for name in raw.collect_schema() if name not in wide.columns]
    present = [name for name in wide.columns if name not in rest]
    return raw.unpivot(present, index=rest, variable_name=LABEL, value_name=CELL)


def one_a_key(
    frame: pl.LazyFrame, key: Sequence[str], aggregate: Mapping[str, str]
) -> pl.LazyFrame:
    """Keep one row a key: columns named are aggregated, of the others the known value is kept."""
    values = [name for name in frame.collect_schema() if name not in key]
    taken = {
        name: AGGREGATES[aggregate[name]](pl.col(name))
        if name in aggregate
        else pl.col(name).drop_nulls().first()
        for name in values
    }
    return frame.group_by(list(key)).agg(**taken).sort(list(key))


def varying(
    frame: pl.LazyFrame, table: str, key: Sequence[str], aggregate: Mapping[str, str]
) -> Iterator[Breach]:
    """Count the keys whose rows disagree in a column that is not aggregated."""
    names = [n for n in frame.collect_schema() if n not in (*key, *aggregate)]
    if not names:
        return
    several = [(pl.col(name).drop_nulls().n_unique() > 1).alias(name) for name in names]
    counts = frame.group_by(list(key)).agg(several).select(pl.col(names).sum())
    for name, n_keys in counts.collect(engine="streaming").row(0, named=True).items():
        meaning = f"{name} is one for each {', '.join(key)}, of which one row is kept"
        yield Breach(table=table, rule=f"{name}|varies", n_rows=n_keys, meaning=meaning)


def number_items(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Make an item of every row: ``row 1``, ``row 2``, …; no item is shared by two workers."""
    numbered = frame.with_row_index(ROW, offset=1)
    return numbered.with_columns(item_id=pl.format("row {}", ROW)).drop(ROW)
