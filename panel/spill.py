"""Rows of text put on disk as they were read, so that checks go through them without parsing."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from withintask.panel.chunks import each_chunk, plain_lines
from withintask.panel.mapping import TableMapping

Columns = Mapping[str, pl.Expr]
"""What is written, by name."""


@dataclass(frozen=True, kw_only=True)
class Spill:
    """Where the rows of a table are put, and the text that they are read from."""

    folder: Path
    """a folder that does not exist yet; what is read from it lives as long as it does"""
    file: Path
    """the text"""


@dataclass(frozen=True, kw_only=True)
class ReadAtOnce:
    """The same columns where the cells of some of theirs are read as numbers at once, all of which are finite."""

    types: Mapping[str, pl.DataType] = field(default_factory=dict)
    """their column -> its type"""
    columns: Columns = field(default_factory=dict)
    """what is written then, by name"""


def spilled(
    raw: pl.LazyFrame, mapping: TableMapping, columns: Columns, at_once: ReadAtOnce, spill: Spill
) -> pl.LazyFrame | None:
    """Write columns in one pass over the text, and scan what was written.

    Parameters
    ----------
    raw
        The text, scanned.
    mapping
        How the text is written.
    columns
        What is written, of cells that are text.
    at_once
        The same of cells that are read as numbers, which is tried first.
    spill
        Where.

    Returns
    -------
    polars.LazyFrame or None
        None where the disk is too small.
    """
    lines = plain_lines(spill.file, mapping.separator)
    try:
        spill.folder.mkdir()
        if lines and mapping.wide is None and not mapping.ranked:
            tried = ReadAtOnce(columns=columns) if lines.is_padded else at_once
            names = raw.collect_schema().names()
            write = partial(_write_chunk, names, mapping, columns, tried, spill.folder)
            each_chunk(spill.file, write)
        if not any(spill.folder.iterdir()):
            _write(raw.select(**columns), spill.folder / "rows.parquet")
    except (OSError, pl.exceptions.PolarsError):
        shutil.rmtree(spill.folder, ignore_errors=True)
        return None
    return pl.scan_parquet(sorted(spill.folder.iterdir()), glob=False)


def _write_chunk(
    names: list[str],
    mapping: TableMapping,
    columns: Columns,
    at_once: ReadAtOnce,
    folder: Path,
    number: int,
    chunk: bytes,
) -> None:
    rows = chunk.partition(b"\n")[2] if mapping.header and not number else chunk
    if not rows:
        return
    file = folder / f"{number:08}.parquet"
    numbers = _numbers(rows, names, mapping, at_once) if at_once.types else None
    if numbers is not None:
        _write(numbers.lazy().select(**at_once.columns), file)
    else:
        _write(_read(rows, names, mapping, {}).lazy().select(**columns), file)


def _numbers(
    rows: bytes, names: list[str], mapping: TableMapping, at_once: ReadAtOnce
) -> pl.DataFrame | None:
    """Read numbers at once; None if one cannot be read or is not finite: what it is then depends on its text."""
    try:
        frame = _read(rows, names, mapping, at_once.types)
    except pl.exceptions.PolarsError:
        return None
    is_finite = frame.select(pl.col(*at_once.types).is_finite().all())
    return frame if all(is_finite.row(0)) else None


def _read(
    rows: bytes, names: list[str], mapping: TableMapping, types: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    return pl.read_csv(
        rows,
        separator=mapping.separator,
        has_header=False,
        schema={name: types.get(name, pl.String()) for name in names},
        null_values=list(mapping.null_values),
    )


def _write(rows: pl.LazyFrame, file: Path) -> None:
    rows.sink_parquet(file, compression="lz4", statistics=False)
