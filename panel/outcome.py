"""What kind of outcome a panel measures: its domain, and the scale on which it is analysed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import quoted
from withintask.panel.rules import RowRule

OutcomeKind = Literal["positive", "time", "count", "binary", "score", "log"]
"""What `outputs.output` is; see :data:`OUTCOMES`."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One kind of outcome."""

    meaning: str
    """what it is, in words"""
    domain: str
    """the values it can take, in words"""
    analysed: str
    """the scale on which its differences are taken"""


OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "positive": Outcome(
            meaning="output or quality above zero, more is better",
            domain="above 0",
            analysed="log",
        ),
        "time": Outcome(
            meaning="time taken, less is better", domain="above 0", analysed="minus log"
        ),
        "count": Outcome(
            meaning="whole numbers, of which zero is one", domain="0, 1, 2, …", analysed="level"
        ),
        "binary": Outcome(meaning="done or right, or not", domain="0 or 1", analysed="level"),
        "score": Outcome(
            meaning="a rating between a floor and a ceiling",
            domain="between the floor and the ceiling",
            analysed="level",
        ),
        "log": Outcome(
            meaning="the log of an output, taken already", domain="any number", analysed="level"
        ),
    }
)
"""Every kind of outcome, in the order in which they are documented."""


_ABOVE_ZERO = ("positive", "time")
_ZEROS = (
    '; a zero is a value where outcome = "count", "binary" or "score"; if it is no value, make it '
    "null and leave such rows out (null_values, leave_out); dropping rows can select workers"
)


def analysed(output: Array, kind: OutcomeKind) -> Array:
    """Bring output onto the scale of its kind: log, minus log, or as it is.

    Parameters
    ----------
    output
        Values as in `outputs.output`, (row,).
    kind
        The panel's :attr:`withintask.panel.panel.PanelInfo.outcome_kind`.

    Returns
    -------
    array (row,)
        More is better on it, whatever the kind.
    """
    scale = OUTCOMES[kind].analysed
    if scale == "level":
        return output
    return np.asarray(np.log(output) if scale == "log" else -np.log(output))


def outcome_rules(
    kind: OutcomeKind, floor: float | None, ceiling: float | None
) -> tuple[RowRule, ...]:
    """Return what every row's output must be in a panel of this kind.

    Parameters
    ----------
    kind
        The kind of outcome.
    floor, ceiling
        Limits of a score; None if there is none.
    """
    output = pl.col("output")
    of_kind = {
        "positive": ("output|min_exclusive", output > 0),
        "time": ("output|min_exclusive", output > 0),
        "count": ("output|count", (output >= 0) & (output == output.floor())),
        "binary": ("output|binary", (output == 0) | (output == 1)),
    }
    rules = []
    if kind in of_kind:
        name, valid = of_kind[kind]
        meaning = f"{OUTCOMES[kind].domain} where the outcome is {kind}"
        rules.append(_rule(name, valid, meaning + (_ZEROS if kind in _ABOVE_ZERO else "")))
    if floor is not None:
        rules.append(_rule("output|floor", output >= floor, f"at least its floor, {floor}"))
    if ceiling is not None:
        rules.append(_rule("output|ceiling", output <= ceiling, f"at most its ceiling, {ceiling}"))
    return tuple(rules)


def outcome_problems(kind: str, floor: float | None, ceiling: float | None) -> list[str]:
    """Say what is wrong with a statement of the outcome; empty if nothing is."""
    problems = []
    if kind not in get_args(OutcomeKind):
        problems.append(f"outcome {quoted(kind)} is not one of {', '.join(OUTCOMES)}")
    elif kind != "score" and (floor is not None or ceiling is not None):
        problems.append(f"a floor or a ceiling belongs to a score, the outcome is {kind}")
    if floor is not None and ceiling is not None and floor >= ceiling:
        problems.append(f"the outcome's floor, {floor}, is not below its ceiling, {ceiling}")
    return problems


def _rule(name: str, valid: pl.Expr, meaning: str) -> RowRule:
    return RowRule(name=name, valid=valid.fill_null(True), meaning=f"output is {meaning}")
