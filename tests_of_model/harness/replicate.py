"""Replicates: worlds x designs x estimators x replicates to one row an estimate; resumable, in parallel."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import polars as pl

from withintask.panel.capabilities import Gaps, alternatives
from withintask.panel.errors import ParameterError, nearest
from withintask.sim.design import Design
from withintask.sim.designs import design_hash
from withintask.sim.economy import Economy, solve_economy
from withintask.sim.params import Params, params_hash
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.worlds import World
from withintask.tests_of_model.estimands.truth import Truths
from withintask.tests_of_model.harness.kept import write_part
from withintask.tests_of_model.harness.ledger import SCHEMA, ordered, read_ledger_part
from withintask.tests_of_model.harness.parallel import one_blas_thread
from withintask.tests_of_model.hypotheses.estimate import attempt, choose
from withintask.tests_of_model.hypotheses.hypothesis import Estimate, Estimator, Hypothesis
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.samples.sample import Sample

Named = tuple[str, str]

BLOCK = 25
"""Replicates of one design that are drawn and stored together."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some replicates of one design in one world: the unit of work, of storage and of resumption."""

    world: str
    """Name of the world."""
    params: Params
    """Parameters of the world."""
    design: Design
    """The design as it is in the world."""
    seed: int
    """Seed of the study."""
    first: int
    """First replicate."""
    last: int
    """Last replicate, exclusive."""
    estimators: tuple[Named, ...]
    """Hypothesis and estimator names."""
    terms: tuple[str, ...] = ()
    """Terms that are estimated; all that the estimators give if empty."""

    @property
    def labels(self) -> tuple[str, str, str, str, int]:
        """First columns of its rows: world, design, the hashes of design and parameters, seed."""
        hashes = design_hash(self.design), params_hash(self.params)
        return (self.world, self.design.name, *hashes, self.seed)

    @property
    def key(self) -> str:
        """Name of the block's part: what its rows depend on, but for the estimators and terms."""
        world, _, of_design, of_params, seed = self.labels
        parts = (world, of_params, of_design, seed, self.first, self.last)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is replicated: the blocks of all worlds and designs."""

    blocks: tuple[Block, ...]
    """Blocks, in order."""

    @property
    def n_replicates(self) -> int:
        """Panels to be drawn in all."""
        return sum(block.last - block.first for block in self.blocks)


def plan(
    params: Params,
    designs: Sequence[Design],
    worlds: Sequence[World],
    *,
    seed: int,
    replicates: int | dict[str, int],
    hypotheses: Sequence[str] = (),
    estimators: Sequence[str] = (),
    terms: Sequence[str] = (),
) -> Study:
    """Lay out a study.

    Parameters
    ----------
    params
        Baseline parameters, which worlds change.
    designs, worlds
        To be crossed.
    seed
        Seed of the study; the same shocks serve all worlds and designs.
    replicates
        Number of replicates, or one number a world.
    hypotheses, estimators
        Names to keep; all if empty.
    terms
        Terms to estimate; all that the estimators give if empty. What is asked for has the same numbers, and takes less time.

    Returns
    -------
    Study
        For :func:`withintask.replicate`.

    Raises
    ------
    ParameterError
        If a name is unknown, a number is not positive or no estimator gives a term.

    Examples
    --------
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> worlds = [wt.load_world("reference"), wt.load_world("no_ai")]
    >>> study = wt.plan(wt.load_params(), [design], worlds, seed=1, replicates=4, estimators=["dispersion_by_access"])
    >>> study.n_replicates
    8
    """
    counts = (
        replicates if isinstance(replicates, dict) else {world.name: replicates for world in worlds}
    )
    wrong = [f"{name}: {count}" for name, count in counts.items() if count < 1]
    if wrong:
        raise ParameterError(f"replicates: expected at least 1 a world; {', '.join(wrong)}")
    chosen = choose(hypotheses, estimators)
    named = tuple((h.name, e.name) for h, e in chosen)
    known = {term for _, e in chosen for term in e.terms}
    unknown = [f"{term}{nearest(term, known)}" for term in terms if term not in known]
    if unknown:
        raise ParameterError(f"terms: no estimator chosen gives {', '.join(unknown)}")
    blocks = [
        Block(
            world=world.name,
            params=changed,
            design=design,
            seed=seed,
            first=first,
            last=min(first + BLOCK, counts[world.name]),
            estimators=named,
            terms=tuple(terms),
        )
        for world in worlds
        for changed in [world.change_params(params)]
        for design in map(world.change_design, designs)
        for first in range(0, counts[world.name], BLOCK)
    ]
    return Study(blocks=tuple(blocks))


def replicate(
    study: Study,
    *,
    executor: Executor | None = None,
    ledger: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Run a study.

    Parameters
    ----------
    study
        From :func:`plan`.
    executor
        Any executor; serial if None. Results do not depend on it.
    ledger
        Folder of parts. What is there already is not run again; each block is stored as it is done, so that a
        killed run can go on and ends with the same rows.
    on_progress
        Called with the panels done and the panels in all.

    Returns
    -------
    polars.DataFrame
        ``ledger.SCHEMA``, ordered; a failed estimate is a row with its status and message.

    Examples
    --------
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> worlds = [wt.load_world("reference"), wt.load_world("no_ai")]
    >>> study = wt.plan(wt.load_params(), [design], worlds, seed=1, replicates=4, estimators=["dispersion_by_access"])
    >>> rows = wt.replicate(study)
    >>> rows.select("world", "replicate").n_unique()
    8
    """
    done, frames = 0, []
    with one_blas_thread():
        for block, frame in _results(study, executor, ledger):
            frames.append(frame)
            done += block.last - block.first
            if on_progress:
                on_progress(done, study.n_replicates)
    return ordered(pl.concat(frames)) if frames else pl.DataFrame(schema=SCHEMA)


