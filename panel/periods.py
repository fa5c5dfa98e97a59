"""Which date is which period: days, weeks, months, quarters or years counted from a start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import polars as pl

from withintask.panel.errors import quoted, shortened

MONTHS_A_QUARTER = 3
MONTHS_A_YEAR = 12
DAYS_A_WEEK = 7


@dataclass(frozen=True, kw_only=True)
class PeriodRule:
    """How dates of a file become periods that count."""

    by: str
    """``day``, ``week``, ``month``, ``quarter`` or ``year``"""
    start: date
    """a date of the period ``first``; weeks begin on its weekday"""
    first: int = 1
    """the number of that period"""
    format: str = "%Y-%m-%d"
    """how dates are written, where they are text"""


def period_rule(section: Mapping[str, Any]) -> tuple[PeriodRule | None, list[str]]:
    """Read a rule of a mapping; return it, or what is wrong with it."""
    problems = [f"{shortened(key)} is not known" for key in section if key not in _KEYS]
    problems += [f"no {key}" for key in ("by", "start") if key not in section]
    if section.get("by", "day") not in STEPS:
        problems.append(f"by is {quoted(section['by'])}, not one of {', '.join(STEPS)}")
    start = section.get("start", date.min)
    if isinstance(start, str):
        try:
            start = date.fromisoformat(start)
        except ValueError:
            problems.append(f"start is {quoted(start)}, not a date such as 2024-01-31")
    if problems:
        return None, problems
    return PeriodRule(**{**section, "start": start}), []


def as_date(value: pl.Expr, dtype: pl.DataType, pattern: str) -> pl.Expr:
    """Read text, or a date and time, as a date; null where it cannot be read."""
    if dtype == pl.Date or (dtype == pl.String and not has_time(pattern)):
        return as_moment(value, dtype, pattern)
    return as_moment(value, dtype, pattern).dt.date()


def as_moment(value: pl.Expr, dtype: pl.DataType, pattern: str) -> pl.Expr:
    """Read text as a date, or as a date and time if the pattern has one; null where it cannot be read."""
    if dtype != pl.String:
        return value
    if has_time(pattern):
        return value.str.to_datetime(pattern, strict=False)
    return value.str.to_date(pattern, strict=False)


def has_time(pattern: str) -> bool:
    """Whether a way to write dates tells the time of the day too."""
    return any(part in pattern for part in ("%H", "%I", "%s", "%T", "%R", "%X"))


def as_period(value: pl.Expr, rule: PeriodRule) -> pl.Expr:
    """Count the periods from the start of the rule to a date."""
    return STEPS[rule.by](value, rule.start).cast(pl.Int64) + rule.first


def _days(value: pl.Expr, start: date) -> pl.Expr:
    return value.to_physical().cast(pl.Int64) - (start - date(1970, 1, 1)).days


def _weeks(value: pl.Expr, start: date) -> pl.Expr:
    return _days(value, start) // DAYS_A_WEEK


def _months(value: pl.Expr, start: date) -> pl.Expr:
    years = value.dt.year().cast(pl.Int64) - start.year
    return years * MONTHS_A_YEAR + value.dt.month().cast(pl.Int64) - start.month


def _quarters(value: pl.Expr, start: date) -> pl.Expr:
    into = (start.month - 1) % MONTHS_A_QUARTER
    return (_months(value, start) + into) // MONTHS_A_QUARTER


def _years(value: pl.Expr, start: date) -> pl.Expr:
    return value.dt.year().cast(pl.Int64) - start.year


STEPS: Mapping[str, Callable[[pl.Expr, date], pl.Expr]] = MappingProxyType(
    {"day": _days, "week": _weeks, "month": _months, "quarter": _quarters, "year": _years}
)
"""Periods from a start to a date, by the length of a period."""

_KEYS = ("by", "start", "first", "format")
