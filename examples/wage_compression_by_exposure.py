"""Show whether pay within occupations compressed more where exposure to AI is higher.

Run ``python examples/wage_compression_by_exposure.py out/store.duckdb [terciles.csv]``. Dispersion is
log(p90/p10) of annual pay, of numbers that are no bounds; percentiles of both years are censored at
the lower of their top codes, and terciles of exposure hold a third of the occupations each.
"""

import sys

import polars as pl

import withintask as wt

MEASURE = "gpts_are_gpts: dv_rating_beta"


def compression_by_tercile(store, first=2021, last=2024):
    """Return the change of log(p90/p10) by tercile of exposure, and how many could be measured."""
    panel = wt.occupation_panel(store, years=[first, last])
    value = pl.when(pl.col("low") == pl.col("high")).then("low")
    spread = panel.outcomes.filter(outcome="log_p90_p10").with_columns(value=value)
    rows = spread.pivot("year", index="code", values="value").join(
        panel.exposure.filter(measure=MEASURE), on="code"
    )
    third = (pl.col("value").rank("ordinal") - 1) * 3 // pl.len()
    change = pl.col(str(last)) - pl.col(str(first))
    summary = rows.with_columns(change=change, tercile=third).group_by("tercile").agg(
        n_occupations=pl.len(),
        n_measured=pl.col("change").count(),
        mean_exposure=pl.col("value").mean(),
        mean_change_log=pl.col("change").mean(),
        std_error=pl.col("change").std() / pl.col("change").count().sqrt(),
    )  # fmt: skip
    return summary.sort("tercile").with_columns(tercile=pl.Series(["low", "middle", "high"]))


if __name__ == "__main__":
    rows = compression_by_tercile(sys.argv[1])
    print(rows)
    if len(sys.argv) > 2:
        rows.write_csv(sys.argv[2])
