"""Quotes of a CSV file: one inside an unquoted cell, and one that swallows the rows after it."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CHUNK_BYTES = 2**24
"""Bytes of a file that are looked at together."""

_QUOTE, _LINE_ENDS = ord('"'), b"\n\r"
_CLOSING = re.compile(r'(?:[^"]|"")*"(?!")')


@dataclass(frozen=True, kw_only=True)
class Quoting:
    """Rows whose quotes cannot be trusted, by number; the first row below the header is 1."""

    stray: tuple[int, ...] = ()
    """rows with a quote inside an unquoted cell, or text behind a quoted one"""
    swallowing: tuple[int, ...] = ()
    """rows of which one quoted cell holds lines that look like rows themselves"""


def check_quotes(file: Path, separator: str, n_columns: int, *, has_header: bool) -> Quoting:
    """Find quotes that two readers would read in two ways.

    Parameters
    ----------
    file
        A file in UTF-8.
    separator
        What stands between two cells.
    n_columns
        Cells of a row.
    has_header
        Whether the first line names the columns.

    Notes
    -----
    In a well-formed file every first, third, … quote stands at the start of a cell and every
    second, fourth, … at its end; a doubled quote is an end followed by a start. That is checked
    in one pass over the bytes; only a file that fails, or whose quoted cells run over line ends,
    is walked line by line.
    """
    if not _needs_walk(file, separator.encode()):
        return Quoting()
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return _walk(stream, separator, n_columns, first_row=0 if has_header else 1)


def _needs_walk(file: Path, separator: bytes) -> bool:
    before, n_quotes = b"\n", 0
    for chunk in _chunks(file):
        if b'"' in chunk or n_quotes % 2:
            array = np.frombuffer(before + chunk + b"\n", dtype=np.uint8)
            quotes = np.flatnonzero(array[1:-1] == _QUOTE) + 1
            if _is_doubtful(array, quotes, n_quotes % 2, separator):
                return True
            n_quotes += quotes.size
        before = chunk[-1:]
    return n_quotes % 2 == 1


def _chunks(file: Path) -> Iterator[bytes]:
    """The file in pieces that end with a line, so that no quote is parted from its neighbours."""
    with file.open("rb") as stream:
        if stream.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            stream.seek(0)
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk + (b"" if chunk.endswith(b"\n") else stream.readline())


def _is_doubtful(array: np.ndarray, quotes: np.ndarray, is_open: int, separator: bytes) -> bool:
    """Whether a quote is not at an edge of a cell, or a quoted cell holds a line end."""
    edges = np.isin(array, np.frombuffer(separator + b'\n\r"', dtype=np.uint8))
    opening, closing = quotes[is_open::2], quotes[1 - is_open :: 2]
    if not (edges[opening - 1].all() and edges[closing + 1].all()):
        return True
    ends = np.flatnonzero(np.isin(array[1:-1], np.frombuffer(_LINE_ENDS, dtype=np.uint8))) + 1
    return bool(((np.searchsorted(quotes, ends) + is_open) % 2).any())


def _walk(lines: Iterator[str], separator: str, n_columns: int, *, first_row: int) -> Quoting:
    stray: list[int] = []
    swallowing: list[int] = []
    row, is_open = first_row - 1, False
    for line in lines:
        if is_open and line.partition('"')[0].count(separator) >= max(1, n_columns - 1):
            swallowing.append(row)
        row += not is_open
        if '"' in line:
            is_stray, is_open = _walk_line(line.rstrip("\r\n"), separator, is_open)
            stray += [row] * is_stray
    if is_open:
        stray.append(row)
    return Quoting(stray=_distinct(stray), swallowing=_distinct(swallowing))


def _walk_line(line: str, separator: str, is_open: bool) -> tuple[bool, bool]:
    """Say whether the line has a stray quote and whether it leaves a quoted cell open."""
    position, is_stray = 0, False
    while position <= len(line):
        if is_open:
            closing = _CLOSING.match(line, position)
            if closing is None:
                return is_stray, True
            position = closing.end()
        elif line.startswith('"', position):
            is_open, position = True, position + 1
            continue
        end = line.find(separator, position)
        end = len(line) if end < 0 else end
        rest = line[position:end]
        is_stray |= bool(rest) if is_open else '"' in rest
        is_open, position = False, end + len(separator)
    return is_stray, False


def _distinct(rows: list[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(rows))
