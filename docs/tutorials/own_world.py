# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---
# %% [markdown]
# # Your own rival world
#
# A rival world is one in which AI does nothing to ability and the data look as if it did. An estimator that finds an effect there
# is fooled. Here treated workers get harder items, the more so the abler they are: a referee's objection, written as a file.

# %%
import tempfile
from pathlib import Path

import polars as pl

import withintask as wt

file = Path(tempfile.mkdtemp()) / "rival.toml"
file.write_text(
    'summary = "Nobody is helped, but able workers with access get harder items"\n'
    'like = "no_ai"\n'
    "[design]\n"
    "item_choice = 0.2\n"
)
rival = wt.load_world(file)

# %% [markdown]
# The same trial, in which nothing happens and in the rival world:

# %%
design = wt.change_design(
    wt.load_design("rct-ability@typical"), n_workers=200, n_firms=6, n_tasks=4, n_items=4
)
study = wt.plan(
    wt.load_params(),
    [design],
    [wt.load_world("no_ai"), rival],
    seed=1,
    replicates=40,
    estimators=["pairs_difference"],
)
replicates = wt.replicate(study)
shown = (
    replicates.filter(pl.col("term").is_in(["delta_log_sd", "ability_gradient_net"]))
    .with_columns(rejects=pl.col("p_value") < 0.05)
    .group_by("term", "world")
    .agg(pl.col("truth").first().round(4), pl.col("estimate").mean(), pl.col("rejects").mean())
    .sort("term", "world")
)
shown

# %% [markdown]
# Where items can be chosen by ability, the trial reports levelling that is none. What protects against it is in the design, not in
# the estimator: items handed out at random. `withintask matrix --world rival.toml` judges every design and estimator in the world.
