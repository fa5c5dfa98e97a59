"""Show that exposure to AI "explains" a change of dispersion from before anyone used it.

Run ``python examples/break_placebo.py out/store.duckdb``. From May 2020 to May 2021 BLS changed its
method. A regression of that year's change of log(p90/p10) on exposure should find nothing; it does
find something, so comparisons across the break are refused unless one insists, as this script does.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from withintask.ingest import comparable_codes, compare_periods, load_oews, scan_table


def placebo(store: Path) -> pl.DataFrame:
    """Return, for each pair of years, the mean change and its slope on exposure with a t value."""
    exposure = (
        scan_table(store, "exposure_by_oews")
        .filter(pl.col("measure") == "dv_rating_beta")
        .select("year", pl.col("occ_code").alias("comparable_code"), exposure="value")
        .collect()
    )
    years = sorted(load_oews(store).select("year").unique().collect()["year"])
    return pl.DataFrame([_row(store, exposure, first, last) for first, last in pairwise(years)])


def _row(store: Path, exposure: pl.DataFrame, first: int, last: int) -> dict[str, object]:
    wages = comparable_codes(load_oews(store, years=[first, last]).collect()).wages
    spread = wages.with_columns(
        pl.when(pl.col("a_pct90_status") == "published", pl.col("a_pct10_status") == "published")
        .then((pl.col("a_pct90") / pl.col("a_pct10")).log().exp())
        .alias("spread")
    )
    found = compare_periods(spread, "spread", from_year=first, to_year=last, across_break=True)
    known = exposure.filter(pl.col("year") == last)
    rows = found.changes.drop_nulls("change_log").join(known, on="comparable_code")
    slope, t_value = _slope(rows["exposure"].to_numpy(), rows["change_log"].to_numpy())
    return {
        "years": f"{first}-{last}",
        "across_break": found.across_break,
        "n": rows.height,
        "mean_change_log": found.changes["change_log"].mean(),
        "slope_on_exposure": slope,
        "t_value": t_value,
    }


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Regress y on x and a constant; the t value is robust to unequal variances (HC1)."""
    design = np.column_stack([np.ones_like(x), x])
    bread = np.linalg.inv(design.T @ design)
    coefficients = bread @ design.T @ y
    scores = design * (y - design @ coefficients)[:, None]
    covariance = bread @ (scores.T @ scores) @ bread * len(y) / (len(y) - 2)
    return float(coefficients[1]), float(coefficients[1] / np.sqrt(covariance[1, 1]))


if __name__ == "__main__":
    print(placebo(Path(sys.argv[1])))
