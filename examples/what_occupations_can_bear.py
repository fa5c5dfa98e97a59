"""Ask whether dispersion fell where exposure is higher, after AI and before it, by every measure.

Run ``python examples/what_occupations_can_bear.py out/store.duckdb [trends.parquet]``.
"""

import sys

import polars as pl

import withintask as wt


def dispersion_on_exposure(store):
    """Return slopes of ln(p90/p10) by year, in log points a standard deviation of exposure."""
    panel = wt.occupation_panel(store)
    outcomes = panel.outcomes.filter(pl.col("outcome") == "log_p90_p10")
    trends = wt.occupation_evidence(outcomes, panel.exposure, n_draws=199).trends
    return trends.filter(pl.col("scale") == "sd", ~pl.col("weighted"))


if __name__ == "__main__":
    found = dispersion_on_exposure(sys.argv[1])
    print(found.select("measure", "term", "reading", "estimate", "conf_low", "conf_high"))
    if len(sys.argv) > 2:
        found.write_parquet(sys.argv[2])
