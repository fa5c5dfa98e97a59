"""A panel on disk: a folder of Parquet or CSV files with ``panel.toml``, or a DuckDB file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from withintask.panel.covariates import fail_if_not_written
from withintask.panel.errors import (
    ParameterError,
    SchemaError,
    SourceError,
    list_problems,
    quoted,
    shortened,
)
from withintask.panel.files import OUTSIDE, damage_breaches, is_name, may_be_read, outside_breaches
from withintask.panel.manifest import (
    MANIFEST,
    OF_READER,
    file_hashes,
    manifest_of,
    read_manifest,
    type_problems,
)
from withintask.panel.mapping import TableMapping, table_mapping
from withintask.panel.panel import TABLES, Panel, PanelInfo, panel_info
from withintask.panel.tables import read_tables
from withintask.panel.transform import with_categories, with_texts
from withintask.panel.unchanged import files_of_panel, unchanged
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


def write_panel(
    panel: Panel,
    path: str | Path,
    *,
    layout: Layout | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Write a panel to disk in one step; until it is complete a reader sees what was there before.

    Parameters
    ----------
    panel
        Any panel; lazy tables are streamed to disk. It is not validated.
    path
        A folder (Parquet or CSV) that is new, empty or holds a panel that was written like this,
        which is then replaced as a whole; or a DuckDB file, new or holding a panel. Other files
        and folders inside the folder are left alone.
    layout
        ``parquet``, ``csv`` or ``duckdb``; by default DuckDB if the path ends in ``.duckdb`` or
        ``.db``, else Parquet.
    sections
        Further sections to keep with the panel, such as the recipe of a synthetic one; readers of
        panels ignore them, :func:`read_sections` returns them.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    SchemaError
        If a declared covariate is of a type that no manifest states.
    SourceError
        If the path holds something that is not a panel, or files that its owner described in a
        ``panel.toml``; or another process is writing there.

    Notes
    -----
    A process that is killed leaves the old panel or the new one. The next writer removes what
    else it left.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> import tempfile
    >>> folder = wt.write_panel(panel, tempfile.mkdtemp())
    >>> sorted(path.name for path in folder.glob("*.toml"))
    ['panel.toml']
    """
    from withintask.panel import duck, folder

    target = Path(path)
    chosen = layout or ("duckdb" if target.suffix in DUCKDB_SUFFIXES else "parquet")
    if chosen not in get_args(Layout):
        raise ParameterError(
            f"write_panel: layout {quoted(chosen)} is not one of {get_args(Layout)}"
        )
    fail_if_not_written(panel)
    panel = with_texts(panel)
    if chosen == "duckdb":
        return duck.write_file(panel, target, sections=sections)
    return folder.write_folder(panel, target, layout=chosen, sections=sections)


