"""Observed exposure of occupations (Anthropic, labour market impacts): ``job_exposure.csv``.

Published layout: `occ_code` (SOC 2018, six digits), `title`, `observed_exposure` from 0 to 1: the
share of an occupation's work that is seen in use, weighted by how far it is automated.
"""

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.schema import EXPOSURE_OCCUPATION
from withintask.ingest.exposure.to_soc import add_soc2018
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.text_tables import read_table
from withintask.panel.errors import SourceError

_CODE, _TITLE, _VALUE = "occ_code", "title", "observed_exposure"


def read_observed(publication: Publication) -> pl.DataFrame:
    """Read the file into rows of `exposure_occupation`.

    Raises
    ------
    SourceError
        If a column is missing, or a value is no share.
    """
    table = read_table(publication.path, publication.name, [_CODE, _TITLE, _VALUE])
    rows = parse_numbers(table.rows, [_VALUE], table.where)
    if not rows[_VALUE].drop_nulls().is_between(0, 1).all():
        raise SourceError(f"{table.where}: {_VALUE} outside 0 to 1: percentages? It is a share")
    named = rows.select(
        pl.lit("anthropic_labor_market").alias("source"),
        pl.lit("2026").alias("release"),
        pl.lit(_VALUE).alias("measure"),
        pl.col(_CODE).alias("source_code"),
        pl.col(_TITLE).alias("source_title"),
        pl.col(_VALUE).alias("value"),
        pl.lit("mean").alias("aggregation"),
        pl.lit(publication.name).alias("source_file"),
    )
    return EXPOSURE_OCCUPATION.conform(add_soc2018(named, "soc2018"))


ADAPTERS = (
    Adapter(
        kind="observed_exposure",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r"job_exposure\.csv",
        signature=frozenset({_CODE, _VALUE}),
        read=read_observed,
    ),
)
