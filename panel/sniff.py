"""What a file looks like before anything is known of it: its dialect and what its columns hold."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import polars as pl

from withintask.panel.csv_source import first_line_problem, scan_text_csv
from withintask.panel.errors import SourceError, list_problems
from withintask.panel.foreign import READERS, read_foreign
from withintask.panel.mapping import TableMapping

SEPARATORS = (",", ";", "\t", "|")
LINES_READ = 50
"""Lines from which the separator and the header are told."""

NULLS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "-", ".", "#N/A", "missing")
"""Spellings of a missing value, besides an empty cell."""

DATE_FORMATS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y%m%d"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"),
    *("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d %b %Y", "%b %d, %Y"),
)

TRUTHS: Mapping[frozenset[str], Mapping[str, bool]] = MappingProxyType(
    {
        frozenset(pair): MappingProxyType({pair[0]: False, pair[1]: True})
        for pair in (
            ("false", "true"),
            ("False", "True"),
            ("FALSE", "TRUE"),
            ("0", "1"),
            ("no", "yes"),
            ("No", "Yes"),
            ("NO", "YES"),
            ("n", "y"),
            ("N", "Y"),
            ("off", "on"),
            ("nein", "ja"),
            ("control", "treatment"),
            ("Control", "Treatment"),
        )
    }
)
"""Pairs of words that are false and true."""

_UNTIDY = r"^\s|\s$|[\x00-\x1f\x7f]"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a CSV file is written."""

    separator: str
    header: bool
    decimal_comma: bool
    null_values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column of a file holds."""

    name: str
    dtype: pl.DataType
    """its type in the file; text in a CSV file"""
    n_known: int
    """cells that are not empty"""
    n_distinct: int
    """distinct values"""
    is_number: bool
    """whether every known cell is a number"""
    is_whole: bool
    """whether every known cell is a whole number"""
    low: float | None
    """smallest number"""
    high: float | None
    """largest number"""
    n_zeros: int
    """cells that are zero"""
    date_formats: tuple[str, ...]
    """formats in which every known cell is a date; a typed date has the first"""
    first_date: date | None
    """earliest date, in the first format"""
    last_date: date | None
    """latest date"""
    truths: Mapping[str, bool]
    """its two words for false and true, if it has just these"""
    values: tuple[str, ...]
    """its distinct values, if they are few"""
    n_untidy: int
    """cells with a space at an end, or a line end or other control character"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """A file, its dialect and its columns."""

    file: Path
    dialect: Dialect | None
    """None if the file is no CSV file"""
    n_rows: int
    frame: pl.DataFrame
    columns: tuple[Column, ...]


FEW_VALUES = 20
"""Distinct values that are listed."""


def look_at(file: Path, *, sheet: str = "", labels: bool = False) -> Look:
    """Read a file as a whole and say what its columns hold.

    Parameters
    ----------
    file
        CSV, Parquet, Stata, SPSS, Excel or R.
    sheet
        Excel: its sheet; .RData: its data frame.
    labels
        Stata, SPSS: whether value labels are read in place of values.

    Raises
    ------
    SourceError
        If it is absent or cannot be read, with all reasons.
    """
    if not file.is_file():
        raise SourceError(f"{file}: no such file")
    suffix = file.suffix.lower()
    dialect = None
    if suffix == ".parquet":
        frame = pl.read_parquet(file)
    elif suffix in READERS:
        as_stated = TableMapping(name="outputs", file=file.name, sheet=sheet, labels=labels)
        frame = read_foreign(file, as_stated)
    else:
        dialect = _dialect(file)
        frame = _read(file, dialect, ("",))
        nulls = _nulls(frame)
        decimal_comma = dialect.separator != "," and _has_decimal_comma(frame)
        dialect = Dialect(
            separator=dialect.separator,
            header=dialect.header,
            decimal_comma=decimal_comma,
            null_values=("", *nulls),
        )
        frame = _read(file, dialect, dialect.null_values) if nulls else frame
    columns = tuple(column_of(frame[name], dialect) for name in frame.columns)
    return Look(file=file, dialect=dialect, n_rows=frame.height, frame=frame, columns=columns)


def _read(file: Path, dialect: Dialect, null_values: Sequence[str]) -> pl.DataFrame:
    mapping = TableMapping(
        name="outputs",
        file=file.name,
        separator=dialect.separator,
        header=dialect.header,
        null_values=null_values,
    )
    frame, problems = scan_text_csv(file, mapping)
    if frame is None:
        lines = [f"{b.rule}: {b.n_rows} ({b.meaning}) {', '.join(b.examples)}" for b in problems]
        raise SourceError(list_problems(str(file), lines, advice="Correct the file."))
    return frame.collect()


def _dialect(file: Path) -> Dialect:
    """Tell the separator by the cells of the first lines, and a header by its cells."""
    for separator in SEPARATORS:
        if problem := first_line_problem(file, separator):
            raise SourceError(f"{file}: {problem}")
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        lines = [line for line, _ in zip(stream, range(LINES_READ), strict=False)]
    best = max(SEPARATORS, key=lambda sign: _regularity(lines, sign))
    rows = list(csv.reader(lines, delimiter=best))
    first = rows[0] if rows else []
    header = not any(_NUMBER.fullmatch(cell.strip()) for cell in first)
    return Dialect(separator=best, header=header, decimal_comma=False, null_values=("",))


def _regularity(lines: list[str], separator: str) -> tuple[float, int]:
    """Share of lines with as many cells as the first, and how many these are; one cell is none."""
    widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
    if not widths or widths[0] < 2:
        return 0.0, 0
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _nulls(frame: pl.DataFrame) -> tuple[str, ...]:
    """Spellings of a missing value that occur."""
    counts = frame.select(pl.any_horizontal(pl.all() == null).any().alias(null) for null in NULLS)
    return tuple(name for name, occurs in counts.row(0, named=True).items() if occurs)


def _has_decimal_comma(frame: pl.DataFrame) -> bool:
    comma = pl.all().drop_nulls().str.contains(r"^[+-]?[0-9]+,[0-9]+$")
    shares = frame.select(comma.any()).row(0) if frame.height else ()
    return any(shares)


def column_of(series: pl.Series, dialect: Dialect | None) -> Column:
    """Say what a column holds.

    Parameters
    ----------
    series
        The column.
    dialect
        Of the CSV file that it is from; None for another file.
    """
    known = series.drop_nulls()
    numbers = _numbers(known, dialect)
    is_number = known.len() > 0 and numbers.null_count() == 0
    finite = numbers if is_number else numbers.head(0)
    formats, first, last = (
        _dates(known) if not is_number or _looks_dated(finite) else ((), None, None)
    )
    distinct = known.unique()
    is_whole = bool(is_number and (finite == finite.floor()).all())
    if series.dtype.is_float() and is_whole:
        distinct = distinct.cast(pl.Int64, strict=False)
    few = distinct.cast(pl.String).sort().to_list() if distinct.len() <= FEW_VALUES else []
    return Column(
        name=series.name,
        dtype=series.dtype,
        n_known=known.len(),
        n_distinct=distinct.len(),
        is_number=is_number,
        is_whole=is_whole,
        low=_float(finite.min()),
        high=_float(finite.max()),
        n_zeros=int((finite == 0).sum()),
        date_formats=formats,
        first_date=first,
        last_date=last,
        truths=TRUTHS.get(frozenset(few), {}),
        values=tuple(few),
        n_untidy=int(known.str.contains(_UNTIDY).sum()) if known.dtype == pl.String else 0,
    )


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _numbers(known: pl.Series, dialect: Dialect | None) -> pl.Series:
    if known.dtype == pl.String:
        if dialect and dialect.decimal_comma:
            known = known.str.replace(",", ".", literal=True)
        return known.cast(pl.Float64, strict=False)
    if known.dtype.is_numeric() or known.dtype == pl.Boolean:
        return known.cast(pl.Float64)
    return pl.Series([None] * known.len(), dtype=pl.Float64)


def _looks_dated(numbers: pl.Series) -> bool:
    """Whether whole numbers could be dates such as 20240131."""
    low, high = numbers.min(), numbers.max()
    dated = (19000101, 21001231)
    return (
        isinstance(low, float) and isinstance(high, float) and dated[0] <= low <= high <= dated[1]
    )


def _dates(known: pl.Series) -> tuple[tuple[str, ...], date | None, date | None]:
    """Return every format that reads all cells as dates, and the range in the first of them."""
    if known.dtype in (pl.Date, pl.Datetime):
        dates = known.cast(pl.Date)
        return (DATE_FORMATS[0],), dates.min(), dates.max()  # type: ignore[return-value]
    if known.dtype != pl.String or known.is_empty():
        return (), None, None
    distinct = known.unique()
    sample = distinct.head(LINES_READ)
    formats, ranges = [], []
    for pattern in DATE_FORMATS:
        if _parsed(sample, pattern).null_count():
            continue
        dates = _parsed(distinct, pattern)
        if not dates.null_count():
            formats.append(pattern)
            ranges.append((dates.min(), dates.max()))
    if not formats:
        return (), None, None
    return tuple(formats), *ranges[0]  # type: ignore[return-value]


def _parsed(values: pl.Series, pattern: str) -> pl.Series:
    if "%H" in pattern:
        return values.str.to_datetime(pattern, strict=False).cast(pl.Date)
    return values.str.to_date(pattern, strict=False)
