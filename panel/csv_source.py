"""A CSV file as a lazy table of text, after checks that a CSV reader does not make."""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from withintask.panel.archives import LIMITS
from withintask.panel.chunks import plain_lines
from withintask.panel.csv_quotes import CHUNK_BYTES, check_quotes
from withintask.panel.errors import quoted
from withintask.panel.mapping import TableMapping
from withintask.panel.references import Breach

N_EXAMPLES = 5
"""Rows named for what is wrong with a file."""

_LONGEST_LINE = 1 << 20
"""Bytes of a first line."""

_NO_COLUMN = "\0"


def scan_text_csv(file: Path, mapping: TableMapping) -> tuple[pl.LazyFrame | None, list[Breach]]:
    """Scan a CSV file without guessing any type.

    Parameters
    ----------
    file
        A file in UTF-8, with or without byte order mark, with one header line.
    mapping
        Its separator and null values.

    Returns
    -------
    tuple
        The table, all text, and what is wrong with the file: lines that are not UTF-8, columns
        named twice, rows with more or fewer cells than the header. None if it cannot be read.
    """
    too_wide = first_line_problem(file, mapping.separator)
    if too_wide:
        return None, [_breach(mapping, "too_wide", 1, too_wide)]
    is_plain = plain_lines(file, mapping.separator) is not None
    undecodable = 0 if is_plain else _lines_not_utf8(file)
    if undecodable:
        meaning = "every line is UTF-8 text; save the file as UTF-8"
        return None, [_breach(mapping, "not_utf8", undecodable, meaning)]
    header = _header(file, mapping.separator)
    problems = list(_header_breaches(header, mapping))
    if not problems and not is_plain:
        problems = [b for b in _row_breaches(file, mapping, len(header)) if b.n_rows]
    if problems:
        return None, problems
    return _scan(file, mapping), []


def first_line_problem(file: Path, separator: str) -> str:
    """Say what is wrong with the width of the first line, before a reader makes room for its columns; or nothing."""
    with file.open("rb") as stream:
        first = stream.readline(_LONGEST_LINE)
    n_columns = first.count(separator.encode()) + 1
    if len(first) < _LONGEST_LINE and n_columns <= LIMITS.max_columns:
        return ""
    return f"the first line has at most {LIMITS.max_columns:,} columns and {_LONGEST_LINE:,} bytes, not {n_columns:,} columns or more"


def _scan(file: Path, mapping: TableMapping) -> pl.LazyFrame:
    names = _header(file, mapping.separator)
    numbered = {f"column_{k}": pl.String() for k, _ in enumerate(names, start=1)}
    return pl.scan_csv(
        file,
        separator=mapping.separator,
        has_header=mapping.header,
        schema=None if mapping.header else numbered,
        infer_schema=False,
        null_values=list(mapping.null_values),
        glob=False,
    )


def _row_breaches(file: Path, mapping: TableMapping, n_columns: int) -> Iterator[Breach]:
    """Find rows that two readers could read in two ways; then let two readers count them."""
    counted = _count_rows(file, mapping.separator, ignore_empty_lines=n_columns > 1)
    if counted is None:
        yield _breach(mapping, "not_csv", 1, "every quote that opens is closed")
    elif counted.shifted:
        meaning = f"every row has {n_columns} cells, as the first line"
        yield _breach(mapping, "shifted_rows", counted.shifted, meaning)
    else:
        doubtful = list(_quote_breaches(file, mapping, n_columns))
        n_rows = counted.whole + (not mapping.header)
        yield from doubtful or _recount(_scan(file, mapping), mapping, n_rows)


