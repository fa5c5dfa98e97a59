"""Turn a data owner's table into ours by its mapping, counting every cell that could not be turned."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import polars as pl

from withintask.panel.cells import cell_value
from withintask.panel.errors import quoted, some_examples
from withintask.panel.mapping import TableMapping, our_types
from withintask.panel.references import Breach
from withintask.panel.reshape import CELL, LABEL, ROW, lengthen, number_items, one_a_key, varying
from withintask.panel.schema import key_of
from withintask.panel.spill import ReadAtOnce, Spill, spilled

_Values: TypeAlias = dict[str, pl.Expr]
"""By our column."""

N_EXAMPLES = 5
"""Rows named for what could not be read."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mapped:
    """A table of ours as far as it could be read."""

    frame: pl.LazyFrame
    """the table"""
    problems: tuple[Breach, ...]
    """what could not be read"""
    notes: tuple[str, ...] = ()
    """what was left out as the mapping says"""


def apply_mapping(
    raw: pl.LazyFrame,
    mapping: TableMapping,
    *,
    used_elsewhere: Iterable[str] = (),
    spill: Spill | None = None,
) -> Mapped:
    """Turn their table into ours.

    Parameters
    ----------
    raw
        Their table.
    mapping
        How its columns map to ours.
    used_elsewhere
        Columns that the same file feeds into other tables.
    spill
        Where the cells as they are read are put, so that text is parsed once however often the table is gone through; it must
        live as long as the table. None to parse at every pass.

    Returns
    -------
    Mapped
        Our table, lazy, and what went wrong. Rules of the schema are not checked here.
    """
    theirs, types = raw.collect_schema(), our_types(mapping)
    columns = dict(mapping.columns)
    if not columns:
        taken = {
            *mapping.constants,
            *((mapping.wide.by, mapping.wide.into) if mapping.wide else ()),
        }
        columns = {name: name for name in theirs if name in types and name not in taken}
    used = {*columns.values(), *mapping.their_columns, *used_elsewhere}
    problems = list(_column_breaches(mapping, columns, theirs, used))
    rows, columns = _as_rows(raw, mapping, columns)
    present = rows.collect_schema()
    values, lost = _read(mapping, columns, present)
    if spill is not None and values:
        rows, values, lost = _spilled(rows, mapping, columns, (values, lost), spill)
    problems += _lost_cells(rows, mapping, columns, lost)
    frame, notes = _whole(rows, mapping, types, values)
    problems += _disorder(frame, mapping)
    frame, varies = _one_a_key(frame, mapping)
    return Mapped(frame=frame, problems=(*problems, *varies), notes=notes)


def _as_rows(
    raw: pl.LazyFrame, mapping: TableMapping, columns: dict[str, str]
) -> tuple[pl.LazyFrame, dict[str, str]]:
    """Bring columns side by side into rows; what stands in them is one more column of theirs."""
    if mapping.wide is None:
        return raw, columns
    labels = mapping.wide.columns
    longer = lengthen(raw, mapping.wide).with_columns(
        pl.col(LABEL).replace_strict(list(labels), list(labels.values()), default=None)
    )
    return longer, {**columns, mapping.wide.by: LABEL, mapping.wide.into: CELL}


def _starts(mapping: TableMapping, ours: str) -> set[str]:
    rule = mapping.since.get(ours)
    return {str(rule["from"])} if rule else set()


def _whole(
    rows: pl.LazyFrame,
    mapping: TableMapping,
    types: Mapping[str, pl.DataType],
    values: Mapping[str, pl.Expr],
) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """Fill, add constants, number the rows as items, leave rows out and say how many."""
    filled = {
        ours: value.fill_null(pl.lit(mapping.fill[ours], dtype=types[ours]))
        if ours in mapping.fill
        else value
        for ours, value in values.items()
    }
    constants = {k: pl.lit(v, dtype=types[k]) for k, v in mapping.constants.items()}
    frame = rows.select(**filled, **constants)
    if mapping.items:
        frame = number_items(frame)
    needed = [name for name in mapping.leave_out if name in values]
    if not needed:
        return frame, ()
    is_whole = pl.all_horizontal(pl.col(needed).is_not_null())
    counts = frame.select(n=pl.len(), out=(~is_whole).sum()).collect(engine="streaming").row(0)
    note = (
        f"{mapping.name}: {counts[1]:,} of {counts[0]:,} rows without {', '.join(needed)} left out"
    )
    return frame.filter(is_whole), (note,) if counts[1] else ()


def _one_a_key(
    frame: pl.LazyFrame, mapping: TableMapping
) -> tuple[pl.LazyFrame, tuple[Breach, ...]]:
    present = frame.collect_schema().names()
    key = key_of(mapping.name, present)
    is_asked = mapping.one_a_key or mapping.aggregate
    if not is_asked or not set(key) <= set(present):
        return frame, ()
    breaches = tuple(varying(frame, mapping.name, key, mapping.aggregate))
    return one_a_key(frame, key, mapping.aggregate), breaches


def _column_breaches(
    mapping: TableMapping,
    columns: Mapping[str, str],
    theirs: Mapping[str, pl.DataType],
    used: set[str],
) -> Iterator[Breach]:
    wide = mapping.wide.columns if mapping.wide else ()
    starts = {f"{ours} (since)": str(rule["from"]) for ours, rule in mapping.since.items()}
    expected = {**columns, **starts, **{str(name): name for name in wide}}
    for ours, name in expected.items():
        if name not in theirs:
            yield _breach(
                mapping, f"{ours}|not_in_file", 1, f"the file has a column {quoted(name)}"
            )
    left = [name for name in theirs if name not in used]
    if left:
        meaning = "every column of the file is mapped or ignored; left: " + some_examples(left)
        yield _breach(mapping, "unmapped_columns", len(left), meaning)


