"""Tables of a study of power in words: is the test valid, the designs, what real panels show, what a budget finds, the pilot."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from withintask.report.estimate_table import EstimateTable, Group
from withintask.report.estimate_words import term_words
from withintask.report.power_frames import (
    designs_frame,
    frontier_frame,
    robust_frame,
    validity_frame,
)
from withintask.report.power_words import (
    PILOT_WORDS,
    SIZES_OF_ALL,
    design_words,
    effect_range,
    idle_words,
    limits_words,
    pilot_number,
)
from withintask.tests_of_model.harness.power.frontier import Point
from withintask.tests_of_model.harness.power.pilot import PilotFigures
from withintask.tests_of_model.harness.power.robust import Robust
from withintask.tests_of_model.harness.power.run import PowerReport
from withintask.tests_of_model.harness.power.search import Confirmed
from withintask.tests_of_model.harness.power.space import (
    AXIS_WORDS,
    ROLL_OUT_WORDS,
)


@dataclass(frozen=True, kw_only=True)
class AnswerTable:
    """A table of the answer, in words."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    wide: frozenset[str]
    """Columns that only the files and wide terminals have."""
    frame: Callable[[PowerReport], pl.DataFrame]
    """The same with numbers as numbers."""


def answer_tables(report: PowerReport) -> tuple[AnswerTable, ...]:
    """All tables of the answer that have rows, as terminal, Markdown and page show them."""
    shown = report.shown
    tables = (
        AnswerTable(
            title="Is the test valid on that design",
            header=VALIDITY_HEADER,
            rows=validity_rows(shown) if shown else [],
            wide=frozenset(),
            frame=validity_frame,
        ),
        AnswerTable(
            title="Designs with new replicates",
            header=design_header(report),
            rows=design_rows(report),
            wide=frozenset({"bias", "coverage", "size"}),
            frame=designs_frame,
        ),
        AnswerTable(
            title="What real panels show",
            header=robust_header(report),
            rows=robust_rows(report),
            wide=frozenset({POWER_AS_IT_IS, "replicates", "source"}),
            frame=robust_frame,
        ),
        AnswerTable(
            title="What a budget can find",
            header=FRONTIER_HEADER,
            rows=frontier_rows(report),
            wide=frozenset({"cost", "drawn at", "power there"}),
            frame=frontier_frame,
        ),
    )
    return tuple(table for table in tables if table.rows)


def validity_rows(candidate: Confirmed) -> list[tuple[str, ...]]:
    """Bias, coverage and size of each term, with Monte-Carlo errors."""
    return [
        (
            term_words(v.term),
            f"{v.reference.truth:+.4f}",
            f"{v.relative_bias:+.1%} ± {v.relative_bias_mc_se:.1%}",
            f"{v.reference.coverage:.3f} ± {v.reference.coverage_mc_se:.3f}",
            f"{v.no_ai.coverage:.3f} ± {v.no_ai.coverage_mc_se:.3f}",
            f"{v.no_ai.rejects:.3f} ± {v.no_ai.rejects_mc_se:.3f}",
            f"{v.reference.rejects:.3f} ± {v.reference.rejects_mc_se:.3f}",
            "yes" if v.is_valid else v.why_not(),
        )
        for v in candidate.validity
    ]


VALIDITY_HEADER = (
    "term",
    "truth",
    "bias ± MC error, of the effect",
    "coverage ± MC error",
    "coverage without AI",
    "size",
    "power of this term",
    "shown valid",
)
"""Columns of :func:`validity_rows`."""


def design_table(report: PowerReport) -> EstimateTable:
    """The designs with new replicates, as a table for writers."""
    rows = tuple(design_rows(report))
    groups = (Group(title="Designs with new replicates", rows=rows),) if rows else ()
    return EstimateTable(
        header=design_header(report),
        groups=groups,
        notes=(),
        key=f"95 % intervals in brackets. {limits_words()}",
        title="Power",
        command="withintask power",
    )


def design_header(report: PowerReport) -> tuple[str, ...]:
    """Columns of :func:`design_rows`: firms, workers and what else differs between the designs shown."""
    return (
        "design",
        "firms",
        "workers",
        *(short_axis_words(name) for name in _differing(report)),
        "cost",
        "power (95 %)",
        "drawn",
        "bias",
        "coverage",
        "size",
    )


def design_rows(report: PowerReport) -> list[tuple[str, ...]]:
    """The winner, its neighbours, those that are large enough but not shown valid, and those too small."""
    return [_design_row(report, what, c) for what, c in _shown_designs(report)]


def _shown_designs(report: PowerReport) -> list[tuple[str, Confirmed]]:
    answer = report.answer
    groups = (
        ("winner", (answer.winner,) if answer.winner is not None else ()),
        ("neighbour", answer.neighbours),
        ("not valid", answer.rejected),
        ("too small", answer.short),
    )
    return [(what, candidate) for what, found in groups for candidate in found]


