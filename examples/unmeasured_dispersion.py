"""Count the occupations whose wage dispersion cannot be measured, by reason.

Run ``python examples/unmeasured_dispersion.py out/store.duckdb``. Dispersion needs the annual 10th
and 90th percentiles as numbers; a percentile may be top-coded, not available, or paid by the hour.
"""

import sys
from pathlib import Path

import polars as pl

from withintask.ingest import load_oews


def unmeasured(store: Path, year: int = 2024) -> pl.DataFrame:
    """Return the reasons with the number of occupations, their employment and the largest one."""
    reason = (
        pl.when(pl.col("a_pct10_status") != "published")
        .then("a_pct10_status")
        .otherwise("a_pct90_status")
    )
    rows = load_oews(store, years=[year]).with_columns(reason.alias("reason")).collect()
    return (
        rows.group_by("reason")
        .agg(
            pl.len().alias("n_occupations"),
            (pl.col("tot_emp").sum() / rows["tot_emp"].sum()).alias("employment_share"),
            pl.col("occ_title").sort_by("tot_emp", descending=True).first().alias("largest"),
        )
        .sort("n_occupations", descending=True)
    )


if __name__ == "__main__":
    print(unmeasured(Path(sys.argv[1])))
