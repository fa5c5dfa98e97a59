"""Zip archives that are not what they claim: size limits, names that leave the folder, damage."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from withintask.panel.errors import SourceError, list_problems, quoted

_CHUNK = 1 << 20
_ZIP_FAULTS = (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The largest archive we are willing to open."""

    max_members: int = 1_000
    """Members of one archive; the largest BLS workbook has about twenty."""
    max_bytes: int = 4 << 30
    """Unpacked bytes of one archive; the sheet of an `all` workbook unpacks to about 1 GB."""
    max_ratio: int = 200
    """Unpacked over packed bytes of one member, and of all; sheets of numbers stay under 30."""
    small_bytes: int = 1 << 20
    """Members smaller than this may have any ratio: a sheet of blanks packs very well."""
    max_cells: int = 40_000_000
    """Rows x columns of one table; the largest published one has 14 million, and a reader takes some 25 bytes a cell."""
    max_columns: int = 16_384
    """Columns of one table: those of a spreadsheet."""
    max_text: int = 1 << 30
    """Characters that the cells of one sheet share in place of writing them out."""


LIMITS = Limits()

_FILES_OF_WORKBOOK = 20
"""Small files with any ratio that an archive may have in all."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file as bytes, with the name to show in messages: ``archive.zip!folder/book.xlsx``."""

    name: str
    content: bytes


Watch = Callable[[str, bytes], object]
"""Is shown the blocks of every member, by its name, in order."""


def check_archive(
    content: bytes, name: str, *, limits: Limits = LIMITS, watch: Watch | None = None
) -> None:
    """Refuse an archive that is damaged, too large or that leaves its folder.

    Every member is unpacked once in blocks and thrown away, so a truncated archive, a wrong
    checksum and a size that was declared too small are found before anything else reads it.

    Raises
    ------
    SourceError
        With the list of everything that is wrong.
    """
    with opened(content, name) as archive:
        problems = list(_problems_of_members(archive.infolist(), limits))
        if not problems:
            problems = [
                p for info in archive.infolist() for p in _damage_of(archive, info, limits, watch)
            ]
    if problems:
        raise SourceError(list_problems(name, problems, advice="Download the file again."))


def check_gzip(path: Path, *, limits: Limits = LIMITS) -> None:
    """Refuse a gzip file that is damaged or unpacks to too much; it is unpacked once in blocks and thrown away.

    Raises
    ------
    SourceError
        If it does.
    """
    packed, unpacked = path.stat().st_size, 0
    try:
        with gzip.open(path) as stream:
            while block := stream.read(_CHUNK):
                unpacked += len(block)
                if unpacked > limits.max_bytes or _is_bomb(unpacked, packed, limits):
                    raise SourceError(
                        f"{path.name}: unpacks from {packed:,} to over {unpacked:,} bytes (a bomb?)"
                    )
    except (*_ZIP_FAULTS, zlib.error) as fault:
        raise SourceError(
            f"{path.name}: not a complete gzip file ({fault}). Download it again."
        ) from fault


def read_members(
    path: Path, name: str, suffixes: tuple[str, ...], *, limits: Limits = LIMITS
) -> list[Member]:
    """Return the members of an archive whose names end in one of the suffixes; nothing is written.

    Raises
    ------
    SourceError
        If :func:`check_archive` refuses the archive.
    """
    content = path.read_bytes()
    check_archive(content, name, limits=limits)
    with opened(content, name) as archive:
        return [
            Member(name=f"{name}!{info.filename}", content=archive.read(info))
            for info in archive.infolist()
            if info.filename.lower().endswith(suffixes)
        ]


def is_inside_folder(name: str) -> bool:
    """Tell whether a member or file name stays inside the folder it is joined to."""
    parts = PurePosixPath(name.replace("\\", "/"))
    return not (
        parts.is_absolute() or ".." in parts.parts or PureWindowsPath(name).drive or "\0" in name
    )


@contextmanager
def opened(content: bytes, name: str) -> Iterator[zipfile.ZipFile]:
    """Open an archive for reading.

    Raises
    ------
    SourceError
        If the bytes are no complete archive.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _ZIP_FAULTS as fault:
        raise SourceError(
            f"{name}: not a complete zip archive ({len(content):,} bytes, {fault}); "
            "it may be truncated or not a workbook at all. Download the file again."
        ) from fault
    with archive:
        yield archive


def _problems_of_members(infos: list[zipfile.ZipInfo], limits: Limits) -> Iterator[str]:
    if len(infos) > limits.max_members:
        yield f"{len(infos):,} members; at most {limits.max_members:,} are opened"
    total = sum(info.file_size for info in infos)
    if total > limits.max_bytes:
        yield f"unpacks to {total:,} bytes; at most {limits.max_bytes:,} are read (zip bomb?)"
    elif _is_bomb(total, sum(info.compress_size for info in infos), limits, _FILES_OF_WORKBOOK):
        yield f"unpacks to {total:,} bytes, over {limits.max_ratio} times its size (zip bomb?)"
    for info in infos:
        if not is_inside_folder(info.filename):
            yield f"member {quoted(info.filename)} leaves the target folder"
        if _is_bomb(info.file_size, info.compress_size, limits):
            sizes = f"{info.compress_size:,} to {info.file_size:,} bytes"
            yield f"member {quoted(info.filename)} unpacks from {sizes} (zip bomb?)"


def _is_bomb(unpacked: int, packed: int, limits: Limits, n_files: int = 1) -> bool:
    is_large = unpacked > n_files * limits.small_bytes
    return is_large and unpacked > limits.max_ratio * max(packed, 1)


def _damage_of(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits, watch: Watch | None
) -> Iterator[str]:
    left = limits.max_bytes
    try:
        with archive.open(info) as stream:
            while block := stream.read(_CHUNK):
                left -= len(block)
                if left < 0:
                    yield f"member {quoted(info.filename)} unpacks to over {limits.max_bytes:,} bytes"
                    return
                if watch is not None:
                    watch(info.filename, block)
    except (*_ZIP_FAULTS, ValueError, zlib.error) as fault:
        yield f"member {quoted(info.filename)} is damaged: {fault}"
