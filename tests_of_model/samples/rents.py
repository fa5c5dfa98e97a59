"""Log pay and the log of one plus rents over human pay, by match of worker and firm."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, floats
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.regression.alone import n_alone
from withintask.tests_of_model.samples.pay_rows import PayRows, fail_if_not_positive
from withintask.tests_of_model.samples.unknown import joined, left_out, left_out_counts


@dataclass(frozen=True, kw_only=True, eq=False)
class RentRows:
    """Rows of pay in firms whose rents are known, (row,) each."""

    log_pay: Array
    """Log pay; of a row that stands for several, their mean."""
    log_rent: Array
    """Log of one plus the firm's rent per worker over its human pay."""
    match: Codes
    """Code of worker and firm; matches seen in the same periods of one firm may be one."""
    period: Codes
    """Code of the period."""
    firm: Codes
    """Code of the firm."""
    controls: Array
    """Controls that were asked for, (row, control)."""
    effects: Codes
    """Levels of fixed effects that were asked for, (row, effect)."""
    weight: Array
    """Sampling weight, or rows that a row stands for."""
    n_obs: int
    """Rows of pay."""
    n_singletons: int | None
    """Rows alone in a match or period, found repeatedly; None where the rows themselves tell."""
    note: str
    """Rows that were left out."""


def rent_rows(panel: Panel, pay: PayRows) -> RentRows:
    """Prepare the pay of a panel, ``pay_rows(panel)``, with its firms' rents."""
    rows, note = pay.usable("firm")
    assert panel.firms is not None
    value = np.where(rows.firm_key >= 0, _log_rent(eager(panel.firms))[rows.firm_key], np.nan)
    known = np.isfinite(value)
    note = joined(note, left_out({"rent": known}))
    rows = rows.take(known)
    return RentRows(
        log_pay=np.log(rows.pay),
        log_rent=value[known],
        match=encode(rows.worker, rows.firm),
        period=encode(rows.period),
        firm=rows.firm,
        controls=rows.controls,
        effects=rows.effects,
        weight=rows.weight,
        n_obs=rows.pay.size,
        n_singletons=None,
        note=note,
    )


def _log_rent(firms: pl.DataFrame) -> Array:
    return np.asarray(np.log1p(floats(firms["rent_per_worker"]) / floats(firms["human_pay_mean"])))


def scanned_rent_rows(panel: Panel) -> RentRows:
    """Prepare the same of a lazy panel; matches of one firm that are seen in the same periods are one row a period.

    Raises
    ------
    EstimationError
        If some pay is not positive, or no firm's rents are known.

    Notes
    -----
    Rents are those of a firm and period, so within these matches rents differ over periods alone, and alike: least squares
    off match and period effects, and scores by firm, are those of their means weighted by their number.
    """
    assert panel.pay is not None
    assert panel.firms is not None
    firms = eager(panel.firms)
    value = _log_rent(firms)
    rents = firms.select(
        pl.col("firm_id").cast(pl.String), "period", pl.Series("log_rent", value, nan_to_null=True)
    ).filter(pl.col("log_rent").is_finite())
    pay = panel.pay.lazy().select(
        "worker_id", pl.col("firm_id").cast(pl.String), "period", pl.col("pay").cast(pl.Float64)
    )
    note, n_obs = _left_out(pay, rents)
    rows = pay.join(rents.lazy().select("firm_id", "period"), on=["firm_id", "period"], how="semi")
    sums = _by_pattern(rows, rents)
    n_rows, n_matches = floats(sums["n"]), floats(sums["n_matches"])
    match, period = np.asarray(sums["pattern"].cast(pl.Int64)), codes(sums["period"])
    return RentRows(
        log_pay=floats(sums["log_pay"]),
        log_rent=floats(sums["log_rent"]),
        match=match,
        period=period,
        firm=codes(sums["firm_id"]),
        controls=np.empty((sums.height, 0)),
        effects=np.empty((sums.height, 0), dtype=np.int64),
        weight=n_rows,
        n_obs=n_obs,
        n_singletons=n_alone((match, period), (n_rows / n_matches, n_rows), n_rows),
        note=note,
    )


def _left_out(pay: pl.LazyFrame, rents: pl.DataFrame) -> tuple[str, int]:
    """Say how many rows tell no firm, or a firm without rents; and count those that are left."""
    counts = (
        pay.group_by("firm_id", "period")
        .agg(pl.len().alias("n"), (pl.col("pay") > 0).sum().alias("n_positive"))
        .collect(engine="streaming")
        .join(rents, on=["firm_id", "period"], how="left")
    )
    fail_if_not_positive(counts["n"], counts["n_positive"])
    n_all = int(counts["n"].sum())
    has_firm = counts.filter(pl.col("firm_id").is_not_null())
    n_firm = int(has_firm["n"].sum())
    n_rent = int(has_firm.drop_nulls("log_rent")["n"].sum())
    if not n_rent:
        raise EstimationError("no row of pay is in a firm whose rents are known")
    no_firm = left_out_counts({"firm": n_all - n_firm}, n_all - n_firm, n_all)
    no_rent = left_out_counts({"rent": n_firm - n_rent}, n_firm - n_rent, n_firm)
    return joined(no_firm, no_rent), n_rent


def _by_pattern(rows: pl.LazyFrame, rents: pl.DataFrame) -> pl.DataFrame:
    """Rows, matches and mean log pay by firm, periods in which its matches are seen, and period."""
    periods = rents["period"].unique().sort().to_list()
    counts, totals = [f"n_{p}" for p in periods], [f"total_{p}" for p in periods]
    is_in = [pl.col("period") == p for p in periods]
    matches = rows.group_by("worker_id", "firm_id").agg(
        *(flag.sum().alias(name) for flag, name in zip(is_in, counts, strict=True)),
        *(
            pl.when(flag).then(pl.col("pay").log()).sum().alias(name)
            for flag, name in zip(is_in, totals, strict=True)
        ),
    )
    patterns = (
        matches.group_by("firm_id", *counts)
        .agg(pl.len().alias("n_matches"), pl.col(totals).sum())
        .sort("firm_id", *counts)
        .collect(engine="streaming")
        .with_row_index("pattern")
    )
    parts = [
        patterns.select(
            "pattern",
            "firm_id",
            "n_matches",
            period=pl.lit(p, dtype=rents["period"].dtype),
            n=pl.col(count) * pl.col("n_matches"),
            log_pay=pl.col(total) / (pl.col(count) * pl.col("n_matches")),
        ).filter(pl.col("n") > 0)
        for p, count, total in zip(periods, counts, totals, strict=True)
    ]
    return (
        pl.concat(parts).join(rents, on=["firm_id", "period"], how="left").sort("pattern", "period")
    )
