"""Manifests that may name files outside their folder, because their user wrote them on this machine.

A panel that comes from elsewhere could name any file of its reader. ``panel from`` writes a description into a new folder,
of a file that lies outside it; that this user did so is kept in the user's own state folder, where no manifest can
write it, under a hash of where the manifest lies and which file it names.
"""

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

_SHELF = Path("withintask") / "outside"


def remember_outside(folder: Path, files: Iterable[str]) -> None:
    """Keep that the manifest of a folder may name these files; nothing is kept where the state folder cannot be written."""
    try:
        for file in files:
            mark = _mark(folder, file)
            mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            mark.touch()
    except (OSError, RuntimeError):  # no home
        return


def is_remembered(folder: Path, file: str) -> bool:
    """Tell whether the manifest of a folder may name a file outside it."""
    try:
        return _mark(folder, file).is_file()
    except (OSError, RuntimeError):
        return False


def _mark(folder: Path, file: str) -> Path:
    where = f"{folder.resolve()}\0{(folder / file).resolve()}"
    return _state() / _SHELF / sha256(os.fsencode(where)).hexdigest()


def _state() -> Path:
    named = os.environ.get("XDG_STATE_HOME", "")
    return Path(named) if named else Path.home() / ".local" / "state"
