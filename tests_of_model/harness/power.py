"""Power of a design: what is asked, what is run for it, and the search for the smallest sample."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.store import read_panel
from withintask.sim.design import Design
from withintask.sim.designs import load_design
from withintask.sim.params import Params, load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.worlds import REFERENCE, World, load_world
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.pilot import calibrate, taken
from withintask.tests_of_model.harness.power_curve import search_size
from withintask.tests_of_model.harness.power_table import design_grid, power_table
from withintask.tests_of_model.harness.replicate import Study, plan, solved
from withintask.tests_of_model.harness.settings import apply_settings, parse_effects, parse_grid
from withintask.tests_of_model.hypotheses.estimate import NOT_ESTIMABLE, choose, run_estimator
from withintask.tests_of_model.hypotheses.hypothesis import Estimator, Hypothesis
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.samples.sample import Sample


@dataclass(frozen=True, kw_only=True)
class PowerQuestion:
    """What is to be powered."""

    hypothesis: str
    """H1 to H4."""
    design: str
    """Name of the design."""
    estimator: str
    """Name of the estimator; empty for the most trusted that runs."""
    settings: tuple[str, ...]
    """Changes of the design or of the parameters, name=value."""
    pilot: Path | None
    """Panel whose noise, firm sizes and mobility the design takes."""
    seed: int
    """Seed of the replicates."""
    verify: bool = True
    """Whether files of the pilot are compared with their SHA-256."""

    def known_hypothesis(self) -> Hypothesis:
        """Return the hypothesis; refuse an unknown one, and an estimator that does not give its primary term."""
        by_name = {h.name: h for h in HYPOTHESES}
        if self.hypothesis not in by_name:
            raise ParameterError(
                f"hypothesis {self.hypothesis!r}: unknown; expected one of {', '.join(by_name)}"
            )
        self._fail_if_it_cannot_test(by_name[self.hypothesis])
        return by_name[self.hypothesis]

    def _fail_if_it_cannot_test(self, hypothesis: Hypothesis) -> None:
        """Refuse an estimator that does not give the term whose power is asked for."""
        able = [e.name for e in hypothesis.estimators if hypothesis.primary in e.terms]
        if self.estimator and self.estimator not in able:
            choose([hypothesis.name], [self.estimator])
            raise ParameterError(
                f"--estimator {self.estimator}: does not estimate {hypothesis.primary}, whose power is asked for; "
                f"expected one of {', '.join(able)}"
            )

    def setting(self) -> tuple[Design, Params]:
        """Return the design, calibrated to the pilot, and the parameters."""
        world = load_world(REFERENCE)
        base = world.change_design(load_design(self.design))
        design, params = apply_settings(base, world.change_params(load_params()), self.settings)
        if self.pilot is not None:
            design = calibrate(design, read_panel(self.pilot, verify=self.verify))
        return design, params

    def from_pilot(self) -> dict[str, object]:
        """Return what the design takes from the pilot, field to value; empty without a pilot."""
        design = replace(self, pilot=None).setting()[0]
        return taken(design, self.setting()[0])


@dataclass(frozen=True, kw_only=True)
class PowerPlan:
    """Replicates that answer a question at sizes and effects."""

    question: PowerQuestion
    """What is asked."""
    hypothesis: Hypothesis
    """Whose primary term is tested."""
    designs: tuple[Design, ...]
    """The design at every combination of sizes."""
    varied: tuple[str, ...]
    """Fields of the design that differ between them."""
    has_effects: bool
    """Whether the truth is varied too."""
    study: Study
    """What is run."""

    @property
    def axes(self) -> tuple[str, ...]:
        """Columns of the table that are varied; the truth first, if it is."""
        return ("truth", *self.varied) if self.has_effects else self.varied

    def estimator(self, replicates: pl.DataFrame) -> str:
        """Return the estimator that was named, or the most trusted that runs."""
        return self.question.estimator or _first_usable(replicates, self.hypothesis)

    def table(self, replicates: pl.DataFrame) -> pl.DataFrame:
        """Return the power table of that estimator; see :func:`power_table`."""
        rows = replicates.filter(pl.col("estimator") == self.estimator(replicates))
        return power_table(rows, self.designs, self.hypothesis.primary, varied=self.varied)


def plan_power(
    question: PowerQuestion, *, vary: Sequence[str], effect: str, replicates: int
) -> PowerPlan:
    """Lay out the replicates that answer a question.

    Parameters
    ----------
    question
        What is asked.
    vary
        Sizes such as ``workers=50,100``; every combination is run.
    effect
        A parameter and its values, such as ``capability=0.25,0.5,1``, that change the truth; empty for none.
    replicates
        Replicates a point.

    Raises
    ------
    ParameterError
        If a name is unknown, a value impossible, or nothing is varied.
    """
    hypothesis, (base, params) = question.known_hypothesis(), question.setting()
    grid, worlds = parse_grid(vary), _worlds(effect)
    if not grid and len(worlds) < 2:
        raise ParameterError("power: expected --vary, --effect or --search")
    designs = design_grid(base, grid)
    return PowerPlan(
        question=question,
        hypothesis=hypothesis,
        designs=designs,
        varied=tuple(grid),
        has_effects=bool(effect),
        study=plan(
            params,
            designs,
            worlds,
            seed=question.seed,
            replicates=replicates,
            hypotheses=[hypothesis.name],
            estimators=(question.estimator,) if question.estimator else (),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SmallestSize:
    """The smallest size that a search found."""

    size: int
    """Size."""
    axis: str
    """Field of the design."""
    estimator: str
    """Whose test."""
    is_at_end: bool
    """Whether it is an end of the search."""


def search_smallest(
    question: PowerQuestion,
    search: str,
    *,
    replicates: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> SmallestSize:
    """Find the smallest sample by stochastic bisection, serially.

    Parameters
    ----------
    question
        What is asked.
    search
        A size and its ends, such as ``workers=40,800``.
    replicates
        Replicates in all.
    on_progress
        Called with replicates done and in all.

    Raises
    ------
    ParameterError
        If the search is not of that form.
    EstimationError
        If no estimator runs on the largest design.
    """
    hypothesis, (base, params) = question.known_hypothesis(), question.setting()
    ((axis, sizes),) = parse_grid([search]).items()
    if len(sizes) != 2:
        raise ParameterError(f"--search {search!r}: expected a size and two ends, workers=40,800")
    (largest,) = design_grid(base, {axis: [sizes[-1]]})
    estimator, term = _first_testing(question, hypothesis, params, largest), hypothesis.primary

    def rejects(size: int, number: int) -> float:
        (design,) = design_grid(base, {axis: [size]})
        if on_progress is not None:
            on_progress(number + 1, replicates)
        # A failed estimate does not reject.
        hit = rejection(estimator, term, params, design, seed=question.seed, replicate=number)
        return 0.0 if math.isnan(hit) else hit

    size = search_size(rejects, low=sizes[0], high=sizes[1], trials=replicates)
    return SmallestSize(size=size, axis=axis, estimator=estimator.name, is_at_end=size in sizes)


def rejection(
    estimator: Estimator, term: str, params: Params, design: Design, *, seed: int, replicate: int
) -> float:
    """Draw one replicate and tell whether the test of no effect rejects.

    Parameters
    ----------
    estimator, term
        Whose test.
    params, design, seed, replicate
        What is drawn.

    Returns
    -------
    float
        1 if it rejects at LEVEL, 0 if not, NaN if there is no p-value.
    """
    economy, _ = solved(params)
    panel = simulate(economy, design, draw_shocks(design, seed=seed, replicate=replicate))
    (p_value,) = (
        row.p_value for row in run_estimator(estimator, Sample(panel)) if row.term == term
    )
    return float(p_value < LEVEL) if math.isfinite(p_value) else math.nan


def _first_testing(
    question: PowerQuestion, hypothesis: Hypothesis, params: Params, design: Design
) -> Estimator:
    """The estimator that was named, or the most trusted whose test of the primary term runs on the design."""
    term = hypothesis.primary
    candidates: Sequence[Estimator] = hypothesis.estimators_of(term)
    if question.estimator:
        named = choose([hypothesis.name], [question.estimator])
        candidates = [estimator for _, estimator in named if term in estimator.terms]
    for estimator in candidates:
        hit = rejection(estimator, term, params, design, seed=question.seed, replicate=0)
        if not math.isnan(hit):
            return estimator
    raise EstimationError(f"{term}: no estimator runs on design {design.name}")


def _worlds(effect: str) -> list[World]:
    """One world a value of the effect's parameter; the reference alone if none."""
    reference = replace(load_world(REFERENCE), params={}, design={})
    if not effect:
        return [reference]
    name, values = parse_effects(effect)
    return [replace(reference, name=f"{name}={value:g}", params={name: value}) for value in values]


def _first_usable(replicates: pl.DataFrame, hypothesis: Hypothesis) -> str:
    """The most trusted estimator of the primary term that gave a p-value."""
    of_term = replicates.filter(pl.col("term") == hypothesis.primary)
    usable = of_term.filter(pl.col("p_value").is_not_nan() & (pl.col("status") != NOT_ESTIMABLE))[
        "estimator"
    ].unique()
    for estimator in hypothesis.estimators_of(hypothesis.primary):
        if estimator.name in usable:
            return estimator.name
    reasons = "; ".join(of_term["message"].unique().to_list())
    raise EstimationError(f"{hypothesis.primary}: no estimator runs on this design: {reasons}")
