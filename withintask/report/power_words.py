"""A study of power in sentences: what was tested and why, the answer, what it rests on, and what was held."""

import math
from collections.abc import Sequence

from withintask.report.estimate_words import estimator_words, term_words
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power.effect import SolvedEffect, effect_words
from withintask.tests_of_model.harness.power.frontier import Point
from withintask.tests_of_model.harness.power.pilot import PilotFigures
from withintask.tests_of_model.harness.power.robust import Robust
from withintask.tests_of_model.harness.power.run import PowerReport
from withintask.tests_of_model.harness.power.search import Confirmed
from withintask.tests_of_model.harness.power.space import (
    AXIS_WORDS,
    ROLL_OUT_WORDS,
    counted,
    describe_values,
)

SIZES_OF_ALL = ("n_firms", "n_workers", "workers_by_firm")
"""Axes that are said as workers in firms."""


def first_line(report: PowerReport) -> str:
    """Name the estimator of each term, and why."""
    return "; ".join(
        f"{term_words(t.term)} ({t.term}) by {estimator_words(t.estimator)} ({t.estimator}): {t.why}"
        for t in report.tests
    )


def design_words(report: PowerReport, number: int) -> str:
    """Say what a candidate is: firms and workers with their product, all that varied, and nothing rescaled."""
    design = report.answer.space.design(number)
    rest = {
        name: value
        for name, value in report.answer.space.values(number).items()
        if name not in SIZES_OF_ALL
    }
    sizes = f"{design.n_workers:,} workers in {design.n_firms:,} firms"
    return f"{sizes}, {describe_values(rest)}" if rest else sizes


def power_words(candidate: Confirmed) -> str:
    """Power with its interval."""
    low, high = candidate.interval
    return (
        f"{candidate.power:.1%} (95 % interval {low:.1%} to {high:.1%}, {candidate.n:,} replicates)"
    )


def effect_line(solved: SolvedEffect) -> str:
    """Say what the effect is, which parameter gives it, and that the others are held."""
    term = solved.effect.term
    return f"Effect: {lower_first(term_words(term))} ({term}) = {effect_words(solved)}."


def lower_first(words: str) -> str:
    """Words within a sentence."""
    return words[:1].lower() + words[1:]


def answer_lines(report: PowerReport) -> list[str]:
    """The answer, then what does not count, then what the answer becomes under troubles."""
    winner = report.answer.winner
    lines = [_answer(report)]
    lines += [
        f"Large enough, but {c.why_not()}: {design_words(report, c.number)}, cost {c.cost:,.0f}."
        for c in report.answer.rejected
    ]
    if winner is not None and report.robust:
        lines.append(robust_sentence(report))
    return lines


def _answer(report: PowerReport) -> str:
    study, answer = report.study, report.answer
    winner = answer.winner
    budget = f" within {study.budget:,.0f}" if math.isfinite(study.budget) else ""
    if winner is not None:
        return (
            f"The cheapest valid design with {study.power:.0%} power{budget}: {design_words(report, winner.number)}; "
            f"cost {winner.cost:,.0f}; power {power_words(winner)}."
        )
    best = int(answer.surface.log_noncentrality.argmax())
    low, high = (ends[best] for ends in answer.surface.interval())
    if answer.rejected:
        return f"No design that was tried{budget} is shown valid with {study.power:.0%} power; see those that are large enough."
    return (
        f"No design{budget} has {study.power:.0%} power. The strongest: {design_words(report, best)}; cost "
        f"{answer.space.cost[best]:,.0f}; power about {answer.surface.power[best]:.0%} (95 % interval {low:.0%} to {high:.0%}, by the fitted surface)."
    )


def robust_sentence(report: PowerReport) -> str:
    """Needs so many workers; so many under each trouble."""
    winner = report.answer.winner
    if winner is None:
        return ""
    workers = report.answer.space.design(winner.number).n_workers
    return f"Needs {workers:,} workers; " + "; ".join(robust_words(r) for r in report.robust) + "."


def robust_words(found: Robust) -> str:
    """What one trouble does to the number of workers."""
    words = found.trouble.words
    if found.idle:
        return f"the same {words}, which changes nothing here ({idle_words(found)})"
    if found.is_biased:
        bias = f"{found.relative_bias:+.0%} ± {found.relative_bias_mc_se:.0%}"
        return f"no number {words}, since the estimate is then biased by {bias} of the effect"
    if math.isinf(found.size):
        return f"more than was drawn {words}"
    return f"{found.workers:,.0f} {words}"


def idle_words(found: Robust) -> str:
    """Why a trouble changes nothing, without the field of the design that decides it."""
    return found.idle.rpartition(": ")[2]


def summary_lines(report: PowerReport) -> list[str]:
    """The test and why, the answer and what follows from it, the rule by which designs count, and what was held."""
    return [
        f"Test: {first_line(report)}.",
        *answer_lines(report),
        limits_words(),
        *held_lines(report),
    ]


