"""How large the sheets of a workbook are, told from their cells before a reader makes room for them.

A reader makes room for every cell between the first and the last: a single cell in XFD1048576 asks for 17 thousand
million. What a sheet says of its own size (``dimension``) is not trusted; its text is read in blocks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from zipfile import ZipFile

import numpy as np

from withintask.panel.archives import LIMITS, Limits, check_archive, opened
from withintask.panel.errors import SourceError, list_problems

_CHUNK = 1 << 20
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
_MARK = b"sheetData"
"""What only sheets contain; the name of a member says nothing."""

_CELL = b"<c"
_PLAIN_CELL = b'<c r="'
_OTHER_CELLS = (b"<c>", b"<c/", b"<c\n", b"<c\t", b"<c\r", b":c ", b":c>", b":row")
_XML = (".xml", ".rels")
_STRINGS = "xl/sharedstrings.xml"
_COLUMN = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br\s*=\s*[\"']([A-Za-z]+)")
_ROW_OF_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br\s*=\s*[\"'][A-Za-z]+(\d+)")
_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*?\br\s*=\s*[\"'](\d+)")
_ROW_START = re.compile(rb"<(?:\w+:)?row[\s>/]")
_CELL_START = re.compile(rb"<(?:\w+:)?c[\s>/]")
_SHARED = re.compile(rb"<(?:\w+:)?c\s[^>]*?\bt\s*=\s*[\"']s[\"'][^>]*>\s*<(?:\w+:)?v>(\d+)<")
_NUMBER_OF_TEXT = re.compile(rb't="s"[^>]*><v>([^<]*)<')
_SHARES = (b'"s"', b"'s'")
"""What a cell that names a shared text has at least, whatever its form."""

_SHARED_CELL = re.compile(
    rb"<(?:\w+:)?c\s[^>]*?\bt\s*=\s*[\"']s[\"'][^>]*(?<!/)>(.*?)</(?:\w+:)?c\s*>", re.DOTALL
)
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)<")
_STRING_START = re.compile(rb"<(?:\w+:)?si[\s>/]")
_SHORTEST_SHARED = 10
"""Characters of a cell that shares a text: ``<c t="s"><v>``, at least."""

_IN_ALPHABET = 26


def check_workbook(content: bytes, name: str, *, limits: Limits = LIMITS) -> None:
    """Refuse a workbook (xlsx) that is a bad archive or has a sheet that no reader should make room for.

    Raises
    ------
    SourceError
        With everything that is wrong.

    Notes
    -----
    One pass over plain text bounds the rows and columns of a sheet by the digits and letters of its
    cells; where that bound is too large, or cells are written in other ways, they are read one by one.
    """
    sheets: dict[str, _Bound] = {}
    texts: dict[str, _Form] = {}

    def watch(member: str, block: bytes) -> None:
        sheets.setdefault(member, _Bound()).take(block)
        if member.lower().endswith(_XML):
            texts.setdefault(member, _Form()).take(block)

    check_archive(content, name, limits=limits, watch=watch)
    for bound in sheets.values():
        bound.end()
    damaged = [f"{member}: {fault}" for member, form in texts.items() if (fault := form.fault())]
    if damaged:
        advice = "Save the workbook again, or download it again."
        raise SourceError(list_problems(name, damaged, advice=advice))
    with opened(content, name) as book:
        lengths = _string_lengths(book)
        problems = [
            problem
            for member, bound in sheets.items()
            if bound.is_sheet
            for problem in (
                *_problems_of_size(book, member, bound, limits),
                *_problems_of_numbers(book, member, bound, lengths.size),
                *_problems_of_text(book, member, lengths, limits),
            )
        ]
    if problems:
        advice = "Save the cells that hold data alone."
        raise SourceError(list_problems(name, problems, advice=advice))


class _Form:
    """Whether a member is well-formed XML: readers of workbooks pass over what is not, and cells vanish."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartCdataSectionHandler = self._refuse
        self._fault = ""

    def take(self, block: bytes) -> None:
        self._parse(block, is_last=False)

    def fault(self) -> str:
        """Say what is wrong; nothing if all is well."""
        self._parse(b"", is_last=True)
        return self._fault

    def _parse(self, block: bytes, *, is_last: bool) -> None:
        if not self._fault:
            try:
                self._parser.Parse(block, is_last)
            except (expat.ExpatError, LookupError, ValueError) as error:
                self._fault = f"is not well-formed XML ({error})"
            except _OddError:
                self._fault = (
                    "declares entities or holds CDATA, which readers of workbooks pass over"
                )

    def _refuse(self, *_: object) -> None:
        raise _OddError


class _OddError(Exception):
    """A member declares an entity, a way to make much text of little, or has text of a kind that readers lose."""


