"""The figure of the identification matrix: designs by claims, a colour and a word a cell."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from withintask.report.matrix_words import (
    COLORS,
    FIRST_LOOK,
    PALE,
    MatrixRun,
    cell_words,
    is_sound_alone,
)
from withintask.report.style import Axes, new_figure, save_figure
from withintask.tests_of_model.harness.breakdown import BREAKDOWN_SCHEMA
from withintask.tests_of_model.harness.verdict import CLAIMS, RANK

_MARGIN, _LINE, _COLUMN = 2, 0.45, 1
"""Inches around the cells, and of a cell."""
_LEGEND_COLUMNS = 4
_INSET = 0.05
"""Of the frame within its cell."""
SOUND_FRAME = "#4fd1a1"
"""Frame of a cell that only a rival takes away."""


def verdict_figure(frame: pl.DataFrame) -> Figure:
    """Draw the verdicts of a frame of :func:`withintask.verdicts`, designs in the order of the frame."""
    cells = list(frame.filter("is_chosen").iter_rows(named=True))
    designs = {str(name): str(name) for name in frame["design"].unique(maintain_order=True)}
    most = max((int(str(cell["n_replicates"] or 0)) for cell in cells), default=0)
    note = f"at most {most:,} replicates a world"
    return _figure(cells, designs, pl.DataFrame(schema=BREAKDOWN_SCHEMA), note)


def matrix_figure(result: MatrixRun) -> Figure:
    """Draw the verdicts of a run, a row a design and a column a claim."""
    figure = _figure(result.cells(), result.shown_designs(), result.sizes, result.note)
    if result.is_quick:
        figure.text(
            0.5,
            0.5,
            FIRST_LOOK,
            ha="center",
            va="center",
            rotation=20,
            fontsize=60,
            fontweight="bold",
            color="black",
            alpha=0.25,
        )
    return figure


def _figure(
    cells: Sequence[dict[str, object]], designs: Mapping[str, str], sizes: pl.DataFrame, note: str
) -> Figure:
    """Draw cells, with what stands beside the row of each design."""
    claims = [claim for claim, _, _ in CLAIMS if claim in {cell["claim"] for cell in cells}]
    height = _MARGIN + _LINE * len(designs)
    figure, grid = new_figure(width=_MARGIN + _COLUMN * len(claims), height=height)
    axes = grid[0, 0]
    chosen = {(str(cell["claim"]), str(cell["design"])): cell for cell in cells}
    for column, claim in enumerate(claims):
        for line, design in enumerate(designs):
            if (claim, design) in chosen:
                _fill(axes, chosen[claim, design], sizes, (column, line))
    axes.set(xlim=(0, len(claims)), ylim=(len(designs), 0))
    axes.set_xticks(_middles(claims), [claim.replace(" ", "\n", 1) for claim in claims])
    axes.set_yticks(_middles(designs), list(designs.values()))
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    _legend(figure, cells, f"The estimator that an analyst would take; {note}")
    figure.suptitle("Which data would identify the mechanism", fontweight="bold")
    return figure


def draw_matrix(result: MatrixRun, path: Path) -> None:
    """Draw the verdicts into a file."""
    save_figure(matrix_figure(result), path)


def _middles(names: Collection[str]) -> list[float]:
    return [place + 1 / 2 for place in range(len(names))]


def _legend(figure: Figure, cells: Sequence[dict[str, object]], note: str) -> None:
    from matplotlib.patches import Rectangle

    shown = {str(cell["verdict"]) for cell in cells}
    words = [word for word in RANK if word in shown]
    patches = [Rectangle((0, 0), 1, 1, facecolor=COLORS[word]) for word in words]
    if any(map(is_sound_alone, cells)):
        patches.append(Rectangle((0, 0), 1, 1, fill=False, edgecolor=SOUND_FRAME, lw=3))
        words.append("identified where there are no rivals")
    figure.legend(
        patches,
        words,
        loc="outside lower center",
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        title=note,
        title_fontsize=8,
    )


def _fill(axes: Axes, cell: dict[str, object], sizes: pl.DataFrame, place: tuple[int, int]) -> None:
    """Colour a cell, frame it where only a rival takes it away, and write into it."""
    from matplotlib.patches import Rectangle

    (column, line), verdict = place, str(cell["verdict"])
    axes.add_patch(Rectangle(place, 1, 1, facecolor=COLORS[verdict], edgecolor="white", lw=2))
    if is_sound_alone(cell):
        corner, side = (column + _INSET, line + _INSET), 1 - 2 * _INSET
        axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=SOUND_FRAME, lw=3))
    axes.text(
        column + 1 / 2,
        line + 1 / 2,
        "\n".join(filter(None, cell_words(cell, sizes))),
        ha="center",
        va="center",
        fontsize=7.5,
        color="#222222" if verdict in PALE else "white",
    )