def read_panel(
    path: str | Path,
    *,
    lazy: bool = False,
    check: bool = True,
    verify: bool = True,
    allow_outside: bool = False,
    categories: bool = False,
) -> Panel:
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
    verify
        Whether each file is compared with its SHA-256, where the manifest has it.
    allow_outside
        Whether the manifest may name files outside its folder.
    categories
        Whether ids that many rows share become categories, the same in all tables: less memory, and no coding again.

    Returns
    -------
    Panel
        Checked, unless that was not wanted.

    Raises
    ------
    SourceError
        If it is not a panel, a file is missing, damaged or changed while it was read, or a cell
        cannot be read: all such problems.
    SchemaError
        If it breaks a rule: all broken rules with their counts.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> import tempfile
    >>> folder = wt.write_panel(panel, tempfile.mkdtemp())
    >>> wt.read_panel(folder).outputs.height == panel.outputs.height
    True
    """
    with unchanged(files_of_panel(Path(path))):
        loaded = load_panel(path, verify=verify, allow_outside=allow_outside)
        if loaded.problems.height:
            raise SourceError(violation_message(str(path), loaded.problems))
        with _readable(str(path)):
            if check:
                broken = panel_violations(loaded.panel)
                if broken.height:
                    raise SchemaError(violation_message(str(path), broken))
            panel = with_categories(loaded.panel) if categories else loaded.panel
            panel = replace(panel, origin=Path(path))
            return panel if lazy else panel.collect()


def load_panel(
    path: str | Path,
    *,
    verify: bool = True,
    allow_outside: bool = False,
    spill: Path | None = None,
) -> Loaded:
    """Scan a panel without validating it, and list what could not be read.

    Parameters
    ----------
    path, verify, allow_outside
        As for :func:`read_panel`.
    spill
        As for :func:`withintask.panel.tables.read_tables`.

    Raises
    ------
    SourceError
        If the path is not a panel or its mapping is wrong.
    """
    from withintask.panel import duck

    source = Path(path)
    if _is_duckdb(source):
        return Loaded(panel=duck.read_file(source), problems=breach_frame([]))
    manifest = manifest_of(source)
    document = read_manifest(manifest)
    info, mappings = _understood(document, manifest)
    layout = document["panel"].get("format", "csv")
    problems = [] if allow_outside else list(outside_breaches(manifest.parent, mappings))
    expected = file_hashes(document, manifest) if verify else None
    problems += damage_breaches(manifest.parent, mappings, expected or {})
    refused = {problem.table for problem in problems}
    scan = None
    if layout == "duckdb":
        database = document["panel"].get("file", "")
        _fail_if_outside(manifest, database, allow_outside=allow_outside)
        scan = partial(duck.scan_table, duck.connection(manifest.parent / database))
    usable = [mapping for mapping in mappings if mapping.name not in refused]
    tables = read_tables(manifest.parent, usable, scan=scan, outcome=info.outcome, spill=spill)
    if tables.notes:
        info = replace(info, note="; ".join(filter(None, (info.note, *tables.notes))))
    panel = Panel(info=info).with_tables(**tables.frames)
    return Loaded(panel=panel, problems=breach_frame([*problems, *tables.problems]))


def is_panel(path: str | Path) -> bool:
    """Tell whether a path holds what :func:`read_panel` would look at."""
    source = Path(path)
    return (source / MANIFEST).is_file() or _is_duckdb(source)


def _is_duckdb(source: Path) -> bool:
    return source.is_file() and source.suffix in DUCKDB_SUFFIXES


def read_info(path: str | Path) -> PanelInfo:
    """Return the head of a panel without looking at its tables.

    Raises
    ------
    SourceError
        If the path is not a panel.
    """
    from withintask.panel import duck

    source = Path(path)
    if _is_duckdb(source):
        return duck.read_file(source).info
    manifest = manifest_of(source)
    return _understood(read_manifest(manifest), manifest)[0]


def read_sections(path: str | Path) -> dict[str, dict[str, Any]]:
    """Return the further sections that :func:`write_panel` kept with a panel, by name.

    Raises
    ------
    SourceError
        If the path is not a panel.
    """
    from withintask.panel import duck

    source = Path(path)
    if _is_duckdb(source):
        return duck.read_sections(source)
    document = read_manifest(manifest_of(source))
    return {
        name: section
        for name, section in document.items()
        if name not in OF_READER and isinstance(section, dict)
    }


def _understood(document: dict[str, Any], manifest: Path) -> tuple[PanelInfo, list[TableMapping]]:
    """Read the head and the tables of a manifest; refuse whatever is not known."""
    from withintask.panel.schema import READABLE_VERSIONS, SCHEMA_VERSION

    problems = list(type_problems(document))
    if problems:
        raise SourceError(list_problems(str(manifest), problems, advice="Correct the manifest."))
    head, tables = document["panel"], document.get("tables", {})
    known = [field.name for field in fields(PanelInfo) if field.name != "covariates"]
    problems += [
        f"[panel] {shortened(key)} is not known" for key in head if key not in (*known, *_OF_STORE)
    ]
    problems += [f"[panel] has no {key}" for key in ("schema", "name") if key not in head]
    if head.get("schema", SCHEMA_VERSION) not in READABLE_VERSIONS:
        readable = " and ".join(map(str, READABLE_VERSIONS))
        problems.append(f"[panel] schema {head['schema']}: this version reads {readable}")
    if head.get("format", "csv") not in get_args(Layout):
        problems.append(f"[panel] format {quoted(head['format'])} is not one of {get_args(Layout)}")
    problems += [
        f"[tables.{shortened(name)}] is no table of a panel"
        for name in tables
        if name not in TABLES
    ]
    mappings = []
    for name in (name for name in TABLES if name in tables):
        mapping, wrong = table_mapping(name, tables[name])
        mappings.append(mapping)
        problems += wrong
        if not is_name(mapping.file):
            problems.append(f"[tables.{name}] file {quoted(mapping.file)} is no name of a file")
    if problems:
        raise SourceError(list_problems(str(manifest), problems, advice="Correct the manifest."))
    info = panel_info({key: head[key] for key in known if key in head})
    covariates = tuple(f"{m.name}.{column}" for m in mappings for column in m.covariates)
    return replace(info, covariates=covariates), mappings


def _fail_if_outside(manifest: Path, file: str, *, allow_outside: bool) -> None:
    if not allow_outside and not may_be_read(manifest.parent, file):
        raise SourceError(f"{manifest}: [panel] file {quoted(file)}: {OUTSIDE}")


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Turn what Polars says of a damaged file into an error of ours."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise SourceError(f"{where}: cannot be read ({type(error).__name__})") from error
