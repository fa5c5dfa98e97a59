"""The files a store is built from: what was found, and what changed since the last build."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from withintask.ingest.publication import Folders, Publication, name_within
from withintask.ingest.tables import Table, column
from withintask.panel.checksums import sha256_of

UNRECOGNIZED, SKIPPED = "unrecognized", "skipped"
UNREAD = (UNRECOGNIZED, SKIPPED)
"""Kinds of files that nothing was read from."""

SOURCE = Table(
    name="source",
    description="Every file that was found, and what it was read as",
    columns=(
        column("source_file", pl.String, "Path within the source folder"),
        column(
            "kind",
            pl.String,
            f"Adapter that read it; {UNRECOGNIZED} if none claims the file, {SKIPPED} if told to",
        ),
        column(
            "read_with", pl.String, "Publication it was read for: itself, or what it is joined to"
        ),
        column("bytes", pl.Int64, "Size", "bytes"),
        column("sha256", pl.String, "SHA-256 of the content, hexadecimal"),
        column("reason", pl.String, "Why nothing was read from it; null if something was"),
    ),
    key=("kind", "read_with", "source_file"),
)


_IDENTITY = ["kind", "read_with", "source_file", "bytes", "sha256"]


def describe_sources(
    publications: Sequence[Publication],
    folder: Folders,
    unread: Mapping[Path, str] | None = None,
    skipped: Iterable[Path] = (),
) -> pl.DataFrame:
    """Hash all files and return the table `source`.

    A file that several publications need is hashed once and has one row for each of them.

    Parameters
    ----------
    publications
        What is read.
    folder
        Folder or folders that names are relative to.
    unread
        Files that no adapter claims, with the reason.
    skipped
        Files that were left out as asked.
    """
    jobs: list[tuple[str, str, Path, str | None]] = [
        (p.kind, p.name, path, None) for p in publications for path in p.files
    ]
    others = [(UNRECOGNIZED, path, reason) for path, reason in (unread or {}).items()]
    others += [(SKIPPED, path, "left out with --skip") for path in skipped]
    jobs += [(kind, name_within(folder, path), path, reason) for kind, path, reason in others]
    digests = {path: sha256_of(path) for path in dict.fromkeys(path for _, _, path, _ in jobs)}
    return pl.DataFrame(
        [
            (name_within(folder, path), kind, name, path.stat().st_size, digests[path], reason)
            for kind, name, path, reason in jobs
        ],
        schema=SOURCE.schema,
        orient="row",
    )


def same_files(found: pl.DataFrame, stored: pl.DataFrame) -> bool:
    """Tell whether two tables `source` name the same files, read as the same kinds."""
    return found.select(_IDENTITY).equals(stored.select(_IDENTITY))


def with_reasons(
    found: pl.DataFrame, stored: pl.DataFrame | None, reasons: Mapping[tuple[str, str], str]
) -> pl.DataFrame:
    """Add the reasons why files gave nothing: those of this build, and of before for the others.

    Parameters
    ----------
    found
        Table `source` of the files that are there.
    stored
        That of the store, if it is refreshed.
    reasons
        By kind and name of publications that were read now; an empty text if rows were read.
    """
    known = pl.DataFrame(
        [(*key, reason or None) for key, reason in reasons.items()],
        schema={"kind": pl.String, "read_with": pl.String, "now": pl.String},
        orient="row",
    ).with_columns(is_now=pl.lit(value=True))
    before = SOURCE.empty() if stored is None else stored
    earlier = before.select("kind", "read_with", before="reason").unique(["kind", "read_with"])
    joined = found.join(known, on=["kind", "read_with"], how="left", maintain_order="left").join(
        earlier, on=["kind", "read_with"], how="left", maintain_order="left"
    )
    of_read = pl.when(pl.col("is_now").fill_null(value=False)).then("now").otherwise("before")
    reason = pl.when(pl.col("kind").is_in(UNREAD)).then("reason").otherwise(of_read)
    return SOURCE.conform(joined.with_columns(reason.alias("reason")))


def changed(
    publications: Sequence[Publication], found: pl.DataFrame, stored: pl.DataFrame
) -> list[Publication]:
    """Return the publications of which a file is new or differs from what is stored."""
    now, before = (_fingerprints(frame) for frame in (found, stored))
    return [p for p in publications if now[p.kind, p.name] != before.get((p.kind, p.name))]


def removed(found: pl.DataFrame, stored: pl.DataFrame) -> list[tuple[str, str]]:
    """Return kind and name of the publications that are stored but no longer there."""
    gone = stored.join(found, on=["kind", "read_with"], how="anti")
    pairs = gone.filter(~pl.col("kind").is_in(UNREAD)).select("kind", "read_with")
    return sorted(set(pairs.rows()))


def _fingerprints(frame: pl.DataFrame) -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    files: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in frame.iter_rows(named=True):
        files.setdefault((row["kind"], row["read_with"]), set()).add(
            (row["source_file"], row["sha256"])
        )
    return {publication: frozenset(pairs) for publication, pairs in files.items()}
