"""Raw releases of the Anthropic Economic Index in their long layout: one row a figure.

Two layouts, by their documentation. From 2025-09-15: `geo_id, geography, date_start, date_end,
platform_and_product, facet, level, variable, cluster_name, value`; a facet such as
``onet_task::collaboration`` crosses two things, and its `cluster_name` joins them by ``::``. From
2026-06-26, by calendar month: `date_start, date_end, geo_id, geo_level, category_name,
hierarchy_level, metric_id, value, node_name`.

Traps, each with a test: the ISO code ``NA`` is Namibia; times without AI are published in hours,
times with AI in minutes (here all are minutes, and their names say so); interaction types are
written with spaces; a row that is absent is unknown, not zero.
"""

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.anthropic_index import (
    occupation_shares,
    refuse_other_than_percent,
    task_rows,
    with_occupations,
)
from withintask.ingest.exposure.schema import AI_USE, EXPOSURE_OCCUPATION, EXPOSURE_TASK
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.recognize import headers_of
from withintask.ingest.text_tables import read_table
from withintask.panel.errors import SourceError

_LONG = {
    "geo_id": "geo_id",
    "geography": "geography",
    "date_start": "date_start",
    "date_end": "date_end",
    "facet": "facet",
    "level": "level",
    "variable": "variable",
    "cluster_name": "cluster",
    "value": "value",
}
_MONTHLY = {
    "geo_id": "geo_id",
    "geo_level": "geography",
    "date_start": "date_start",
    "date_end": "date_end",
    "category_name": "facet",
    "hierarchy_level": "level",
    "metric_id": "variable",
    "node_name": "cluster",
    "value": "value",
}
"""Published column -> our name, in each layout."""
RELEASE_OF_SAMPLE = {
    "2025-08-04": "2025-09-15",
    "2025-11-13": "2026-01-15",
    "2026-02-05": "2026-03-24",
}
"""Release of each week that was sampled, as in the index by task, so that none is read twice."""
_HOURS = r"^human_only_time_(mean|median|stdev)$"
_MINUTES = r"^human_with_ai_time_(mean|median|stdev)$"
_MINUTES_AN_HOUR, _PERCENT = 60.0, 100.0
_FIGURE = r"(^|_)(pct|mean|median|index)$"
_CROSSED = "::"
_PRODUCT = "platform_and_product"


def read_raw_tasks(publication: Publication) -> pl.DataFrame:
    """Read the global figures by O*NET task into rows of `exposure_task`.

    Raises
    ------
    SourceError
        If a column is missing, several periods are mixed, or shares are no percent.
    """
    return EXPOSURE_TASK.conform(task_rows(with_occupations(publication, _by_task(publication))))


def read_raw_occupations(publication: Publication) -> pl.DataFrame:
    """Sum the global shares over the tasks of each occupation.

    Raises
    ------
    SourceError
        As :func:`read_raw_tasks`.
    """
    shares = _by_task(publication).filter(pl.col("measure").is_in(["pct", "api_pct"]))
    return occupation_shares(with_occupations(publication, shares))


def read_raw_use(publication: Publication) -> pl.DataFrame:
    """Read the figures by country and region into rows of `ai_use`; tasks and topics stay out.

    Raises
    ------
    SourceError
        As :func:`read_raw_tasks`.
    """
    rows = _rows(publication).filter(~pl.col("facet").str.contains("^(onet|request|soc)"))
    return AI_USE.conform(
        _in_minutes(rows.rename({"variable": "measure"})).with_columns(
            pl.col("cluster").str.replace_all(" ", "_"),
            pl.col("date_start", "date_end").str.to_date("%Y-%m-%d"),
            pl.lit(publication.name).alias("source_file"),
        )
    )


def _by_task(publication: Publication) -> pl.DataFrame:
    """Return `task, measure, value, release` of the global figures by task."""
    is_task = pl.col("facet").str.starts_with("onet") & (pl.col("level") == 0)
    rows = _rows(publication).filter(pl.col("geography") == "global", is_task)
    if rows.is_empty():
        raise SourceError(f"{publication.name}: no global figures by O*NET task")
    is_figure = pl.col("variable").str.contains(_FIGURE)
    is_spread = pl.col("variable").str.contains("histogram")
    figures = _in_minutes(_measures(rows.filter(is_figure, ~is_spread)))
    shares = figures.filter(pl.col("measure") == "pct")
    for (release,), group in shares.group_by(["release"]):
        refuse_other_than_percent(group["value"], f"{publication.name}, release {release}")
    is_api = pl.col("product").str.to_lowercase().str.contains("api")
    prefix = pl.when(is_api).then(pl.lit("api_")).otherwise(pl.lit(""))
    return figures.select("task", (prefix + pl.col("measure")).alias("measure"), "value", "release")


