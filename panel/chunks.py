"""Text in pieces that end with a line: checked and read in threads, never held as a whole."""

import codecs
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Event, Lock
from typing import TypeVar

import numpy as np

CHUNK_BYTES = 2**22
"""Bytes of a piece; as many pieces are held as there are threads."""

_LONGEST_LINE = 1 << 20
"""Bytes of a first line."""

_LINE_END, _BLANK, _TAB = b"\n \t"
_UNSURE = (b'"', b"\r", b"\0")
"""What makes two readers see other rows: quotes, other line ends, what ends a text."""

_Result = TypeVar("_Result")


def each_chunk(file: Path, work: Callable[[int, bytes], _Result]) -> list[_Result]:
    """Do work on every piece of a file, by its number, in threads.

    Parameters
    ----------
    file
        Text; a byte order mark is left out.
    work
        Is given the number of a piece and its bytes, which end with a line, at the end of the file perhaps without its line end.
        What it raises ends the work on the other pieces.

    Returns
    -------
    list
        What the work returned, in the order of the pieces.
    """
    lock, stop = Lock(), Event()
    results: dict[int, _Result] = {}
    n_taken = 0

    def take() -> tuple[int, bytes]:
        nonlocal n_taken
        with lock:
            chunk = b"" if stop.is_set() else stream.read(CHUNK_BYTES)
            if chunk and not chunk.endswith(b"\n"):
                chunk += stream.readline()
            n_taken += 1
            return n_taken - 1, chunk

    def run() -> None:
        try:
            while (piece := take())[1]:
                results[piece[0]] = work(*piece)
        except BaseException:
            stop.set()
            raise

    with file.open("rb") as stream:
        if stream.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            stream.seek(0)
        n_threads = os.cpu_count() or 1
        with ThreadPoolExecutor(n_threads) as pool:
            for job in [pool.submit(run) for _ in range(n_threads)]:
                job.result()
    return [results[number] for number in sorted(results)]


@dataclass(frozen=True, kw_only=True)
class PlainLines:
    """Lines of a file of which every line is a row, whoever reads it."""

    n_lines: int
    """lines, the first one counted"""
    is_padded: bool
    """whether a cell begins with a blank"""


def plain_lines(file: Path, separator: str) -> PlainLines | None:
    """Count the lines of a file of which every line is a row, whoever reads it.

    Parameters
    ----------
    file, separator
        A file, and what stands between two of its cells.

    Returns
    -------
    PlainLines or None
        None if there is a doubt: a quote, another line end than a line feed, text that is not UTF-8, a line with more or fewer
        cells than the first, or one column, where an empty line may be a row.
    """
    status = file.stat()
    return _counted(file, separator.encode(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _counted(file: Path, separator: bytes, _size: int, _changed: int) -> PlainLines | None:
    with file.open("rb") as stream:
        n_columns = stream.readline(_LONGEST_LINE).count(separator) + 1
    if n_columns == 1 or len(separator) > 1:
        return None
    try:
        parts = each_chunk(file, lambda _, chunk: _rows_of(chunk, separator[0], n_columns))
    except (_DoubtError, UnicodeDecodeError):
        return None
    n_lines = sum(part.n_lines for part in parts)
    return PlainLines(n_lines=n_lines, is_padded=any(part.is_padded for part in parts))


class _DoubtError(Exception):
    """Two readers could see other rows."""


def _rows_of(chunk: bytes, separator: int, n_columns: int) -> PlainLines:
    """Count rows of as many cells each, or raise."""
    if any(byte in chunk for byte in _UNSURE):
        raise _DoubtError
    if not chunk.isascii():
        chunk.decode()
    text = np.frombuffer(chunk if chunk.endswith(b"\n") else chunk + b"\n", dtype=np.uint8)
    places = np.flatnonzero((text == separator) | (text == _LINE_END))
    is_end = text[places] == _LINE_END
    n_rows, rest = divmod(is_end.size, n_columns)
    if rest or not is_end[n_columns - 1 :: n_columns].all() or np.count_nonzero(is_end) != n_rows:
        raise _DoubtError
    starts = text[np.append(0, places[:-1] + 1)]
    is_padded = bool(((starts == _BLANK) | (starts == _TAB)).any())
    return PlainLines(n_lines=n_rows, is_padded=is_padded)
