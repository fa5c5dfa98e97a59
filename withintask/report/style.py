"""How figures of the pages look. Red: ΔGini > 0, AI concentrates; blue: ΔGini < 0, AI equalizes."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from withintask.panel.atomic import save
from withintask.panel.errors import ParameterError, nearest, quoted

RISES, FALLS, NEUTRAL, FAINT = "#b2182b", "#2166ac", "#444444", "#bbbbbb"
FIRST, SECOND = "#222222", "#d97706"
SIGNED = LinearSegmentedColormap.from_list(
    "signed", [(0, "#053061"), (0.5, "#9ecae1"), (0.5, "#f4a582"), (1, "#67001f")]
)
"""Breaks at zero, so that the sign can be read off however small the change."""

Axes = Any
"""Axes of Matplotlib, one or an array of them."""


FIGURE_SUFFIXES = (".pdf", ".svg", ".png")
"""Kinds of files for figures: the first two are vectors, as journals ask for."""
_DPI = 200
VECTOR: dict[Any, Any] = {"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "withintask"}
"""Fonts lie in the file, as TrueType in PDF and as outlines in SVG."""
_DATE = {"svg": "Date", "pdf": "CreationDate"}
"""What would make equal figures unequal files."""


def new_figure(
    n_rows: int = 1,
    n_columns: int = 1,
    *,
    width: float = 10,
    height: float = 4,
    height_ratios: Sequence[float] | None = None,
) -> tuple[Figure, Axes]:
    """Make a figure without a window, and its axes, (row, column)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    ratios = None if height_ratios is None else list(height_ratios)
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, height_ratios=ratios)


def save_figure(
    figure: Figure, path: Path, *, force: bool = True, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a figure in one step, its fonts within.

    Parameters
    ----------
    figure
        Any figure of Matplotlib.
    path
        File; its suffix is the format: pdf, svg or png.
    force
        Whether a file that is there is replaced.
    metadata
        Title and the like, by the names that the format has for them.

    Returns
    -------
    pathlib.Path
        The path; equal figures are equal files.

    Raises
    ------
    ParameterError
        As :func:`fail_if_no_figure`.
    """
    from matplotlib import rc_context

    fail_if_no_figure(path, force=force)
    kind = path.suffix.removeprefix(".").lower()
    named = {_DATE[kind]: None, **(metadata or {})} if kind in _DATE else metadata
    with rc_context(VECTOR):
        save(
            path,
            lambda temporary: figure.savefig(temporary, dpi=_DPI, format=kind, metadata=named),
        )
    return path


def fail_if_no_figure(path: Path, *, force: bool = False) -> None:
    """Refuse a file that cannot hold a figure.

    Raises
    ------
    ParameterError
        If the suffix is not that of a figure, the path is a folder, or a file is there and not to be replaced.
    """
    problems = []
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        hint = nearest(path.suffix.lower(), FIGURE_SUFFIXES)
        known = ", ".join(FIGURE_SUFFIXES)
        problems.append(f"suffix {quoted(path.suffix)} is not known; known are {known}{hint}")
    if path.is_dir():
        problems.append("is a folder; expected a file")
    elif path.exists() and not force:
        problems.append("is there already; --force replaces it")
    if problems:
        raise ParameterError("\n".join(f"{path}: {problem}" for problem in problems))


def draw_named(
    drawings: Mapping[str, Callable[[], Figure]],
    name: str,
    path: str | PathLike[str] | None,
    *,
    force: bool,
) -> Figure:
    """Draw one of what a result can draw and, where a path is given, write it; all that is wrong is said before it is drawn."""
    if name not in drawings:
        raise ParameterError(
            f"drawing {quoted(name)}: expected one of {', '.join(drawings)}{nearest(name, drawings)}"
        )
    if path is not None:
        fail_if_no_figure(Path(path), force=force)
    figure = drawings[name]()
    if path is not None:
        save_figure(figure, Path(path))
    return figure


def draw_signed(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw a line with what is above zero in red and what is below in blue."""
    ax.plot(x, y, color=NEUTRAL)
    ax.fill_between(x, y, 0, where=(y > 0).tolist(), color=RISES, alpha=0.3, interpolate=True, lw=0)
    ax.fill_between(x, y, 0, where=(y < 0).tolist(), color=FALLS, alpha=0.3, interpolate=True, lw=0)


def legends_outside(
    figure: Figure, *, n_columns: int = 2, fontsize: float = 8, note: str = ""
) -> None:
    """Name what is drawn where no data are: once below all axes if they share the names, a note above it, else above each."""
    named = [(ax, *ax.get_legend_handles_labels()) for ax in figure.axes]
    look: dict[str, Any] = {"frameon": False, "fontsize": fontsize, "ncols": n_columns}
    if len({tuple(labels) for _, _, labels in named}) == 1 and named[0][2]:
        _, handles, labels = named[0]
        look |= {"title": note or None, "title_fontsize": fontsize}
        figure.legend(handles, labels, loc="outside lower center", **look)
        return
    for ax, handles, labels in named:
        if labels:
            ax.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1), **look)
