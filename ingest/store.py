"""Build one DuckDB store from a folder of published files, incrementally and atomically."""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from withintask.ingest.contents import find_contents
from withintask.ingest.database import comment_on, connect, create_table, insert
from withintask.ingest.exposure.measures import describe_measures
from withintask.ingest.exposure.own import own_descriptions
from withintask.ingest.exposure.schema import EXPOSURE_MEASURE
from withintask.ingest.folders import Source, source_folders
from withintask.ingest.oews.audit import AUDIT
from withintask.ingest.oews.comparable import (
    BRIDGES,
    COMPARABLE,
    INPUT,
    comparable_groups,
    merge_groups,
)
from withintask.ingest.oews.flat import BATCH_ROWS
from withintask.ingest.oews.harmonize import check_request, key_examples
from withintask.ingest.oews.levels import AUTO
from withintask.ingest.oews.publications import FLAT, WORKBOOK
from withintask.ingest.oews.reference import SOC_BRIDGE, load_bridge
from withintask.ingest.oews.schema import KEY, OEWS
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.options import Years, as_years
from withintask.ingest.parquet import export_parquet
from withintask.ingest.publication import Publication
from withintask.ingest.reading import read_ahead
from withintask.ingest.registry import ADAPTERS, TABLES
from withintask.ingest.sources import (
    SOURCE,
    changed,
    removed,
    same_files,
    with_reasons,
)
from withintask.ingest.tables import Table
from withintask.ingest.views import VIEWS
from withintask.panel.atomic import replacing
from withintask.panel.errors import ParameterError, SourceError, list_problems, quoted

_OEWS_KINDS = (WORKBOOK, FLAT)
_SETTINGS = "build_setting"
_MEMORY = "512MB"


