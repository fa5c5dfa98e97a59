# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---
# %% [markdown]
# # Your own estimator
#
# An estimator is a function of a sample that returns rows. This one compares medians, so that a few wild outputs matter little: the median
# absolute deviation of log output after AI, workers with access against workers without, task by task.

# %%
import numpy as np
import polars as pl

import withintask as wt


def median_dispersion(sample: wt.Sample) -> tuple[wt.Estimate, ...]:
    """Change of the log median absolute deviation, over tasks."""
    log_output = pl.col("output").log()
    cell = ["task_id", "ai_access"]
    after = sample.panel.outputs.filter(pl.col("period") >= sample.panel.info.first_ai_period)
    spread = after.select(*cell, spread=(log_output - log_output.median().over(cell)).abs())
    by_arm = spread.group_by(cell).agg(pl.col("spread").median().log())
    wide = by_arm.filter("ai_access").join(by_arm.filter(~pl.col("ai_access")), on="task_id")
    change = (wide["spread"] - wide["spread_right"]).sort().to_numpy()
    error = float(change.std(ddof=1) / np.sqrt(change.size))
    row = wt.from_moments(
        "delta_log_cv_pooled",
        float(change.mean()),
        error,
        dof=change.size - 1,
        n_obs=after.height,
        n_clusters=change.size,
        convention="spread over tasks",
    )
    return (row,)


# %% [markdown]
# What it needs of a panel is text; a panel that lacks it gets a row that says so, never an error in the middle.

# %%
ours = wt.Estimator(
    name="median_dispersion",
    summary="log median absolute deviation within tasks after AI, with access minus without",
    needs=("outputs.output", "info.first_ai_period", "outputs.ai_access varies"),
    terms=("delta_log_cv_pooled",),
    run=median_dispersion,
)
panel = wt.draw_panel("rct", seed=1)
(row,) = ours.run(wt.Sample(panel))
print(f"{row.estimate:.3f} [{row.conf_low:.3f}, {row.conf_high:.3f}]")

# %% [markdown]
# Beside it, the registered estimator of the same term and the truth of this synthetic panel. One panel does not judge an estimator; over
# many, `withintask matrix` does.

# %%
beside = wt.estimate(panel, estimators="other_measures_by_access")
beside.filter(pl.col("term") == "delta_log_cv_pooled").select(
    "estimator", "estimate", "std_error", "truth"
)

# %% [markdown]
# To let `withintask estimate`, `matrix` and `power` find it, put it into a small package with an entry point, as
# [examples/plugin](../own.md) does:
#
#     [project.entry-points."withintask.estimators"]
#     H1 = "median_dispersion:ESTIMATORS"
#
# The tests of the registry (invariance to the order of rows and to new names of ids, refusal by name of what is missing) then run on it too.