def _measures(rows: pl.DataFrame) -> pl.DataFrame:
    """Name each figure by task as the index by task does; a pattern is a share of its task."""
    plain = (
        pl.col("variable")
        .str.replace("^onet_task_", "")
        .str.replace(r"^collaboration_(.+)_pct$", "$1")
    )
    parts = pl.col("cluster").str.splitn(_CROSSED, 2)
    pattern = parts.struct.field("field_1").str.to_lowercase().str.replace_all(" ", "_")
    crossed = pl.col("facet").str.splitn(_CROSSED, 2).struct.field("field_1")
    is_part = pattern.is_not_null() & (pattern != "value") & pl.col("variable").str.ends_with("pct")
    named = pl.when(crossed == "collaboration").then(pattern).otherwise(crossed + "_" + pattern)
    measure = pl.when(is_part).then(named).otherwise(plain)
    is_pattern = is_part | pl.col("variable").str.contains(r"^collaboration_.+_pct$")
    share = pl.col("value") / _PERCENT
    return rows.with_columns(
        parts.struct.field("field_0").alias("task"),
        measure.alias("measure"),
        pl.when(is_pattern).then(share).otherwise("value").alias("value"),
    )


def _in_minutes(rows: pl.DataFrame) -> pl.DataFrame:
    """Give times of both kinds in minutes, and say so in the name."""
    is_hours = pl.col("measure").str.contains(_HOURS)
    is_time = is_hours | pl.col("measure").str.contains(_MINUTES)
    minutes = pl.col("value") * _MINUTES_AN_HOUR
    return rows.with_columns(
        pl.when(is_hours).then(minutes).otherwise("value").alias("value"),
        pl.when(is_time).then(pl.col("measure") + "_minutes").otherwise("measure").alias("measure"),
    )


def _rows(publication: Publication) -> pl.DataFrame:
    """Return the figures of either layout under one set of names, with `release` and `product`."""
    header = headers_of(publication.path)[:1]
    layout = _LONG if header and set(_LONG) <= header[0] else _MONTHLY
    table = read_table(publication.path, publication.name, list(layout))
    there = pl.col(_PRODUCT) if _PRODUCT in table.rows.columns else _product_of(publication)
    rows = table.rows.with_columns(there.alias("product")).rename(layout)
    numbers = parse_numbers(rows, ["value", "level"], table.where)
    periods = numbers.select("date_start", "date_end").unique().sort("date_start").rows()
    if layout is _LONG and len(periods) > 1:
        shown = ", ".join(f"{first} to {last}" for first, last in periods)
        raise SourceError(f"{table.where}: two releases are mixed: periods {shown}")
    return numbers.with_columns(
        pl.col("date_start").replace(RELEASE_OF_SAMPLE).alias("release"),
        pl.col("geography", "facet", "variable").str.to_lowercase(),
        pl.lit("anthropic_economic_index").alias("source"),
    )


def _product_of(publication: Publication) -> pl.Expr:
    return pl.lit("1P API" if "1p_api" in publication.path.name.lower() else "Claude AI")


def _adapter(kind: str) -> Adapter:
    table, read = {
        "task": (EXPOSURE_TASK, read_raw_tasks),
        "occupation": (EXPOSURE_OCCUPATION, read_raw_occupations),
        "use": (AI_USE, read_raw_use),
    }[kind]
    return Adapter(
        kind=f"anthropic_raw_{kind}",
        table=table,
        name_pattern=r"aei_(raw_|enriched_)?(claude_ai|1p_api)_.*\.csv",
        companion_pattern=r"onet_task_statements\.csv",
        signature=frozenset({"geo_id", "date_start", "date_end", "value"}),
        read=read,
    )


ADAPTERS = tuple(map(_adapter, ("task", "occupation", "use")))
