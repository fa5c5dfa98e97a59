"""A published file with the files it is read with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Folders: TypeAlias = Path | Sequence[Path]
"""One folder of published files, or several that are read as one."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One file that is read as a whole, such as a flat file with its lookup tables."""

    kind: str
    """Name of the adapter that reads it."""
    folder: Folders
    """Folders the search started in; names in messages and in the store are relative to them."""
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
        return name_within(self.folder, path)


def as_folders(folder: Folders) -> tuple[Path, ...]:
    """Return the folders, one or several, as a tuple."""
    return (folder,) if isinstance(folder, Path) else tuple(folder)


def name_within(folder: Folders, path: Path) -> str:
    """Return the name of a file relative to the folder that holds it.

    Where an earlier folder has a file of that name, the name of the folder stands before it.

    Raises
    ------
    ValueError
        If no folder holds the file.
    """
    folders = as_folders(folder)
    for number, root in enumerate(folders):
        if path.is_relative_to(root):
            relative = path.relative_to(root)
            is_taken = any((other / relative).is_file() for other in folders[:number])
            return (f"{root.name}/" if is_taken else "") + relative.as_posix()
    raise ValueError(f"{path} is in none of {', '.join(map(str, folders))}")