def _differing(report: PowerReport) -> list[str]:
    """Axes beside firms and workers in which the designs shown differ."""
    space = report.answer.space
    shown = [space.values(candidate.number) for _, candidate in _shown_designs(report)]
    return [
        name
        for name in space.axes
        if name not in SIZES_OF_ALL and len({values[name] for values in shown}) > 1
    ]


def _design_row(report: PowerReport, what: str, candidate: Confirmed) -> tuple[str, ...]:
    space = report.answer.space
    design, values = space.design(candidate.number), space.values(candidate.number)
    low, high = candidate.interval
    bias, coverage, size = "–", "–", "–"
    if candidate.validity:
        worst = max(candidate.validity, key=lambda v: abs(v.relative_bias))
        bias = f"{worst.relative_bias:+.1%} ± {worst.relative_bias_mc_se:.1%}"
        coverage = f"{min(v.reference.coverage for v in candidate.validity):.3f}"
        size = f"{max(v.no_ai.rejects for v in candidate.validity):.3f}"
    return (
        what,
        f"{design.n_firms:,}",
        f"{design.n_workers:,}",
        *(_value(values[name]) for name in _differing(report)),
        f"{candidate.cost:,.0f}",
        f"{candidate.power:.2f} ({low:.2f}–{high:.2f})",
        f"{candidate.n:,}",
        bias,
        coverage,
        size,
    )


def _value(value: object) -> str:
    return ROLL_OUT_WORDS.get(str(value), f"{value:,}" if isinstance(value, int) else str(value))


def short_axis_words(name: str) -> str:
    """Head of a column of sizes."""
    return {"n_pre": "before", "n_post": "after", "treatment": "AI goes"}.get(
        name, AXIS_WORDS.get(name, name).split(" a ")[0]
    )


FRONTIER_HEADER = (
    "budget",
    "cost",
    "smallest effect",
    "95 % interval",
    "drawn at",
    "power there",
    "design",
)
"""Columns of :func:`frontier_rows`."""


def frontier_rows(report: PowerReport) -> list[tuple[str, ...]]:
    """Budgets and the smallest effects that they find."""
    return [_frontier_row(report, point) for point in report.frontier]


def _frontier_row(report: PowerReport, point: Point) -> tuple[str, ...]:
    words = design_words(report, point.number)
    if point.note:
        return (
            f"{point.budget:,.0f}",
            f"{point.cost:,.0f}",
            "none that the model gives",
            "–",
            f"{point.tried:+.4f}",
            "–",
            words,
        )
    return (
        f"{point.budget:,.0f}",
        f"{point.cost:,.0f}",
        f"{point.effect:+.4f}",
        effect_range(point, 4),
        f"{point.tried:+.4f}",
        f"{point.power:.2f} ({point.n} replicates)",
        words,
    )


def robust_header(report: PowerReport) -> tuple[str, ...]:
    """Columns of :func:`robust_rows`: the size that grows, and the workers that go with it."""
    axis = report.robust[0].axis if report.robust else "n_firms"
    return (
        "what happens",
        AXIS_WORDS.get(axis, axis).split(" a")[0],
        "95 % interval",
        "workers there",
        POWER_AS_IT_IS,
        "bias there",
        "replicates",
        "source",
    )


POWER_AS_IT_IS = "power of the winner as it is"


def robust_rows(report: PowerReport) -> list[tuple[str, ...]]:
    """The answer under each trouble."""
    return [_robust_row(found) for found in report.robust]


def _robust_row(found: Robust) -> tuple[str, ...]:
    words = found.trouble.words.removeprefix("if ")
    if found.idle:
        return (
            f"{words} (changes nothing: {idle_words(found)})",
            "the same",
            "–",
            "the same",
            "–",
            "–",
            "0",
            found.trouble.source,
        )
    none = found.is_biased
    return (
        words,
        "none, biased" if none else _size(found.size),
        "–" if none else f"{_size(found.low)} to {_size(found.high)}",
        "none" if none else _size(found.workers),
        f"{found.power:.2f} ± {found.power_mc_se:.2f}",
        f"{found.relative_bias:+.1%} ± {found.relative_bias_mc_se:.1%}",
        f"{found.n}",
        found.trouble.source,
    )


def _size(value: float) -> str:
    """A size that is enough, so rounded up."""
    return f"{math.ceil(value):,}" if math.isfinite(value) else "more than was drawn"


PILOT_HEADER = ("what", "--set", "value", "std. error", "95 % interval")
"""Columns of :func:`pilot_rows`."""


def pilot_rows(pilot: PilotFigures) -> list[tuple[str, ...]]:
    """What was taken from a pilot, in words and as it can be set, with its uncertainty."""
    return [
        (
            PILOT_WORDS.get(f.name, f.meaning.rstrip(".")),
            f.name,
            pilot_number(f.value),
            f"{f.std_error:.2g}" if math.isfinite(f.std_error) else "–",
            f"{f.low:.3g} to {f.high:.3g}" if math.isfinite(f.std_error) else "–",
        )
        for f in pilot.figures
    ] or [("nothing that the design did not have", "–", "–", "–", "–")]
