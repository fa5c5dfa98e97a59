"""Copy a store into a folder of Parquet files."""

import os
import secrets
import shutil
from pathlib import Path

import duckdb

from withintask.ingest.registry import TABLES
from withintask.ingest.views import VIEWS
from withintask.panel.errors import ParameterError

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
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        for name in [*(t.name for t in TABLES), *(v.table.name for v in VIEWS)]:
            _copy(connection, name, temporary)
        _swap(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / _MARKER).is_file() or not any(folder.iterdir()))


def _copy(connection: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
    if name in PARTITIONED:
        by = ", ".join(PARTITIONED[name])
        target, options = folder / name, f"FORMAT parquet, PARTITION_BY ({by})"
    else:
        target, options = folder / f"{name}.parquet", "FORMAT parquet"
    quoted = str(target).replace("'", "''")
    connection.execute(f"COPY (SELECT * FROM {name}) TO '{quoted}' ({options})")


def _swap(new: Path, old: Path) -> None:
    if old.exists():
        discarded = old.with_name(f".{old.name}.{secrets.token_hex(4)}.old")
        os.replace(old, discarded)
        os.replace(new, old)
        shutil.rmtree(discarded)
    else:
        os.replace(new, old)
