"""A panel on disk: a folder of Parquet or CSV files with ``panel.toml``, or a DuckDB file."""

from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from withintask.panel.errors import ParameterError, SchemaError, SourceError, list_problems
from withintask.panel.manifest import MANIFEST, read_manifest
from withintask.panel.mapping import TableMapping, table_mapping
from withintask.panel.panel import TABLES, Panel, PanelInfo, panel_info
from withintask.panel.tables import read_tables
from withintask.panel.validate import breach_frame, panel_violations, violation_message

Layout = Literal["parquet", "csv", "duckdb"]
DUCKDB_SUFFIXES = (".duckdb", ".db")
_OF_STORE = ("schema", "format", "file")


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """What was found at a path: a panel as far as it could be read, and what could not."""

    panel: Panel
    """the tables that could be read, not validated"""
    problems: pl.DataFrame
    """``table, rule, n_rows, examples, meaning`` of what could not be read"""


def write_panel(panel: Panel, path: str | Path, *, layout: Layout | None = None) -> Path:
    """Write a panel to disk; until it is complete a reader sees what was there before.

    Parameters
    ----------
    panel
        Any panel; lazy tables are streamed to disk. It is not validated.
    path
        A folder (Parquet or CSV) that is new, empty or holds a panel, which is then replaced as
        a whole; or a DuckDB file, new or holding a panel. Other files and folders inside the
        folder, such as ``synthetic/``, are left alone.
    layout
        ``parquet``, ``csv`` or ``duckdb``; by default DuckDB if the path ends in ``.duckdb`` or
        ``.db``, else Parquet.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    SourceError
        If the path holds something that is not a panel.
    """
    from withintask.panel import duck, folder

    target = Path(path)
    chosen = layout or ("duckdb" if target.suffix in DUCKDB_SUFFIXES else "parquet")
    if chosen not in get_args(Layout):
        raise ParameterError(f"write_panel: layout {chosen!r} is not one of {get_args(Layout)}")
    if chosen == "duckdb":
        return duck.write_file(panel, target)
    return folder.write_folder(panel, target, layout=chosen)


def read_panel(path: str | Path, *, lazy: bool = False, check: bool = True) -> Panel:
    """Read a panel from disk, and refuse one that breaks a rule.

    Parameters
    ----------
    path
        A folder with a ``panel.toml``, the ``panel.toml`` itself, or a DuckDB file that
        :func:`write_panel` wrote. Only files the manifest names are read.
    lazy
        Whether tables are scanned (``pl.LazyFrame``) rather than held.
    check
        Whether the panel is validated; a lazy one is streamed once for that.

    Raises
    ------
    SourceError
        If it is not a panel, a file is missing or a cell cannot be read: all such problems.
    SchemaError
        If it breaks a rule: all broken rules with their counts.
    """
    loaded = load_panel(path)
    if loaded.problems.height:
        raise SourceError(violation_message(str(path), loaded.problems))
    if check:
        broken = panel_violations(loaded.panel)
        if broken.height:
            raise SchemaError(violation_message(str(path), broken))
    panel = replace(loaded.panel, origin=Path(path))
    return panel if lazy else panel.collect()


def load_panel(path: str | Path) -> Loaded:
    """Scan a panel without validating it, and list what could not be read.

    Raises
    ------
    SourceError
        If the path is not a panel or its mapping is wrong.
    """
    from withintask.panel import duck

    source = Path(path)
    if source.is_file() and source.suffix in DUCKDB_SUFFIXES:
        return Loaded(panel=duck.read_file(source), problems=breach_frame([]))
    manifest = source if source.suffix == ".toml" else source / MANIFEST
    document = read_manifest(manifest)
    info, mappings = _understood(document, manifest)
    layout = document["panel"].get("format", "csv")
    database = manifest.parent / document["panel"].get("file", "")
    scan = None
    if layout == "duckdb":
        connect = duck.connection(database)
        scan = partial(duck.scan_table, connect)
    tables = read_tables(manifest.parent, mappings, scan=scan, outcome=info.outcome)
    if tables.notes:
        info = replace(info, note="; ".join(filter(None, (info.note, *tables.notes))))
    panel = Panel(info=info).with_tables(**tables.frames)
    return Loaded(panel=panel, problems=breach_frame(tables.problems))


def _understood(document: dict[str, Any], manifest: Path) -> tuple[PanelInfo, list[TableMapping]]:
    """Read the head and the tables of a manifest; refuse whatever is not known."""
    from withintask.panel.schema import READABLE_VERSIONS, SCHEMA_VERSION

    head, tables = document.get("panel"), document.get("tables", {})
    if not isinstance(head, dict):
        raise SourceError(f"{manifest}: expected a section [panel]")
    known = [field.name for field in fields(PanelInfo) if field.name != "covariates"]
    problems = [f"[panel] {key} is not known" for key in head if key not in (*known, *_OF_STORE)]
    problems += [f"[panel] has no {key}" for key in ("schema", "name") if key not in head]
    if head.get("schema", SCHEMA_VERSION) not in READABLE_VERSIONS:
        readable = " and ".join(map(str, READABLE_VERSIONS))
        problems.append(f"[panel] schema {head['schema']}: this version reads {readable}")
    if head.get("format", "csv") not in get_args(Layout):
        problems.append(f"[panel] format {head['format']!r} is not one of {get_args(Layout)}")
    problems += [f"[tables.{name}] is no table of a panel" for name in tables if name not in TABLES]
    mappings = []
    for name in (name for name in TABLES if name in tables):
        mapping, wrong = table_mapping(name, tables[name])
        mappings.append(mapping)
        problems += wrong
    if problems:
        raise SourceError(list_problems(str(manifest), problems, advice="Correct the manifest."))
    info = panel_info({key: head[key] for key in known if key in head})
    covariates = tuple(f"{m.name}.{column}" for m in mappings for column in m.covariates)
    return replace(info, covariates=covariates), mappings
