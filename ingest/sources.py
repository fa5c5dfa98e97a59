"""The files a store is built from: what was found, and what changed since the last build."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from withintask.ingest.files import sha256_of
from withintask.ingest.publication import Publication
from withintask.ingest.tables import Table, column

UNRECOGNIZED = "unrecognized"

SOURCE = Table(
    name="source",
    description="Every file that was found, and what it was read as",
    columns=(
        column("source_file", pl.String, "Path within the source folder"),
        column("kind", pl.String, f"Adapter that read it; {UNRECOGNIZED} if none claims the file"),
        column(
            "read_with", pl.String, "Publication it was read for: itself, or what it is joined to"
        ),
        column("bytes", pl.Int64, "Size", "bytes"),
        column("sha256", pl.String, "SHA-256 of the content, hexadecimal"),
    ),
    key=("kind", "read_with", "source_file"),
)


def describe_sources(
    publications: Sequence[Publication], folder: Path, unread: Iterable[Path] = ()
) -> pl.DataFrame:
    """Hash all files and return the table `source`.

    A file that several publications need is hashed once and has one row for each of them.
    """
    jobs = [(p.kind, p.name, path) for p in publications for path in p.files]
    jobs += [(UNRECOGNIZED, path.relative_to(folder).as_posix(), path) for path in unread]
    digests = {path: sha256_of(path) for path in dict.fromkeys(path for _, _, path in jobs)}
    return pl.DataFrame(
        [
            (path.relative_to(folder).as_posix(), kind, name, path.stat().st_size, digests[path])
            for kind, name, path in jobs
        ],
        schema=SOURCE.schema,
        orient="row",
    )


def changed(
    publications: Sequence[Publication], found: pl.DataFrame, stored: pl.DataFrame
) -> list[Publication]:
    """Return the publications of which a file is new or differs from what is stored."""
    now, before = (_fingerprints(frame) for frame in (found, stored))
    return [p for p in publications if now[p.kind, p.name] != before.get((p.kind, p.name))]


def removed(found: pl.DataFrame, stored: pl.DataFrame) -> list[tuple[str, str]]:
    """Return kind and name of the publications that are stored but no longer there."""
    gone = stored.join(found, on=["kind", "read_with"], how="anti")
    pairs = gone.filter(pl.col("kind") != UNRECOGNIZED).select("kind", "read_with")
    return sorted(set(pairs.rows()))


def _fingerprints(frame: pl.DataFrame) -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    files: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in frame.iter_rows(named=True):
        files.setdefault((row["kind"], row["read_with"]), set()).add(
            (row["source_file"], row["sha256"])
        )
    return {publication: frozenset(pairs) for publication, pairs in files.items()}
