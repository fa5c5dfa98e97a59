"""What is to be powered: terms by the names that people use, and the estimator that a design calls for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from withintask.panel.errors import EstimationError, ParameterError, list_problems, nearest
from withintask.sim.design import Design
from withintask.sim.params import Params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.harness.power.effect import hypothesis_of, terms
from withintask.tests_of_model.harness.replicate import solved
from withintask.tests_of_model.harness.verdict import CLAIMS
from withintask.tests_of_model.hypotheses.estimate import choose, run_estimator
from withintask.tests_of_model.hypotheses.hypothesis import Estimator, Hypothesis
from withintask.tests_of_model.hypotheses.recommend import (
    RECOMMENDED,
    recommendations,
    suited,
    unsuited,
)
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.samples.sample import Sample

_PANELS = 3
"""Panels on which a test must run at least once for its estimator to be taken."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One term that is to be powered."""

    hypothesis: Hypothesis
    """Its hypothesis."""
    term: str
    """The term; empty for the hypothesis's own, which the design decides."""


@dataclass(frozen=True, kw_only=True)
class TermTest:
    """The test of a term on a design."""

    hypothesis: str
    """Name of the hypothesis."""
    term: str
    """Term."""
    estimator: str
    """Name of the estimator."""
    why: str
    """Why this one."""


def asked_terms(names: Sequence[str]) -> tuple[Asked, ...]:
    """Find the terms of names such as ``H1``, ``H1b``, ``H2 log gap`` or ``delta_log_sd``.

    Raises
    ------
    ParameterError
        Names every unknown one, with the nearest known.
    """
    by_name = _known()
    problems = []
    for name in names:
        if _plain(name) not in by_name:
            known = ", ".join(h.name for h in HYPOTHESES)
            labels = ", ".join(label for label, _, _ in CLAIMS)
            hint = nearest(_plain(name), by_name)
            problems.append(
                f"{name!r}: unknown{hint}; known are {known}, the claims {labels}, and any term"
            )
    if problems:
        raise ParameterError(list_problems("power", problems, advice="Nothing was drawn."))
    return tuple(by_name[name] for name in dict.fromkeys(map(_plain, names)))


def _known() -> dict[str, Asked]:
    by_name = {h.name: h for h in HYPOTHESES}
    known = {_plain(h.name): Asked(hypothesis=h, term="") for h in HYPOTHESES}
    known |= {
        _plain(label): Asked(hypothesis=by_name[name], term=term)
        for label, name, term in CLAIMS
        if label not in by_name
    }
    return known | {
        _plain(term): Asked(hypothesis=hypothesis_of(term), term=term) for term in terms()
    }


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c not in " -:")


def choose_test(
    asked: Asked, params: Params, design: Design, *, estimator: str = "", seed: int = 1
) -> TermTest:
    """Choose the estimator of a term on a design as an analyst would who holds such a panel; no truth has a say.

    Parameters
    ----------
    asked
        What is asked; of a hypothesis alone, the term is its primary one if the recommended estimator gives that, else
        the first that it gives.
    params, design, seed
        What panels are drawn from.
    estimator
        Name of the one to take; the most trusted that is made for the design if empty.

    Raises
    ------
    EstimationError
        If none runs, with what stands against each.
    ParameterError
        If the named one is unknown or does not estimate the term.
    """
    samples = _Panels(params=params, design=design, seed=seed)
    named = _named(asked, estimator) if estimator else None
    term = asked.term or _own_term(asked.hypothesis, samples.first, named)
    candidates = (
        suited(samples.first.panel, asked.hypothesis, term)
        if named is None
        else ((named, "named by you"),)
    )
    failures: dict[str, str] = {}
    for candidate, why in candidates:
        message = _why_not(candidate, term, samples)
        if not message:
            name = asked.hypothesis.name
            return TermTest(hypothesis=name, term=term, estimator=candidate.name, why=why)
        failures[candidate.name] = message
    if named is None:
        failures = {**unsuited(samples.first.panel, asked.hypothesis, term), **failures}
    raise EstimationError(
        list_problems(
            f"{term}: no estimator runs on design {design.name}",
            [f"{name}: {why}" for name, why in failures.items()] or ["none is registered"],
            advice="No replicate was run. `withintask designs NAME` shows what a design has.",
        )
    )


@dataclass(frozen=True, kw_only=True)
class _Panels:
    """A few panels of a design, drawn when they are asked for."""

    params: Params
    design: Design
    seed: int

    @cached_property
    def first(self) -> Sample:
        """The first panel."""
        return self.draw(0)

    def draw(self, number: int) -> Sample:
        economy, _ = solved(self.params)
        shocks = draw_shocks(self.design, seed=self.seed, replicate=number)
        return Sample(simulate(economy, self.design, shocks, coded=True))


def _own_term(hypothesis: Hypothesis, sample: Sample, named: Estimator | None) -> str:
    """The primary term, or the first term of the estimator that is named or recommended where that gives another."""
    if named is None:
        chosen = recommendations(sample.panel).filter(
            hypothesis=hypothesis.name, verdict=RECOMMENDED
        )["estimator"]
        named = next((e for e in hypothesis.estimators if e.name in chosen), None)
    is_primary = named is None or hypothesis.primary in named.terms
    return hypothesis.primary if is_primary or named is None else named.terms[0]


def _named(asked: Asked, name: str) -> Estimator:
    of_hypothesis = [e for h, e in choose([], [name]) if h.name == asked.hypothesis.name]
    if not of_hypothesis:
        raise ParameterError(
            f"estimator {name!r}: it belongs to another hypothesis than {asked.hypothesis.name}. Nothing was drawn."
        )
    (estimator,) = of_hypothesis
    if asked.term and asked.term not in estimator.terms:
        raise ParameterError(
            f"estimator {name!r}: it does not estimate {asked.term}, but {', '.join(estimator.terms)}. Nothing was drawn."
        )
    return estimator


def _why_not(estimator: Estimator, term: str, panels: _Panels) -> str:
    """Why the test of a term runs on none of the panels; empty if it does."""
    message = ""
    for number in range(_PANELS):
        sample = panels.draw(number) if number else panels.first
        (row,) = (row for row in run_estimator(estimator, sample) if row.term == term)
        if math.isfinite(row.p_value):
            return ""
        message = message or row.message or "no p-value"
    return message
