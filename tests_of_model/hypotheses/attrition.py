"""Workers lost, and more of them in one arm: what the outcomes of those who would stay in either arm can have been."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import optimize, stats

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.panel.memory import Data, as_panel
from withintask.tests_of_model.hypotheses.estimates import LEVEL, failure, tidy
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate
from withintask.tests_of_model.regression.grouping import compact_codes, encode, group_sums
from withintask.tests_of_model.samples.item_rows import ItemRows, item_rows

MEAN_LOW, MEAN_HIGH = "average_effect_lower_bound", "average_effect_upper_bound"
SD_LOW, SD_HIGH = "delta_log_sd_lower_bound", "delta_log_sd_upper_bound"
RETENTION = "retention_difference"
_N_BOOTSTRAP = 299
_SEED = 20_260_105
_SMALLEST = 4
"""Workers of an arm below which its spread after trimming is not taken."""


def attrition_bounds(data: Data) -> pl.DataFrame:
    """Bound the effect on mean and spread for workers who stay in either arm.

    Parameters
    ----------
    data
        Panel, as for :func:`withintask.estimate`, in which the arm of workers is known whether they stay or not: from an
        ``arm`` recorded in every period, or from access in an earlier period after AI's arrival. Who is seen in the last
        period has stayed.

    Returns
    -------
    polars.DataFrame
        Rows ``retention_difference`` (share that stays, with AI less without), the two bounds of the average effect, and the
        two of the change of the log sd of workers' mean outcomes. conf_low and conf_high of a bound's row are those of the
        set: they cover the effect, not the bound, with .95 (Imbens and Manski 2004).

    Notes
    -----
    Lee (2009): if access moves who stays in one direction only, the arm that keeps more holds those who would stay in either,
    and a share p = 1 - q_other/q more; trimming its highest and lowest p of outcomes bounds their mean. Spread, worst case:
    over all ways to take away p, the variance is smallest when a contiguous window is left, largest when one is taken away.
    Outcomes are workers' means net of the means of task and period; their noise is part of the spread. Errors by bootstrap
    over what was assigned.

    Examples
    --------
    >>> import withintask as wt
    >>> import polars as pl
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4", "n_post=2"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> lost = [f"w{number}" for number in range(12)]
    >>> stays = ~((pl.col("period") == 2) & pl.col("worker_id").is_in(panel.workers["worker_id"].head(12).implode()))
    >>> rows = wt.attrition_bounds(panel.with_tables(outputs=panel.outputs.filter(stays)))
    >>> rows["message"][0]
    '12 of 120 workers are lost'
    """
    terms = (RETENTION, MEAN_LOW, MEAN_HIGH, SD_LOW, SD_HIGH)
    try:
        kept = _stayed(item_rows(as_panel(data).collect()))
    except EstimationError as error:
        return tidy([failure(term, "unusable", str(error)) for term in terms])
    values = _bounds(kept.value, kept.stays, kept.treated)
    spread = _bootstrap(kept)
    return tidy(_estimates(kept, values, spread))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stayed:
    """Workers of known arm, (worker,)."""

    value: Array
    """Mean outcome in the last period, NaN for those lost."""
    stays: Flags
    treated: Flags
    unit: Codes
    message: str


def _stayed(rows: ItemRows) -> _Stayed:
    """Sort workers by arm and whether they are seen in the last period."""
    last = int(rows.period.max())
    told = (rows.treatment >= 0) & (rows.is_post | (rows.treatment > 0))
    worker = compact_codes(rows.worker)
    n = int(worker.max()) + 1
    arm_known, treated = np.zeros((2, n), dtype=np.bool_)
    arm_known[worker[told]] = True
    treated[worker[rows.treatment > 0]] = True
    final = rows.is_known & rows.is_post & (rows.period == last)
    cell = encode(rows.task, rows.period)
    mean = group_sums(cell, np.where(final, rows.value, 0)) / np.maximum(
        group_sums(cell, final.astype(np.float64)), 1
    )
    count = np.bincount(worker[final], minlength=n)
    total = np.bincount(worker[final], (rows.value - mean[cell])[final], minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(count > 0, total / count, np.nan)
    lost = arm_known & (count == 0)
    if not lost.any():
        raise EstimationError(
            "attrition: every worker whose arm is known is seen in the last period, so nothing has to be bounded"
        )
    if (
        not (treated & arm_known & (count > 0)).any()
        or not (~treated & arm_known & (count > 0)).any()
    ):
        raise EstimationError(
            "attrition: in the last period no worker with AI is seen, or none without"
        )
    first = np.unique(worker, return_index=True)[1]
    n_unknown = int(np.count_nonzero(~arm_known))
    note = (
        f"{n_unknown} workers left before their arm was seen, and are in no bound"
        if n_unknown
        else ""
    )
    return _Stayed(
        value=value[arm_known],
        stays=(count > 0)[arm_known],
        treated=treated[arm_known],
        unit=rows.assignment[first][arm_known],
        message=note,
    )


def _bounds(value: Array, stays: Flags, treated: Flags) -> Array:
    """Retention's difference, bounds of the mean effect, bounds of the change of the log sd, (5,)."""
    q = np.array([stays[treated == z].mean() for z in (False, True)])
    more = int(q[1] >= q[0])
    arms = [np.sort(value[stays & (treated == z)]) for z in (False, True)]
    n_cut = (1 - q[1 - more] / q[more]) * arms[more].size
    low, high = _trimmed_means(arms[more], n_cut)
    small, large = _trimmed_spreads(arms[more], round(n_cut))
    other, sd = float(arms[1 - more].mean()), _log_sd(arms[1 - more])
    means = (low - other, high - other) if more else (other - high, other - low)
    spreads = (small - sd, large - sd) if more else (sd - large, sd - small)
    return np.array([q[1] - q[0], *means, *spreads])


