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

from withintask.ingest import load_oews, occupation_changes


def placebo(store: Path) -> pl.DataFrame:
    """Return, for each pair of years, the mean change and its slope on exposure with a t value."""
    years = sorted(load_oews(store).select("year").unique().collect()["year"])
    changes = occupation_changes(store, first=years[0], last=years[-1]).filter(
        outcome="log_p90_p10"
    )
    return pl.DataFrame([_row(changes, first, last) for first, last in pairwise(years)])


def _row(changes: pl.DataFrame, first: int, last: int) -> dict[str, object]:
    pair = changes.filter(from_year=first, to_year=last).drop_nulls("change")
    known = pair.drop_nulls("exposure")
    slope, t_value = _slope(known["exposure"].to_numpy(), known["change"].to_numpy())
    return {
        "years": f"{first}-{last}",
        "across_break": pair["across_break"].any(),
        "n": known.height,
        "mean_change_log": pair["change"].mean(),
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
