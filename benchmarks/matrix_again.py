"""Whether the cells of a matrix that are identified, with rivals or without, are so with another seed too.

    python benchmarks/matrix_again.py out/matrix --seed 2

runs the designs and estimators of these cells anew until they are decided, in all worlds if some are identified with rivals, else
in the reference world and without AI, and prints their verdicts.
"""

import argparse
from functools import partial
from pathlib import Path

import polars as pl

from withintask.report.progress import run_study
from withintask.report.terminal import print_rows
from withintask.sim.designs import load_designs
from withintask.sim.params import load_params
from withintask.sim.worlds import load_worlds
from withintask.tests_of_model.harness.rule import IDENTIFIED
from withintask.tests_of_model.harness.sequential import make_looks, replicate_until_decided
from withintask.tests_of_model.harness.verdict import BASES

KEYS = ["claim", "design", "estimator"]


def main() -> None:
    """Run the green cells again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of withintask matrix")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    first = pl.read_parquet(options.folder / "matrix.parquet")
    green = first.filter("is_chosen", alone=IDENTIFIED)
    if green.is_empty():
        print("No cell is identified.")
        return
    both = green.join(_again(green, options), on=KEYS, how="left", suffix="_again")
    shown = ("verdict", "verdict_again", "alone", "alone_again", "reason_again")
    rows = [tuple(str(row[name]) for name in (*KEYS, *shown)) for row in both.iter_rows(named=True)]
    print_rows((*KEYS, "verdict", "again", "without rivals", "again", "why"), rows)


def _again(green: pl.DataFrame, options: argparse.Namespace) -> pl.DataFrame:
    names, has_green = set(green["design"]), IDENTIFIED in set(green["verdict"])
    _, judged = replicate_until_decided(
        load_params(),
        [design for design in load_designs() if design.name in names],
        [world for world in load_worlds() if has_green or world.name in BASES],
        seed=options.seed,
        looks=make_looks(options.replicates),
        estimators=sorted(set(green["estimator"])),
        run=partial(
            run_study,
            ledger=options.folder / "ledger",
            engine="processes",
            n_workers=options.workers,
        ),
    )
    return judged.verdicts


if __name__ == "__main__":
    main()
