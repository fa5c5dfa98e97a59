"""Replicates where they decide: a study that grows from look to look, only in the worlds and designs that are undecided."""

from collections.abc import Callable, Collection, Sequence

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.sim.design import Design
from withintask.sim.params import Params
from withintask.sim.worlds import World
from withintask.tests_of_model.harness.ledger import SCHEMA, ordered
from withintask.tests_of_model.harness.replicate import BLOCK, Study, plan, replicate
from withintask.tests_of_model.harness.rule import Looks
from withintask.tests_of_model.harness.verdict import Judged, judge_replicates, undecided

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
    """Replicate every world and design up to the first look, and up to each further one what is undecided then.

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
    whole = plan(
        params, designs, worlds, seed=seed, replicates=looks.sizes[-1], estimators=estimators
    )
    wanted = {(world.name, design.name) for world in worlds for design in designs}
    replicates, done = pl.DataFrame(schema=SCHEMA), 0
    for size in looks.sizes:
        fresh = run(_between(whole, wanted, done, size))
        replicates = ordered(pl.concat([replicates, fresh]))
        judged = judge_replicates(replicates, looks=looks, worlds=worlds)
        wanted, done = undecided(judged), size
        if not wanted:
            break
    return replicates, judged


def _between(whole: Study, wanted: Collection[tuple[str, str]], done: int, size: int) -> Study:
    """The blocks of some worlds and designs between two numbers of replicates."""
    blocks = [
        block
        for block in whole.blocks
        if done <= block.first < size and (block.world, block.design.name) in wanted
    ]
    return Study(blocks=tuple(blocks))
