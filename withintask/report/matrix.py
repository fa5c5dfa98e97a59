"""The identification matrix: run, and written as tables, a figure and a page."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.panel.escape import save_csv
from withintask.report.matrix_figure import draw_matrix
from withintask.report.matrix_map import write_maps
from withintask.report.matrix_page import matrix_page
from withintask.report.matrix_words import MatrixRun, short_gap, weakest
from withintask.report.progress import run_study
from withintask.report.tables import markdown_table
from withintask.report.terminal import print_rows
from withintask.sim.design import Design
from withintask.sim.designs import load_designs
from withintask.sim.params import load_params
from withintask.sim.worlds import World, load_worlds
from withintask.tests_of_model.harness.breakdown import BREAKDOWN_SCHEMA, breakdown
from withintask.tests_of_model.harness.diagnose import diagnose
from withintask.tests_of_model.harness.grid import cross
from withintask.tests_of_model.harness.sequential import make_looks, replicate_until_decided
from withintask.tests_of_model.harness.verdict import BASES, CLAIMS, GAP, Judged
from withintask.tests_of_model.hypotheses.estimate import choose

QUICK = 10
"""Replicates of a first look."""
GLANCE = 5
"""Replicates of a rival world in a first look, where none is added."""
NO_AXES: Mapping[str, Sequence[float]] = MappingProxyType({})
"""No map."""


def run_matrix(
    out: Path,
    limit: int,
    *,
    seed: int,
    engine: str,
    n_workers: int,
    dask: str = "",
    is_quick: bool = False,
    n_breakdown: int = 0,
    designs: Sequence[Design] = (),
    more_worlds: Sequence[World] = (),
    axes: Mapping[str, Sequence[float]] = NO_AXES,
    command: str = "withintask matrix",
) -> Judged:
    """Run designs in all worlds until they are decided, and write replicates, diagnosis, verdicts, figure and page.

    Parameters
    ----------
    out
        Folder; ``out/ledger`` holds finished blocks, so that a killed run goes on.
    limit
        Replicates a world at which it ends, decided or not.
    seed
        Seed of the study.
    engine, n_workers, dask
        How to run; results do not depend on it.
    is_quick
        Whether this is a first look, and everything is marked so.
    n_breakdown
        Replicates with which the sizes of nuisances are searched at which identified cells are lost; 0 for no search.
    designs
        To be judged; the packaged ones if empty.
    more_worlds
        Worlds of one's own, beside the packaged ones.
    axes
        Two fields of a design and their values: each design is judged at every combination, in the reference world, without
        AI and in one's own worlds, and small maps are written. No maps if empty.
    command
        What was called, for the foot of the page.

    Returns
    -------
    Judged
        Verdicts, and the worlds behind them.
    """
    variants = cross(designs or load_designs(), axes)
    designs = [variant.design for variant in variants] if axes else designs or load_designs()
    known = [world for world in load_worlds() if not axes or world.name in BASES]
    worlds = [*known, *more_worlds]
    run = partial(run_study, ledger=out / "ledger", engine=engine, n_workers=n_workers, dask=dask)
    replicates, judged = replicate_until_decided(
        load_params(),
        designs,
        worlds,
        seed=seed,
        looks=make_looks(limit),
        glance=GLANCE if is_quick else 0,
        estimators=_claimed(),
        terms=tuple(dict.fromkeys(term for _, _, term in CLAIMS)),
        run=run,
    )
    sizes = pl.DataFrame(schema=BREAKDOWN_SCHEMA)
    if n_breakdown:
        sizes = breakdown(
            judged.verdicts, load_params(), designs, seed=seed, n=n_breakdown, run=run
        )
    save(out / "replicates.parquet", replicates.write_parquet)
    save(out / "diagnosis.parquet", diagnose(replicates).write_parquet)
    result = MatrixRun(
        judged=judged,
        sizes=sizes,
        designs=designs,
        worlds=worlds,
        limit=limit,
        seed=seed,
        is_quick=is_quick,
        command=command,
    )
    write_matrix(result, out)
    if axes:
        write_maps(result, variants, axes, out)
        print(f"{out}: maps.svg, .md, .csv")
    return judged


def write_matrix(result: MatrixRun, out: Path) -> None:
    """Write the verdicts as tables, a figure and a page, and print them."""
    verdicts = result.judged.verdicts
    save(out / "matrix.parquet", verdicts.write_parquet)
    save_csv(out / "matrix.csv", verdicts.with_columns(pl.col("idle").list.join(", ")))
    for name, frame in (("worlds", result.judged.worlds), ("breakdown", result.sizes)):
        save(out / f"{name}.parquet", frame.write_parquet)
        save_csv(out / f"{name}.csv", frame)
    draw_matrix(result, out / "matrix.svg")
    save_text(out / "matrix.md", _markdown(result))
    save_text(out / "index.html", matrix_page(result))
    print_rows(_HEADER, _rows(result), title=f"Identification matrix; {result.note}")
    print(
        f"{out}: index.html, matrix.svg, .md, .csv; replicates, diagnosis, worlds, breakdown as .parquet"
    )


_HEADER = ("claim", "design", "estimator", "verdict", "why", "without rivals", "replicates")


def _rows(result: MatrixRun) -> list[tuple[str, ...]]:
    """Verdict of each claim and design that can be judged."""
    return [
        (
            *(str(row[name]) for name in ("claim", "design", "estimator", "verdict")),
            _why(row, result.sizes),
            str(row["alone"]),
            f"{row['n_replicates']:,}",
        )
        for row in result.cells()
        if row["verdict"] != GAP
    ]


def _why(row: dict[str, object], sizes: pl.DataFrame) -> str:
    lost = weakest(sizes, str(row["claim"]), str(row["design"]))
    return f"{row['reason']}; lost at {lost}" if lost else str(row["reason"])


def _markdown(result: MatrixRun) -> str:
    made_by = f"Made by `withintask matrix` ({result.note}); do not edit. What the claims are and how the verdicts come about: [diagnosis.md](diagnosis.md)."
    gaps = [row for row in result.cells() if row["verdict"] == GAP]
    lines = [f"- {row['claim']}, {row['design']}: {short_gap(str(row['reason']))}" for row in gaps]
    return (
        f"# Verdicts of the identification matrix\n\n{made_by}\n\n{markdown_table(_HEADER, _rows(result))}"
        "\n## Not estimable\n\n" + "\n".join(lines) + "\n"
    )


def _claimed() -> tuple[str, ...]:
    """Estimators of a claim's term; tests without an interval are left to the analyst of one panel."""
    terms = {(hypothesis, term) for _, hypothesis, term in CLAIMS}
    return tuple(
        e.name for h, e in choose() if {(h.name, t) for t in e.terms} & terms and e.has_interval
    )
