"""Words of the identification matrix that its figure, its tables and its page share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from withintask.sim.design import Design
from withintask.sim.worlds import World
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.reasons import MANY, rounded
from withintask.tests_of_model.harness.verdict import CLAIMS, GAP, Judged

FIRST_LOOK = "first look, not to quote"
"""What is written across a quick run."""

COLORS = {
    rule.IDENTIFIED: "#2a7f62",
    rule.INCONCLUSIVE: "#b9c3d6",
    rule.UNDERPOWERED: "#e3b23c",
    rule.DISTORTED: "#c2503a",
    rule.BIASED: "#8f2d56",
    GAP: "#d9d9d9",
}
"""Colour of each verdict."""
PALE = (GAP, rule.UNDERPOWERED, rule.INCONCLUSIVE)
"""Verdicts whose colour takes dark text."""

_FACTOR_LIMIT = 10_000
_DIGITS_LIMIT = 100
_LONGEST_GAP = 70


@dataclass(frozen=True, kw_only=True)
class MatrixRun:
    """What a run of the matrix gave, and how it was run."""

    judged: Judged
    """Verdicts, and the worlds behind them."""
    sizes: pl.DataFrame
    """Of :func:`withintask.tests_of_model.harness.breakdown.breakdown`; may be empty."""
    designs: Sequence[Design]
    """In the order in which they are shown."""
    worlds: Sequence[World]
    """The same."""
    limit: int
    """Replicates a world at which it ended."""
    seed: int
    """Seed of the study."""
    is_quick: bool = False
    """Whether it is a first look, and everything is marked so."""
    command: str = "withintask matrix"
    """What was called, for the foot of the page."""

    @property
    def note(self) -> str:
        """How it was run, for a caption."""
        note = f"at most {self.limit:,} replicates a world, seed {self.seed}"
        return f"{FIRST_LOOK}: {note}" if self.is_quick else note

    def shown_designs(self) -> dict[str, str]:
        """Names of the designs with what stands beside their row, in their order."""
        return {design.name: f"{design.number}  {design.name}" for design in self.designs}

    def cells(self) -> list[dict[str, object]]:
        """Rows of the verdicts of chosen estimators, by claim, then by design."""
        claims, names = [claim for claim, _, _ in CLAIMS], [d.name for d in self.designs]
        rows = list(self.judged.verdicts.filter("is_chosen").iter_rows(named=True))
        return sorted(rows, key=lambda r: (claims.index(r["claim"]), names.index(r["design"])))


def short_gap(reason: str) -> str:
    """Say in one short line what a design lacks: each gap once, without the needs that it leaves unmet."""
    gaps = [part.split(": ", 1)[-1] for part in reason.split("; ")]
    line = "; ".join(dict.fromkeys(gaps))
    return line if len(line) <= _LONGEST_GAP else f"{line[:_LONGEST_GAP].rsplit(' ', 1)[0]} …"


def weakest(sizes: pl.DataFrame, claim: str, design: str) -> str:
    """Name the nuisance that takes a verdict away at the smallest share of what was searched, with its size."""
    lost = sizes.filter(
        pl.col("share") > 0, pl.col("value").is_not_nan(), claim=claim, design=design
    ).sort("share")
    return f"{lost['nuisance'][0]} {lost['value'][0]:.2g}" if lost.height else ""


def is_sound_alone(cell: dict[str, object]) -> bool:
    """Whether a cell is identified where there are no rivals, and taken away by one."""
    return cell["alone"] == rule.IDENTIFIED and cell["verdict"] != rule.IDENTIFIED


def cell_words(cell: dict[str, object], sizes: pl.DataFrame) -> tuple[str, str]:
    """Return the verdict of a cell, and what stands below it: the world, the sample, the replicates, the weakest point."""
    verdict = str(cell["verdict"])
    if verdict == GAP:
        return "–", ""
    lost = weakest(sizes, str(cell["claim"]), str(cell["design"]))
    why = {
        rule.UNDERPOWERED: _sample(cell["sample_factor"]),
        rule.INCONCLUSIVE: _replicates(cell["n_decide"]),
        rule.IDENTIFIED: "",
    }.get(verdict, _failing(cell))
    return verdict, "\n".join(filter(None, (why, lost)))


def _failing(cell: dict[str, object]) -> str:
    """The world in which a cell fails worst, and in how many others it does."""
    n_others = int(str(cell["n_bad"])) - 1
    world = str(cell["world"]).replace("_", " ")
    return f"{world}\n+{n_others} more" if n_others > 0 else world


def _sample(factor: object) -> str:
    if not isinstance(factor, float) or not math.isfinite(factor):
        return ""
    if factor >= _FACTOR_LIMIT:
        return f"× >{_FACTOR_LIMIT:,} sample"
    return f"× {factor:.2g} sample" if factor < _DIGITS_LIMIT else f"× {factor:,.0f} sample"


def _replicates(number: object) -> str:
    if not isinstance(number, float) or not math.isfinite(number):
        return "no number decides"
    return f">{MANY:,} to decide" if number > MANY else f"{rounded(number):,} to decide"
