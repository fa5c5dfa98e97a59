"""Power, shown: the table, the crossings, the cheapest design and the figure of what the harness computes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save
from withintask.panel.escape import save_csv
from withintask.panel.profile import few_people
from withintask.panel.store import read_panel
from withintask.report.estimate_words import estimator_words, term_words
from withintask.report.power_tables import short_axis_words
from withintask.report.power_words import PILOT_WORDS, effect_line
from withintask.report.progress import progress, run_study
from withintask.report.terminal import paragraphs, print_rows
from withintask.sim.design import Design
from withintask.sim.worlds import REFERENCE
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power.costs import Costs, make_costs
from withintask.tests_of_model.harness.power.curve import detectable_effect
from withintask.tests_of_model.harness.power.question import (
    PowerQuestion,
    SmallestSize,
    plan_power,
    search_smallest,
)
from withintask.tests_of_model.harness.power.space import AXIS_WORDS
from withintask.tests_of_model.harness.power.table import (
    LineCrossing,
    cheapest,
    crossings,
    lines,
    warning,
)
from withintask.tests_of_model.harness.power.terms import TermTest
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
    dask: str = ""
    """Address of a running scheduler, instead of the engine."""


def run_power(
    question: PowerQuestion,
    run: Run,
    *,
    vary: Sequence[str],
    effect: str,
    costs: Mapping[str, float],
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
        Unit to cost, see :data:`withintask.tests_of_model.harness.power.costs.COST_UNITS`.

    Returns
    -------
    polars.DataFrame
        The power table.
    """
    unit_costs = make_costs(costs)
    _print_pilot(question)
    laid_out = plan_power(question, vary=vary, effect=effect, replicates=run.replicates)
    _print_test(question, laid_out.test)
    replicates = run_study(
        laid_out.study,
        run.out / "ledger",
        engine=run.engine,
        n_workers=run.n_workers,
        dask=run.dask,
    )
    table = laid_out.table(replicates)
    save(run.out / "power.parquet", table.write_parquet)
    save_csv(run.out / "power.csv", table)
    print_rows(*_printed(table, laid_out.varied), title=f"Power of a test at level {LEVEL:g}")
    for line in crossings(table, laid_out.axes):
        print(paragraphs([_sentence(line)]))
    _print_warnings(table)
    _print_cheapest(table, unit_costs, laid_out.designs)
    test = laid_out.test
    title = f"{term_words(test.term)} by {estimator_words(test.estimator)}, {question.design}"
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
    _print_test(question, smallest.test)
    save_csv(run.out / "search.csv", pl.DataFrame([_found(question, run, smallest)]))
    at_end = " (at the end of the search: widen it)" if smallest.is_at_end else ""
    of_firms = "" if smallest.axis == "n_firms" else f" ({smallest.n_firms:,} firms)"
    words = AXIS_WORDS.get(smallest.axis, smallest.axis)
    found = (
        f"{POWER_GOAL:.0%} power of {smallest.test.estimator} at about {smallest.size:,} {words}{of_firms}{at_end}; "
        f"{run.replicates} replicates; {run.out / 'search.csv'}"
    )
    print(paragraphs([found]))
    return smallest.size


def _found(question: PowerQuestion, run: Run, smallest: SmallestSize) -> dict[str, object]:
    """One row: what was searched, how, and what was found."""
    return {
        "term": smallest.test.term,
        "estimator": smallest.test.estimator,
        "design": question.design,
        "effect": question.effect,
        "settings": "; ".join(question.settings),
        "axis": smallest.axis,
        "size": smallest.size,
        "n_firms": smallest.n_firms,
        "is_at_end": smallest.is_at_end,
        "power": POWER_GOAL,
        "n_replicates": run.replicates,
        "seed": question.seed,
    }


def _print_test(question: PowerQuestion, test: TermTest) -> None:
    """First what is tested, by what and why; then the effect."""
    words = f"{term_words(test.term)} ({test.term}) by {estimator_words(test.estimator)} ({test.estimator})"
    solved = question.solved()
    effect = [] if solved is None else [effect_line(solved)]
    print(paragraphs([f"Test: {words}: {test.why}.", *effect]))


