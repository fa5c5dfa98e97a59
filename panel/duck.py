"""A panel in a DuckDB file: one table each, and ``panel_info``."""

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from withintask.panel.atomic import replacing
from withintask.panel.errors import SourceError
from withintask.panel.mapping import TableMapping
from withintask.panel.panel import TABLES, Panel, PanelInfo, panel_info

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

INFO_TABLE = "panel_info"

BATCH_ROWS = 2**17
"""Rows that are handed over at once."""


def write_file(panel: Panel, file: Path) -> Path:
    """Write a panel as a DuckDB file; see :func:`withintask.panel.store.write_panel`."""
    import duckdb

    if file.exists():
        _fail_if_not_ours(file)
    with (
        replacing(file) as new,
        tempfile.TemporaryDirectory(prefix=".writing-", dir=file.parent) as staging,
        duckdb.connect(str(new)) as connection,
    ):
        for name, frame in {**panel.tables(), INFO_TABLE: _info_frame(panel.info)}.items():
            parquet = Path(staging) / "table.parquet"
            frame.lazy().sink_parquet(parquet)
            query = f"CREATE TABLE {name} AS SELECT * FROM read_parquet(?)"
            connection.execute(query, [str(parquet)])
    return file


def read_file(file: Path) -> Panel:
    """Scan a panel from a DuckDB file that :func:`write_file` wrote."""
    connect = connection(file)
    _fail_if_not_ours(file, connect)
    info = _scan(connect, INFO_TABLE).collect().row(0, named=True)
    _fail_if_other_schema(file, info.pop("schema"))
    frames = {name: _scan(connect, name) for name in _table_names(connect) if name in TABLES}
    return Panel(info=panel_info(info)).with_tables(**frames)


def connection(file: Path) -> "DuckDBPyConnection":
    """Open a DuckDB file for reading.

    Raises
    ------
    SourceError
        If it is absent or not a DuckDB file.
    """
    import duckdb

    if not file.is_file():
        raise SourceError(f"{file}: no such file; expected a DuckDB file")
    try:
        return duckdb.connect(str(file), read_only=True)
    except duckdb.Error as error:
        raise SourceError(f"{file}: cannot be read as a DuckDB file: {error}") from error


def scan_table(connect: "DuckDBPyConnection", mapping: TableMapping) -> pl.LazyFrame:
    """Scan the table that a mapping names.

    Raises
    ------
    SourceError
        If the file has no such table.
    """
    name = mapping.table or mapping.name
    found = _table_names(connect)
    if name not in found:
        raise SourceError(f"[tables.{mapping.name}]: no table {name!r}; found {', '.join(found)}")
    return _scan(connect, name)


def _scan(connect: "DuckDBPyConnection", name: str) -> pl.LazyFrame:
    """Scan a table in batches; each scan has its own cursor, so that scans can run together."""
    from polars.io.plugins import register_io_source

    table = _quoted(name)

    def batches(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        selected = ", ".join(map(_quoted, columns)) if columns else "*"
        limit = "" if n_rows is None else f" LIMIT {n_rows}"
        query = connect.cursor().sql(f"SELECT {selected} FROM {table}{limit}")
        for batch in query.to_arrow_reader(batch_size or BATCH_ROWS):
            frame = pl.DataFrame(pl.from_arrow(batch))
            yield frame if predicate is None else frame.filter(predicate)

    empty = connect.cursor().sql(f"SELECT * FROM {table} LIMIT 0").pl()
    return register_io_source(batches, schema=empty.schema)


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _table_names(connect: "DuckDBPyConnection") -> list[str]:
    return [name for (name,) in connect.execute("SHOW TABLES").fetchall()]


def _info_frame(info: PanelInfo) -> pl.DataFrame:
    from withintask.panel.schema import SCHEMA_VERSION

    types = {
        "first_ai_period": pl.Int64(),
        "is_synthetic": pl.Boolean(),
        "outcome_floor": pl.Float64(),
        "outcome_ceiling": pl.Float64(),
        "covariates": pl.List(pl.String()),
    }
    schema = {field.name: types.get(field.name, pl.String()) for field in fields(PanelInfo)}
    frame = pl.DataFrame([asdict(info) | {"covariates": list(info.covariates)}], schema=schema)
    return frame.with_columns(schema=pl.lit(SCHEMA_VERSION))


def _fail_if_not_ours(file: Path, connect: "DuckDBPyConnection | None" = None) -> None:
    if INFO_TABLE not in _table_names(connect or connection(file)):
        raise SourceError(
            f"{file}: not a panel: it has no table {INFO_TABLE}; "
            "write a panel.toml that maps its tables, and read that"
        )


def _fail_if_other_schema(file: Path, version: int) -> None:
    from withintask.panel.schema import READABLE_VERSIONS

    if version not in READABLE_VERSIONS:
        readable = " and ".join(map(str, READABLE_VERSIONS))
        raise SourceError(f"{file}: schema {version}; this version reads {readable}")
