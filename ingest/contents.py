"""What the folders of published files hold: who reads which file, and which nobody does."""

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import polars as pl

from withintask.ingest.folders import files_of
from withintask.ingest.oews.extract import WORKBOOK_SUFFIXES
from withintask.ingest.oews.levels import AUTO, choose_level
from withintask.ingest.oews.publications import find_publications
from withintask.ingest.publication import Publication, name_within
from withintask.ingest.recognize import headers_of
from withintask.ingest.registry import ADAPTERS
from withintask.ingest.sources import describe_sources
from withintask.panel.errors import ParameterError, SourceError, list_problems, quoted

_TABLES = (*WORKBOOK_SUFFIXES, ".zip", ".tsv", ".txt", ".gz")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The publications of some folders, and what they were looked through for."""

    publications: list[Publication]
    sources: pl.DataFrame
    """Table `source`, without the reasons that only reading tells."""
    level: str
    """The level of OEWS that is read: what was asked for, or what the files hold."""


def find_contents(
    folders: Sequence[Path],
    *,
    years: Collection[int] | None,
    level: str,
    skip: Sequence[str] = (),
    is_oews_alone: bool = False,
) -> Contents:
    """Find what each file is, by its name or else by its columns.

    Parameters
    ----------
    folders
        Folders that are read as one.
    years, level
        Of OEWS.
    skip
        Names within the folders, or patterns, of files to leave out.
    is_oews_alone
        Take every workbook, zip and CSV for OEWS, so that one that is not is refused.

    Raises
    ------
    SourceError
        If there is nothing to read.
    ParameterError
        If a name to skip matches no file, or the level is not clear.
    """
    paths = files_of(folders)
    skipped = _skipped(folders, paths, skip)
    kept = [path for path in paths if path not in skipped]
    others, rest = _by_adapters(folders, kept)
    wanted = level
    if level == AUTO:
        candidates = kept if is_oews_alone else rest
        wanted = choose_level(folders, candidates, years=years, is_strict=is_oews_alone)
    oews = find_publications(folders, rest, years=years, level=wanted, is_strict=is_oews_alone)
    publications = oews if is_oews_alone else [*oews, *others]
    if not publications:
        where = ", ".join(map(str, folders))
        raise SourceError(
            f"{where}: nothing to read at level {quoted(wanted)}; `withintask oews download` "
            "fetches the files of OEWS"
        )
    read = {path for publication in publications for path in publication.files}
    unread = {} if is_oews_alone else {p: _why_unread(p, wanted) for p in kept if p not in read}
    sources = describe_sources(publications, folders, unread, sorted(skipped))
    return Contents(publications=publications, sources=sources, level=wanted)


def _by_adapters(
    folders: Sequence[Path], paths: Sequence[Path]
) -> tuple[list[Publication], list[Path]]:
    """Return the publications that adapters claim, and the files that they leave.

    Names come first: a file that OEWS or an adapter knows by name is not looked into.
    """
    named = [found for adapter in ADAPTERS for found in adapter.find(folders, paths)]
    claimed = {path for publication in named for path in publication.files}
    rest = [path for path in paths if path not in claimed]
    oews = find_publications(folders, rest, years=None, level="all", is_strict=False)
    known = {path for publication in oews for path in publication.files}
    unknown = [path for path in rest if path not in known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(headers_of, unknown))  # each is looked into once, and remembered
    by_columns = [
        found for adapter in ADAPTERS for found in adapter.find_by_columns(folders, unknown, paths)
    ]
    claimed |= {path for publication in by_columns for path in publication.files}
    return [*named, *by_columns], [path for path in paths if path not in claimed]


def _skipped(folders: Sequence[Path], paths: Sequence[Path], skip: Sequence[str]) -> set[Path]:
    names: Mapping[Path, str] = {path: name_within(folders, path) for path in paths}
    chosen: set[Path] = set()
    problems = []
    for pattern in skip:
        plain = pattern.replace("\\", "/").removeprefix("./")
        found = {
            path
            for path, name in names.items()
            if plain in (name, path.name, path.as_posix()) or fnmatch(name, plain)
        }
        problems += [] if found else [f"--skip {quoted(pattern)} is no file of the folder"]
        chosen |= found
    if problems:
        raise ParameterError(list_problems(", ".join(map(str, folders)), problems))
    return chosen


def _why_unread(path: Path, level: str) -> str:
    if path.suffix.lower() not in _TABLES:
        return "no table: its suffix is none of those that are read"
    if level != "all" and find_publications(
        path.parent, [path], years=None, level="all", is_strict=False
    ):
        return f"its name says another level than {level}, or another year"
    return "neither its name nor its columns are known"
