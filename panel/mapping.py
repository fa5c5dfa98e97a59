"""How the columns, units and codes of a data owner become ours: one table of ``panel.toml``.

.. code-block:: toml

    [tables.outputs]
    file = "calls 2024.csv"              # CSV, Parquet, Stata, SPSS, Excel, R; in a DuckDB file: table = "calls"
    separator = ";"                      # CSV; a comma if left out
    header = false                       # CSV; the columns are column_1, column_2, …
    decimal_comma = true                 # CSV; 1,5 is one and a half
    thousands = "."                      # CSV; 1.234,5 is one thousand two hundred …
    null_values = ["", "NA"]             # CSV; empty cells if left out
    sorted = ["worker_id", "period"]     # checked, if the file is said to be sorted
    ignore = ["comment"]                 # their columns that are left out on purpose
    columns = { worker_id = "Employee", period = "Day", output = "Seconds", arm = "Group" }
    convert = ["worker_id"]              # not CSV; numbers to text, …, where no value is lost
    strip = ["item_id"]                  # text without spaces at its ends and line ends inside
    scale = { output = 0.001 }           # ours = f(theirs x scale + shift), here ms -> s
    shift = { output = 0 }
    functions = { output = "reciprocal" }  # log, exp, reciprocal, negate
    constants = { task_id = "support", unit = "calls a second" }
    null_if = { output = [0, 99] }       # numbers that mean that nothing is known
    fill = { ai_access = false }         # what an empty cell means
    leave_out = ["output"]               # rows without it are left out and counted
    covariates = { tenure = "number" }   # further columns; number, flag or category
    items = "row"                        # every row is an item
    aggregate = { output = "mean" }      # or one row a key: mean, median, sum, min, max
    one_a_key = true                     # or one row a key, all rows of which agree

    [tables.outputs.codes]               # theirs -> ours; every value must be listed
    arm = { "Control group" = "control", "Chat" = "chat" }

    [tables.outputs.dates]               # day, week, month, quarter or year from a start
    period = { by = "week", start = "2024-01-01", format = "%d.%m.%Y" }

    [tables.outputs.ranked]              # place among the rows of the worker, by a time
    sequence = "%d.%m.%Y %H:%M:%S"

    [tables.outputs.since]               # true from the date in another column on
    ai_access = { from = "Live since", never_if_null = true }

    [tables.outputs.wide]                # columns side by side become rows
    by = "period"
    into = "output"
    columns = { "Score before" = 1, "Score after" = 2 }
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import polars as pl

from withintask.panel.errors import nearest, quoted, shortened
from withintask.panel.periods import PeriodRule, period_rule
from withintask.panel.reshape import AGGREGATES, Wide

FUNCTION_NAMES = ("reciprocal", "log", "exp", "negate")

COVARIATE_TYPES: Mapping[str, pl.DataType] = MappingProxyType(
    {"number": pl.Float64(), "flag": pl.Boolean(), "category": pl.String()}
)
"""What a declared covariate can be, and its type."""

TYPED_SUFFIXES = (
    *(".parquet", ".dta", ".sav", ".zsav", ".por"),
    *(".xlsx", ".xls", ".xlsb", ".ods", ".rds", ".rdata", ".rda"),
)
"""Files that tell the types of their cells; in any other, all cells are text."""


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
    shift: Mapping[str, float] = field(default_factory=dict)
    """our column -> the number that is then added"""
    functions: Mapping[str, str] = field(default_factory=dict)
    """our column -> the function that is then applied"""
    convert: Sequence[str] = ()
    """our columns whose type differs in the file, converted where no value is lost"""
    strip: Sequence[str] = ()
    """our columns whose text loses spaces at its ends, and line ends inside"""
    thousands: str = ""
    """CSV: what stands between groups of three digits"""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """our column -> its value in every row"""
    null_if: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """our column -> numbers of theirs that mean that nothing is known"""
    fill: Mapping[str, Any] = field(default_factory=dict)
    """our column -> the value that an empty cell means"""
    codes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """our column -> their value, as text -> our value"""
    dates: Mapping[str, PeriodRule] = field(default_factory=dict)
    """our column -> which of their dates is which period"""
    ranked: Mapping[str, str] = field(default_factory=dict)
    """our column -> how times are written that put the rows of a worker in order"""
    since: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """our column -> their column with the date from which on it is true"""
    wide: Wide | None = None
    """their columns that stand side by side"""
    leave_out: Sequence[str] = ()
    """our columns without which a row is left out"""
    covariates: Mapping[str, str] = field(default_factory=dict)
    """further columns that are kept -> number, flag or category"""
    items: str = ""
    """``row`` if every row is an item of its own"""
    aggregate: Mapping[str, str] = field(default_factory=dict)
    """our column -> how one value is made of those of a key"""
    one_a_key: bool = False
    """whether one row a key is kept, all of whose rows agree"""
    sheet: str = ""
    """Excel: its sheet, R: its data frame; must be named where there are several"""
    labels: bool = False
    """Stata, SPSS: whether value labels are read in place of values"""

    @property
    def is_text(self) -> bool:
        """Whether all cells are text, so that numbers and truth values are still to be read."""
        return self.file != "" and not self.file.lower().endswith(TYPED_SUFFIXES)

    @property
    def their_columns(self) -> frozenset[str]:
        """Their columns that are used here, or left out here on purpose."""
        starts = (str(rule.get("from")) for rule in self.since.values())
        wide = self.wide.columns if self.wide else ()
        return frozenset((*self.columns.values(), *self.ignore, *starts, *wide))


def table_mapping(name: str, section: Mapping[str, Any]) -> tuple[TableMapping, list[str]]:
    """Read a ``[tables.…]`` section; return the mapping and what is wrong with the section."""
    from withintask.panel.schema import SCHEMAS

    known = [key.name for key in fields(TableMapping) if key.name != "name"]
    problems = [_unknown(key, known) for key in section if key not in known]
    parts, wrong = _parts({k: v for k, v in section.items() if k in known})
    if parts.get("columns"):
        # A covariate keeps its name: it needs no line among columns.
        parts["columns"] = {k: k for k in parts.get("covariates", ())} | parts["columns"]
    mapping = TableMapping(name=name, **parts)
    problems += wrong
    types = {name: column.dtype for name, column in SCHEMAS[name].columns().items()}
    problems += [
        f"covariates: {column} is a column of the table already"
        for column in mapping.covariates
        if column in types
    ]
    types |= {k: COVARIATE_TYPES[v] for k, v in mapping.covariates.items() if v in COVARIATE_TYPES}
    problems += _unknown_columns(mapping, types)
    both = sorted(set(mapping.columns) & set(mapping.constants))
    problems += [f"{shortened(column)} is both a column and a constant" for column in both]
    problems += _unknown_choices(mapping)
    if not problems:
        problems += _wrongly_typed(mapping, types)
    return mapping, [f"[tables.{name}] {problem}" for problem in problems]


def our_types(mapping: TableMapping) -> dict[str, pl.DataType]:
    """Return the columns that a mapping can fill and their types: the schema's and covariates."""
    from withintask.panel.schema import SCHEMAS

    types = {name: column.dtype for name, column in SCHEMAS[mapping.name].columns().items()}
    return types | {name: COVARIATE_TYPES[kind] for name, kind in mapping.covariates.items()}


