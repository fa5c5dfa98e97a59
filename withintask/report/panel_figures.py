"""Figures of a trial: spread of output by arm and period, mean output by period, effect by output without AI."""

import math
from typing import Any

import polars as pl

from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.report.style import FALLS, NEUTRAL, SECOND, Axes, new_figure
from withintask.tests_of_model.hypotheses.effect_by_baseline import effect_by_baseline
from withintask.tests_of_model.hypotheses.recommend import recommendations
from withintask.tests_of_model.samples.by_arm import (
    WITH_AI,
    WITHOUT,
    arm_rows,
    means_by_period,
    spread_by_arm,
)
from withintask.tests_of_model.samples.sample import Sample

_LOOK = {WITH_AI: (SECOND, "o", "-"), WITHOUT: (FALLS, "s", "--")}
"""Colour, mark and line of an arm: told apart without colour too."""
_NORMAL_95 = 1.96
_WIDTH, _HEIGHT = 6.0, 3.6


_FORMS = ("within", "difference", "before_after")
"""Comparisons that follow workers, the one that takes least for granted first."""


def draw_panel_figure(panel: Panel, what: str) -> Any:
    """Draw a panel.

    Parameters
    ----------
    panel
        With outputs, in memory.
    what
        ``dispersion``, ``periods`` or ``gains``.

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.

    Raises
    ------
    EstimationError
        If the panel has not what it shows.
    """
    unit = "log points" if arm_rows(panel).is_log else "units of output"
    frame, first = figure_data(panel, what), panel.info.first_ai_period
    if what == "gains":
        return draw_gains(frame, unit=unit)
    draw = draw_spread if what == "dispersion" else draw_means
    return draw(frame, unit=unit, first_ai_period=first)


def figure_data(panel: Panel, what: str) -> pl.DataFrame:
    """Return what a drawing of a panel shows; parameters and errors as for :func:`draw_panel_figure`."""
    if what == "gains":
        return gains_of(panel)
    rows = arm_rows(panel)
    return spread_by_arm(rows) if what == "dispersion" else means_by_period(rows)


def gains_of(panel: Panel) -> pl.DataFrame:
    """Estimate the effect by groups of workers, in the first comparison that the panel has.

    Raises
    ------
    EstimationError
        If it has none: why each does not do.
    """
    fits = set(recommendations(panel).filter(pl.col("verdict") != "lacks")["estimator"])
    reasons = []
    for form in sorted(_FORMS, key=lambda form: f"pairs_{form}" not in fits):
        try:
            return effect_by_baseline(Sample(panel), form)  # type: ignore[arg-type]
        except EstimationError as error:
            reasons.append(str(error))
    raise EstimationError("\n".join(["gains cannot be drawn:", *reasons]))


def draw_spread(frame: pl.DataFrame, *, unit: str, first_ai_period: int | None) -> Any:
    """Draw the spread of single outputs within tasks, by arm and period.

    Parameters
    ----------
    frame
        Of :func:`withintask.tests_of_model.samples.by_arm.spread_by_arm`.
    unit
        Of the spread.
    first_ai_period
        Where AI arrives; None if not known.

    Returns
    -------
    matplotlib.figure.Figure
        With 95 % intervals over tasks.
    """
    _fail_if_empty(frame, "a task, period and arm with two rows")
    figure, axes = new_figure(width=_WIDTH, height=_HEIGHT)
    ax = axes[0, 0]
    for group, (color, mark, line) in _LOOK.items():
        rows = frame.filter(pl.col("group") == group)
        look = {"fmt": mark, "ls": line, "color": color, "capsize": 3, "label": group}
        errors = [_half(error) for error in rows["std_error"]]
        if rows.height:
            ax.errorbar(rows["period"].to_list(), rows["sd"].to_list(), yerr=errors, **look)
    ax.set_ylim(bottom=0)
    _periods(ax, frame["period"].to_list(), first_ai_period)
    ax.set_ylabel(f"standard deviation within tasks\n({unit}, noise included)")
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    return figure


def draw_means(frame: pl.DataFrame, *, unit: str, first_ai_period: int | None) -> Any:
    """Draw mean output of workers with AI less that of those without, by period: the event study.

    Parameters
    ----------
    frame
        Of :func:`withintask.tests_of_model.samples.by_arm.means_by_period`.
    unit, first_ai_period
        As for :func:`draw_spread`.

    Returns
    -------
    matplotlib.figure.Figure
        With 95 % intervals.
    """
    _fail_if_empty(frame, "a period before AI, and workers with AI and others without")
    figure, axes = new_figure(width=_WIDTH, height=_HEIGHT)
    ax = axes[0, 0]
    errors = [_half(error) for error in frame["std_error"]]
    x, y = frame["period"].to_list(), frame["difference"].to_list()
    ax.errorbar(x, y, yerr=errors, fmt="o-", color=NEUTRAL, capsize=3)
    ax.axhline(0, color=NEUTRAL, lw=0.6, ls=":")
    _periods(ax, x, first_ai_period)
    ax.set_ylabel(
        f"mean output with AI less without,\nchange since the last period before ({unit})"
    )
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def draw_gains(frame: pl.DataFrame, *, unit: str) -> Any:
    """Draw the effect of AI by groups of workers, the least able first.

    Parameters
    ----------
    frame
        Of :func:`withintask.tests_of_model.hypotheses.effect_by_baseline.effect_by_baseline`.
    unit
        Of the effect.

    Returns
    -------
    matplotlib.figure.Figure
        With 95 % intervals.
    """
    _fail_if_empty(frame, "workers with several items without AI and some with it")
    figure, axes = new_figure(width=_WIDTH, height=_HEIGHT)
    ax = axes[0, 0]
    y = frame["estimate"].to_list()
    below = [e - low for e, low in zip(y, frame["conf_low"], strict=True)]
    above = [high - e for e, high in zip(y, frame["conf_high"], strict=True)]
    ax.errorbar(frame["group"].to_list(), y, yerr=(below, above), fmt="o", color=SECOND, capsize=3)
    ax.axhline(0, color=NEUTRAL, lw=0.6, ls=":")
    ax.set_xticks(frame["group"].to_list())
    ax.set_xlabel("workers by their other items without AI, least able first")
    ax.set_ylabel(f"effect of AI on output ({unit})")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _half(error: float) -> float:
    return _NORMAL_95 * error if math.isfinite(error) else 0.0


def _periods(ax: Axes, periods: list[int], first: int | None) -> None:
    ax.set_xlabel("period")
    ax.xaxis.get_major_locator().set_params(integer=True)
    if first is not None and min(periods) < first <= max(periods):
        ax.axvline(first - 0.5, color=NEUTRAL, lw=0.8, ls="--")
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        ax.annotate("AI arrives", (first - 0.5, 1), xytext=(4, 3), fontsize=8, **place)


def _fail_if_empty(frame: pl.DataFrame, expected: str) -> None:
    if frame.is_empty():
        raise EstimationError(f"nothing to draw: expected {expected}, and the panel has none")
