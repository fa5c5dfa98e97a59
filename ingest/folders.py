"""The folders that published files are looked for in: one, or several in one text."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from withintask.ingest.files import require_directory

Source: TypeAlias = str | Path | Sequence[str | Path]
"""A folder, several, or a text of several separated as in PATH."""


def source_folders(source: Source) -> tuple[Path, ...]:
    """Return the folders of published files.

    Parameters
    ----------
    source
        A folder, a list of folders, or one text with several, separated by ``os.pathsep`` (a
        colon, on Windows a semicolon), as ``WITHINTASK_DATA`` may hold them.

    Raises
    ------
    SourceError
        If one of them is no directory.
    """
    parts = [source] if isinstance(source, str | Path) else list(source)
    named = [folder for part in parts for folder in _split(str(part))]
    return tuple(dict.fromkeys(require_directory(folder) for folder in named))


def files_of(folders: Sequence[Path]) -> list[Path]:
    """List the files of the folders and their subfolders, hidden ones left out, each once."""
    files = {
        path.resolve(): path
        for folder in reversed(folders)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    return sorted(files.values())


def _split(text: str) -> list[str]:
    if Path(text).is_dir():  # a folder whose name holds the separator
        return [text]
    return [part for part in text.split(os.pathsep) if part] or [text]
