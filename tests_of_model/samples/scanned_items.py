"""Items of a lazy panel, those of one worker, task, period and access as one row; sums of them made in one pass."""

from dataclasses import replace

import numpy as np
import polars as pl

from withintask.panel.arrays import Codes, floats
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.panel.transform import eager
from withintask.tests_of_model.samples.item_rows import ItemRows, item_rows
from withintask.tests_of_model.samples.item_scan import ItemScan
from withintask.tests_of_model.samples.task_rows import TaskRows, task_rows

_KEYS = (
    "worker_id",
    "task_id",
    "period",
    "firm_id",
    "ai_access",
    "arm",
    "assignment_id",
    "stratum_id",
    "weight",
)
_N, _LEVEL, _VALUE_VARIANCE, _LEVEL_VARIANCE = ("_n", "_level", "_value_var", "_level_var")
_PLACE, _SPEED, _SPEED_VARIANCE = ("_place", "_speed", "_speed_var")
"""Columns of sums: rows; place among them; mean and variance of output in its own unit, of its value, and of one over a time."""
_LOGS = {"positive": 1, "time": -1}
_SURE = 0.1
"""By how much the counted number of distinct items may be wrong, six standard errors of the count."""


def item_sums(panel: Panel, *, by_item: bool) -> Panel:
    """Return a panel whose outputs are sums by worker, task, period, access and whatever else tells rows apart.

    Parameters
    ----------
    panel
        Lazy, with outputs.
    by_item
        Whether items are told apart, as must be where several workers do the same.

    Raises
    ------
    EstimationError
        If the panel has no outputs.
    """
    if panel.outputs is None:
        raise EstimationError("panel: no outputs, so there are no items")
    rows, names = panel.outputs.lazy().with_row_index("place"), panel.info.covariates
    present = rows.collect_schema().names()
    covariates = [name.removeprefix("outputs.") for name in names if name.startswith("outputs.")]
    keys = [name for name in dict.fromkeys((*_KEYS, *covariates)) if name in present]
    keys += ["item_id"] if by_item and "item_id" in present else []
    value, level, speed = _value(panel), _level(panel), 1 / pl.col("output").cast(pl.Float64)
    of_times = (speed.mean().alias(_SPEED), speed.var(ddof=0).alias(_SPEED_VARIANCE))
    sums = (
        rows.group_by(*keys, value.is_finite().alias("is_finite"))
        .agg(
            pl.len().cast(pl.Float64).alias(_N),
            pl.col("place").min(),
            value.mean().alias("output"),
            level.mean().alias(_LEVEL),
            value.var(ddof=0).alias(_VALUE_VARIANCE),
            level.var(ddof=0).alias(_LEVEL_VARIANCE),
            *(of_times if panel.info.outcome_kind == "time" else ()),
        )
        .sort("place")
        .drop("place", "is_finite")
        .collect(engine="streaming")
        .with_row_index(_PLACE)
    )
    return panel.with_tables(outputs=sums)


def scanned_item_rows(summed: Panel) -> ItemRows:
    """Make rows of sums: counts, means and squares around them; no order, raters or use of AI is known."""
    info, sums = summed.info, _sums(summed)
    as_is = replace(info, outcome="log", outcome_floor=None, outcome_ceiling=None)
    n_rows = floats(sums[_N])
    return replace(
        item_rows(replace(summed, info=as_is)),
        kind=info.outcome_kind,
        n_rows=n_rows,
        sums_row=_places(sums),
        level=floats(sums[_LEVEL]),
        value_square=n_rows * floats(sums[_VALUE_VARIANCE]),
        level_square=n_rows * floats(sums[_LEVEL_VARIANCE]),
    )


def scanned_task_rows(summed: Panel) -> TaskRows:
    """Make rows of task outputs of the same sums.

    Raises
    ------
    EstimationError
        As :func:`withintask.tests_of_model.samples.task_rows.task_rows`.
    """
    info, sums = summed.info, _sums(summed)
    if info.outcome_kind not in (*_LOGS, "log"):
        return task_rows(summed)
    n_rows = floats(sums[_N])
    return replace(
        task_rows(replace(summed, info=replace(info, outcome="log"))),
        n_rows=n_rows,
        sums_row=_places(sums),
        log_square=n_rows * floats(sums[_VALUE_VARIANCE]),
    )


def item_scan(panel: Panel, summed: Panel) -> ItemScan:
    """Make the second pass over the outputs of a panel, of which ``item_sums`` made the sums; nothing is read yet."""
    assert panel.outputs is not None
    sums, is_time = _sums(summed), panel.info.outcome_kind == "time"
    mean, variance = (_SPEED, _SPEED_VARIANCE) if is_time else (_LEVEL, _LEVEL_VARIANCE)
    outputs = panel.outputs.lazy()
    keys = [n for n in outputs.collect_schema().names() if n in sums.columns and n != "output"]
    value = 1 / pl.col("output").cast(pl.Float64) if is_time else _level(panel)
    places = sums.select(*keys, sums_row=_PLACE)
    finite = sums["output"].is_finite()
    rows = (
        outputs.filter(_value(panel).is_finite())
        .select(*keys, value=value)
        .join(places.filter(finite).lazy(), on=keys, how="inner", nulls_equal=True)
        .select("sums_row", "value")
    )
    return ItemScan(
        rows=rows, mean=floats(sums[mean]), square=floats(sums[_N]) * floats(sums[variance])
    )


def _places(sums: pl.DataFrame) -> Codes:
    return np.asarray(sums[_PLACE].cast(pl.Int64).to_numpy())


def _sums(summed: Panel) -> pl.DataFrame:
    assert summed.outputs is not None
    return eager(summed.outputs)


def most_in_shared_items(panel: Panel) -> float:
    """Bound the number of rows whose item has more than one; 0 where items are not named.

    Distinct items are counted to some percent, which is enough to see that hardly any is shared.
    """
    assert panel.outputs is not None
    rows = panel.outputs.lazy()
    if "item_id" not in rows.collect_schema().names():
        return 0.0
    item = pl.col("item_id")
    n_named, n_distinct = (
        rows.select(
            item.count().alias("named"), item.drop_nulls().approx_n_unique().alias("distinct")
        )
        .collect(engine="streaming")
        .row(0)
    )
    # Of m rows of one item, m − 1 ≥ m/2 are more than there are items.
    return 2.0 * max(n_named - (1 - _SURE) * n_distinct, 0.0)


def _value(panel: Panel) -> pl.Expr:
    """Output on the scale of its kind, as :func:`withintask.tests_of_model.samples.item_rows.item_rows` has it."""
    info, output = panel.info, pl.col("output").cast(pl.Float64)
    value = output.log() * _LOGS[info.outcome_kind] if info.outcome_kind in _LOGS else output
    if info.outcome_floor is None or info.outcome_ceiling is None:
        return value
    return (value - info.outcome_floor) / (info.outcome_ceiling - info.outcome_floor)


def _level(panel: Panel) -> pl.Expr:
    """Output in its own unit; a score in shares of its range."""
    output = pl.col("output").cast(pl.Float64)
    if panel.info.outcome_kind in _LOGS:
        return output
    return output.exp() if panel.info.outcome_kind == "log" else _value(panel)
