"""A published file with the files it is read with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One file that is read as a whole, such as a flat file with its lookup tables."""

    kind: str
    """Name of the adapter that reads it."""
    folder: Path
    """Folder the search started in; names in messages and in the store are relative to it."""
    path: Path
    companions: tuple[Path, ...] = ()
    """Files that are joined to it."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, the main one first."""
        return (self.path, *self.companions)

    @property
    def name(self) -> str:
        """Name of the main file within the folder."""
        return self.relative(self.path)

    def relative(self, path: Path) -> str:
        """Return the name of a file within the folder."""
        return path.relative_to(self.folder).as_posix()
