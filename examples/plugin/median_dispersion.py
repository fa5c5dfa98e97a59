"""An estimator of one's own: compression by access, from medians, so that a few wild outputs matter little.

In every task after AI, the median absolute deviation of log output of the workers with access over that of those
without, whatever their firm; the estimate is the mean of its log over tasks, the error its spread over tasks. For
outputs that are lognormal within tasks, a median deviation changes in proportion to the standard deviation.
"""

import numpy as np
import polars as pl

import withintask as wt

TERM = "delta_log_cv_pooled"


def median_dispersion(sample: wt.Sample) -> tuple[wt.Estimate, ...]:
    """Estimate the change of log dispersion from medians, (task,) pooled."""
    panel = sample.panel
    log_output = pl.col("output").log()
    spread = (log_output - log_output.median().over("task_id", "ai_access")).abs()
    by_arm = (
        panel.outputs.filter(
            pl.col("period") >= panel.info.first_ai_period, pl.col("ai_access").is_not_null()
        )
        .select("task_id", "ai_access", spread=spread)
        .group_by("task_id", "ai_access")
        .agg(pl.col("spread").median().log())
    )
    wide = by_arm.filter("ai_access").join(by_arm.filter(~pl.col("ai_access")), on="task_id")
    change = (wide["spread"] - wide["spread_right"]).sort().to_numpy()
    return (
        wt.from_moments(
            TERM,
            float(change.mean()),
            float(change.std(ddof=1) / np.sqrt(change.size)),
            dof=change.size - 1,
            n_obs=panel.outputs.height,
            n_clusters=change.size,
            convention="spread over tasks",
        ),
    )


ESTIMATORS = (
    wt.Estimator(
        name="median_dispersion",
        summary="log median absolute deviation within tasks after AI, with access minus without",
        needs=("outputs.output", "info.first_ai_period", "outputs.ai_access varies"),
        terms=(TERM,),
        run=median_dispersion,
    ),
)
