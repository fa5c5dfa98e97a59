"""What a long computation keeps on the way, so that a killed one goes on where it stopped."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from withintask import panel, sim, tests_of_model
from withintask.panel.errors import SourceError
from withintask.tests_of_model.harness.ledger import write_atomically


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Finished parts of one computation, a Parquet file each; another computation has other file names."""

    folder: Path | None = None
    """Where they are kept; nowhere if None."""
    key: str = ""
    """Names the inputs and the code; from :func:`stage_key`."""

    def frame(self, name: str, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Return a part, computed unless it is kept.

        Raises
        ------
        SourceError
            If the file that should hold it cannot be read.
        """
        path = self.path(f"{name}.parquet")
        if path is None:
            return compute()
        if path.exists():
            try:
                return pl.read_parquet(path)
            except (pl.exceptions.PolarsError, OSError) as error:
                raise SourceError(
                    f"{path}: expected a finished part; {error}. Delete it and run again"
                ) from error
        found = compute()
        write_atomically(found, path)
        return found

    def path(self, name: str) -> Path | None:
        """File of a part; None if nothing is kept."""
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{self.key[:12]}_{name}"


NOT_KEPT = Stages()
"""Keeps nothing."""


def stage_key(*inputs: object) -> str:
    """Hash inputs, by their repr, and the code of the model and its tests."""
    return hashlib.sha256(f"{inputs!r} {_code_hash()}".encode()).hexdigest()


@cache
def _code_hash() -> str:
    digest = hashlib.sha256()
    for package in (panel, sim, tests_of_model):
        for path in sorted(Path(str(package.__file__)).parent.rglob("*.*")):
            if path.suffix in {".py", ".toml", ".csv"}:
                digest.update(path.read_bytes())
    return digest.hexdigest()
