"""The identification matrix: run, and written as tables, a figure and a page."""

from functools import partial
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.report.matrix_figure import draw_matrix
from withintask.report.matrix_page import matrix_page
from withintask.report.matrix_words import FIRST_LOOK, short_gap, weakest
from withintask.report.progress import run_study
from withintask.report.tables import markdown_table
from withintask.report.terminal import print_rows
from withintask.sim.designs import load_designs
from withintask.sim.params import load_params
from withintask.sim.worlds import load_worlds
from withintask.tests_of_model.harness.breakdown import BREAKDOWN_SCHEMA, breakdown
from withintask.tests_of_model.harness.diagnose import diagnose
from withintask.tests_of_model.harness.rule import IDENTIFIED
from withintask.tests_of_model.harness.sequential import make_looks, replicate_until_decided
from withintask.tests_of_model.harness.verdict import CLAIMS, GAP, Judged
from withintask.tests_of_model.hypotheses.estimate import choose

QUICK = 16
"""Replicates of a first look."""


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
) -> Judged:
    """Run all designs in all worlds until they are decided, and write replicates, diagnosis, verdicts, figure and page.

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

    Returns
    -------
    Judged
        Verdicts, and the worlds behind them.
    """
    run = partial(run_study, ledger=out / "ledger", engine=engine, n_workers=n_workers, dask=dask)
    replicates, judged = replicate_until_decided(
        load_params(),
        load_designs(),
        load_worlds(),
        seed=seed,
        looks=make_looks(limit),
        estimators=_claimed(),
        run=run,
    )
    sizes = pl.DataFrame(schema=BREAKDOWN_SCHEMA)
    if n_breakdown:
        sizes = breakdown(
            judged.verdicts, load_params(), load_designs(), seed=seed, n=n_breakdown, run=run
        )
    note = f"at most {limit:,} replicates a world, seed {seed}"
    note = f"{FIRST_LOOK}: {note}" if is_quick else note
    _write(out, replicates, judged, sizes, note)
    page = matrix_page(judged, sizes, note=note, seed=seed, is_quick=is_quick)
    save_text(out / "index.html", page)
    return judged


def _write(
    out: Path, replicates: pl.DataFrame, judged: Judged, sizes: pl.DataFrame, note: str
) -> None:
    is_quick = note.startswith(FIRST_LOOK)
    save(out / "replicates.parquet", replicates.write_parquet)
    save(out / "diagnosis.parquet", diagnose(replicates).write_parquet)
    save(out / "matrix.parquet", judged.verdicts.write_parquet)
    flat = judged.verdicts.with_columns(pl.col("idle").list.join(", "))
    save(out / "matrix.csv", flat.write_csv)
    save(out / "worlds.parquet", judged.worlds.write_parquet)
    save(out / "breakdown.parquet", sizes.write_parquet)
    draw_matrix(judged.verdicts, sizes, out / "matrix.png", note=note, is_quick=is_quick)
    save_text(out / "matrix.md", _markdown(judged.verdicts, sizes, note))
    title = f"Identification matrix; {note}"
    print_rows(_HEADER, _rows(judged.verdicts, sizes), title=title)
    print(
        f"{out}: index.html, matrix.png, .md, .csv; replicates, diagnosis, worlds, breakdown as .parquet"
    )


_HEADER = ("claim", "design", "estimator", "verdict", "why", "replicates")


def _rows(verdicts: pl.DataFrame, sizes: pl.DataFrame) -> list[tuple[str, ...]]:
    """Verdict of each claim and design that can be judged, in the order of the claims and of the designs' numbers."""
    return [
        (
            *(str(row[name]) for name in ("claim", "design", "estimator", "verdict")),
            _why(row, sizes),
            f"{row['n_replicates']:,}",
        )
        for row in _chosen(verdicts)
        if row["verdict"] != GAP
    ]


def _why(row: dict[str, object], sizes: pl.DataFrame) -> str:
    lost = (
        weakest(sizes, str(row["claim"]), str(row["design"]))
        if row["verdict"] == IDENTIFIED
        else ""
    )
    return f"{row['reason']}; lost at {lost}" if lost else str(row["reason"])


def _chosen(verdicts: pl.DataFrame) -> list[dict[str, object]]:
    claims, designs = [claim for claim, _, _ in CLAIMS], [d.name for d in load_designs()]
    rows = list(verdicts.filter("is_chosen").iter_rows(named=True))
    return sorted(rows, key=lambda row: (claims.index(row["claim"]), designs.index(row["design"])))


def _markdown(verdicts: pl.DataFrame, sizes: pl.DataFrame, note: str) -> str:
    rows = _rows(verdicts, sizes)
    made_by = f"Made by `withintask matrix` ({note}); do not edit. What the claims are and how the verdicts come about: [diagnosis.md](diagnosis.md)."
    gaps = [row for row in _chosen(verdicts) if row["verdict"] == GAP]
    lines = [f"- {row['claim']}, {row['design']}: {short_gap(str(row['reason']))}" for row in gaps]
    return (
        f"# Verdicts of the identification matrix\n\n{made_by}\n\n{markdown_table(_HEADER, rows)}"
        "\n## Not estimable\n\n" + "\n".join(lines) + "\n"
    )


def _claimed() -> tuple[str, ...]:
    """Estimators of a claim's term; tests without an interval are left to the analyst of one panel."""
    terms = {(hypothesis, term) for _, hypothesis, term in CLAIMS}
    return tuple(
        e.name for h, e in choose() if {(h.name, t) for t in e.terms} & terms and e.has_interval
    )
