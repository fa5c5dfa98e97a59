"""A store that says what it is: tables with counts and hashes, files with what became of them."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from withintask.ingest.database import connect
from withintask.ingest.registry import TABLES
from withintask.ingest.views import VIEWS
from withintask.panel.errors import SourceError

_SAMPLE = 5


@dataclass(frozen=True, kw_only=True)
class StoreDescription:
    """What a store holds."""

    path: Path
    tables: pl.DataFrame
    """`name, kind, n_rows, n_columns, content_hash, description`; the hash does not depend on the
    order of rows, and is comparable under one version of DuckDB."""
    files: pl.DataFrame
    """`source_file, kind, bytes, sha256, n_rows, reason`: rows that carry the file's name."""
    samples: dict[str, pl.DataFrame]
    """First rows of each table and view."""
    duckdb_version: str


def describe_store(db: str | Path) -> StoreDescription:
    """Count and hash what a store holds.

    Parameters
    ----------
    db
        Store of ``withintask data build`` or ``withintask oews build``.

    Returns
    -------
    StoreDescription
        Tables with counts and hashes, files with what became of them, and first rows.

    Raises
    ------
    SourceError
        If there is no such store, or it is of another version of this package.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> found = wt.describe_store(store)
    >>> "oews" in found.tables["name"].to_list()
    True
    """
    with connect(db) as connection:
        try:
            tables = [_table(connection, *entry) for entry in _entries()]
            files = _files(connection)
            samples = {
                name: connection.sql(f"SELECT * FROM {name} ORDER BY ALL LIMIT {_SAMPLE}").pl()
                for name, _, _ in _entries()
            }
        except duckdb.CatalogException as fault:
            reason = str(fault).splitlines()[0]
            raise SourceError(
                f"{db}: no store of this version ({reason}); build it again with `withintask data build`"
            ) from fault
    return StoreDescription(
        path=Path(db),
        tables=pl.DataFrame(tables),
        files=files,
        samples=samples,
        duckdb_version=duckdb.__version__,
    )


def _entries() -> list[tuple[str, str, str]]:
    tables = [(table.name, "table", table.description) for table in TABLES]
    return [*tables, *((view.table.name, "view", view.table.description) for view in VIEWS)]


def _table(
    connection: duckdb.DuckDBPyConnection, name: str, kind: str, description: str
) -> dict[str, object]:
    n_columns = len(connection.sql(f"SELECT * FROM {name} LIMIT 0").columns)
    # A sum of row hashes is the same in any order of rows, and counts rows that stand twice.
    counted = f"SELECT count(*), sum(CAST(hash(line) AS HUGEINT)) FROM {name} AS line"
    n_rows, total = connection.sql(counted).fetchall()[0]
    return {
        "name": name,
        "kind": kind,
        "n_rows": n_rows,
        "n_columns": n_columns,
        "content_hash": f"{int(total or 0) % 2**64:016x}",
        "description": description,
    }


def _files(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    named = [t.name for t in TABLES if "source_file" in t.names and t.name != "source"]
    rows = " UNION ALL ".join(
        f"SELECT split_part(source_file, '!', 1) AS source_file, count(*) AS n FROM {name} GROUP BY 1"
        for name in named
    )
    frame: pl.DataFrame = connection.sql(
        f"""WITH row AS (SELECT source_file, sum(n) AS n_rows FROM ({rows}) GROUP BY source_file)
            SELECT source_file, string_agg(DISTINCT kind, ', ' ORDER BY kind) AS kind,
                   any_value(bytes) AS bytes, any_value(sha256) AS sha256,
                   CAST(coalesce(any_value(n_rows), 0) AS BIGINT) AS n_rows,
                   string_agg(DISTINCT reason, '; ') AS reason
            FROM source LEFT JOIN row USING (source_file)
            GROUP BY source_file ORDER BY source_file"""
    ).pl()
    return frame
