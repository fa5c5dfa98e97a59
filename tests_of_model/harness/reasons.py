"""Why a verdict is what it is: one sentence of its figures, each with its Monte-Carlo error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.figures import WorldFigures

MANY = 100_000
"""Replicates beyond which a number says nothing but "many"."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a verdict is what it is."""

    text: str
    """For a reader."""
    world: str = ""
    """World in which it was found; empty if in all of them together."""


def reason(word: str, worlds: Sequence[WorldFigures], n_decide: float) -> Reason:
    """Say why.

    Parameters
    ----------
    word
        The verdict.
    worlds
        Figures by world, the reference first.
    n_decide
        Replicates a world that would decide, where it is inconclusive.
    """
    reference = worlds[0]
    if word == rule.BIASED:
        bad = [w for w in worlds if w.bias_shown == "bad"]
        world = max(bad, key=lambda w: (w.world == reference.world, abs(w.bias)))
        text = f"{world.world}: bias {_bias(world, reference)}{_also(worlds, world)}"
        return Reason(text=text, world=world.world)
    if word == rule.DISTORTED:
        bad = [w for w in worlds if "bad" in (w.size_shown, w.coverage_shown)]
        world = max(bad, key=lambda w: (w.world == reference.world, w.rejects if w.is_null else 0))
        figure = _size(world) if world.size_shown == "bad" else _coverage(world)
        text = f"{world.world}: {figure}{_also(worlds, world)}"
        return Reason(text=text, world=world.world)
    if word == rule.UNDERPOWERED:
        factor = sample_factor(reference.truth, reference.empirical_se, reference.rejects)
        would_do = f"{factor:,.1f} times the sample would do"
        return Reason(text=f"{_power(reference)}; {would_do}", world=reference.world)
    if word == rule.IDENTIFIED:
        return Reason(text=_identified(worlds))
    return _inconclusive(worlds, n_decide)


def sample_factor(truth: float, empirical_se: float, power: float) -> float:
    """Multiple of the sample at which a two-sided test has POWER_GOAL, errors falling with its square root.

    From the spread of the estimates; where that would already do, from the power, since the intervals are wider than the spread.
    """
    critical, goal = float(ndtri(1 - LEVEL / 2)), float(ndtri(rule.POWER_GOAL))
    factor = ((critical + goal) * empirical_se / truth) ** 2
    reached = critical + float(ndtri(power))
    if factor > 1 or not 0 < reached < critical + goal:
        return factor
    return ((critical + goal) / reached) ** 2


def replicates_in_words(n_decide: float) -> str:
    """Say how many replicates would decide."""
    if not math.isfinite(n_decide):
        return "no number of replicates would decide"
    number = f"more than {MANY:,}" if n_decide > MANY else f"about {rounded(n_decide):,}"
    return f"{number} replicates a world would decide"


def rounded(number: float) -> int:
    """Round up to two digits, as a number of replicates deserves."""
    step = 10 ** max(int(math.log10(max(number, 1))) - 1, 0)
    return math.ceil(number / step) * step


def _also(worlds: Sequence[WorldFigures], named: WorldFigures) -> str:
    """Name the other worlds in which a figure is shown bad."""
    others = [w.world for w in worlds if w is not named and w.is_bad]
    return f"; also fails in {', '.join(others)}" if others else ""


def _identified(worlds: Sequence[WorldFigures]) -> str:
    """The worst figure of each kind, all of them shown to be within their limits."""
    reference = worlds[0]
    biased = max(worlds, key=lambda w: abs(w.bias) if math.isfinite(w.bias) else 0.0)
    covers = min((w for w in worlds if math.isfinite(w.coverage)), key=lambda w: w.coverage)
    rejects = max((w for w in worlds if w.is_null), key=lambda w: w.rejects)
    parts = (
        f"largest bias {_bias(biased, reference)} in {biased.world}",
        f"lowest coverage {_share(covers.coverage, covers.coverage_mc_se)} in {covers.world}",
        f"largest size {_share(rejects.rejects, rejects.rejects_mc_se)} in {rejects.world}",
        _power(reference),
    )
    return "; ".join(parts)


def _inconclusive(worlds: Sequence[WorldFigures], n_decide: float) -> Reason:
    """The open figure that is nearest to its limit or beyond it, of each kind."""
    reference, parts = worlds[0], []
    wordings = {
        "bias": lambda w: f"bias {_bias(w, reference)}",
        "coverage": _coverage,
        "size": _size,
        "power": _power,
    }
    worst = ""
    for figure, wording in wordings.items():
        open_worlds = [w for w in worlds if w.shown(figure) == "open"]
        if open_worlds:
            world = max(open_worlds, key=lambda w: _excess(figure, w, reference))
            worst = worst or world.world
            parts.append(f"{wording(world)} in {world.world}")
    if not any(w.is_null for w in worlds):
        parts.append("no world without an effect")
    return Reason(text=f"open: {'; '.join(parts)}; {replicates_in_words(n_decide)}", world=worst)


def _excess(figure: str, world: WorldFigures, reference: WorldFigures) -> float:
    """By how much a figure is beyond its limit."""
    value = {
        "bias": abs(world.bias) - rule.BIAS_SHARE * abs(reference.truth),
        "coverage": rule.COVERAGE_LIMIT - world.coverage,
        "size": world.rejects - rule.SIZE_LIMIT,
        "power": rule.POWER_GOAL - world.rejects,
    }[figure]
    return value if math.isfinite(value) else math.inf


def _bias(world: WorldFigures, reference: WorldFigures) -> str:
    if not reference.truth or reference.is_null:
        return f"{world.bias:+.2g} (MC error {world.bias_mc_se:.1g}), no truth to compare with"
    scale = abs(reference.truth)
    value, error = world.bias / scale, world.bias_mc_se / scale
    return f"{value:+.1%} of the truth (MC error {error:.1%})"


def _coverage(world: WorldFigures) -> str:
    return f"covers {_share(world.coverage, world.coverage_mc_se)}"


def _size(world: WorldFigures) -> str:
    return f"rejects {_share(world.rejects, world.rejects_mc_se)} at level {LEVEL:.0%}"


def _power(world: WorldFigures) -> str:
    return f"power {_share(world.rejects, world.rejects_mc_se)}"


def _share(value: float, error: float) -> str:
    return f"{value:.1%} (MC error {error:.1%})"
