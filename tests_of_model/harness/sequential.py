"""Replicates where they decide: a study that grows from look to look, only in the worlds, designs and estimators that are undecided."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.sim.design import Design
from withintask.sim.params import Params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.worlds import NO_AI, REFERENCE, World
from withintask.tests_of_model.harness.ledger import ordered
from withintask.tests_of_model.harness.replicate import BLOCK, Study, plan, replicate, solved
from withintask.tests_of_model.harness.rule import Looks
from withintask.tests_of_model.harness.verdict import (
    CLAIMS,
    Judged,
    chosen_estimators,
    judge_replicates,
    undecided,
)
from withintask.tests_of_model.hypotheses.recommend import order_of_trust
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

BASES = (REFERENCE, NO_AI)
"""Worlds in which every estimator is tried."""

LOOKS = (50, 150, 400, 1000)
"""Replicates a world at the looks, up to the limit."""


def make_looks(limit: int) -> Looks:
    """Return the looks up to a limit of replicates, in whole blocks so that each look goes on from the last.

    Raises
    ------
    ParameterError
        If the limit is not positive.
    """
    if limit < 1:
        raise ParameterError(f"replicates = {limit}: expected at least 1 a world")
    whole = limit if limit < BLOCK else limit - limit % BLOCK
    return Looks(sizes=(*(size for size in LOOKS if size < whole), whole))


def replicate_until_decided(
    params: Params,
    designs: Sequence[Design],
    worlds: Sequence[World],
    *,
    seed: int,
    looks: Looks,
    estimators: Sequence[str] = (),
    run: Callable[[Study], pl.DataFrame] = replicate,
) -> tuple[pl.DataFrame, Judged]:
    """Replicate up to the first look, and up to each further one what is undecided then.

    All estimators are run in the reference world and without AI up to the first look; those with which designs are judged
    go on, into all worlds, and from look to look where a verdict of theirs is open.

    Parameters
    ----------
    params, designs, worlds, seed, estimators
        As for :func:`withintask.tests_of_model.harness.replicate.plan`.
    looks
        Replicates a world at which verdicts are made; the last is the limit.
    run
        Runs a study: on which engine and from which ledger. Nothing depends on it, and with a ledger a killed run goes on.

    Returns
    -------
    tuple
        The replicates, ordered, and what is judged of them. Error rates are those of ``rule.py``: a verdict is a function
        of the first replicates of each world, so that it does not matter why further ones were drawn.
    """
    limit, first = looks.sizes[-1], looks.sizes[0]
    whole = plan(params, designs, worlds, seed=seed, replicates=limit, estimators=estimators)
    judged_as = partial(
        judge_replicates,
        looks=looks,
        worlds=worlds,
        orders=_orders(params, designs, worlds, seed),
    )
    replicates = run(_between(whole, 0, first, worlds=BASES))
    judged = judged_as(replicates)
    chosen = chosen_estimators(judged)
    rivals = {(w.name, *names) for w in worlds if w.name not in BASES for names in chosen}
    wanted, done = rivals, 0
    for size in looks.sizes:
        fresh = run(_between(whole, done, size, wanted=wanted))
        replicates = ordered(pl.concat([replicates, fresh]))
        judged = judged_as(replicates)
        wanted, done = undecided(judged, limit), size
        if not wanted:
            break
    return replicates, judged


def _orders(
    params: Params, designs: Sequence[Design], worlds: Sequence[World], seed: int
) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Estimators in the order of trust, as an analyst of each design's first panel in the reference world has it."""
    world = next(world for world in worlds if world.name == REFERENCE)
    economy, _ = solved(world.change_params(params))
    named = {hypothesis.name: hypothesis for hypothesis in HYPOTHESES}
    orders = {}
    for design in designs:
        here = world.change_design(design)
        panel = simulate(economy, here, draw_shocks(here, seed=seed))
        for _, hypothesis, term in CLAIMS:
            orders[design.name, hypothesis, term] = order_of_trust(panel, named[hypothesis], term)
    return orders


def _between(
    whole: Study,
    done: int,
    size: int,
    *,
    worlds: Collection[str] = (),
    wanted: Collection[tuple[str, str, str]] = (),
) -> Study:
    """The blocks between two numbers of replicates: of some worlds, or of some worlds, designs and estimators."""
    blocks = []
    for block in whole.blocks:
        here = block.world, block.design.name
        names = tuple(
            n for n in block.estimators if block.world in worlds or (*here, n[1]) in wanted
        )
        if names and done <= block.first < size:
            blocks.append(replace(block, estimators=names))
    return Study(blocks=tuple(blocks))
