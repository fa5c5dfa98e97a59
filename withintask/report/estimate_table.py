"""Estimates for a reader: the recommended first, the others by what they estimate, long notes below."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from withintask.panel.errors import one_line
from withintask.report.estimate_words import estimator_words, row_words, term_words
from withintask.tests_of_model.hypotheses.hypothesis import OK

MISSING = "–"
STARS = ((0.01, "***"), (0.05, "**"), (0.10, "*"))
STARS_WORDS = "* p < 0.10, ** p < 0.05, *** p < 0.01"
_Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Estimates of one estimand of one hypothesis."""

    title: str
    """Hypothesis and estimand in words."""
    rows: tuple[tuple[str, ...], ...]
    """Cells, one tuple an estimator."""


@dataclass(frozen=True, kw_only=True)
class EstimateTable:
    """Estimates in words, ready to be laid out."""

    header: tuple[str, ...]
    """Names of the columns; truth only where it is known."""
    groups: tuple[Group, ...]
    """In the order in which they are read."""
    notes: tuple[str, ...]
    """Each once; an estimator bears the number of its note, from 1."""
    key: str = f"95 % intervals in brackets. {STARS_WORDS}."
    """How the cells are read; below documents, before the notes."""
    title: str = "Estimates"
    """What the table shows."""
    command: str = "withintask estimate"
    """The command that makes it, for the foot of a page."""

    def without(self, column: str) -> "EstimateTable":
        """Return the table less one column."""
        i = self.header.index(column)
        groups = tuple(
            replace(group, rows=tuple((*row[:i], *row[i + 1 :]) for row in group.rows))
            for group in self.groups
        )
        return replace(self, header=(*self.header[:i], *self.header[i + 1 :]), groups=groups)


def estimate_table(
    frame: pl.DataFrame, recommended: Collection[str] = (), *, stars: bool = False
) -> EstimateTable:
    """Put estimates into words and order.

    Parameters
    ----------
    frame
        Of :func:`withintask.estimate`; rows without an estimate are left out.
    recommended
        Names of recommended estimators, which come first in their hypothesis.
    stars
        Whether estimates bear stars by their p-values.
    """
    rows = ordered(usable(frame).iter_rows(named=True), recommended)
    notes = tuple(dict.fromkeys(n for row in rows if (n := estimate_note(row))))
    has_truth = any(_is_number(row["truth"]) for row in rows)
    header = ("estimator", "estimate", "std. error", "95 % interval", "p")
    header = (*header, *(("truth",) if has_truth else ()), "n", "clusters")
    grouped: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        cells = _cells(row, notes, has_truth=has_truth, stars=stars)
        grouped.setdefault(_title(row, recommended), []).append(cells)
    groups = tuple(Group(title=title, rows=tuple(cells)) for title, cells in grouped.items())
    return EstimateTable(header=header, groups=groups, notes=notes)


def ordered(rows: Iterable[_Row], recommended: Collection[str]) -> list[_Row]:
    """Order by hypothesis, the recommended first, then by estimand as they first come."""
    rows = list(rows)
    hypotheses = list(dict.fromkeys(row["hypothesis"] for row in rows))
    terms = list(dict.fromkeys(row["term"] for row in rows))
    return sorted(
        rows,
        key=lambda row: (
            hypotheses.index(row["hypothesis"]),
            row["estimator"] not in recommended,
            terms.index(row["term"]),
        ),
    )


def usable(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows that have an estimate."""
    return frame.filter((pl.col("status") == OK) | pl.col("estimate").is_finite())


def failed(frame: pl.DataFrame) -> list[str]:
    """Say what could not be run and why: one paragraph a reason, with the estimators that share it."""
    rest = frame.filter((pl.col("status") != OK) & ~pl.col("estimate").is_finite())
    grouped = rest.group_by("hypothesis", "status", "message", maintain_order=True).agg(
        pl.col("estimator").unique(maintain_order=True)
    )
    return [
        f"{hypothesis} · {'; '.join(map(estimator_words, names))} "
        f"({status.replace('_', ' ')}): {one_line(message or '')}"
        for hypothesis, status, message, names in grouped.iter_rows()
    ]


def decimals(value: object, digits: int = 4) -> str:
    """Write a number with four decimals; a dash where there is none, ∞ where it has no end."""
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}f}" if _is_number(value) else MISSING


def starred(row: _Row) -> str:
    """Write an estimate with the stars of its p-value."""
    return decimals(row["estimate"]) + _stars(row["p_value"])


def interval_words(row: _Row) -> str:
    """Write a 95 % set in brackets; a dash where there is none."""
    low, high = decimals(row["conf_low"]), decimals(row["conf_high"])
    return MISSING if low == high == MISSING else f"[{low}, {high}]"


def p_value_words(value: object) -> str:
    """Write a p-value with three decimals, or that it is smaller."""
    smallest = 1e-3
    return "<0.001" if isinstance(value, float) and value < smallest else decimals(value, 3)


def estimate_note(row: _Row) -> str:
    """Return the note of an estimate as one line."""
    return one_line(str(row["message"] or "")).strip()


def _title(row: _Row, recommended: Collection[str]) -> str:
    mark = "recommended: " if row["estimator"] in recommended else ""
    return f"{row['hypothesis']} · {mark}{term_words(str(row['term']))}"


def _cells(row: _Row, notes: tuple[str, ...], *, has_truth: bool, stars: bool) -> tuple[str, ...]:
    note = estimate_note(row)
    mark = f" ({notes.index(note) + 1})" if note else ""
    return (
        row_words(row) + mark,
        starred(row) if stars else decimals(row["estimate"]),
        decimals(row["std_error"]),
        interval_words(row),
        p_value_words(row["p_value"]),
        *((decimals(row["truth"]),) if has_truth else ()),
        f"{row['n_obs']:,}",
        f"{row['n_clusters']:,}",
    )


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _stars(p_value: object) -> str:
    if not isinstance(p_value, float):
        return ""
    return next((mark for limit, mark in STARS if p_value < limit), "")