@dataclass
class _Bound:
    """An upper bound of a sheet's rows and columns, from blocks of its text."""

    n_rows: int = 0
    column: bytes = b"A"
    """letters of the last column, exact but for those after the first"""
    digits: int = 1
    """digits of the last row"""
    is_sheet: bool = False
    is_plain: bool = True
    rest: bytes = b""
    shared: set[bytes] = field(default_factory=set)
    """numbers of the shared texts that its cells name"""
    n_unread: int = 0
    """cells that name one in another way than most writers do"""

    def take(self, block: bytes) -> None:
        text, self.rest = _cut(self.rest + block)
        self._note(text)

    def end(self) -> None:
        """Take what is left when there are no more blocks."""
        self._note(self.rest)
        self.rest = b""

    def _note(self, text: bytes) -> None:
        self.is_sheet = self.is_sheet or _MARK in text
        self.n_rows += text.count(b"<row")
        numbers = _NUMBER_OF_TEXT.findall(text)
        self.shared.update(numbers)
        self.n_unread += sum(map(text.count, _SHARES)) - len(numbers)
        self.is_plain = self.is_plain and _is_plain(text)
        while self.is_plain and (beyond := self._beyond(text)) is not None:
            column, digits = beyond.groups()
            self.is_plain = column != b"" and digits != b""
            if (len(column), column[:1]) > (len(self.column), self.column[:1]):
                self.column = column
            self.digits = max(self.digits, len(digits))

    def _beyond(self, text: bytes) -> re.Match[bytes] | None:
        """Find a cell with more letters, a later first letter or more digits than any before, or of another form."""
        n, first = len(self.column), self.column[:1]
        later = b"(?=[%c-Z][A-Z]{%d}[0-9])|" % (first[0] + 1, n - 1) if first != b"Z" else b""
        more = b"(?=[A-Z]{%d})|(?=[A-Z]+[0-9]{%d})" % (n + 1, self.digits + 1)
        odd = b"|(?=[A-Z]*[^A-Z0-9])"
        return re.search(b'<c r="(?:%b%b%b)([A-Z]*)([0-9]*)' % (later, more, odd), text)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns, at most."""
        columns = _number_of(self.column[:1] + b"Z" * (len(self.column) - 1))
        return max(self.n_rows, min(10**self.digits - 1, _LAST_ROW)), min(columns, _LAST_COLUMN)


@dataclass
class _Extent:
    """The rows and columns of a sheet, cell by cell."""

    n_rows: int = 0
    last_row: int = 0
    last_column: int = 0
    widest_row: int = 0
    open_row: int = 0
    shared: list[bytes] = field(default_factory=list)

    def take(self, text: bytes) -> None:
        self.last_column = max([self.last_column, *map(_number_of, set(_COLUMN.findall(text)))])
        numbers = (*_ROW.findall(text), *_ROW_OF_CELL.findall(text))
        self.last_row = max([self.last_row, *map(int, numbers)])
        rows = _ROW_START.split(text)
        self.n_rows += len(rows) - 1
        widths = [len(_CELL_START.findall(row)) for row in rows]
        widths[0] += self.open_row
        self.open_row = widths[-1]
        self.widest_row = max(self.widest_row, *widths)

    @property
    def size(self) -> tuple[int, int]:
        return max(self.n_rows, self.last_row), max(self.last_column, self.widest_row)


def _problems_of_size(book: ZipFile, member: str, bound: _Bound, limits: Limits) -> Iterator[str]:
    rows, columns = bound.size
    if bound.is_plain and rows * columns <= limits.max_cells:
        return
    extent = _Extent()
    for text in _texts(book, member):
        extent.take(text)
    rows, columns = extent.size
    if columns > limits.max_columns:
        yield f"{member}: {columns:,} columns; at most {limits.max_columns:,} are read"
    elif rows * columns > limits.max_cells:
        size = f"{rows:,} rows x {columns:,} columns"
        yield f"{member}: reaches over {size}; at most {limits.max_cells:,} cells are read"


def _problems_of_numbers(book: ZipFile, member: str, bound: _Bound, n_texts: int) -> Iterator[str]:
    """A reader passes over a cell whose shared text does not exist."""
    if bound.n_unread:
        for text in _texts(book, member):
            bound.shared.update(
                number
                for cell in _SHARED_CELL.findall(text)
                for number in _VALUE.findall(cell)[-1:]
            )
    wrong = [n for n in bound.shared if not n.strip().isdigit() or int(n) >= n_texts]
    if wrong:
        yield f"{member}: {len(wrong):,} cells or more name a text that the workbook does not have"


def _problems_of_text(book: ZipFile, member: str, lengths: Any, limits: Limits) -> Iterator[str]:
    """Add up the shared texts of all cells, where they could be too long."""
    n_cells = book.getinfo(member).file_size // _SHORTEST_SHARED
    if not lengths.size or int(lengths.max()) * n_cells <= limits.max_text:
        return
    total = 0
    for text in _texts(book, member):
        numbers = np.array(_SHARED.findall(text), dtype=np.int64)
        total += int(lengths[numbers[numbers < lengths.size]].sum())
    if total > limits.max_text:
        yield f"{member}: repeats {total:,} characters; at most {limits.max_text:,} are read"


def _string_lengths(book: ZipFile) -> Any:
    """Characters of each shared text, markup included; (text,), int64."""
    members = [member for member in book.namelist() if member.lower() == _STRINGS]
    text = book.read(members[0]) if members else b""
    starts = [start.start() for start in _STRING_START.finditer(text)]
    return np.diff(np.array([*starts, len(text)] if starts else [0], dtype=np.int64))


def _is_plain(text: bytes) -> bool:
    """Tell whether all cells are written ``<c r="A1"``, so that searches for that find them all."""
    n_plain = text.count(_PLAIN_CELL)
    if (
        text.count(b"<c") - text.count(b"<col") == n_plain
        and b":c" not in text
        and b":row" not in text
    ):
        return True
    return text.count(b"<c ") + sum(map(text.count, _OTHER_CELLS)) == n_plain


def _texts(book: ZipFile, member: str) -> Iterator[bytes]:
    """Yield the text of a member in pieces that are cut before a tag."""
    rest = b""
    with book.open(member) as stream:
        while block := stream.read(_CHUNK):
            text, rest = _cut(rest + block)
            yield text
    yield rest


def _cut(text: bytes) -> tuple[bytes, bytes]:
    """Cut text before its last cell, or else its last tag, which may go on in the next block."""
    place = text.rfind(_CELL)
    if place < max(1, len(text) - _CHUNK):
        place = max(text.rfind(b"<"), 0)
    return text[:place], text[place:]


def _number_of(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * _IN_ALPHABET + letter - ord("A") + 1
    return number
