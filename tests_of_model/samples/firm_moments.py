"""Moments of log pay by firm, before and after AI."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.samples.pay_rows import PayRows


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
    """Code of the industry; 0 where not known, (firm,)."""
    kind: Array
    """Whether η1 and ξ of the industry are high, 0, 1 or NaN, (firm, 2)."""
    n_obs: int
    """Rows of pay."""
    n_left_out: int
    """Firms left out: fewer than two workers in a period, or not seen before and after."""


def firm_moments(panel: Panel, rows: PayRows) -> FirmMoments:
    """Reduce the pay of a panel, ``pay_rows(panel)``, to the moments of each firm."""
    cell = rows.firm * 2 + rows.is_post
    n_firms = int(rows.firm.max()) + 1
    firm_period = encode(rows.firm, rows.period)
    count = np.bincount(firm_period).astype(np.float64)
    log_pay = np.log(rows.pay)
    mean = np.bincount(firm_period, log_pay) / count
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.bincount(firm_period, (log_pay - mean[firm_period]) ** 2) / (count - 1)
    cell_of = np.empty(count.size, dtype=np.int64)
    cell_of[firm_period] = cell
    tables = [
        _by_side(cell_of, values, n_firms) for values in (mean, within / count, within, count)
    ]
    usable = np.isfinite(tables[1]).all(axis=1)
    industry, kind = _industries(panel, rows, n_firms)
    return FirmMoments(
        mean=tables[0][usable],
        noise=tables[1][usable],
        within=tables[2][usable],
        size=tables[3][usable].mean(axis=1),
        industry=industry[usable],
        kind=kind[usable],
        n_obs=rows.pay.size,
        n_left_out=int(np.unique(rows.firm).size - usable.sum()),
    )


def _by_side(cell_of: Codes, values: Array, n_firms: int) -> Array:
    """Mean over periods before and after, (firm, 2); NaN where a firm is not seen or a value is not known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = np.bincount(cell_of, values, minlength=2 * n_firms)
        return np.asarray(sums / np.bincount(cell_of, minlength=2 * n_firms)).reshape(n_firms, 2)


def _industries(panel: Panel, rows: PayRows, n_firms: int) -> tuple[Codes, Array]:
    industry, kind = np.zeros(n_firms, dtype=np.int64), np.full((n_firms, 2), np.nan)
    if panel.firms is None:
        return industry, kind
    firms = eager(panel.firms)
    if "industry_code" not in firms.columns:
        return industry, kind
    measured = lookup(firms, "industry_code", panel.industries, ("proprietary", "rent_sharing"))
    known = rows.firm_key >= 0
    industry[rows.firm[known]] = codes(firms["industry_code"])[rows.firm_key[known]]
    for column, name in enumerate(("proprietary", "rent_sharing")):
        values = measured[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        finite = values[np.isfinite(values)]
        if finite.size and finite.min() < finite.max():
            high = np.where(np.isfinite(values), values > (finite.min() + finite.max()) / 2, np.nan)
            kind[rows.firm[known], column] = high[rows.firm_key[known]]
    return industry, kind