def _results(
    study: Study, executor: Executor | None, ledger: Path | None
) -> Iterator[tuple[Block, pl.DataFrame]]:
    waiting: dict[Future[pl.DataFrame], Block] = {}
    try:
        for block in study.blocks:
            stored = _current(block, _stored(block, ledger))
            todo = _missing_estimators(block, stored)
            if not todo:
                yield block, _asked(block, stored)
            elif executor is None:
                yield block, _store(block, stored, run_block(block, todo), ledger)
            else:
                waiting[executor.submit(run_block, block, todo)] = block
        while waiting:
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                block = waiting.pop(future)
                stored = _current(block, _stored(block, ledger))
                yield block, _store(block, stored, future.result(), ledger)
    finally:
        for future in waiting:
            future.cancel()


def _stored(block: Block, ledger: Path | None) -> pl.DataFrame:
    return pl.DataFrame(schema=SCHEMA) if ledger is None else read_ledger_part(_path(block, ledger))


def _path(block: Block, ledger: Path) -> Path:
    return ledger / f"{block.key}.parquet"


def _store(
    block: Block, stored: pl.DataFrame, fresh: pl.DataFrame, ledger: Path | None
) -> pl.DataFrame:
    other = stored.join(fresh, on=_TERM, how="anti", maintain_order="left")
    frame = ordered(pl.concat([other, fresh]))
    if ledger is not None:
        write_part(frame, _path(block, ledger))
    return _asked(block, frame)


