"""The one way to replace a file or a folder: complete under another name first, then renamed.

Whoever replaces something holds its lock meanwhile (:mod:`withintask.panel.locks`). So what lies under
another name when the lock is free was left by a process that died, and the next writer removes it.
"""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from withintask.panel.errors import ParameterError
from withintask.panel.locks import locked

_TRIES = 100
_PAUSE_SECONDS = 0.02
_NEW, _OLD = "tmp", "old"

PART_OF_DATABASE = ".part"
"""Added to the temporary name of a database by who fills it from a file."""

_WITHOUT_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.EBADF, errno.EACCES)
"""What a system says that cannot flush such a file; EIO and a full disk are errors."""

_ADDED = (".wal", ".tmp", PART_OF_DATABASE)
"""Names beside a temporary name; the first two are DuckDB's."""


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
    SourceError
        If another process is writing the file and does not end.
    """
    if path.is_dir():
        raise ParameterError(f"{path}: is a directory; give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path) as was_left:
        if was_left:
            remove_leftovers(path)
        temporary = _beside(path, _NEW)
        try:
            yield temporary
            put_in_place(temporary, path)
        finally:
            for name in (temporary.name, *(temporary.name + end for end in _ADDED)):
                _remove(temporary.with_name(name))


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside a folder; it takes the folder's place if the block succeeds, else it is deleted.

    Parameters
    ----------
    path
        The folder, there already or not; whether it may be replaced is for the caller to say, in
        the block, where no other writer can interfere.

    Raises
    ------
    SourceError
        If another process is writing the folder and does not end.

    Notes
    -----
    A new folder appears in one step. An old one is renamed first; if the process is killed between
    the two steps, the next writer gives it its name back.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path) as was_left:
        if was_left:
            remove_leftovers(path)
        with staging_beside(path) as staging:
            yield staging
            discarded = _beside(path, _OLD)
            if path.exists():
                os.replace(path, discarded)
            put_in_place(staging, path)
            _remove(discarded)


@contextmanager
def staging_beside(path: Path) -> Iterator[Path]:
    """Give an empty folder beside a folder whose lock is held; what is left of it in the end is deleted."""
    staging = _beside(path, _NEW)
    staging.mkdir()
    try:
        yield staging
    finally:
        _remove(staging)


def remove_leftovers(path: Path) -> None:
    """Remove what dead runs left beside a file or folder whose lock is held.

    An old folder that was renamed to make room gets its name back if nothing came in its place.
    """
    ends = "|".join(map(re.escape, ("", *_ADDED)))
    name = (
        rf"\.{re.escape(path.stem)}\.[0-9a-f]{{8}}\.({_NEW}|{_OLD}){re.escape(path.suffix)}({ends})"
    )
    for entry in list(path.parent.iterdir()):
        parts = re.fullmatch(name, entry.name)
        if parts and parts[1] == _OLD and not path.exists():
            put_in_place(entry, path)
        elif parts:
            _remove(entry)


def save(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file by a function of its path, such as ``frame.write_parquet``, and replace the old one."""
    with replacing(path) as temporary:
        write(temporary)


def save_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, and replace the old one."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def put_in_place(new: Path, path: Path) -> None:
    """Rename a complete file or folder to its final name, in one step that outlives a loss of power.

    What it holds is on disk before it gets the name, and the name itself afterwards.
    """
    _flush_all(new)
    os.replace(new, path)
    _flush(path.parent)


def _flush_all(path: Path) -> None:
    """Have a file, or a folder with all that it holds, written to the disk."""
    if path.is_dir() and not path.is_symlink():
        for entry in path.iterdir():
            _flush_all(entry)
    _flush(path)


def _flush(path: Path) -> None:
    """Have one file or the names in one folder written; where the system cannot (folders on Windows), go on."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _WITHOUT_FLUSH:
            raise
    finally:
        os.close(descriptor)


def remove_folder(folder: Path) -> None:
    """Remove a folder; a writer that failed may still be closing its file while its error is already here."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_PAUSE_SECONDS)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_folder(path)
    else:
        path.unlink(missing_ok=True)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}.{kind}{path.suffix}")
