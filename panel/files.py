"""The files that a manifest names: where they lie, and whether they are those that were written."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from withintask.panel.checksums import damaged_files
from withintask.panel.consent import is_remembered
from withintask.panel.errors import quoted
from withintask.panel.mapping import TableMapping
from withintask.panel.references import Breach

PARTS = "/*.parquet"
"""A table in parts: every Parquet file of a folder, in the order of their names."""

_LONGEST_NAME = 255
"""Bytes of a name that file systems take."""

OUTSIDE = "lies outside the folder of the manifest, which reads only inside it unless told so (--allow-outside)"


def matching(folder: Path, file: str) -> Iterator[str]:
    """Yield the name of a table's file, or the names of its parts, relative to the folder."""
    if file.endswith(PARTS):
        yield from (f"{file[: -len(PARTS)]}/{part.name}" for part in sorted(folder.glob(file)))
    elif file:
        yield file


def is_name(file: str) -> bool:
    """Tell whether a system can look for such a file: no zero byte, no part that is too long, no pattern of another folder."""
    parts = PurePath(file).parts
    return (
        "\0" not in file
        and all(len(part.encode()) <= _LONGEST_NAME for part in parts)
        and not (file.endswith(PARTS) and PurePath(file).is_absolute())
    )


def is_inside(folder: Path, file: str) -> bool:
    """Tell whether a file lies in a folder, links resolved."""
    return (folder / file).resolve().is_relative_to(folder.resolve())


def may_be_read(folder: Path, file: str) -> bool:
    """Tell whether a manifest may name a file: one inside its folder, or one that this user described there."""
    return is_inside(folder, file) or is_remembered(folder, file)


def outside_breaches(folder: Path, mappings: Sequence[TableMapping]) -> Iterator[Breach]:
    """Name the tables whose file, or a part of it, lies outside the folder."""
    for mapping in mappings:
        if not all(may_be_read(folder, name) for name in (mapping.file, *_parts(folder, mapping))):
            meaning = f"the file {quoted(mapping.file)} {OUTSIDE}"
            yield Breach(table=mapping.name, rule="file_outside", n_rows=1, meaning=meaning)


def damage_breaches(
    folder: Path, mappings: Sequence[TableMapping], expected: Mapping[str, str]
) -> Iterator[Breach]:
    """Name the tables with files that are not those whose SHA-256 the manifest has.

    Parameters
    ----------
    folder
        Folder of the manifest.
    mappings
        Its tables.
    expected
        File to SHA-256; nothing is checked if empty.
    """
    if not expected:
        return
    damaged = set(damaged_files(folder, expected))
    for mapping in mappings:
        names = _parts(folder, mapping)
        wrong = [name for name in names if name in damaged]
        unknown = [name for name in names if name not in expected and len(names) > 1]
        for files, meaning in ((wrong, _DAMAGED), (unknown, _UNKNOWN)):
            if files:
                text = f"{quoted(files[0])} {meaning}"
                yield Breach(table=mapping.name, rule="sha256", n_rows=len(files), meaning=text)


_DAMAGED = (
    "has the SHA-256 that it had when it was written: it was damaged or edited; restore it, or read it all the same "
    "with --no-verify (verify=False)"
)
_UNKNOWN = (
    "is one of the files that were written, as the section [sha256] of the manifest lists them"
)


def _parts(folder: Path, mapping: TableMapping) -> list[str]:
    return list(matching(folder, mapping.file))
