"""Figures of a fit to moments: parameters within their ranges, moments beside their targets, what moves what."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from withintask.panel.notation import symbol
from withintask.report.style import FAINT, FALLS, NEUTRAL, Axes, legends_outside, new_figure
from withintask.sim.params import load_sources
from withintask.tests_of_model.moments.fit import MsmFit
from withintask.tests_of_model.moments.sensitivity import DELTA_GINI, Sensitivity

_HEIGHT, _ROOM = 0.95, 0.06
"""Inches of a parameter's line; share of the range left free at its ends."""
_NORMAL = 1.96
"""Standard errors of a 95 % interval."""
_NOTHING, _DARK = 5e-3, 0.7
"""Effects below which nothing is shown, and from which on text is white."""


def parameter_figure(fit: MsmFit) -> Figure:
    """Draw each fitted parameter with its interval, on the range that is plausible for it."""
    rows = list(fit.table().iter_rows(named=True))
    figure, axes = new_figure(len(rows), width=7, height=_HEIGHT * len(rows) + 0.5)
    others = [fit.problem.free.values(root.point) for root in fit.roots if root is not fit.best]
    sources = load_sources()
    for place, (ax, row) in enumerate(zip(axes[:, 0], rows, strict=True)):
        low, high = sources[row["parameter"]].range
        ax.axvspan(low, high, color=FAINT, alpha=0.3, lw=0, label="plausible range")
        if math.isfinite(row["conf_low"]) and not row["is_at_bound"]:
            ends = max(row["conf_low"], 0.0), row["conf_high"]
            ax.plot(ends, (0, 0), color=FALLS, lw=2, label="95 % interval")
        for values in others:
            ax.plot(values[place], 0, "o", mfc="white", color=FALLS, ms=10, label="another root")
        ax.plot(row["value"], 0, "o", color=FALLS, ms=6, label="fitted")
        _limit(ax, [low, high, row["value"], *(values[place] for values in others)], row)
        entry = symbol(row["parameter"])
        ax.set_yticks([0], [entry.symbol])
        ax.set_xlabel(entry.meaning, fontsize=8)
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", labelsize=8)
        ax.spines[["top", "right", "left"]].set_visible(False)
    _one_legend(figure, axes[:, 0])
    return figure


def moment_figure(fit: MsmFit) -> Figure:
    """Draw how far the fitted model's moments lie from their targets, in standard errors."""
    table = fit.moment_table()
    gaps = table["gap_in_std_errors"].to_numpy()
    figure, axes = new_figure(width=7, height=1.2 + 0.35 * gaps.size)
    ax = axes[0, 0]
    ax.axvspan(-_NORMAL, _NORMAL, color=FAINT, alpha=0.3, lw=0, label="95 % of the target's error")
    ax.plot(gaps, np.arange(gaps.size), "o", color=FALLS, label="fitted model")
    ax.axvline(0, color=NEUTRAL, lw=0.8, ls=":")
    ax.set_yticks(range(gaps.size), table["moment"].to_list())
    ax.set_ylim(gaps.size - 0.5, -0.5)
    reach = max(2.0, float(np.nanmax(np.abs(gaps), initial=0.0))) * (1 + _ROOM)
    ax.set_xlim(-reach, reach)
    ax.set_xlabel("model less target, in standard errors of the target")
    ax.spines[["top", "right"]].set_visible(False)
    legends_outside(figure)
    return figure


def sensitivity_figure(parts: Sequence[tuple[Sensitivity, str]]) -> Figure:
    """Draw what one standard error of each target moves, a panel a set of moments.

    Parameters
    ----------
    parts
        Sensitivities with the title of their panel; none where no derivative exists.

    Returns
    -------
    matplotlib.figure.Figure
        Colours and numbers: in standard errors of the row.
    """
    figure, axes = new_figure(1, max(len(parts), 1), width=5.75 * max(len(parts), 1), height=4.4)
    if not parts:
        axes[0, 0].text(
            0.5, 0.5, "a parameter lies at its bound: no derivative exists", ha="center"
        )
        axes[0, 0].axis("off")
    for ax, (effects, title) in zip(axes[0], parts, strict=False):
        _heat(ax, effects, title)
    figure.suptitle("Effect of one standard error of each target, in standard errors of the row")
    return figure


def _limit(ax: Axes, values: Sequence[float], row: dict[str, float]) -> None:
    """Show the plausible range and what was found; an interval that goes on far beyond is cut at the frame."""
    low, high = min(values), max(values)
    room = high - low or abs(high) or 1.0
    ends = max(row["conf_low"], low - room), min(row["conf_high"], high + room)
    inside = [end for end in ends if math.isfinite(end)]
    low, high = min(low, *inside, low), max(high, *inside, high)
    ax.set_xlim(low - _ROOM * room, high + _ROOM * room)


def _one_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    named: dict[str, Any] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    figure.legend(
        list(named.values()),
        list(named),
        loc="outside lower center",
        ncols=len(named),
        frameon=False,
        fontsize=8,
    )


def _heat(ax: Axes, effects: Sensitivity, title: str) -> None:
    share = effects.per_std_error / np.sqrt(effects.row_variance)[:, None]
    share = np.where(np.abs(share) < _NOTHING, 0.0, share)
    ax.imshow(share, cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(share):
        ax.text(
            j,
            i,
            f"{value:+.2f}" if value else "0",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if abs(value) > _DARK else "black",
        )
    ax.set_xticks(range(len(effects.moments)), effects.moments)
    ax.set_yticks(
        range(len(effects.rows)),
        ["ΔGini" if r == DELTA_GINI else symbol(r).symbol for r in effects.rows],
    )
    ax.axhline(len(effects.rows) - 1.5, color="black", lw=1)
    ax.set_xlabel("moment", fontsize=9)
    ax.set_title(title, fontsize=11)
