"""Figures of a study of power: power along each size with its interval, and the frontier."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from withintask.report.style import FAINT, NEUTRAL, SECOND, Axes, new_figure
from withintask.tests_of_model.harness.power.run import PowerReport
from withintask.tests_of_model.harness.power.search import Confirmed
from withintask.tests_of_model.harness.power.space import AXIS_WORDS

_COLUMNS = 3


def draw_curves(report: PowerReport) -> Figure | None:
    """Draw power along each size, all else as in the design shown, with the 95 percent band; None without sizes."""
    answer = report.answer
    space, surface = answer.space, answer.surface
    number = report.shown.number if report.shown is not None else int(np.argmax(surface.power))
    names = [name for name in space.varied if name != "treatment"]
    if not names:
        return None
    rows = math.ceil(len(names) / _COLUMNS)
    figure, axes = new_figure(rows, min(len(names), _COLUMNS), width=10, height=2.9 * rows)
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    low, high = surface.interval()
    confirmed = [
        c for c in (answer.winner, *answer.neighbours, *answer.rejected, *answer.short) if c
    ]
    for name, ax in zip(names, axes.flat, strict=False):
        line = _along(report, name, number)
        x = space.sizes(name)[line]
        ax.fill_between(x, low[line], high[line], color=FAINT, alpha=0.5, lw=0)
        ax.plot(x, surface.power[line], color=NEUTRAL)
        _dots(ax, space.sizes(name), set(line.tolist()), confirmed)
        ax.axhline(report.study.power, color=NEUTRAL, lw=0.8, ls="--")
        ax.set(xlabel=AXIS_WORDS.get(name, name), ylabel="power", ylim=(0, 1.02))
        if name != "treated_share":
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def draw_frontier(report: PowerReport) -> Figure | None:
    """Draw the smallest effect of each budget with its interval; None without any."""
    points = [p for p in report.frontier if math.isfinite(p.effect)]
    if len(points) < 2:
        return None
    figure, axes = new_figure(width=6, height=3.4)
    ax = axes[0, 0]
    budget, effect = (np.array([getattr(p, n) for p in points]) for n in ("budget", "effect"))
    ends = np.array([[p.low, p.high] for p in points]).T
    gaps = np.abs(np.sort(ends, axis=0) - effect)
    ax.errorbar(budget, effect, yerr=gaps, color=NEUTRAL, marker="o", capsize=3)
    if report.study.solved is not None:
        ax.axhline(report.study.solved.truth, color=SECOND, lw=0.9, ls="--")
    ax.set(xlabel="budget", ylabel="smallest effect found", xscale="log")
    ax.set_xticks(budget, [f"{b:,.0f}" for b in budget])
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _along(report: PowerReport, name: str, number: int) -> np.ndarray:
    """Candidates that differ from one in a single size, by that size."""
    space = report.answer.space
    same = np.ones(len(space), dtype=np.bool_)
    for other, place in space.place.items():
        if other != name:
            same &= place == place[number]
    line = np.flatnonzero(same)
    return line[np.argsort(space.sizes(name)[line])]


def _dots(ax: Axes, sizes: np.ndarray, line: set[int], confirmed: list[Confirmed]) -> None:
    """Confirmed designs on the line, with the interval of their own replicates."""
    for candidate in confirmed:
        if candidate.number in line:
            low, high = candidate.interval
            gaps = [[candidate.power - low], [high - candidate.power]]
            ax.errorbar(
                [sizes[candidate.number]],
                [candidate.power],
                yerr=gaps,
                color=SECOND,
                marker="o",
                ms=4,
            )