def _read(
    mapping: TableMapping, columns: Mapping[str, str], present: Mapping[str, pl.DataType]
) -> tuple[_Values, _Values]:
    """Our values, and whether a cell is not empty and could not be read, by our column; a cell that is taken as it stands is read."""
    types, whole = our_types(mapping), replace(mapping, null_if={})
    values, lost = {}, {}
    for ours, name in columns.items():
        if name in present and _starts(mapping, ours) <= set(present):
            values[ours] = cell_value(name, ours, mapping, present[name], types[ours])
            read = cell_value(name, ours, whole, present[name], types[ours])
            if not read.meta.eq(pl.col(name)):
                lost[ours] = _is_known(name, mapping, ours) & read.is_null()
    return values, lost


def _numbers(mapping: TableMapping, columns: Mapping[str, str]) -> dict[str, pl.DataType]:
    """Their columns of text whose cells stand for one number of ours as they are written."""
    types = our_types(mapping)
    read_otherwise = {
        *(*mapping.codes, *mapping.dates, *mapping.since, *mapping.strip, *mapping.convert)
    }
    if not mapping.is_text or mapping.thousands or mapping.decimal_comma:
        return {}
    uses = Counter([*columns.values(), *(str(rule["from"]) for rule in mapping.since.values())])
    return {
        name: types[ours]
        for ours, name in columns.items()
        if types[ours] in (pl.Float64, pl.Int64) and uses[name] == 1 and ours not in read_otherwise
    }


def _spilled(
    rows: pl.LazyFrame,
    mapping: TableMapping,
    columns: Mapping[str, str],
    of_text: tuple[_Values, _Values],
    spill: Spill,
) -> tuple[pl.LazyFrame, _Values, _Values]:
    """Write values and what was lost in one pass; read them back as columns. As they were where the disk is too small."""
    values, lost = of_text
    flags = {ours: f"{ours}|lost" for ours in lost}
    present = rows.collect_schema()
    types = {name: dtype for name, dtype in _numbers(mapping, columns).items() if name in present}
    of_numbers = _read(mapping, columns, {**present, **types})
    text, at_once = (
        {**read, **{flag: wrong.get(ours, pl.lit(value=False)) for ours, flag in flags.items()}}
        for read, wrong in (of_text, of_numbers)
    )
    kept = spilled(rows, mapping, text, ReadAtOnce(types=types, columns=at_once), spill)
    if kept is None:
        return rows, values, lost
    named = {ours: pl.col(ours) for ours in values}
    return kept, named, {ours: pl.col(flag) for ours, flag in flags.items()}


def _lost_cells(
    rows: pl.LazyFrame,
    mapping: TableMapping,
    columns: Mapping[str, str],
    lost: Mapping[str, pl.Expr],
) -> Iterator[Breach]:
    """Count the cells that are not empty and could not be read."""
    if not lost:
        return
    counts = rows.select(is_lost.sum().alias(ours) for ours, is_lost in lost.items())
    totals = counts.collect(engine="streaming").row(0, named=True)
    for ours, n_rows in totals.items():
        if n_rows:
            bad = rows.with_row_index(ROW, offset=1).filter(lost[ours]).select(ROW)
            examples = tuple(f"row {row}" for row in bad.head(N_EXAMPLES).collect()[ROW])
            meaning = _meaning(columns[ours], ours, mapping)
            yield _breach(mapping, f"{ours}|unreadable", n_rows, meaning, examples)


def _is_known(name: str, mapping: TableMapping, ours: str) -> pl.Expr:
    known = pl.col(name).is_not_null()
    for start in _starts(mapping, ours):
        known = known & pl.col(start).is_not_null()
    return known


def _meaning(name: str, ours: str, mapping: TableMapping) -> str:
    """Say what was expected of a cell, by what the mapping says of its column."""
    source = mapping.wide.into if name == CELL and mapping.wide else name
    where = f"every cell of {quoted(source)}"
    of_kind = (
        (mapping.codes, "has a code that is listed"),
        (mapping.dates, "can be read as a date, {0.format}"),
        (mapping.ranked, "can be read as a time, {0}"),
        (mapping.functions, "can be read and has a {0}"),
    )
    for stated, words in of_kind:
        if ours in stated:
            return f"{where} {words.format(stated[ours])}"
    if ours in mapping.convert:
        return f"{where} can be converted without losing a digit"
    point = "; a point is no decimal sign where the comma is one" if mapping.decimal_comma else ""
    return f"{where} can be read{point}"


def _disorder(frame: pl.LazyFrame, mapping: TableMapping) -> Iterator[Breach]:
    """Count rows that come before the row above them, if the file is said to be sorted."""
    present = frame.collect_schema().names()
    by = [column for column in mapping.sorted if column in present]
    if not by:
        return
    is_back, is_equal = pl.lit(False), pl.lit(True)
    for column in by:
        above = pl.col(column).shift(1)
        is_back = is_back | (is_equal & (pl.col(column) < above).fill_null(False))
        is_equal = is_equal & (pl.col(column) == above).fill_null(False)
    n_rows = frame.select(is_back.sum()).collect(engine="streaming").item()
    if n_rows:
        meaning = f"rows are sorted by {', '.join(by)}, as the mapping says"
        yield _breach(mapping, "not_sorted", n_rows, meaning)


def _breach(
    mapping: TableMapping, rule: str, n_rows: int, meaning: str, examples: tuple[str, ...] = ()
) -> Breach:
    return Breach(table=mapping.name, rule=rule, n_rows=n_rows, meaning=meaning, examples=examples)
