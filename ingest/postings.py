"""Share of job postings that mention AI, by country and day (Indeed Hiring Lab, AI tracker)."""

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.tables import Table, column
from withintask.ingest.text_tables import read_table
from withintask.panel.errors import SourceError, some_examples

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
    rows = parse_numbers(table.rows, [_SHARE], table.where)
    named = rows.select(
        pl.col(_COUNTRY).alias("country"),
        pl.col(_DATE).str.to_date("%Y-%m-%d", strict=False).alias("date"),
        pl.col(_SHARE).alias("ai_share"),
        pl.lit(publication.name).alias("source_file"),
        "source_row",
    )
    rules = {
        "days are no dates YYYY-MM-DD": pl.col("date").is_null(),
        "countries are blank": pl.col("country").is_null(),
        "shares are not from 0 to 100": ~pl.col("ai_share").is_between(0, _WHOLE),
    }
    for claim, rule in rules.items():
        bad = named.filter(rule)["source_row"].to_list()
        if bad:
            shown = some_examples([f"row {row}" for row in bad])
            raise SourceError(f"{table.where}: {len(bad):,} {claim}: {shown}")
    return AI_POSTING.conform(named)


ADAPTERS = (
    Adapter(
        kind="ai_posting",
        table=AI_POSTING,
        name_pattern=r"ai_postings?\.csv",
        signature=frozenset({_COUNTRY, _DATE, _SHARE}),
        read=read_postings,
    ),
)
