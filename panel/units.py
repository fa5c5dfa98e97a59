"""Units that suggest another scale than the one a column is read on: seconds, minutes, logs."""

import re
from collections.abc import Iterator

import polars as pl

from withintask.panel.errors import quoted, some_examples
from withintask.panel.mapping import TableMapping
from withintask.panel.panel import Frame, Panel
from withintask.panel.references import Breach

_TIMES = r"(milli|micro|nano)?sec(ond)?s?|m?s|min(ute)?s?|h|hrs?|hours?|days?|weeks?|months?|time|duration|latency"
TIME = re.compile(
    rf"^\W*((elapsed|working|response|handling|mean|average|total)\W+)*({_TIMES})(?!\w)",
    re.IGNORECASE,
)
"""A unit that begins with a time: seconds, minutes a call; not calls an hour."""

LOG = re.compile(r"(^|\W)(log(arithm)?s?|ln)(\W|$|10|2)", re.IGNORECASE)
"""A unit that says that a log was taken."""

_LOG_WORDS = ("log", "ln", "logged", "lwage", "lpay", "lnwage", "logwage", "lnpay", "logpay")

_OF_LOG = re.compile(rf"({_TIMES})\b", re.IGNORECASE)


def unit_questions(panel: Panel) -> Iterator[Breach]:
    """Ask about units under which the sign or the scale of every effect would be wrong.

    Parameters
    ----------
    panel
        Any panel; lazy tables are streamed. A panel that states its outcome has answered.
    """
    for unit, n_rows in _units(panel.outputs):
        question = _question(unit, panel.info.outcome)
        if question:
            yield Breach(table="outputs", rule="unit|question", n_rows=n_rows, meaning=question)
    logs = [(unit, n_rows) for unit, n_rows in _units(panel.pay) if LOG.search(unit)]
    if logs:
        meaning = f"pay is a level, its unit says {some_examples([u for u, _ in logs])}; "
        meaning += 'if a log was taken, say functions = { pay = "exp" } in the mapping'
        n_rows = sum(n for _, n in logs)
        yield Breach(table="pay", rule="unit|question", n_rows=n_rows, meaning=meaning)


def name_questions(mapping: TableMapping, outcome: str | None) -> Iterator[Breach]:
    """Ask about columns of theirs whose name says a time or a log, where ours is neither.

    Parameters
    ----------
    mapping
        A table's mapping; a function, a scale of another unit or a stated unit is an answer.
    outcome
        What the panel says of its outcome; None if nothing.
    """
    ours = {"outputs": "output", "pay": "pay"}.get(mapping.name, "")
    theirs = mapping.columns.get(ours, "")
    has_unit = "unit" in (*mapping.constants, *mapping.columns)
    if not theirs or ours in mapping.functions or has_unit or (outcome and ours == "output"):
        return
    words = name_words(theirs)
    is_log = any(word in _LOG_WORDS for word in words)
    is_time = ours == "output" and "per" not in words and any(map(TIME.match, words))
    if is_log or is_time:
        answers = (
            'say outcome = "time" if less is better, "log" if a log was taken, else "positive"'
            if ours == "output"
            else 'say functions = { pay = "exp" } if a log was taken, else state its unit'
        )
        meaning = f"{ours} is read from {quoted(theirs)}, which sounds like a {'log' if is_log else 'time'}"
        yield Breach(
            table=mapping.name, rule=f"{ours}|question", n_rows=1, meaning=f"{meaning}: {answers}"
        )


def name_words(name: str) -> list[str]:
    """The words of a column's name, in lower case: HandleTime -> handle, time."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]


def _question(unit: str, outcome: str | None) -> str:
    """Put the question that a unit raises; empty if it raises none."""
    if LOG.search(unit):
        if outcome == "log" and _OF_LOG.search(unit) and not re.search(r"\b(an?|per)\b|/", unit):
            return (
                f"more of the outcome is better, its unit is {quoted(unit)}: if it is the log of a time, "
                'negate it (functions = { output = "negate" }) or give the time itself with '
                'outcome = "time"'
            )
        if outcome is None:
            return (
                f'the outcome is not stated and its unit is {quoted(unit)}: is it outcome = "log"?'
            )
    elif TIME.match(unit) and outcome is None:
        return (
            f"the outcome is not stated and its unit is {quoted(unit)}: if less is better, say outcome = "
            '"time"; if more is better, outcome = "positive"'
        )
    return ""


def _units(frame: Frame | None) -> list[tuple[str, int]]:
    """Distinct known units and their rows."""
    if frame is None or frame.lazy().collect_schema().get("unit") != pl.String:
        return []
    counts = frame.lazy().group_by("unit").agg(n_rows=pl.len()).drop_nulls()
    return [(unit, n) for unit, n in counts.sort("unit").collect(engine="streaming").iter_rows()]
