"""Write a panel as a folder of Parquet or CSV files and a manifest."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import polars as pl

from withintask.panel.atomic import put_in_place, remove_folder, save_text
from withintask.panel.covariates import covariate_section
from withintask.panel.errors import SourceError
from withintask.panel.manifest import MANIFEST, read_manifest, toml_text
from withintask.panel.panel import TABLES, Frame, Panel, PanelInfo

FileLayout = Literal["parquet", "csv"]


def write_folder(panel: Panel, folder: Path, *, layout: FileLayout) -> Path:
    """Write a panel as files; see :func:`withintask.panel.store.write_panel`.

    The tables are written under names that are not in use, then the manifest is replaced in one
    step, then the files of the old manifest are removed.
    """
    _fail_if_not_ours(folder)
    folder.mkdir(parents=True, exist_ok=True)
    old = _files_of(folder)
    staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        tables: dict[str, dict[str, Any]] = {}
        for name, frame in panel.tables().items():
            tables[name] = {"n_rows": _write_table(frame, staging / name, layout)}
            tables[name] |= covariate_section(panel.info, name, frame)
        for name, table in tables.items():
            table["file"] = _free_name(folder, name, layout)
            put_in_place(staging / name, folder / table["file"])
        save_text(folder / MANIFEST, manifest_text(panel.info, tables, layout=layout))
    finally:
        remove_folder(staging)
    for file in old:
        file.unlink(missing_ok=True)
    return folder


def manifest_text(info: PanelInfo, tables: dict[str, dict[str, Any]], *, layout: str) -> str:
    """Render the manifest of a panel."""
    from withintask.panel.schema import SCHEMA_VERSION

    head = {"schema": SCHEMA_VERSION, "format": layout, **asdict(info), "covariates": None}
    return toml_text({"panel": head, "tables": tables})


def _fail_if_not_ours(folder: Path) -> None:
    if folder.is_file():
        raise SourceError(f"{folder}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise SourceError(
            f"{folder}: holds files but no {MANIFEST}, so it is not a panel and is not "
            "overwritten; name another folder"
        )


def _files_of(folder: Path) -> list[Path]:
    """Files of the panel that is there; only plain names, so that nothing outside is removed."""
    if not (folder / MANIFEST).is_file():
        return []
    tables = read_manifest(folder / MANIFEST).get("tables", {})
    names = [Path(table.get("file", "")) for name, table in tables.items() if name in TABLES]
    return [folder / name for name in names if name.name and name == Path(name.name)]


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
