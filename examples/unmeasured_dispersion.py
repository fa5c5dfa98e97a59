"""Count the occupations whose dispersion of pay cannot be measured, by reason.

Run ``python examples/unmeasured_dispersion.py out/store.duckdb [reasons.csv]``. Dispersion needs the
annual 10th and 90th percentiles as numbers; they may be top-coded, missing, or known by the hour only.
"""

import sys

import polars as pl

import withintask as wt


def unmeasured(store, year=2024):
    """Return the reasons with the number of occupations, their share of jobs and the largest one."""
    low, high = pl.col("a_pct10_status"), pl.col("a_pct90_status")
    reason = pl.when(low != "published").then(low).otherwise(high)
    rows = wt.load_oews(store, years=[year]).with_columns(reason=reason).collect()
    summary = rows.group_by("reason").agg(
        n_occupations=pl.len(),
        employment_share=pl.col("tot_emp").sum() / rows["tot_emp"].sum(),
        largest=pl.col("occ_title").sort_by("tot_emp", descending=True).first(),
    )
    return summary.sort("n_occupations", descending=True)


if __name__ == "__main__":
    rows = unmeasured(sys.argv[1])
    print(rows)
    if len(sys.argv) > 2:
        rows.write_csv(sys.argv[2])
