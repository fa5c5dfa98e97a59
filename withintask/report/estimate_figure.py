"""Estimates of a panel with their intervals, one line an estimator and term."""

import math
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.atomic import save
from withintask.panel.errors import EstimationError
from withintask.report.style import FALLS, FIRST, NEUTRAL, SECOND, new_figure

_LINE_HEIGHT, _MARGIN, _ROOM = 0.34, 1.2, 0.05
"""Inches a line and around the lines; share of the range left free at its ends."""


def draw_estimates(frame: pl.DataFrame, path: Path, *, title: str) -> Path:
    """Draw estimates with their 95 % intervals; an interval without an end runs off the figure.

    Parameters
    ----------
    frame
        Estimates as :func:`withintask.tests_of_model.hypotheses.estimate.estimate` gives them; a
        column ``truth`` is drawn if there is one.
    path
        File to write; its suffix is the format (png, pdf, svg).
    title
        What stands above.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    EstimationError
        If there is no estimate to draw.
    """
    rows = frame.filter(pl.col("estimate").is_finite()).to_dicts()
    if not rows:
        raise EstimationError(
            "no estimate to draw: see the table for what could not be run and why"
        )
    height = _MARGIN + _LINE_HEIGHT * len(rows)
    figure, axes = new_figure(width=8, height=height)
    ax = axes[0, 0]
    low, high = _limits(rows)
    for place, row in enumerate(reversed(rows)):
        ends = max(row["conf_low"], low), min(row["conf_high"], high)
        ax.plot(ends, (place, place), color=NEUTRAL, lw=1.4)
        ax.plot(row["estimate"], place, "o", color=FALLS if row["estimate"] < 0 else SECOND, ms=5)
        truth = row.get("truth")
        if truth is not None and math.isfinite(truth):
            ax.plot(truth, place, "|", color=FIRST, ms=12, mew=1.6)
    ax.axvline(0, color=NEUTRAL, lw=0.6, ls=":")
    ax.set_yticks(range(len(rows)), [_label(row) for row in reversed(rows)], fontsize=8)
    ax.set_xlim(low, high)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(title, fontsize=10, loc="left")
    ax.set_xlabel("estimate, 95 % interval", fontsize=8)
    suffix = path.suffix.removeprefix(".") or "png"
    save(path, lambda temporary: figure.savefig(temporary, dpi=150, format=suffix))
    return path


def _label(row: dict[str, Any]) -> str:
    return f"{row['hypothesis']}  {row['estimator']}  {row['term']}"


def _limits(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """The range of what is finite, zero among it, with a little room."""
    names = ("estimate", "conf_low", "conf_high", "truth")
    known = [row[name] for row in rows for name in names if row.get(name) is not None]
    finite = [0.0, *(value for value in known if math.isfinite(value))]
    room = _ROOM * (max(finite) - min(finite)) or 1.0
    return min(finite) - room, max(finite) + room
