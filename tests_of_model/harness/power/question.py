"""Power of a design: what is asked, what is run for it, and the search for the smallest sample."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.panel.store import read_panel
from withintask.sim.design import Design
from withintask.sim.designs import load_design
from withintask.sim.params import Params, load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.worlds import NO_AI, REFERENCE, World, load_world
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.pilot import calibrate, taken
from withintask.tests_of_model.harness.power.curve import search_size
from withintask.tests_of_model.harness.power.effect import (
    SolvedEffect,
    parse_effect,
    solve_effect,
)
from withintask.tests_of_model.harness.power.table import design_grid, power_table
from withintask.tests_of_model.harness.power.terms import (
    Asked,
    TermTest,
    asked_terms,
    choose_test,
)
from withintask.tests_of_model.harness.replicate import Study, plan, solved
from withintask.tests_of_model.harness.settings import apply_settings, parse_effects, parse_grid
from withintask.tests_of_model.hypotheses.estimate import choose, run_estimator
from withintask.tests_of_model.hypotheses.hypothesis import Estimator
from withintask.tests_of_model.samples.sample import Sample


@dataclass(frozen=True, kw_only=True)
class PowerQuestion:
    """What is to be powered."""

    hypothesis: str
    """A hypothesis, a claim or a term, see :func:`asked_terms`; empty for the effect's term."""
    design: str
    """Name of the design."""
    estimator: str
    """Name of the estimator; empty for the most trusted that is made for the design and runs."""
    settings: tuple[str, ...]
    """Changes of the design or of the parameters, name=value."""
    pilot: Path | None
    """Panel whose noise, firm sizes and mobility the design takes."""
    seed: int
    """Seed of the replicates."""
    effect: str = ""
    """A term and its truth, for which the model is solved; the parameters as they are if empty."""
    move: str = ""
    """Parameter that gives the effect; the capability of AI if empty."""
    verify: bool = True
    """Whether files of the pilot are compared with their SHA-256."""

    def asked(self) -> Asked:
        """Return what is asked, or refuse an unknown name."""
        return asked_terms([self.hypothesis or self.effect.partition("=")[0]])[0]

    def setting(self) -> tuple[Design, Params]:
        """Return the design, calibrated to the pilot, and the parameters with the effect."""
        design, params = self._before()
        solved_effect = self.solved()
        params = params if solved_effect is None else solved_effect.params
        if self.pilot is not None:
            design = calibrate(design, read_panel(self.pilot, verify=self.verify))
        return design, params

    def solved(self) -> SolvedEffect | None:
        """Return the economy that has the effect; None if none was asked for."""
        if not self.effect:
            return None
        return solve_effect(self._before()[1], parse_effect(self.effect, parameter=self.move))

    def from_pilot(self) -> dict[str, object]:
        """Return what the design takes from the pilot, field to value; empty without a pilot."""
        return taken(self._before()[0], self.setting()[0])

    def _before(self) -> tuple[Design, Params]:
        world = load_world(REFERENCE)
        base = world.change_design(load_design(self.design))
        return apply_settings(base, world.change_params(load_params()), self.settings)


@dataclass(frozen=True, kw_only=True)
class PowerPlan:
    """Replicates that answer a question at sizes and effects."""

    question: PowerQuestion
    """What is asked."""
    test: TermTest
    """The test that is powered."""
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

    def table(self, replicates: pl.DataFrame) -> pl.DataFrame:
        """Return the power table of the test; see :func:`power_table`."""
        rows = replicates.filter(pl.col("estimator") == self.test.estimator)
        return power_table(rows, self.designs, self.test.term, varied=self.varied)


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
        A parameter and its values, such as ``capability=0.25,0.5,1``, that change the truth; empty for none. Without it
        the same replicates are run without AI too, for the size of the test.
    replicates
        Replicates a point.

    Raises
    ------
    ParameterError
        If a name is unknown, a value impossible, or nothing is varied.
    EstimationError
        If no estimator of the term runs on the design.
    """
    asked, (base, params) = question.asked(), question.setting()
    grid, worlds = parse_grid(vary), _worlds(effect)
    if not grid and len(worlds) < 2:
        raise ParameterError(
            "power: expected --vary, --effect PARAMETER=values or --search for curves; or a budget (--budget, --cost) "
            "or a study file (withintask power init) for the cheapest design"
        )
    designs = design_grid(base, grid)
    test = choose_test(asked, params, designs[-1], estimator=question.estimator, seed=question.seed)
    return PowerPlan(
        question=question,
        test=test,
        designs=designs,
        varied=tuple(grid),
        has_effects=bool(effect),
        study=plan(
            params,
            designs,
            worlds if effect else [*worlds, replace(load_world(NO_AI), design={})],
            seed=question.seed,
            replicates=replicates,
            hypotheses=[test.hypothesis],
            estimators=[test.estimator],
            terms=[test.term],
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SmallestSize:
    """The smallest size that a search found."""

    size: int
    """Size."""
    axis: str
    """Field of the design."""
    test: TermTest
    """Whose test, and why."""
    n_firms: int
    """Firms of the design of that size; they shrink and grow with workers, unless they are what is searched."""
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
    base, params = question.setting()
    ((axis, sizes),) = parse_grid([search]).items()
    if len(sizes) != 2:
        raise ParameterError(f"--search {search!r}: expected a size and two ends, workers=40,800")
    (largest,) = design_grid(base, {axis: [sizes[-1]]})
    test = choose_test(
        question.asked(), params, largest, estimator=question.estimator, seed=question.seed
    )
    (estimator,) = (
        e for h, e in choose([test.hypothesis], [test.estimator]) if h.name == test.hypothesis
    )
    term = test.term

    def rejects(size: int, number: int) -> float:
        (design,) = design_grid(base, {axis: [size]})
        if on_progress is not None:
            on_progress(number + 1, replicates)
        # A failed estimate does not reject.
        hit = rejection(estimator, term, params, design, seed=question.seed, replicate=number)
        return 0.0 if math.isnan(hit) else hit

    size = search_size(rejects, low=sizes[0], high=sizes[1], trials=replicates)
    (smallest,) = design_grid(base, {axis: [size]})
    return SmallestSize(
        size=size, axis=axis, test=test, n_firms=smallest.n_firms, is_at_end=size in sizes
    )


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
    shocks = draw_shocks(design, seed=seed, replicate=replicate)
    panel = simulate(economy, design, shocks, coded=True)
    (p_value,) = (
        row.p_value for row in run_estimator(estimator, Sample(panel, terms=frozenset({term})))
    )
    return float(p_value < LEVEL) if math.isfinite(p_value) else math.nan


def _worlds(effect: str) -> list[World]:
    """One world a value of the effect's parameter; the reference alone if none."""
    reference = replace(load_world(REFERENCE), params={}, design={})
    if not effect:
        return [reference]
    name, values = parse_effects(effect)
    return [replace(reference, name=f"{name}={value:g}", params={name: value}) for value in values]
