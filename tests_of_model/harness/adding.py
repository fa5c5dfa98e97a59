"""Where replicates are added: in which world, design and estimator a further look can decide a verdict, and how many it takes.

A cell that is not decided is first tried further in the one world in which a figure seems worst, since a figure shown bad in
any world decides it; only where none seems bad do all worlds go on in which something is open. Every test has its own share
of the level at every look of every world (``rule.py``), so that error rates do not depend on where replicates are added.
"""

import math
from collections.abc import Iterator

import polars as pl

from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.rule import Looks
from withintask.tests_of_model.harness.verdict import Judged

Place = tuple[str, str, str]
"""World, design and estimator."""

FUTILE = 4.0
"""Multiple of the limit beyond which replicates are not added, since they could not decide; after the first look."""
SEEMS_BAD = 1.0
"""Monte-Carlo errors beyond its limit at which a figure seems bad."""


def to_try(judged: Judged) -> set[tuple[str, str]]:
    """Return the designs and estimators of chosen cells that are not decided, hence to be tried in rival worlds."""
    cells = judged.verdicts.filter("is_chosen", verdict=rule.INCONCLUSIVE)
    return set(cells.select("design", "estimator").iter_rows())


def next_looks(judged: Judged, looks: Looks) -> dict[Place, tuple[int, int]]:
    """Return where replicates are added, with those that there are and the next look.

    Parameters
    ----------
    judged
        Verdicts so far.
    looks
        Replicates a world at which tests are made; what would take more than FUTILE times the last is given up.
    """
    keys = ["claim", "design", "estimator"]
    cells = judged.verdicts.filter("is_chosen", verdict=rule.INCONCLUSIVE)
    wanted: dict[Place, tuple[int, int]] = {}
    for key, worlds in judged.worlds.group_by(keys, maintain_order=True):
        cell = cells.filter(claim=key[0], design=key[1], estimator=key[2])
        if not cell.is_empty() and not _is_futile(cell, worlds, looks):
            wanted |= dict(_of_cell(list(worlds.iter_rows(named=True)), looks))
    return wanted


def _is_futile(cell: pl.DataFrame, worlds: pl.DataFrame, looks: Looks) -> bool:
    n = int(worlds["n_replicates"].max() or 0)  # type: ignore[arg-type]
    return n > looks.sizes[0] and float(cell["n_decide"][0]) > FUTILE * looks.sizes[-1]


def _of_cell(
    worlds: list[dict[str, object]], looks: Looks
) -> Iterator[tuple[Place, tuple[int, int]]]:
    margin = rule.BIAS_SHARE * abs(float(str(worlds[0]["truth"])))
    open_worlds = [
        (world, excess)
        for world in worlds
        if (excess := _excess(world, margin)) > -math.inf
        and int(str(world["n_replicates"])) < looks.sizes[-1]
    ]
    worst = max(open_worlds, key=lambda pair: pair[1], default=None)
    chosen = [worst] if worst is not None and worst[1] > SEEMS_BAD else open_worlds
    for world, _ in chosen:
        n = int(str(world["n_replicates"]))
        size = next(size for size in looks.sizes if size > n)
        yield (str(world["world"]), str(world["design"]), str(world["estimator"])), (n, size)


def _excess(world: dict[str, object], margin: float) -> float:
    """Monte-Carlo errors by which the worst open figure is beyond its limit; minus infinity if none is open."""

    def number(name: str) -> float:
        return float(str(world[name]))

    beyond = {
        "bias": (abs(number("bias")) - margin, number("bias_mc_se")),
        "coverage": (rule.COVERAGE_LIMIT - number("coverage"), number("coverage_mc_se")),
        "size": (number("rejects") - rule.SIZE_LIMIT, number("rejects_mc_se")),
        "power": (rule.POWER_GOAL - number("rejects"), number("rejects_mc_se")),
    }
    excesses = [
        excess / error if error > 0 and math.isfinite(excess) else 0.0
        for name, (excess, error) in beyond.items()
        if world[f"{name}_shown"] == "open"
    ]
    return max(excesses, default=-math.inf)
