"""Write a panel as a folder of Parquet or CSV files and a manifest, which is what publishes it."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import polars as pl

from withintask.panel.atomic import (
    put_in_place,
    remove_folder,
    remove_leftovers,
    save_text,
    staging_beside,
)
from withintask.panel.checksums import checksums, sha256_of
from withintask.panel.covariates import covariate_section
from withintask.panel.errors import SourceError
from withintask.panel.files import is_inside, matching
from withintask.panel.locks import is_empty, locked
from withintask.panel.manifest import MANIFEST, file_hashes, read_manifest, toml_text
from withintask.panel.panel import TABLES, Frame, Panel, PanelInfo

FileLayout = Literal["parquet", "csv"]

_STAGING = ".writing-"
_JOURNAL = ".writing.json"
_OF_WRITER = ({"n_rows", "file"}, {"n_rows", "file", "covariates"})
"""What a writer says of a table; whatever else stands in a manifest was written by its owner."""


def write_folder(
    panel: Panel,
    folder: Path,
    *,
    layout: FileLayout,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Write a panel as files; see :func:`withintask.panel.store.write_panel`.

    A new folder is written under another name and renamed. In a folder that is there, the tables
    are written under names that are not in use and the manifest is replaced in one step; then the
    files of the old panel are removed. A journal names both, for the writer after one that died.
    """
    target = folder.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target) as was_left:
        if was_left:
            remove_leftovers(target)
        if target.exists():
            _write_inside(panel, target, layout, sections or {})
        else:
            with staging_beside(target) as staging:
                files = {name: f"{name}.{layout}" for name in panel.tables()}
                tables = _write_tables(panel, staging, files, layout)
                publish(staging, panel.info, tables, layout=layout, sections=sections)
                put_in_place(staging, target)
    return folder


def publish(
    folder: Path,
    info: PanelInfo,
    tables: Mapping[str, Mapping[str, Any]],
    *,
    layout: str,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write the manifest of tables that lie in a folder, with the SHA-256 of each file.

    Parameters
    ----------
    folder
        Folder with the files.
    info
        Head of the manifest.
    tables
        Table to its ``n_rows`` and ``file``; a file in parts ends in ``/*.parquet``.
    layout
        ``parquet`` or ``csv``.
    sections
        Further sections, which readers of panels ignore.
    """
    files = [file for table in tables.values() for file in matching(folder, table["file"])]
    save_text(
        folder / MANIFEST,
        manifest_text(
            info, tables, layout=layout, sha256=checksums(folder, files), sections=sections or {}
        ),
    )


def manifest_text(
    info: PanelInfo,
    tables: Mapping[str, Mapping[str, Any]],
    *,
    layout: str,
    sha256: Mapping[str, str],
    sections: Mapping[str, Mapping[str, Any]],
) -> str:
    """Render the manifest of a panel."""
    from withintask.panel.schema import SCHEMA_VERSION

    head = {"schema": SCHEMA_VERSION, "format": layout, **asdict(info), "covariates": None}
    return toml_text({"panel": head, "tables": tables, "sha256": sha256, **sections})


def _write_inside(
    panel: Panel, folder: Path, layout: FileLayout, sections: Mapping[str, Mapping[str, Any]]
) -> None:
    _fail_if_a_file(folder)
    _recover(folder)
    _fail_if_not_ours(folder)
    old = _files_of(folder)
    staging = folder / f"{_STAGING}{secrets.token_hex(4)}"
    staging.mkdir()
    try:
        files = {name: _free_name(folder, name, layout) for name in panel.tables()}
        tables = _write_tables(panel, staging, files, layout)
        publish(staging, panel.info, tables, layout=layout, sections=sections)
        journal = {**old, **_files_of(staging)}
        (staging / _JOURNAL).write_text(json.dumps(journal), encoding="utf-8")
        for file in (_JOURNAL, *files.values(), MANIFEST):
            put_in_place(staging / file, folder / file)
    finally:
        remove_folder(staging)
        _recover(folder)


def _recover(folder: Path) -> None:
    """Remove what the journal names and the manifest does not: the new files of a writer that died, or the old ones."""
    for staging in folder.glob(f"{_STAGING}*"):
        remove_folder(staging)
    journal = folder / _JOURNAL
    if not journal.is_file():
        return
    published = _files_of(folder)
    for name, digest in json.loads(journal.read_text(encoding="utf-8")).items():
        file = folder / name
        is_left = name not in published and is_inside(folder, name) and file.is_file()
        if is_left and digest in ("", sha256_of(file)):
            file.unlink()
            if file.parent != folder and not any(file.parent.iterdir()):
                file.parent.rmdir()
    journal.unlink()


def _fail_if_a_file(folder: Path) -> None:
    if folder.is_file():
        raise SourceError(f"{folder}: is a file; name a folder")


def _fail_if_not_ours(folder: Path) -> None:
    if is_empty(folder):
        return
    if not (folder / MANIFEST).is_file():
        raise SourceError(
            f"{folder}: holds files but no {MANIFEST}, so it is not a panel and is not "
            "overwritten; name another folder"
        )
    if not _is_written(read_manifest(folder / MANIFEST)):
        raise SourceError(
            f"{folder}: its {MANIFEST} describes files that withintask did not write; they may be "
            "the only ones and are not overwritten; name another folder"
        )


def _is_written(document: Mapping[str, Any]) -> bool:
    """Tell whether a writer of ours made the files of a manifest, or the data's owner."""
    tables = document.get("tables", {})
    if "sha256" in document:
        return True
    return "format" in document.get("panel", {}) and all(
        isinstance(table, Mapping) and set(table) in _OF_WRITER for table in tables.values()
    )


def _files_of(folder: Path) -> dict[str, str]:
    """Files of the panel that is there, and their SHA-256, empty if not known; nothing outside the folder."""
    if not (folder / MANIFEST).is_file():
        return {}
    document = read_manifest(folder / MANIFEST)
    files = file_hashes(document, folder / MANIFEST)
    if files is None:
        tables = [table for name, table in document.get("tables", {}).items() if name in TABLES]
        files = {file: "" for table in tables for file in matching(folder, table.get("file", ""))}
    return {name: digest for name, digest in files.items() if is_inside(folder, name)}


def _write_tables(
    panel: Panel, folder: Path, files: Mapping[str, str], layout: FileLayout
) -> dict[str, dict[str, Any]]:
    return {
        name: {"n_rows": _write_table(frame, folder / files[name], layout), "file": files[name]}
        | covariate_section(panel.info, name, frame)
        for name, frame in panel.tables().items()
    }


def _write_table(frame: Frame, file: Path, layout: FileLayout) -> int:
    if layout == "parquet":
        frame.lazy().sink_parquet(file)
        return int(pl.scan_parquet(file).select(pl.len()).collect().item())
    frame.lazy().sink_csv(file)
    rows = pl.scan_csv(file, infer_schema=False).select(pl.len())
    return int(rows.collect(engine="streaming").item())


def _free_name(folder: Path, name: str, layout: FileLayout) -> str:
    """Name a file that does not exist yet, so that the old panel stays whole until the end."""
    number = 0
    while (folder / (file := f"{name}{f'-{number}' if number else ''}.{layout}")).exists():
        number += 1
    return file
