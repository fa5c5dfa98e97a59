"""From a folder of OEWS publications to one harmonized table with an audit of what happened."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from withintask.ingest.folders import Source, files_of, source_folders
from withintask.ingest.oews.audit import audit_rows, combine_audits
from withintask.ingest.oews.clean import clean
from withintask.ingest.oews.extract import RawTable
from withintask.ingest.oews.levels import AUTO, choose_level, level_of_row
from withintask.ingest.oews.publications import find_publications, read_publication
from withintask.ingest.oews.schema import KEY, LEVELS, OEWS, code_problems
from withintask.ingest.oews.vintages import Layouts, load_layouts
from withintask.ingest.options import Years, as_years
from withintask.ingest.publication import Publication
from withintask.ingest.sources import describe_sources
from withintask.panel.errors import (
    ParameterError,
    SourceError,
    list_problems,
    quoted,
    some_examples,
)

_EXAMPLES = 5
_PERCENTILES = ("pct10", "pct25", "median", "pct75", "pct90")


@dataclass(frozen=True, kw_only=True)
class Harmonized:
    """Harmonized OEWS rows, what became of every published row, and the files they came from."""

    wages: pl.DataFrame
    """Table `oews` of the data dictionary; key: year, area, industry, occupation code and level."""
    audit: pl.DataFrame
    """Table `audit`: one row a published table."""
    sources: pl.DataFrame
    """Table `source`: one row a file with its SHA-256."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Harmonized rows of some published tables, or of a part of one."""

    wages: pl.DataFrame
    audit: pl.DataFrame
    n_rows: Mapping[str, int]
    """Rows by level, those left out as well."""


def harmonize(source_dir: Source, years: Years | None = None, *, level: str = AUTO) -> Harmonized:
    """Read the OEWS publications of a folder and its subfolders into one table.

    Parameters
    ----------
    source_dir
        Folder, or several, with workbooks, BLS zips, CSV copies or flat files.
    years
        Years to keep; None for all that are found.
    level
        One of national, industry, state, metro, nonmetro, or all; ``auto`` for national estimates
        where there are any, else for the one level that the files hold.

    Raises
    ------
    SourceError
        If the folder is missing or empty, or a file is not what its layout says.
    ParameterError
        If a year or the level is unknown.
    """
    layouts = load_layouts()
    years = as_years(years)
    check_request(years, level, layouts)
    folders = source_folders(source_dir)
    paths = files_of(folders)
    wanted = level
    if level == AUTO:
        wanted = choose_level(folders, paths, years=years, is_strict=True)
    found = find_publications(folders, paths, years=years, level=wanted, is_strict=True)
    if not found:
        raise SourceError(
            f"{source_dir}: no OEWS workbook, zip, CSV or flat file of level {quoted(wanted)}; "
            "`withintask oews download` fetches them"
        )
    raws = _read_all(found, layouts, years, wanted)
    batch = _batch(raws, layouts, wanted) if raws else None
    if batch is None or batch.audit.is_empty():
        there = "" if batch is None else f"; the files hold {', '.join(sorted(batch.n_rows))}"
        raise SourceError(
            f"{source_dir}: no OEWS tables of level {quoted(wanted)} and years {years or 'any'}{there}"
        )
    wages = batch.wages
    _refuse_empty(source_dir, years, wages)
    _refuse_duplicates(wages)
    sources = describe_sources(found, folders)
    return Harmonized(wages=wages.sort(KEY), audit=combine_audits([batch.audit]), sources=sources)


def check_request(years: Collection[int] | None, level: str, layouts: Layouts) -> None:
    """Refuse unknown years and levels.

    Raises
    ------
    ParameterError
        With the known values.
    """
    if level not in (*LEVELS, "all", AUTO):
        raise ParameterError(
            f"level {quoted(level)} is not one of {', '.join((*LEVELS, 'all', AUTO))}"
        )
    for year in years or ():
        layouts.vintage(year)


def harmonize_publication(
    publication: Publication, layouts: Layouts, *, years: Collection[int] | None, level: str
) -> Iterator[Batch]:
    """Yield the harmonized rows of a publication, table by table."""
    for raw in _read(publication, layouts, years, level):
        yield _batch([raw], layouts, level)


