"""Where a search gets its replicates: visits of candidate designs, drawn by the harness or by anything else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import polars as pl
from scipy.special import ndtri

from withintask.panel.arrays import Array, Flags
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.params import Params, switch_off
from withintask.sim.worlds import NO_AI, REFERENCE
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power.terms import TermTest
from withintask.tests_of_model.harness.replicate import BLOCK, Block, Study
from withintask.tests_of_model.harness.rule import Draws
from withintask.tests_of_model.hypotheses.hypothesis import OK

Together = Literal["all", "any"]
"""Which of several terms must be rejected for a study to count as a success."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """Replicates of the tests of one design in one world, (term, replicate) each; NaN where an estimate failed."""

    truth: Array
    """Truths, (term,)."""
    estimate: Array
    """Estimates."""
    conf_low: Array
    """Lower ends."""
    conf_high: Array
    """Upper ends."""
    p_value: Array
    """Two-sided p-values of no effect."""

    @property
    def n(self) -> int:
        """Replicates."""
        return int(self.estimate.shape[1])

    def rejects(self, together: Together = "all") -> Flags:
        """Whether the study succeeds, (replicate,): all terms reject at LEVEL, or any does by Holm's step-down rule.

        Notes
        -----
        That all must reject needs no correction (intersection-union); that any may needs one, and Holm's first step,
        p ≤ LEVEL over the number of terms, decides whether any does.
        """
        if together == "all":
            return np.asarray((self.p_value < LEVEL).all(axis=0))
        return np.asarray((self.p_value < LEVEL / len(self.truth)).any(axis=0))

    def joined(self, other: "Results") -> "Results":
        """Further replicates behind these."""
        names = ("estimate", "conf_low", "conf_high", "p_value")
        both = {name: np.hstack([getattr(self, name), getattr(other, name)]) for name in names}
        return Results(truth=self.truth, **both)


def make_draws(reference: Results, null: Results | None, term: int) -> Draws:
    """Return one term's replicates as the rule takes them, the world without AI second."""
    worlds = [reference] if null is None else [reference, null]
    longest = max(results.n for results in worlds)

    def padded(name: str) -> Array:
        rows = np.full((len(worlds), longest), np.nan)
        for row, results in zip(rows, worlds, strict=True):
            row[: results.n] = getattr(results, name)[term]
        return rows

    return Draws(
        truth=np.array([results.truth[term] for results in worlds]),
        n=np.array([results.n for results in worlds]),
        estimate=padded("estimate"),
        conf_low=padded("conf_low"),
        conf_high=padded("conf_high"),
        p_value=padded("p_value"),
    )


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Replicates of one design that are wanted."""

    design: Design
    """The design."""
    first: int
    """First replicate."""
    last: int
    """Last replicate, exclusive."""
    seed: int
    """Seed."""
    world: str = REFERENCE
    """With the effect (reference) or without AI."""
    nuisances: tuple[tuple[str, float], ...] = ()
    """Fields that differ, beside the design's own."""


class Lab(Protocol):
    """Gives the results of visits, in their order."""

    def __call__(self, visits: Sequence[Visit], stage: str = "", /) -> list[Results]:
        """Run the visits; the stage names them in whatever shows progress."""


Run = Callable[[Study, str], pl.DataFrame]
"""Runs a study under the name of a stage: on some engine, from some ledger."""
Choose = Callable[[Design], tuple[TermTest, ...]]
"""The tests of a design, one a term."""


@dataclass(frozen=True, kw_only=True)
class ModelLab:
    """Draws panels of the model: the effect's economy, and the same without AI."""

    params: Params
    """Parameters at which the effect is true."""
    choose: Choose
    """Tests of a design."""
    run: Run
    """Runs a study."""
    drawn: tuple[tuple[tuple[str, float | int], ...], ...] = field(default=())
    """Values of nuisances, drawn from what a pilot leaves open; block after block takes the next."""

    def __call__(self, visits: Sequence[Visit], stage: str = "", /) -> list[Results]:
        """Run the visits as one study."""
        by_visit = [self._blocks(visit) for visit in visits]
        blocks = {block.key: block for blocks in by_visit for block in blocks}
        frame = self.run(Study(blocks=tuple(blocks.values())), stage)
        parts = frame.partition_by("world", "design", "seed", as_dict=True)
        return [self._results(visit, parts) for visit in visits]

    def _blocks(self, visit: Visit) -> list[Block]:
        length = BLOCK if not self.drawn else _SHORT_BLOCK
        tests = self.choose(visit.design)
        named = tuple(dict.fromkeys((t.hypothesis, t.estimator) for t in tests))
        params = switch_off(self.params) if visit.world == NO_AI else self.params
        return [
            Block(
                world=visit.world,
                params=params,
                design=self._design(visit, first // length),
                seed=visit.seed,
                first=first,
                last=min(first + length, visit.last),
                estimators=named,
                terms=tuple(dict.fromkeys(t.term for t in tests)),
            )
            for first in range(visit.first, visit.last, length)
        ]

    def _design(self, visit: Visit, number: int) -> Design:
        """The design with the nuisances of a block; the visit's own last."""
        from_pilot = self.drawn[number % len(self.drawn)] if self.drawn else ()
        if not from_pilot and not visit.nuisances:
            return visit.design
        changes = {**dict(from_pilot), **dict(visit.nuisances)}
        name = _name(visit)
        return replace(change_design(visit.design, **changes), name=name)

    def _results(self, visit: Visit, parts: dict[tuple[object, ...], pl.DataFrame]) -> Results:
        rows = parts[visit.world, _name(visit), visit.seed].filter(
            pl.col("replicate").is_between(visit.first, visit.last - 1)
        )
        tests = self.choose(visit.design)
        columns = [_columns(rows, test) for test in tests]
        names = ("estimate", "conf_low", "conf_high", "p_value")
        return Results(
            truth=np.array([float(c["truth"][0]) for c in columns]),
            **{name: np.array([c[name].to_numpy() for c in columns]) for name in names},
        )


_SHORT_BLOCK = 5
"""Replicates that share a draw of the pilot's nuisances."""


def _name(visit: Visit) -> str:
    label = ",".join(f"{name}={value:g}" for name, value in visit.nuisances)
    return f"{visit.design.name}[{label}]" if label else visit.design.name


def _columns(rows: pl.DataFrame, test: TermTest) -> pl.DataFrame:
    """Rows of one test by replicate; what failed is NaN."""
    own = rows.filter(hypothesis=test.hypothesis, estimator=test.estimator, term=test.term).sort(
        "replicate"
    )
    is_usable = pl.col("status") == OK
    return own.with_columns(
        pl.when(is_usable).then(pl.col(name)).otherwise(None).fill_null(float("nan"))
        for name in ("estimate", "conf_low", "conf_high", "p_value")
    )


def wilson(hits: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share (Wilson 1927): it has a length at 0 and 1 too."""
    z = float(ndtri((1 + confidence) / 2))
    centre = (hits + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * float(np.sqrt(hits * (n - hits) / n + z**2 / 4))
    return max(centre - half, 0.0), min(centre + half, 1.0)
