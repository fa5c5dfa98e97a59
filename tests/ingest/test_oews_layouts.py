"""Every published layout is recognized by its content: workbook, zip, CSV copy, old columns."""

import zipfile

import polars as pl
import pytest

from withintask.ingest.oews.harmonize import harmonize
from withintask.panel.errors import SourceError


def values(folder, **options):
    return harmonize(folder, **options).wages.drop("source_file", "source_row")


@pytest.fixture
def expected(tmp_path, tiny_book):
    folder = tmp_path / "expected"
    folder.mkdir()
    tiny_book(2024).save(folder)
    return values(folder)


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "source"
    target.mkdir()
    return target


def test_reordered_columns_give_the_same_rows(folder, tiny_book, expected):
    book = tiny_book(2024)
    book.headers.reverse()
    for row in book.rows:
        row.reverse()
    book.save(folder)
    assert values(folder).equals(expected)


def test_lower_case_headers_give_the_same_rows(folder, tiny_book, expected):
    book = tiny_book(2024)
    book.headers = [header.lower() for header in book.headers]
    book.save(folder)
    assert values(folder).equals(expected)


def test_a_header_below_a_title_is_found_and_rows_keep_their_numbers(folder, tiny_book):
    book = tiny_book(2024)
    book.leading_rows = 3
    book.save(folder)
    wages = harmonize(folder).wages
    assert wages["source_row"].to_list() == [5, 6, 7, 8]


def test_blank_rows_are_left_out_and_counted(folder, tiny_book):
    book = tiny_book(2024)
    book.rows.insert(2, [""] * len(book.headers))
    book.save(folder)
    found = harmonize(folder)
    assert found.audit["n_blank"].to_list() == [1]
    assert found.audit["n_kept"].to_list() == [4]


def test_a_workbook_inside_a_zip_gives_the_same_rows(folder, tmp_path, tiny_book, expected):
    book = tiny_book(2024).save(tmp_path)
    with zipfile.ZipFile(folder / "oesm24nat.zip", "w") as archive:
        archive.write(book, "oesm24nat/national_M2024_dl.xlsx")
        archive.writestr("oesm24nat/field_descriptions.xlsx", b"not read")
    found = harmonize(folder)
    assert found.wages.drop("source_file", "source_row").equals(expected)
    assert found.wages["source_file"].unique().to_list() == [
        "oesm24nat.zip!oesm24nat/national_M2024_dl.xlsx"
    ]


def test_a_csv_copy_with_byte_order_mark_and_separators_is_read(folder, tiny_book):
    tiny_book(2024).change(0, "tot_emp", "154,187,380").save_csv(folder)
    wages = harmonize(folder).wages
    assert wages["tot_emp"].max() == 154_187_380
    assert wages["area"].unique().to_list() == ["99"]


def test_a_csv_copy_has_no_stated_top_code_and_takes_that_of_its_year(folder, tiny_book):
    tiny_book(2024).save_csv(folder)
    found = harmonize(folder)
    assert found.audit["top_code_source"].to_list() == ["sources.toml"]
    assert found.wages["top_code_annual_usd"].unique().to_list() == [239_200.0]


def test_the_stated_top_code_wins_over_the_table(folder, tiny_book):
    book = tiny_book(2024)
    book.notes.append("# = a wage equal to or greater than $120.00 per hour or $249,600 per year")
    book.save(folder)
    found = harmonize(folder)
    capped = found.wages.filter(pl.col("a_pct90_bound") == ">=")
    assert capped["a_pct90"].to_list() == [249_600.0]
    assert found.audit["top_code_source"].to_list() == ["file"]


def test_the_20_columns_of_2014_are_national_and_cross_industry(folder, tiny_book):
    book = tiny_book(2014)
    assert len(book.headers) == 20
    book.save(folder, sheet="national_dl")
    wages = harmonize(folder).wages
    assert wages.select("area", "naics", "i_group", "level", "segment").unique().rows() == [
        ("99", "000000", "cross-industry", "national", "soc2010")
    ]
    assert wages["pct_rpt_status"].null_count() == wages.height


@pytest.mark.parametrize(("year", "n_columns"), [(2018, 20), (2019, 30), (2020, 31), (2021, 32)])
def test_each_year_has_its_published_number_of_columns(tiny_book, year, n_columns):
    assert len(tiny_book(year).headers) == n_columns


