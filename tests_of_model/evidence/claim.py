"""A claim of the paper's summary, held against this closure: its verdict and the numbers behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from withintask.panel.arrays import Array
from withintask.tests_of_model.evidence.sweeps import crossings

HOLDS, CONDITIONAL, FAILS = "holds", "conditional", "does not hold"


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """One claim; each kind adds the figures that its sentence quotes."""

    name: ClassVar[str]
    """Short name; also that of its figure and of its table."""
    verdict: str
    """``holds``, ``conditional`` or ``does not hold``, computed."""
    evidence: pl.DataFrame
    """What the figure shows."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a change goes as a parameter moves over its grid."""

    first: float
    """Change at the lowest value."""
    last: float
    """Change at the highest value."""
    turns: tuple[float, ...]
    """Values of the parameter at which its sign changes."""


def courses(table: pl.DataFrame, axis: str) -> Mapping[str, Course]:
    """Read the course of every other column of a sweep over an axis."""
    x = table[axis].to_numpy()
    return {name: _course(x, table[name].to_numpy()) for name in table.drop(axis).columns}


def _course(x: Array, y: Array) -> Course:
    return Course(first=float(y[0]), last=float(y[-1]), turns=tuple(crossings(x, y)))
