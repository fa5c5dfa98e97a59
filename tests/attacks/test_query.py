"""A query reaches its database and nothing else, unless its user opens the door."""

import duckdb
import pytest

from withintask.ingest.database import query
from withintask.panel.errors import ParameterError


@pytest.fixture
def db(tmp_path):
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.execute("CREATE TABLE oews AS SELECT 2024 AS year, 1.5 AS pay")
    (tmp_path / "secret.csv").write_text("name,pay\nalice,1\n")
    return tmp_path / "store.duckdb"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM parquet_metadata('{folder}/x.parquet')",
        "COPY oews TO '{folder}/stolen.csv'",
        "COPY (SELECT 1) TO '{folder}/stolen.parquet' (FORMAT parquet)",
        "EXPORT DATABASE '{folder}/stolen'",
        "ATTACH '{folder}/stolen.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "PRAGMA enable_external_access = true",
        "SET lock_configuration = false",
        "SET temp_directory = '{folder}/stolen'",
        "CREATE TABLE mine AS SELECT 1",
        "DROP TABLE oews",
        "DELETE FROM oews",
        "SET enable_external_access = true; SELECT * FROM read_text('{folder}/secret.csv')",
    ],
)
def test_a_query_neither_reads_nor_writes_files_nor_opens_the_door_itself(db, sql):
    before = {file: file.read_bytes() for file in db.parent.iterdir()}
    with pytest.raises(ParameterError, match="the query failed"):
        query(db, sql.format(folder=db.parent))
    assert {file: file.read_bytes() for file in db.parent.iterdir()} == before


def test_whoever_says_so_may_read_files(db):
    found = query(db, f"SELECT name FROM read_csv('{db.parent}/secret.csv')", allow_files=True)
    assert found["name"].to_list() == ["alice"]


def test_a_plain_query_runs(db):
    assert query(db, "SELECT pay FROM oews")["pay"].to_list() == [1.5]
