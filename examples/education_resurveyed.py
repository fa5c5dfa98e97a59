"""Show changes of required education among occupations that were surveyed anew.

Run ``python examples/education_resurveyed.py out/store.duckdb [education.csv]``. O*NET is a rolling
panel: an occupation that was not surveyed again repeats its old answers, and is no "no change".
"""

import sys

import polars as pl

import withintask as wt


def changes_by_survey(store, release="29.2"):
    """Return changes of the share who need a bachelor's degree, by whether surveyed anew."""
    rows = wt.education_changes(store, release=release).filter(outcome="bachelor_share")
    summary = rows.group_by("is_resurveyed").agg(
        n_occupations=pl.len(),
        n_changed=(pl.col("change") != 0).sum(),
        mean_change_points=pl.col("change").mean(),
        correlation_with_exposure=pl.corr("exposure", "change"),
    )
    return summary.sort("is_resurveyed")


if __name__ == "__main__":
    rows = changes_by_survey(sys.argv[1])
    print(rows)
    if len(sys.argv) > 2:
        rows.write_csv(sys.argv[2])
