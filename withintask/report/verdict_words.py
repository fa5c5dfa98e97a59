"""Verdicts of the identification matrix as a table in words and as sentences."""

import math
from collections.abc import Mapping

import polars as pl

from withintask.report.estimate_table import MISSING, EstimateTable, Group
from withintask.report.estimate_words import estimator_words, term_words
from withintask.report.matrix_words import short_gap
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.verdict import CLAIMS, GAP, RANK

_HEADER = (
    "design",
    "estimator",
    "verdict",
    "without rivals",
    "bias",
    "coverage",
    "size",
    "power",
    "replicates",
)
_KEY = (
    "Bias: of the truth of the reference world. Coverage: of 95 % intervals. Size: rejections without AI. Power: rejections in the "
    "reference world. In brackets: the Monte-Carlo error."
)
_Row = Mapping[str, object]


def verdict_table(frame: pl.DataFrame) -> EstimateTable:
    """Put verdicts into words: a group a claim, a row a design, with the estimator that an analyst would take.

    Parameters
    ----------
    frame
        Of :func:`withintask.verdicts`.

    Returns
    -------
    EstimateTable
        Reasons are its notes; what cannot be estimated stands in the titles of the groups.
    """
    groups, notes, absent = [], dict[str, None](), []
    for claim, rows, gaps in _by_claim(frame):
        if not rows:
            absent.append(f"{_claim_words(claim)}: not estimable on {', '.join(gaps)}")
            continue
        notes |= dict.fromkeys(str(row["reason"]) for row in rows if row["reason"])
        numbered = list(notes)
        cells = tuple(_cells(row, numbered) for row in rows)
        missing = f"; not estimable on {', '.join(gaps)}" if gaps else ""
        groups.append(Group(title=f"{_claim_words(claim)}{missing}", rows=cells))
    return EstimateTable(
        header=_HEADER,
        groups=tuple(groups),
        notes=(*notes, *absent),
        key=_KEY,
        title="Which data would identify the mechanism",
        command="withintask matrix",
    )


def verdict_sentences(frame: pl.DataFrame) -> list[str]:
    """Say of each claim on which designs it is identified, on which not and why.

    Parameters
    ----------
    frame
        Of :func:`withintask.verdicts`.

    Returns
    -------
    list of str
        A paragraph a claim.
    """
    lines = []
    for claim, rows, gaps in _by_claim(frame):
        parts = [_of_verdict(word, rows) for word in RANK if word != GAP]
        alone = [
            str(row["design"]) for row in rows if row["alone"] == rule.IDENTIFIED != row["verdict"]
        ]
        if alone:
            parts.append(f"without rival worlds it is identified on {', '.join(alone)}")
        if gaps:
            parts.append(f"not estimable on {', '.join(gaps)}")
        lines.append(f"{_claim_words(claim)}: {'; '.join(filter(None, parts))}.")
    return lines or ["No claim was judged."]


def _of_verdict(word: str, rows: list[_Row]) -> str:
    named = [row for row in rows if row["verdict"] == word]
    if not named:
        return ""
    shown = [
        f"{row['design']} ({row['reason']})" if row["reason"] else row["design"] for row in named
    ]
    return f"{word} on {', '.join(map(str, shown))}"


def _by_claim(frame: pl.DataFrame) -> list[tuple[str, list[_Row], list[str]]]:
    """Claims with the rows that are judged, and the designs on which they cannot be, with what is missing."""
    chosen = frame.filter("is_chosen")
    parts = []
    for claim, _, _ in CLAIMS:
        rows: list[_Row] = list(chosen.filter(claim=claim).iter_rows(named=True))
        judged = [row for row in rows if row["verdict"] != GAP]
        gaps = [
            f"{row['design']} ({short_gap(str(row['reason']))})"
            for row in rows
            if row["verdict"] == GAP
        ]
        if rows:
            parts.append((claim, judged, gaps))
    return parts


def _claim_words(claim: str) -> str:
    term = next(term for name, _, term in CLAIMS if name == claim)
    return f"{claim} · {term_words(term)}"


def _cells(row: _Row, notes: list[str]) -> tuple[str, ...]:
    reason = str(row["reason"] or "")
    mark = f" ({notes.index(reason) + 1})" if reason else ""
    figures = (
        _percent(row["relative_bias"], row["relative_bias_mc_se"], sign="+"),
        *(_percent(row[name], row[f"{name}_mc_se"]) for name in ("coverage", "size", "power")),
    )
    return (
        str(row["design"]),
        estimator_words(str(row["estimator"])),
        f"{row['verdict']}{mark}",
        str(row["alone"]),
        *figures,
        f"{row['n_replicates']:,}",
    )


def _percent(value: object, error: object, *, sign: str = "") -> str:
    if not isinstance(value, float) or not math.isfinite(value):
        return MISSING
    spread = f" ({error:.1%})" if isinstance(error, float) and math.isfinite(error) else ""
    return f"{value:{sign}.1%}{spread}"
