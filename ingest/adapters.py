"""What reads which file: one adapter a kind of published table, apart from OEWS itself."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.ingest.publication import Folders, Publication
from withintask.ingest.recognize import headers_of
from withintask.ingest.tables import Table


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """Reads files of one kind into rows of one table."""

    kind: str
    table: Table
    name_pattern: str
    """Regular expression that the whole file name matches, whatever its case."""
    read: Callable[[Publication], pl.DataFrame]
    companion_pattern: str = ""
    """Names of files anywhere in the folder that it needs; all of them are passed on."""
    companions_of: Callable[[Path], tuple[Path, ...]] | None = None
    """Files that a file itself names."""
    signature: frozenset[str] = frozenset()
    """Columns, in plain form, that a header of this kind holds: a file that was given another name
    is known by them."""

    def find(self, folder: Folders, paths: Sequence[Path]) -> list[Publication]:
        """List the publications of this kind, by name, among the files of a folder."""
        return self._publications(
            folder, [p for p in paths if _matches(self.name_pattern, p)], paths
        )

    def find_by_columns(
        self, folder: Folders, unknown: Collection[Path], paths: Sequence[Path]
    ) -> list[Publication]:
        """List those among files of unknown names whose header has the columns of this kind."""
        if not self.signature:
            return []
        chosen = [p for p in unknown if any(self.signature <= header for header in headers_of(p))]
        return self._publications(folder, chosen, paths)

    def _publications(
        self, folder: Folders, chosen: Sequence[Path], paths: Sequence[Path]
    ) -> list[Publication]:
        companions = tuple(path for path in paths if _matches(self.companion_pattern, path))
        named = self.companions_of
        return [
            Publication(
                kind=self.kind,
                folder=folder,
                path=path,
                companions=named(path) if named else companions,
            )
            for path in chosen
        ]


def _matches(pattern: str, path: Path) -> bool:
    return bool(pattern) and re.fullmatch(pattern, path.name, re.IGNORECASE) is not None
