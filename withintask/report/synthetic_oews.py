"""Occupation wages of the model's economy, for workbooks in BLS layout where no published one can be had."""

from importlib.resources import files

import polars as pl

from withintask.sim.economy import solve_economy
from withintask.sim.oews_like import OewsYear, oews_like
from withintask.sim.params import load_params

CLASSIFICATION = "oews2021"
"""Codes of May 2021 and later."""
BEFORE, AFTER = 2022, 2023
"""Years that stand for before and after AI."""

# Top codes of May 2022-2024; mean wage and employment near those of May 2023.
_YEAR = {
    "top_code_hourly_usd": 115.0,
    "top_code_annual_usd": 239_200.0,
    "annual_mean_usd": 65_000.0,
    "n_jobs": 1.5e8,
}


def national_frames() -> dict[int, pl.DataFrame]:
    """Return the economy's occupation wages, a frame a year."""
    economy = solve_economy(load_params())
    years = {year: OewsYear(is_post=year == AFTER, **_YEAR) for year in (BEFORE, AFTER)}
    frame = oews_like(economy, years, _occupations(economy.params.n_occupations))
    return {year: frame.filter(pl.col("year") == year) for year in years}


def _occupations(n: int) -> list[tuple[str, str]]:
    """Return real detailed codes, so that the reader takes the workbook; titles and numbers are the model's."""
    table = files("withintask.ingest.oews").joinpath("soc_codes.csv").read_bytes()
    wanted = (pl.col("classification") == CLASSIFICATION) & (pl.col("o_group") == "detailed")
    codes = pl.read_csv(table, infer_schema=False).filter(wanted)["occ_code"].sort().head(n)
    return [(code, f"Model occupation {number + 1}") for number, code in enumerate(codes)]
