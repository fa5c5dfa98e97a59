"""The paragraph for a proposal's methods section, as Markdown and as LaTeX, with numbers, seeds and Monte-Carlo errors."""

import math
from importlib.metadata import PackageNotFoundError, version

from withintask.panel.escape import in_latex
from withintask.report.estimate_words import estimator_words, term_words
from withintask.report.power_words import (
    design_words,
    effect_range,
    fixed_words,
    lower_first,
    robust_words,
)
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power.effect import effect_words
from withintask.tests_of_model.harness.power.run import PowerReport
from withintask.tests_of_model.harness.power.search import Confirmed

_SYMBOLS = {"±": r"$\pm$", "½": r"$\tfrac{1}{2}$", "·": r"$\cdot$", "−": "--", "×": r"$\times$"}


def paragraph(report: PowerReport) -> str:
    """Write the paragraph, as plain text that is Markdown too."""
    shown = report.shown
    tests = " and ".join(
        f"the {lower_first(term_words(t.term))}, by {lower_first(estimator_words(t.estimator))}"
        for t in report.tests
    )
    start = f"We computed power by simulation from the structural model of withintask (version {_version()}). We test {tests}, two-sided at level {LEVEL:g}. "
    if report.study.solved is not None:
        solved = report.study.solved
        start += f"The {lower_first(term_words(solved.effect.term))}, is {effect_words(solved)}. "
    if shown is None:
        return start + _none(report)
    return start + _answer(report, shown) + _rest(report)


def _answer(report: PowerReport, shown: Confirmed) -> str:
    low, high = shown.interval
    study, winner = report.study, report.answer.winner
    kind = (
        "the cheapest design that is shown valid and has"
        if winner is not None
        else "the cheapest design that has, though it is not shown valid,"
    )
    budget = f" within a budget of {study.budget:,.0f}" if math.isfinite(study.budget) else ""
    costs = ", ".join(
        f"{cost:,g} for each {name.replace('_', ' ')}" for name, cost in study.costs.items()
    )
    figures = "; ".join(
        f"bias {v.relative_bias:+.1%} (Monte-Carlo error {v.relative_bias_mc_se:.1%}) of the effect, coverage of 95 % intervals "
        f"{v.reference.coverage:.3f} ({v.reference.coverage_mc_se:.3f}), size without AI {v.no_ai.rejects:.3f} ({v.no_ai.rejects_mc_se:.3f})"
        for v in shown.validity
    )
    return (
        f"With costs of {costs}, {kind} {study.power:.0%} power{budget} has {design_words(report, shown.number)}, and costs "
        f"{shown.cost:,.0f} ({fixed_words(report)}). In {shown.n:,} replicates that played no part in choosing it, power is {shown.power:.3f} "
        f"(95 % interval {low:.3f} to {high:.3f}); {figures}. "
    )


def _none(report: PowerReport) -> str:
    best = int(report.answer.surface.log_noncentrality.argmax())
    return (
        f"No design within the budget of {report.study.budget:,.0f} reaches {report.study.power:.0%} power; the strongest, "
        f"{design_words(report, best)}, has about {report.answer.surface.power[best]:.0%}. "
        + _rest(report)
    )


def _rest(report: PowerReport) -> str:
    parts = []
    if report.robust:
        parts.append(
            "The number of workers would be "
            + "; ".join(robust_words(r) for r in report.robust)
            + "."
        )
    found = [p for p in report.frontier if math.isfinite(p.effect)]
    if found:
        ends = (found[0], found[-1]) if len(found) > 1 else (found[0],)
        parts.append(
            "The smallest effect found with that power is "
            + " and ".join(
                f"{p.effect:+.3f} ({effect_range(p, 3)}) at {p.budget:,.0f}" for p in ends
            )
            + "."
        )
    if report.pilot is not None:
        parts.append(
            f"Noise is drawn from what a pilot of {report.pilot.n_units} {report.pilot.unit} leaves open."
        )
    answer, seed = report.answer, report.study.seed
    parts.append(
        f"{answer.n_explored:,} replicates (seed {seed}) fitted a probit surface over {len(answer.space):,} designs and {answer.n_confirmed:,} new ones "
        f"(seeds {seed + 1} and {seed + 2}) confirmed the choice and its neighbours; a design counts only if bias below 10 % of the effect, coverage above .90 "
        "and size below .08 are shown."
    )
    return " ".join(parts)


def latex(text: str) -> str:
    """Write plain text for LaTeX."""
    return "".join(_SYMBOLS.get(c, c) for c in in_latex(text)) + "\n"


def _version() -> str:
    try:
        return version("withintask")
    except PackageNotFoundError:
        return "not installed"
