"""The one store of finished parts: each complete or absent, so that a killed computation goes on where it stopped.

Parts are Parquet files (of a study's ledger, of a page's stages) or the entries of one JSON file (of a search).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import polars as pl

from withintask import panel, sim, tests_of_model
from withintask.panel.atomic import save, save_text
from withintask.panel.errors import ParameterError, SourceError

Entry = Mapping[str, object]


def read_part(
    path: Path, *, what: str = "a finished part", schema: Mapping[str, object] | None = None
) -> pl.DataFrame | None:
    """Read a part; None where it does not exist.

    Parameters
    ----------
    path
        The Parquet file.
    what
        What it should be, for the message.
    schema
        Columns and types that it must have; any if None.

    Raises
    ------
    SourceError
        If the file cannot be read, or has other columns.
    """
    if not path.exists():
        return None
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"{path}: expected {what}; {error}. Delete it and run again") from error
    if schema is not None and dict(frame.schema) != dict(schema):
        raise SourceError(f"{path}: columns are not those of {what}; delete it and run again")
    return frame


def write_part(frame: pl.DataFrame, path: Path) -> None:
    """Write a part: the old file or the new, never half of one."""
    save(path, partial(frame.write_parquet, compression="zstd", statistics=False))


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Finished stages of one computation, a part each; another computation has other file names."""

    folder: Path | None = None
    """Where they are kept; nowhere if None."""
    key: str = ""
    """Names the inputs and the code; from :func:`stage_key`."""

    def frame(self, name: str, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Return a stage, computed unless it is kept.

        Raises
        ------
        SourceError
            If the file that should hold it cannot be read.
        """
        path = self.path(f"{name}.parquet")
        if path is None:
            return compute()
        kept = read_part(path)
        if kept is None:
            kept = compute()
            write_part(kept, path)
        return kept

    def path(self, name: str) -> Path | None:
        """File of a stage; None if nothing is kept."""
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{self.key[:12]}_{name}"


NOT_KEPT = Stages()
"""Keeps nothing."""


def stage_key(*inputs: object) -> str:
    """Hash inputs, by their repr, and the code of the model and its tests."""
    return hashlib.sha256(f"{inputs!r} {code_hash()}".encode()).hexdigest()


@cache
def code_hash() -> str:
    """Hash the code and data files of the model and its tests."""
    digest = hashlib.sha256()
    for package in (panel, sim, tests_of_model):
        for path in sorted(Path(str(package.__file__)).parent.rglob("*.*")):
            if path.suffix in {".py", ".toml", ".csv"}:
                digest.update(path.read_bytes())
    return digest.hexdigest()


class Entries:
    """Finished items of one computation, by number, in one JSON file that is replaced after each.

    Parameters
    ----------
    path
        The file; nothing is kept if None.
    key
        Names the computation; a file of another is refused.
    name
        Name of the items in the file.

    Raises
    ------
    ParameterError
        If the file cannot be read or belongs to another computation.
    """

    def __init__(self, path: Path | None, key: str, *, name: str) -> None:
        self._path, self._key, self._name = path, key, name
        self.done: dict[int, Entry] = {}
        """What is finished, by number."""
        if path is not None and path.exists():
            self.done = self._read(path)

    def add(self, number: int, entry: Entry) -> None:
        """Keep one more."""
        self.done[number] = entry
        if self._path is not None:
            rows = {str(k): kept for k, kept in sorted(self.done.items())}
            save_text(self._path, json.dumps({"key": self._key, self._name: rows}))

    def _read(self, path: Path) -> dict[int, Entry]:
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            key, rows = stored["key"], {int(k): row for k, row in stored[self._name].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ParameterError(
                f"{path}: expected a ledger of {self._name}; {error}. Remove it or name another file."
            ) from error
        if key != self._key:
            raise ParameterError(
                f"{path}: holds {self._name} of another fit (other targets, weights, parameters or {self._name}). "
                "Remove it or name another file."
            )
        return rows
