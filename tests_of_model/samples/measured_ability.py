"""Ability as measured before AI, one or two measures a worker."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, floats
from withintask.panel.errors import EstimationError, quoted
from withintask.panel.panel import Panel
from withintask.panel.transform import eager, lookup


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredAbility:
    """Two measures of each row's worker, (row,) each; NaN where not known."""

    first: Array
    """The measure that stands for ability."""
    second: Array
    """Another of the same ability, which can instrument the first; NaN where there is none."""
    unit: str
    """Unit of the first: log points, or standard deviations of its workers."""
    names: tuple[str, ...]
    """What was measured."""


def measured_ability(panel: Panel, workers: pl.DataFrame) -> MeasuredAbility:
    """Look up the measures of ability of rows' workers.

    Parameters
    ----------
    panel
        With ``workers.ability_log`` (and ``ability_retest_log``) or the table ``abilities``.
    workers
        worker_id of each row.

    Returns
    -------
    MeasuredAbility
        Log ability as it is; measures of ``abilities``, the first two by name, in standard deviations of their workers.

    Raises
    ------
    EstimationError
        If the panel has no measure, or one that does not vary.
    """
    logs = lookup(workers, "worker_id", panel.workers, ("ability_log", "ability_retest_log"))
    if logs["ability_log"].null_count() < logs.height:
        names = ("ability_log", "ability_retest_log")
        values = [floats(logs[name]) for name in names]
        return MeasuredAbility(first=values[0], second=values[1], unit="log points", names=names)
    if panel.abilities is None:
        raise EstimationError("ability: neither workers.ability_log nor the table abilities")
    table = eager(panel.abilities)
    names = tuple(table["measure"].unique().sort()[:2])
    values = [_standardized(table.filter(measure=name), workers, name) for name in names]
    missing = np.full(workers.height, np.nan)
    second = values[1] if len(values) > 1 else missing
    return MeasuredAbility(first=values[0], second=second, unit="standard deviations", names=names)


def _standardized(measures: pl.DataFrame, workers: pl.DataFrame, name: str) -> Array:
    spread = measures["ability"].std()
    if not isinstance(spread, float) or spread == 0:
        raise EstimationError(f"ability: the measure {quoted(name)} is the same for all workers")
    mean = measures["ability"].mean()
    scaled = measures.with_columns((pl.col("ability") - mean) / spread)
    return floats(lookup(workers, "worker_id", scaled, ("ability",))["ability"])
