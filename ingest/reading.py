"""Read publications in threads, ahead of whoever stores their rows, and hand them over in their order.

Parsers of workbooks, text and frames let other threads run, so that a file is parsed while the rows of the one before are stored.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

import polars as pl

from withintask.ingest.oews.audit import AUDIT, combine_audits
from withintask.ingest.oews.harmonize import harmonize_publication
from withintask.ingest.oews.levels import nothing_kept
from withintask.ingest.oews.publications import FLAT, WORKBOOK
from withintask.ingest.oews.schema import OEWS
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.publication import Publication
from withintask.ingest.registry import ADAPTERS
from withintask.ingest.tables import Table
from withintask.panel.errors import SourceError

Store: TypeAlias = Callable[[Table, pl.DataFrame], object]
"""Is given rows of a table."""
Reading: TypeAlias = Callable[[Store], str]
"""Hands the rows of a publication over, and returns why it gave none, an empty text if it did.

It raises what is wrong with the file."""

_MOST_AHEAD = 12
_MOST_BYTES_AHEAD = 1 << 25
"""Files that are read ahead have fewer bytes together, so that memory stays bounded."""


def read_ahead(
    publications: Sequence[Publication], *, years: Collection[int] | None, level: str
) -> Iterator[tuple[Publication, Reading]]:
    """Yield every publication, in order, with what hands over its rows; the next ones are read meanwhile.

    Parameters
    ----------
    publications
        What is read. A flat file of OEWS, which can be larger than memory, is read only as it is handed over, batch by batch.
    years, level
        Of OEWS.
    """
    read = partial(_read, years=years, level=level)
    waiting, ahead = deque(publications), deque[tuple[Publication, Reading]]()
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        while waiting or ahead:
            while waiting and _has_room([p for p, _ in ahead], waiting[0]):
                publication = waiting.popleft()
                ahead.append((publication, _begun(pool, publication, read)))
            yield ahead.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _has_room(ahead: Sequence[Publication], following: Publication) -> bool:
    n_bytes = sum(p.path.stat().st_size for p in (*ahead, following))
    return not ahead or (len(ahead) < _MOST_AHEAD and n_bytes < _MOST_BYTES_AHEAD)


def _begun(
    pool: ThreadPoolExecutor, publication: Publication, read: Callable[[Publication, Store], str]
) -> Reading:
    if publication.kind == FLAT:
        return partial(read, publication)
    parts: list[tuple[Table, pl.DataFrame]] = []
    future = pool.submit(read, publication, lambda table, rows: parts.append((table, rows)))
    return partial(_hand_over, future, parts)


def _hand_over(future: Future[str], parts: list[tuple[Table, pl.DataFrame]], store: Store) -> str:
    reason = future.result()
    for table, rows in parts:
        store(table, rows)
    return reason


def _read(
    publication: Publication, store: Store, *, years: Collection[int] | None, level: str
) -> str:
    """Read one publication; return why it gave no rows, an empty text if it did."""
    if publication.kind in (WORKBOOK, FLAT):
        return _read_oews(publication, store, years, level)
    adapter = next(adapter for adapter in ADAPTERS if adapter.kind == publication.kind)
    rows = adapter.read(publication)
    if rows.is_empty():
        raise SourceError(f"{publication.name}: no rows were read of it")
    store(adapter.table, rows)
    return ""


def _read_oews(
    publication: Publication, store: Store, years: Collection[int] | None, level: str
) -> str:
    audits = [AUDIT.empty()]
    n_rows: Counter[str] = Counter()
    for batch in harmonize_publication(publication, load_layouts(), years=years, level=level):
        store(OEWS, batch.wages)
        audits.append(batch.audit)
        n_rows.update(batch.n_rows)
    audit = combine_audits(audits)
    store(AUDIT, audit)
    return "" if audit.height else nothing_kept(publication, level, n_rows)