@dataclass(frozen=True, kw_only=True)
class BuiltStore:
    """A store that was built or found up to date, and what went into it."""

    path: Path
    audit: pl.DataFrame
    """Table `audit`."""
    sources: pl.DataFrame
    """Table `source`."""
    n_read: int
    """Publications that were read; the others had not changed."""
    n_unchanged: int
    n_removed: int


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What is asked for; a store built for another request is built anew."""

    years: tuple[int, ...] | None
    level: str
    bridge: str
    datasets: str
    skip: tuple[str, ...]

    @property
    def settings(self) -> str:
        asked = (self.years, self.level, self.bridge, self.datasets)
        return json.dumps([*asked, _reader_hash()])


def build_store(
    source_dir: Source,
    db: str | Path,
    *,
    years: Years | None = None,
    level: str = "all",
    bridge: str = "strict",
    skip: Collection[str] = (),
    parquet_dir: str | Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> BuiltStore:
    """Build or refresh the store of all recognized files of a folder and its subfolders.

    Files whose SHA-256 is stored are not read again. The database is put in place when it is complete, else left as it was.

    Parameters
    ----------
    source_dir
        Folder with OEWS publications, exposure measures and O*NET releases; or several, in a list or split by ``os.pathsep``.
    db
        DuckDB file to write.
    years, level
        OEWS years and level to keep, as in :func:`withintask.ingest.oews.harmonize.harmonize`.
    bridge
        How `oews_comparable` makes occupations comparable over years: strict or merged.
    skip
        Files to leave out: names within the folder, or patterns such as ``*draft*``; the table `source` says so.
    parquet_dir
        Folder for a copy in Parquet, `oews` partitioned by year and level.
    on_progress
        Called with the name of each publication, its number and their count before it is read.

    Returns
    -------
    BuiltStore
        Path of the database, its files and what became of them, and counts of what was read.

    Raises
    ------
    SourceError
        If a file is not what its layout says, keys stand twice or no row was read.
    ParameterError
        If an option is unknown.

    Examples
    --------
    ``data`` is the folder of published files.

    >>> import tempfile, withintask as wt
    >>> wt.build_store(data, f"{tempfile.mkdtemp()}/s.duckdb", years=2023, level="national").n_read > 0
    True
    """
    request = _Request(
        years=as_years(years), level=level, bridge=bridge, datasets="all", skip=tuple(sorted(skip))
    )
    return _build(source_dir, Path(db), request, parquet_dir, on_progress)


def build_oews(
    source_dir: Source,
    db: str | Path,
    *,
    years: Years | None = None,
    level: str = AUTO,
    bridge: str = "strict",
    skip: Collection[str] = (),
    on_progress: Callable[[str, int, int], None] | None = None,
) -> BuiltStore:
    """Build or refresh a store of OEWS alone; every workbook, zip and CSV must be OEWS.

    Parameters
    ----------
    source_dir, db, years, level, bridge, on_progress
        As in :func:`build_store`.

    Raises
    ------
    SourceError, ParameterError
        As :func:`build_store`.
    """
    request = _Request(
        years=as_years(years), level=level, bridge=bridge, datasets="oews", skip=tuple(sorted(skip))
    )
    return _build(source_dir, Path(db), request, None, on_progress)


def _build(
    source_dir: Source,
    db: Path,
    request: _Request,
    parquet_dir: str | Path | None,
    on_progress: Callable[[str, int, int], None] | None,
) -> BuiltStore:
    check_request(request.years, request.level, load_layouts())
    if request.bridge not in BRIDGES:
        raise ParameterError(f"bridge {quoted(request.bridge)} is not one of {', '.join(BRIDGES)}")
    contents = find_contents(
        source_folders(source_dir),
        years=request.years,
        level=request.level,
        skip=request.skip,
        is_oews_alone=request.datasets == "oews",
    )
    request = replace(request, level=contents.level)
    publications, found = contents.publications, contents.sources
    stored = _stored_sources(db, request)
    todo = publications if stored is None else changed(publications, found, stored)
    gone = [] if stored is None else removed(found, stored)
    if stored is None or todo or gone or not same_files(found, stored):
        with _edited(db, is_new=stored is None) as connection:
            _delete(connection, [*gone, *((p.kind, p.name) for p in todo)])
            with _one_transaction(connection):
                reasons = _read_all(connection, todo, request, on_progress)
            found = with_reasons(found, stored, reasons)
            own = own_descriptions([p.path for p in publications])
            _finish(connection, found, request, own)
    if parquet_dir is not None:
        with connect(db, allow_files=True) as connection:
            export_parquet(connection, Path(parquet_dir))
    with connect(db) as connection:
        audit = connection.sql("SELECT * FROM audit ORDER BY year, source_file").pl()
    return BuiltStore(
        path=db,
        audit=audit,
        sources=found,
        n_read=len(todo),
        n_unchanged=len(publications) - len(todo),
        n_removed=len(gone),
    )


def _stored_sources(db: Path, request: _Request) -> pl.DataFrame | None:
    """Return table `source` of an existing store, or None if it must be built anew; refuse a file that is no store of ours."""
    if not db.is_file():
        return None
    with connect(db) as connection:
        names = {name for (name,) in connection.sql("SHOW TABLES").fetchall()}
        if names and "source" not in names:
            raise SourceError(f"{db}: holds tables that are not ours; name another file")
        try:
            settings = connection.sql(f"SELECT value FROM {_SETTINGS}").fetchall()
            stored: pl.DataFrame = connection.sql("SELECT * FROM source").pl()
        except duckdb.Error:
            return None
    return stored if settings == [(request.settings,)] else None


@contextmanager
def _edited(db: Path, *, is_new: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    with replacing(db) as temporary:
        if not is_new:
            shutil.copyfile(db, temporary)
        with duckdb.connect(str(temporary), config={"memory_limit": _MEMORY}) as connection:
            if is_new:
                with _one_transaction(connection):
                    for table in TABLES:
                        create_table(connection, table)
                insert(connection, SOC_BRIDGE, load_bridge())
            yield connection


@contextmanager
def _one_transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Write hundreds of comments or tables of rows at once: each by itself would wait for the disk.

    DuckDB 2.0 finds no rows where a table was created in the transaction that fills it: fill it in the next.
    """
    connection.execute("BEGIN")
    yield
    connection.execute("COMMIT")


def _delete(connection: duckdb.DuckDBPyConnection, publications: Sequence[tuple[str, str]]) -> None:
    """Delete what was read from publications; rows of a zip name its member after a ``!``."""
    tables = {adapter.kind: (adapter.table,) for adapter in ADAPTERS}
    for kind, name in publications:
        for table in tables.get(kind, (OEWS, AUDIT)):
            connection.execute(
                f"DELETE FROM {table.name} WHERE split_part(source_file, '!', 1) = ?", [name]
            )


def _read_all(
    connection: duckdb.DuckDBPyConnection,
    publications: Sequence[Publication],
    request: _Request,
    on_progress: Callable[[str, int, int], None] | None,
) -> dict[tuple[str, str], str]:
    """Read every publication, so that all that is wrong is known, then refuse if anything is.

    Returns the reasons why some gave no rows, an empty text for those that did.
    """
    problems, unreadable = [], []
    reasons: dict[tuple[str, str], str] = {}
    readings = read_ahead(publications, years=request.years, level=request.level)
    for number, (publication, reading) in enumerate(readings, start=1):
        if on_progress:
            on_progress(publication.name, number, len(publications))
        try:
            reason = reading(partial(insert, connection))
            reasons[publication.kind, publication.name] = reason
        except SourceError as fault:
            problems.append(str(fault))
            unreadable.append(publication.name)
    if problems:
        names = " ".join(f"--skip '{name}'" for name in dict.fromkeys(unreadable))
        raise SourceError("\n".join([*problems, f"Repair the files, or leave them out: {names}"]))
    return reasons


