"""How the columns, units and codes of a data owner become ours: one table of ``panel.toml``.

.. code-block:: toml

    [tables.outputs]
    file = "calls 2024.csv"              # CSV or Parquet; in a DuckDB file: table = "calls"
    separator = ";"                      # CSV; a comma if left out
    decimal_comma = true                 # CSV; 1,5 is one and a half
    null_values = ["", "NA"]             # CSV; unquoted empty cells if left out
    sorted = ["worker_id", "period"]     # checked, if the file is said to be sorted
    ignore = ["comment"]                 # their columns that are left out on purpose
    columns = { worker_id = "Employee", period = "Month", output = "Calls", ai_access = "Copilot" }
    scale = { output = 0.125 }           # ours = theirs x 0.125, here calls a day -> an hour
    constants = { task_id = "support", unit = "calls an hour" }

    [tables.outputs.codes]               # theirs -> ours; every value must be listed
    ai_access = { yes = true, no = false }
    period = { "2024-01" = 1, "2024-02" = 2 }
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import polars as pl

from withintask.panel.errors import nearest, some_examples
from withintask.panel.references import Breach

if TYPE_CHECKING:
    import dataframely as dy

_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class TableMapping:
    """Where a table is found, and how its columns become ours."""

    name: str
    """our name of the table"""
    file: str = ""
    """file that holds it, or the parts that do (``outputs/*.parquet``), relative to the folder of ``panel.toml``"""
    table: str = ""
    """its name in a DuckDB file; ours if left out"""
    n_rows: int | None = None
    """rows it must have; unchecked if left out"""
    separator: str = ","
    """CSV: what stands between two cells"""
    header: bool = True
    """CSV: whether the first line names the columns; else they are column_1, column_2, …"""
    decimal_comma: bool = False
    """CSV: whether the decimal sign is a comma"""
    null_values: Sequence[str] = ("",)
    """CSV: cells that mean null"""
    sorted: Sequence[str] = ()
    """our columns by which the rows are said to be sorted"""
    ignore: Sequence[str] = ()
    """their columns that are left out"""
    columns: Mapping[str, str] = field(default_factory=dict)
    """our column -> theirs; columns that have our name already if left out"""
    scale: Mapping[str, float] = field(default_factory=dict)
    """our column -> the number by which theirs is multiplied"""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """our column -> its value in every row"""
    codes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """our column -> their value, as text -> our value"""


def table_mapping(name: str, section: Mapping[str, Any]) -> tuple[TableMapping, list[str]]:
    """Read a ``[tables.…]`` section; return the mapping and what is wrong with the section."""
    from withintask.panel.schema import SCHEMAS

    known = [one.name for one in fields(TableMapping) if one.name != "name"]
    problems = [f"[tables.{name}] {_unknown(key, known)}" for key in section if key not in known]
    mapping = TableMapping(name=name, **{k: v for k, v in section.items() if k in known})
    ours = SCHEMAS[name].column_names()
    used = {
        "columns": mapping.columns,
        "scale": mapping.scale,
        "constants": mapping.constants,
        "codes": mapping.codes,
        "sorted": mapping.sorted,
    }
    for key, names in used.items():
        bad = [column for column in names if column not in ours]
        problems += [f"[tables.{name}] {key}: {_unknown(column, ours)}" for column in bad]
    both = sorted(set(mapping.columns) & set(mapping.constants))
    problems += [f"[tables.{name}] {column} is both a column and a constant" for column in both]
    if not problems:
        problems += _wrongly_typed(mapping, SCHEMAS[name])
    return mapping, problems


def _wrongly_typed(mapping: TableMapping, schema: "type[dy.Schema]") -> list[str]:
    """Name constants and codes whose value is not of the type of our column."""
    types = {name: column.dtype for name, column in schema.columns().items()}
    values = [(column, value) for column, value in mapping.constants.items()]
    values += [
        (column, value) for column, codes in mapping.codes.items() for value in codes.values()
    ]
    problems = [
        f"[tables.{mapping.name}] {column}: {value!r} is not {types[column]}"
        for column, value in values
        if not _is_a(value, types[column])
    ]
    return problems + [
        f"[tables.{mapping.name}] scale: {column} is not a number with a unit"
        for column in mapping.scale
        if not types[column].is_float()
    ]


def _is_a(value: object, dtype: pl.DataType) -> bool:
    if dtype == pl.String:
        return isinstance(value, str)
    if dtype == pl.Boolean or isinstance(value, bool):
        return dtype == pl.Boolean and isinstance(value, bool)
    return isinstance(value, int) or (dtype.is_float() and isinstance(value, float))


def apply_mapping(
    raw: pl.LazyFrame, mapping: TableMapping, schema: "type[dy.Schema]", *, is_text: bool
) -> tuple[pl.LazyFrame, list[Breach]]:
    """Turn their table into ours, and count every cell that could not be turned.

    Parameters
    ----------
    raw
        Their table.
    mapping
        How its columns map to ours.
    schema
        Our schema of the table.
    is_text
        Whether all cells are text (CSV), so that numbers and truth values are still to be read.

    Returns
    -------
    tuple
        Our table, lazy, and what went wrong. Rules of the schema are not checked here.
    """
    theirs = raw.collect_schema()
    ours = schema.columns()
    columns = dict(mapping.columns) or {c: c for c in theirs if c in ours}
    problems = list(_column_breaches(mapping, columns, theirs))
    usable = {ours: name for ours, name in columns.items() if name in theirs}
    types = schema.columns()
    values = {
        ours: _value(pl.col(name), ours, mapping, types[ours].dtype, is_text)
        for ours, name in usable.items()
    }
    lost = {
        ours: pl.col(name).is_not_null() & values[ours].is_null() for ours, name in usable.items()
    }
    problems += _lost_cells(raw, mapping, lost)
    constants = {k: pl.lit(v, dtype=types[k].dtype) for k, v in mapping.constants.items()}
    frame = raw.select(**values, **constants)
    problems += _disorder(frame, mapping)
    return frame, problems


def _unknown(name: str, known: Sequence[str]) -> str:
    return f"{name} is not known{nearest(name, known)}"


def _column_breaches(
    mapping: TableMapping, columns: Mapping[str, str], theirs: Mapping[str, pl.DataType]
) -> Iterator[Breach]:
    for ours, name in columns.items():
        if name not in theirs:
            yield _breach(mapping, f"{ours}|not_in_file", 1, f"the file has a column {name!r}")
    twice = sorted({name for name in columns.values() if list(columns.values()).count(name) > 1})
    for name in twice:
        yield _breach(mapping, "mapped_twice", 1, f"column {name!r} feeds one column only")
    used = {*columns.values(), *mapping.ignore}
    left = [name for name in theirs if name not in used]
    if left:
        meaning = "every column of the file is mapped or ignored; left: " + some_examples(left)
        yield _breach(mapping, "unmapped_columns", len(left), meaning)


def _value(
    raw: pl.Expr, ours: str, mapping: TableMapping, dtype: pl.DataType, is_text: bool
) -> pl.Expr:
    """Read their cell as our value; null where it cannot be read."""
    if ours in mapping.codes:
        codes = mapping.codes[ours]
        return raw.cast(pl.String).replace_strict(
            list(codes), list(codes.values()), default=None, return_dtype=dtype
        )
    value = _parsed(raw, dtype, decimal_comma=mapping.decimal_comma) if is_text else raw
    return value * mapping.scale[ours] if ours in mapping.scale else value


def _parsed(text: pl.Expr, dtype: pl.DataType, *, decimal_comma: bool) -> pl.Expr:
    if dtype == pl.String:
        return text
    if dtype == pl.Boolean:
        return text.replace_strict(
            list(_TRUTH), list(_TRUTH.values()), default=None, return_dtype=pl.Boolean
        )
    if decimal_comma and dtype.is_float():
        text = text.str.replace(",", ".", literal=True)
    return text.cast(dtype, strict=False)


def _lost_cells(
    raw: pl.LazyFrame, mapping: TableMapping, lost: Mapping[str, pl.Expr]
) -> Iterator[Breach]:
    if not lost:
        return
    counts = raw.select(is_lost.sum().alias(ours) for ours, is_lost in lost.items())
    totals = counts.collect(engine="streaming").row(0, named=True)
    for ours, n_rows in totals.items():
        if n_rows:
            reason = "has a code that is listed" if ours in mapping.codes else "can be read"
            rows = raw.select(row=pl.row_index(), bad=lost[ours]).filter("bad").head(5)
            examples = tuple(f"row {i + 1}" for i in rows.collect()["row"])
            meaning = f"every cell of {mapping.columns.get(ours, ours)!r} {reason}"
            yield _breach(mapping, f"{ours}|unreadable", n_rows, meaning, examples)


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
