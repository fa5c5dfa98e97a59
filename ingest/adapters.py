"""What reads which file: one adapter a kind of published table, apart from OEWS itself."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.ingest.publication import Publication
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

    def find(self, folder: Path, paths: Sequence[Path]) -> list[Publication]:
        """List the publications of this kind among the files of a folder."""
        companions = tuple(path for path in paths if _matches(self.companion_pattern, path))
        return [
            Publication(kind=self.kind, folder=folder, path=path, companions=companions)
            for path in paths
            if _matches(self.name_pattern, path)
        ]


def _matches(pattern: str, path: Path) -> bool:
    return bool(pattern) and re.fullmatch(pattern, path.name, re.IGNORECASE) is not None
