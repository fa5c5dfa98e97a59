"""Replace ids by keyed hashes, the same in every table."""

import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import polars as pl

from withintask.panel.errors import ParameterError, list_problems
from withintask.panel.panel import Frame, Panel

PSEUDONYMIZED = ("worker_id", "firm_id", "posting_id", "applicant_id")
"""Ids of people and firms; codes of occupations and industries and ids of tasks stay readable."""

KEY_VARIABLE = "WITHINTASK_PANEL_KEY"
SHORTEST_KEY = 16
"""Bytes: 128 bits, beyond exhaustive search (NIST SP 800-107, section 5.3.4)."""

LONGEST_KEY = blake2b.MAX_KEY_SIZE
DIGEST_BYTES = 16
"""128 bits: ids collide with probability below 1e-22 among 10^8."""


def pseudonymize(panel: Panel, key: bytes, *, columns: Sequence[str] = PSEUDONYMIZED) -> Panel:
    """Replace ids by keyed hashes, equal ids by equal hashes in every table.

    Parameters
    ----------
    panel
        Any panel; lazy tables stay lazy.
    key
        16 to 64 secret bytes. Whoever has it can find the hash of any id; it is not kept.
    columns
        Columns to replace, wherever they occur.

    Returns
    -------
    Panel
        The panel with ids such as ``w3f…``; nulls stay null, rows and other columns stay as
        they are.

    Raises
    ------
    ParameterError
        If the key is too short or too long, or a column holds no ids.

    Notes
    -----
    BLAKE2b with the key, personalized by the name of the column (RFC 7693), so that a worker and
    a firm of equal id get unequal hashes. Each distinct id is hashed once.
    """
    _fail_if_unusable(panel, key, columns)
    tables: dict[str, Frame] = {}
    for name, frame in panel.tables().items():
        present = [column for column in columns if column in frame.lazy().collect_schema()]
        hashed = frame.lazy()
        for column in present:
            hashed = _replaced(hashed, column, key)
        tables[name] = hashed if isinstance(frame, pl.LazyFrame) else hashed.collect()
    return panel.with_tables(**tables)


def read_key(key_file: Path | None, *, keep_out_of: Sequence[Path] = ()) -> bytes:
    """Read the key from a file, or from the environment variable ``WITHINTASK_PANEL_KEY``.

    Parameters
    ----------
    key_file
        A file with the key as text; None for the environment variable.
    keep_out_of
        Folders with data, in which a key may not lie.

    Raises
    ------
    ParameterError
        If there is no key, or it lies with the data.
    """
    if key_file is None:
        text = os.environ.get(KEY_VARIABLE, "")
        if not text:
            raise ParameterError(f"no key: name a key file, or set {KEY_VARIABLE}")
        return text.encode()
    if not key_file.is_file():
        raise ParameterError(f"{key_file}: no such key file")
    inside = [folder for folder in keep_out_of if _is_inside(key_file, folder)]
    if inside:
        raise ParameterError(f"{key_file}: the key lies with the data in {inside[0]}; move it")
    return key_file.read_text(encoding="utf-8").strip().encode()


def _is_inside(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def _fail_if_unusable(panel: Panel, key: bytes, columns: Sequence[str]) -> None:
    problems = list(_problems(panel, key, columns))
    if problems:
        raise ParameterError(list_problems(f"pseudonymize {panel.info.name}", problems))


def _problems(panel: Panel, key: bytes, columns: Sequence[str]) -> Iterator[str]:
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        yield f"the key has {len(key)} bytes; expected {SHORTEST_KEY} to {LONGEST_KEY}"
    for column in columns:
        types = [
            frame.lazy().collect_schema()[column]
            for frame in panel.tables().values()
            if column in frame.lazy().collect_schema()
        ]
        wrong = [str(dtype) for dtype in types if dtype != pl.String]
        if wrong:
            yield f"{column} is {wrong[0]}, not text"
        if not types and column not in PSEUDONYMIZED:
            yield f"no table has a column {column}"


def _replaced(frame: pl.LazyFrame, column: str, key: bytes) -> pl.LazyFrame:
    ids = frame.select(column).unique().drop_nulls().collect(engine="streaming")[column]
    hashed = pl.Series("_hash", _hashes(ids.to_list(), column, key), dtype=pl.String)
    hashes = pl.DataFrame([ids, hashed])
    order = frame.collect_schema().names()
    joined = frame.join(hashes.lazy(), on=column, how="left", maintain_order="left")
    return joined.drop(column).rename({"_hash": column}).select(order)


def _hashes(ids: list[str], column: str, key: bytes) -> list[str]:
    """Hash each id; a letter in front keeps a hash from looking like a number."""
    keyed = blake2b(key=key, digest_size=DIGEST_BYTES, person=column.encode())
    letter = column[0]
    found = []
    for one in ids:
        state = keyed.copy()
        state.update(one.encode())
        found.append(letter + state.hexdigest())
    return found
