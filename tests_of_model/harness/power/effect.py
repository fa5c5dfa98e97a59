"""An effect in the user's terms becomes a value of one parameter: the truth of a term is solved for it, others held."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq

from withintask.panel.errors import ParameterError, list_problems, nearest
from withintask.panel.notation import parameter_names, symbol
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, load_sources, vary
from withintask.tests_of_model.hypotheses.hypothesis import Hypothesis
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

CAPABILITY = "capability"
"""Parameter that moves unless another is named: how much AI there is."""
_STEPS = 24
"""Values of the parameter at which the truth is looked at before it is solved."""
_COARSE = 2**10
"""Points of the population for that look."""
_SAME = 1e-6
"""Absolute difference of truths below which the effect is met."""
_PERCENT = re.compile(r"^([+\-−]?[\d.]+)\s*%$")


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What is to be true of a term."""

    term: str
    """Term of a hypothesis."""
    value: float
    """Truth asked for, in the term's unit."""
    parameter: str = CAPABILITY
    """Parameter that is moved."""


@dataclass(frozen=True, kw_only=True)
class SolvedEffect:
    """An effect, and the economy that has it."""

    effect: Effect
    """What was asked."""
    params: Params
    """Parameters with which it is true."""
    before: float
    """Value of the parameter that moved, as it was."""
    truth: float
    """Truth of the term at the parameters."""

    @property
    def value(self) -> float:
        """Value of the parameter that moved."""
        return float(getattr(self.params, self.effect.parameter))


def parse_effect(text: str, *, parameter: str = "") -> Effect:
    """Read an effect such as ``delta_log_sd=-0.10`` or ``delta_log_sd=-10%``.

    Parameters
    ----------
    text
        A term and its truth. A percentage is one of what the log is taken of: -10% is ln(0.9).
    parameter
        Parameter to move; the capability of AI if empty.

    Raises
    ------
    ParameterError
        Names an unknown term or parameter, with the nearest known one, and what is not a number.
    """
    term, _, amount = (part.strip() for part in text.partition("="))
    parameter, problems = parameter or CAPABILITY, []
    if term not in terms():
        problems.append(f"{term!r} is no term{nearest(term, terms())}; known: {', '.join(terms())}")
    if parameter not in parameter_names():
        problems.append(
            f"{parameter!r} is no parameter to move{nearest(parameter, parameter_names())}"
        )
    value = math.nan
    try:
        value = _number(term, amount)
    except ValueError as error:
        problems.append(str(error))
    if problems:
        raise ParameterError(
            list_problems(f"--effect {text!r}", problems, advice="Nothing was drawn.")
        )
    return Effect(term=term, value=value, parameter=parameter)


def is_goal(text: str) -> bool:
    """Whether an effect names a term and its truth, not a parameter and values to run."""
    name, _, values = text.partition("=")
    return name in terms() or (bool(text) and name not in parameter_names() and "," not in values)


def terms() -> tuple[str, ...]:
    """Return the terms of all hypotheses."""
    return tuple(term for hypothesis in HYPOTHESES for term in hypothesis.estimands)


def hypothesis_of(term: str) -> Hypothesis:
    """Return the hypothesis of a term."""
    return next(h for h in HYPOTHESES if term in h.estimands)


def solve_effect(params: Params, effect: Effect | str) -> SolvedEffect:
    """Find the value of a parameter at which a term has the truth asked for, all others held.

    Parameters
    ----------
    params
        Where the search starts; of several values that give the effect the nearest is taken.
    effect
        What is to be true; or in text, as for :func:`parse_effect`: ``delta_log_sd=-10%``.

    Returns
    -------
    SolvedEffect
        Parameters that give the effect, and what moved.

    Raises
    ------
    ParameterError
        If no value in the parameter's plausible range gives it, with the nearest truth that one gives.

    Examples
    --------
    >>> import withintask as wt
    >>> solved = wt.solve_effect(wt.load_params(), "delta_log_sd=-10%")
    >>> solved.effect.parameter
    'capability'
    >>> 0 < solved.value < solved.before
    True
    """
    effect = parse_effect(effect) if isinstance(effect, str) else effect
    estimand = hypothesis_of(effect.term).estimands[effect.term]
    before = float(getattr(params, effect.parameter))
    exact = partial(_truth, estimand, params, effect.parameter, 2**15)
    if abs(exact(before) - effect.value) < _SAME:
        return SolvedEffect(effect=effect, params=params, before=before, truth=exact(before))
    value = _root(
        exact, partial(_truth, estimand, params, effect.parameter, _COARSE), effect, before
    )
    solved = vary(params, **{effect.parameter: value})
    return SolvedEffect(effect=effect, params=solved, before=before, truth=exact(value))


