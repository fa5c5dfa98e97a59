"""Figures of the headline page."""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure

from withintask.report.claims import draw_claim
from withintask.report.fit_figures import sensitivity_figure
from withintask.report.style import (
    FAINT,
    FALLS,
    FIRST,
    NEUTRAL,
    RISES,
    SIGNED,
    legends_outside,
    new_figure,
)
from withintask.tests_of_model.evidence.headline import Headline

_BOX_NAMES = {"search": "wide search bounds", "plausible": "plausible ranges"}
_BOX_COLORS = {"search": "#7b3294", "plausible": "#008837"}


def figures(page: Headline) -> dict[str, Figure]:
    """Draw every figure of the page, by name."""
    return {name: draw(page, name) for name in figure_names(page)}


def figure_names(page: Headline) -> tuple[str, ...]:
    """Name the figures of the page."""
    return (*_DRAWN, *(f"claim_{claim.name}" for claim in page.claims))


def draw(page: Headline, name: str) -> Figure:
    """Draw one figure of the page."""
    if name in _DRAWN:
        return _DRAWN[name](page)
    return next(draw_claim(claim) for claim in page.claims if name == f"claim_{claim.name}")


def _sensitivity(page: Headline) -> Figure:
    named = (
        (page.with_gini, "m1–m6, all six parameters"),
        (page.given_sharing, "m1–m5, ξ given"),
    )
    return sensitivity_figure([(effects, title) for effects, title in named if effects is not None])


_PALE = 0.3
"""Opacity of combinations that the model does not come near."""


def _sign_set(page: Headline) -> Figure:
    sizes = page.sets.cloud["n_workers"].unique().sort().to_list()
    shown = (
        sizes
        if len(sizes) <= 4
        else [sizes[0], *[sizes[round(k * (len(sizes) - 1) / 3)] for k in (1, 2)], sizes[-1]]
    )
    figure, axes = new_figure(1, len(shown), width=12.5, height=4.1)
    cloud, curve, params = page.sets.cloud, page.sets.curve, page.fit.params
    largest = float(np.quantile(np.abs(cloud["delta_gini_income"].to_numpy()), 0.9))
    norm, painted = Normalize(-largest, largest), None
    proprietary = cloud["proprietary"].to_numpy()
    limits = proprietary.min() / 1.3, proprietary.max() * 1.3
    for ax, size in zip(axes[0], shown, strict=True):
        part = cloud.filter(pl.col("n_workers") == size)
        gini = part["delta_gini_income"].to_numpy()
        painted = ax.scatter(
            part["proprietary"],
            part["rent_sharing"],
            c=gini,
            s=9,
            cmap=SIGNED,
            norm=norm,
            linewidths=0,
            rasterized=True,
        )
        ax.plot(curve["proprietary"], curve["rent_sharing"], color="black", lw=1)
        ax.plot(params.proprietary, params.rent_sharing, "o", mfc="white", mec="black", ms=7)
        ax.set(xscale="log", xlim=limits, ylim=(0, 1))
        ax.set(xlabel="η1, proprietary AI")
        low, high = _widest(page.sets.ranges, size)
        ax.set_title(f"{size:,.0f} workers\nΔGini {low:+.4f} to {high:+.4f}", fontsize=10)
    axes[0, 0].set_ylabel("ξ, rent sharing")
    assert painted is not None
    figure.colorbar(painted, ax=axes[0].tolist(), label="ΔGini of income", extend="both", pad=0.01)
    return figure


def _widest(ranges: pl.DataFrame, size: float) -> tuple[float, float]:
    """Range of ΔGini with m1 to m5 at a size, over the widest bounds that were searched."""
    part = ranges.filter((pl.col("n_moments") == 5) & (pl.col("n_workers") == size))
    return part.select(pl.col("low").min(), pl.col("high").max()).row(0)