def _print_warnings(table: pl.DataFrame) -> None:
    """Say where a design is large enough or not, but the test is not valid there."""
    for row in table.iter_rows(named=True):
        found = warning(row)
        if found:
            print(paragraphs([f"{row['design']}: not valid there, {found}; no power of it counts"]))


def _printed(
    table: pl.DataFrame, varied: tuple[str, ...]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    firms = ("n_firms",) if "n_firms" not in varied and table["n_firms"].n_unique() > 1 else ()
    figures = ("truth", "bias ± MC error", "coverage", "size", "std. dev.", "detectable", "power ± MC error", "normal", "failed")  # fmt: skip
    rows = [
        (
            _world_words(row["world"]),
            *(f"{row[name]:,}" for name in (*varied, *firms)),
            f"{row['truth']:+.4f}",
            f"{row['bias']:+.4f} ± {row['bias_mc_se']:.4f}",
            f"{row['coverage']:.3f}",
            f"{row['size']:.3f}" if math.isfinite(row["size"]) else "–",
            f"{row['empirical_se']:.4f}",
            f"{detectable_effect(row['empirical_se']):.4f}",
            f"{row['power']:.3f} ± {row['power_mc_se']:.3f}",
            f"{row['power_normal']:.3f}",
            f"{row['n_failed']} of {row['n_replicates']}",
        )
        for row in table.iter_rows(named=True)
    ]
    sizes = (short_axis_words(name) for name in (*varied, *firms))
    return ("parameters", *sizes, *figures), rows


def _world_words(name: str) -> str:
    """The parameter and its value, where effects vary; as they are, where they do not."""
    return "as they are" if name == REFERENCE else name


def _sentence(line: LineCrossing) -> str:
    digits = ",.4f" if line.axis == "truth" else ",.0f"
    words = AXIS_WORDS.get(line.axis, line.axis)
    crossing = line.crossing
    beyond = ", outside what was run" if crossing.is_extrapolated else ""
    where = f"{line.label}: " if line.label else ""
    if not math.isfinite(crossing.value):
        varies = "the effect" if line.axis == "truth" else words
        return f"{where}power does not rise with {varies} in what was run: more of it is no help, or more replicates are needed to see it"
    value = f"{crossing.value:{digits}}"
    what = f"an effect of about {value}" if line.axis == "truth" else f"about {value} {words}"
    return (
        f"{where}{POWER_GOAL:.0%} power at {what} "
        f"(95 % interval {crossing.low:{digits}} to {crossing.high:{digits}}{beyond})"
    )


def _print_pilot(question: PowerQuestion) -> None:
    if question.pilot is not None:
        values = ", ".join(
            f"{PILOT_WORDS.get(name, name)} {_plain(v)}"
            for name, v in question.from_pilot().items()
        )
        pilot = read_panel(question.pilot, lazy=True, check=False, verify=question.verify)
        shown = f"From {question.pilot}: {values or 'nothing that the design did not have'}"
        print(paragraphs([shown, *few_people(pilot)]))


def _plain(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _print_cheapest(table: pl.DataFrame, costs: Costs, designs: Sequence[Design]) -> None:
    valid = table.filter([not warning(row) for row in table.iter_rows(named=True)])
    best = cheapest(valid, costs, designs)
    if best is not None:
        words = (
            f"cheapest with power {POWER_GOAL:.0%}, of those run and not shown invalid: {best['n_workers']:,} workers x "
            f"{best['n_tasks_by_worker']} tasks in {best['n_firms']:,} firms, cost {best['cost']:,.0f}; a budget (--budget) searches between them"
        )
        print(paragraphs([words]))


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
        xlabel="true effect" if axes[0] == "truth" else AXIS_WORDS.get(axes[0], axes[0]),
        ylabel="power (band: 95 % Monte-Carlo interval)",
        ylim=(0, 1.02),
        title=title,
    )
    plot.spines[["top", "right"]].set_visible(False)
    if len(axes) > 1:
        plot.legend(frameon=False)
    save(path, lambda temporary: figure.savefig(temporary, dpi=150))
    plt.close(figure)
