"""Moments of log pay by firm, before and after AI."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags, floats
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup
from withintask.tests_of_model.regression.absorb import compact_codes, encode
from withintask.tests_of_model.regression.grouping import first_rows
from withintask.tests_of_model.samples.pay_rows import (
    PayRows,
    fail_if_not_positive,
    firm_keys,
)
from withintask.tests_of_model.samples.unknown import (
    earliest,
    joined,
    left_out,
    left_out_counts,
    told,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class FirmMoments:
    """Log pay of each firm seen before and after AI, (firm, 2) each unless said otherwise."""

    mean: Array
    """Mean log pay, before and after (periods averaged)."""
    noise: Array
    """Sampling variance of the mean."""
    within: Array
    """Variance among the firm's workers."""
    size: Array
    """Workers per period, mean over periods, (firm,)."""
    industry: Codes
    """Code of the industry, -1 where not known; 0 everywhere where the panel tells none, (firm,)."""
    kind: Array
    """Whether η1 and ξ of the industry are high, 0, 1 or NaN, (firm, 2)."""
    n_obs: int
    """Rows of pay."""
    message: str
    """What was left out: rows of pay without a firm; firms of one worker in a period, or not seen before and after."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FirmPeriods:
    """Log pay of each firm in each period, (firm and period,) each unless said otherwise."""

    firm: Codes
    """Code of the firm."""
    period: Codes
    """Period as in the panel."""
    is_post: Flags
    """Whether AI has arrived."""
    firm_key: Codes
    """Row of the table of firms, -1 where it has none."""
    count: Array
    """Workers."""
    mean: Array
    """Mean log pay."""
    within: Array
    """Variance of log pay among workers, NaN of one."""
    note: str
    """How many rows of pay were left out."""


def firm_moments(panel: Panel, rows: PayRows) -> FirmMoments:
    """Reduce the pay of a panel, ``pay_rows(panel)``, to the moments of each firm."""
    rows, note = rows.usable("firm")
    firm_period = encode(rows.firm, rows.period)
    first = first_rows(firm_period)
    count = np.bincount(firm_period).astype(np.float64)
    log_pay = np.log(rows.pay)
    mean = np.bincount(firm_period, log_pay) / count
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.bincount(firm_period, (log_pay - mean[firm_period]) ** 2) / (count - 1)
    periods = FirmPeriods(
        firm=rows.firm[first],
        period=rows.period[first],
        is_post=rows.is_post[first],
        firm_key=rows.firm_key[first],
        count=count,
        mean=mean,
        within=within,
        note=note,
    )
    return moments_of_periods(panel, periods)


def scanned_firm_moments(panel: Panel) -> FirmMoments:
    """Reduce the pay of a lazy panel to the moments of each firm in one pass; no row stays in memory.

    Raises
    ------
    EstimationError
        If the panel has no pay, or some of it is not positive.
    """
    if panel.pay is None:
        raise EstimationError("panel: no table pay")
    log_pay = pl.col("pay").log()
    sums = (
        panel.pay.lazy()
        .group_by("firm_id", "period")
        .agg(
            pl.len().alias("count"),
            (pl.col("pay") > 0).sum().alias("n_positive"),
            log_pay.mean().alias("mean"),
            log_pay.var().alias("within"),
        )
        .sort("firm_id", "period")
        .collect(engine="streaming")
    )
    fail_if_not_positive(sums["count"], sums["n_positive"])
    known = sums.filter(pl.col("firm_id").is_not_null())
    n_all, n_known = int(sums["count"].sum()), int(known["count"].sum())
    first = panel.info.first_ai_period
    period = known["period"].to_numpy()
    periods = FirmPeriods(
        firm=codes(known["firm_id"]),
        period=period,
        is_post=np.zeros(period.size, dtype=np.bool_) if first is None else period >= first,
        firm_key=firm_keys(known, panel),
        count=floats(known["count"]),
        mean=floats(known["mean"]),
        within=floats(known["within"]),
        note=left_out_counts({"firm": n_all - n_known}, n_all - n_known, n_all),
    )
    return moments_of_periods(panel, periods)


def moments_of_periods(panel: Panel, periods: FirmPeriods) -> FirmMoments:
    """Put the periods of each firm together, and say what its industry is like."""
    n_firms = int(periods.firm.max()) + 1
    cell, within, count = periods.firm * 2 + periods.is_post, periods.within, periods.count
    tables = [
        _by_side(cell, values, n_firms) for values in (periods.mean, within / count, within, count)
    ]
    usable = np.isfinite(tables[1]).all(axis=1)
    industry, kind = _industries(panel, periods, n_firms)
    return FirmMoments(
        mean=tables[0][usable],
        noise=tables[1][usable],
        within=tables[2][usable],
        size=tables[3][usable].mean(axis=1),
        industry=industry[usable],
        kind=kind[usable],
        n_obs=int(count.sum()),
        message=joined(
            firms_left_out(int(np.unique(periods.firm).size - usable.sum())),
            periods.note,
            left_out({"industry": industry[usable] >= 0}, "firms"),
        ),
    )


def _by_side(cell_of: Codes, values: Array, n_firms: int) -> Array:
    """Mean over periods before and after, (firm, 2); NaN where a firm is not seen or a value is not known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = np.bincount(cell_of, values, minlength=2 * n_firms)
        return np.asarray(sums / np.bincount(cell_of, minlength=2 * n_firms)).reshape(n_firms, 2)


def firms_left_out(n_firms: int) -> str:
    """Say how many firms have too few workers, or are not seen before and after AI."""
    return f"{n_firms} firms left out: under two workers, or one side" if n_firms else ""


def _industries(panel: Panel, rows: FirmPeriods, n_firms: int) -> tuple[Codes, Array]:
    """Industry of each firm, and whether its η1 and ξ are high, as the earliest period in which it is known says."""
    industry, kind = np.full(n_firms, -1), np.full((n_firms, 2), np.nan)
    firms = None if panel.firms is None else eager(panel.firms)
    if firms is not None and "industry_code" in firms.columns:
        known = rows.firm_key >= 0
        code = codes(firms["industry_code"])[rows.firm_key[known]]
        first = _earliest_known(rows.firm[known], rows.period[known], code)
        firm, key = rows.firm[known][first], rows.firm_key[known][first]
        industry[firm] = code[first]
        kind[firm] = _kinds(panel, firms)[key]
    return told(industry, 0), kind


def _earliest_known(firm: Codes, period: Codes, code: Codes) -> Codes:
    """Position of each firm's earliest row with a known industry; firms without one are not there."""
    known = np.flatnonzero(code >= 0)
    if known.size == 0:
        return known
    return known[earliest(compact_codes(firm[known]), period[known], code[known])]


def _kinds(panel: Panel, firms: pl.DataFrame) -> Array:
    """Whether η1 and ξ of the firm's industry are above the middle of their range, (row of firms, 2)."""
    measured = lookup(firms, "industry_code", panel.industries, ("proprietary", "rent_sharing"))
    kind = np.full((firms.height, 2), np.nan)
    for column, name in enumerate(("proprietary", "rent_sharing")):
        values = floats(measured[name])
        finite = values[np.isfinite(values)]
        if finite.size and finite.min() < finite.max():
            middle = (finite.min() + finite.max()) / 2
            kind[:, column] = np.where(np.isfinite(values), values > middle, np.nan)
    return kind
