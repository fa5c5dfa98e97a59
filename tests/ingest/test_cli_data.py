"""The commands `oews` and `data`, called as the command line calls them."""

import json

import pytest

from withintask.cli.data import app as data
from withintask.cli.oews import app as oews
from withintask.panel.errors import ParameterError, SourceError


def run(app, *words):
    app([str(word) for word in words], exit_on_error=False, result_action="return_value")


@pytest.fixture
def store(tmp_path, tiny_book):
    source, db = tmp_path / "source", tmp_path / "out" / "oews.duckdb"
    source.mkdir()
    tiny_book(2023).save(source)
    tiny_book(2024).save(source)
    run(oews, "build", source, "--db", db)
    return db


def test_build_prints_the_audit_and_what_it_read(store, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    capsys.readouterr()
    run(oews, "build", tmp_path / "source", "--db", store)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["source_file", "year", "n_rows", "n_kept"]
    assert lines[2].split()[:4] == ["national_M2023_dl.xlsx", "2023", "4", "4"]
    assert lines[-2:] == [f"8 rows of 2 tables: {store}", "0 read, 2 unchanged, 0 removed"]


def test_data_build_prints_tables_and_names_what_it_does_not_know(store, capsys, tmp_path):
    (tmp_path / "source" / "notes.txt").write_text("mine")
    capsys.readouterr()
    db, parquet = tmp_path / "all.duckdb", tmp_path / "parquet"
    run(data, "build", tmp_path / "source", "--db", db, "--parquet", parquet)
    printed = capsys.readouterr().out
    assert ["oews", "8"] in [line.split() for line in printed.splitlines()]
    assert "1 files are not recognized (notes.txt)" in printed
    assert f"2 read, 0 unchanged, 0 removed: {db}" in printed
    assert (parquet / "source.parquet").is_file()


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_query_prints_machine_readable_rows(store, capsys, file_format):
    capsys.readouterr()
    sql = "SELECT year, count(*) AS n FROM oews GROUP BY year ORDER BY year"
    run(oews, "query", "--db", store, sql, "--format", file_format)
    printed = capsys.readouterr().out
    if file_format == "json":
        assert json.loads(printed) == [{"year": 2023, "n": 4}, {"year": 2024, "n": 4}]
    else:
        assert printed == "year,n\n2023,4\n2024,4\n"


def test_query_prints_a_table_with_one_line_a_row(store, capsys):
    capsys.readouterr()
    run(oews, "query", "--db", store, "SELECT occ_code FROM oews WHERE year = 2024")
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_query_writes_parquet_to_a_file(store, tmp_path):
    import polars as pl

    out = tmp_path / "rows.parquet"
    run(oews, "query", "--db", store, "SELECT * FROM audit", "--format", "parquet", "--out", out)
    assert pl.read_parquet(out)["n_kept"].to_list() == [4, 4]


def test_query_refuses_to_print_parquet(store):
    with pytest.raises(ParameterError, match="--out"):
        run(oews, "query", "--db", store, "SELECT 1", "--format", "parquet")


def test_query_reports_a_sql_error_as_ours(store):
    with pytest.raises(ParameterError, match="the query failed"):
        run(oews, "query", "--db", store, "SELECT nothing FROM nowhere")


def test_query_of_a_missing_database_says_how_to_make_one(tmp_path):
    with pytest.raises(SourceError, match="no such database"):
        run(oews, "query", "--db", tmp_path / "absent.duckdb", "SELECT 1")


def test_build_refuses_malformed_years(tmp_path):
    with pytest.raises(ParameterError, match="write 2019-2024"):
        run(oews, "build", tmp_path, "--db", tmp_path / "x.duckdb", "--years", "2024-2019")
