"""DuckDB files: write a new one beside the old and put it in place only when it is complete."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl

from withintask.ingest.tables import Table
from withintask.panel.atomic import replacing
from withintask.panel.duck import CLOSED
from withintask.panel.errors import ParameterError, SourceError, quoted
from withintask.panel.escape import in_spreadsheet, in_sql


def connect(db: str | Path, *, allow_files: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a store for reading; queries reach no other file and load no extension unless asked.

    Parameters
    ----------
    db
        File written by :func:`withintask.ingest.store.build_oews` or
        :func:`withintask.ingest.store.build_store`.
    allow_files
        Whether queries may read and write other files and load extensions. Connections of one
        process to one database are all of one kind.

    Returns
    -------
    duckdb.DuckDBPyConnection
        For reading; to be closed, or used in a ``with`` block.

    Raises
    ------
    SourceError
        If there is no such file or it is no DuckDB database.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> with wt.connect(store) as connection:
    ...     connection.sql("SELECT count(*) > 0 FROM oews").fetchall()
    [(True,)]
    """
    path = Path(db)
    if not path.is_file():
        raise SourceError(f"{path}: no such database; `withintask data build` makes it")
    try:
        return duckdb.connect(str(path), read_only=True, config={} if allow_files else CLOSED)
    except duckdb.Error as fault:
        raise SourceError(
            f"{path}: not a readable DuckDB database ({_first_line(fault)})"
        ) from fault


def query(db: str | Path, sql: str, *, allow_files: bool = False) -> pl.DataFrame:
    """Run one SQL query on a store and return its rows.

    Parameters
    ----------
    db, allow_files
        As for :func:`connect`.
    sql
        The query.

    Raises
    ------
    ParameterError
        If the database refuses the SQL.
    SourceError
        If the store cannot be opened.
    """
    with connect(db, allow_files=allow_files) as connection:
        try:
            rows: pl.DataFrame = connection.sql(sql).pl()
        except AttributeError:  # a statement without rows gives no relation
            return pl.DataFrame()
        except duckdb.Error as fault:
            raise ParameterError(f"{db}: the query failed: {fault}") from fault
        return rows


def write_rows(frame: pl.DataFrame, path: Path, file_format: str) -> None:
    """Write rows as csv, json or parquet; the file appears only when it is complete.

    In CSV, text that a spreadsheet would take for a formula gets an apostrophe.

    Raises
    ------
    ParameterError
        If the format is unknown.
    """
    writers: dict[str, Callable[[Path], object]] = {
        "csv": in_spreadsheet(frame).write_csv,
        "json": frame.write_json,
        "parquet": frame.write_parquet,
    }
    if file_format not in writers:
        raise ParameterError(f"format {quoted(file_format)} is not one of {', '.join(writers)}")
    with replacing(path) as temporary:
        writers[file_format](temporary)


def create_table(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create an empty table with the comments of its description."""
    frame = table.empty()  # noqa: F841  duckdb finds it by name
    connection.execute(f"CREATE TABLE {table.name} AS SELECT * FROM frame")
    comment_on(connection, "TABLE", table)


def comment_on(connection: duckdb.DuckDBPyConnection, kind: str, table: Table) -> None:
    """Store the descriptions of a table or view and of its columns in the database."""
    connection.execute(f"COMMENT ON {kind} {table.name} IS {in_sql(table.description)}")
    for col in table.columns:
        text = f"{col.description} [{col.unit}]" if col.unit else col.description
        connection.execute(f"COMMENT ON COLUMN {table.name}.{col.name} IS {in_sql(text)}")


def insert(connection: duckdb.DuckDBPyConnection, table: Table, frame: pl.DataFrame) -> None:
    """Append rows to a table.

    Raises
    ------
    SchemaError
        If the rows do not have the columns of the table.
    """
    rows = table.conform(frame)  # noqa: F841  duckdb finds it by name
    connection.execute(f"INSERT INTO {table.name} SELECT * FROM rows")


def _first_line(fault: Exception) -> str:
    return str(fault).splitlines()[0]
