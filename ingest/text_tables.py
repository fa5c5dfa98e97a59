"""Read spreadsheets and delimited files with every cell as text.

Type inference decides on a column from its first rows and turns a later mark such as ``#`` into a
null without a word. So nothing is inferred here; :mod:`withintask.ingest.oews.clean` decides.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fastexcel
import polars as pl
import pyarrow as pa

from withintask.ingest.files import LIMITS
from withintask.panel.errors import SourceError, list_problems, quoted, some_examples
from withintask.panel.workbooks import check_workbook

_BOM = "\ufeff"
_HEADER_SEARCH_ROWS = 30
_ROW_LABEL = "source_row"
_BLOCK = _LONGEST_LINE = 1 << 20
"""Bytes of a block, and of a line that can be a header."""

_SHOWN_AS = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
}


@dataclass(frozen=True, kw_only=True)
class ErrorCell:
    """A cell whose formula failed; the reader gives no text for it."""

    row: int
    """Row of the frame, from 0."""
    position: int
    """Column of the frame, from 0."""
    shown: str
    """What a spreadsheet shows, such as ``#DIV/0!``."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One sheet or delimited file: all cells as text, no header taken off."""

    file: str
    """Name for messages."""
    name: str
    """Sheet name; empty for a delimited file."""
    cells: pl.DataFrame
    """Columns are positions; row 0 of the frame is row 1 of the sheet; blank cells are null."""
    errors: tuple[ErrorCell, ...] = ()
    """Cells of a workbook that hold an error; null among the cells."""

    def __str__(self) -> str:
        return f"{self.file}, sheet {quoted(self.name)}" if self.name else self.file


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """Rows under a header, all text, with `source_row` counted as a spreadsheet counts."""

    where: str
    """File and sheet, for messages."""
    headers: tuple[str, ...]
    """Header cells as published."""
    rows: pl.DataFrame
    """Columns named by :func:`plain_name` of the headers, then `source_row`.

    Cells are stripped; those without a character are null."""
    n_blank: int
    """Rows without a single cell, left out of `rows`."""


def plain_name(header: str) -> str:
    """Reduce a published header: ``' LOC Quotient '`` becomes ``loc_quotient``."""
    return "_".join(header.replace(_BOM, "").strip().lower().split())


def read_workbook(content: bytes, name: str) -> tuple[Sheet, ...]:
    """Read all sheets of a workbook as text.

    Raises
    ------
    SourceError
        If the bytes are no readable xlsx workbook.
    """
    check_workbook(content, name)
    try:
        reader = fastexcel.read_excel(content)
        if not reader.sheet_names:
            raise SourceError(f"{name}: a workbook without a sheet")
        return tuple(_read_sheet(reader, sheet, name) for sheet in reader.sheet_names)
    except fastexcel.FastExcelError as fault:
        reason = str(fault).splitlines()[0]
        raise SourceError(
            f"{name}: a zip archive, but not a readable xlsx workbook ({reason}); "
            "save it again as .xlsx or download it again"
        ) from fault


def read_delimited(content: bytes | Path, name: str, *, separator: str = ",") -> Sheet:
    """Read a delimited file as text; a byte order mark and quoted thousands separators are fine.

    Raises
    ------
    SourceError
        If the file is empty, not UTF-8, ragged, or has more columns or cells than are read.
    """
    _refuse_large(content, name, separator)
    try:
        cells = pl.read_csv(
            content,
            separator=separator,
            has_header=False,
            infer_schema=False,
            quote_char=None if separator == "\t" else '"',
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as fault:
        raise SourceError(
            f"{name}: not readable as delimited text ({_first_line(fault)})"
        ) from fault
    filled = pl.all().str.strip_chars() != ""
    return Sheet(file=name, name="", cells=cells.with_columns(pl.when(filled).then(pl.all())))


def _refuse_large(content: bytes | Path, name: str, separator: str) -> None:
    """Refuse more columns or cells than a table has, before a reader makes room for them."""
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as stream:
        first = stream.readline(_LONGEST_LINE)
        n_columns = first.count(separator.encode()) + 1
        n_rows = 1 + sum(block.count(b"\n") for block in iter(lambda: stream.read(_BLOCK), b""))
    if len(first) == _LONGEST_LINE or n_columns > LIMITS.max_columns:
        size = f"{n_columns:,} columns in the first line"
        raise SourceError(f"{name}: {size}; at most {LIMITS.max_columns:,} are read")
    if n_rows * n_columns > LIMITS.max_cells:
        size = f"{n_rows:,} lines x {n_columns:,} columns"
        raise SourceError(f"{name}: {size}; at most {LIMITS.max_cells:,} cells are read")


def table_under(sheet: Sheet, header_row: int) -> TextTable:
    """Cut a sheet at its header row (0-based); blank rows are counted, not kept.

    Raises
    ------
    SourceError
        If two header cells have the same name, or a cell from the header on holds an error.
    """
    headers = tuple((cell or "").replace(_BOM, "") for cell in sheet.cells.row(header_row))
    filled = [position for position, header in enumerate(headers) if header.strip()]
    names = [plain_name(headers[position]) for position in filled]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"{sheet}: column names stand twice in the header: {', '.join(twice)}")
    _refuse_error_cells(sheet, header_row, headers)
    columns = [sheet.cells.columns[position] for position in filled]
    body = sheet.cells.with_row_index(_ROW_LABEL, offset=1).slice(header_row + 1)
    texts = body.select(
        *(pl.col(c).str.strip_chars().alias(n) for c, n in zip(columns, names, strict=True)),
        _ROW_LABEL,
    )
    rows = _without_blank_rows(texts, names)
    return TextTable(
        where=str(sheet),
        headers=tuple(headers[position].strip() for position in filled),
        rows=rows,
        n_blank=body.height - rows.height,
    )


