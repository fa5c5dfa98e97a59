"""Show changes of required education among occupations that were surveyed anew.

Run ``python examples/education_resurveyed.py out/store.duckdb``. O*NET is a rolling panel: only
occupations that were surveyed again between two releases can show a change; the others repeat the
old answers, and counting them as "no change" would hide everything.
"""

import sys
from pathlib import Path

import polars as pl

from withintask.ingest import education_changes


def changes_by_survey(store: Path, release: str = "29.2") -> pl.DataFrame:
    """Return changes of the bachelor share by whether an occupation was surveyed anew."""
    rows = education_changes(store, release=release).filter(outcome="bachelor_share")
    return (
        rows.group_by("is_resurveyed")
        .agg(
            pl.len().alias("n_occupations"),
            (pl.col("change") != 0).sum().alias("n_changed"),
            pl.col("change").mean().alias("mean_change_points"),
            pl.corr("exposure", "change").alias("correlation_with_exposure"),
        )
        .sort("is_resurveyed")
    )


if __name__ == "__main__":
    print(changes_by_survey(Path(sys.argv[1])))
