"""A store says what it is: counts, hashes that follow the content, and every file with its reason."""

import shutil

import pytest
from page_browser import page_problems

from withintask.ingest.describe import describe_store
from withintask.ingest.registry import TABLES
from withintask.ingest.store import build_store
from withintask.ingest.views import VIEWS
from withintask.panel.errors import SourceError
from withintask.report.store_page import store_page


@pytest.fixture
def store(tmp_path, tiny_book):
    folder = tmp_path / "data"
    folder.mkdir()
    tiny_book(2024).save(folder)
    (folder / "aioe_draft.xlsx").write_bytes(b"nothing")
    build_store(folder, tmp_path / "s.duckdb", skip=["*draft*"])
    return tmp_path / "s.duckdb"


def hashes(db):
    return dict(describe_store(db).tables.select("name", "content_hash").rows())


def test_every_table_and_view_is_counted(store):
    rows = dict(describe_store(store).tables.select("name", "n_rows").rows())
    assert set(rows) == {t.name for t in TABLES} | {v.table.name for v in VIEWS}
    assert (rows["oews"], rows["audit"], rows["source"]) == (4, 1, 2)


def test_every_file_has_its_rows_or_a_reason(store):
    files = describe_store(store).files
    assert files.select("source_file", "kind", "n_rows", "reason").rows() == [
        ("aioe_draft.xlsx", "skipped", 0, "left out with --skip"),
        ("national_M2024_dl.xlsx", "oews_workbook", 5, None),
    ]


def test_hashes_change_with_the_content_and_only_there(store, tmp_path, tiny_book):
    before = hashes(store)
    again = tmp_path / "again.duckdb"
    build_store(tmp_path / "data", again, skip=["*draft*"])
    assert hashes(again) == before
    tiny_book(2024).change(0, "tot_emp", "77").save(tmp_path / "data")
    build_store(tmp_path / "data", again, skip=["*draft*"])
    changed = {name for name, text in hashes(again).items() if text != before[name]}
    assert "oews" in changed
    assert not changed & {"soc_bridge", "onet_task", "oews_comparable"}


def test_a_store_of_another_version_is_refused(store):
    import duckdb

    copy = store.with_name("old.duckdb")
    shutil.copyfile(store, copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute("DROP TABLE exposure_measure")
    with pytest.raises(SourceError, match="build it again"):
        describe_store(copy)


def test_the_page_holds_every_column_and_is_safe_to_open(store, tmp_path, tiny_book):
    tiny_book(2024).change(0, "occ_title", "<script>x</script>").save(tmp_path / "data")
    build_store(tmp_path / "data", store, skip=["*draft*"])
    page = store_page(describe_store(store))
    for table in TABLES:
        for column in table.columns:
            assert column.name in page
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page
    assert page.count("<script") == 1
    (tmp_path / "store.html").write_text(page, encoding="utf-8")
    assert page_problems(tmp_path / "store.html") == []