def _asked(block: Block, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of the terms asked for; what else is stored stays there."""
    return frame.filter(pl.col("term").is_in(block.terms)) if block.terms else frame


_TERM = ("hypothesis", "estimator", "term")


def _current(block: Block, stored: pl.DataFrame) -> pl.DataFrame:
    """Rows of the estimators asked for, at their present version, of terms that are there once for every replicate."""
    wanted = pl.DataFrame(
        [(h.name, e.name, e.version) for h, e in _estimators(block.estimators)],
        schema={"hypothesis": pl.String, "estimator": pl.String, "estimator_version": pl.Int64},
        orient="row",
    )
    present = stored.join(wanted, on=wanted.columns, how="semi", maintain_order="left")
    number = pl.col("replicate")
    is_ours = number.is_between(block.first, block.last - 1) & (pl.col("seed") == block.seed)
    complete = (
        present.group_by(_TERM)
        .agg(
            is_whole=(number.n_unique() == block.last - block.first) & is_ours.all(),
            is_single=~number.is_duplicated().any(),
        )
        .filter("is_whole", "is_single")
    )
    return present.join(complete, on=_TERM, how="semi", maintain_order="left")


def _missing_estimators(block: Block, stored: pl.DataFrame) -> tuple[Named, ...]:
    present = set(stored.select(_TERM).unique().iter_rows())
    return tuple(
        (h.name, e.name)
        for h, e in _estimators(block.estimators)
        if any((h.name, e.name, term) not in present for term in _terms(block, e))
    )


def _terms(block: Block, estimator: Estimator) -> tuple[str, ...]:
    return tuple(term for term in estimator.terms if not block.terms or term in block.terms)


@lru_cache(maxsize=64)
def _estimators(named: tuple[Named, ...]) -> tuple[tuple[Hypothesis, Estimator], ...]:
    by_name = {(h.name, e.name): (h, e) for h, e in choose()}
    return tuple(by_name[name] for name in named)


_solving = threading.Lock()


@lru_cache(maxsize=32)
def _solve(params: Params) -> tuple[Economy, dict[str, Truths]]:
    economy = solve_economy(params)
    return economy, {h.name: Truths(h.estimands, economy) for h in HYPOTHESES}


def solved(params: Params) -> tuple[Economy, dict[str, Truths]]:
    """Return the economy of params and the truths by hypothesis; solved once a process."""
    with _solving:
        return _solve(params)


def run_block(block: Block, named: tuple[Named, ...]) -> pl.DataFrame:
    """Draw the block's panels and run the named estimators; pure, so it may run anywhere.

    Returns
    -------
    polars.DataFrame
        ``ledger.SCHEMA``.
    """
    with one_blas_thread():
        economy, truths = solved(block.params)
        chosen = _estimators(named)
        design, labels = _drawn(block.design, chosen), block.labels
        capable: dict[str, tuple[str, ...]] = {}
        rows: list[tuple[object, ...]] = []
        for number in range(block.first, block.last):
            shocks = draw_shocks(design, seed=block.seed, replicate=number)
            panel = simulate(economy, design, shocks, coded=True)
            sample = Sample(panel, terms=frozenset(block.terms))
            gaps = Gaps(panel)
            for hypothesis, estimator in chosen:
                if number == block.first:
                    capable[estimator.name] = gaps.of(estimator.needs)
                rows.extend(
                    (*labels, number, *_row(hypothesis, estimator, estimate, truths))
                    for estimate in attempt(estimator, sample, capable[estimator.name])
                )
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _drawn(design: Design, chosen: Sequence[tuple[Hypothesis, Estimator]]) -> Design:
    """The design without outputs where nothing reads them; each shock has its own stream, so that the rest stays the same."""
    tables = {
        need.table
        for _, estimator in chosen
        for text in estimator.needs
        for need in alternatives(text)
    }
    if "outputs" in tables:
        return design
    others = {name: columns for name, columns in design.columns.items() if name != "outputs"}
    return replace(design, columns=MappingProxyType(others)) if others else design


def _row(
    hypothesis: Hypothesis,
    estimator: Estimator,
    estimate: Estimate,
    truths: Mapping[str, Mapping[str, float]],
) -> tuple[object, ...]:
    return (
        hypothesis.name,
        estimator.name,
        estimator.version,
        estimate.term,
        truths[hypothesis.name][estimate.term],
        estimate.estimate,
        estimate.std_error,
        estimate.statistic,
        estimate.p_value,
        estimate.conf_low,
        estimate.conf_high,
        estimate.n_obs,
        estimate.n_clusters,
        estimate.status,
        estimate.message,
    )
