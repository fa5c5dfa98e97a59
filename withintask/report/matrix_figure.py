"""The figure of the identification matrix: designs by claims, a colour and a word a cell."""

from pathlib import Path
from typing import TYPE_CHECKING

from withintask.panel.atomic import save
from withintask.report.matrix_words import (
    COLORS,
    FIRST_LOOK,
    PALE,
    MatrixRun,
    cell_words,
    is_sound_alone,
)
from withintask.tests_of_model.harness.verdict import CLAIMS, RANK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SOUND_FRAME = "#4fd1a1"
"""Frame of a cell that only a rival takes away."""


def draw_matrix(result: MatrixRun, path: Path) -> None:
    """Draw the verdicts into a file."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    designs, verdicts = result.designs, result.judged.verdicts
    figure, axes = plt.subplots(figsize=(17, 7.4), layout="constrained")
    _fill(axes, result)
    axes.set(xlim=(0, len(CLAIMS)), ylim=(len(designs), 0))
    axes.set_xticks(
        [i + 0.5 for i in range(len(CLAIMS))],
        [claim.replace(" ", "\n", 1) for claim, _, _ in CLAIMS],
    )
    axes.set_yticks(
        [i + 0.5 for i in range(len(designs))], [f"{d.number}  {d.name}" for d in designs]
    )
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    words = [word for word in RANK if word in set(verdicts.filter("is_chosen")["verdict"])]
    frame = Rectangle((0, 0), 1, 1, fill=False, edgecolor=SOUND_FRAME, lw=3)
    frames = [frame] if any(map(is_sound_alone, result.cells())) else []
    axes.legend(
        [*(Rectangle((0, 0), 1, 1, facecolor=COLORS[word]) for word in words), *frames],
        [*words, *("identified where there are no rivals" for _ in frames)],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=len(words) + len(frames),
        frameon=False,
    )
    _caption(figure, result)
    save(path, lambda temporary: figure.savefig(temporary, dpi=150))
    plt.close(figure)


def _fill(axes: "Axes", result: MatrixRun) -> None:
    """Colour the cells and write into them."""
    from matplotlib.patches import Rectangle

    chosen = {(row["claim"], row["design"]): row for row in result.cells()}
    for column, (claim, _, _) in enumerate(CLAIMS):
        for line, design in enumerate(result.designs):
            cell = chosen.get((claim, design.name))
            if cell is None:
                continue
            axes.add_patch(
                Rectangle(
                    (column, line),
                    1,
                    1,
                    facecolor=COLORS[str(cell["verdict"])],
                    edgecolor="white",
                    lw=2,
                )
            )
            if is_sound_alone(cell):
                axes.add_patch(
                    Rectangle(
                        (column + 0.05, line + 0.05),
                        0.9,
                        0.9,
                        fill=False,
                        edgecolor=SOUND_FRAME,
                        lw=3,
                    )
                )
            axes.text(
                column + 0.5,
                line + 0.5,
                "\n".join(filter(None, cell_words(cell, result.sizes))),
                ha="center",
                va="center",
                fontsize=7.5,
                color="#333333" if cell["verdict"] in PALE else "white",
            )


def _caption(figure: "Figure", result: MatrixRun) -> None:
    figure.suptitle("Which data would identify the mechanism", fontweight="bold")
    figure.supxlabel(
        f"The estimator that an analyst would take, each design at its default size; {result.note}",
        fontsize=8,
    )
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
