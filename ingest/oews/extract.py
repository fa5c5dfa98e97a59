"""From a published OEWS workbook, zip or CSV to one table of text with our column names."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.ingest.files import Member, read_members
from withintask.ingest.oews.vintages import ColumnSpec, Layouts, TopCode, Vintage
from withintask.ingest.text_tables import (
    Sheet,
    TextTable,
    plain_name,
    read_delimited,
    read_workbook,
    table_under,
)
from withintask.panel.errors import (
    ParameterError,
    SourceError,
    list_problems,
    quoted,
    some_examples,
)

WORKBOOK_SUFFIXES = (".xlsx", ".csv")
_HEADER_SEARCH_ROWS = 30
_MIN_KNOWN_HEADERS = 10
_YEAR_IN_NAME = re.compile(r"(?<!\d)(20\d\d)(?!\d)|oesm(\d\d)", re.IGNORECASE | re.ASCII)
_YEAR_IN_TITLE = re.compile(r"\bMay (20\d\d) OE", re.IGNORECASE | re.ASCII)
_SYNTHETIC = re.compile(r"\bsynthetic\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """One published table as text: our column names, the published cells."""

    file: str
    """Name to show; a member of an archive is ``archive.zip!member``."""
    where: str
    """File and sheet, for messages."""
    vintage: Vintage
    top_code: TopCode
    rows: pl.DataFrame
    """All columns of ``columns.csv`` (null where not published) and `source_row`; all text."""
    headers: dict[str, str]
    """Our name -> published header, for messages."""
    n_blank: int
    n_repaired: int
    """Rows with an industry or area code that had become a number and was restored."""
    is_synthetic: bool
    """The file says that it was written from a model."""


def extract(path: Path, name: str, layouts: Layouts) -> list[RawTable]:
    """Read every OEWS table of a workbook, a CSV copy or a BLS zip, under the name to show.

    Raises
    ------
    SourceError
        If the file is damaged, has no OEWS table, or its columns are not those of its year.
    """
    if path.suffix.lower() == ".zip":
        members = [m for m in read_members(path, name, WORKBOOK_SUFFIXES) if _is_table(m.name)]
        if not members:
            raise SourceError(f"{name}: the archive holds no .xlsx or .csv table")
        return [table for member in members for table in _tables_of(member, layouts)]
    return _tables_of(Member(name=name, content=path.read_bytes()), layouts)


def _is_table(name: str) -> bool:
    # Some archives carry field descriptions beside the tables, and macOS its own shadows.
    return "description" not in name.lower() and "__MACOSX" not in name


def _tables_of(member: Member, layouts: Layouts) -> list[RawTable]:
    if member.name.lower().endswith(".csv"):
        sheets: tuple[Sheet, ...] = (read_delimited(member.content, member.name),)
    else:
        sheets = read_workbook(member.content, member.name)
    found = [(sheet, row) for sheet in sheets if (row := _header_row(sheet, layouts)) is not None]
    if not found:
        raise SourceError(_unknown_layout(member.name, sheets))
    notes = [sheet for sheet in sheets if sheet not in [s for s, _ in found]]
    return [_raw_table(sheet, row, notes, layouts) for sheet, row in found]


def _header_row(sheet: Sheet, layouts: Layouts) -> int | None:
    """Find the row with the most known headers; None if no row has enough of them."""
    best, best_row = _MIN_KNOWN_HEADERS - 1, None
    for number, row in enumerate(sheet.cells.head(_HEADER_SEARCH_ROWS).rows()):
        headers = [plain_name(cell) for cell in row if cell]
        n_known = sum(header in layouts.known_headers for header in headers)
        if n_known > best:
            best, best_row = n_known, number
        if n_known == len(headers) > len(row) / 2:
            break
    return best_row


def _unknown_layout(name: str, sheets: Sequence[Sheet]) -> str:
    seen = []
    for sheet in sheets:
        first = next((row for row in sheet.cells.head(_HEADER_SEARCH_ROWS).rows() if any(row)), ())
        cells = some_examples([quoted(cell) for cell in first if cell])
        seen.append(
            f"sheet {quoted(sheet.name)}: no known header; its first row is {cells or 'empty'}"
        )
    return list_problems(
        f"{name}: unknown layout", seen, advice="Expected an OEWS table with OCC_CODE, TOT_EMP, …"
    )


def _raw_table(sheet: Sheet, row: int, notes: Sequence[Sheet], layouts: Layouts) -> RawTable:
    text = [" ".join(filter(None, cells)) for note in notes for cells in note.cells.rows()]
    vintage = _vintage_of(sheet, text, layouts)
    table = table_under(sheet, row)
    headers = _match_headers(table, vintage.year, layouts)
    rows, n_repaired = _restore_codes(_our_names(table, headers, layouts), layouts)
    return RawTable(
        file=sheet.file,
        where=table.where,
        vintage=vintage,
        top_code=next(filter(None, map(layouts.top_code_in, text)), vintage.top_code),
        rows=rows,
        headers=headers,
        n_blank=table.n_blank,
        n_repaired=n_repaired,
        is_synthetic=any(_SYNTHETIC.search(line) for line in [sheet.file, sheet.name, *text]),
    )


def _vintage_of(sheet: Sheet, notes: Sequence[str], layouts: Layouts) -> Vintage:
    """Return the one year that file name, sheet name and field descriptions agree on."""
    evidence = [
        *(
            (f"{kind} {quoted(name)}", year)
            for kind, name in _names(sheet)
            for year in _years_in(name)
        ),
        *((quoted(line), int(m[1])) for line in notes if (m := _YEAR_IN_TITLE.search(line))),
    ]
    years = {year for _, year in evidence}
    if not years:
        raise SourceError(f"{sheet}: no year in its name, sheet or descriptions; name it …M2024…")
    if len(years) > 1:
        lines = [f"{where} says {year}" for where, year in dict(evidence).items()]
        raise SourceError(list_problems(f"{sheet}: mixed years", lines))
    try:
        return layouts.vintage(years.pop())
    except ParameterError as fault:
        raise SourceError(f"{sheet}: {fault}") from fault


def _names(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for part in sheet.file.split("!"):
        yield "file", part.rsplit("/", maxsplit=1)[-1]
    yield "sheet", sheet.name


def _years_in(name: str) -> Iterator[int]:
    for full, short in _YEAR_IN_NAME.findall(name.replace("_", " ").replace("M20", " 20")):
        yield int(full) if full else 2000 + int(short)


def _match_headers(table: TextTable, year: int, layouts: Layouts) -> dict[str, str]:
    """Return our name -> published header; refuse missing and unknown columns by name."""
    published = {plain_name(header): header for header in table.headers}
    expected = {
        column.headers[year]: column for column in layouts.columns if year in column.headers
    }
    missing = [name for name in expected if name not in published]
    unknown = [name for name in published if name not in expected]
    problems = [f"column {quoted(name)} is missing{_guess(name, unknown)}" for name in missing]
    problems += [f"column {quoted(published[name])} is not known in May {year}" for name in unknown]
    if problems:
        advice = f"The columns of May {year} are listed in columns.csv of withintask.ingest.oews."
        raise SourceError(list_problems(table.where, problems, advice=advice))
    return {column.name: published[header] for header, column in expected.items()}


def _guess(name: str, unknown: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, unknown, n=1)
    return f" (is it {quoted(close[0])}?)" if close else ""


def _our_names(table: TextTable, headers: dict[str, str], layouts: Layouts) -> pl.DataFrame:
    def cells(column: ColumnSpec) -> pl.Expr:
        if column.name not in headers:
            return pl.lit(layouts.fill.get(column.name), dtype=pl.String).alias(column.name)
        return pl.col(plain_name(headers[column.name])).alias(column.name)

    return table.rows.select(*map(cells, layouts.columns), "source_row")


def _restore_codes(rows: pl.DataFrame, layouts: Layouts) -> tuple[pl.DataFrame, int]:
    """Give codes back what a spreadsheet takes that reads them as numbers, where it is certain.

    The row itself says what its code was: a sector by its level, all industries by theirs, and an
    area by its type. Everything else stays and is checked against the form of the codes.
    """
    group = pl.col("i_group").str.to_lowercase()
    naics, area, kind = pl.col("naics"), pl.col("area"), pl.col("area_type")
    is_resaved = (group == "sector") & naics.is_in(list(layouts.resaved_naics))
    is_all = group.str.starts_with("cross-industry") & naics.str.contains(r"^[0-9]{1,5}$")
    is_state = kind.is_in(["2", "3"]) & area.str.contains(r"^[0-9]$")
    is_nonmetro = (kind == "6") & area.str.contains(r"^[0-9]{6}$")
    is_repaired = pl.any_horizontal(is_resaved, is_all, is_state, is_nonmetro)
    restored = rows.with_columns(
        pl.when(is_resaved)
        .then(naics.replace(dict(layouts.resaved_naics)))
        .when(is_all)
        .then(naics.str.zfill(6))
        .otherwise(naics)
        .alias("naics"),
        pl.when(is_state)
        .then(area.str.zfill(2))
        .when(is_nonmetro)
        .then(area.str.zfill(7))
        .otherwise(area)
        .alias("area"),
    )
    return restored, rows.select(is_repaired.sum()).item()
