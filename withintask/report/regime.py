"""Regimes of AI and inequality: maps, boundaries, rent sharing and policies, as figures and tables."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import polars.selectors as cs

from withintask.panel.atomic import save
from withintask.report.tables import print_rows
from withintask.sim.params import Params, load_params, vary
from withintask.sim.policies import load_policies, policy_effects
from withintask.sim.regime import (
    MEASURES,
    PROPRIETARY_SHARE,
    RegimeMap,
    axis_label,
    axis_range,
    boundary,
    change_axis,
    regime,
    regime_map,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAPS = ("rent_sharing", "own_gini", "asset_gini")
"""Second axes of the maps; the first is the share of proprietary AI."""
_SHARES = (0.25, 0.5, 0.75, 1.0)
_BOUNDARIES: tuple[dict[str, float], ...] = (
    {},
    {"rent_sharing": 0.05},
    {"rent_sharing": 0.40},
    {"own_gini": 0.60},
    {"own_gini": 0.90},
    {"asset_gini": 0.40},
    {"asset_gini": 0.90},
)
_FULL_RANGE = ("rent_sharing",)
"""Axes shown over their whole domain [0, 1], since their effect turns outside the plausible range."""
_SCRAMBLES = 4
_N_BANDS = 12
"""Colours on either side of no change."""
_PALETTE = "RdBu_r"
_LINES = ("#4c78a8", "#72b7b2", "#e3a23c", "#c8553d")


def run_regime(out: Path, *, n_values: int = 21) -> dict[str, pl.DataFrame]:
    """Write the maps, the effect of rent sharing, boundaries and policies, and print the tables.

    Parameters
    ----------
    out
        Folder of ``map_*.png``, ``rent_sharing.png``, ``policies.png`` and of each table as Parquet and CSV.
    n_values
        Values on each axis.

    Returns
    -------
    dict
        Table name to table: ``maps``, ``rent_sharing``, ``boundaries``, ``policies``.
    """
    params = load_params()
    maps = {axis: _map(params, axis, n_values) for axis in MAPS}
    tables = {
        "maps": pl.concat(
            m.points.select(pl.lit(m.x).alias("x_axis"), pl.lit(m.y).alias("y_axis"), pl.all())
            for m in maps.values()
        ),
        "rent_sharing": rent_sharing_effects(params, n_values),
        "boundaries": boundaries(params),
        "policies": policies(params),
    }
    for axis, found in maps.items():
        save(out / f"map_{axis}.png", partial(_draw_map_at, found, params))
    save(out / "rent_sharing.png", lambda path: draw_rent_sharing(tables["rent_sharing"], path))
    save(out / "policies.png", lambda path: draw_policies(tables["policies"], path))
    for name, table in tables.items():
        save(out / f"{name}.parquet", table.write_parquet)
        save(out / f"{name}.csv", table.write_csv)
    for found in maps.values():
        _print_map(found)
    _print(tables)
    print(
        f"{out}: {', '.join(f'map_{a}.png' for a in maps)}, rent_sharing.png, policies.png, tables"
    )
    return tables


def boundaries(params: Params) -> pl.DataFrame:
    """Boundary in the share of proprietary AI at some settings, with its quadrature error.

    Returns
    -------
    polars.DataFrame
        ``setting, boundary, quadrature_se``: the mean over scrambles and its standard error.
    """
    rows = []
    for changes in _BOUNDARIES:
        variant = vary(params, **changes)
        found = [boundary(variant, along=PROPRIETARY_SHARE, scramble=s) for s in range(_SCRAMBLES)]
        setting = ", ".join(f"{name} = {value:g}" for name, value in changes.items()) or "baseline"
        rows.append(
            {
                "setting": setting,
                "boundary": float(np.mean(found)),
                "quadrature_se": float(np.std(found, ddof=1) / np.sqrt(len(found))),
            }
        )
    return pl.DataFrame(rows)


def policies(params: Params) -> pl.DataFrame:
    """What AI does to both measures under each policy, with its quadrature error.

    Returns
    -------
    polars.DataFrame
        Columns of :func:`withintask.sim.policies.policy_effects`, means over scrambles of the population, and
        ``quadrature_se``, the standard error of `delta_gini_income`. The regime is ``undecided`` within
        twice that error of zero.
    """
    levers = load_policies()
    runs = [policy_effects(params, levers, scramble=s) for s in range(_SCRAMBLES)]
    income = pl.col("delta_gini_income")
    error = income.std() / _SCRAMBLES**0.5
    mean = (
        pl.concat(runs)
        .group_by("policy", "summary", maintain_order=True)
        .agg(cs.numeric().mean(), error.alias("quadrature_se"))
    )
    return mean.with_columns(
        pl.when(income.abs() <= 2 * pl.col("quadrature_se"))
        .then(pl.lit("undecided"))
        .when(income > 0)
        .then(pl.lit("concentrating"))
        .otherwise(pl.lit("equalizing"))
        .alias("regime")
    )


def rent_sharing_effects(params: Params, n_values: int) -> pl.DataFrame:
    """Both measures over rent sharing in [0, 1], at some shares of proprietary AI."""
    rows = []
    for share in _SHARES:
        for sharing in np.linspace(0, 1, n_values):
            found = regime(
                vary(change_axis(params, PROPRIETARY_SHARE, share), rent_sharing=float(sharing))
            )
            rows.append(
                {
                    "proprietary_share": share,
                    "rent_sharing": float(sharing),
                    "delta_gini_income": found.delta_gini_income,
                    "delta_gini_pay": found.delta_gini_pay,
                }
            )
    return pl.DataFrame(rows)


def draw_map(found: RegimeMap, params: Params, path: Path) -> None:
    """Draw income and pay side by side, with the boundary as a line and the baseline as a point."""
    plt = _pyplot()
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained", sharey=True)
    limit = max(float(np.abs(found.grid(m)[2]).max()) for m in MEASURES)
    levels = np.linspace(-limit, limit, 2 * _N_BANDS + 1)
    for measure, ax in zip(MEASURES, axes, strict=True):
        x, y, change = found.grid(measure)
        bands = ax.contourf(x, y, change, levels=levels, cmap=_PALETTE)
        if change.min() < 0 < change.max():
            ax.contour(x, y, change, levels=[0.0], colors="black", linewidths=2)
        ax.plot(
            params.proprietary / (params.commodity + params.proprietary),
            getattr(params, found.y),
            "o", color="black", markerfacecolor="white", markersize=8,
        )  # fmt: skip
        ax.set(title=f"ΔGini of {measure}", xlabel=axis_label(found.x))
    axes[0].set_ylabel(axis_label(found.y))
    bar = figure.colorbar(
        bands, ax=axes, label="blue: AI equalizes     red: AI concentrates", shrink=0.9
    )
    bar.set_ticks(MaxNLocator(7, symmetric=True).tick_values(-limit, limit)[1:-1])
    figure.suptitle(
        "Change in the Gini that AI brings. Line: boundary of the regimes. Circle: baseline.",
        fontsize=10,
    )
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_rent_sharing(effects: pl.DataFrame, path: Path) -> None:
    """Draw what rent sharing does to both measures, one line a share of proprietary AI."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
    for measure, ax in zip(MEASURES, axes, strict=True):
        for (share,), rows in effects.group_by("proprietary_share", maintain_order=True):
            color = _LINES[_SHARES.index(float(str(share)))]
            ax.plot(rows["rent_sharing"], rows[f"delta_gini_{measure}"], color=color, lw=2)
            _label_line(ax, rows, measure, f"{float(str(share)):.2f}", color)
        ax.axhline(0, color="black", lw=1)
        ax.set(title=f"ΔGini of {measure}", xlabel="ξ, elasticity of pay to rents", xlim=(0, 1.12))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("change in Gini that AI brings")
    figure.suptitle("Numbers at the lines: share of proprietary AI, η1/(η0+η1)", fontsize=10)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_policies(effects: pl.DataFrame, path: Path) -> None:
    """Draw the change in both measures without, with each, and with all policies."""
    plt = _pyplot()
    figure, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
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
    ax.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _draw_map_at(found: RegimeMap, params: Params, path: Path) -> None:
    draw_map(found, params, path)