def _finish(
    connection: duckdb.DuckDBPyConnection,
    found: pl.DataFrame,
    request: _Request,
    own: Mapping[tuple[str, str], Mapping[str, Any]],
) -> None:
    _check(connection, request, found)
    _fill_comparable(connection, request.bridge)
    connection.execute("DELETE FROM source")
    insert(connection, SOURCE, found)
    connection.execute(f"DELETE FROM {EXPOSURE_MEASURE.name}")
    insert(connection, EXPOSURE_MEASURE, describe_measures(connection, own))
    with _one_transaction(connection):
        for view in VIEWS:
            connection.execute(f"CREATE OR REPLACE VIEW {view.table.name} AS {view.sql}")
            comment_on(connection, "VIEW", view.table)
    connection.execute(f"CREATE OR REPLACE TABLE {_SETTINGS} (value VARCHAR)")
    connection.execute(f"INSERT INTO {_SETTINGS} VALUES (?)", [request.settings])


def _check(connection: duckdb.DuckDBPyConnection, request: _Request, found: pl.DataFrame) -> None:
    """Refuse duplicate keys, in whatever files they stand, and years that are not there."""
    problems = _empty_oews(found)
    for table in TABLES:
        if "source_file" in table.names and table not in (OEWS, SOURCE):
            problems += _repeated(connection, table)
    key = ", ".join(KEY)
    repeated = f"SELECT {key} FROM oews GROUP BY ALL HAVING count(*) > 1"
    twice = connection.sql(
        f"SELECT {key}, source_file, source_row FROM oews SEMI JOIN ({repeated}) USING ({key})"
    )
    problems += key_examples(twice.pl())
    there = {row[0] for row in connection.sql("SELECT DISTINCT year FROM oews").fetchall()}
    problems += [f"no OEWS table of {year}" for year in request.years or () if year not in there]
    if problems:
        raise SourceError(list_problems("the store", problems, advice="Remove one of two copies."))


def _empty_oews(found: pl.DataFrame) -> list[str]:
    """Refuse a store whose OEWS files gave nothing at all, naming what they hold instead."""
    oews = found.filter(pl.col("kind").is_in(_OEWS_KINDS))
    if oews.is_empty() or oews["reason"].null_count():
        return []
    return sorted(set(oews["reason"]))


def _repeated(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """Describe keys of a table that stand twice, with an example and the files of it."""
    key = ", ".join(table.key)
    having = f"FROM {table.name} GROUP BY {key} HAVING count(*) > 1"
    if not connection.sql(f"SELECT 1 {having} LIMIT 1").fetchall():
        return []
    files = "string_agg(DISTINCT source_file, ' and ' ORDER BY source_file) AS files"
    repeated = connection.sql(f"SELECT {key}, {files} {having} ORDER BY ALL").pl()
    first = ", ".join(f"{name} {value}" for name, value in repeated.row(0, named=True).items())
    return [f"table {table.name}: {repeated.height:,} duplicate keys ({key}), such as {first}"]


def _fill_comparable(connection: duckdb.DuckDBPyConnection, bridge: str) -> None:
    """Compare codes level by level: a level may be there for some of the years only."""
    connection.execute(f"DELETE FROM {COMPARABLE.name}")
    detailed = "FROM oews WHERE o_group = 'detailed' AND level = ?"
    for (level,) in connection.sql("SELECT DISTINCT level FROM oews ORDER BY level").fetchall():
        codes = f"SELECT DISTINCT year, occ_code {detailed}"
        groups = comparable_groups(connection.sql(codes, params=[level]).pl(), bridge=bridge)
        areas = connection.sql(
            f"SELECT area, count(*) {detailed} GROUP BY area ORDER BY area", params=[level]
        )
        for some_areas in _portions(areas.fetchall()):
            rows = f"SELECT {', '.join(INPUT)} {detailed} AND area IN (SELECT unnest(?))"
            part = connection.sql(rows, params=[level, some_areas]).pl()
            insert(connection, COMPARABLE, merge_groups(part, groups))


def _portions(areas: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """Split areas into portions of a bounded number of rows."""
    portion: list[str] = []
    size = 0
    for area, n_rows in areas:
        if portion and size + n_rows > BATCH_ROWS:
            yield portion
            portion, size = [], 0
        portion.append(area)
        size += n_rows
    yield portion


def _reader_hash() -> str:
    """Hash the code and tables of this package: a store that other code built is built anew."""
    digest = hashlib.sha256()
    for entry in _files_below(files("withintask.ingest")):
        digest.update(entry.name.encode() + entry.read_bytes())
    return digest.hexdigest()


def _files_below(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir():
            yield from _files_below(entry)
        elif entry.name.endswith((".py", ".toml", ".csv")):
            yield entry
