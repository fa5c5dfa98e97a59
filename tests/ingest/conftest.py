"""Tiny hand-made sheets: a valid national table that a test then spoils."""

import polars as pl
import pytest
import xlsxwriter

from withintask.ingest.oews.vintages import load_layouts

VALID_ROWS = [
    {"occ_code": "00-0000", "occ_title": "All Occupations", "o_group": "total", "tot_emp": "1000"},
    {"occ_code": "11-0000", "occ_title": "Management Occupations", "o_group": "major"},
    {"occ_code": "11-1011", "occ_title": "Chief Executives", "o_group": "detailed", "a_pct90": "#"},
    {"occ_code": "25-2021", "occ_title": "Teachers", "o_group": "detailed", "h_mean": "*",
     "is_annual_only": "TRUE"},
]  # fmt: skip


def write_cells(sheet, row, cells):
    """Write texts; a pair is a formula and the result that a spreadsheet stored for it."""
    for position, cell in enumerate(cells):
        if isinstance(cell, tuple):
            sheet.write_formula(row, position, cell[0], None, cell[1])
        elif cell:
            sheet.write_string(row, position, cell)


class TinyBook:
    """Cells of a workbook as text; `change` and `rename` spoil it, `save` writes it."""

    def __init__(self, year):
        layouts = load_layouts()
        self.year = year
        self.columns = [c for c in layouts.columns if year in c.headers]
        self.headers = [c.headers[year].upper() for c in self.columns]
        self.rows = [[self._default(c, row, layouts) for c in self.columns] for row in VALID_ROWS]
        self.notes = [f"May {year} OEWS Estimates"]
        self.extra_sheets = {"UpdateTime": [["09MAR2021"]], "Filler": []}
        self.leading_rows = 0

    @staticmethod
    def _default(column, row, layouts):
        if column.name in row:
            return row[column.name]
        if column.is_measure:
            return "10"
        return layouts.fill.get(column.name, "")

    def position(self, name):
        return [c.name for c in self.columns].index(name)

    def change(self, row, name, text):
        self.rows[row][self.position(name)] = text
        return self

    def rename(self, name, header):
        self.headers[self.position(name)] = header
        return self

    def drop(self, name):
        position = self.position(name)
        for cells in (self.headers, self.columns, *self.rows):
            del cells[position]
        return self

    def save(self, folder, name=None, *, sheet=None):
        path = folder / (name or f"national_M{self.year}_dl.xlsx")
        with xlsxwriter.Workbook(str(path)) as book:
            data = book.add_worksheet(sheet or f"national_M{self.year}_dl")
            for number, cells in enumerate([self.headers, *self.rows], start=self.leading_rows):
                write_cells(data, number, cells)
            book.add_worksheet("Field Descriptions").write_column(0, 0, self.notes)
            for extra, cells in self.extra_sheets.items():
                other = book.add_worksheet(extra)
                for number, row in enumerate(cells):
                    write_cells(other, number, row)
        return path

    def save_csv(self, folder, name=None):
        path = folder / (name or f"national_M{self.year}_dl.csv")
        frame = pl.DataFrame(self.rows, schema=self.headers, orient="row")
        path.write_bytes(b"\xef\xbb\xbf" + frame.write_csv().encode())
        return path


@pytest.fixture
def tiny_book():
    """Return a factory of valid tiny national tables of a year."""
    return TinyBook


@pytest.fixture(scope="session")
def real_store(data_dir, tmp_path_factory):
    """Return a store of all published files."""
    from withintask.ingest.store import build_store

    db = tmp_path_factory.mktemp("real") / "store.duckdb"
    build_store(data_dir, db)
    return db


@pytest.fixture(scope="session")
def all_store(data_dir, new_data_dir, tmp_path_factory):
    """Return a store of the published files of both folders."""
    from withintask.ingest.store import build_store

    db = tmp_path_factory.mktemp("both") / "store.duckdb"
    build_store([data_dir, new_data_dir], db, level="national")
    return db
