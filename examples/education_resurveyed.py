"""Show changes of required education among occupations that were surveyed anew.

Run ``python examples/education_resurveyed.py out/store.duckdb``. O*NET is a rolling panel: only
occupations that were surveyed again between two releases can show a change; the others repeat the
old answers, and counting them as "no change" would hide everything.
"""

import sys
from pathlib import Path

import polars as pl

from withintask.ingest import scan_table


def education_changes(store: Path, release: str = "29.2") -> pl.DataFrame:
    """Return changes of the bachelor share by whether an occupation was surveyed anew."""
    education = scan_table(store, "onet_education")
    before = education.filter(pl.col("release") < release).select("onetsoc_code", "bachelor_share")
    after = education.filter(
        pl.col("release") == release, pl.col("previous_survey_date").is_not_null()
    )
    exposure = (
        scan_table(store, "exposure_by_soc")
        .filter(pl.col("measure") == "dv_rating_beta")
        .select("soc2018_code", exposure="value")
    )
    change = pl.col("bachelor_share") - pl.col("bachelor_share_before")
    rows = (
        after.join(before, on="onetsoc_code", suffix="_before")
        .join(exposure, on="soc2018_code", how="left")
        .with_columns(change.alias("change"))
    )
    return (
        rows.group_by("is_resurveyed")
        .agg(
            pl.len().alias("n_occupations"),
            (pl.col("change") != 0).sum().alias("n_changed"),
            pl.col("change").mean().alias("mean_change_points"),
            pl.corr("exposure", "change").alias("correlation_with_exposure"),
        )
        .sort("is_resurveyed")
        .collect()
    )


if __name__ == "__main__":
    print(education_changes(Path(sys.argv[1])))
