"""Read a file whose size cannot be told beforehand in a process of its own, under limits of memory and time.

Readers of old workbooks, OpenDocument and R files make room for what a file claims: a kilobyte can ask for a hundred
gigabytes and abort the process. So another one does it, and is given up when it asks for too much.
"""

import io
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.panel.errors import ModelError, SourceError

if sys.platform != "win32":
    import resource


@dataclass(frozen=True, kw_only=True)
class Room:
    """What reading one file may take."""

    max_bytes: int = 6 << 30
    """Address space of the process; the largest table of :class:`~withintask.panel.archives.Limits` fits several times."""
    max_seconds: int = 120
    """Seconds until it is given up; reading 40 million cells takes about a minute."""


ROOM = Room()
_REFUSED = 3
_ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")


def read_confined(
    file: Path, *, sheet: str = "", header: bool = True, room: Room = ROOM
) -> pl.DataFrame:
    """Read a workbook or a file of R in a process that is given so much room and no more.

    Parameters
    ----------
    file
        ``.xls``, ``.xlsb``, ``.ods``, ``.rds``, ``.RData`` or ``.rda``.
    sheet, header
        As a mapping says.
    room
        Limits; of time alone where the system has no other (Windows).

    Raises
    ------
    SourceError
        If the file cannot be read, or not within the limits.
    """
    with tempfile.TemporaryDirectory(prefix="withintask-") as scratch:
        out = Path(scratch) / "table.arrow"
        words = [str(file.resolve()), str(out), sheet, str(int(header)), str(room.max_bytes)]
        environment = {**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", __name__, *words]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, timeout=room.max_seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise SourceError(_beyond(file, room)) from error
        if done.returncode == _REFUSED:
            raise SourceError(done.stdout.decode("utf-8", errors="replace"))
        if done.returncode != 0:
            raise SourceError(_beyond(file, room))
        return pl.read_ipc(io.BytesIO(out.read_bytes()))


def _beyond(file: Path, room: Room) -> str:
    limits = f"{room.max_bytes / (1 << 30):.3g} GB and {room.max_seconds} seconds"
    return f"{file.name}: cannot be read within {limits}; save the cells that hold data alone, as CSV or .xlsx"


def _main(file: str, out: str, sheet: str, header: str, max_bytes: str) -> int:
    """Read and leave the table as a file; what is refused is said on standard output."""
    from withintask.panel.foreign import read_unconfined
    from withintask.panel.mapping import TableMapping

    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (int(max_bytes), int(max_bytes)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    mapping = TableMapping(name="outputs", sheet=sheet, header=header == "1")
    try:
        read_unconfined(Path(file), mapping).write_ipc(out)
    except ModelError as error:
        sys.stdout.buffer.write(str(error).encode())
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
