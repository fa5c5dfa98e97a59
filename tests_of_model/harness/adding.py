"""Where replicates are added: in which world, design and estimator a further look can decide a verdict, and how many it takes.

A cell that is not decided is first tried further in the one world in which a figure seems worst, since a figure shown bad in
any world decides it; only where none seems bad do all worlds go on in which something is open. What a cell is without
rivals is decided too, in the reference world and without AI. Every test has its own share
of the level at every look of every world (``rule.py``), so that error rates do not depend on where replicates are added.
"""

import math
from collections.abc import Iterator
from typing import Any

from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.rule import Looks
from withintask.tests_of_model.harness.verdict import BASES, Judged

Row = dict[str, Any]
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
    chosen = {tuple(row[key] for key in keys): row for row in _chosen(judged)}
    wanted: dict[Place, tuple[int, int]] = {}
    for key, worlds in judged.worlds.group_by(keys, maintain_order=True):
        if key in chosen:
            wanted |= _wanted(chosen[key], list(worlds.iter_rows(named=True)), looks)
    return wanted


def _chosen(judged: Judged) -> list[Row]:
    return list(judged.verdicts.filter("is_chosen").iter_rows(named=True))


def _wanted(cell: Row, worlds: list[Row], looks: Looks) -> dict[Place, tuple[int, int]]:
    wanted: dict[Place, tuple[int, int]] = {}
    if cell["verdict"] == rule.INCONCLUSIVE and not _is_futile(cell["n_decide"], worlds, looks):
        wanted |= dict(_of_cell(worlds, looks))
    bases = [world for world in worlds if world["world"] in BASES]
    n_alone = cell["alone_n_decide"]
    if cell["alone"] == rule.INCONCLUSIVE and not _is_futile(n_alone, bases, looks):
        wanted |= dict(_alone(bases, looks))
    return wanted


def _alone(bases: list[Row], looks: Looks) -> Iterator[tuple[Place, tuple[int, int]]]:
    """What is still open where there are no rivals: it says what a cell is that a rival has taken away."""
    for world in bases:
        n = world["n_replicates"]
        if world["is_open_alone"] and n < looks.sizes[-1]:
            yield _place(world), (n, next(size for size in looks.sizes if size > n))


def _is_futile(n_decide: float, worlds: list[Row], looks: Looks) -> bool:
    n = max(world["n_replicates"] for world in worlds)
    return bool(n > looks.sizes[0] and n_decide > FUTILE * looks.sizes[-1])


def _place(world: Row) -> Place:
    return world["world"], world["design"], world["estimator"]


def _of_cell(worlds: list[Row], looks: Looks) -> Iterator[tuple[Place, tuple[int, int]]]:
    margin = rule.BIAS_SHARE * abs(worlds[0]["truth"])
    open_worlds = [
        (world, excess)
        for world in worlds
        if (excess := _excess(world, margin)) > -math.inf
        and world["n_replicates"] < looks.sizes[-1]
    ]
    worst = max(open_worlds, key=lambda pair: pair[1], default=None)
    chosen = [worst] if worst is not None and worst[1] > SEEMS_BAD else open_worlds
    for world, _ in chosen:
        n = world["n_replicates"]
        yield _place(world), (n, next(size for size in looks.sizes if size > n))


def _excess(world: Row, margin: float) -> float:
    """Monte-Carlo errors by which the worst open figure is beyond its limit; minus infinity if none is open."""
    beyond = {
        "bias": (abs(world["bias"]) - margin, world["bias_mc_se"]),
        "coverage": (rule.COVERAGE_LIMIT - world["coverage"], world["coverage_mc_se"]),
        "size": (world["rejects"] - rule.SIZE_LIMIT, world["rejects_mc_se"]),
        "power": (rule.POWER_GOAL - world["rejects"], world["rejects_mc_se"]),
    }
    excesses = [
        excess / error if error > 0 and math.isfinite(excess) else 0.0
        for name, (excess, error) in beyond.items()
        if world[f"{name}_shown"] == "open"
    ]
    return max(excesses, default=-math.inf)
