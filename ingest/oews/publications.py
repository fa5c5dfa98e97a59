"""Find OEWS publications in a folder and read each with the reader of its layout."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from withintask.ingest.oews.extract import RawTable, extract
from withintask.ingest.oews.flat import FLAT_NAME, LOOKUPS, read_flat
from withintask.ingest.oews.vintages import Layouts
from withintask.ingest.publication import Folders, Publication

WORKBOOK, FLAT = "oews_workbook", "oews_flat"
_WORKBOOK = re.compile(r".*\.(xlsx|csv|zip)$", re.IGNORECASE)
_BLS_NAME = re.compile(
    r"(national|state|msa|bos|nat[a-z0-9_]*|all(_data)?|all_oes_data)_M.*|oesm\d\d[a-z0-9]*\.zip",
    re.IGNORECASE,
)
_LEVEL_OF_NAME = {
    r"^national_": "national",
    r"^oesm\d\dnat": "national",
    r"^nat(sector|\d)|^oesm\d\din": "industry",
    r"^state_|^oesm\d\dst": "state",
    r"^msa_": "metro",
    r"^bos_": "nonmetro",
    r"^oe\.data\.national": "national",
    r"^oe\.data\.state": "state",
}
_YEAR_OF_NAME = re.compile(
    r"_M_?(20\d\d)(?!\d)|^oesm(\d\d)|^oe\.data\..*(?<!\d)(20\d\d)A01",
    re.IGNORECASE | re.ASCII,
)


def find_publications(
    folder: Folders,
    paths: Sequence[Path],
    *,
    years: Collection[int] | None,
    level: str,
    is_strict: bool,
) -> list[Publication]:
    """Pick the OEWS publications among files.

    A file whose BLS name says that it is of another level or year is left out.

    Parameters
    ----------
    folder
        Folder that names are relative to.
    paths
        Files to look at.
    years, level
        What is asked for; None and ``all`` for everything.
    is_strict
        Take every workbook, zip or CSV for an OEWS publication, so that one that is not is refused;
        otherwise only files with the names of BLS.
    """
    return [
        _publication(folder, path, paths)
        for path in paths
        if _is_claimed(path, is_strict=is_strict) and _is_wanted(path, years, level)
    ]


def read_publication(
    publication: Publication, layouts: Layouts, *, level: str
) -> Iterator[RawTable]:
    """Yield the tables of a publication as text."""
    if publication.kind == FLAT:
        lookups = {_lookup_name(path): path for path in publication.companions}
        yield from read_flat(publication.path, publication.name, lookups, layouts, level=level)
    else:
        yield from extract(publication.path, publication.name, layouts)


def levels_of_name(path: Path) -> list[str]:
    """Return the level that a name of BLS says; empty for other names."""
    name = path.name.lower()
    return [known for pattern, known in _LEVEL_OF_NAME.items() if re.match(pattern, name)]


def _publication(folder: Folders, path: Path, paths: Sequence[Path]) -> Publication:
    if not FLAT_NAME.match(path.name):
        return Publication(kind=WORKBOOK, folder=folder, path=path)
    beside = [other for other in paths if other.parent == path.parent]
    lookups = tuple(other for other in beside if _lookup_name(other) in LOOKUPS)
    return Publication(kind=FLAT, folder=folder, path=path, companions=lookups)


def _lookup_name(path: Path) -> str:
    """Return ``area`` for ``oe.area``, ``oe.area.txt`` and the like; empty for other files."""
    match = re.fullmatch(r"oe\.([a-z]+)(\.txt|\.tsv)?", path.name.lower())
    return match[1] if match else ""


def _is_claimed(path: Path, *, is_strict: bool) -> bool:
    if path.name.startswith(("~$", ".")):
        return False
    if FLAT_NAME.match(path.name):
        return True
    return bool(_WORKBOOK.match(path.name)) and (is_strict or bool(_BLS_NAME.match(path.name)))


def _is_wanted(path: Path, years: Collection[int] | None, level: str) -> bool:
    name = path.name.lower()
    said = levels_of_name(path)
    if level != "all" and said and level not in said:
        return False
    match = _YEAR_OF_NAME.search(name)
    year = int(match[1] or match[3] or f"20{match[2]}") if match else None
    return years is None or year is None or year in years
