"""Units that suggest another scale than the one a column is read on: seconds, minutes, logs."""

import re
from collections.abc import Iterator

import polars as pl

from withintask.panel.errors import some_examples
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


def _question(unit: str, outcome: str | None) -> str:
    """Put the question that a unit raises; empty if it raises none."""
    if LOG.search(unit):
        if outcome == "log" and _OF_LOG.search(unit) and not re.search(r"\b(an?|per)\b|/", unit):
            return (
                f"more of the outcome is better, its unit is {unit!r}: if it is the log of a time, "
                'negate it (functions = { output = "negate" }) or give the time itself with '
                'outcome = "time"'
            )
        if outcome is None:
            return f'the outcome is not stated and its unit is {unit!r}: is it outcome = "log"?'
    elif TIME.match(unit) and outcome is None:
        return (
            f"the outcome is not stated and its unit is {unit!r}: if less is better, say outcome = "
            '"time"; if more is better, outcome = "positive"'
        )
    return ""


def _units(frame: Frame | None) -> list[tuple[str, int]]:
    """Distinct known units and their rows."""
    if frame is None or frame.lazy().collect_schema().get("unit") != pl.String:
        return []
    counts = frame.lazy().group_by("unit").agg(n_rows=pl.len()).drop_nulls()
    return [(unit, n) for unit, n in counts.sort("unit").collect(engine="streaming").iter_rows()]