def test_rows_are_sorted_into_levels_by_area_and_industry(folder, tiny_book):
    book = tiny_book(2024)
    for row, (area, area_type, naics, group) in enumerate(
        [
            ("99", "1", "31-33", "sector"),
            ("01", "2", "000000", "cross-industry"),
            ("10180", "4", "000000", "cross-industry"),
            ("0100001", "6", "000000", "cross-industry"),
        ]
    ):
        book.change(row, "area", area).change(row, "area_type", area_type)
        book.change(row, "naics", naics).change(row, "i_group", group)
    book.save(folder, "all_data_M_2024.xlsx")
    found = harmonize(folder, level="all")
    levels = dict(found.wages.select("area", "level").rows())
    assert levels == {"99": "industry", "01": "state", "10180": "metro", "0100001": "nonmetro"}


def test_rows_of_other_levels_are_left_out_with_a_count(folder, tiny_book):
    book = tiny_book(2024).change(3, "area", "01").change(3, "area_type", "2")
    book.save(folder, "all_data_M_2024.xlsx")
    audit = harmonize(folder, level="national").audit
    assert audit.select("n_rows", "n_kept", "n_other_level").rows() == [(4, 3, 1)]


def test_an_unknown_area_type_is_refused(folder, tiny_book):
    tiny_book(2024).change(1, "area_type", "9").save(folder)
    with pytest.raises(SourceError, match="area_type is not 1, 2, 3, 4 or 6: 1 rows: row 3"):
        harmonize(folder)


def test_a_code_outside_the_classification_is_refused(folder, tiny_book):
    tiny_book(2024).change(2, "occ_code", "11-1019").save(folder)
    with pytest.raises(SourceError, match="in no list of oews2021: 1 rows: row 4 11-1019"):
        harmonize(folder)


def test_a_code_of_an_unknown_major_group_is_refused_in_old_years_too(folder, tiny_book):
    tiny_book(2016).change(2, "occ_code", "98-1011").save(folder)
    with pytest.raises(SourceError, match="in no list of soc2010: 1 rows"):
        harmonize(folder)


def test_all_damaged_files_are_named_in_one_message(folder, tiny_book):
    tiny_book(2023).rename("tot_emp", "JOBS").save(folder)
    (folder / "national_M2024_dl.xlsx").write_bytes(b"nothing")
    with pytest.raises(SourceError) as caught:
        harmonize(folder)
    assert "national_M2023_dl.xlsx" in str(caught.value)
    assert "national_M2024_dl.xlsx" in str(caught.value)


def test_marks_become_value_bound_and_status(folder, tiny_book):
    book = tiny_book(2024)
    book.change(1, "tot_emp", "**").change(1, "pct_rpt", "~").change(1, "h_mean", "*")
    book.change(3, "is_annual_only", "").change(3, "a_mean", "*").change(
        3, "is_hourly_only", "TRUE"
    )
    book.save(folder)
    rows = {row["occ_code"]: row for row in harmonize(folder).wages.iter_rows(named=True)}

    def triple(code, name):
        row = rows[code]
        return row[name], row[f"{name}_bound"], row[f"{name}_status"]

    assert triple("11-0000", "tot_emp") == (None, None, "not_available")
    assert triple("11-0000", "pct_rpt") == (0.5, "<", "below_half_percent")
    assert triple("11-0000", "h_mean") == (None, None, "not_available")
    assert triple("11-1011", "a_pct90") == (239_200.0, ">=", "top_coded")
    assert triple("25-2021", "a_mean") == (None, None, "hourly_only")
    assert triple("25-2021", "a_pct10") == (10.0, None, "published")


def test_annual_only_explains_a_missing_hourly_wage(folder, tiny_book):
    tiny_book(2024).save(folder)
    row = harmonize(folder).wages.filter(pl.col("occ_code") == "25-2021")
    assert row["h_mean_status"].to_list() == ["annual_only"]


def test_equal_neighbouring_percentiles_are_flagged_unless_censored(folder, tiny_book):
    book = tiny_book(2024)
    for position, name in enumerate(("a_pct10", "a_pct25", "a_median", "a_pct75", "a_pct90")):
        book.change(0, name, str(10 + position))
        book.change(1, name, "#" if position > 2 else str(10 + position))
        book.change(2, name, "15" if position > 2 else str(10 + position))
    book.save(folder)
    flags = harmonize(folder).wages.sort("source_row")["is_collapsed_annual"].to_list()
    assert flags == [False, False, True, True]
