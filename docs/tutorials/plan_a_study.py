# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---
# %% [markdown]
# # Plan a study
#
# How many workers does a randomized trial need to see whether AI levels them? We simulate the trial from the model, with the noise of
# real trials, at several sizes, and count how often the test rejects. The numbers of replicates are small so that this page runs in
# a minute; a real plan takes 400 or more (`withintask power --hypothesis H1 --design rct-ability@typical --vary workers=50,100,200`).

# %%
import numpy as np
import polars as pl

import withintask as wt

design = wt.change_design(wt.load_design("rct-ability@typical"), n_tasks=4, n_items=4)
sizes = [40, 120, 240]
designs = [
    wt.change_design(design, name=f"{size} workers", n_workers=size, n_firms=10) for size in sizes
]
study = wt.plan(
    wt.load_params(),
    designs,
    [wt.load_world("reference"), wt.load_world("no_ai")],
    seed=1,
    replicates=40,
    estimators=["pairs_difference", "dispersion_by_access"],
)
replicates = wt.replicate(study)

# %% [markdown]
# In the world *reference* AI levels workers, in *no_ai* it does nothing: there a sound test rejects in 5 percent of replicates. Each
# share has a simulation error, here up to 8 points.

# %%
usable = replicates.filter(
    pl.col("term").is_in(["delta_log_sd", "delta_log_cv"]), pl.col("status") == "ok"
)
power = (
    usable.with_columns(rejects=pl.col("p_value") < 0.05)
    .group_by("world", "estimator", "design")
    .agg(
        pl.col("rejects").mean(),
        pl.col("estimate").mean(),
        pl.col("truth").first().round(4),
        pl.len(),
    )
    .sort("world", "estimator", pl.col("design").str.extract(r"(\d+)").cast(pl.Int64))
)
power

# %% [markdown]
# Pairs of items see the change of ability. The spread of single outputs, noise and all, shows only part of it, at any size.
#
# From power by size, the smallest sample that has 80 percent power, with its interval:

# %%
rejections = [
    usable.filter(
        pl.col("world") == "reference",
        pl.col("estimator") == "pairs_difference",
        pl.col("design") == f"{size} workers",
    )
    for size in sizes
]
found = wt.smallest_sample(
    np.array(sizes, dtype=float),
    np.array([float((rows["p_value"] < 0.05).sum()) for rows in rejections]),
    np.array([float(rows.height) for rows in rejections]),
)
print(
    f"80 percent power from about {found.value:.0f} workers on (95 % set {found.low:.0f} to {found.high:.0f})"
)
