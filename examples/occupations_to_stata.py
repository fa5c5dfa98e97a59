"""Take occupations by year with their exposure to Stata, names short and legal, missing as missing.

Run ``python examples/occupations_to_stata.py out/store.duckdb [occupations.dta]``.
"""

import sys

import polars as pl

import withintask as wt

LONGEST = 32  # characters of a name in Stata


def occupations(store):
    """Return one row an occupation and year: jobs, pay, percentiles and a column a measure."""
    pay = wt.load_oews(store).select(
        "year", "occ_code", "occ_title", "segment", "tot_emp", "a_mean", "a_pct10", "a_pct90",
        top_coded=(pl.col("a_pct90_bound") == ">=").fill_null(value=False).cast(pl.Int8),
    ).collect()  # fmt: skip
    exposure = wt.exposure_values(store).with_columns(
        pl.col("name").str.replace_all("[^a-z0-9]+", "_").str.slice(0, LONGEST)
    )
    wide = exposure.pivot("name", index="occ_code", values="value")
    return pay.join(wide, on="occ_code", how="left").sort("occ_code", "year")


if __name__ == "__main__":
    found = occupations(sys.argv[1])
    print(found)
    if len(sys.argv) > 2:
        found.to_pandas().to_stata(sys.argv[2], write_index=False, version=118)
