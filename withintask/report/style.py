"""How figures of the pages look. Red: ΔGini > 0, AI concentrates; blue: ΔGini < 0, AI equalizes."""

from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

RISES, FALLS, NEUTRAL, FAINT = "#b2182b", "#2166ac", "#444444", "#bbbbbb"
FIRST, SECOND = "#222222", "#d97706"
SIGNED = LinearSegmentedColormap.from_list(
    "signed", [(0, "#053061"), (0.5, "#9ecae1"), (0.5, "#f4a582"), (1, "#67001f")]
)
"""Breaks at zero, so that the sign can be read off however small the change."""

Axes = Any
"""Axes of Matplotlib, one or an array of them."""


def new_figure(
    n_rows: int = 1, n_columns: int = 1, *, width: float = 10, height: float = 4
) -> tuple[Figure, Axes]:
    """Make a figure without a window, and its axes, (row, column)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def draw_signed(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw a line with what is above zero in red and what is below in blue."""
    ax.plot(x, y, color=NEUTRAL)
    ax.fill_between(x, y, 0, where=(y > 0).tolist(), color=RISES, alpha=0.3, interpolate=True, lw=0)
    ax.fill_between(x, y, 0, where=(y < 0).tolist(), color=FALLS, alpha=0.3, interpolate=True, lw=0)