def key_examples(repeated: pl.DataFrame) -> list[str]:
    """Describe rows that share a key, one line a key: five keys, then the count of the others.

    Parameters
    ----------
    repeated
        Rows whose key stands more than once, with `source_file` and `source_row`.
    """
    keys = (
        repeated.sort(*KEY, "source_file", "source_row")
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.format(
                "{} row {}", "source_file", pl.col("source_row").cast(pl.String).fill_null("?")
            ).alias("places")
        )
    )
    lines = [
        "duplicate key {year} {occ_code} {o_group} (area {area}, industry {naics}): ".format(**row)
        + some_examples(row["places"])
        for row in keys.head(_EXAMPLES).iter_rows(named=True)
    ]
    rest = keys.height - _EXAMPLES
    return [*lines, f"{rest:,} more duplicate keys"] if rest > 0 else lines


def _refuse_duplicates(wages: pl.DataFrame) -> None:
    problems = key_examples(wages.filter(pl.struct(KEY).is_duplicated()))
    if problems:
        raise SourceError(
            list_problems("OEWS", problems, advice="Remove one of the files or rows.")
        )


def _read_all(
    found: Sequence[Publication], layouts: Layouts, years: Collection[int] | None, level: str
) -> list[RawTable]:
    """Read every publication, so that all that is wrong is known, then refuse if anything is."""

    def read(publication: Publication) -> list[RawTable] | str:
        try:
            return list(_read(publication, layouts, years, level))
        except SourceError as fault:
            return str(fault)

    with ThreadPoolExecutor(
        os.cpu_count()
    ) as pool:  # parsing a workbook does not hold the interpreter
        results = list(pool.map(read, found))
    problems = [result for result in results if isinstance(result, str)]
    if problems:
        raise SourceError("\n".join(problems))
    return [raw for result in results if not isinstance(result, str) for raw in result]


def _read(
    publication: Publication, layouts: Layouts, years: Collection[int] | None, level: str
) -> Iterator[RawTable]:
    for raw in read_publication(publication, layouts, level=level):
        if years is None or raw.vintage.year in years:
            yield raw


def _refuse_empty(source_dir: Source, years: Collection[int] | None, wages: pl.DataFrame) -> None:
    absent = sorted(set(years or ()) - set(wages["year"].unique()))
    if absent:
        raise SourceError(f"{source_dir}: no OEWS table of {', '.join(map(str, absent))} was found")


def _batch(raws: Sequence[RawTable], layouts: Layouts, level: str) -> Batch:
    wages = _harmonized(raws, layouts)
    parts, problems, offset = [], [], 0
    for raw in raws:
        part = wages.slice(offset, raw.rows.height)
        offset += raw.rows.height
        problems.append(code_problems(part, raw.where, raw.vintage.classification))
        kept = part if level == "all" else part.filter(pl.col("level") == level)
        parts.append((kept, audit_rows(raw, part, kept)))
    if any(problems):
        raise SourceError("\n".join(filter(None, problems)))
    return Batch(
        wages=pl.concat([kept for kept, _ in parts]),
        audit=pl.concat([audit for _, audit in parts]),
        n_rows=dict(wages["level"].drop_nulls().value_counts().rows()),
    )


def _harmonized(raws: Sequence[RawTable], layouts: Layouts) -> pl.DataFrame:
    cleaned = clean(raws, layouts).with_columns(pl.col("i_group", "o_group").str.to_lowercase())
    return cleaned.with_columns(
        level_of_row().alias("level"),
        _is_collapsed("h").alias("is_collapsed_hourly"),
        _is_collapsed("a").alias("is_collapsed_annual"),
    ).select(OEWS.names)


def _is_collapsed(scale: str) -> pl.Expr:
    """Tell whether neighbouring percentiles are published and equal: an interval collapse."""
    names = [f"{scale}_{p}" for p in _PERCENTILES]
    return pl.any_horizontal(
        (pl.col(low) == pl.col(high))
        & (pl.col(f"{low}_status") == "published")
        & (pl.col(f"{high}_status") == "published")
        for low, high in pairwise(names)
    ).fill_null(value=False)
