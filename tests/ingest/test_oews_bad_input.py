"""Each damaged source is refused in one message that names the place; a store stays as it was."""

import zipfile

import pytest

from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.store import build_oews
from withintask.panel.errors import ParameterError, SourceError


def refusal(folder, **options):
    with pytest.raises(SourceError) as caught:
        harmonize(folder, **options)
    return str(caught.value)


def test_a_valid_book_is_read(tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    assert harmonize(tmp_path).audit["n_kept"].to_list() == [4]


def test_a_missing_directory_is_named(tmp_path):
    assert "no such directory" in refusal(tmp_path / "absent")


def test_a_file_in_place_of_a_directory_is_refused(tmp_path, tiny_book):
    assert "a directory was expected" in refusal(tiny_book(2024).save(tmp_path))


def test_an_empty_directory_is_refused(tmp_path):
    assert "no OEWS workbook" in refusal(tmp_path)


def test_a_renamed_column_is_named_with_its_likely_new_name(tmp_path, tiny_book):
    tiny_book(2024).rename("tot_emp", "TOTAL_EMP").save(tmp_path)
    message = refusal(tmp_path)
    assert "national_M2024_dl.xlsx, sheet 'national_M2024_dl'" in message
    assert "column 'tot_emp' is missing (is it 'total_emp'?)" in message
    assert "column 'TOTAL_EMP' is not known in May 2024" in message


def test_all_missing_columns_are_listed_at_once(tmp_path, tiny_book):
    tiny_book(2024).drop("a_pct90").drop("h_mean").save(tmp_path)
    message = refusal(tmp_path)
    assert "'a_pct90' is missing" in message
    assert "'h_mean' is missing" in message


def test_a_column_that_stands_twice_is_refused(tmp_path, tiny_book):
    tiny_book(2024).rename("a_pct90", "A_PCT75").save(tmp_path)
    assert "stand twice in the header: a_pct75" in refusal(tmp_path)


def test_an_unknown_year_is_refused_with_the_known_ones(tmp_path, tiny_book):
    book = tiny_book(2024)
    book.notes = []
    book.save(tmp_path, "national_M2031_dl.xlsx", sheet="data")
    assert "year 2031 is not known (known: 2014, 2015" in refusal(tmp_path)


def test_an_unknown_year_that_is_asked_for_is_refused(tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    with pytest.raises(ParameterError, match="year 1999 is not known"):
        harmonize(tmp_path, [1999])


def test_a_year_that_is_not_there_is_refused(tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    assert "no OEWS table of 2022" in refusal(tmp_path, years=[2022, 2024])


def test_mixed_years_are_refused_with_both_places(tmp_path, tiny_book):
    tiny_book(2023).save(tmp_path, "national_M2024_dl.xlsx")
    message = refusal(tmp_path)
    assert "file 'national_M2024_dl.xlsx' says 2024" in message
    assert "'May 2023 OEWS Estimates' says 2023" in message


def test_non_numeric_text_is_named_by_row_and_column(tmp_path, tiny_book):
    tiny_book(2024).change(2, "a_pct75", "about 90k").change(3, "a_pct75", "nan").save(tmp_path)
    message = refusal(tmp_path)
    assert "column 'A_PCT75': 2 cells are no number or known mark" in message
    assert "row 4 'about 90k'" in message


def test_a_top_code_mark_in_an_employment_column_is_refused(tmp_path, tiny_book):
    tiny_book(2024).change(1, "tot_emp", "#").save(tmp_path)
    assert "column 'TOT_EMP': 1 cells" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["1,00", "12,3456", "-5", "1e400", "inf", "--"])
def test_misplaced_separators_and_signs_are_refused(tmp_path, tiny_book, text):
    tiny_book(2024).change(1, "tot_emp", text).save(tmp_path)
    assert repr(text) in refusal(tmp_path)


def test_a_duplicate_key_is_named_with_its_rows(tmp_path, tiny_book):
    book = tiny_book(2024)
    book.rows.append(list(book.rows[2]))
    book.save(tmp_path)
    message = refusal(tmp_path)
    assert "duplicate key 2024 11-1011 detailed" in message
    assert "row 4" in message
    assert "row 6" in message


def test_a_code_of_the_wrong_form_is_refused(tmp_path, tiny_book):
    tiny_book(2024).change(2, "occ_code", "111011").save(tmp_path)
    assert "row 4 111011" in refusal(tmp_path)


def test_an_unknown_occupation_level_is_refused(tmp_path, tiny_book):
    tiny_book(2024).change(2, "o_group", "fine").save(tmp_path)
    assert "o_group is not one of total, major" in refusal(tmp_path)


def test_a_truncated_workbook_is_refused(tmp_path, tiny_book):
    path = tiny_book(2024).save(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    assert "not a complete zip archive" in refusal(tmp_path)


def test_a_truncated_zip_is_refused(tmp_path, tiny_book):
    book = tiny_book(2024).save(tmp_path)
    whole = tmp_path / "oesm24nat.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.write(book, "oesm24nat/national_M2024_dl.xlsx")
    book.unlink()
    whole.write_bytes(whole.read_bytes()[:3000])
    assert "oesm24nat.zip: not a complete zip archive" in refusal(tmp_path)


def test_a_flipped_byte_in_a_zip_is_refused(tmp_path, tiny_book):
    path = tiny_book(2024).save(tmp_path)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(bytes(content))
    assert "is damaged" in refusal(tmp_path)


def test_text_with_the_name_of_a_workbook_is_refused(tmp_path):
    (tmp_path / "national_M2024_dl.xlsx").write_text("<html>Access Denied</html>")
    assert "not a complete zip archive" in refusal(tmp_path)


def test_a_workbook_of_something_else_is_an_unknown_layout(tmp_path, tiny_book):
    book = tiny_book(2024)
    book.headers = ["name", "age"]
    book.rows = [["a", "1"]]
    book.save(tmp_path)
    message = refusal(tmp_path)
    assert "unknown layout" in message
    assert "'name', 'age'" in message


def test_a_failed_build_leaves_the_existing_database_as_it_was(tmp_path, tiny_book):
    source, db = tmp_path / "source", tmp_path / "oews.duckdb"
    source.mkdir()
    tiny_book(2024).save(source)
    build_oews(source, db)
    before = db.read_bytes()
    tiny_book(2023).rename("tot_emp", "JOBS").save(source)
    with pytest.raises(SourceError):
        build_oews(source, db)
    assert db.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["source", "oews.duckdb"] or sorted(
        path.name for path in tmp_path.iterdir()
    ) == ["oews.duckdb", "source"]


@pytest.mark.parametrize(
    ("formula", "shown"), [("=1/0", "#DIV/0!"), ("=NA()", "#N/A"), ("=Nowhere!A1", "#REF!")]
)
def test_a_cell_that_holds_an_error_is_named_by_sheet_row_and_column(
    tmp_path, tiny_book, formula, shown
):
    tiny_book(2024).change(2, "a_pct90", (formula, shown)).save(tmp_path)
    message = refusal(tmp_path)
    assert "national_M2024_dl.xlsx, sheet 'national_M2024_dl'" in message
    assert f"1 cells hold an error: row 4 column 'A_PCT90' {shown}" in message


def test_an_error_on_a_sheet_that_holds_no_table_is_none_of_ours(tmp_path, tiny_book):
    book = tiny_book(2024)
    book.extra_sheets["Notes"] = [[("=1/0", "#DIV/0!")]]
    book.save(tmp_path)
    assert harmonize(tmp_path).audit["n_kept"].to_list() == [4]


def test_text_that_only_looks_like_an_error_is_no_number(tmp_path, tiny_book):
    tiny_book(2024).change(2, "a_pct90", "#N/A").save(tmp_path)
    assert "row 4 '#N/A'" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("member", "content", "reason"),
    [
        ("../national_M2024_dl.xlsx", b"", "leaves the target folder"),
        ("national_M2024_dl.xlsx", bytes(2**23), "zip bomb?"),
    ],
)
def test_an_archive_that_means_harm_is_refused_before_it_is_read(tmp_path, member, content, reason):
    with zipfile.ZipFile(tmp_path / "oesm24nat.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    message = refusal(tmp_path)
    assert "oesm24nat.zip" in message
    assert reason in message
