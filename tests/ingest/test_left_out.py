"""Files that are not read: nothing read is no success, and every file says why."""

import pytest

from withintask.ingest.database import query
from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.store import build_oews, build_store
from withintask.panel.errors import ParameterError, SourceError


@pytest.fixture
def source(tmp_path, tiny_book):
    folder = tmp_path / "source"
    folder.mkdir()
    tiny_book(2023).save(folder)
    (folder / "aioe_draft.xlsx").write_bytes(b"not a workbook")
    (folder / "notes.docx").write_text("mine")
    return folder


def reasons(db):
    rows = query(db, "SELECT source_file, kind, reason FROM source ORDER BY source_file").rows()
    return {name: (kind, reason) for name, kind, reason in rows}


def test_an_unreadable_file_is_named_with_the_option_that_leaves_it_out(source, tmp_path):
    with pytest.raises(SourceError, match=r"--skip 'aioe_draft\.xlsx'"):
        build_store(source, tmp_path / "s.duckdb")


@pytest.mark.parametrize("pattern", ["aioe_draft.xlsx", "*draft*", "./aioe_draft.xlsx"])
def test_a_skipped_file_does_not_stop_the_store_and_says_so(source, tmp_path, pattern):
    db = tmp_path / "s.duckdb"
    build_store(source, db, skip=[pattern])
    assert reasons(db) == {
        "aioe_draft.xlsx": ("skipped", "left out with --skip"),
        "national_M2023_dl.xlsx": ("oews_workbook", None),
        "notes.docx": ("unrecognized", "no table: its suffix is none of those that are read"),
    }


def test_a_name_to_skip_that_is_no_file_is_refused(source, tmp_path):
    with pytest.raises(ParameterError, match=r"--skip 'absent\.xlsx' is no file"):
        build_store(source, tmp_path / "s.duckdb", skip=["absent.xlsx"])


def test_reasons_survive_a_refresh_that_reads_another_file(source, tmp_path, tiny_book):
    db = tmp_path / "s.duckdb"
    state = tiny_book(2024)
    for row in range(4):
        state.change(row, "area", "01").change(row, "area_type", "2")
    state.save(source, "all_data_M_2024.xlsx")
    build_store(source, db, level="national", skip=["*draft*"])
    kind, reason = reasons(db)["all_data_M_2024.xlsx"]
    assert (kind, "it has rows of: state 4" in reason) == ("oews_workbook", True)
    tiny_book(2023).change(0, "tot_emp", "70").save(source)
    build_store(source, db, level="national", skip=["*draft*"])
    assert reasons(db)["all_data_M_2024.xlsx"] == (kind, reason)


def states(book):
    for row in range(4):
        book.change(row, "area", "01").change(row, "area_type", "2")
    return book


def test_a_store_of_which_nothing_was_read_is_an_error(tmp_path, tiny_book):
    states(tiny_book(2024)).save(tmp_path, "all_data_M_2024.xlsx")
    with pytest.raises(SourceError, match="no rows of level national.*state 4"):
        build_oews(tmp_path, tmp_path / "s.duckdb", level="national")
    with pytest.raises(SourceError, match="the files hold state"):
        harmonize(tmp_path, level="national")


def test_the_level_is_what_the_files_hold_unless_named(tmp_path, tiny_book):
    states(tiny_book(2024)).save(tmp_path, "all_data_M_2024.xlsx")
    assert harmonize(tmp_path).wages["level"].unique().to_list() == ["state"]
    build_oews(tmp_path, tmp_path / "s.duckdb")
    assert query(tmp_path / "s.duckdb", "SELECT DISTINCT level FROM oews").rows() == [("state",)]


def test_a_sector_file_alone_is_read_without_naming_its_level(tmp_path, tiny_book):
    book = tiny_book(2024)
    for row in range(4):
        book.change(row, "naics", "11").change(row, "i_group", "sector")
    book.save(tmp_path, "natsector_M2024_dl.xlsx")
    assert harmonize(tmp_path).wages["level"].unique().to_list() == ["industry"]


def test_several_levels_without_a_national_one_are_asked_for(tmp_path, tiny_book):
    states(tiny_book(2024)).save(tmp_path, "state_M2024_dl.xlsx")
    states(tiny_book(2023)).save(tmp_path, "MSA_M2023_dl.xlsx")
    with pytest.raises(ParameterError, match="--level metro or --level state"):
        harmonize(tmp_path)


def test_several_folders_are_read_as_one(tmp_path, tiny_book):
    import os

    first, second = tmp_path / "data", tmp_path / "data_new"
    for folder, year in ((first, 2023), (second, 2024)):
        folder.mkdir()
        tiny_book(year).save(folder)
        (folder / "README.md").write_text(folder.name)
    joined = os.pathsep.join([str(first), str(second)])
    build_store(joined, tmp_path / "joined.duckdb")
    build_store([first, second], tmp_path / "listed.duckdb")
    for name in ("joined", "listed"):
        db = tmp_path / f"{name}.duckdb"
        years = query(db, "SELECT DISTINCT year FROM oews ORDER BY year")["year"].to_list()
        assert years == [2023, 2024]
        assert {"README.md", "data_new/README.md"} <= set(reasons(db))


def test_a_folder_of_the_list_that_is_not_there_is_named(tmp_path, tiny_book):
    tiny_book(2023).save(tmp_path)
    with pytest.raises(SourceError, match="absent: no such directory"):
        build_store([tmp_path, tmp_path / "absent"], tmp_path / "s.duckdb")
