"""Estimates in sentences: the recommended one first, the others by what they estimate and why they differ."""

import math
import textwrap
from collections.abc import Collection, Mapping

import polars as pl

from withintask.report.estimate_table import (
    MISSING,
    decimals,
    estimate_note,
    failed,
    interval_words,
    ordered,
    p_value_words,
    usable,
)
from withintask.report.estimate_words import estimator_words, row_words, term_words
from withintask.report.term_meanings import PERCENT, is_log_change, term_meaning, term_unit
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

_Row = Mapping[str, object]
_INDENT = "  "


def estimate_summary(
    frame: pl.DataFrame, recommended: Collection[str] = (), *, width: int = 80
) -> str:
    """Say in words what was estimated.

    Parameters
    ----------
    frame
        Of :func:`withintask.estimate`.
    recommended
        Names of recommended estimators.
    width
        Characters in a line.

    Returns
    -------
    str
        By hypothesis: its claim, the recommended estimate, then the others by what they estimate; at the end what could
        not be run.
    """
    rows = usable(frame).sort("hypothesis", maintain_order=True)
    blocks = [
        block
        for (hypothesis,), of_it in rows.group_by("hypothesis", maintain_order=True)
        for block in _of_hypothesis(str(hypothesis), of_it, recommended, width)
    ]
    n_failed = len(failed(frame))
    if n_failed:
        reasons = "one reason" if n_failed == 1 else f"{n_failed} reasons"
        blocks.append(f"Not every estimator could be run ({reasons}); print the result for them.")
    return (
        "\n".join(blocks) if blocks else "No estimate: print the result for what could not be run."
    )


def _of_hypothesis(
    name: str, frame: pl.DataFrame, recommended: Collection[str], width: int
) -> list[str]:
    claims = {h.name: h.claim for h in HYPOTHESES}
    rows = ordered(frame.iter_rows(named=True), recommended)
    first = [row for row in rows if row["estimator"] in recommended]
    rest = [row for row in rows if row["estimator"] not in recommended]
    lines = [_filled(f"{name}: {claims.get(name, '')}", width)]
    if first:
        lines.append(f"\nRecommended: {estimator_words(str(first[0]['estimator']))}")
        for row in first:
            arm = f"{row['arm']}: " if row.get("arm") else ""
            lines += [_filled(arm + _sentence(row), width, 1), _filled(_more(row), width, 2)]
    else:
        lines.append(
            "\nThe recommended estimator is not among these; withintask panel describe names it."
        )
    if rest:
        lines.append("\nOthers, by what they estimate")
    for term in dict.fromkeys(str(row["term"]) for row in rest):
        lines += _of_term(term, [row for row in rest if row["term"] == term], width)
    return [*lines, ""]


def _of_term(term: str, rows: list[_Row], width: int) -> list[str]:
    summaries = {e.name: e.summary for h in HYPOTHESES for e in h.estimators}
    range_words = _range([float(str(row["estimate"])) for row in rows])
    head = f"{term_words(term)} ({_counted(len(rows))}, {range_words}). {term_meaning(term)}"
    lines = [_filled(head.strip(), width, 1)]
    for row in rows:
        name = str(row["estimator"])
        how = summaries.get(name, "")
        lines.append(
            _filled(f"{_numbers(row)}  {row_words(row)}{': ' if how else ''}{how}", width, 2)
        )
    return lines


def _sentence(row: _Row) -> str:
    term, estimate = str(row["term"]), float(str(row["estimate"]))
    percent = f" ({100 * math.expm1(estimate):+.0f} %)" if is_log_change(term) else ""
    return f"{term_words(term)}: {_numbers(row)} {_unit(term)}{percent}."


def _more(row: _Row) -> str:
    """What the estimand is, what the set says, and what is known of the truth."""
    parts = [term_meaning(str(row["term"])), _of_set(row)]
    truth = row.get("truth")
    if isinstance(truth, float) and math.isfinite(truth):
        inside = "inside" if _lies_in(truth, row) else "outside"
        parts.append(f"The truth of this synthetic panel is {decimals(truth)}, {inside} the set.")
    note = estimate_note(row)
    parts.append(f"{note[:1].upper()}{note[1:]}." if note else "")
    return " ".join(part for part in parts if part)


def _of_set(row: _Row) -> str:
    low, high = float(str(row["conf_low"])), float(str(row["conf_high"]))
    if math.isnan(low) or math.isnan(high):
        return f"It is a test alone: p {p_value_words(row['p_value'])}."
    if math.isinf(low) or math.isinf(high):
        return "The set has no end: the data do not say how large it is."
    return "The set excludes zero." if low > 0 or high < 0 else "The set holds zero."


def _lies_in(value: float, row: _Row) -> bool:
    return float(str(row["conf_low"])) <= value <= float(str(row["conf_high"]))


def _numbers(row: _Row) -> str:
    interval = interval_words(row)
    return decimals(row["estimate"]) + ("" if interval == MISSING else f" {interval}")


def _unit(term: str) -> str:
    return "" if term_unit(term) == PERCENT else term_unit(term)


def _range(values: list[float]) -> str:
    if len(values) == 1:
        return decimals(values[0])
    return f"{decimals(min(values))} to {decimals(max(values))}"


def _counted(n: int) -> str:
    return "1 estimator" if n == 1 else f"{n} estimators"


def _filled(text: str, width: int, level: int = 0) -> str:
    indent = _INDENT * level
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
