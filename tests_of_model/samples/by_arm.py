"""What figures of a trial show: spread and mean of output by arm and period."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Codes
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.tests_of_model.samples.item_rows import ItemRows, item_rows

WITH_AI, WITHOUT = "with AI", "without AI"
_CELL = ("task", "period", "group")


@dataclass(frozen=True, kw_only=True, eq=False)
class ArmRows:
    """Rows about which output and arm are known, with the arm that a figure draws them in."""

    frame: pl.DataFrame
    """``worker, task, period, is_post, group, value``: group is with or without AI, value that analysed."""
    is_log: bool
    """Whether values are logs."""
    is_within: bool
    """Whether workers do items with AI and without in one period."""


def arm_rows(panel: Panel) -> ArmRows:
    """Prepare the rows of exposed tasks by arm.

    A worker is with AI if he ever has it, before its arrival too; where workers do items with and without AI after its
    arrival, each item is in the arm it shows.

    Raises
    ------
    EstimationError
        If the panel has no outputs or none of known arm.
    """
    rows = item_rows(panel)
    rows = rows.take(rows.is_known & ~(rows.exposure == 0))
    if not rows.value.size:
        raise EstimationError(f"panel {panel.info.name}: no row of an exposed task of known access")
    group, is_within = _groups(rows)
    frame = pl.DataFrame(
        {
            "worker": rows.worker,
            "task": rows.task,
            "period": rows.period,
            "is_post": rows.is_post,
            "group": np.where(group > 0, WITH_AI, WITHOUT),
            "value": rows.value,
        }
    )
    return ArmRows(frame=frame, is_log=rows.is_log, is_within=is_within)


def spread_by_arm(rows: ArmRows) -> pl.DataFrame:
    """Measure the spread of single outputs, noise included, by period and arm.

    Returns
    -------
    polars.DataFrame
        ``period, group, sd, std_error, n_cells, n_rows``: the geometric mean over tasks of the standard deviation of the
        analysed value, weighted by rows, and its error over tasks (NaN where there is one task).
    """
    cells = (
        rows.frame.group_by(*_CELL)
        .agg(pl.col("value").std().log().alias("log_sd"), pl.len().alias("n"))
        .filter(pl.col("log_sd").is_finite())
    )
    by_arm = cells.group_by("period", "group").agg(
        ((pl.col("log_sd") * pl.col("n")).sum() / pl.col("n").sum()).alias("log_sd"),
        (pl.col("log_sd").std() / pl.len().sqrt()).fill_null(np.nan).alias("log_error"),
        pl.len().alias("n_cells"),
        pl.col("n").sum().alias("n_rows"),
    )
    return by_arm.select(
        "period",
        "group",
        pl.col("log_sd").exp().alias("sd"),
        (pl.col("log_sd").exp() * pl.col("log_error")).alias("std_error"),
        "n_cells",
        "n_rows",
    ).sort("period", "group")


def means_by_period(rows: ArmRows) -> pl.DataFrame:
    """Compare mean output of workers with AI and without, period by period, with the last period before AI.

    Returns
    -------
    polars.DataFrame
        ``period, difference, std_error, n_workers``: (with − without) less the same in the last period before AI, from
        each worker's change after task means are taken out; that period itself is zero. Empty without a period before,
        or where workers do both.
    """
    before = rows.frame.filter(~pl.col("is_post"))["period"]
    schema = {"period": pl.Int64, "difference": pl.Float64, "std_error": pl.Float64}
    if rows.is_within or before.is_empty() or rows.frame["group"].n_unique() == 1:
        return pl.DataFrame(schema={**schema, "n_workers": pl.Int64})
    last = before.max()
    means = _centred(rows.frame).group_by("worker", "group", "period").agg(pl.col("value").mean())
    base = means.filter(pl.col("period") == last).select("worker", pl.col("value").alias("base"))
    changes = means.join(base, on="worker").with_columns(change=pl.col("value") - pl.col("base"))
    by_arm = changes.group_by("period", "group").agg(
        pl.col("change").mean(), (pl.col("change").var() / pl.len()).alias("variance"), pl.len()
    )
    sides = [by_arm.filter(pl.col("group") == name).drop("group") for name in (WITH_AI, WITHOUT)]
    return (
        sides[0]
        .join(sides[1], on="period", suffix="_without")
        .select(
            pl.col("period").cast(pl.Int64),
            (pl.col("change") - pl.col("change_without")).alias("difference"),
            (pl.col("variance") + pl.col("variance_without")).sqrt().alias("std_error"),
            (pl.col("len") + pl.col("len_without")).cast(pl.Int64).alias("n_workers"),
        )
        .sort("period")
    )


def _groups(rows: ItemRows) -> tuple[Codes, bool]:
    """The arm of each row, and whether workers do items in both after AI's arrival."""
    has_ai = rows.arm > 0
    n_workers = int(rows.worker.max(initial=-1)) + 1
    ever, never = (
        np.bincount(rows.worker[rows.is_post & flags], minlength=n_workers) > 0
        for flags in (has_ai, ~has_ai)
    )
    n_both, n_ever = int(np.count_nonzero(ever & never)), int(np.count_nonzero(ever))
    is_within = 2 * n_both > n_ever
    return (has_ai if is_within else ever[rows.worker]).astype(np.int64), is_within


def _centred(frame: pl.DataFrame) -> pl.DataFrame:
    """Take the mean of each task out, so that workers with other tasks can be compared."""
    return frame.with_columns(pl.col("value") - pl.col("value").mean().over("task"))
