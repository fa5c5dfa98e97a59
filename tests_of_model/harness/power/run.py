"""A study of power from beginning to end: search, robustness, frontier; every number with what it rests on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from withintask.panel.store import read_panel
from withintask.sim.params import Params
from withintask.tests_of_model.harness.power.effect import Effect
from withintask.tests_of_model.harness.power.frontier import Point, frontier
from withintask.tests_of_model.harness.power.lab import ModelLab, Run
from withintask.tests_of_model.harness.power.pilot import PilotFigures, pilot_figures
from withintask.tests_of_model.harness.power.robust import Robust, robustness
from withintask.tests_of_model.harness.power.search import Answer, Confirmed, search
from withintask.tests_of_model.harness.power.study import PowerStudy
from withintask.tests_of_model.harness.power.terms import TermTest
from withintask.tests_of_model.harness.replicate import solved

_ROBUST_SEED, _FRONTIER_SEED = 10, 20
"""Added to the study's seed, so that no replicate serves twice."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PowerReport:
    """What a study of power found."""

    study: PowerStudy
    """What was asked."""
    tests: tuple[TermTest, ...]
    """Tests of the terms: of the winner, or of the design with most power where there is none."""
    truths: tuple[float, ...]
    """Truths of the terms."""
    answer: Answer
    """Of the search."""
    robust: tuple[Robust, ...]
    """The winner under each trouble; empty without a winner."""
    frontier: tuple[Point, ...]
    """Budgets and the smallest effects that they find."""
    pilot: PilotFigures | None
    """What was taken from the pilot."""

    @property
    def shown(self) -> Confirmed | None:
        """The winner, or else the cheapest of those that are large enough but not shown valid."""
        if self.answer.winner is not None:
            return self.answer.winner
        return min(self.answer.rejected, key=lambda c: c.cost, default=None)


def run_power_study(
    study: PowerStudy,
    run: Run,
    *,
    is_robust: bool = True,
    has_frontier: bool = True,
    on_note: Callable[[str], None] | None = None,
) -> PowerReport:
    """Answer a study of power.

    Parameters
    ----------
    study
        What is asked.
    run
        Runs replicates: on which engine, from which ledger. With a ledger a killed run goes on where it stopped.
    is_robust
        Whether the answer is given again under what real panels show.
    has_frontier
        Whether the smallest detectable effects of budgets are found.
    on_note
        Told in words of each step.

    Returns
    -------
    PowerReport
        The answer, every design tried, the frontier, and what was held.

    Raises
    ------
    ParameterError
        Lists all that is wrong, before any replicate is drawn.
    """
    study.check()
    pilot = _pilot(study)
    lab = ModelLab(
        params=study.params,
        choose=study.choose,
        run=run,
        drawn=() if pilot is None else pilot.draws,
    )
    answer = search(
        study.space, lab, study.target, seed=study.seed, effort=study.effort, on_note=on_note
    )
    number = _number(answer)
    design = study.space.design(number)
    tests = study.choose(design)
    n = study.effort.neighbour
    robust = (
        robustness(
            design, tuple(study.axes), lab, study.target, seed=study.seed + _ROBUST_SEED, n=n
        )
        if is_robust and answer.winner is not None
        else ()
    )
    points = (
        frontier(
            answer,
            _effect(study, tests[0]),
            study.setting[1],
            lambda found: replace(lab, params=found.params),
            study.target,
            seed=study.seed + _FRONTIER_SEED,
            n=n,
        )
        if has_frontier
        else ()
    )
    return PowerReport(
        study=study,
        tests=tests,
        truths=tuple(truth(study.params, test) for test in tests),
        answer=answer,
        robust=robust,
        frontier=points,
        pilot=pilot,
    )


def truth(params: Params, test: TermTest) -> float:
    """Return the truth of a term."""
    return solved(params)[1][test.hypothesis][test.term]


def _number(answer: Answer) -> int:
    """The winner, else the cheapest that is large enough, else the one with most power by the surrogate."""
    if answer.winner is not None:
        return answer.winner.number
    if answer.rejected:
        return min(answer.rejected, key=lambda c: c.cost).number
    return int(np.argmax(answer.surface.log_noncentrality))


def _effect(study: PowerStudy, test: TermTest) -> Effect:
    if study.solved is not None:
        return study.solved.effect
    moved = Effect(term=test.term, value=truth(study.params, test))
    return replace(moved, parameter=study.move or moved.parameter)


def _pilot(study: PowerStudy) -> PilotFigures | None:
    if study.pilot is None:
        return None
    panel = read_panel(study.pilot, verify=study.verify)
    return pilot_figures(study.setting[0], panel, held=study.held_out, seed=study.seed)
