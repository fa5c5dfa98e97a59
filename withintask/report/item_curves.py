"""The curve over persistence of noise, and the effect by baseline: figures and lines of text."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import polars as pl

from withintask.panel.panel import Panel
from withintask.report.estimate_words import term_words
from withintask.report.style import FALLS, NEUTRAL, RISES, Axes, new_figure, save_figure
from withintask.tests_of_model.harness.item_analysis import signs_lost_at
from withintask.tests_of_model.samples.comparisons import Form

_REACH = 2.0
"""Where a set without an end is cut in a figure."""
_TERM_WIDTH, _HEIGHT = 3.4, 3.6
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


def draw_curve(curve: pl.DataFrame, path: Path) -> None:
    """Draw estimates and sets over assumed persistence, a panel a term, with the value at which the sign is lost.

    A curve ends where so much is taken for noise that no ability is left; sets are cut at two log points.
    """
    terms = curve["term"].unique(maintain_order=True).to_list()
    figure, axes = new_figure(1, len(terms), width=_TERM_WIDTH * len(terms), height=_HEIGHT)
    for ax, term in zip(axes[0], terms, strict=True):
        _draw_term(ax, curve.filter(term=term))
        ax.set_title(term_words(term), fontsize=8)
    figure.supxlabel(
        "assumed persistence of noise from an item to the next; band: 95 % set, line: where the sign is lost",
        fontsize=8,
    )
    save_figure(figure, path)


def _draw_term(ax: Axes, rows: pl.DataFrame) -> None:
    rows = rows.filter(pl.col("estimate").is_finite())
    x = rows["persistence"].to_numpy()
    low, high = (rows[name].clip(-_REACH, _REACH).to_numpy() for name in ("conf_low", "conf_high"))
    ax.fill_between(x, low, high, color=NEUTRAL, alpha=0.2, lw=0)
    ax.plot(x, rows["estimate"].clip(-_REACH, _REACH).to_numpy(), color=NEUTRAL)
    ax.axhline(0, color=NEUTRAL, lw=0.7, ls=":")
    ax.set_ylim(-_REACH, _REACH)
    lost = rows["breakdown"].first()
    if isinstance(lost, float):
        ax.axvline(lost, color=RISES, lw=1)
    _dress(ax)


def draw_baseline(groups: pl.DataFrame, path: Path) -> None:
    """Draw the effect over groups of workers by baseline with 95 % intervals."""
    figure, axes = new_figure(width=5.5, height=_HEIGHT)
    ax = axes[0, 0]
    for row in groups.iter_rows(named=True):
        color = RISES if row["estimate"] > 0 else FALLS
        ax.plot([row["baseline"]] * 2, [row["conf_low"], row["conf_high"]], color=NEUTRAL, lw=1.4)
        ax.plot(row["baseline"], row["estimate"], "o", color=color, ms=5)
    ax.axhline(0, color=NEUTRAL, lw=0.7, ls=":")
    ax.set_xlabel("output without AI, less that of all, shrunk", fontsize=8)
    ax.set_ylabel("effect of AI, 95 % interval", fontsize=8)
    _dress(ax)
    save_figure(figure, path)


def _dress(ax: Axes) -> None:
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


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
