"""The page that holds measures of exposure against each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from withintask.panel.escape import in_markdown

if TYPE_CHECKING:
    from withintask.ingest.exposure.compare import Comparison

_SHOWN = 20
_LARGEST = 5
_WHOLE_NUMBERS = 1000
"""From here on numbers are shown without digits after the point."""


def exposure_page(comparison: "Comparison") -> str:
    """Write a comparison of measures as Markdown."""
    coverage = comparison.coverage.with_columns(
        pl.col("employment_share", "unmatched_share") * 100
    ).rename({"employment_share": "jobs covered, %", "unmatched_share": "codes unmatched, %"})
    parts = [
        f"# Measures of exposure compared, May {comparison.year}",
        "One measure a source, of its latest release, on detailed occupations of OEWS. Shares of "
        "conversations are divided by the occupation's share of jobs.",
        "## Coverage",
        grid(coverage),
        f"Largest of the occupations that a measure leaves out ({_LARGEST} each at most, all in `uncovered` "
        "of `wt.compare_measures`):",
        grid(comparison.uncovered.group_by("name", maintain_order=True).head(_LARGEST)),
        "## Rank correlations",
        "Spearman, occupations alike and by jobs, over the occupations that both have.",
        grid(comparison.correlations),
        "## Where they disagree most",
        f"The {_SHOWN} occupations, of those that every measure has, whose ranks (0 lowest, 1 "
        "highest) lie farthest apart.",
        grid(comparison.disagreements.head(_SHOWN)),
    ]
    return "\n\n".join(parts) + "\n"


def grid(frame: pl.DataFrame) -> str:
    """Write a frame as a Markdown table, numbers with three digits."""
    rows = [[_shown(cell) for cell in row] for row in frame.iter_rows()]
    return "\n".join(_line(cells) for cells in (frame.columns, ["---"] * frame.width, *rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(in_markdown, cells)) + " |"


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= _WHOLE_NUMBERS else f"{cell:.3g}"