def _quote_breaches(file: Path, mapping: TableMapping, n_columns: int) -> Iterator[Breach]:
    quoting = check_quotes(file, mapping.separator, n_columns, has_header=mapping.header)
    if quoting.stray:
        meaning = "a quote stands around a whole cell, and is doubled inside one"
        yield _rows_breach(mapping, "stray_quote", quoting.stray, meaning)
    elif quoting.swallowing and mapping.n_rows is None:
        meaning = "no quoted cell holds lines that look like rows; if they are text, "
        meaning += "say in the mapping how many rows the file has (n_rows)"
        yield _rows_breach(mapping, "swallowed_rows", quoting.swallowing, meaning)


def _recount(frame: pl.LazyFrame, mapping: TableMapping, expected: int) -> Iterator[Breach]:
    """Count the rows again as the second reader does: by line, and in two of the columns."""
    names = frame.collect_schema().names()
    by_column = frame.select(first=pl.col(names[0]).len(), last=pl.col(names[-1]).len())
    try:
        counts = [frame.select(pl.len()).collect(engine="streaming").item()]
        counts += by_column.collect(engine="streaming").row(0)
    except pl.exceptions.PolarsError:
        yield _breach(mapping, "not_csv", 1, "the file can be read as CSV")
        return
    more, fewer = max(counts) - expected, expected - min(counts)
    yield _breach(mapping, "blank_line", max(0, more), "no line is blank")
    meaning = f"two readers find the same rows, here {expected} and {min(counts)}; "
    meaning += "end every line with a line feed"
    yield _breach(mapping, "rows_lost", max(0, fewer), meaning)


def _lines_not_utf8(file: Path) -> int:
    """Count lines that are not UTF-8; the whole file is one if it is UTF-16."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open("rb") as stream:
        start = stream.read(len(codecs.BOM_UTF16_LE))
        if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return 1
        stream.seek(0)
        try:
            while chunk := stream.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            stream.seek(0)
            return sum(not _is_utf8(line) for line in stream)
    return 0


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _header(file: Path, separator: str) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return next(csv.reader(stream, delimiter=separator), [])


def _header_breaches(header: list[str], mapping: TableMapping) -> Iterator[Breach]:
    if header and not mapping.header:
        return
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        yield _breach(
            mapping, "header_twice", len(twice), f"columns named once; {quoted(twice[0])} twice"
        )
    if not header or all(not name.strip() for name in header):
        yield _breach(mapping, "header_missing", 1, "the first line names the columns")


@dataclass(frozen=True, kw_only=True)
class _Count:
    """Rows below the first line."""

    whole: int
    """as many cells as the first line"""
    shifted: int
    """more or fewer cells"""


def _count_rows(file: Path, separator: str, *, ignore_empty_lines: bool) -> _Count | None:
    """Count rows by their cells; None if rows cannot be told."""
    from pyarrow import ArrowInvalid
    from pyarrow import csv as arrow

    shifted: list[None] = []

    def note(_: object) -> str:
        shifted.append(None)
        return "skip"

    parsing = arrow.ParseOptions(
        delimiter=separator,
        invalid_row_handler=note,
        newlines_in_values=True,
        ignore_empty_lines=ignore_empty_lines,
    )
    nothing = arrow.ConvertOptions(
        include_columns=[_NO_COLUMN], include_missing_columns=True, check_utf8=False
    )
    try:
        batches = arrow.open_csv(file, parse_options=parsing, convert_options=nothing)
        n_rows = sum(batch.num_rows for batch in batches)
    except ArrowInvalid:
        return None
    return _Count(whole=n_rows, shifted=len(shifted))


def _rows_breach(mapping: TableMapping, rule: str, rows: tuple[int, ...], meaning: str) -> Breach:
    examples = tuple(f"row {row}" for row in rows[:N_EXAMPLES])
    return replace(_breach(mapping, rule, len(rows), meaning), examples=examples)


def _breach(mapping: TableMapping, rule: str, n_rows: int, meaning: str) -> Breach:
    return Breach(
        table=mapping.name, rule=rule, n_rows=n_rows, meaning=f"{mapping.file}: {meaning}"
    )
