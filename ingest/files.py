"""Published files on disk: folders, and archives that are checked before they are read."""

from pathlib import Path

from withintask.panel.archives import (
    LIMITS,
    Limits,
    Member,
    check_archive,
    is_inside_folder,
    read_members,
)
from withintask.panel.errors import SourceError

__all__ = [
    "LIMITS",
    "Limits",
    "Member",
    "check_archive",
    "is_inside_folder",
    "read_members",
    "require_directory",
]


def require_directory(path: str | Path) -> Path:
    """Return the directory as a path.

    Raises
    ------
    SourceError
        If there is no such directory.
    """
    directory = Path(path)
    if not directory.exists():
        raise SourceError(f"{directory}: no such directory; give the folder of the published files")
    if not directory.is_dir():
        raise SourceError(f"{directory}: a directory was expected, this is a file")
    return directory
