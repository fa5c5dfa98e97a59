"""Power, shown: the table, the crossings, the cheapest design and the figure of what the harness computes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save
from withintask.panel.escape import save_csv
from withintask.panel.profile import few_people
from withintask.panel.store import read_panel
from withintask.report.progress import progress, run_study
from withintask.report.terminal import print_rows
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power import PowerQuestion, plan_power, search_smallest
from withintask.tests_of_model.harness.power_curve import detectable_effect
from withintask.tests_of_model.harness.power_table import (
    LineCrossing,
    cheapest,
    crossings,
    lines,
)
from withintask.tests_of_model.harness.rule import POWER_GOAL


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
    _print_pilot(question)
    laid_out = plan_power(question, vary=vary, effect=effect, replicates=run.replicates)
    replicates = run_study(
        laid_out.study, run.out / "ledger", engine=run.engine, n_workers=run.n_workers
    )
    table = laid_out.table(replicates)
    save(run.out / "power.parquet", table.write_parquet)
    save_csv(run.out / "power.csv", table)
    print_rows(*_printed(table, laid_out.varied), title=f"Power of a test at level {LEVEL:g}")
    for line in crossings(table, laid_out.axes):
        print(_sentence(line))
    _print_cheapest(table, costs)
    hypothesis, estimator = laid_out.hypothesis, laid_out.estimator(replicates)
    title = f"{hypothesis.name} {hypothesis.primary} by {estimator}, {question.design}"
    _draw(table, laid_out.axes, title, run.out / "power.png")
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
    _print_pilot(question)
    with progress("replicates", run.replicates) as report:
        smallest = search_smallest(question, search, replicates=run.replicates, on_progress=report)
    at_end = " (at the end of the search: widen it)" if smallest.is_at_end else ""
    print(
        f"{POWER_GOAL:.0%} power of {smallest.estimator} at about {smallest.size:,} of {smallest.axis}{at_end}; "
        f"{run.replicates} replicates"
    )
    return smallest.size


def _printed(
    table: pl.DataFrame, varied: tuple[str, ...]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    header = (
        *("world", *varied),
        *(
            "truth",
            "bias ± MC error",
            "std. dev.",
            "detectable",
            "power ± MC error",
            "normal",
            "failed",
        ),
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
            f"{row['power_normal']:.3f}",
            f"{row['n_failed']} of {row['n_replicates']}",
        )
        for row in table.iter_rows(named=True)
    ]
    return header, rows


def _sentence(line: LineCrossing) -> str:
    digits = ",.4f" if line.axis == "truth" else ",.0f"
    what = "an effect of" if line.axis == "truth" else f"{line.axis} of"
    crossing = line.crossing
    beyond = ", outside what was run" if crossing.is_extrapolated else ""
    where = f"{line.label}: " if line.label else ""
    return (
        f"{where}{POWER_GOAL:.0%} power at {what} about {crossing.value:{digits}} "
        f"(95 % interval {crossing.low:{digits}} to {crossing.high:{digits}}{beyond})"
    )


def _print_pilot(question: PowerQuestion) -> None:
    if question.pilot is not None:
        values = ", ".join(f"{name} = {_plain(v)}" for name, v in question.from_pilot().items())
        print(f"From {question.pilot}: {values or 'nothing that the design did not have'}")
        for sentence in few_people(
            read_panel(question.pilot, lazy=True, check=False, verify=question.verify)
        ):
            print(sentence)


def _plain(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _print_cheapest(table: pl.DataFrame, costs: tuple[float, float]) -> None:
    best = cheapest(table, costs)
    if best is not None:
        print(
            f"cheapest with power {POWER_GOAL:.0%}: {best['n_workers']:,} workers x "
            f"{best['n_tasks_by_worker']} tasks, cost {best['cost']:,.0f}"
        )


def _draw(table: pl.DataFrame, axes: tuple[str, ...], title: str, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, plot = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for label, part in lines(table, axes):
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
