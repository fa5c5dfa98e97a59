"""A fit of the model in words and tables: parameters, moments, roots, what is weakly identified."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.atomic import save
from withintask.panel.escape import save_csv
from withintask.report.terminal import print_rows
from withintask.tests_of_model.moments.errors import ProfileInterval, open_end
from withintask.tests_of_model.moments.fit import MsmFit
from withintask.tests_of_model.moments.indirect import BoundPanel
from withintask.tests_of_model.moments.panel_fit import PanelFit

_ROUNDING = 1e-6


def print_fit(
    fit: MsmFit, *, is_illustrative: bool, profiles: Sequence[ProfileInterval] = ()
) -> None:
    """Print targets beside the model's moments, then the parameters and what is known of them.

    Parameters
    ----------
    fit
        The fit.
    is_illustrative
        Whether the targets are assumed, which is said first.
    profiles
        Profile intervals that were asked for.
    """
    if is_illustrative:
        print("Illustrative targets: the result estimates nothing about the world.")
    moments = [
        (r["moment"], f"{r['target']:+.5g}", f"{r['std_error']:.3g}", f"{r['model']:+.5g}")
        for r in fit.moment_table().to_dicts()
    ]
    print_rows(("moment", "target", "std. error", "model"), moments)
    print_rows(
        ("", "parameter", "value", "std. error", "95% interval"),
        [_parameter(row) for row in fit.table().to_dicts()],
    )
    print(
        f"criterion {fit.best.objective:.3g}, {len(fit.roots)} distinct roots, condition number {fit.errors.condition_number:.0f}"
    )
    _print_identification(fit, has_profiles=bool(profiles))
    for interval in profiles:
        print("profile " + open_end(interval))


def print_binding(bound: BoundPanel) -> None:
    """Print a panel's estimates beside the moments at which simulated panels of its design give such estimates."""
    design = bound.binding.design
    print(
        f"design of the panel: {design.n_workers:,} workers, {design.n_firms:,} firms, output noise {design.output_noise:.3g}; "
        f"{bound.binding.n_panels} simulated panels"
    )
    rows = [
        (name, f"{raw:+.5g}", f"{at:+.5g}", f"{mean:+.5g}", f"{value:+.5g}", f"{error:.2g}")
        for name, raw, at, mean, value, error in zip(
            bound.target.names,
            bound.estimates,
            bound.binding.center,
            bound.binding.coefficients[0],
            bound.target.value,
            bound.target.std_error,
            strict=True,
        )
    ]
    header = (
        "moment",
        "estimate",
        "model at the start",
        "simulated panels give there",
        "freed of bias",
        "std. error",
    )
    print_rows(header, rows)


def print_panel_fit(ways: PanelFit) -> None:
    """Print parameters fitted to a panel's estimates as they are, by indirect inference, and as a posterior."""
    rows = []
    for row in ways.table().iter_rows(named=True):
        shown = [row["parameter"], f"{row['as_they_are']:.4g}", f"{row['indirect']:.4g}"]
        if ways.after is not None:
            ends = f"{row['posterior_low']:.4g} to {row['posterior_high']:.4g}"
            shown += [f"{row['posterior_median']:.4g}", ends]
        rows.append(tuple(shown))
    header = ("parameter", "estimates as they are", "by indirect inference", "posterior median")
    columns = (*header, "90 percent of the posterior")[: len(rows[0])]
    print_rows(columns, rows, title="Three ways to read the panel")
    print("the rest of this page is of indirect inference")


def write_fit(fit: MsmFit, out: Path) -> None:
    """Write parameters, moments and roots to a folder, as Parquet and CSV."""
    tables = {"parameters": fit.table(), "moments": fit.moment_table(), "roots": fit.root_table()}
    for name, table in tables.items():
        save_csv(out / f"{name}.csv", table)
        save(out / f"{name}.parquet", table.write_parquet)
    print(f"{out}: parameters, moments, roots, starts.json")


def print_sensitivity(table: pl.DataFrame) -> None:
    """Print the effect of one standard error of each moment on each parameter and on ΔGini."""
    wide = table.pivot("moment", index="symbol", values="per_std_error")
    rows = [[row[0], *(_effect(v, row[1:]) for v in row[1:])] for row in wide.rows()]
    print_rows(("one std. error of", *wide.columns[1:]), rows)


def _print_identification(fit: MsmFit, *, has_profiles: bool) -> None:
    for root in fit.root_table().filter("is_root").to_dicts():
        print("  root: " + ", ".join(f"{name} {root[name]:.4g}" for name in fit.names))
    errors = fit.errors
    if errors.j_dof > 0:
        print(f"J = {errors.j_statistic:.3g} on {errors.j_dof}, p = {errors.j_p_value:.3g}")
    for line in errors.weak_directions:
        print(f"weak: {line}")
    if errors.weak_directions and not has_profiles:
        print("where directions are weak the intervals above mean little; ask for --profile")


def _parameter(row: dict[str, Any]) -> tuple[str, ...]:
    """Name, value, error and interval of a parameter, or why it has none."""
    named = row["symbol"], row["parameter"], f"{row['value']:.5g}"
    if row["is_at_bound"]:
        return *named, "", "at a bound of the search"
    if not math.isfinite(row["std_error"]):
        return *named, "", "no error: not identified there, or the targets have none"
    interval = f"{row['conf_low']:.4g} to {row['conf_high']:.4g}"
    return *named, f"{row['std_error']:.3g}", interval


def _effect(value: float, row: tuple[float, ...]) -> str:
    """Write an effect; 0 where it is rounding next to the row's largest."""
    return f"{value:+.4g}" if abs(value) > _ROUNDING * max(map(abs, row)) else "0"
