"""What is named on a command line: something packaged, or a TOML file of one's own."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from withintask.panel.errors import ParameterError, nearest, quoted

SUFFIX = ".toml"

Named = TypeVar("Named")


def by_name(
    name: Path | str,
    packaged: Mapping[str, Named],
    read: Callable[[Path | str], Sequence[Named]],
    kind: str,
) -> Named:
    """Return the packaged one of a name, or the one that a file such as ``mine.toml`` holds.

    Parameters
    ----------
    name
        Name, or file.
    packaged
        What has a name.
    read
        Reads all that a file holds.
    kind
        What it is, in one word.

    Raises
    ------
    ParameterError
        If there is none, with the nearest name; or if the file holds several.
    """
    if str(name).endswith(SUFFIX):
        entries = read(name)
        if len(entries) != 1:
            raise ParameterError(f"{name}: expected one {kind}, found {len(entries)}")
        return entries[0]
    if name not in packaged:
        hint = nearest(str(name), packaged) or f"; known: {', '.join(packaged)}"
        raise ParameterError(
            f"{kind} {quoted(str(name))}: unknown{hint}; your own is a {SUFFIX} file"
        )
    return packaged[str(name)]
