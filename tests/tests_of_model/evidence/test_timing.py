"""The month in which AI arrived, with sets that hold it as often as they say."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.periods import PeriodRule
from withintask.tests_of_model.evidence import timing

AT, N = 30, 54


def months(rng, *, persistence=0.0, sd=0.1, slope=0.06, n=N):
    shocks = rng.normal(size=n) * sd * np.sqrt(1 - persistence**2)
    errors = np.zeros(n)
    errors[0] = rng.normal() * sd
    for t in range(1, n):
        errors[t] = persistence * errors[t - 1] + shocks[t]
    share = 2 + slope * np.maximum(np.arange(n) - AT, 0) + errors
    days = [date(2022 + t // 12, t % 12 + 1, 1) for t in range(n)]
    return pl.DataFrame({"country": ["XX"] * n, "month": days, "ai_share": share})


def days(rng, *, name="XX", **changes):
    """The same as a series of days."""
    series = months(rng, **changes).rename({"ai_share": "level"})
    last = pl.col("month").dt.month_end()
    each = series.with_columns(date=pl.date_ranges("month", last)).explode("date")
    return each.select(country=pl.lit(name), date="date", ai_share="level")


MONTH = months(np.random.default_rng(0))["month"][AT]


def test_a_change_without_noise_is_found_to_the_month():
    found = timing.arrival(months(np.random.default_rng(1), sd=1e-9), "XX")
    assert (found.month, found.earliest, found.latest) == (MONTH, MONTH, MONTH)
    np.testing.assert_allclose([found.slope_before, found.slope_after], [0, 0.72], atol=1e-6)


@pytest.mark.parametrize("persistence", [0.0, 0.6])
def test_the_set_holds_the_month_as_often_as_it_says(persistence):
    n = 60
    held = 0
    for seed in range(n):
        found = timing.arrival(months(np.random.default_rng(seed), persistence=persistence), "XX")
        held += found.earliest <= MONTH <= found.latest
    # Four binomial errors below .95: false alarm 3e-5 at most.
    assert held / n > 0.95 - 4 * np.sqrt(0.95 * 0.05 / n)


def test_a_series_that_does_not_date_it_says_so():
    found = timing.arrival(months(np.random.default_rng(2), persistence=0.97, slope=0.0), "XX")
    assert not found.is_dated


def test_a_month_that_is_not_whole_is_left_out():
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(31 + 10)]
    postings = pl.DataFrame({"country": "XX", "date": days, "ai_share": 1.0})
    assert timing.monthly(postings)["month"].to_list() == [date(2024, 1, 1)]


def test_a_short_or_broken_series_is_a_row_with_its_reason():
    whole = months(np.random.default_rng(3))
    broken = whole.filter(pl.col("month") != date(2023, 5, 1))
    with pytest.raises(EstimationError, match="53 whole months, 1 missing in between"):
        timing.arrival(broken, "XX")
    with pytest.raises(ParameterError, match="country 'YY' is not one of XX"):
        timing.arrival(whole, "YY")


@pytest.mark.parametrize(
    ("by", "start", "expected"),
    [
        ("month", date(2022, 1, 1), AT + 1),
        ("month", date(2022, 1, 20), AT + 1),
        ("quarter", date(2022, 1, 1), AT // 3 + 1),
        ("quarter", date(2022, 3, 1), AT // 3 + 1),
        ("year", date(2020, 1, 1), 2025 - 2020 + 1),
    ],
)
def test_the_first_period_with_ai_starts_in_the_month_of_its_arrival_or_next(by, start, expected):
    rows = timing.arrivals(days(np.random.default_rng(4), sd=1e-9))
    found = timing.with_first_period(rows, PeriodRule(by=by, start=start))
    names = ["first_ai_period", "first_ai_period_earliest", "first_ai_period_latest"]
    assert found.select(names).row(0) == (expected,) * 3


def test_a_series_that_cannot_be_dated_suggests_no_period():
    rows = timing.arrivals(
        days(np.random.default_rng(3), n=12).vstack(days(np.random.default_rng(3), name="YY"))
    )
    found = timing.with_first_period(rows, PeriodRule(by="month", start=date(2022, 1, 1)))
    assert found["first_ai_period"].is_null().to_list() == [True, False]
