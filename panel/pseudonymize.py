"""Replace ids by keyed hashes, the same in every table."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import polars as pl

from withintask.panel.errors import ParameterError, list_problems
from withintask.panel.keys import key_problems
from withintask.panel.manifest import manifest_of
from withintask.panel.panel import Frame, Panel

PSEUDONYMIZED = (
    "worker_id",
    "firm_id",
    "posting_id",
    "applicant_id",
    "rater_id",
    "assignment_id",
    "stratum_id",
)
"""Ids of people and firms, and of what was assigned, which may be either; codes and ids of tasks and items stay readable."""

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
        The panel with ids such as ``w3f…``, marked as pseudonymized; nulls stay null, rows and
        other columns stay as they are.

    Raises
    ------
    ParameterError
        If the key is too short, too long or can be guessed, a column holds no ids, or the panel
        is pseudonymized already.

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
    info = replace(panel.info, is_pseudonymized=True)
    return replace(panel.with_tables(**tables), info=info)


def pseudonymize_to(
    source: Path,
    out: Path,
    key: bytes,
    *,
    columns: Sequence[str] = PSEUDONYMIZED,
    verify: bool = True,
) -> Path:
    """Write a pseudonymized copy of a panel, complete or not at all.

    Parameters
    ----------
    source
        Folder with a ``panel.toml``, the ``panel.toml`` itself, or a DuckDB file.
    out
        Another folder or DuckDB file: new, empty or an earlier copy, which is replaced.
    key, columns
        As for :func:`pseudonymize`.
    verify
        Whether each file of the source is compared with its SHA-256, where its manifest has it.

    Raises
    ------
    ParameterError
        If one place lies in the other, `out` holds a panel that is no copy, or as :func:`pseudonymize`.
    SourceError, SchemaError
        If the source cannot be read or breaks a rule.
    """
    from withintask.panel.store import read_panel, write_panel

    _fail_if_together(source, out)
    _fail_if_original(out)
    panel = pseudonymize(read_panel(source, lazy=True, verify=verify), key, columns=columns)
    return write_panel(panel, out)


def _fail_if_together(source: Path, out: Path) -> None:
    read, written = manifest_of(source).parent.resolve(), out.resolve()
    if read.is_relative_to(written) or written.is_relative_to(read):
        raise ParameterError(
            f"{out}: lies in the panel {source} or around it; an original is not written to: name another place"
        )


def _fail_if_original(out: Path) -> None:
    from withintask.panel.store import is_panel, read_info

    if is_panel(out) and not read_info(out).is_pseudonymized:
        raise ParameterError(
            f"{out}: holds a panel that is no pseudonymized copy; it may be an original and is not "
            "replaced: name another place, or remove it"
        )


def _fail_if_unusable(panel: Panel, key: bytes, columns: Sequence[str]) -> None:
    problems = [*key_problems(key), *_problems(panel, columns)]
    if problems:
        raise ParameterError(list_problems(f"pseudonymize {panel.info.name}", problems))


def _problems(panel: Panel, columns: Sequence[str]) -> Iterator[str]:
    if panel.info.is_pseudonymized:
        yield f"is pseudonymized already; {_AGAIN}"
        return
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
        if not wrong and any(_looks_hashed(frame, column) for frame in panel.tables().values()):
            yield f"every {column} looks like a pseudonym; {_AGAIN}"


_AGAIN = "hashes of hashes can no longer be linked: start from the original"


def _looks_hashed(frame: Frame, column: str) -> bool:
    if column not in frame.lazy().collect_schema():
        return False
    pattern = rf"^{column[0]}[0-9a-f]{{{2 * DIGEST_BYTES}}}$"
    is_hash = pl.col(column).str.contains(pattern)
    counts = frame.lazy().select(n=is_hash.count(), n_hashes=is_hash.sum())
    n_ids, n_hashes = counts.collect(engine="streaming").row(0)
    return bool(n_ids and n_ids == n_hashes)


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
