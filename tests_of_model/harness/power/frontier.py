"""The frontier: of each budget the design with most power, and the smallest effect that it finds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from withintask.panel.errors import ParameterError
from withintask.sim.params import Params
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power.effect import Effect, SolvedEffect, solve_effect
from withintask.tests_of_model.harness.power.lab import Lab, Visit, wilson
from withintask.tests_of_model.harness.power.search import Answer, Target
from withintask.tests_of_model.harness.power.surface import needed

_BUDGETS = 5
"""Budgets on the frontier, evenly spread in logs."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One budget."""

    budget: float
    """Most that may be spent."""
    cost: float
    """What the design costs."""
    number: int
    """The design's place in the space."""
    effect: float
    """Smallest effect that it finds with the power asked for; NaN where the model does not give it."""
    low: float
    """Nearer end of its 95 percent interval."""
    high: float
    """Further end."""
    tried: float
    """Effect at which it was drawn."""
    power: float
    """Power there."""
    n: int
    """Replicates."""
    note: str = ""
    """Why there is none; empty if there is."""


def frontier(
    answer: Answer,
    effect: Effect,
    base: Params,
    make_lab: Callable[[SolvedEffect], Lab],
    target: Target,
    *,
    seed: int,
    n: int,
) -> tuple[Point, ...]:
    """Find the smallest detectable effect of budgets up to the search's.

    Parameters
    ----------
    answer
        Of the search; its surrogate chooses the design of a budget.
    effect
        The effect of the search.
    base
        Parameters before the effect.
    make_lab
        Where replicates at another effect come from.
    target
        What a design must do.
    seed
        Seed; not that of the search.
    n
        Replicates a budget.

    Notes
    -----
    The noncentrality of a test is about proportional to the effect. The surrogate's guess is drawn at that effect, and the
    power seen there corrects it: effect · λ_goal/λ_seen, with the ends from the interval of the power seen.
    """
    surface, space = answer.surface, answer.space
    truth = effect.value
    is_open = answer.likely if answer.likely[space.cost <= min(_budgets(answer))].any() else True
    points = []
    for budget in _budgets(answer):
        open_to = np.where((space.cost <= budget) & is_open, surface.log_noncentrality, -np.inf)
        number = int(np.argmax(open_to))
        guess = truth * math.exp(needed(target.goal) - float(surface.log_noncentrality[number]))
        points.append(
            _point(
                answer,
                number,
                budget,
                replace(effect, value=guess),
                base,
                make_lab,
                target,
                seed,
                n,
            )
        )
    return tuple(points)


def _budgets(answer: Answer) -> Sequence[float]:
    """From where the surrogate gives half the winner's noncentrality, or the cheapest design, to the dearest."""
    cost = answer.space.cost
    top = float(cost[-1])
    middle = answer.winner.cost if answer.winner is not None else top
    low = max(float(cost[0]), middle / 4)
    return [float(b) for b in np.geomspace(low, top, _BUDGETS)] if low < top else [top]


def _point(
    answer: Answer,
    number: int,
    budget: float,
    effect: Effect,
    base: Params,
    make_lab: Callable[[SolvedEffect], Lab],
    target: Target,
    seed: int,
    n: int,
) -> Point:
    cost, nan = float(answer.space.cost[number]), math.nan
    try:
        solved = solve_effect(base, effect)
    except ParameterError as error:
        return Point(
            budget=budget,
            cost=cost,
            number=number,
            effect=nan,
            low=nan,
            high=nan,
            tried=effect.value,
            power=nan,
            n=0,
            note=str(error),
        )
    visit = Visit(design=answer.space.design(number), first=0, last=n, seed=seed)
    (results,) = make_lab(solved)([visit], "frontier")
    hits = int(results.rejects(target.together).sum())
    # Half a study more of each kind: where all reject, or none, the effect is not at the end of what can be said.
    shares = ((hits + 0.5) / (n + 1), *wilson(hits, n))
    middle, weak, strong = (_detectable(solved.truth, share, target.goal) for share in shares)
    return Point(
        budget=budget,
        cost=cost,
        number=number,
        effect=middle,
        low=strong,
        high=weak,
        tried=solved.truth,
        power=hits / n,
        n=n,
    )


def _detectable(effect: float, power: float, goal: float) -> float:
    """The effect with the goal's power, if one has this power; none at all if that is 1."""
    if power >= 1:
        return 0.0
    z = float(ndtri(1 - LEVEL / 2))
    return effect * math.exp(needed(goal)) / max(z + float(ndtri(max(power, LEVEL))), 0.1)
