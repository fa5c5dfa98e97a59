"""Censor percentiles again at an older top code, so that years with different caps compare."""

from typing import TypeVar

import polars as pl

from withintask.ingest.oews.vintages import MEANS, WAGE_KINDS, TopCode, load_layouts

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def recensor(wages: Frame, year: int) -> Frame:
    """Show every percentile at or above the top code of `year` as that bound.

    The percentiles of May 2025 are published above the old cap; a comparison with earlier years
    needs them censored as those were. Means stay: BLS publishes national means above the cap.

    Parameters
    ----------
    wages
        Rows of the table `oews`.
    year
        Year whose top code is applied; a row with a lower cap of its own keeps its bound.

    Returns
    -------
    pl.DataFrame or pl.LazyFrame
        The same rows; values, bounds, statuses and the two cap columns are changed.

    Raises
    ------
    ParameterError
        If the year is unknown.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> wages = wt.load_oews(store, years=2025).collect()
    >>> as_before = wt.recensor(wages, 2024)
    >>> as_before.height == wages.height
    True
    """
    layouts = load_layouts()
    cap = layouts.vintage(year).top_code
    percentiles = [
        column
        for column in layouts.measures
        if column.kind in WAGE_KINDS and column.name not in MEANS
    ]
    changed = [e for c in percentiles for e in _capped(c.name, _cap_of(c.kind, cap))]
    return wages.with_columns(
        *changed,
        pl.min_horizontal("top_code_hourly_usd", pl.lit(cap.hourly_usd)).alias(
            "top_code_hourly_usd"
        ),
        pl.min_horizontal("top_code_annual_usd", pl.lit(cap.annual_usd)).alias(
            "top_code_annual_usd"
        ),
    )


def _cap_of(kind: str, cap: TopCode) -> float:
    return cap.hourly_usd if kind == "hourly_wage" else cap.annual_usd


def _capped(name: str, cap: float) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    is_above = pl.col(name) >= cap
    bound, status = f"{name}_bound", f"{name}_status"
    return (
        pl.when(is_above).then(pl.lit(cap)).otherwise(name).alias(name),
        pl.when(is_above).then(pl.lit(">=")).otherwise(pl.col(bound).cast(pl.String)).alias(bound),
        pl.when(is_above)
        .then(pl.lit("top_coded"))
        .otherwise(pl.col(status).cast(pl.String))
        .alias(status),
    )
