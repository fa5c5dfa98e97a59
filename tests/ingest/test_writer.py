"""Workbooks in the layout of BLS, written from a model and labelled so."""

import fastexcel
import polars as pl
import pytest

from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.oews.writer import write_national_workbook
from withintask.panel.errors import ParameterError, SchemaError

ROWS = pl.DataFrame(
    {
        "occ_code": ["11-1011", "25-2021"],
        "occ_title": ["Chiefs", "Teachers"],
        "o_group": ["detailed", "detailed"],
        "tot_emp": [100.0, None],
        "a_pct90": [500_000.0, 90_000.0],
        "h_pct90": [250.0, None],
    }
)


@pytest.fixture
def written(tmp_path):
    return write_national_workbook(ROWS, tmp_path / "national_M2023_dl.xlsx", 2023)


def test_the_sheet_has_the_published_header_of_its_year(written):
    sheet = fastexcel.read_excel(written).load_sheet("national_M2023_dl", dtypes="string")
    header = sheet.to_polars().columns
    assert (len(header), header[0], header[-1]) == (32, "AREA", "HOURLY")


def test_wages_above_the_top_code_are_written_as_the_mark(written):
    cells = fastexcel.read_excel(written).load_sheet(0, dtypes="string").to_polars()
    assert cells["A_PCT90"].to_list() == ["#", "90000"]
    assert cells["H_PCT90"].to_list() == ["#", "*"]
    assert cells["TOT_EMP"].to_list() == ["100", "**"]


def test_the_workbook_says_that_it_is_synthetic_and_the_reader_carries_it_on(written):
    notes = fastexcel.read_excel(written).load_sheet("Field Descriptions", header_row=None)
    assert any("SYNTHETIC" in (row[0] or "") for row in notes.to_polars().rows())
    assert harmonize(written.parent).wages["is_synthetic"].all()


def test_rows_that_are_not_synthetic_are_not_labelled(tmp_path):
    write_national_workbook(ROWS, tmp_path / "national_M2023_dl.xlsx", 2023, is_synthetic=False)
    assert not harmonize(tmp_path).wages["is_synthetic"].any()


def test_missing_columns_and_unknown_years_are_refused(tmp_path):
    with pytest.raises(SchemaError, match="no column o_group"):
        write_national_workbook(ROWS.drop("o_group"), tmp_path / "x.xlsx", 2023)
    with pytest.raises(ParameterError, match="year 1999"):
        write_national_workbook(ROWS, tmp_path / "x.xlsx", 1999)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_data
@pytest.mark.parametrize("year", range(2019, 2025))
def test_a_published_table_is_the_same_after_writing_and_reading(data_dir, tmp_path, year):
    published = harmonize(data_dir / "bls_oews", [year]).wages
    path = tmp_path / f"national_M{year}_dl.xlsx"
    write_national_workbook(published, path, year, is_synthetic=False)
    again = harmonize(tmp_path).wages
    assert again.drop("source_row").equals(published.drop("source_row"))
