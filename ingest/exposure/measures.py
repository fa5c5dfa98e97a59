"""What each measure is: source, population, period, unit and range, beside how it was matched."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb
import polars as pl

from withintask.ingest.exposure.schema import EXPOSURE_MEASURE

_API, _API_POPULATION = "api_", "api_population"
_UNMATCHED = "unmatched"
_LEVELS = {
    "occupation": ("exposure_occupation", "source_code"),
    "task": ("exposure_task", "task"),
    "activity": ("exposure_activity", "activity_id"),
}


@cache
def load_measures() -> Mapping[str, Mapping[str, Any]]:
    """Read ``measures.toml``: by source, what all its measures share and what one has of its own."""
    text = files(__package__).joinpath("measures.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def describe_measures(
    connection: duckdb.DuckDBPyConnection, own: Mapping[tuple[str, str], Mapping[str, Any]]
) -> pl.DataFrame:
    """Return the table `exposure_measure` of the measures that a store holds.

    Parameters
    ----------
    connection
        Store with the tables of exposure filled.
    own
        Descriptions of measures that no publisher made, by source and measure.
    """
    found = pl.concat([_counted(connection, level) for level in _LEVELS])
    rows = [
        row | _description(own, row["source"], row["release"], row["measure"])
        for row in found.iter_rows(named=True)
    ]
    frame = pl.DataFrame(rows, schema_overrides=EXPOSURE_MEASURE.schema, infer_schema_length=None)
    return EXPOSURE_MEASURE.conform(frame) if rows else EXPOSURE_MEASURE.empty()


def _counted(connection: duckdb.DuckDBPyConnection, level: str) -> pl.DataFrame:
    table, unit = _LEVELS[level]
    known = "value IS NOT NULL OR label IS NOT NULL" if level == "task" else "value IS NOT NULL"
    lost = "false" if level == "activity" else f"match_quality = '{_UNMATCHED}'"
    share = "NULL" if level == "activity" else "count(unit) FILTER (WHERE is_lost)"
    frame: pl.DataFrame = connection.sql(
        f"""SELECT source, release, measure, '{level}' AS level,
                   count(unit) FILTER (WHERE is_known) AS n_rows,
                   CAST({share} / nullif(count(unit), 0) AS DOUBLE) AS unmatched_share
            FROM (SELECT source, release, measure, {unit} AS unit,
                         bool_or({known}) AS is_known, bool_or({lost}) AS is_lost
                  FROM {table} GROUP BY ALL)
            GROUP BY source, release, measure ORDER BY ALL"""
    ).pl()
    return frame


def _description(
    own: Mapping[tuple[str, str], Mapping[str, Any]], source: str, release: str, measure: str
) -> dict[str, Any]:
    shared = dict(own.get((source, measure)) or load_measures().get(source, {}))
    special = shared.pop("measure", {})
    particular = special.get(measure.removeprefix(_API), {})
    if special and measure.removeprefix(_API) not in special:
        particular = {"unit": None, "low": None, "high": None}
    known = {**shared, **particular}
    if measure.startswith(_API) and _API_POPULATION in known:
        known["population"] = known[_API_POPULATION]
    period = known.get("period", "")
    if isinstance(period, Mapping):
        period = period.get(release, release)
    names = ("unit", "low", "high", "population", "classification", "citation")
    return {**{name: known.get(name) for name in names}, "period": period or release}
