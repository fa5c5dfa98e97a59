"""Power tables: a design at a grid of sizes, its power at each, where it reaches the goal and what is cheapest."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.worlds import NO_AI
from withintask.tests_of_model.harness.diagnose import diagnose, wide
from withintask.tests_of_model.harness.power.costs import Costs
from withintask.tests_of_model.harness.power.curve import (
    Crossing,
    normal_power,
    smallest_effect,
    smallest_sample,
)
from withintask.tests_of_model.harness.rule import (
    BIAS_SHARE,
    COVERAGE_LIMIT,
    POWER_GOAL,
    SIZE_LIMIT,
)


def design_grid(design: Design, grid: Mapping[str, Sequence[int]]) -> tuple[Design, ...]:
    """Return the design at every combination of sizes; firms shrink with workers so that their size stays.

    Raises
    ------
    ParameterError
        If a combination is impossible.
    """
    designs = []
    for values in itertools.product(*grid.values()):
        sizes = dict(zip(grid, values, strict=True))
        if "n_workers" in sizes and "n_firms" not in sizes:
            by_firm = design.n_workers / design.n_firms
            sizes["n_firms"] = max(1, round(sizes["n_workers"] / by_firm))
        label = ",".join(f"{name}={value}" for name, value in sizes.items())
        designs.append(change_design(design, **sizes, name=f"{design.name}[{label}]"))
    return tuple(designs)


def power_table(
    replicates: pl.DataFrame, designs: Sequence[Design], term: str, *, varied: Sequence[str]
) -> pl.DataFrame:
    """Return power with its Monte-Carlo error at every size, in the order of the designs.

    Parameters
    ----------
    replicates
        Rows of one estimator.
    designs
        The designs that were run.
    term
        The estimand.
    varied
        Fields of the design that differ between them.

    Returns
    -------
    polars.DataFrame
        world, design, the fields varied, n_workers, n_firms, n_tasks_by_worker, estimator, truth, bias, bias_mc_se, power,
        power_mc_se, power_normal (of a normal test with the estimates' spread), empirical_se, coverage, coverage_mc_se,
        size and size_mc_se (NaN where the world without AI was not run), n_replicates, n_failed. Firms that shrink with
        workers are a column.
    """
    sizes = tuple(dict.fromkeys((*varied, "n_workers", "n_firms", "n_tasks_by_worker")))
    by_design = pl.DataFrame(
        [(d.name, *(getattr(d, size) for size in sizes)) for d in designs],
        schema={"design": pl.String, **dict.fromkeys(sizes, pl.Int64)},
        orient="row",
    )
    whole = wide(diagnose(replicates.filter(pl.col("term") == term)))
    table = whole.filter(pl.col("world") != NO_AI)
    sizes_of_tests = whole.filter(pl.col("world") == NO_AI).select(
        "design", size="power", size_mc_se="power_mc_se"
    )
    spread = table.select("truth", "empirical_se").iter_rows()
    closed = [normal_power(truth, error) if error else math.nan for truth, error in spread]
    table = table.with_columns(power_normal=pl.Series(closed, dtype=pl.Float64))
    kept = (
        "estimator",
        "truth",
        "bias",
        "bias_mc_se",
        "power",
        "power_mc_se",
        "power_normal",
        "empirical_se",
        "coverage",
        "coverage_mc_se",
        "n_replicates",
        "n_failed",
    )
    joined = by_design.join(
        table.select("world", "design", *kept), on="design", how="left", maintain_order="left"
    )
    return joined.join(sizes_of_tests, on="design", how="left", maintain_order="left").with_columns(
        pl.col("size", "size_mc_se").fill_null(math.nan)
    )


@dataclass(frozen=True, kw_only=True)
class LineCrossing:
    """Where power reaches the goal along one line of a table."""

    label: str
    """Values of the other axes; empty if there are none."""
    axis: str
    """What varies along the line."""
    crossing: Crossing
    """Where it crosses."""


def crossings(table: pl.DataFrame, axes: tuple[str, ...]) -> tuple[LineCrossing, ...]:
    """Find the smallest sample or effect along the first axis, for every combination of the others.

    Parameters
    ----------
    table
        From :func:`power_table`.
    axes
        Columns that vary; effects if the first is truth, else sizes.

    Returns
    -------
    tuple of LineCrossing
        Lines of a single point are left out.
    """
    solve = smallest_effect if axes[0] == "truth" else smallest_sample
    solved_lines = []
    for label, part in lines(table, axes):
        if part[axes[0]].n_unique() < 2:
            continue
        n = part["n_replicates"].to_numpy().astype(float)
        x = part[axes[0]].to_numpy().astype(float)
        crossing = solve(x, np.round(part["power"].to_numpy() * n), n)
        solved_lines.append(LineCrossing(label=label, axis=axes[0], crossing=crossing))
    return tuple(solved_lines)


def lines(table: pl.DataFrame, axes: tuple[str, ...]) -> list[tuple[str, pl.DataFrame]]:
    """Return the parts of a power table along the first axis, one a combination of the others, with a label."""
    rest = list(axes[1:])
    if not rest:
        return [("", table.sort(axes[0]))]
    return [
        (", ".join(f"{name} {value:,}" for name, value in zip(rest, key, strict=True)), part)
        for key, part in table.sort(*rest, axes[0]).group_by(rest, maintain_order=True)
    ]


def cheapest(table: pl.DataFrame, costs: Costs, designs: Sequence[Design]) -> dict[str, Any] | None:
    """Return the row of least cost that reaches the goal, with its cost; None without costs or such a row.

    Parameters
    ----------
    table
        From :func:`power_table`.
    costs
        Unit costs.
    designs
        The designs of the table.
    """
    cost = {design.name: float(costs.of(design)) for design in designs}
    enough = table.filter(pl.col("power") >= POWER_GOAL)
    if not any(costs.by_unit.values()) or enough.is_empty():
        return None
    priced = enough.with_columns(
        cost=pl.col("design").replace_strict(cost, return_dtype=pl.Float64)
    )
    return priced.sort("cost").row(0, named=True)


def warning(row: Mapping[str, Any]) -> str:
    """Say in which figures a row is beyond the limits of the matrix by two Monte-Carlo errors; empty if in none."""
    margin = BIAS_SHARE * abs(row["truth"])
    found = []
    if abs(row["bias"]) - 2 * row["bias_mc_se"] > margin > 0:
        found.append(f"bias {row['bias'] / abs(row['truth']):+.0%} of the effect")
    if row["coverage"] + 2 * row["coverage_mc_se"] < COVERAGE_LIMIT:
        found.append(f"coverage {row['coverage']:.2f}")
    if row["size"] - 2 * row["size_mc_se"] > SIZE_LIMIT:
        found.append(f"size {row['size']:.2f}")
    return ", ".join(found)
