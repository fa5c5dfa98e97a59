"""The Parquet files of a table that a panel on disk keeps as it is, for readers that take files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.checksums import damaged_files
from withintask.panel.errors import SourceError, list_problems
from withintask.panel.files import matching, may_be_read
from withintask.panel.manifest import file_hashes, manifest_of, read_manifest
from withintask.panel.panel import TABLES, Panel
from withintask.panel.store import read_info, read_panel

_PLAIN = {"n_rows", "file"}
"""What a manifest says of a table whose columns are ours as they stand."""


def own_files(path: Path, table: str) -> tuple[Path, ...]:
    """Return the Parquet files that hold a table of ours unchanged; none if it is mapped, text, or in a database.

    Parameters
    ----------
    path
        Folder with a panel.toml, or the panel.toml itself.
    table
        Name of the table.
    """
    section: Mapping[str, Any] = _stated(path).get(table, {})
    file, folder = str(section.get("file", "")), manifest_of(path).parent
    if set(section) - {"covariates"} != _PLAIN or not file.endswith(".parquet"):
        return ()
    names = tuple(matching(folder, file))
    is_readable = all((folder / name).is_file() and may_be_read(folder, name) for name in names)
    files = tuple(folder / name for name in names) if is_readable else ()
    return files if _have_our_types(files, table) else ()


def scan_panel(path: Path, *, verify: bool = True, allow_outside: bool = False) -> Panel:
    """Scan a panel without validating it; one whose tables are as we write them without looking at a single row.

    Parameters
    ----------
    path, verify, allow_outside
        As for :func:`withintask.panel.store.read_panel`.

    Raises
    ------
    SourceError
        If it is not a panel, or a file is missing or damaged.
    """
    files = {name: own_files(path, name) for name in _stated(path) if name in TABLES}
    if not files or not all(files.values()):
        return read_panel(path, lazy=True, check=False, verify=verify, allow_outside=allow_outside)
    info, manifest = read_info(path), manifest_of(path)
    expected = file_hashes(read_manifest(manifest), manifest) if verify else None
    damaged = damaged_files(manifest.parent, expected or {})
    if damaged:
        problems = [f"{name}: is not the file that was written" for name in damaged]
        advice = "Restore it, or read it all the same with --no-verify."
        raise SourceError(list_problems(str(path), problems, advice=advice))
    frames = {name: pl.scan_parquet(list(parts), glob=False) for name, parts in files.items()}
    return Panel(info=info, origin=path).with_tables(**frames)


def largest_table(path: Path) -> tuple[str, int]:
    """Return the largest table of a panel and its rows, as the manifest states them; ("", 0) where it states none."""
    stated = {name: table.get("n_rows") for name, table in _stated(path).items() if name in TABLES}
    rows = {name: n for name, n in stated.items() if isinstance(n, int)}
    return max(rows.items(), key=lambda item: item[1], default=("", 0))


def _stated(path: Path) -> Mapping[str, Any]:
    """What the manifest says of each table; nothing where there is none."""
    manifest = manifest_of(path)
    tables: Mapping[str, Any] = (
        read_manifest(manifest).get("tables", {}) if manifest.is_file() else {}
    )
    return tables


def _have_our_types(files: tuple[Path, ...], table: str) -> bool:
    """Tell whether the columns of all files are of our types, so that no cell has to be turned."""
    from withintask.panel.schema import SCHEMAS

    ours = {name: column.dtype for name, column in SCHEMAS[table].columns().items()}
    return all(
        dtype == ours[name]
        for file in files
        for name, dtype in pl.read_parquet_schema(file).items()
        if name in ours
    )
