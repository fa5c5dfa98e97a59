"""AI Occupational Exposure of Felten, Raj and Seamans (2021): an xlsx of code, title and score.

Published layout: an index sheet, then sheets Appendix A to E; Appendix A has `SOC Code` with six
digits of SOC 2010, `Occupation Title`, `AIOE`. The two later workbooks, on language models and on
image generation (Felten, Raj and Seamans 2023), have a sheet `LM AIOE` or `IG AIOE` of the same
layout with a score column whose name ends in AIOE, and one of industries.
"""

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.schema import EXPOSURE_OCCUPATION
from withintask.ingest.exposure.to_soc import add_soc2018
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.text_tables import plain_name, read_table
from withintask.panel.errors import SourceError, quoted, some_examples

_CODE, _TITLE, _SCORE = "soc_code", "occupation_title", "aioe"
_FIRST, _LATER = "2021", "2023"


def read_aioe(publication: Publication) -> pl.DataFrame:
    """Read the scores into rows of `exposure_occupation`.

    Raises
    ------
    SourceError
        If the columns are not those of the layout, a code has not six digits or a score is no
        number.
    """
    table = read_table(publication.path, publication.name, [_CODE, _TITLE])
    scores = [plain_name(h) for h in table.headers if plain_name(h).endswith(_SCORE)]
    if len(scores) != 1:
        found = ", ".join(table.headers)
        raise SourceError(f"{table.where}: one column ending in AIOE was expected, found {found}")
    rows = parse_numbers(table.rows, scores, table.where)
    _refuse_codes(rows, table.where)
    named = rows.select(
        pl.lit("aioe").alias("source"),
        pl.lit(_FIRST if scores[0] == _SCORE else _LATER).alias("release"),
        pl.lit(scores[0]).alias("measure"),
        pl.col(_CODE).str.strip_chars().alias("source_code"),
        pl.col(_TITLE).alias("source_title"),
        pl.col(scores[0]).alias("value"),
        pl.lit("mean").alias("aggregation"),
        pl.lit(publication.name).alias("source_file"),
    )
    return EXPOSURE_OCCUPATION.conform(add_soc2018(named, "soc2010"))


def _refuse_codes(rows: pl.DataFrame, where: str) -> None:
    is_code = (
        pl.col(_CODE).str.strip_chars().str.contains(r"^[0-9]{2}-[0-9]{4}$").fill_null(value=False)
    )
    bad = rows.filter(~is_code).select("source_row", _CODE).rows()
    if bad:
        cells = some_examples([f"row {row} {quoted(code)}" for row, code in bad])
        raise SourceError(f"{where}: {len(bad):,} codes are not of the form 12-3456: {cells}")


ADAPTERS = (
    Adapter(
        kind="aioe",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r".*aioe.*\.xlsx",
        signature=frozenset({_CODE, _TITLE, _SCORE}),
        read=read_aioe,
    ),
)
