"""The secret key of pseudonyms: where it may lie, who may read it, and what is too weak."""

import os
import stat
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

from withintask.panel.errors import ParameterError, list_problems

KEY_VARIABLE = "WITHINTASK_PANEL_KEY"
SHORTEST_KEY = 16
"""Bytes: 128 bits, beyond exhaustive search (NIST SP 800-107, section 5.3.4), if they are random."""

LONGEST_KEY = blake2b.MAX_KEY_SIZE

_FEWEST_DISTINCT = 6
"""Distinct bytes of a key; of 32 random hexadecimal digits, fewer than one key in 10^11 has less."""

_FEWEST_DIGITS = 39
"""Decimal digits with 128 bits."""

_RUNS = (b"qwertyuiop", b"asdfghjkl", b"zxcvbnm", b"1234567890", b"abcdefghijklmnopqrstuvwxyz")
_ADVICE = 'Make one with python -c "import secrets; print(secrets.token_hex(32))".'


def read_key(key_file: Path | None, *, keep_out_of: Sequence[Path] = ()) -> bytes:
    """Read the key from a file, or from the environment variable ``WITHINTASK_PANEL_KEY``.

    Parameters
    ----------
    key_file
        A file with the key as text that only its owner can read; None for the environment
        variable. White space around the key does not belong to it, in neither.
    keep_out_of
        Panels: a key may lie neither in them nor beside them.

    Raises
    ------
    ParameterError
        If there is no key, others can read it, it lies with the data or is no text.
    """
    if key_file is None:
        text = os.environ.get(KEY_VARIABLE, "").strip()
        if not text:
            raise ParameterError(f"no key: name a key file, or set {KEY_VARIABLE}")
        return os.fsencode(text)
    if not key_file.is_file():
        raise ParameterError(f"{key_file}: no such key file")
    problems = list(_problems_of_place(key_file, keep_out_of))
    if problems:
        raise ParameterError(list_problems(str(key_file), problems))
    try:
        return key_file.read_text(encoding="utf-8").strip().encode()
    except UnicodeDecodeError:
        raise ParameterError(f"{key_file}: the key is no text in UTF-8. {_ADVICE}") from None


def key_problems(key: bytes) -> Iterator[str]:
    """Say what makes a key useless, without showing it."""
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        yield f"the key has {len(key)} bytes; expected {SHORTEST_KEY} to {LONGEST_KEY}. {_ADVICE}"
    elif _is_weak(key):
        yield (
            "the key can be guessed: few distinct characters, a repeated piece, a run such as 123 or qwerty, "
            f"or digits only. {_ADVICE}"
        )


def _problems_of_place(key_file: Path, keep_out_of: Sequence[Path]) -> Iterator[str]:
    if os.name == "posix" and key_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield "others can read or change the key; run chmod 600 on it"
    for place in keep_out_of:
        if _lies_with(key_file, place):
            yield f"the key lies with the data in {place}, or beside them; move it"


def _lies_with(key_file: Path, place: Path) -> bool:
    key, data = key_file.resolve(), place.resolve()
    return key.is_relative_to(data) or key.parent == data.parent


def _is_weak(key: bytes) -> bool:
    is_repeated = key in (key + key)[1:-1]
    is_number = key.isdigit() and len(key) < _FEWEST_DIGITS
    return len(set(key)) < _FEWEST_DISTINCT or is_repeated or is_number or _is_run(key)


def _is_run(key: bytes) -> bool:
    """Tell whether more than half of the neighbours are neighbours on a keyboard or in the alphabet, or equal."""
    lower = key.lower()
    pairs = [lower[i : i + 2] for i in range(len(lower) - 1)]
    near = [p for p in pairs if p[0] == p[1] or any(p in run or p[::-1] in run for run in _RUNS)]
    return len(near) > len(pairs) / 2
