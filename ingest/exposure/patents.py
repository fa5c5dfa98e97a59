"""Two older measures, where a user has their files.

Webb (2020): overlap of patents with tasks, in percentiles, by ``occ1990dd``. His crosswalk
``onet_to_occ1990dd.csv`` (`onetsoccode`, `occ1990dd`), if it is in the folder, leads to O*NET-SOC
2010; without it the rows stay unmatched. Brynjolfsson, Mitchell and Rock (2018): suitability for
machine learning by O*NET-SOC 2010; their score column is called ``mSML`` or ``SML``.
"""

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.schema import EXPOSURE_OCCUPATION
from withintask.ingest.exposure.to_soc import add_soc2018, add_through
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.text_tables import read_table
from withintask.panel.errors import SourceError

_OCC1990 = "occ1990dd"
_WEBB = ("pct_ai", "pct_robot", "pct_software")
_LINK = "onetsoccode"
_CODES = ("o*net-soc_code", "onetsoccode", "onet_soc_code", "onetsoc_code", "soc")
_SCORES = ("msml", "sml", "sml_score", "mean_sml")


def read_webb(publication: Publication) -> pl.DataFrame:
    """Read the percentiles into rows of `exposure_occupation`.

    Raises
    ------
    SourceError
        If a column is missing or a value is no number.
    """
    table = read_table(publication.path, publication.name, [_OCC1990, *_WEBB])
    rows = parse_numbers(table.rows, _WEBB, table.where)
    title = f"{_OCC1990}_title"
    titled = rows if title in rows.columns else rows.with_columns(pl.lit("").alias(title))
    long = titled.unpivot(_WEBB, index=[_OCC1990, title], variable_name="measure")
    named = long.rename({_OCC1990: "source_code", title: "source_title"})
    links = pl.DataFrame(schema={"from_code": pl.String, "code": pl.String})
    if publication.companions:
        path = publication.companions[0]
        crosswalk = read_table(path, publication.relative(path), [_LINK, _OCC1990]).rows
        links = crosswalk.select(pl.col(_OCC1990).alias("from_code"), pl.col(_LINK).alias("code"))
    linked = add_through(_labelled(named, publication, "webb", "2020"), links, "onet2010")
    return EXPOSURE_OCCUPATION.conform(linked)


def read_sml(publication: Publication) -> pl.DataFrame:
    """Read the scores into rows of `exposure_occupation`.

    Raises
    ------
    SourceError
        If no column of codes or of scores is known.
    """
    table = read_table(publication.path, publication.name, [])
    codes = [name for name in _CODES if name in table.rows.columns]
    scores = [name for name in _SCORES if name in table.rows.columns]
    if not codes or len(scores) != 1:
        raise SourceError(
            f"{table.where}: expected a column of codes ({', '.join(_CODES)}) and one of scores "
            f"({', '.join(_SCORES)}), found {', '.join(table.headers)}"
        )
    rows = parse_numbers(table.rows, scores, table.where)
    title = next((name for name in ("title", "occupation") if name in rows.columns), None)
    named = rows.select(
        pl.col(codes[0]).alias("source_code"),
        (pl.col(title) if title else pl.lit(None, dtype=pl.String)).alias("source_title"),
        pl.col(scores[0]).alias("value"),
        pl.lit("suitability_for_machine_learning").alias("measure"),
    )
    return EXPOSURE_OCCUPATION.conform(
        add_soc2018(_labelled(named, publication, "sml", "2018"), "onet2010")
    )


def _labelled(
    rows: pl.DataFrame, publication: Publication, source: str, release: str
) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(source).alias("source"),
        pl.lit(release).alias("release"),
        pl.lit(publication.name).alias("source_file"),
        pl.lit("mean").alias("aggregation"),
    )


ADAPTERS = (
    Adapter(
        kind="webb",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r"(webb_)?exposure_by_occ1990dd.*\.csv",
        companion_pattern=r"(webb_)?onet_to_occ1990dd\.csv",
        signature=frozenset({_OCC1990, *_WEBB}),
        read=read_webb,
    ),
    Adapter(
        kind="sml",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r"(.*[_ -])?m?sml([_ -].*)?\.(csv|xlsx)",
        signature=frozenset({"o*net-soc_code", "msml"}),
        read=read_sml,
    ),
)
