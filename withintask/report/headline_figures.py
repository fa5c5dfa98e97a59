"""Figures of the headline page. Red: ΔGini > 0, AI concentrates; blue: ΔGini < 0, AI equalizes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure

from withintask.panel.notation import symbol
from withintask.tests_of_model.evidence.claims import Claim
from withintask.tests_of_model.evidence.headline import Headline
from withintask.tests_of_model.moments.sensitivity import DELTA_GINI, Sensitivity

RISES, FALLS, NEUTRAL, FAINT = "#b2182b", "#2166ac", "#444444", "#bbbbbb"
_FIRST, _SECOND = "#222222", "#d97706"
_SIGNED = LinearSegmentedColormap.from_list(
    "signed", [(0, "#053061"), (0.5, "#9ecae1"), (0.5, "#f4a582"), (1, "#67001f")]
)
"""Breaks at zero, so that the sign can be read off however small the change."""
_BOX_NAMES = {"search": "wide search bounds", "plausible": "plausible ranges"}
_BOX_COLORS = {"search": "#7b3294", "plausible": "#008837"}

Axes = Any


def figures(found: Headline) -> dict[str, Figure]:
    """Draw every figure of the page, by name."""
    drawn = {
        "sensitivity": _sensitivity(found),
        "sign_set": _sign_set(found),
        "ranges": _ranges(found),
        "sixth_moment": _sixth_moment(found),
        "scenarios": _scenarios(found),
    }
    return drawn | {f"claim_{claim.name}": _claim(claim) for claim in found.claims}


def _figure(
    n_rows: int = 1, n_columns: int = 1, *, width: float = 10, height: float = 4
) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def _sensitivity(found: Headline) -> Figure:
    parts = [
        (one, title)
        for one, title in (
            (found.with_gini, "m1–m6, all six parameters"),
            (found.given_sharing, "m1–m5, ξ given"),
        )
        if one is not None
    ]
    figure, axes = _figure(1, max(len(parts), 1), width=11.5, height=4.4)
    if not parts:
        axes[0, 0].text(
            0.5, 0.5, "a parameter lies at its bound: no derivative exists", ha="center"
        )
        axes[0, 0].axis("off")
    for ax, (one, title) in zip(axes[0], parts, strict=False):
        _heat(ax, one, title)
    figure.suptitle("Effect of one standard error of each target, in standard errors of the row")
    return figure


def _heat(ax: Axes, one: Sensitivity, title: str) -> None:
    share = one.per_std_error / np.sqrt(one.row_variance)[:, None]
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
    ax.set_xticks(range(len(one.moments)), one.moments)
    ax.set_yticks(
        range(len(one.rows)), ["ΔGini" if r == DELTA_GINI else symbol(r).symbol for r in one.rows]
    )
    ax.axhline(len(one.rows) - 1.5, color="black", lw=1)
    ax.set_title(title, fontsize=11)


_NOTHING, _DARK, _PALE = 5e-3, 0.7, 0.3


def _sign_set(found: Headline) -> Figure:
    sizes = found.sets.cloud["n_workers"].unique().sort().to_list()
    shown = (
        sizes
        if len(sizes) <= 4
        else [sizes[0], *[sizes[round(k * (len(sizes) - 1) / 3)] for k in (1, 2)], sizes[-1]]
    )
    figure, axes = _figure(1, len(shown), width=12.5, height=4.1)
    cloud, curve, params = found.sets.cloud, found.sets.curve, found.fit.params
    largest = float(np.quantile(np.abs(cloud["delta_gini_income"].to_numpy()), 0.9))
    norm, painted = Normalize(-largest, largest), None
    proprietary = cloud["proprietary"].to_numpy()
    limits = proprietary.min() / 1.3, proprietary.max() * 1.3
    for ax, size in zip(axes[0], shown, strict=True):
        own = cloud.filter(pl.col("n_workers") == size)
        gini = own["delta_gini_income"].to_numpy()
        painted = ax.scatter(
            own["proprietary"],
            own["rent_sharing"],
            c=gini,
            s=9,
            cmap=_SIGNED,
            norm=norm,
            linewidths=0,
        )
        ax.plot(curve["proprietary"], curve["rent_sharing"], color="black", lw=1)
        ax.plot(params.proprietary, params.rent_sharing, "o", mfc="white", mec="black", ms=7)
        ax.set(xscale="log", xlim=limits, ylim=(0, 1))
        ax.set(xlabel="η1, proprietary AI")
        low, high = _widest(found.sets.ranges, size)
        ax.set_title(f"{size:,.0f} workers\nΔGini {low:+.4f} to {high:+.4f}", fontsize=10)
    axes[0, 0].set_ylabel("ξ, rent sharing")
    assert painted is not None
    figure.colorbar(painted, ax=axes[0].tolist(), label="ΔGini of income", extend="both", pad=0.01)
    return figure


def _widest(ranges: pl.DataFrame, size: float) -> tuple[float, float]:
    """Range of ΔGini with m1 to m5 at a size, over the widest bounds that were searched."""
    own = ranges.filter((pl.col("n_moments") == 5) & (pl.col("n_workers") == size))
    return own.select(pl.col("low").min(), pl.col("high").max()).row(0)


def _ranges(found: Headline) -> Figure:
    ranges = found.sets.ranges.filter(pl.col("n_moments") == 5).sort("n_workers")
    figure, axes = _figure(1, 2, width=11.5, height=4.2)
    truth = found.fit.best.moments[-1]
    for ax in axes[0]:
        for k, box in enumerate(ranges["box"].unique(maintain_order=True)):
            own = ranges.filter(pl.col("box") == box)
            shift = 1.08 ** (2 * k - 1)
            x = own["n_workers"].to_numpy() * shift
            ax.vlines(
                x,
                own["low"],
                own["high"],
                color=_BOX_COLORS[box],
                lw=5,
                alpha=0.75,
                label=_BOX_NAMES[box],
            )
        ax.axhline(0, color="black", lw=0.8)
        ax.axhline(truth, color=NEUTRAL, lw=1, ls=":", label="the fitted model")
        curve = found.sets.curve["delta_gini_income"]
        ax.axhspan(
            curve.min(), curve.max(), color=FAINT, alpha=0.35, lw=0, label="matches m1–m5 exactly"
        )
        ax.set(
            xscale="log",
            xlabel="workers in the linked panel (firms, occupations, postings in proportion)",
        )
    for row in found.sets.threshold.iter_rows(named=True):
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
    axes[0, 0].legend(fontsize=8, loc="upper right")
    return figure


def _sixth_moment(found: Headline) -> Figure:
    ranges = found.sets.ranges.filter(pl.col("box") == "plausible").sort("n_workers")
    figure, axes = _figure(width=8, height=3.8)
    ax = axes[0, 0]
    for k, (count, name, color) in enumerate(((5, "m1–m5", FAINT), (6, "m1–m5 and m6", _FIRST))):
        own = ranges.filter(pl.col("n_moments") == count)
        x = own["n_workers"].to_numpy() * 1.1 ** (2 * k - 1)
        low, high = own["low"].to_numpy(), own["high"].to_numpy()
        half = (high - low) / 2
        ax.errorbar(x, low + half, half, fmt="none", ecolor=color, lw=4, capsize=6, label=name)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(
        xscale="log",
        xlabel="workers in the panel, and people in the income sample",
        ylabel="ΔGini of income",
    )
    ax.legend(fontsize=9)
    return figure


def _scenarios(found: Headline) -> Figure:
    table = found.scenarios
    sharings = table["rent_sharing"].unique().sort().to_list()
    figure, axes = _figure(1, len(sharings), width=3.9 * max(len(sharings), 2), height=3.6)
    limit = 1.1 * float(np.abs(table["delta_gini_income"].to_numpy()).max())
    for ax, sharing in zip(axes[0], sharings, strict=True):
        own = table.filter(pl.col("rent_sharing") == sharing).sort("delta_gini_income")
        gini, near = own["delta_gini_income"].to_numpy(), own["is_near"].to_numpy()
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


def _claim(claim: Claim) -> Figure:
    figure, axes = _figure(
        1, 2 if claim.name in _TWO else 1, width=8.6 if claim.name in _TWO else 5.6, height=3.1
    )
    _DRAW[claim.name](axes[0], claim.evidence)
    for ax in axes[0]:
        ax.axhline(0, color="black", lw=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def _compression_with_concentration(axes: Axes, table: pl.DataFrame) -> None:
    axes[0].plot(table["ai_floor"], table["delta_log_cv"], color=_FIRST)
    axes[0].set(xlabel="α, AI floor", ylabel="Δ ln CV within tasks")
    axes[1].plot(table["ai_floor"], table["delta_gini_income"], color=_FIRST, label="income")
    axes[1].plot(table["ai_floor"], table["delta_gini_pay"], color=_SECOND, label="pay")
    axes[1].set(xlabel="α, AI floor", ylabel="ΔGini")
    axes[1].legend(fontsize=8)


def _technology_structure(axes: Axes, table: pl.DataFrame) -> None:
    _signed(axes[0], table["proprietary_share"].to_numpy(), table["delta_gini_income"].to_numpy())
    axes[0].set(xlabel="η1/(η0+η1), share of proprietary AI", ylabel="ΔGini of income")


def _compression(axes: Axes, table: pl.DataFrame) -> None:
    axes[0].plot(
        table["task_substitution"], table["delta_log_cv"], color=_FIRST, label="Δ ln CV (m1)"
    )
    axes[0].plot(
        table["task_substitution"],
        table["ability_gradient"],
        color=_SECOND,
        ls="--",
        label="ability gradient (m2)",
    )
    axes[0].set(xlabel="ρ, substitution of skill and AI", ylabel="Δ ln CV, coefficient on ln θ")
    axes[0].axvline(0, color=FAINT, lw=0.8)
    axes[0].legend(fontsize=8)


def _credentials(axes: Axes, table: pl.DataFrame) -> None:
    axes[0].plot(table["task_substitution"], table["delta_credential"], color=_FIRST)
    axes[0].axvline(0, color=FAINT, lw=0.8)
    axes[0].set(
        xlabel="ρ, substitution of skill and AI",
        ylabel="ΔPr(credential), exposed\nless unexposed (m4)",
    )


def _returns_to_education(axes: Axes, table: pl.DataFrame) -> None:
    names = {
        "delta_return_cog": ("cognitive, level", _FIRST, "-"),
        "delta_log_return_cog": ("cognitive, log", _FIRST, "--"),
        "delta_return_soc": ("social, level", _SECOND, "-"),
        "delta_log_return_soc": ("social, log", _SECOND, "--"),
    }
    for name, (label, color, style) in names.items():
        axes[0].plot(table["substitution"], table[name], color=color, ls=style, label=label)
    axes[0].set(ylabel="change of the return per year")
    axes[0].legend(fontsize=8)
    axes[1].plot(
        table["substitution"],
        table["exposed_price_log"],
        color=_FIRST,
        label="log price of exposed tasks",
    )
    axes[1].plot(
        table["substitution"],
        table["delta_exposed_expenditure"],
        color=_SECOND,
        label="Δ their expenditure share",
    )
    axes[1].legend(fontsize=8)
    for ax in axes:
        ax.set(xscale="log", xlabel="σ, substitution across tasks")
        ax.set_xticks([0.3, 1, 3, 8], ["0.3", "1", "3", "8"])
        ax.minorticks_off()
        ax.axvline(1, color=FAINT, lw=0.8)


def _rent_sharing(axes: Axes, table: pl.DataFrame) -> None:
    for ax, share in zip(
        axes, table["proprietary_share"].unique(maintain_order=True), strict=False
    ):
        own = table.filter(pl.col("proprietary_share") == share)
        ax.plot(own["rent_sharing"], own["delta_gini_income"], color=_FIRST, label="income")
        ax.plot(own["rent_sharing"], own["delta_gini_pay"], color=_SECOND, label="pay")
        ax.set(xlabel="ξ, rent sharing", ylabel="ΔGini")
        ax.set_title(f"proprietary share {share:.2f}", fontsize=10)
        ax.legend(fontsize=8)


def _between_firm_dispersion(axes: Axes, table: pl.DataFrame) -> None:
    labels = [
        f"η1 {'high' if p == table['proprietary'].max() else 'low'}\nξ {'high' if x == table['rent_sharing'].max() else 'low'}"
        for p, x in table.select("proprietary", "rent_sharing").iter_rows()
    ]
    axes[0].bar(labels, table["delta_between_variance"], color=_FIRST)
    axes[0].set_title("ΔV_b: depends on η1 and ξ", fontsize=10)
    axes[1].bar(labels, table["delta_log_between_variance"], color=_FIRST)
    axes[1].set_title("Δ ln V_b: depends on η1 alone", fontsize=10)


def _between_share(axes: Axes, table: pl.DataFrame) -> None:
    axes[0].plot(
        table["proprietary_share"],
        table["delta_between_share"],
        color=_FIRST,
        label="Δ share between firms",
    )
    axes[1].plot(
        table["proprietary_share"],
        table["delta_between_variance"],
        color=_FIRST,
        label="ΔV_b between",
    )
    axes[1].plot(
        table["proprietary_share"],
        table["delta_within_variance"],
        color=_SECOND,
        label="ΔV_w within",
    )
    for ax, unit in zip(
        axes, ("change of the share", "change of the variance of log pay"), strict=True
    ):
        ax.set(xlabel="η1/(η0+η1), share of proprietary AI", ylabel=unit)
        ax.legend(fontsize=8)


def _asset_concentration(axes: Axes, table: pl.DataFrame) -> None:
    names = {
        "asset_gini": ("of complementary assets, Gini(K)", _SECOND),
        "own_gini": ("of ownership, Gini(ω)", _FIRST),
    }
    for name, (label, color) in names.items():
        own = table.filter(pl.col("moved") == name)
        axes[0].plot(own["gini"], own["boundary"], "o-", color=color, label=label, ms=4)
    axes[0].set(xlabel="concentration", ylabel="boundary in η1/(η0+η1)", ylim=(0, 1))
    axes[0].legend(fontsize=8)


def _signed(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    ax.plot(x, y, color=NEUTRAL)
    ax.fill_between(x, y, 0, where=(y > 0).tolist(), color=RISES, alpha=0.3, interpolate=True, lw=0)
    ax.fill_between(x, y, 0, where=(y < 0).tolist(), color=FALLS, alpha=0.3, interpolate=True, lw=0)


_TWO = {
    "compression_with_concentration",
    "returns_to_education",
    "rent_sharing",
    "between_firm_dispersion",
    "between_share",
}
_DRAW: Mapping[str, Callable[[Axes, pl.DataFrame], None]] = {
    "compression_with_concentration": _compression_with_concentration,
    "technology_structure": _technology_structure,
    "compression": _compression,
    "credentials": _credentials,
    "returns_to_education": _returns_to_education,
    "rent_sharing": _rent_sharing,
    "between_firm_dispersion": _between_firm_dispersion,
    "between_share": _between_share,
    "asset_concentration": _asset_concentration,
}
