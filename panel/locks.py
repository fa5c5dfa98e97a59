"""One writer at a time: a lock that the operating system drops when its holder ends, however it ends."""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from withintask.panel.errors import SourceError

if sys.platform != "win32":
    import fcntl

WAIT_SECONDS = 10.0
"""How long a writer waits for another before it is refused; most panels are written in less."""

_PAUSE_SECONDS = 0.05
_LOCK = ".lock"
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextmanager
def locked(target: Path, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[bool]:
    """Hold the lock of a file or folder that is to be written.

    Parameters
    ----------
    target
        What is to be written; the folder it is in exists.
    wait_seconds
        How long another writer is waited for.

    Yields
    ------
    bool
        Whether the last holder died: what it left may be removed.

    Raises
    ------
    SourceError
        If another process still holds the lock after that time.

    Notes
    -----
    ``flock`` on a lock file that its holder removes. Whoever gets the lock of a file that was
    removed meanwhile tries again; a lock file that is there and free was left by a dead process.
    Where the file system knows no locks, and on Windows, writers are not kept apart.
    """
    file = lock_file(target)
    end = time.monotonic() + wait_seconds
    while (held := _attempt(file)) is None:
        if time.monotonic() > end:
            message = f"{target}: {_holder(file)} is writing it; wait for it to end, or name another place"
            raise SourceError(message)
        time.sleep(_PAUSE_SECONDS)
    descriptor, was_left = held
    try:
        yield was_left
    finally:
        _release(file, descriptor)


def lock_file(target: Path) -> Path:
    """Return the lock file: beside the target, or inside a folder that lies where nothing may be written."""
    if target.is_dir() and not os.access(target.parent, os.W_OK):
        return target / _LOCK
    return target.with_name(f".{target.name}{_LOCK}")


def is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing, its own lock file apart."""
    return all(entry.name == _LOCK for entry in folder.iterdir())


def _attempt(file: Path) -> tuple[int, bool] | None:
    """Open the lock file and lock it; None if another holds it or removed it meanwhile."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    was_there = False
    try:
        descriptor = os.open(file, flags | os.O_EXCL)
    except FileExistsError:
        was_there = True
        descriptor = os.open(file, flags)
    try:
        if _is_locked(descriptor) and _is_still(file, descriptor):
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            return descriptor, was_there
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_locked(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
    return True


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(file), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _release(file: Path, descriptor: int) -> None:
    try:
        if _is_still(file, descriptor):
            file.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _holder(file: Path) -> str:
    try:
        number = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        number = ""
    return f"process {number}" if number.isdigit() else "another process"
