"""Power curves: run, written and drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.errors import EstimationError, ParameterError
from withintask.report.matrix import run_study
from withintask.report.tables import print_rows, save
from withintask.sim.design import Design, load_design
from withintask.sim.params import Params, load_params
from withintask.sim.worlds import REFERENCE, World, load_world
from withintask.tests_of_model.diagnosands import LEVEL
from withintask.tests_of_model.estimate import NOT_ESTIMABLE
from withintask.tests_of_model.power import (
    calibrate,
    design_grid,
    detectable_effect,
    parse_grid,
    power_table,
    smallest_sample,
)
from withintask.tests_of_model.registry import HYPOTHESES
from withintask.tests_of_model.replicate import plan
from withintask.tests_of_model.synthetic import apply_settings
from withintask.tests_of_model.verdict import POWER_GOAL


def run_power(
    hypothesis: str,
    design: str,
    vary: Sequence[str],
    *,
    estimator: str,
    replicates: int,
    seed: int,
    out: Path,
    pilot: Path | None,
    costs: tuple[float, float],
    settings: Sequence[str],
    engine: str,
    n_workers: int,
) -> pl.DataFrame:
    """Run a design at every combination of sizes and report power, the smallest sample and the cheapest design.

    Returns
    -------
    polars.DataFrame
        The power table.
    """
    known = {h.name: h for h in HYPOTHESES}
    if hypothesis not in known:
        raise ParameterError(
            f"hypothesis {hypothesis!r}: unknown; expected one of {', '.join(known)}"
        )
    base, params, world = _setting(design, pilot, settings)
    designs = design_grid(base, parse_grid(vary))
    names = (estimator,) if estimator else ()
    study = plan(
        params,
        designs,
        [world],
        seed=seed,
        replicates=replicates,
        hypotheses=[hypothesis],
        estimators=names,
    )
    found = run_study(study, out / "ledger", engine=engine, n_workers=n_workers)
    term = known[hypothesis].primary
    chosen = estimator or _first_usable(found, term)
    table = power_table(found.filter(pl.col("estimator") == chosen), designs, term)
    save(out / "power.parquet", table.write_parquet)
    save(out / "power.csv", table.write_csv)
    _draw(table, f"{hypothesis} {term} by {chosen}, {design}", out / "power.png")
    _report(table, costs)
    print(f"{out}: power.parquet, power.csv, power.png")
    return table


def _setting(
    design: str, pilot: Path | None, settings: Sequence[str]
) -> tuple[Design, Params, World]:
    from withintask.panel.store import read_panel

    reference = load_world(REFERENCE)
    base, params = apply_settings(
        load_design(design), reference.change_params(load_params()), settings
    )
    if pilot is not None:
        base = calibrate(base, read_panel(pilot))
    return (
        base,
        params,
        World(name=REFERENCE, summary=reference.summary, params={}, design=reference.design),
    )


def _first_usable(found: pl.DataFrame, term: str) -> str:
    usable = found.filter(
        (pl.col("term") == term)
        & pl.col("p_value").is_not_nan()
        & (pl.col("status") != NOT_ESTIMABLE)
    )
    if usable.is_empty():
        reasons = "; ".join(found.filter(pl.col("term") == term)["message"].unique().to_list())
        raise EstimationError(f"{term}: no estimator runs on this design: {reasons}")
    order = [e.name for h in HYPOTHESES for e in h.estimators]
    return min(usable["estimator"].unique().to_list(), key=order.index)


def _report(table: pl.DataFrame, costs: tuple[float, float]) -> None:
    def interval(row: dict[str, float]) -> str:
        return f"{row['power']:.3f} ± {1.96 * row['power_mc_se']:.3f}"

    rows = [
        (
            f"{row['n_workers']:,}",
            str(row["n_tasks"]),
            str(row["n_firms"]),
            f"{row['truth']:+.4f}",
            f"{row['empirical_se']:.4f}",
            f"{detectable_effect(row['empirical_se']):.4f}",
            interval(row),
            f"{row['n_failed']} of {row['n_replicates']}",
        )
        for row in table.iter_rows(named=True)
    ]
    header = (
        "workers",
        "tasks",
        "firms",
        "truth",
        "std. dev.",
        "detectable",
        "power (95 % band)",
        "failed",
    )
    print_rows(header, rows, title=f"Power of a test at level {LEVEL:g}")
    for (tasks,), group in table.group_by("n_tasks", maintain_order=True):
        if group["n_workers"].n_unique() > 1:
            _print_smallest(int(tasks), group)
    enough = table.filter(pl.col("power") >= POWER_GOAL)
    if any(costs) and enough.height:
        cost = costs[0] * enough["n_workers"] + costs[1] * enough["n_workers"] * enough["n_tasks"]
        best = enough.row(int(cost.arg_min() or 0), named=True)
        least = float(cost.to_numpy().min())
        print(
            f"cheapest with power {POWER_GOAL:.0%}: {best['n_workers']} workers x {best['n_tasks']} tasks, cost {least:,.0f}"
        )


def _print_smallest(tasks: int, group: pl.DataFrame) -> None:
    n = group["n_replicates"].to_numpy().astype(float)
    found = smallest_sample(
        group["n_workers"].to_numpy().astype(float), np.round(group["power"].to_numpy() * n), n
    )
    beyond = ", outside the sizes run" if found.is_extrapolated else ""
    print(
        f"{tasks} tasks: {POWER_GOAL:.0%} power at about {found.size:,.0f} workers "
        f"(95 % interval {found.low:,.0f} to {found.high:,.0f}{beyond})"
    )


def _draw(table: pl.DataFrame, title: str, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for (tasks,), group in table.group_by("n_tasks", maintain_order=True):
        x, power, error = (group[c].to_numpy() for c in ("n_workers", "power", "power_mc_se"))
        (line,) = axes.plot(x, power, marker="o", label=f"{int(tasks)} tasks")
        axes.fill_between(
            x, power - 1.96 * error, power + 1.96 * error, alpha=0.2, color=line.get_color()
        )
    axes.axhline(POWER_GOAL, color="#777777", lw=0.8, ls="--")
    axes.set(
        xlabel="workers", ylabel="power (band: Monte-Carlo error)", ylim=(0, 1.02), title=title
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save(path, lambda temporary: figure.savefig(temporary, dpi=150))
    plt.close(figure)