def _ranges(page: Headline) -> Figure:
    ranges = page.sets.ranges.filter(pl.col("n_moments") == 5).sort("n_workers")
    figure, axes = new_figure(1, 2, width=11.5, height=4.2)
    truth = page.fit.best.moments[-1]
    for ax in axes[0]:
        for k, box in enumerate(ranges["box"].unique(maintain_order=True)):
            part = ranges.filter(pl.col("box") == box)
            shift = 1.08 ** (2 * k - 1)
            x = part["n_workers"].to_numpy() * shift
            ax.vlines(
                x,
                part["low"],
                part["high"],
                color=_BOX_COLORS[box],
                lw=5,
                alpha=0.75,
                label=_BOX_NAMES[box],
            )
        ax.axhline(0, color="black", lw=0.8)
        ax.axhline(truth, color=NEUTRAL, lw=1, ls=":", label="the fitted model")
        curve = page.sets.curve["delta_gini_income"]
        ax.axhspan(
            curve.min(), curve.max(), color=FAINT, alpha=0.35, lw=0, label="matches m1–m5 exactly"
        )
        ax.set(
            xscale="log",
            xlabel="workers in the linked panel (firms, occupations, postings in proportion)",
        )
    for row in page.sets.threshold.iter_rows(named=True):
        if row["n_workers_below"] and row["n_workers_above"]:
            for ax in axes[0]:
                ax.axvline(
                    np.sqrt(row["n_workers_below"] * row["n_workers_above"]),
                    color=_BOX_COLORS[row["box"]],
                    lw=1,
                    ls="--",
                )
    axes[0, 0].set_ylabel("ΔGini of income consistent with m1–m5")
    axes[0, 0].set_title("Whole range", fontsize=11)
    axes[0, 1].set(ylim=(-0.03, 0.03))
    axes[0, 1].set_title("Around zero (dashed: from here on the sign is known)", fontsize=11)
    legends_outside(figure, n_columns=4)
    return figure


def _sixth_moment(page: Headline) -> Figure:
    ranges = page.sets.ranges.filter(pl.col("box") == "plausible").sort("n_workers")
    figure, axes = new_figure(width=8, height=3.8)
    ax = axes[0, 0]
    for k, (count, name, color) in enumerate(((5, "m1–m5", FAINT), (6, "m1–m5 and m6", FIRST))):
        part = ranges.filter(pl.col("n_moments") == count)
        x = part["n_workers"].to_numpy() * 1.1 ** (2 * k - 1)
        low, high = part["low"].to_numpy(), part["high"].to_numpy()
        half = (high - low) / 2
        ax.errorbar(x, low + half, half, fmt="none", ecolor=color, lw=4, capsize=6, label=name)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(
        xscale="log",
        xlabel="workers in the panel, and people in the income sample",
        ylabel="ΔGini of income",
    )
    legends_outside(figure)
    return figure


def _scenarios(page: Headline) -> Figure:
    table = page.scenarios
    sharings = table["rent_sharing"].unique().sort().to_list()
    figure, axes = new_figure(1, len(sharings), width=3.9 * max(len(sharings), 2), height=3.6)
    limit = 1.1 * float(np.abs(table["delta_gini_income"].to_numpy()).max())
    for ax, sharing in zip(axes[0], sharings, strict=True):
        part = table.filter(pl.col("rent_sharing") == sharing).sort("delta_gini_income")
        gini, near = part["delta_gini_income"].to_numpy(), part["is_near"].to_numpy()
        colors = [
            to_rgba(RISES if value > 0 else FALLS, 1.0 if is_near else _PALE)
            for value, is_near in zip(gini, near, strict=True)
        ]
        ax.barh(np.arange(gini.size), gini, color=colors)
        ax.axvline(0, color="black", lw=0.8)
        ax.set_xscale("symlog", linthresh=0.01)
        ax.set(xlim=(-limit, limit), yticks=[], xlabel="ΔGini of income")
        ax.set_xticks([-0.1, -0.01, 0, 0.01, 0.1], ["-.1", "-.01", "0", ".01", ".1"])
        ax.set_title(
            f"ξ = {sharing:g}: rises in {int((gini > 0).sum())} of {gini.size}", fontsize=10
        )
    axes[0, 0].set_ylabel("combinations of ends, sorted")
    return figure


_DRAWN: Mapping[str, Callable[[Headline], Figure]] = {
    "sensitivity": _sensitivity,
    "sign_set": _sign_set,
    "ranges": _ranges,
    "sixth_moment": _sixth_moment,
    "scenarios": _scenarios,
}
