"""The one way to replace a file or a folder: complete under another name first, then renamed."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from withintask.panel.errors import ParameterError

_TRIES = 100
_PAUSE_SECONDS = 0.02


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a file; it takes the file's place if the block succeeds, else it is deleted.

    Parameters
    ----------
    path
        The file, there already or not; its folder is made. The temporary name has the same suffix.

    Raises
    ------
    ParameterError
        If path is a directory.
    """
    if path.is_dir():
        raise ParameterError(f"{path}: is a directory; give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside a folder; it takes the folder's place if the block succeeds, else it is deleted.

    Parameters
    ----------
    path
        The folder, there already or not; whether it may be replaced is for the caller to say.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, discarded = _beside(path), _beside(path)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            put_in_place(path, discarded)
        put_in_place(temporary, path)
    finally:
        remove_folder(temporary)
        remove_folder(discarded)


def save(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file by a function of its path, such as ``frame.write_parquet``, and replace the old one."""
    with replacing(path) as temporary:
        write(temporary)


def save_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, and replace the old one."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def put_in_place(new: Path, path: Path) -> None:
    """Rename a complete file or folder to its final name, in one step."""
    os.replace(new, path)


def remove_folder(folder: Path) -> None:
    """Remove a folder; a writer that failed may still be closing its file while its error is already here."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_PAUSE_SECONDS)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
