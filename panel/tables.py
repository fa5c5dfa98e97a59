"""The tables that a manifest names, scanned and mapped; what cannot be read is a named problem."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.panel.apply import apply_mapping
from withintask.panel.chunks import plain_lines
from withintask.panel.csv_source import scan_text_csv
from withintask.panel.errors import SourceError, quoted
from withintask.panel.files import PARTS
from withintask.panel.foreign import READERS, read_foreign
from withintask.panel.mapping import TableMapping
from withintask.panel.references import Breach
from withintask.panel.spill import Spill
from withintask.panel.units import name_questions

Scan = Callable[[TableMapping], pl.LazyFrame]
"""Scans the table that a mapping names in a database."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """The tables of a panel as far as they could be read."""

    frames: dict[str, pl.LazyFrame]
    """our tables, by name"""
    problems: list[Breach]
    """what could not be read"""
    notes: list[str]
    """what was left out as the mappings say"""


def read_tables(
    folder: Path,
    mappings: Sequence[TableMapping],
    *,
    scan: Scan | None = None,
    outcome: str | None = None,
    spill: Path | None = None,
) -> Tables:
    """Scan each table and map it to ours.

    Parameters
    ----------
    folder
        Where the files are.
    mappings
        What each of our tables is made of; several can be made of one file.
    scan
        Scans a table of a database; None if the tables are files.
    outcome
        What the panel says of its outcome; None if nothing.
    spill
        Folder in which large files of text are kept as they were read, while the tables are used; None to parse them anew
        at every pass.
    """
    tables = Tables(frames={}, problems=[], notes=[])
    for mapping in mappings:
        try:
            mapped = _mapped(folder, mapping, mappings, scan, spill)
        except pl.exceptions.PolarsError as error:
            meaning = f"the table can be read and mapped as the manifest says ({_kind(error)})"
            mapped = _unread(mapping, "unreadable", meaning)
        except SourceError as error:
            if scan is not None:
                raise
            mapped = _unread(mapping, "unreadable", str(error))
        tables.problems.extend((*name_questions(mapping, outcome), *mapped.problems))
        tables.notes.extend(mapped.notes)
        if mapped.frame is not None:
            tables.frames[mapping.name] = mapped.frame
    return tables


@dataclass(frozen=True, kw_only=True, eq=False)
class _Read:
    frame: pl.LazyFrame | None
    problems: Sequence[Breach]
    notes: Sequence[str] = ()


def _unread(mapping: TableMapping, rule: str, meaning: str) -> _Read:
    return _Read(
        frame=None, problems=[Breach(table=mapping.name, rule=rule, n_rows=1, meaning=meaning)]
    )


def _kind(error: Exception) -> str:
    """Name an error without its text, which can hold cells."""
    return type(error).__name__


def _mapped(
    folder: Path,
    mapping: TableMapping,
    mappings: Sequence[TableMapping],
    scan: Scan | None,
    spill: Path | None,
) -> _Read:
    if scan is None:
        raw, problems = _scan_file(folder, mapping)
        if raw is None:
            return _Read(frame=None, problems=problems)
    else:
        raw = scan(mapping)
    kept = None
    if spill and _is_large(folder, mapping):
        kept = Spill(folder=spill / mapping.name, file=folder / mapping.file)
    others = _used_elsewhere(mapping, mappings)
    mapped = apply_mapping(raw, mapping, used_elsewhere=others, spill=kept)
    found = [*mapped.problems, *_miscounted(raw, mapping, kept)]
    mapped.frame.collect_schema()
    return _Read(frame=mapped.frame, problems=found, notes=mapped.notes)


LARGE_TEXT = 2**25
"""Bytes of a text file from which on it is worth keeping as it was read."""


def _is_large(folder: Path, mapping: TableMapping) -> bool:
    file = folder / mapping.file
    is_text = file.suffix.lower() not in (".parquet", *READERS)
    return is_text and file.is_file() and file.stat().st_size >= LARGE_TEXT


def _used_elsewhere(mapping: TableMapping, mappings: Sequence[TableMapping]) -> Iterator[str]:
    """Columns of the same file that other tables take or leave out."""
    source = (mapping.file, mapping.table, mapping.sheet)
    for other in mappings:
        if other is not mapping and (other.file, other.table, other.sheet) == source:
            yield from other.their_columns


def _scan_file(folder: Path, mapping: TableMapping) -> tuple[pl.LazyFrame | None, list[Breach]]:
    file = folder / mapping.file
    parts = sorted(folder.glob(mapping.file)) if mapping.file.endswith(PARTS) else [file]
    if not mapping.file or not parts or not all(part.is_file() for part in parts):
        meaning = f"the file {quoted(mapping.file)} is in the folder"
        return None, [Breach(table=mapping.name, rule="no_file", n_rows=1, meaning=meaning)]
    if file.suffix.lower() == ".parquet":
        return pl.scan_parquet(parts, glob=False), []
    if file.suffix.lower() in READERS:
        return read_foreign(file, mapping).lazy(), []
    return scan_text_csv(file, mapping)


def _miscounted(raw: pl.LazyFrame, mapping: TableMapping, kept: Spill | None) -> Iterator[Breach]:
    if mapping.n_rows is None:
        return
    # Large text was gone through already, to tell whether every line is a row.
    lines = plain_lines(kept.file, mapping.separator) if kept else None
    n_rows = lines.n_lines - mapping.header if lines else _height(raw)
    meaning = f"the manifest says {mapping.n_rows} rows, the table has {n_rows}"
    n_off = abs(n_rows - mapping.n_rows)
    yield Breach(table=mapping.name, rule="n_rows", n_rows=n_off, meaning=meaning)


def _height(raw: pl.LazyFrame) -> int:
    return int(raw.select(pl.len()).collect(engine="streaming").item())
