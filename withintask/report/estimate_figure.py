"""Estimates of a panel with their sets, in words: the recommended first, one axis a unit."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import polars as pl

from withintask.panel.errors import EstimationError
from withintask.report.estimate_table import ordered
from withintask.report.estimate_words import row_words, term_words
from withintask.report.style import FALLS, FIRST, NEUTRAL, SECOND, Axes, new_figure
from withintask.report.term_meanings import term_unit

_LINE_HEIGHT, _MARGIN, _ROOM = 0.3, 0.9, 0.05
"""Inches a line and around the lines of one unit; share of the range left free at its ends."""
_Row = dict[str, Any]


def estimate_figure(
    frame: pl.DataFrame, recommended: Collection[str] = (), *, title: str = ""
) -> Any:
    """Draw estimates with their 95 % sets; a set without an end runs to an arrow at the edge.

    Parameters
    ----------
    frame
        Of :func:`withintask.estimate`; a known truth is drawn beside its estimate.
    recommended
        Names of recommended estimators: first, and filled.
    title
        What stands above.

    Returns
    -------
    matplotlib.figure.Figure
        One axis for each unit; marks are told apart without colour too.

    Raises
    ------
    EstimationError
        If there is no estimate to draw.
    """
    rows = ordered(frame.filter(pl.col("estimate").is_finite()).iter_rows(named=True), recommended)
    if not rows:
        raise EstimationError(
            "no estimate to draw: see the table for what could not be run and why"
        )
    by_unit: dict[str, list[_Row]] = {}
    for row in rows:
        by_unit.setdefault(term_unit(str(row["term"])), []).append(dict(row))
    heights = [
        _MARGIN + _LINE_HEIGHT * (len(of_unit) + _n_terms(of_unit)) for of_unit in by_unit.values()
    ]
    figure, axes = new_figure(len(by_unit), width=8, height=sum(heights), height_ratios=heights)
    for ax, (unit, of_unit) in zip(axes[:, 0], by_unit.items(), strict=True):
        _draw_unit(ax, of_unit, recommended, unit)
    if title:
        figure.suptitle(title, fontsize=10)
    figure.legend(
        handles=_legend(rows, recommended),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=8,
    )
    return figure


def _draw_unit(ax: Axes, rows: Sequence[_Row], recommended: Collection[str], unit: str) -> None:
    low, high = _limits(rows)
    labels, place, term = [], 0, ""
    for row in rows:
        if row["term"] != term:
            term = row["term"]
            labels.append((place, term_words(term), True))
            place += 1
        _draw_row(ax, row, place, (low, high), row["estimator"] in recommended)
        labels.append((place, row_words(row), False))
        place += 1
    ax.axvline(0, color=NEUTRAL, lw=0.6, ls=":")
    ax.set_yticks([at for at, _, _ in labels], [words for _, words, _ in labels], fontsize=8)
    for tick, (_, _, is_title) in zip(ax.get_yticklabels(), labels, strict=True):
        tick.set_fontstyle("italic" if is_title else "normal")
    ax.set_xlim(low, high)
    ax.set_ylim(place - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.set_xlabel(unit, fontsize=8)


def _draw_row(
    ax: Axes, row: _Row, place: int, limits: tuple[float, float], is_recommended: bool
) -> None:
    low, high = limits
    color = FALLS if row["estimate"] < 0 else SECOND
    ends = max(row["conf_low"], low), min(row["conf_high"], high)
    ax.plot(ends, (place, place), color=color, lw=2.2 if is_recommended else 1.2)
    for end, beyond, mark in ((low, row["conf_low"], "<"), (high, row["conf_high"], ">")):
        if math.isinf(beyond):
            ax.plot(end, place, mark, color=color, ms=6, clip_on=False)
    face = color if is_recommended else "white"
    ax.plot(row["estimate"], place, "o", color=color, mfc=face, ms=5.5)
    if _is_known(row.get("truth")):
        ax.plot(row["truth"], place, "|", color=FIRST, ms=13, mew=1.6)


def _legend(rows: Sequence[Any], recommended: Collection[str]) -> list[Any]:
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"ls": "-", "marker": "o", "color": NEUTRAL}
    handles = [Line2D([], [], **look, mfc="white", label="estimate, 95 % set")]
    if any(row["estimator"] in recommended for row in rows):
        handles.insert(0, Line2D([], [], **look, lw=2.2, label="recommended"))
    if any(_is_known(row.get("truth")) for row in rows):
        handles.append(
            Line2D([], [], ls="", marker="|", ms=11, mew=1.6, color=FIRST, label="truth")
        )
    return handles


def _n_terms(rows: Sequence[_Row]) -> int:
    return len({row["term"] for row in rows})


def _is_known(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _limits(rows: Sequence[_Row]) -> tuple[float, float]:
    """The range of what is finite, zero among it, with a little room."""
    names = ("estimate", "conf_low", "conf_high", "truth")
    finite = [0.0, *(row[name] for row in rows for name in names if _is_known(row.get(name)))]
    room = _ROOM * (max(finite) - min(finite)) or 1.0
    return min(finite) - room, max(finite) + room
