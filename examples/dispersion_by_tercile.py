"""Draw how dispersion of pay within occupations moved by tercile of three measures, 2019 to 2024.

Run ``python examples/dispersion_by_tercile.py out/store.duckdb [figure.png]``. The lines break where
BLS changed its method; a tercile is a third of the occupations that have the measure.
"""

import sys

import polars as pl
from matplotlib.figure import Figure

import withintask as wt

MEASURES = ["gpts_are_gpts: dv_rating_beta", "gpts_are_gpts: human_rating_beta", "anthropic_economic_index: pct"]  # fmt: skip


def dispersion(store):
    """Return mean ln(p90/p10) by year, measure and tercile, of numbers that are no bounds."""
    panel = wt.occupation_panel(store, years=range(2019, 2025))
    third = (pl.col("value").rank("ordinal") - 1) * 3 // pl.len() + 1
    terciles = panel.exposure.filter(pl.col("measure").is_in(MEASURES)).with_columns(
        third.over("segment", "measure").cast(pl.Int8).alias("tercile")
    )
    spread = panel.outcomes.filter(
        pl.col("outcome") == "log_p90_p10", pl.col("low") == pl.col("high")
    )
    keys = ["measure", "tercile", "segment", "year"]
    rows = spread.join(terciles, on=["segment", "code"]).group_by(keys)
    return rows.agg(pl.col("low").mean().alias("log_p90_p10"), pl.len().alias("n")).sort(keys)


if __name__ == "__main__":
    found = dispersion(sys.argv[1])
    print(found)
    if len(sys.argv) > 2:
        figure = Figure(figsize=(12, 4), layout="constrained")
        for axes, measure in zip(figure.subplots(1, 3, sharey=True), MEASURES, strict=True):
            for (tercile, _), line in found.filter(pl.col("measure") == measure).group_by(
                ["tercile", "segment"]
            ):
                axes.plot(line["year"], line["log_p90_p10"], marker="o", color=f"C{tercile}")
            axes.set_title(measure, fontsize=9)
        figure.savefig(sys.argv[2])
