"""Show that exposure to AI "explains" a change of dispersion from before anyone used it.

Run ``python examples/break_placebo.py out/store.duckdb [placebo.csv]``. From May 2020 to May 2021 BLS
changed its method. A regression of that year's change of log(p90/p10) on exposure should find
nothing; it finds something, so comparisons across the break are refused unless one insists.
"""

import sys

import numpy as np
import polars as pl

import withintask as wt


def placebo(store, first=2019, last=2025):
    """Return, for each pair of years, the mean change and its slope on exposure, with a robust t."""
    changes = wt.occupation_changes(store, first=first, last=last)
    spread = changes.filter(outcome="log_p90_p10").drop_nulls("change")
    rows = []
    for (year, to_year), pair in spread.group_by("from_year", "to_year", maintain_order=True):
        known = pair.drop_nulls("exposure")
        X = np.column_stack([np.ones(known.height), known["exposure"]])
        slope = wt.fit(known["change"], X, names=["constant", "exposure"])
        if to_year == year + 1:
            across, mean = pair["across_break"].any(), pair["change"].mean()
            rows.append((f"{year}-{to_year}", across, mean, slope.params[1], slope.statistic[1]))
    names = ["years", "across_break", "mean_change_log", "slope_on_exposure", "t_value"]
    return pl.DataFrame(rows, schema=names, orient="row")


if __name__ == "__main__":
    rows = placebo(sys.argv[1])
    print(rows)
    if len(sys.argv) > 2:
        rows.write_csv(sys.argv[2])
