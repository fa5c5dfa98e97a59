"""Guesses from a column's name and values: how dates are counted, what an outcome is, which arm is the control."""

import re
from datetime import date, timedelta
from typing import Any

import polars as pl

from withintask.panel.errors import ParameterError, quoted, some_examples
from withintask.panel.outcome import OUTCOMES, OutcomeKind
from withintask.panel.periods import STEPS
from withintask.panel.sniff import Column
from withintask.panel.units import TIME, name_words

LONG_DAYS, LONGER_DAYS = 28, 400
"""Dates over fewer days are counted by day, over more by week, over still more by month."""

_RATING = 10
"""A rating has at most this as its highest value."""

_CONTROL = ("control", "human", "none", "without", "no ai", "baseline", "placebo", "manual")


def guess_period_rule(
    column: Column, *, by: str | None, start: date | None
) -> tuple[dict[str, Any], str]:
    """Say by what dates are counted and from when; the doubt is empty where it was stated.

    Parameters
    ----------
    column
        A column of dates.
    by, start
        What the user says of them, if anything.

    Raises
    ------
    ParameterError
        If ``by`` is no length of a period.
    """
    first, last = column.first_date, column.last_date
    assert first is not None
    assert last is not None
    days = (last - first).days
    step = by or ("day" if days < LONG_DAYS else "week" if days < LONGER_DAYS else "month")
    if step not in STEPS:
        raise ParameterError(f"by is {quoted(step)}, not one of {', '.join(STEPS)}")
    monday = first - timedelta(days=first.weekday())
    begin = start or {"day": first, "week": monday}.get(step, first.replace(day=1))
    rule = {"by": step, "start": begin.isoformat()}
    if column.dtype == pl.String:
        rule["format"] = column.date_formats[0]
    doubts = [] if by else [f"dates from {first} to {last}, counted by {step}"]
    if len(column.date_formats) > 1:
        doubts.append(f"or is a date written {column.date_formats[1]}?")
    return rule, "; ".join(doubts)


def guess_covariate(column: Column) -> tuple[str, str]:
    """Propose a name of a covariate in small letters and digits, and what it is: number, flag or category."""
    name = re.sub(r"[^0-9a-z]+", "_", column.name.lower()).strip("_")
    if set(column.truths) <= {"true", "false"} and column.truths:
        return name, "flag"
    return name, "number" if column.is_number else "category"


def guess_outcome(column: Column) -> tuple[OutcomeKind, str]:
    """Propose a kind of outcome by a column's name and values, with the doubt."""
    if column.truths or (column.is_whole and (column.low, column.high) == (0, 1)):
        return "binary", ""
    zeros = f"{column.n_zeros:,} zeros" if column.n_zeros else ""
    words = name_words(column.name)
    if "per" not in words and any(TIME.match(word) for word in words):
        doubt = f"{quoted(column.name)} sounds like a time, of which less is better"
        return "time", f"{doubt}; {zeros} are refused" if zeros else doubt
    if (column.low or 0) < 0:
        return "log", "negative values occur: is it a log?"
    kind, doubt = _of_numbers(column, zeros)
    return kind, doubt


def _of_numbers(column: Column, zeros: str) -> tuple[OutcomeKind, str]:
    if column.is_whole and zeros:
        return "count", f"whole numbers with {zeros}"
    if column.is_whole and column.high is not None and column.high <= _RATING:
        return "score", f"whole numbers up to {column.high:g}; or is it a count?"
    if zeros:
        others = "a count or a score keeps them; --leave-out-zeros leaves such rows out"
        return "positive", f"{zeros} are refused: {others}"
    return "positive", f"{OUTCOMES['positive'].meaning}?"


def guess_control(column: Column) -> tuple[str, str]:
    """Propose the arm with which the others are compared, with the doubt."""
    for value in column.values:
        if any(word in value.lower() for word in _CONTROL):
            return value, f"by its name; arms are {some_examples(column.values)}"
    return column.values[0], f"the first of {some_examples(column.values)}"
