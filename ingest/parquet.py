"""Copy a store into a folder of Parquet files."""

from pathlib import Path

import duckdb

from withintask.ingest.registry import TABLES
from withintask.ingest.views import VIEWS
from withintask.panel.atomic import replacing_folder
from withintask.panel.errors import ParameterError
from withintask.panel.escape import in_sql

PARTITIONED = {"oews": ("year", "level")}
_MARKER = "source.parquet"


def export_parquet(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write every table and view of a store; `oews` becomes a folder by year and level.

    The folder is replaced as a whole, when all of it is written.

    Raises
    ------
    ParameterError
        If the folder holds something else than an earlier export.
    """
    if folder.exists() and not _is_ours(folder):
        raise ParameterError(f"{folder}: holds other files; give a new or empty folder for Parquet")
    with replacing_folder(folder) as temporary:
        for table in TABLES:
            _copy(connection, table.name, temporary)
        connection.execute("SET threads = 1")  # sums of one order, so that bytes are equal
        for view in VIEWS:
            by = f"ORDER BY {', '.join(view.table.key)}"
            _copy(connection, view.table.name, temporary, by)
        connection.execute("RESET threads")


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / _MARKER).is_file() or not any(folder.iterdir()))


def _copy(connection: duckdb.DuckDBPyConnection, name: str, folder: Path, order: str = "") -> None:
    if name in PARTITIONED:
        by = ", ".join(PARTITIONED[name])
        target, options = folder / name, f"FORMAT parquet, PARTITION_BY ({by})"
    else:
        target, options = folder / f"{name}.parquet", "FORMAT parquet"
    connection.execute(f"COPY (SELECT * FROM {name} {order}) TO {in_sql(str(target))} ({options})")
