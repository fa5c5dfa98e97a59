"""What a file of an unknown name holds, told by the first rows of its text or of its sheets."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from withintask.ingest.text_tables import plain_name, read_workbook
from withintask.panel.errors import SourceError

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_SEARCH_ROWS = 30
_LARGEST_WORKBOOK = 8 << 20
"""Bytes; the workbooks of the measures that are read have less than one million."""


def headers_of(path: Path) -> tuple[frozenset[str], ...]:
    """Return the cells of the first rows of a file, in plain form; none if it is no table."""
    status = path.stat()
    return _headers(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _headers(path: Path, size: int, _changed: int) -> tuple[frozenset[str], ...]:
    suffix = path.suffix.lower()
    if suffix in _SEPARATORS:
        return tuple(_of_text(path, _SEPARATORS[suffix]))
    if suffix == ".xlsx" and size <= _LARGEST_WORKBOOK:
        return tuple(_of_workbook(path))
    return ()


def _of_text(path: Path, separator: str) -> Iterator[frozenset[str]]:
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in islice(stream, _SEARCH_ROWS):
            yield frozenset(plain_name(cell.strip().strip('"')) for cell in line.split(separator))


def _of_workbook(path: Path) -> Iterator[frozenset[str]]:
    try:
        sheets = read_workbook(path.read_bytes(), path.name)
    except (SourceError, OSError):
        return
    for sheet in sheets:
        for cells in sheet.cells.head(_SEARCH_ROWS).rows():
            yield frozenset(plain_name(cell) for cell in cells if cell)
