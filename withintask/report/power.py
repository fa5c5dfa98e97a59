"""Power: curves over sizes or effects, a search for the smallest sample; written and drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from withintask.panel.atomic import save
from withintask.panel.errors import EstimationError, ParameterError
from withintask.report.matrix import progress, run_study
from withintask.report.tables import print_rows
from withintask.sim.design import Design
from withintask.sim.designs import load_design
from withintask.sim.params import Params, load_params
from withintask.sim.worlds import REFERENCE, World, load_world
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power import (
    Crossing,
    calibrate,
    design_grid,
    detectable_effect,
    parse_effects,
    parse_grid,
    power_table,
    rejection,
    search_size,
    smallest_effect,
    smallest_sample,
)
from withintask.tests_of_model.harness.replicate import plan
from withintask.tests_of_model.harness.synthetic import apply_settings
from withintask.tests_of_model.harness.verdict import POWER_GOAL
from withintask.tests_of_model.hypotheses.estimate import NOT_ESTIMABLE, choose
from withintask.tests_of_model.hypotheses.hypothesis import Estimator, Hypothesis
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES


@dataclass(frozen=True, kw_only=True)
class PowerQuestion:
    """What is to be powered."""

    hypothesis: str
    """H1 to H4."""
    design: str
    """Name of the design."""
    estimator: str
    """Name of the estimator; empty for the first that runs."""
    settings: tuple[str, ...]
    """Changes of the design or of the parameters, name=value."""
    pilot: Path | None
    """Panel whose noise, firm sizes and mobility the design takes."""
    seed: int
    """Seed of the replicates."""

    def known_hypothesis(self) -> Hypothesis:
        """Return the hypothesis, or refuse an unknown one."""
        known = {h.name: h for h in HYPOTHESES}
        if self.hypothesis not in known:
            raise ParameterError(
                f"hypothesis {self.hypothesis!r}: unknown; expected one of {', '.join(known)}"
            )
        return known[self.hypothesis]

    def setting(self) -> tuple[Design, Params]:
        """Return the design, calibrated to the pilot, and the parameters."""
        from withintask.panel.store import read_panel

        world = load_world(REFERENCE)
        base = world.change_design(load_design(self.design))
        design, params = apply_settings(base, world.change_params(load_params()), self.settings)
        return (design if self.pilot is None else calibrate(design, read_panel(self.pilot))), params


@dataclass(frozen=True, kw_only=True)
class Run:
    """How to run it."""

    out: Path
    """Folder for ledger, table and figure."""
    replicates: int
    """Replicates a point, or in all for a search."""
    engine: str
    """serial, threads or processes."""
    n_workers: int
    """Threads or processes."""


def run_power(
    question: PowerQuestion,
    run: Run,
    *,
    vary: Sequence[str],
    effect: str,
    costs: tuple[float, float],
) -> pl.DataFrame:
    """Run a design at sizes and effects and report power, the smallest sample or effect and the cheapest design.

    Parameters
    ----------
    question, run
        What, and how.
    vary
        Sizes such as ``workers=50,100``; every combination is run.
    effect
        A parameter and its values, such as ``capability=0.25,0.5,1``, that change the truth; empty for none.
    costs
        Of a worker, and of a task of a worker.

    Returns
    -------
    polars.DataFrame
        The power table.
    """
    hypothesis, (base, params) = question.known_hypothesis(), question.setting()
    grid = parse_grid(vary)
    worlds = _worlds(effect)
    if not grid and len(worlds) < 2:
        raise ParameterError("power: expected --vary, --effect or --search")
    designs = design_grid(base, grid)
    study = plan(
        params,
        designs,
        worlds,
        seed=question.seed,
        replicates=run.replicates,
        hypotheses=[hypothesis.name],
        estimators=(question.estimator,) if question.estimator else (),
    )
    found = run_study(study, run.out / "ledger", engine=run.engine, n_workers=run.n_workers)
    chosen = question.estimator or _first_usable(found, hypothesis.primary)
    rows = found.filter(pl.col("estimator") == chosen)
    table = power_table(rows, designs, hypothesis.primary, varied=tuple(grid))
    save(run.out / "power.parquet", table.write_parquet)
    save(run.out / "power.csv", table.write_csv)
    print_rows(*_printed(table, tuple(grid)), title=f"Power of a test at level {LEVEL:g}")
    axes = ("truth", *grid) if effect else tuple(grid)
    _print_crossings(table, axes)
    _print_cheapest(table, costs)
    title = f"{hypothesis.name} {hypothesis.primary} by {chosen}, {question.design}"
    _draw(table, axes, title, run.out / "power.png")
    print(f"{run.out}: power.parquet, power.csv, power.png")
    return table


def run_search(question: PowerQuestion, run: Run, search: str) -> int:
    """Find the smallest sample by stochastic bisection, and print it.

    Parameters
    ----------
    question, run
        What, and how; runs serially.
    search
        A size and its ends, such as ``workers=40,800``.

    Returns
    -------
    int
        The smallest size with the power asked for.
    """
    hypothesis, (base, params) = question.known_hypothesis(), question.setting()
    ends = parse_grid([search])
    ((name, sizes),) = ends.items()
    if len(sizes) != 2:
        raise ParameterError(f"--search {search!r}: expected a size and two ends, workers=40,800")
    (largest,) = design_grid(base, {name: [sizes[-1]]})
    estimator, term = _first_testing(question, hypothesis, params, largest), hypothesis.primary
    with progress("replicates", run.replicates) as report:

        def rejects(size: int, number: int) -> float:
            (design,) = design_grid(base, {name: [size]})
            report(number + 1, run.replicates)
            # A failed estimate does not reject.
            hit = rejection(estimator, term, params, design, seed=question.seed, replicate=number)
            return 0.0 if math.isnan(hit) else hit

        size = search_size(rejects, low=sizes[0], high=sizes[1], trials=run.replicates)
    at_end = " (at the end of the search: widen it)" if size in sizes else ""
    print(
        f"{POWER_GOAL:.0%} power of {estimator.name} at about {size:,} of {name}{at_end}; "
        f"{run.replicates} replicates"
    )
    return size


def _first_testing(
    question: PowerQuestion, hypothesis: Hypothesis, params: Params, design: Design
) -> Estimator:
    """The estimator that was named, or the first whose test of the primary term runs on the design."""
    names = (question.estimator,) if question.estimator else ()
    term = hypothesis.primary
    for _, estimator in choose([hypothesis.name], names):
        if term in estimator.terms:
            hit = rejection(estimator, term, params, design, seed=question.seed, replicate=0)
            if not math.isnan(hit):
                return estimator
    raise EstimationError(f"{term}: no estimator runs on design {design.name}")


def _worlds(effect: str) -> list[World]:
    """One world a value of the effect's parameter; the reference alone if none."""
    reference = replace(load_world(REFERENCE), params={}, design={})
    if not effect:
        return [reference]
    name, values = parse_effects(effect)
    return [replace(reference, name=f"{name}={value:g}", params={name: value}) for value in values]


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


