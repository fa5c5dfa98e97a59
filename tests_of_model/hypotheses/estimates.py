"""From a fit, a point estimate or a failure to the tidy rows that every estimator returns."""

import math
from collections.abc import Sequence
from dataclasses import asdict

import polars as pl
from scipy import special

from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate
from withintask.tests_of_model.regression.fitted import Fit

LEVEL = 0.95
"""Coverage of every interval."""


def from_fit(fit: Fit, names: dict[str, str], *, message: str = "") -> tuple[Estimate, ...]:
    """Make rows of some coefficients of a fit.

    Parameters
    ----------
    fit
        A regression.
    names
        Term of the estimate to name of the regressor.
    message
        Anything to add to the fit's own messages.
    """
    bounds = fit.conf_int(LEVEL)
    said = "; ".join((*((message,) if message else ()), *fit.messages))
    rows = []
    for term, name in names.items():
        place = fit.position(name)
        is_usable = math.isfinite(fit.params[place]) and math.isfinite(fit.std_error[place])
        rows.append(
            Estimate(
                term=term,
                estimate=float(fit.params[place]),
                std_error=float(fit.std_error[place]),
                dof=float(fit.dof[place]),
                statistic=float(fit.statistic[place]),
                p_value=float(fit.p_value[place]),
                conf_low=float(bounds[place, 0]),
                conf_high=float(bounds[place, 1]),
                n_obs=fit.n_obs,
                n_clusters=fit.n_clusters,
                status=OK if is_usable else (fit.status if fit.status != OK else "no_variance"),
                message=said,
                convention=f"{fit.covariance_kind}, {fit.convention}",
            )
        )
    return tuple(rows)


def from_moments(
    term: str,
    estimate: float,
    std_error: float,
    *,
    dof: float,
    n_obs: int,
    n_clusters: int,
    convention: str,
    message: str = "",
) -> Estimate:
    """Make a row of a point estimate, its standard error and its degrees of freedom.

    Parameters
    ----------
    term
        What is estimated.
    estimate, std_error
        In the unit of the term.
    dof
        Degrees of freedom of the t distribution; infinite for the normal one.
    n_obs, n_clusters
        Rows used, and clusters; 0 without clusters.
    convention, message
        How the error was computed, and what the reader should know.

    Returns
    -------
    Estimate
        With test and 95 % interval; status ``no_variance`` where there is no error to test by.

    Examples
    --------
    >>> import withintask as wt
    >>> row = wt.from_moments("average_effect_log", 0.2, 0.1, dof=10, n_obs=400, n_clusters=11, convention="mine")
    >>> round(row.conf_low, 3), round(row.conf_high, 3)
    (-0.023, 0.423)
    """
    statistic = estimate / std_error if std_error > 0 else math.nan
    half = float(special.stdtrit(dof, (1 + LEVEL) / 2)) * std_error
    is_usable = math.isfinite(estimate) and math.isfinite(std_error) and std_error > 0
    return Estimate(
        term=term,
        estimate=estimate,
        std_error=std_error,
        dof=dof,
        statistic=statistic,
        p_value=2 * float(special.stdtr(dof, -abs(statistic))) if is_usable else math.nan,
        conf_low=estimate - half,
        conf_high=estimate + half,
        n_obs=n_obs,
        n_clusters=n_clusters,
        status=OK if is_usable else "no_variance",
        message=message,
        convention=convention,
    )


def failure(term: str, status: str, message: str) -> Estimate:
    """Make the row of an estimate that could not be computed."""
    return Estimate(
        term=term, estimate=math.nan, std_error=math.nan, status=status, message=message
    )


TIDY_SCHEMA = {
    "term": pl.String,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "dof": pl.Float64,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "n_obs": pl.Int64,
    "n_clusters": pl.Int64,
    "status": pl.String,
    "message": pl.String,
    "convention": pl.String,
}
"""Columns of estimates outside of a hypothesis."""


def tidy(rows: Sequence[Estimate]) -> pl.DataFrame:
    """Estimates as a frame of TIDY_SCHEMA, one row each."""
    return pl.DataFrame([asdict(row) for row in rows], schema=TIDY_SCHEMA, orient="row")
