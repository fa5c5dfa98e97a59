"""SHA-256 of files, so that a value that changed on disk is not taken for data."""

import hashlib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def checksums(folder: Path, files: Collection[str]) -> dict[str, str]:
    """Return the SHA-256 of files of a folder, by their names relative to it."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(files, pool.map(lambda name: sha256_of(folder / name), files), strict=True))


def damaged_files(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Name the files that are there with another SHA-256 than expected; absent ones are not named."""
    present = [name for name in expected if (folder / name).is_file()]
    return [name for name, value in checksums(folder, present).items() if value != expected[name]]