def _map(params: Params, axis: str, n_values: int) -> RegimeMap:
    x_low, x_high = axis_range(PROPRIETARY_SHARE)
    y_low, y_high = (0.0, 1.0) if axis in _FULL_RANGE else axis_range(axis)
    return regime_map(
        params,
        x=PROPRIETARY_SHARE,
        y=axis,
        x_values=np.linspace(x_low, x_high, n_values).tolist(),
        y_values=np.linspace(y_low, y_high, n_values).tolist(),
    )


def _label_line(ax: "Axes", rows: pl.DataFrame, measure: str, text: str, color: str) -> None:
    ax.text(1.01, rows[f"delta_gini_{measure}"][-1], text, color=color, va="center", fontsize=9)


def _print_map(found: RegimeMap) -> None:
    """Print the sign of both measures over the map, the largest value of its second axis on top."""
    x, y, _ = found.grid(MEASURES[0])
    signs = [np.where(found.grid(m)[2] > 0, "+", "-")[::-1] for m in MEASURES]
    rows = [
        (f"{value:.2f}", *("".join(sign[row]) for sign in signs))
        for row, value in enumerate(y[::-1])
    ]
    print_rows(
        (found.y, *MEASURES),
        rows,
        title=f"+ AI concentrates, - AI equalizes; to the right, {found.x} from {x[0]:g} to {x[-1]:g}",
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


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt
