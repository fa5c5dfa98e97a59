"""Replicates where they decide: a study that grows from look to look, only in the worlds, designs and estimators that are undecided."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.sim.design import Design
from withintask.sim.params import Params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.worlds import REFERENCE, World
from withintask.tests_of_model.harness.adding import Place, next_looks, to_try
from withintask.tests_of_model.harness.ledger import ordered
from withintask.tests_of_model.harness.replicate import BLOCK, Block, Study, plan, replicate, solved
from withintask.tests_of_model.harness.rule import Looks
from withintask.tests_of_model.harness.verdict import BASES, CLAIMS, Judged, judge_replicates
from withintask.tests_of_model.hypotheses.recommend import orders_of_trust
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

LOOKS = (25, 100, 400, 1000)
"""Replicates a world at which tests are made, up to the limit."""


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
    glance: int = 0,
    estimators: Sequence[str] = (),
    terms: Sequence[str] = (),
    run: Callable[[Study], pl.DataFrame] = replicate,
) -> tuple[pl.DataFrame, Judged]:
    """Replicate a little everywhere, and further where that can decide.

    All estimators are run in the reference world and without AI up to the first look. Those with which a design is judged
    on some claim that is not decided by then are run in all rival worlds, so that each that hurts is seen; after that
    replicates are added as ``adding.py`` says.

    Parameters
    ----------
    params, designs, worlds, seed, estimators, terms
        As for :func:`withintask.tests_of_model.harness.replicate.plan`.
    looks
        Replicates a world at which verdicts are made; the last is the limit.
    glance
        Replicates of each rival world before any is added; those of the first look if 0. Nothing is tested of fewer.
    run
        Runs a study: on which engine and from which ledger. Nothing depends on it, and with a ledger a killed run goes on.

    Returns
    -------
    tuple
        The replicates, ordered, and what is judged of them. Error rates are those of ``rule.py``: a verdict is a function
        of the first replicates of each world, so that it does not matter why further ones were drawn.
    """
    limit, first = looks.sizes[-1], looks.sizes[0]
    glance = min(glance or first, first)
    study = plan(
        params,
        designs,
        worlds,
        seed=seed,
        replicates=limit,
        estimators=estimators,
        terms=terms,
    )
    whole = _split(study, glance)
    judged_as = partial(
        judge_replicates,
        looks=looks,
        worlds=worlds,
        orders=_orders(params, designs, worlds, seed),
    )
    replicates = run(_in_worlds(whole, BASES, first))
    judged = judged_as(replicates)
    rivals = [world.name for world in worlds if world.name not in BASES]
    wanted = {(world, *names): (0, glance) for world in rivals for names in to_try(judged)}
    wanted = wanted or next_looks(judged, looks)
    while wanted:
        replicates = ordered(pl.concat([replicates, run(_in_places(whole, wanted))]))
        judged = judged_as(replicates)
        wanted = next_looks(judged, looks)
    return replicates, judged


def _orders(
    params: Params, designs: Sequence[Design], worlds: Sequence[World], seed: int
) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Estimators in the order of trust, as an analyst of each design's first panel in the reference world has it."""
    world = next(world for world in worlds if world.name == REFERENCE)
    economy, _ = solved(world.change_params(params))
    named = {hypothesis.name: hypothesis for hypothesis in HYPOTHESES}
    claims = [(hypothesis, term) for _, hypothesis, term in CLAIMS]
    orders: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for design in designs:
        here = world.change_design(design)
        panel = simulate(economy, here, draw_shocks(here, seed=seed), coded=True)
        found = orders_of_trust(panel, [(named[hypothesis], term) for hypothesis, term in claims])
        orders |= {(design.name, *claim): order for claim, order in zip(claims, found, strict=True)}
    return orders


def _split(study: Study, first: int) -> Study:
    """The study with a cut inside its first blocks."""
    blocks: list[Block] = []
    for block in study.blocks:
        is_cut = block.first < first < block.last
        blocks += [replace(block, last=first), replace(block, first=first)] if is_cut else [block]
    return Study(blocks=tuple(blocks))


def _in_worlds(whole: Study, worlds: Collection[str], size: int) -> Study:
    """The blocks of some worlds, with all estimators, up to a number of replicates."""
    blocks = [b for b in whole.blocks if b.world in worlds and b.first < size]
    return Study(blocks=tuple(blocks))


def _in_places(whole: Study, wanted: Mapping[Place, tuple[int, int]]) -> Study:
    """The blocks between two numbers of replicates of some worlds, designs and estimators."""
    blocks = []
    for block in whole.blocks:
        names = tuple(
            (hypothesis, name)
            for hypothesis, name in block.estimators
            if _is_between(block.first, wanted.get((block.world, block.design.name, name)))
        )
        if names:
            blocks.append(replace(block, estimators=names))
    return Study(blocks=tuple(blocks))


def _is_between(first: int, ends: tuple[int, int] | None) -> bool:
    return ends is not None and ends[0] <= first < ends[1]
