"""The identification matrix: run, written and drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.report.progress import run_study
from withintask.report.tables import markdown_table
from withintask.report.terminal import print_rows
from withintask.sim.design import Design
from withintask.sim.designs import load_designs
from withintask.sim.params import load_params
from withintask.sim.worlds import NO_AI, REFERENCE, load_worlds
from withintask.tests_of_model.harness.diagnose import diagnose
from withintask.tests_of_model.harness.replicate import plan
from withintask.tests_of_model.harness.verdict import CLAIMS, RANK, verdicts
from withintask.tests_of_model.hypotheses.estimate import choose

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOR = {
    "identified": "#2a7f62",
    "underpowered": "#e3b23c",
    "size-distorted": "#c8553d",
    "biased": "#8f2d56",
    "not estimable": "#d9d9d9",
}


_PALE = ("not estimable", "underpowered")


def run_matrix(
    out: Path, counts: tuple[int, int], *, seed: int, engine: str, n_workers: int, dask: str = ""
) -> pl.DataFrame:
    """Run all designs in all worlds, and write replicates, diagnosis, verdicts, their page and the figure.

    Parameters
    ----------
    out
        Folder; ``out/ledger`` holds finished blocks, so that a killed run goes on.
    counts
        Replicates in the reference world and without AI, and in each rival.

    Returns
    -------
    polars.DataFrame
        The verdicts.
    """
    worlds = load_worlds()
    per_world = {w.name: counts[0] if w.name in (REFERENCE, NO_AI) else counts[1] for w in worlds}
    study = plan(
        load_params(),
        load_designs(),
        worlds,
        seed=seed,
        replicates=per_world,
        estimators=_claimed(),
    )
    replicates = run_study(study, out / "ledger", engine=engine, n_workers=n_workers, dask=dask)
    judged = verdicts(replicates)
    save(out / "replicates.parquet", replicates.write_parquet)
    diagnosis = diagnose(replicates)
    save(out / "diagnosis.parquet", diagnosis.write_parquet)
    save(out / "matrix.parquet", judged.write_parquet)
    save(out / "matrix.csv", judged.write_csv)
    note = f"{counts[0]} replicates, {counts[1]} in each rival world, seed {seed}"
    draw_matrix(judged, out / "matrix.png", note=note)
    rows = _best_rows(judged)
    save_text(out / "matrix.md", _page(rows, note))
    print_rows(_HEADER, rows, title="Identification matrix: the best estimator of each design")
    print(f"{out}: replicates and diagnosis as .parquet; matrix as .parquet, .csv, .md and .png")
    return judged


_HEADER = ("claim", "design", "estimator", "verdict", "reason")


def _best_rows(judged: pl.DataFrame) -> list[tuple[str, ...]]:
    """Verdict of each claim and design, in the order of the claims and of the designs' numbers."""
    claims, designs = [claim for claim, _, _ in CLAIMS], [d.name for d in load_designs()]
    rows = [tuple(map(str, row)) for row in judged.filter("is_best").select(_HEADER).iter_rows()]
    return sorted(rows, key=lambda row: (claims.index(row[0]), designs.index(row[1])))


def _page(rows: list[tuple[str, ...]], note: str) -> str:
    made_by = f"Made by `withintask matrix` ({note}); do not edit. What the claims are: [diagnosis.md](diagnosis.md)."
    return (
        f"# Verdicts of the identification matrix\n\n{made_by}\n\n{markdown_table(_HEADER, rows)}"
    )


def _claimed() -> tuple[str, ...]:
    """Estimators of a claim's term; tests without an interval are left to the analyst of one panel."""
    terms = {(hypothesis, term) for _, hypothesis, term in CLAIMS}
    return tuple(
        e.name for h, e in choose() if {(h.name, t) for t in e.terms} & terms and e.has_interval
    )


def draw_matrix(judged: pl.DataFrame, path: Path, *, note: str) -> None:
    """Draw the verdicts: designs by claims, one colour a verdict, a word and the sample that would do in the cell."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    designs = load_designs()
    figure, axes = plt.subplots(figsize=(14, 6.8), layout="constrained")
    _fill(axes, judged, designs)
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
    handles = [Rectangle((0, 0), 1, 1, facecolor=_COLOR[verdict]) for verdict in RANK]
    axes.legend(
        handles,
        RANK,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=len(RANK),
        frameon=False,
    )
    _caption(figure, note)
    save(path, lambda temporary: figure.savefig(temporary, dpi=150))
    plt.close(figure)


def _fill(axes: "Axes", judged: pl.DataFrame, designs: Sequence[Design]) -> None:
    """Colour the cells and write into them."""
    from matplotlib.patches import Rectangle

    best = {
        (row["claim"], row["design"]): row for row in judged.filter("is_best").iter_rows(named=True)
    }
    for column, (claim, _, _) in enumerate(CLAIMS):
        for line, design in enumerate(designs):
            cell = best.get((claim, design.name))
            if cell is None:
                continue
            color = _COLOR[cell["verdict"]]
            axes.add_patch(
                Rectangle((column, line), 1, 1, facecolor=color, edgecolor="white", lw=2)
            )
            axes.text(
                column + 0.5,
                line + 0.5,
                _word(cell),
                ha="center",
                va="center",
                fontsize=8,
                color="#444444" if cell["verdict"] in _PALE else "white",
            )


def _caption(figure: "Figure", note: str) -> None:
    figure.suptitle("Which data would identify the mechanism", fontweight="bold")
    figure.supxlabel(f"Best estimator of each design, at its default size; {note}", fontsize=8)


def _word(cell: dict[str, object]) -> str:
    verdict, factor = str(cell["verdict"]), cell["sample_factor"]
    if verdict == "underpowered" and isinstance(factor, float):
        return (
            f"× {factor:.2g} sample"
            if factor < 100
            else f"× {factor:,.0f} sample"
            if factor < 10_000
            else "× >10,000"
        )
    if verdict == "biased":
        world = str(cell["world"]).replace("_", "\n")
        return f"biased\n{world}"
    return verdict if verdict != "not estimable" else "–"
