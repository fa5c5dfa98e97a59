"""Figures of the sign of ΔGini: by panel size, and what a further measurement is worth."""

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from withintask.report.style import FAINT, FALLS, NEUTRAL, RISES, new_figure


def draw_sizes(sizes: pl.DataFrame) -> Figure:
    """Draw the profile set and the 90 percent interval of ΔGini of income at each panel size.

    Parameters
    ----------
    sizes
        Table ``sizes`` of :func:`withintask.sign`.
    """
    figure, axes = new_figure(width=7, height=1.6 + 0.7 * sizes.height)
    ax = axes[0, 0]
    for place, row in enumerate(sizes.iter_rows(named=True)):
        ax.plot([row["profile_low"], row["profile_high"]], [place, place], color=FAINT, lw=7)
        ax.plot([row["income_low"], row["income_high"]], [place, place], color=NEUTRAL, lw=2.5)
        is_rising = row["income_median"] > 0
        ax.plot(row["income_median"], place, "o", color=RISES if is_rising else FALLS)
        words = f"P(rises) {row['income_rises']:.2f}"
        ax.annotate(words, (row["profile_high"], place), (6, -4), textcoords="offset points")
    ax.axvline(0, color=NEUTRAL, lw=0.8, ls="--")
    ax.set_yticks(range(sizes.height), [f"{size:g} ×" for size in sizes["size"]])
    ax.set_ylim(sizes.height - 1 / 2, -1 / 2)
    ax.margins(x=0.25)
    ax.set(xlabel="ΔGini of income", ylabel="panel size")
    ax.set_title("pale: 95 % profile set; dark: 90 % interval, with its median", fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def draw_values(values: pl.DataFrame) -> Figure:
    """Draw by how many bits a further measurement is expected to lower the entropy of the sign, with its Monte-Carlo error.

    Parameters
    ----------
    values
        Table ``values`` of :func:`withintask.sign`.
    """
    rows = values.sort("fall", descending=True)
    figure, axes = new_figure(width=7, height=1.4 + 0.32 * rows.height)
    ax, places = axes[0, 0], np.arange(rows.height)
    ax.barh(places, rows["fall"], xerr=rows["mc_error"], color=FAINT, ecolor=NEUTRAL)
    ax.set_yticks(places, [str(name).replace("_", " ") for name in rows["measurement"]])
    ax.invert_yaxis()
    ax.axvline(rows["entropy_before"][0], color=NEUTRAL, lw=0.8, ls="--")
    ax.set(xlabel="expected fall of the entropy of the sign, bits; dashed: all of it")
    ax.spines[["top", "right"]].set_visible(False)
    return figure
