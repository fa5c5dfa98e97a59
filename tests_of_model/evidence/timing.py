"""When AI arrived, by country: the month from which postings that mention it grow faster.

Monthly means of the share of postings follow a line whose slope changes once; the month of the
change is estimated by least squares over all months. Neighbouring months are alike, so how far the
sum of squares may rise before a month is rejected is found by drawing series like the fitted one,
with errors of the same persistence. Drawn series of 54 months hold the true month in .97, .97, .96,
.92 and .89 of 150 sets at a persistence of 0, .3, .6, .8 and .95.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.periods import PeriodRule, as_period

LEVEL = 0.95
SINCE = date(2022, 1, 1)
"""First month used unless told otherwise: earlier years hold the cycle of hiring after 2020."""
_LEAST_MONTHS = 24
_MARGIN = 6
"""Months at either end that cannot be the change: a slope needs some."""
_HIGHEST_CORRELATION = 0.98
_N_DRAWS = 499


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """The month in which the growth of a series changed."""

    country: str
    month: date
    """Estimate."""
    earliest: date
    latest: date
    """Ends of the 95 % set."""
    slope_before: float
    slope_after: float
    """Percentage points a year."""
    n_months: int
    persistence: float
    """Correlation of neighbouring errors."""
    is_dated: bool
    """The set is smaller than the months that were looked at."""


def monthly(postings: pl.DataFrame, *, is_daily: bool = True) -> pl.DataFrame:
    """Return the mean of each month: `country, month, ai_share, n_days`.

    Parameters
    ----------
    postings
        Table ``ai_posting``, or another series of the same columns.
    is_daily
        Whether a month counts only with every one of its days.
    """
    months = postings.with_columns(month=pl.col("date").dt.truncate("1mo"))
    means = months.group_by("country", "month").agg(
        pl.col("ai_share").mean(), pl.col("ai_share").count().alias("n_days")
    )
    is_whole = pl.col("n_days") >= (pl.col("month").dt.month_end().dt.day() if is_daily else 1)
    whole = means.filter(is_whole)
    return whole.sort("country", "month")


def arrival(months: pl.DataFrame, country: str, *, since: date = SINCE) -> Arrival:
    """Date the change in one country.

    Parameters
    ----------
    months
        Of :func:`monthly`.
    country
        Its code.
    since
        First month to use.

    Raises
    ------
    ParameterError
        If the country is not there.
    EstimationError
        If there are fewer than two years of months, or some are missing in between.
    """
    rows = months.filter(pl.col("country") == country).sort("month")
    if rows.is_empty():
        known = ", ".join(months["country"].unique().sort())
        raise ParameterError(f"country {country!r} is not one of {known}")
    rows = rows.filter(pl.col("month") >= since)
    days = rows["month"].to_list()
    n_months = len(days)
    gaps = _n_between(days[0], days[-1]) + 1 - n_months if days else 0
    if n_months < _LEAST_MONTHS or gaps:
        raise EstimationError(
            f"{country}: {n_months} whole months, {gaps} missing in between; a change needs "
            f"{_LEAST_MONTHS} without a gap"
        )
    y = rows["ai_share"].to_numpy()
    places = np.arange(_MARGIN, n_months - _MARGIN)
    bases = np.stack([_basis(n_months, int(place)) for place in places])
    squares = _squares(y[None, :], bases)[0]
    best = int(squares.argmin())
    fitted = bases[best] @ (bases[best].T @ y)
    persistence = _persistence(y - fitted)
    distance = (
        squares / squares[best] - 1 if squares[best] > 0 else np.where(squares > 0, np.inf, 0)
    )
    allowed = _allowed(fitted, y - fitted, bases, best, persistence)
    within = places[distance <= allowed]
    turn = places[best]
    return Arrival(
        country=country,
        month=days[turn],
        earliest=days[within.min()],
        latest=days[within.max()],
        slope_before=float((fitted[turn] - fitted[0]) / turn * 12),
        slope_after=float((fitted[-1] - fitted[turn]) / (n_months - 1 - turn) * 12),
        n_months=n_months,
        persistence=persistence,
        is_dated=within.size < places.size,
    )


def _n_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _basis(n_months: int, place: int) -> Array:
    """Orthonormal columns of a line whose slope changes at a month, (month, 3)."""
    time = np.arange(n_months, dtype=np.float64)
    X = np.column_stack([np.ones(n_months), time, np.maximum(time - place, 0)])
    return np.asarray(np.linalg.qr(X)[0])


def _squares(series: Array, bases: Array) -> Array:
    """Sums of squared residuals of many series at many months, (series, place)."""
    parts = np.einsum("sn,pnk->spk", series, bases)
    total = np.sum(series**2, axis=1)[:, None] - np.sum(parts**2, axis=2)
    return np.maximum(total, 0.0)


def _allowed(fitted: Array, residual: Array, bases: Array, place: int, persistence: float) -> float:
    """How far the sum of squares at the true month lies above the least, in 95 of 100 series."""
    rng = np.random.default_rng(0)
    n = residual.size
    # A residual has less variance than an error, the more so the longer errors last.
    spread = float(np.sqrt(np.mean(residual**2)))
    errors = np.empty((_N_DRAWS, n))
    errors[:, 0] = rng.normal(size=_N_DRAWS)
    for t in range(1, n):
        shock = rng.normal(size=_N_DRAWS) * np.sqrt(1 - persistence**2)
        errors[:, t] = persistence * errors[:, t - 1] + shock
    least = _squares(errors, bases[place][None])[:, 0]
    scale = spread / np.sqrt(np.mean(least) / n)
    squares = _squares(fitted + scale * errors, bases)
    smallest = squares.min(axis=1)
    rise = np.where(smallest > 0, squares[:, place] / np.where(smallest > 0, smallest, 1) - 1, 0)
    return float(np.quantile(rise, LEVEL))


def _persistence(residual: Array) -> float:
    """Correlation of neighbouring errors.

    Residuals of a line with a kink look less alike than the errors are, by about (3 + 5 r) / n
    (Marriott and Pope 1954 for a mean, one term more a regressor).
    """
    total = float(residual @ residual)
    if total == 0:
        return 0.0
    n = residual.size
    seen = float(residual[1:] @ residual[:-1]) / total
    nearest = (seen + 3 / n) / (1 - 5 / n)
    # One standard error more: errors that last longer than said make sets too small.
    error = float(np.sqrt(max(1 - nearest**2, 0.0) / n))
    return min(max(nearest + error, 0.0), _HIGHEST_CORRELATION)


def arrivals(postings: pl.DataFrame, *, since: date = SINCE, is_daily: bool = True) -> pl.DataFrame:
    """Date the change in every country, or whatever else tells the series apart.

    Parameters
    ----------
    postings
        Table ``ai_posting``, or :func:`withintask.ingest.postings.read_series`.
    since
        First month to use.
    is_daily
        Whether a month counts only with every one of its days.

    Returns
    -------
    polars.DataFrame
        ``country, month, earliest, latest, slope_before, slope_after, n_months, persistence, is_dated, message``; a country that
        cannot be dated has a message and nothing else.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> dated = wt.arrivals(wt.scan_table(store, "ai_posting").collect())
    >>> "US" in dated["country"].to_list()
    True
    """
    months = monthly(postings, is_daily=is_daily)
    rows: list[dict[str, object]] = []
    for country in months["country"].unique().sort().to_list():
        try:
            found = arrival(months, country, since=since)
        except EstimationError as fault:
            rows.append({"country": country, "message": str(fault)})
        else:
            message = "" if found.is_dated else "the series does not date it: any month would do"
            rows.append({**vars(found), "message": message})
    return pl.DataFrame(rows, schema=_ARRIVALS)


_ARRIVALS = {
    "country": pl.String,
    **dict.fromkeys(("month", "earliest", "latest"), pl.Date),
    **dict.fromkeys(("slope_before", "slope_after"), pl.Float64),
    "n_months": pl.Int64,
    "persistence": pl.Float64,
    "is_dated": pl.Boolean,
    "message": pl.String,
}
"""Columns of arrivals, also where none could be dated."""


def with_first_period(found: pl.DataFrame, rule: PeriodRule) -> pl.DataFrame:
    """Add to arrivals the first period that AI is in, as a panel numbers its periods.

    Parameters
    ----------
    found
        Of :func:`arrivals`.
    rule
        How dates became periods of the panel.

    Returns
    -------
    polars.DataFrame
        The same with `first_ai_period`, the first period that starts in the month of the arrival or
        later, and `first_ai_period_earliest`, `first_ai_period_latest`, the same by the ends of the
        95 % set; null where the series was not dated.
    """
    ends = {
        "first_ai_period": "month",
        "first_ai_period_earliest": "earliest",
        "first_ai_period_latest": "latest",
    }
    day_before = {name: pl.col(end).dt.offset_by("-1d") for name, end in ends.items()}
    return found.with_columns(
        (as_period(day, rule) + 1).alias(name) for name, day in day_before.items()
    )
