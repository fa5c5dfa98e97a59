"""Exposure to generative AI by ISCO-08 (Gmyrek et al. 2025, ILO Working Paper 140).

Published layout: one row a task with `ISCO_08`, `Title`, `mean_score_2025`, `SD_2025`,
`potential25`; the mean of the occupation stands on each of its rows. To SOC it goes by the
crosswalk of BLS (ISCO-08 to SOC 2010), if it is in the folder as xlsx or csv; else the rows stay
unmatched.
"""

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.schema import EXPOSURE_OCCUPATION
from withintask.ingest.exposure.to_soc import add_through
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.text_tables import read_table
from withintask.panel.errors import SourceError, some_examples

_CODE, _TITLE, _MEAN = "isco_08", "title", "mean_score_2025"
_MEASURES = (_MEAN, "sd_2025")
CROSSWALK = r"isco_?soc_?(2010_)?crosswalk.*\.(xlsx|csv)"
_ISCO, _SOC = "isco-08_code", "2010_soc_code"
_LENGTH = 4


def read_ilo(publication: Publication) -> pl.DataFrame:
    """Read the scores into rows of `exposure_occupation`, one an occupation.

    Raises
    ------
    SourceError
        If a column is missing, or an occupation has two means.
    """
    table = read_table(publication.path, publication.name, [_CODE, _TITLE, *_MEASURES])
    rows = parse_numbers(table.rows, _MEASURES, table.where)
    one = rows.select(pl.col(_CODE).str.zfill(_LENGTH), _TITLE, *_MEASURES).unique(
        [_CODE, *_MEASURES], maintain_order=True
    )
    twice = one.filter(pl.col(_CODE).is_duplicated())[_CODE].unique().sort().to_list()
    if twice:
        raise SourceError(
            f"{table.where}: {len(twice)} occupations have two scores: {some_examples(twice)}"
        )
    long = one.unpivot(_MEASURES, index=[_CODE, _TITLE], variable_name="measure")
    named = long.rename({_CODE: "source_code", _TITLE: "source_title"}).with_columns(
        pl.lit("ilo").alias("source"),
        pl.lit("2025").alias("release"),
        pl.lit(publication.name).alias("source_file"),
        pl.lit("mean").alias("aggregation"),
    )
    return EXPOSURE_OCCUPATION.conform(add_through(named, isco_to_soc(publication), "soc2010"))


def isco_to_soc(publication: Publication) -> pl.DataFrame:
    """Return `from_code, code` of the crosswalk beside a file: ISCO-08 to SOC 2010; empty if none."""
    if not publication.companions:
        return pl.DataFrame(schema={"from_code": pl.String, "code": pl.String})
    path = publication.companions[0]
    rows = read_table(path, publication.relative(path), [_ISCO, _SOC]).rows
    pairs = rows.select(
        pl.col(_ISCO).str.zfill(_LENGTH).alias("from_code"),
        pl.col(_SOC).str.strip_chars().alias("code"),
    )
    return pairs.drop_nulls().unique(maintain_order=True)


ADAPTERS = (
    Adapter(
        kind="ilo",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r".*final_scores_isco08.*2025.*\.(xlsx|csv)",
        companion_pattern=CROSSWALK,
        signature=frozenset({_CODE, _MEAN}),
        read=read_ilo,
    ),
)