def _without_blank_rows(texts: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    if any(texts[name].null_count() == 0 for name in names):
        return texts
    return texts.filter(pl.any_horizontal(pl.col(names).is_not_null()))


def _refuse_error_cells(sheet: Sheet, header_row: int, headers: Sequence[str]) -> None:
    wrong = [cell for cell in sheet.errors if cell.row >= header_row]
    if wrong:
        cells = some_examples([_place(cell, headers) for cell in wrong])
        problem = f"{len(wrong):,} cells hold an error: {cells}"
        advice = "Repair the formulas, or save the file with values only."
        raise SourceError(list_problems(str(sheet), [problem], advice=advice))


def _place(cell: ErrorCell, headers: Sequence[str]) -> str:
    header = headers[cell.position].strip()
    column = quoted(header) if header else f"number {cell.position + 1}"
    return f"row {cell.row + 1} column {column} {cell.shown}"


def _read_sheet(reader: fastexcel.ExcelReader, sheet: str, file: str) -> Sheet:
    # skip_rows=0 keeps leading blank rows, so that row numbers are those of the sheet.
    loaded = reader.load_sheet(
        sheet, header_row=None, skip_rows=0, dtypes="string", whitespace_as_null=True
    )
    batch: pa.RecordBatch
    batch, faults = loaded.to_arrow_with_errors()
    return Sheet(
        file=file,
        name=sheet,
        cells=pl.DataFrame(batch),
        errors=tuple(map(_error_cell, faults.errors if faults else ())),
    )


def _error_cell(fault: fastexcel.CellError) -> ErrorCell:
    row, position = fault.position
    kind = re.search(r"Error\((\w+)\)", fault.detail)
    shown = _SHOWN_AS.get(kind[1], kind[1]) if kind else fault.detail
    return ErrorCell(row=row, position=position, shown=shown)


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0]


def read_table(path: Path, name: str, required: Sequence[str]) -> TextTable:
    """Read the first table of a file that has the required columns, named in their plain form.

    The header may stand below a title and on any sheet: an index or a page of notes often comes
    first. The first row that holds all the names is taken.

    Raises
    ------
    SourceError
        If no row of any sheet has them all; the message lists what the closest row lacks.
    """
    lacking = [
        (
            sheet,
            row,
            [want for want in required if want not in map(plain_name, filter(None, cells))],
        )
        for sheet in _sheets_of(path, name)
        for row, cells in enumerate(sheet.cells.head(_HEADER_SEARCH_ROWS).rows())
    ]
    if not lacking:
        raise SourceError(f"{name}: no sheet has a row; expected columns {', '.join(required)}")
    sheet, row, missing = min(lacking, key=lambda found: len(found[2]))
    if missing:
        problems = [f"no column {quoted(want)}" for want in missing]
        raise SourceError(list_problems(f"{sheet}, header in row {row + 1}", problems))
    return table_under(sheet, row)


def _sheets_of(path: Path, name: str) -> tuple[Sheet, ...]:
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        return read_workbook(path.read_bytes(), name)
    return (read_delimited(path, name, separator="," if suffix == ".csv" else "\t"),)
