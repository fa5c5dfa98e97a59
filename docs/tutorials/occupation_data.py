# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---
# %% [markdown]
# # Occupation data in ten lines
#
# OEWS is the survey of pay by occupation of the U.S. Bureau of Labor Statistics. This tutorial reads the published workbooks as they
# are, looks at the spread of pay, and shows two traps: top codes, and the break of May 2021.
#
# It needs the workbooks (`national_M2019_dl.xlsx` and so on) in a folder `bls_oews` below `../shared/data`, or below the folder that
# `WITHINTASK_DATA` names.

# %%
import os
from pathlib import Path

import polars as pl

import withintask as wt

data = Path(os.environ.get("WITHINTASK_DATA", "../shared/data").split(os.pathsep)[0])
oews = wt.load_oews(data / "bls_oews", years="2019-2024")

# %% [markdown]
# One row is an occupation in a year. Each amount has three columns: the value, a bound where BLS gives only one (`#` in the workbook),
# and a status that says which of the two it is. A top-coded percentile has no value: it is not the cap.

# %%
spread = (
    oews.with_columns(ratio=(pl.col("a_pct90") / pl.col("a_pct10")).log())
    .group_by("year")
    .agg(
        pl.len().alias("occupations"),
        (pl.col("a_pct90_status") == "top_coded").sum().alias("top_coded"),
        pl.col("ratio").mean().alias("mean_log_p90_p10"),
    )
    .sort("year")
    .collect()
)
spread

# %% [markdown]
# The step from 2020 to 2021 is a new method of estimation and a new classification, no effect of AI. Nor can the rest be one:
# OEWS of May 2022 was collected over three years, all before ChatGPT. And an occupation mixes tasks and firms, so its spread of pay
# says nothing of workers at one task.
#
# Only occupations that mean the same in all years should be compared. `withintask.ingest.compare_periods` chooses them and
# refuses to compare across the break unless told to.

# %%
change = spread.with_columns(change=pl.col("mean_log_p90_p10").diff())
change.select("year", "change")
