"""Build one DuckDB store from a folder of published files, incrementally and atomically."""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import duckdb
import polars as pl

from withintask.ingest.database import comment_on, connect, create_table, insert
from withintask.ingest.files import require_directory
from withintask.ingest.oews.audit import AUDIT, combine_audits
from withintask.ingest.oews.comparable import (
    BRIDGES,
    COMPARABLE,
    INPUT,
    comparable_groups,
    merge_groups,
)
from withintask.ingest.oews.flat import BATCH_ROWS
from withintask.ingest.oews.harmonize import check_request, harmonize_publication, key_examples
from withintask.ingest.oews.publications import FLAT, WORKBOOK, find_publications
from withintask.ingest.oews.reference import SOC_BRIDGE, load_bridge
from withintask.ingest.oews.schema import KEY, OEWS
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.parquet import export_parquet
from withintask.ingest.publication import Publication
from withintask.ingest.registry import ADAPTERS, TABLES
from withintask.ingest.sources import SOURCE, changed, describe_sources, removed
from withintask.ingest.views import VIEWS
from withintask.panel.atomic import replacing
from withintask.panel.errors import ParameterError, SourceError, list_problems

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

    @property
    def settings(self) -> str:
        return json.dumps([self.years, self.level, self.bridge, self.datasets, _reader_hash()])


def build_store(
    source_dir: str | Path,
    db: str | Path,
    *,
    years: Collection[int] | None = None,
    level: str = "all",
    bridge: str = "strict",
    parquet_dir: str | Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> BuiltStore:
    """Build or refresh the store of all recognized files of a folder and its subfolders.

    Files whose SHA-256 is stored already are not read again. The database is put in place only
    when it is complete; if anything is wrong, an existing one stays as it was.

    Parameters
    ----------
    source_dir
        Folder with OEWS publications, exposure measures and O*NET releases.
    db
        DuckDB file to write.
    years, level
        OEWS years and level to keep, as in :func:`withintask.ingest.oews.harmonize.harmonize`.
    bridge
        How `oews_comparable` makes occupations comparable over years: strict or merged.
    parquet_dir
        Folder for a copy in Parquet, `oews` partitioned by year and level.
    on_progress
        Called with the name of each publication, its number and their count before it is read.

    Raises
    ------
    SourceError
        If a file is not what its layout says, or keys stand twice.
    ParameterError
        If an option is unknown.
    """
    request = _Request(years=_sorted(years), level=level, bridge=bridge, datasets="all")
    return _build(source_dir, Path(db), request, parquet_dir, on_progress)


def build_oews(
    source_dir: str | Path,
    db: str | Path,
    *,
    years: Collection[int] | None = None,
    level: str = "national",
    bridge: str = "strict",
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
    request = _Request(years=_sorted(years), level=level, bridge=bridge, datasets="oews")
    return _build(source_dir, Path(db), request, None, on_progress)


def _sorted(years: Collection[int] | None) -> tuple[int, ...] | None:
    return None if years is None else tuple(sorted(years))


def _build(
    source_dir: str | Path,
    db: Path,
    request: _Request,
    parquet_dir: str | Path | None,
    on_progress: Callable[[str, int, int], None] | None,
) -> BuiltStore:
    check_request(request.years, request.level, load_layouts())
    if request.bridge not in BRIDGES:
        raise ParameterError(f"bridge {request.bridge!r} is not one of {', '.join(BRIDGES)}")
    folder = require_directory(source_dir)
    publications, unread = _find(folder, request)
    found = describe_sources(publications, folder, unread)
    stored = _stored_sources(db, request)
    todo = publications if stored is None else changed(publications, found, stored)
    gone = [] if stored is None else removed(found, stored)
    if stored is None or todo or gone or not found.equals(stored):
        with _edited(db, is_new=stored is None) as connection:
            _delete(connection, [*gone, *((p.kind, p.name) for p in todo)])
            _read_all(connection, todo, request, on_progress)
            _finish(connection, found, request)
    if parquet_dir is not None:
        with connect(db) as connection:
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


def _find(folder: Path, request: _Request) -> tuple[list[Publication], list[Path]]:
    """List the publications and the files that none of them reads."""
    is_strict = request.datasets == "oews"
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    others = [publication for adapter in ADAPTERS for publication in adapter.find(folder, paths)]
    claimed = {path for publication in others for path in publication.files}
    rest = [path for path in paths if path not in claimed]
    oews = find_publications(
        folder, rest, years=request.years, level=request.level, is_strict=is_strict
    )
    publications = oews if is_strict else [*oews, *others]
    if not publications:
        raise SourceError(
            f"{folder}: nothing to read at level {request.level!r}; `withintask oews download` "
            "fetches the files of OEWS"
        )
    read = {path for publication in publications for path in publication.files}
    return publications, [] if is_strict else [path for path in paths if path not in read]


def _stored_sources(db: Path, request: _Request) -> pl.DataFrame | None:
    """Return table `source` of an existing store, or None if it must be built anew."""
    if not db.is_file():
        return None
    try:
        with duckdb.connect(str(db), read_only=True) as connection:
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
                for table in TABLES:
                    create_table(connection, table)
                insert(connection, SOC_BRIDGE, load_bridge())
            yield connection


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
) -> None:
    """Read every publication, so that all that is wrong is known, then refuse if anything is."""
    problems = []
    for number, publication in enumerate(publications, start=1):
        if on_progress:
            on_progress(publication.name, number, len(publications))
        try:
            _read(connection, publication, request)
        except SourceError as fault:
            problems.append(str(fault))
    if problems:
        raise SourceError("\n".join(problems))


def _read(
    connection: duckdb.DuckDBPyConnection, publication: Publication, request: _Request
) -> None:
    if publication.kind in _OEWS_KINDS:
        _read_oews(connection, publication, request)
        return
    adapter = next(adapter for adapter in ADAPTERS if adapter.kind == publication.kind)
    insert(connection, adapter.table, adapter.read(publication))


def _read_oews(
    connection: duckdb.DuckDBPyConnection, publication: Publication, request: _Request
) -> None:
    audits = [AUDIT.empty()]
    for batch in harmonize_publication(
        publication, load_layouts(), years=request.years, level=request.level
    ):
        insert(connection, OEWS, batch.wages)
        audits.append(batch.audit)
    insert(connection, AUDIT, combine_audits(audits))


def _finish(connection: duckdb.DuckDBPyConnection, found: pl.DataFrame, request: _Request) -> None:
    _check(connection, request)
    _fill_comparable(connection, request.bridge)
    connection.execute("DELETE FROM source")
    insert(connection, SOURCE, found)
    for view in VIEWS:
        connection.execute(f"CREATE OR REPLACE VIEW {view.table.name} AS {view.sql}")
        comment_on(connection, "VIEW", view.table)
    connection.execute(f"CREATE OR REPLACE TABLE {_SETTINGS} (value VARCHAR)")
    connection.execute(f"INSERT INTO {_SETTINGS} VALUES (?)", [request.settings])


def _check(connection: duckdb.DuckDBPyConnection, request: _Request) -> None:
    """Refuse duplicate keys, in whatever files they stand, and years that are not there."""
    problems = []
    for table in TABLES:
        if "source_file" in table.names and table not in (OEWS, SOURCE):
            key = ", ".join(table.key)
            repeated = f"SELECT {key} FROM {table.name} GROUP BY ALL HAVING count(*) > 1"
            n = len(connection.sql(repeated).fetchall())
            problems += [f"table {table.name}: {n:,} duplicate keys ({key})"] if n else []
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