def effect_range(point: Point, digits: int) -> str:
    """Interval of the smallest effect; from 0 where every replicate rejected."""
    low = f"{point.low:+.{digits}f}" if point.low else "0"
    return f"{low} to {point.high:+.{digits}f}"


def held_lines(report: PowerReport) -> list[str]:
    """What was held fixed, in words: effect, costs, limits, sizes that did not vary, noise, pilot."""
    study, space = report.study, report.answer.space
    lines = []
    if study.solved is not None:
        lines.append(effect_line(study.solved))
    lines.append(f"Level {LEVEL:g}, two-sided; {_together(report)}")
    costs = ", ".join(
        f"{cost:,g} for each {name.replace('_', ' ')}" for name, cost in study.costs.items()
    )
    lines.append(f"Costs: {costs}.")
    varied = [f"{AXIS_WORDS.get(n, n)} {_range(values)}" for n, values in space.axes.items()]
    lines.append(
        f"Varied: {'; '.join(varied)}. {len(space):,} designs are within budget and limits."
    )
    lines.append(f"Held: {fixed_words(report)}.")
    if report.pilot is not None:
        lines.append(pilot_words(report))
    return lines


def _together(report: PowerReport) -> str:
    n, study = len(report.tests), report.study
    if n == 1:
        return "one test."
    if study.together == "all":
        return f"success is that all {n} tests reject, which needs no correction."
    return f"success is that any of {n} tests rejects, each at level {LEVEL / n:.3g} (Holm), so that the familywise error is {LEVEL:g}."


def fixed_words(report: PowerReport) -> str:
    """Sizes and noise of the design that did not vary."""
    space, base = report.answer.space, report.answer.space.base
    sizes = [
        counted(getattr(base, name), words)
        for name, words in AXIS_WORDS.items()
        if name in ("n_tasks", "n_items", "n_pre", "n_post", "n_raters") and name not in space.axes
    ]
    noise = _noise_words(report)
    roll_out = [] if "treatment" in space.axes else [f"AI goes {ROLL_OUT_WORDS[base.treatment]}"]
    share = [] if "treated_share" in space.axes else [f"{base.treated_share:.0%} treated"]
    return ", ".join(
        [*sizes, noise, *roll_out, *share, f"all else as in design {report.study.like}"]
    )


def _noise_words(report: PowerReport) -> str:
    base = report.answer.space.base
    if not base.has_outputs:
        return f"noise of pay {base.pay_noise:.3g} log points"
    drawn = " on average over draws of the pilot" if report.pilot and report.pilot.draws else ""
    noise = f"noise of single outputs {base.output_noise:.3g} log points"
    if base.noise_persistence:
        noise += f", persistence {base.noise_persistence:.3g}"
    return noise + drawn


def _range(values: Sequence[object]) -> str:
    if len(values) == 1 or isinstance(values[0], str):
        return ", ".join(ROLL_OUT_WORDS.get(str(v), str(v)) for v in values)
    return f"{values[0]} to {values[-1]} ({len(values)} values)"


def pilot_words(report: PowerReport) -> str:
    """What was taken from the pilot, with its uncertainty."""
    pilot = report.pilot
    if pilot is None:
        return ""
    shown = [
        f"{PILOT_WORDS.get(f.name, f.name)} {pilot_number(f.value)}"
        + (
            f" ± {f.std_error:.2g} ({f.low:.3g} to {f.high:.3g})"
            if math.isfinite(f.std_error)
            else ""
        )
        for f in pilot.figures
    ]
    return (
        f"From the pilot ({pilot.n_units} {pilot.unit}): {', '.join(shown) or 'nothing that the design did not have'}. "
        f"Power is the mean over {len(pilot.draws)} draws of what it leaves open (bootstrap over {pilot.unit})."
    )


PILOT_WORDS = {
    "output_noise": "noise of single outputs",
    "noise_persistence": "persistence of noise",
    "ai_noise_ratio": "noise with AI over noise without",
    "rater_noise": "noise of raters",
    "ability_noise": "error of measured ability",
    "mobility": "share of workers who move in a period",
    "n_items": "items",
    "n_raters": "raters",
    "outcome": "kind of outcome",
}
"""What a pilot gives, in words."""


def pilot_note(pilot: PilotFigures) -> str:
    """What becomes of it, and what a pilot is not asked."""
    return (
        f"Each of {len(pilot.draws)} draws of {pilot.unit} gives these anew, and power is the mean over them. Written into the study, "
        "one of them is held. Not taken: the spread of ability (ability_sd), the effect, and what varies."
    )


def pilot_number(value: object) -> str:
    """Write a value of a pilot."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def limits_words() -> str:
    """The rule by which a design counts."""
    return (
        f"A design counts only if bias is shown to be below {rule.BIAS_SHARE:.0%} of the effect, coverage of 95 % intervals above "
        f"{rule.COVERAGE_LIMIT:g} with the effect and without, and the size of the test below {rule.SIZE_LIMIT:g}, by the tests of the identification matrix."
    )
