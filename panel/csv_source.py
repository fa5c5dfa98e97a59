"""A CSV file as a lazy table of text, after checks that a CSV reader does not make."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from withintask.panel.mapping import TableMapping
from withintask.panel.references import Breach

CHUNK_BYTES = 2**24
"""Bytes of a file that are looked at together."""

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
    undecodable = _lines_not_utf8(file)
    if undecodable:
        meaning = "every line is UTF-8 text; save the file as UTF-8"
        return None, [_breach(mapping, "not_utf8", undecodable, meaning)]
    header = _header(file, mapping.separator)
    problems = list(_header_breaches(header, mapping))
    if problems:
        return None, problems
    shifted = _rows_with_other_width(file, mapping.separator)
    if shifted is None:
        return None, [_breach(mapping, "not_csv", 1, "every quote that opens is closed")]
    if shifted:
        meaning = f"every row has {len(header)} cells, as the header"
        return None, [_breach(mapping, "shifted_rows", shifted, meaning)]
    frame = pl.scan_csv(
        file,
        separator=mapping.separator,
        infer_schema=False,
        null_values=list(mapping.null_values),
        glob=False,
    )
    return frame, []


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
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        yield _breach(
            mapping, "header_twice", len(twice), f"columns named once; {twice[0]!r} twice"
        )
    if not header or all(not name.strip() for name in header):
        yield _breach(mapping, "header_missing", 1, "the first line names the columns")


def _rows_with_other_width(file: Path, separator: str) -> int | None:
    """Count rows whose cells are not as many as the header's; None if rows cannot be told."""
    from pyarrow import ArrowInvalid
    from pyarrow import csv as arrow

    bad: list[None] = []

    def note(_: object) -> str:
        bad.append(None)
        return "skip"

    parsing = arrow.ParseOptions(
        delimiter=separator, invalid_row_handler=note, newlines_in_values=True
    )
    nothing = arrow.ConvertOptions(
        include_columns=[_NO_COLUMN], include_missing_columns=True, check_utf8=False
    )
    try:
        for _ in arrow.open_csv(file, parse_options=parsing, convert_options=nothing):
            pass
    except ArrowInvalid:
        return None
    return len(bad)


def _breach(mapping: TableMapping, rule: str, n_rows: int, meaning: str) -> Breach:
    return Breach(
        table=mapping.name, rule=rule, n_rows=n_rows, meaning=f"{mapping.file}: {meaning}"
    )