def _printed(
    table: pl.DataFrame, varied: tuple[str, ...]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    header = (
        *("world", *varied),
        *("truth", "bias ± MC error", "std. dev.", "detectable", "power ± MC error", "failed"),
    )
    rows = [
        (
            str(row["world"]),
            *(f"{row[name]:,}" for name in varied),
            f"{row['truth']:+.4f}",
            f"{row['bias']:+.4f} ± {row['bias_mc_se']:.4f}",
            f"{row['empirical_se']:.4f}",
            f"{detectable_effect(row['empirical_se']):.4f}",
            f"{row['power']:.3f} ± {row['power_mc_se']:.3f}",
            f"{row['n_failed']} of {row['n_replicates']}",
        )
        for row in table.iter_rows(named=True)
    ]
    return header, rows


def _lines(table: pl.DataFrame, axes: tuple[str, ...]) -> list[tuple[str, pl.DataFrame]]:
    """Parts of the table along the first axis, one a combination of the others, with a label."""
    rest = list(axes[1:])
    if not rest:
        return [("", table.sort(axes[0]))]
    return [
        (", ".join(f"{name} {value:,}" for name, value in zip(rest, key, strict=True)), part)
        for key, part in table.sort(*rest, axes[0]).group_by(rest, maintain_order=True)
    ]


def _print_crossings(table: pl.DataFrame, axes: tuple[str, ...]) -> None:
    for label, part in _lines(table, axes):
        if part[axes[0]].n_unique() < 2:
            continue
        n = part["n_replicates"].to_numpy().astype(float)
        x = part[axes[0]].to_numpy().astype(float)
        solve = smallest_effect if axes[0] == "truth" else smallest_sample
        found = solve(x, np.round(part["power"].to_numpy() * n), n)
        print(_sentence(label, axes[0], found))


def _sentence(label: str, axis: str, found: Crossing) -> str:
    digits = ",.4f" if axis == "truth" else ",.0f"
    what = "an effect of" if axis == "truth" else f"{axis} of"
    beyond = ", outside what was run" if found.is_extrapolated else ""
    where = f"{label}: " if label else ""
    return (
        f"{where}{POWER_GOAL:.0%} power at {what} about {found.value:{digits}} "
        f"(95 % interval {found.low:{digits}} to {found.high:{digits}}{beyond})"
    )


def _print_cheapest(table: pl.DataFrame, costs: tuple[float, float]) -> None:
    enough = table.filter(pl.col("power") >= POWER_GOAL)
    if not any(costs) or enough.is_empty():
        return
    tasks = pl.col("n_workers") * pl.col("n_tasks_by_worker")
    best: dict[str, Any] = (
        enough.with_columns(cost=costs[0] * pl.col("n_workers") + costs[1] * tasks)
        .sort("cost")
        .row(0, named=True)
    )
    print(
        f"cheapest with power {POWER_GOAL:.0%}: {best['n_workers']:,} workers x "
        f"{best['n_tasks_by_worker']} tasks, cost {best['cost']:,.0f}"
    )


def _draw(table: pl.DataFrame, axes: tuple[str, ...], title: str, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, plot = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for label, part in _lines(table, axes):
        x, power, error = (part[c].to_numpy() for c in (axes[0], "power", "power_mc_se"))
        (line,) = plot.plot(x, power, marker="o", label=label or None)
        plot.fill_between(
            x, power - 1.96 * error, power + 1.96 * error, alpha=0.2, color=line.get_color()
        )
    plot.axhline(POWER_GOAL, color="#777777", lw=0.8, ls="--")
    plot.set(
        xlabel="true effect" if axes[0] == "truth" else axes[0],
        ylabel="power (band: 95 % Monte-Carlo interval)",
        ylim=(0, 1.02),
        title=title,
    )
    plot.spines[["top", "right"]].set_visible(False)
    if len(axes) > 1:
        plot.legend(frameon=False)
    save(path, lambda temporary: figure.savefig(temporary, dpi=150))
    plt.close(figure)
