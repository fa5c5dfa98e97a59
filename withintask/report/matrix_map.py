"""Small maps of verdicts, one a design and claim: what a design needs, by two of its sizes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from withintask.panel.atomic import save_text
from withintask.panel.escape import save_csv
from withintask.report.matrix_words import COLORS, PALE, MatrixRun
from withintask.report.style import save_figure
from withintask.report.tables import markdown_table
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.grid import AXES, Variant
from withintask.tests_of_model.harness.verdict import CLAIMS, GAP

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, Any]

_NAMES = {field: name for name, field in AXES.items()}
_WIDEST = 5


def write_maps(
    result: MatrixRun,
    variants: Sequence[Variant],
    axes: Mapping[str, Sequence[float]],
    out: Path,
) -> None:
    """Write ``maps.csv``, ``maps.md`` and ``maps.svg``: the verdict of each variant, with its bias and power.

    Parameters
    ----------
    result
        Verdicts of the variants' designs.
    variants, axes
        The designs, and what was varied, two fields.
    out
        Folder.
    """
    rows = map_rows(result, variants)
    frame = pl.DataFrame(rows)
    save_csv(out / "maps.csv", frame)
    header = ("claim", "design", *(_NAMES.get(name, name) for name in axes), "verdict", "figures")
    lines = [
        (r["claim"], r["design"], *(f"{r[name]:g}" for name in axes), r["verdict"], _figures(r))
        for r in rows
    ]
    title = "# What a design needs: verdicts by two of its sizes"
    note = f"Made by `withintask matrix --vary` ({result.note}); do not edit."
    save_text(out / "maps.md", f"{title}\n\n{note}\n\n{markdown_table(header, lines)}")
    _draw(rows, axes, result.note, out / "maps.svg")


def map_rows(result: MatrixRun, variants: Sequence[Variant]) -> list[Row]:
    """Return one row a claim and variant that can be estimated: the varied values, verdict, bias, coverage, size, power."""
    by_name = {variant.design.name: variant for variant in variants}
    kept = ("claim", "estimator", "verdict", "relative_bias", "coverage", "size", "power")
    return [
        {
            **{name: cell[name] for name in kept},
            "design": by_name[str(cell["design"])].base.name,
            **by_name[str(cell["design"])].values,
            "n_replicates": cell["n_replicates"],
        }
        for cell in result.cells()
        if cell["verdict"] != GAP
    ]


def _figures(row: Row) -> str:
    return (
        f"bias {row['relative_bias']:+.0%}, covers {row['coverage']:.0%}, power {row['power']:.0%}"
    )


def _draw(rows: list[Row], axes: Mapping[str, Sequence[float]], note: str, path: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    order = [claim for claim, _, _ in CLAIMS]
    panels = sorted({(r["design"], r["claim"]) for r in rows}, key=lambda p: order.index(p[1]))
    n_columns = min(len(panels), _WIDEST) or 1
    n_lines = -(-len(panels) // n_columns) or 1
    size = 2.7 * n_columns + 0.6, 2.4 * n_lines + 0.9
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(n_lines, n_columns, squeeze=False)
    for place, ax in enumerate(grid.flat):
        if place >= len(panels):
            ax.set_axis_off()
            continue
        design, claim = panels[place]
        _panel(ax, [r for r in rows if (r["design"], r["claim"]) == (design, claim)], axes)
        ax.set_title(f"{claim}, {design}", fontsize=9)
    words = [word for word in COLORS if word in {r["verdict"] for r in rows}]
    figure.legend(
        [Rectangle((0, 0), 1, 1, facecolor=COLORS[word]) for word in words],
        words,
        loc="outside lower center",
        ncols=max(len(words), 1),
        frameon=False,
        fontsize=8,
    )
    figure.suptitle(f"What a design needs where nothing else happens; {note}", fontsize=9)
    save_figure(figure, path)


def _panel(ax: "Axes", rows: list[Row], axes: Mapping[str, Sequence[float]]) -> None:
    from matplotlib.patches import Rectangle

    down, across = axes
    for row in rows:
        line, column = axes[down].index(row[down]), axes[across].index(row[across])
        color = COLORS[row["verdict"]]
        ax.add_patch(Rectangle((column, line), 1, 1, facecolor=color, edgecolor="white", lw=2))
        ax.text(
            column + 0.5,
            line + 0.5,
            _short(row),
            ha="center",
            va="center",
            fontsize=7,
            color="#333333" if row["verdict"] in PALE else "white",
        )
    ax.set(xlim=(0, len(axes[across])), ylim=(0, len(axes[down])))
    ax.set_xticks([k + 0.5 for k in range(len(axes[across]))], [f"{v:g}" for v in axes[across]])
    ax.set_yticks([k + 0.5 for k in range(len(axes[down]))], [f"{v:g}" for v in axes[down]])
    ax.set_xlabel(_NAMES.get(across, across), fontsize=8)
    ax.set_ylabel(_NAMES.get(down, down), fontsize=8)
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(False)


def _short(row: Row) -> str:
    """The figure that decides: bias where biased, coverage where that is too low, else power."""
    if row["verdict"] == rule.BIASED:
        return f"bias\n{row['relative_bias']:+.0%}"
    if row["verdict"] == rule.DISTORTED:
        return f"covers\n{row['coverage']:.0%}"
    return f"power\n{row['power']:.0%}"
