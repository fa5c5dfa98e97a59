"""Share of job postings that mention AI, by country and day (Indeed Hiring Lab, AI tracker)."""

from pathlib import Path

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.tables import Table, column
from withintask.ingest.text_tables import TextTable, plain_name, read_table
from withintask.panel.errors import SourceError, list_problems, some_examples

AI_POSTING = Table(
    name="ai_posting",
    description="Share of job postings on Indeed that mention AI, 7-day trailing mean",
    columns=(
        column("country", pl.String, "ISO 3166 code of two letters; NA is Namibia"),
        column("date", pl.Date, "Last of the seven days"),
        column("ai_share", pl.Float64, "Postings that mention AI", "percent"),
        column("source_file", pl.String, "File the row was read from"),
    ),
    key=("country", "date"),
)
_COUNTRY, _DATE, _SHARE = "jobcountry", "date", "ai_share_postings"
_WHOLE = 100


def read_postings(publication: Publication) -> pl.DataFrame:
    """Read ``AI_posting.csv`` into rows of `ai_posting`.

    Raises
    ------
    SourceError
        If a column is missing, a day is no date or a share no percent.
    """
    table = read_table(publication.path, publication.name, [_COUNTRY, _DATE, _SHARE])
    rows = _checked(table, country=_COUNTRY, date=_DATE, share=_SHARE)
    return AI_POSTING.conform(rows.with_columns(source_file=pl.lit(publication.name)))


def _checked(table: TextTable, *, country: str, date: str, share: str) -> pl.DataFrame:
    """Rows as `country, date, ai_share, source_row`, refused where a cell is not what it should be."""
    rows = parse_numbers(table.rows, [share], table.where)
    named = rows.select(
        pl.col(country).alias("country"),
        pl.col(date).str.to_date("%Y-%m-%d", strict=False).alias("date"),
        pl.col(share).alias("ai_share"),
        "source_row",
    )
    rules = {
        "days are no dates YYYY-MM-DD": pl.col("date").is_null(),
        "names of a series are blank": pl.col("country").is_null(),
        "shares are not from 0 to 100": ~pl.col("ai_share").is_between(0, _WHOLE),
    }
    problems = []
    for claim, rule in rules.items():
        bad = named.filter(rule)["source_row"].to_list()
        if bad:
            problems.append(f"{len(bad):,} {claim}: {some_examples([f'row {row}' for row in bad])}")
    if problems:
        raise SourceError(list_problems(table.where, problems))
    return named


def read_series(path: Path, *, date: str, share: str, by: str) -> pl.DataFrame:
    """Read a series of your own that tells how far AI has spread, such as use by sector in a survey of firms.

    Parameters
    ----------
    path
        Table as csv, tsv, txt or xlsx; one row a series and day.
    date, share, by
        Columns of the day (YYYY-MM-DD), of the share in percent and of what tells the series apart.

    Returns
    -------
    polars.DataFrame
        `country, date, ai_share`, as in `ai_posting`; `country` holds the names of the series.

    Raises
    ------
    SourceError
        If a column is missing, a day is no date, a share no percent or a day there twice.
    """
    names = {"country": plain_name(by), "date": plain_name(date), "share": plain_name(share)}
    table = read_table(path, path.name, list(names.values()))
    rows = _checked(table, **names)
    twice = rows.filter(pl.struct("country", "date").is_duplicated())
    if twice.height:
        shown = some_examples(
            [
                f"{name} {day}"
                for name, day in twice.select("country", "date")
                .unique()
                .sort("country", "date")
                .rows()
            ]
        )
        raise SourceError(f"{table.where}: days are there twice: {shown}")
    return rows.select("country", "date", "ai_share").sort("country", "date")


ADAPTERS = (
    Adapter(
        kind="ai_posting",
        table=AI_POSTING,
        name_pattern=r"ai_postings?\.csv",
        signature=frozenset({_COUNTRY, _DATE, _SHARE}),
        read=read_postings,
    ),
)