def _parts(section: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Read the sections inside the section: dates and wide."""
    parts, problems = dict(section), []
    rules = {}
    for column, rule in section.get("dates", {}).items():
        rules[column], wrong = period_rule(rule)
        problems += [f"dates: {shortened(column)}: {problem}" for problem in wrong]
    if "dates" in parts:
        parts["dates"] = rules
    if "wide" in parts:
        wide = section["wide"]
        if set(wide) == {"by", "into", "columns"}:
            parts["wide"] = Wide(**wide)
        else:
            problems.append("wide: expected by, into and columns")
            del parts["wide"]
    return parts, problems


def _unknown_columns(mapping: TableMapping, types: Mapping[str, pl.DataType]) -> list[str]:
    """Name columns that are not ours."""
    wide = (mapping.wide.by, mapping.wide.into) if mapping.wide else ()
    used: dict[str, Any] = {"wide": wide} | {
        key: getattr(mapping, key)
        for key in (
            *(
                "columns",
                "scale",
                "shift",
                "functions",
                "convert",
                "strip",
                "constants",
                "fill",
                "codes",
                "null_if",
            ),
            *("dates", "ranked", "since", "sorted", "leave_out", "aggregate"),
        )
    }
    return [
        f"{key}: {_unknown(column, list(types))}"
        for key, names in used.items()
        for column in names
        if column not in types
    ]


def _unknown_choices(mapping: TableMapping) -> list[str]:
    """Name words that are not one of their list."""
    choices = [
        *((f"functions: {shortened(k)}", v, FUNCTION_NAMES) for k, v in mapping.functions.items()),
        *(
            (f"aggregate: {shortened(k)}", v, tuple(AGGREGATES))
            for k, v in mapping.aggregate.items()
        ),
        *(
            (f"covariates: {shortened(k)}", v, tuple(COVARIATE_TYPES))
            for k, v in mapping.covariates.items()
        ),
        ("items", mapping.items or "row", ("row",)),
    ]
    problems = [
        f"{where} is {quoted(word)}, not one of {', '.join(words)}"
        for where, word, words in choices
        if word not in words
    ]
    for column, rule in mapping.since.items():
        if "from" not in rule:
            problems.append(f"since: {shortened(column)}: no from, the column with the first date")
    if mapping.ranked and "worker_id" not in mapping.columns:
        problems.append("ranked: no worker_id among columns, within which rows are ranked")
    if mapping.thousands and mapping.thousands == ("," if mapping.decimal_comma else "."):
        problems.append(f"thousands is {quoted(mapping.thousands)}, which is the decimal sign")
    return problems


def _wrongly_typed(mapping: TableMapping, types: Mapping[str, pl.DataType]) -> list[str]:
    """Name constants and codes whose value is not of the type of our column."""
    values = [*mapping.constants.items(), *mapping.fill.items()]
    values += [
        (column, value) for column, codes in mapping.codes.items() for value in codes.values()
    ]
    if mapping.wide:
        values += [(mapping.wide.by, value) for value in mapping.wide.columns.values()]
    problems = [
        f"{column}: {quoted(value)} is not {types[column]}"
        for column, value in values
        if not _is_a(value, types[column])
    ]
    names = ("scale", "shift", "functions", "null_if")
    changed: dict[str, Any] = {name: getattr(mapping, name) for name in names}
    return problems + [
        f"{key}: {column} is not a number with a unit"
        for key, names in changed.items()
        for column in names
        if not types[column].is_float()
    ]


def _is_a(value: object, dtype: pl.DataType) -> bool:
    if dtype == pl.String:
        return isinstance(value, str)
    if dtype == pl.Boolean or isinstance(value, bool):
        return dtype == pl.Boolean and isinstance(value, bool)
    return isinstance(value, int) or (dtype.is_float() and isinstance(value, float))


def _unknown(name: str, known: Sequence[str]) -> str:
    return f"{shortened(name)} is not known{nearest(name, known)}"