def _number(term: str, amount: str) -> float:
    percent = _PERCENT.match(amount)
    if percent is None:
        try:
            number = float(amount.replace("−", "-"))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"{amount!r}: expected a number or a percentage, -0.10 or -10%")
        return number
    share = float(percent.group(1).replace("−", "-")) / 100
    if not is_of_log(term):
        raise ValueError(
            f"{amount}: {term} is no change of a log, so a percentage of what is not clear; "
            "give the number in its unit"
        )
    if share <= -1:
        raise ValueError(f"{amount}: expected more than -100%")
    return math.log1p(share)


def is_of_log(term: str) -> bool:
    """Whether a term is the change of a log, so that a percentage says what it is."""
    return (term.startswith("delta_log_") and "return" not in term) or term == "average_effect_log"


def _truth(
    estimand: Callable[..., float], params: Params, name: str, n_workers: int, value: float
) -> float:
    return estimand(solve_economy(vary(params, **{name: value}), n_workers=n_workers))


def _root(
    exact: Callable[[float], float],
    coarse: Callable[[float], float],
    effect: Effect,
    before: float,
) -> float:
    """The nearest root of the exact truth, bracketed by a look at a coarser one."""
    values, truths = _look(coarse, effect.parameter)
    gap = truths - effect.value
    crossings = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) <= 0)
    # The coarse truth differs a little: a root near an end of the range may be seen by the exact one alone.
    places = [*crossings, 0, gap.size - 2]
    near = sorted(set(places), key=lambda k: abs(values[k] + values[k + 1] - 2 * before))
    for k in sorted(near, key=lambda k: k not in crossings):
        low, high = (exact(values[j]) - effect.value for j in (k, k + 1))
        if low * high <= 0:
            return float(
                brentq(lambda v: exact(v) - effect.value, values[k], values[k + 1], xtol=1e-7)
            )
    raise ParameterError(_out_of_reach(exact, effect, values, truths))


def _look(coarse: Callable[[float], float], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Values over the plausible range at which the economy can be solved, and the coarse truths there."""
    low, high = load_sources()[name].range
    kept, truths = [], []
    for value in np.linspace(low, high, _STEPS):
        try:
            truth = coarse(float(value))
        except ParameterError:
            continue
        if math.isfinite(truth):
            kept.append(float(value))
            truths.append(truth)
    if len(kept) < 2:
        raise ParameterError(
            f"--effect: {name} cannot be moved, since the economy is solved at fewer than two of its values"
        )
    return np.array(kept), np.array(truths)


def _out_of_reach(
    exact: Callable[[float], float], effect: Effect, values: np.ndarray, truths: np.ndarray
) -> str:
    nearest_value = float(values[np.argmin(np.abs(truths - effect.value))])
    low, high = load_sources()[effect.parameter].range
    spread = float(truths.max() - truths.min())
    reached = exact(nearest_value)
    does_nothing = f"; {effect.parameter} does not move {effect.term}" if spread < _SAME else ""
    return (
        f"--effect {effect.term}={effect.value:g}{_share(effect.term, effect.value)}: the model does not give it for any "
        f"{effect.parameter} from {low:g} to {high:g}{does_nothing}; the nearest is {reached:.4g}{_share(effect.term, reached)}, "
        f"at {effect.parameter} = {nearest_value:.4g}. Ask for less, or move another parameter (--move NAME). "
        "Nothing was drawn."
    )


def _share(term: str, truth: float) -> str:
    """The percentage of what a log is taken of; empty for other terms."""
    return f" ({math.expm1(truth):+.1%})" if is_of_log(term) else ""


def effect_words(solved: SolvedEffect) -> str:
    """Say what the truth of the term is, which parameter was moved for it, and that the others were held."""
    effect = solved.effect
    meaning = symbol(effect.parameter).meaning
    held = f"all {len(parameter_names()) - 1} other parameters held at their values"
    truth = f"{solved.truth:+.4g}{_share(effect.term, solved.truth)}"
    if math.isclose(solved.value, solved.before):
        return f"{truth} at the parameters as they are"
    return (
        f"{truth} in truth, by {effect.parameter} ({meaning}) = {solved.value:.4g} "
        f"in place of {solved.before:.4g}; {held}"
    )
