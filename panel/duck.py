"""A panel in a DuckDB file: one table each, and ``panel_info``."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from withintask.panel.atomic import PART_OF_DATABASE, replacing
from withintask.panel.errors import SourceError, all_named, quoted
from withintask.panel.mapping import TableMapping
from withintask.panel.panel import TABLES, Panel, PanelInfo, panel_info

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

INFO_TABLE = "panel_info"

BATCH_ROWS = 2**17
"""Rows that are handed over at once."""


SECTIONS_TABLE = "panel_sections"
"""What else is kept with a panel, as JSON."""

CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}
"""A file of someone else may hold views: they read no file, load no extension and cannot change that."""


def write_file(
    panel: Panel, file: Path, *, sections: Mapping[str, Mapping[str, Any]] | None = None
) -> Path:
    """Write a panel as a DuckDB file; see :func:`withintask.panel.store.write_panel`."""
    import duckdb

    with replacing(file) as new:
        if file.exists():
            _fail_if_not_ours(file)
        tables = {**panel.tables(), INFO_TABLE: _info_frame(panel.info)}
        if sections:
            tables[SECTIONS_TABLE] = _section_frame(sections)
        parquet = new.with_name(f"{new.name}{PART_OF_DATABASE}")
        with duckdb.connect(str(new)) as connection:
            for name, frame in tables.items():
                frame.lazy().sink_parquet(parquet)
                query = f"CREATE TABLE {name} AS SELECT * FROM read_parquet(?)"
                connection.execute(query, [str(parquet)])
    return file


def read_sections(file: Path) -> dict[str, dict[str, Any]]:
    """Return the further sections that :func:`write_file` kept, by name."""
    with _readable(str(file)):
        connect = connection(file)
        _fail_if_not_ours(file, connect)
        if SECTIONS_TABLE not in _table_names(connect):
            return {}
        rows = connect.execute(f"SELECT name, content FROM {SECTIONS_TABLE}").fetchall()
    return {name: json.loads(content) for name, content in rows}


def read_file(file: Path) -> Panel:
    """Scan a panel from a DuckDB file that :func:`write_file` wrote."""
    with _readable(str(file)):
        connect = connection(file)
        _fail_if_not_ours(file, connect)
        info = _read_info(file, connect)
        frames = {name: _scan(connect, name) for name in _table_names(connect) if name in TABLES}
    return Panel(info=info).with_tables(**frames)


def _read_info(file: Path, connect: "DuckDBPyConnection") -> PanelInfo:
    rows = _scan(connect, INFO_TABLE).collect()
    known = {field.name for field in fields(PanelInfo)}
    if rows.height != 1 or not {"schema", "name"} <= set(rows.columns) <= known | {"schema"}:
        raise SourceError(f"{file}: its table {INFO_TABLE} is not what withintask writes")
    head = rows.row(0, named=True)
    _fail_if_other_schema(file, head.pop("schema"))
    return panel_info(head)


def connection(file: Path) -> "DuckDBPyConnection":
    """Open a DuckDB file for reading; what it holds can reach no other file.

    Raises
    ------
    SourceError
        If it is absent or not a DuckDB file.
    """
    import duckdb

    if not file.is_file():
        raise SourceError(f"{file}: no such file; expected a DuckDB file")
    try:
        return duckdb.connect(str(file), read_only=True, config=CLOSED)
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
        raise SourceError(
            f"[tables.{mapping.name}]: no table {quoted(name)}; found {all_named(found)}"
        )
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
        with _readable(f"table {name}"):
            query = connect.cursor().sql(f"SELECT {selected} FROM {table}{limit}")
            for batch in query.to_arrow_reader(batch_size or BATCH_ROWS):
                frame = pl.DataFrame(pl.from_arrow(batch))
                yield frame if predicate is None else frame.filter(predicate)

    with _readable(f"table {name}"):
        empty = connect.cursor().sql(f"SELECT * FROM {table} LIMIT 0").pl()
    return register_io_source(batches, schema=empty.schema)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Turn what DuckDB says of a damaged or hostile file into an error of ours."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise SourceError(f"{where}: cannot be read from the DuckDB file: {error}") from error


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
        "is_pseudonymized": pl.Boolean(),
    }
    schema = {field.name: types.get(field.name, pl.String()) for field in fields(PanelInfo)}
    frame = pl.DataFrame([asdict(info) | {"covariates": list(info.covariates)}], schema=schema)
    return frame.with_columns(schema=pl.lit(SCHEMA_VERSION))


def _section_frame(sections: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    rows = {"name": list(sections), "content": [json.dumps(s) for s in sections.values()]}
    return pl.DataFrame(rows, schema={"name": pl.String, "content": pl.String})


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
