"""Files that change while they are read: what was read is of neither state."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from withintask.panel.errors import SourceError, list_problems
from withintask.panel.files import is_name, matching
from withintask.panel.manifest import manifest_of, read_manifest

_ADVICE = (
    "What was read is of neither state, so nothing is kept; run again when nobody writes there."
)

_Stamps = Mapping[Path, tuple[int, int] | None]


@contextmanager
def unchanged(files: Sequence[Path]) -> Iterator[None]:
    """Refuse what is done in the block if one of the files changes meanwhile.

    Raises
    ------
    SourceError
        With the files that changed, whatever else went wrong because of it.
    """
    before = _stamps(files)
    try:
        yield
    except Exception as error:
        _fail_if_changed(before, error)
        raise
    _fail_if_changed(before)


def files_of_panel(path: Path) -> tuple[Path, ...]:
    """Return the files of a panel on disk, its manifest first; the file itself if it is a database.

    Raises
    ------
    SourceError
        If its manifest cannot be read.
    """
    if path.is_file() and path.suffix != ".toml":
        return (path,)
    manifest = manifest_of(path)
    tables = read_manifest(manifest).get("tables", {})
    names = [table.get("file", "") for table in tables.values() if isinstance(table, dict)]
    parts = [
        part
        for name in names
        if isinstance(name, str) and is_name(name)
        for part in _parts(manifest, name)
    ]
    return (manifest, *parts)


def _parts(manifest: Path, name: str) -> list[Path]:
    return [manifest.parent / part for part in matching(manifest.parent, name)]


def _stamps(files: Sequence[Path]) -> _Stamps:
    """Size and time of change of each file; None if it is not there."""
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _fail_if_changed(before: _Stamps, cause: Exception | None = None) -> None:
    changed = [file for file, stamp in before.items() if stamp != _stamp(file)]
    if changed:
        problems = [f"{file}: changed while it was read" for file in changed]
        raise SourceError(list_problems("panel", problems, advice=_ADVICE)) from cause