def _trimmed_means(ordered: Array, n_cut: float) -> tuple[float, float]:
    """Means without the highest and without the lowest values; the value at the cut counts in part."""
    weight = np.clip(ordered.size - n_cut - np.arange(ordered.size), 0, 1)
    return float(np.average(ordered, weights=weight)), float(
        np.average(ordered, weights=weight[::-1])
    )


def _trimmed_spreads(ordered: Array, n_cut: int) -> tuple[float, float]:
    """Smallest and largest log sd of what is left when as many values are taken away."""
    n_left = ordered.size - n_cut
    if n_left < _SMALLEST:
        return -math.inf, math.inf
    first, second = (np.concatenate([[0.0], np.cumsum(ordered**power)]) for power in (1, 2))
    totals = []
    for width in (n_left, n_cut):
        starts = np.arange(ordered.size - width + 1)
        totals.append([sums[starts + width] - sums[starts] for sums in (first, second)])
    window = _log_sds(n_left, *totals[0])
    ends = _log_sds(n_left, first[-1] - totals[1][0], second[-1] - totals[1][1])
    return float(window.min()), float(ends.max())


def _log_sds(n: int, total: Array, square: Array) -> Array:
    """Log sd of n values from their sums and sums of squares, one for each set."""
    variance = (square - total**2 / n) / (n - 1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.maximum(variance, 0)) / 2)


def _log_sd(values: Array) -> float:
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return math.log(spread) if spread > 0 else -math.inf


def _bootstrap(kept: _Stayed) -> Array:
    """Standard deviations of the five figures over draws of units, within arms, (5,)."""
    random = np.random.default_rng(_SEED)
    unit = compact_codes(kept.unit)
    order = np.argsort(unit, kind="stable")
    bounds = np.searchsorted(unit[order], np.arange(unit.max() + 2))
    arm_of_unit = kept.treated[order][bounds[:-1]]
    drawn = []
    for _ in range(_N_BOOTSTRAP):
        chosen = np.concatenate(
            [
                random.choice(np.flatnonzero(arm_of_unit == z), int((arm_of_unit == z).sum()))
                for z in (0, 1)
            ]
        )
        rows = np.concatenate([order[bounds[u] : bounds[u + 1]] for u in chosen])
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn.append(_bounds(kept.value[rows], kept.stays[rows], kept.treated[rows]))
    draws = np.array(drawn)
    draws = draws[np.isfinite(draws).all(axis=1)]
    return np.asarray(draws.std(axis=0, ddof=1)) if len(draws) > 1 else np.full(5, math.nan)


def _estimates(kept: _Stayed, values: Array, errors: Array) -> list[Estimate]:
    rows = [_row(kept, RETENTION, values[0], errors[0], *_interval(values[:1], errors[:1]))]
    for first, terms in ((1, (MEAN_LOW, MEAN_HIGH)), (3, (SD_LOW, SD_HIGH))):
        ends = _interval(values[first : first + 2], errors[first : first + 2])
        for k, term in enumerate(terms):
            rows.append(_row(kept, term, values[first + k], errors[first + k], *ends))
    return rows


def _interval(values: Array, errors: Array) -> tuple[float, float]:
    """Imbens and Manski's set: its critical value lies between the one- and the two-sided one."""
    width, largest = float(values[-1] - values[0]), float(errors.max())
    if not math.isfinite(width) or not largest > 0:
        return -math.inf, math.inf

    def excess(c: float) -> float:
        return float(stats.norm.cdf(c + width / largest) - stats.norm.cdf(-c)) - LEVEL

    critical = float(optimize.brentq(excess, 0, 4))
    return float(values[0] - critical * errors[0]), float(values[-1] + critical * errors[-1])


def _row(kept: _Stayed, term: str, value: float, error: float, low: float, high: float) -> Estimate:
    n_lost = int(np.count_nonzero(~kept.stays))
    notes = (f"{n_lost} of {kept.stays.size} workers are lost", kept.message)
    return Estimate(
        term=term,
        estimate=float(value),
        std_error=float(error),
        conf_low=low,
        conf_high=high,
        n_obs=int(kept.stays.sum()),
        n_clusters=int(np.unique(kept.unit).size),
        status=OK if math.isfinite(value) else "unusable",
        message="; ".join(note for note in notes if note),
        convention="bootstrap over what was assigned",
    )
