"""Show whether pay within occupations compressed more where exposure to AI is higher.

Run ``python examples/wage_compression_by_exposure.py out/store.duckdb``. Dispersion is log(p90/p10)
of annual wages. Only years of one segment are compared, percentiles are censored at the cap of 2021
throughout, and terciles of exposure (GPT-4 rating, beta) hold a third of the occupations each.
"""

import sys
from pathlib import Path

import polars as pl

from withintask.ingest import comparable_codes, load_oews, recensor, scan_table

YEARS = (2021, 2024)
TERCILES = {0: "low", 1: "middle", 2: "high"}


def compression_by_tercile(store: Path) -> pl.DataFrame:
    """Return the change of log(p90/p10) by tercile of exposure, and how many could be measured."""
    wages = recensor(load_oews(store, years=YEARS).collect(), YEARS[0])
    rows = comparable_codes(wages).wages.with_columns(
        pl.when(pl.col("a_pct90_status") == "published", pl.col("a_pct10_status") == "published")
        .then((pl.col("a_pct90") / pl.col("a_pct10")).log())
        .alias("spread_log")
    )
    spread = rows.pivot("year", index="comparable_code", values="spread_log")
    employment = rows.filter(pl.col("year") == YEARS[1]).select("comparable_code", "tot_emp")
    exposure = (
        scan_table(store, "exposure_by_oews")
        .filter(pl.col("measure") == "dv_rating_beta", pl.col("year") == YEARS[1])
        .select(pl.col("occ_code").alias("comparable_code"), exposure="value")
        .collect()
    )
    joined = spread.join(employment, on="comparable_code").join(exposure, on="comparable_code")
    change = pl.col(str(YEARS[1])) - pl.col(str(YEARS[0]))
    third = (pl.col("exposure").rank("ordinal") - 1) * len(TERCILES) // pl.len()
    return (
        joined.with_columns(change.alias("change"), third.replace_strict(TERCILES).alias("tercile"))
        .group_by("tercile")
        .agg(
            pl.len().alias("n_occupations"),
            pl.col("change").is_not_null().sum().alias("n_measured"),
            pl.col("exposure").mean().alias("mean_exposure"),
            pl.col("change").mean().alias("mean_change_log"),
            (pl.col("change").std() / pl.col("change").count().sqrt()).alias("std_error"),
        )
        .sort("mean_exposure")
    )


if __name__ == "__main__":
    print(compression_by_tercile(Path(sys.argv[1])))
