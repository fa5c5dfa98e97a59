"""Regimes of AI and inequality: maps, boundaries, rent sharing and policies, as figures and tables."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from withintask.panel.atomic import save, save_text
from withintask.panel.escape import save_csv
from withintask.report.regime_page import regime_page
from withintask.report.style import save_figure
from withintask.report.terminal import print_rows
from withintask.sim.params import Params, load_params
from withintask.sim.regime import MEASURES, RegimeMap, axis_label
from withintask.tests_of_model.evidence.regimes import (
    boundaries,
    map_points,
    policies,
    regime_maps,
    rent_sharing_effects,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_BANDS = 12
"""Colours on either side of no change."""
_PALETTE = "RdBu_r"
_LINES = ("#4c78a8", "#72b7b2", "#e3a23c", "#c8553d")


def run_regime(out: Path, *, n_values: int = 21) -> dict[str, pl.DataFrame]:
    """Write the maps, the effect of rent sharing, boundaries and policies, and print the tables.

    Parameters
    ----------
    out
        Folder of ``map_*.svg``, ``rent_sharing.svg``, ``policies.svg`` and of each table as Parquet and CSV.
    n_values
        Values on each axis.

    Returns
    -------
    dict
        Table name to table: ``maps``, ``rent_sharing``, ``boundaries``, ``policies``.
    """
    params = load_params()
    maps = regime_maps(params, n_values)
    tables = {
        "maps": map_points(maps),
        "rent_sharing": rent_sharing_effects(params, n_values),
        "boundaries": boundaries(params),
        "policies": policies(params),
    }
    for axis, drawn in maps.items():
        save_figure(draw_map(drawn, params), out / f"map_{axis}.svg")
    save_figure(draw_rent_sharing(tables["rent_sharing"]), out / "rent_sharing.svg")
    save_figure(draw_policies(tables["policies"]), out / "policies.svg")
    for name, table in tables.items():
        save(out / f"{name}.parquet", table.write_parquet)
        save_csv(out / f"{name}.csv", table)
    command = f"withintask regime --out {out}"
    save_text(out / "index.html", regime_page(tables, tuple(maps), command=command))
    for drawn in maps.values():
        _print_map(drawn)
    _print(tables)
    print(
        f"{out}: index.html, {', '.join(f'map_{a}.svg' for a in maps)}, rent_sharing.svg, policies.svg, tables"
    )
    return tables


def draw_map(regimes: RegimeMap, params: Params) -> Figure:
    """Draw income and pay side by side, with the boundary as a line and the baseline as a point."""
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    limit = max(float(np.abs(regimes.grid(m)[2]).max()) for m in MEASURES)
    levels = np.linspace(-limit, limit, 2 * _N_BANDS + 1)
    for measure, ax in zip(MEASURES, axes, strict=True):
        x, y, change = regimes.grid(measure)
        bands = ax.contourf(x, y, change, levels=levels, cmap=_PALETTE)
        if change.min() < 0 < change.max():
            ax.contour(x, y, change, levels=[0.0], colors="black", linewidths=2)
        ax.plot(
            params.proprietary / (params.commodity + params.proprietary),
            getattr(params, regimes.y),
            "o", color="black", markerfacecolor="white", markersize=8,
        )  # fmt: skip
        ax.set(title=f"ΔGini of {measure}", xlabel=axis_label(regimes.x))
    axes[0].set_ylabel(axis_label(regimes.y))
    bar = figure.colorbar(
        bands, ax=axes, label="blue: AI equalizes     red: AI concentrates", shrink=0.9
    )
    bar.set_ticks(MaxNLocator(7, symmetric=True).tick_values(-limit, limit)[1:-1])
    figure.suptitle(
        "Change in the Gini that AI brings. Line: boundary of the regimes. Circle: baseline.",
        fontsize=10,
    )
    return figure


def draw_rent_sharing(effects: pl.DataFrame) -> Figure:
    """Draw what rent sharing does to both measures, one line a share of proprietary AI."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for measure, ax in zip(MEASURES, axes, strict=True):
        parts = effects.group_by("proprietary_share", maintain_order=True)
        for ((share,), rows), color in zip(parts, _LINES, strict=False):
            ax.plot(rows["rent_sharing"], rows[f"delta_gini_{measure}"], color=color, lw=2)
            _label_line(ax, rows, measure, f"{float(str(share)):.2f}", color)
        ax.axhline(0, color="black", lw=1)
        ax.set(title=f"ΔGini of {measure}", xlabel="ξ, elasticity of pay to rents", xlim=(0, 1.12))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("change in Gini that AI brings")
    figure.suptitle("Numbers at the lines: share of proprietary AI, η1/(η0+η1)", fontsize=10)
    return figure


def draw_policies(effects: pl.DataFrame) -> Figure:
    """Draw the change in both measures without, with each, and with all policies."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    ax = figure.subplots()
    place = np.arange(effects.height)[::-1]
    for shift, measure, color in ((0.18, "income", _LINES[3]), (-0.18, "pay", _LINES[0])):
        bars = ax.barh(
            place + shift, effects[f"delta_gini_{measure}"], 0.34, color=color, label=measure
        )
        ax.bar_label(bars, fmt="%+.5f", padding=3, fontsize=8)
    ax.margins(x=0.12)
    ax.axvline(0, color="black", lw=1)
    ax.set_yticks(place, [name.replace("_", " ") for name in effects["policy"]])
    ax.set_xlabel("change in Gini that AI brings")
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside upper right", ncols=2)
    return figure


def _label_line(ax: "Axes", rows: pl.DataFrame, measure: str, text: str, color: str) -> None:
    ax.text(1.01, rows[f"delta_gini_{measure}"][-1], text, color=color, va="center", fontsize=9)


def _print_map(regimes: RegimeMap) -> None:
    """Print the sign of both measures over the map, the largest value of its second axis on top."""
    x, y, _ = regimes.grid(MEASURES[0])
    signs = [np.where(regimes.grid(m)[2] > 0, "+", "-")[::-1] for m in MEASURES]
    rows = [
        (f"{value:.2f}", *("".join(sign[row]) for sign in signs))
        for row, value in enumerate(y[::-1])
    ]
    print_rows(
        (regimes.y, *MEASURES),
        rows,
        title=f"+ AI concentrates, - AI equalizes; to the right, {regimes.x} from {x[0]:g} to {x[-1]:g}",
    )


def _print(tables: dict[str, pl.DataFrame]) -> None:
    print_rows(
        ("setting", "boundary in η1/(η0+η1)", "quadrature s.e."),
        [(s, f"{b:.4f}", f"{e:.4f}") for s, b, e in tables["boundaries"].iter_rows()],
        title="Share of proprietary AI at which ΔGini(income) = 0",
    )
    columns = ("delta_gini_income", "effect_income", "delta_gini_pay", "effect_pay")
    print_rows(
        (
            "policy",
            "ΔGini(income)",
            "effect",
            "ΔGini(pay)",
            "effect",
            "s.e.",
            "regime",
            "what it is",
        ),
        [
            (
                r["policy"],
                *(f"{r[c]:+.5f}" for c in columns),
                f"{r['quadrature_se']:.1e}",
                r["regime"],
                r["summary"],
            )
            for r in tables["policies"].iter_rows(named=True)
        ],
        title="What AI does to inequality under each policy",
    )
