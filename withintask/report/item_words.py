"""The curve over persistence of noise in words and lines of text."""

import math
from collections.abc import Sequence
from typing import get_args

import polars as pl

from withintask.panel.panel import Panel
from withintask.report.estimate_words import term_words
from withintask.tests_of_model.harness.item_analysis import signs_lost_at
from withintask.tests_of_model.samples.comparisons import Form

MOST_ROWS = 50_000
"""Rows above which the search takes longer than the estimates."""


def breakdown_words(curve: pl.DataFrame) -> list[str]:
    """Say of each term at which persistence of noise its sign is lost.

    Parameters
    ----------
    curve
        Of :func:`withintask.persistence_curve`.
    """
    rows = curve.select("term", "breakdown").unique(maintain_order=True).iter_rows()
    return [f"{term_words(term)}: {_lost(value)}" for term, value in rows]


def _lost(value: float | None) -> str:
    if value is None:
        return "the sign holds up to a persistence of .95"
    if value == 0:
        return "the sign is not told apart even if noise does not persist"
    return f"the sign is lost if neighbouring items share {value:.2f} of their noise or more"


def persistence_notes(panel: Panel, recommended: Sequence[str], *, arm: str = "") -> list[str]:
    """Say under a table of estimates how far those recommended by pairs hang on noise that does not last.

    Parameters
    ----------
    panel
        The panel; a large one is not searched, and the command that does it is named.
    recommended
        Names of the recommended estimators.
    arm
        The arm compared, of several.
    """
    forms = [form for form in get_args(Form) if f"pairs_{form}" in recommended]
    if not forms or panel.outputs is None:
        return []
    size = panel.outputs.lazy().select(pl.len()).collect().item()
    if size > MOST_ROWS:
        return [
            f"{size:,} rows: withintask persistence says at which persistence of noise signs are lost."
        ]
    lost = signs_lost_at(panel, forms[0], arm=arm)
    return [
        f"If noise lasts from an item to the next ({forms[0].replace('_', '-')}; withintask persistence has the curve):",
        *(f"  {term_words(term)}: {_lost(value)}" for term, value in lost.items()),
    ]


def curve_rows(curve: pl.DataFrame) -> list[tuple[str, ...]]:
    """Return lines of text: persistence, then estimate and set of each term."""
    terms = curve["term"].unique(maintain_order=True).to_list()
    rows = []
    for (value,), group in curve.group_by("persistence", maintain_order=True):
        by_term = {row["term"]: row for row in group.iter_rows(named=True)}
        cells = (
            _shown(*(by_term[term][name] for name in ("estimate", "conf_low", "conf_high")))
            for term in terms
        )
        rows.append((f"{value:.2f}", *cells))
    return rows


def _shown(estimate: float, low: float, high: float) -> str:
    if not math.isfinite(estimate) or math.isnan(low):
        return "no ability left"
    return f"{estimate:+.2f} [{low:+.2f}, {high:+.2f}]".replace("inf", "∞")
