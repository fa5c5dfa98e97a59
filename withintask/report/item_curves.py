"""Figures of the curve over persistence of noise, and of the effect by baseline."""

from pathlib import Path

import polars as pl

from withintask.report.estimate_words import term_words
from withintask.report.style import FALLS, NEUTRAL, RISES, Axes, new_figure, save_figure

_REACH = 2.0
"""Where a set without an end is cut in a figure."""
_TERM_WIDTH, _HEIGHT = 3.4, 3.6


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
