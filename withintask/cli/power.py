"""``withintask power``: how large a study must be, and what it costs."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

app = App(
    name="power",
    help="Find the cheapest valid design with the power asked for, draw power curves, or write a study file (init).",
)

Engine = Literal["serial", "threads", "processes"]
Several = Annotated[list[str] | None, Parameter(negative="")]
Flag = Annotated[bool, Parameter(negative="")]


@app.command
def init(
    *,
    design: str = "rct",
    pilot: Path | None = None,
    out: Path = Path("study.toml"),
    force: Flag = False,
) -> None:
    """Write a study file with comments, from a pilot where there is one, and print what was taken from it.

    Parameters
    ----------
    design
        Design from which the study differs; see `withintask designs`.
    pilot
        A panel; its noise, items, raters and mobility are written down with their uncertainty.
    out
        File to write.
    force
        Replace the file if it is there.
    """
    from withintask.panel.atomic import save_text
    from withintask.panel.errors import ParameterError
    from withintask.report.power_tables import PILOT_HEADER, pilot_rows
    from withintask.report.power_words import pilot_note
    from withintask.report.terminal import paragraphs, print_rows
    from withintask.tests_of_model.harness.power.init import figures_of_pilot, study_text

    if out.exists() and not force:
        raise ParameterError(f"{out}: exists; --force replaces it, --out names another")
    figures = None if pilot is None else figures_of_pilot(design, pilot)
    save_text(out, study_text(design, pilot=pilot, figures=figures))
    if figures is not None:
        title = f"From the pilot of {figures.n_units} {figures.unit}"
        print_rows(PILOT_HEADER, pilot_rows(figures), title=title)
        print(f"\n{paragraphs([pilot_note(figures)])}\n")
    print(f"{out}: written; set the costs, then withintask power {out}")


@app.default
def power(
    study: Path | None = None,
    *,
    hypothesis: Several = None,
    effect: str = "",
    move: str = "",
    design: str = "",
    settings: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    vary: Several = None,
    cost: Several = None,
    budget: float | None = None,
    limit: Several = None,
    roll_out: Several = None,
    power: float | None = None,
    together: Literal["all", "any"] | None = None,
    estimator: str = "",
    pilot: Path | None = None,
    verify: bool = True,
    search: str = "",
    replicates: int | None = None,
    explore: int | None = None,
    seed: int | None = None,
    out: Path = Path("out/power"),
    robust: bool = True,
    frontier: bool = True,
    cost_worker: float = 0.0,
    cost_task: float = 0.0,
    engine: Engine = "processes",
    workers: int = 2,
    dask: str = "",
) -> None:
    """Find the cheapest valid design with the power asked for; without a budget or a study file, draw power curves.

    Parameters
    ----------
    study
        A study file, see `withintask power init`; what flags say comes before what it says.
    hypothesis
        What to power: hypotheses (H1), claims (H1b, "H2 log gap") or terms (delta_log_sd), one or several; the effect's
        term if left out.
    effect
        A term and its truth, such as delta_log_sd=-0.10 or delta_log_sd=-10%, for which the model is solved; or a
        parameter and values, such as capability=0.25,0.5,1, for curves over effects.
    move
        Parameter that gives the effect, all others held; capability if left out.
    design
        Design from which the study differs (rct if left out); see `withintask designs`.
    settings
        Changes of the design or of the parameters, such as output_noise=0.4.
    vary
        Sizes: firms=6:80 (a range), workers_by_firm=5,10,20, items=2:12, tasks=4,8, before=1,2, after=1,2,
        treated_share=0.3,0.5, raters=1,2, or any whole number of a design. What varies if nothing is said is printed.
    cost
        Unit costs, such as firm=2000, worker=100, item=2, period=5000, rating=1, task=20 (a kind of task that one
        worker does, whatever the items and periods); all units are listed if one is unknown.
    budget
        Most that may be spent; with it, or a study file, the cheapest design is searched for.
    limit
        Limits such as firms=10:40, workers=0:1000, items_by_worker=0:40, periods=0:3.
    roll_out
        Who gets AI, one or several: workers, firms, staggered, items; as in the design if left out.
    power
        Power asked for; .8 if left out.
    together
        Whether all terms must be rejected, or any (by Holm, so that the familywise error is 5 percent).
    estimator
        Estimator of every term; the most trusted that is made for the design if left out.
    pilot
        A panel whose noise, items, raters and mobility the design takes; what it leaves open is drawn into the power.
    verify
        Compare each file of the pilot with its SHA-256, where the manifest has it.
    search
        A size and two ends, such as workers=40,800: the smallest sample by stochastic bisection, on one size alone.
    replicates
        Most replicates a world at a candidate for the winner (1,000), replicates a point of curves (200), or in all for --search.
    explore
        Most replicates with which the surface is fitted (600).
    seed
        Seed.
    out
        Folder for the page, tables and finished replicates; run again, it goes on where it stopped.
    robust, frontier
        Whether the answer is given again under what real panels show, and smallest effects are found by budget.
    cost_worker, cost_task
        The same as --cost worker=... and --cost task=...
    engine, workers, dask
        How to run, as for matrix; results do not depend on it.
    """
    flags = dict(locals())
    if dask:
        from withintask.tests_of_model.harness.cluster import fail_if_no_answer

        fail_if_no_answer(dask)
    if study is None and budget is None and not roll_out and not limit:
        _curves(flags)
    else:
        _cheapest(flags)


_CURVES = 200
"""Replicates a point of curves, or in all of a search of one size, where nothing is said."""
_DESIGN = "rct"
"""Design where none is named."""
_OF_STUDY = ("effect", "move", "estimator", "pilot", "budget", "power", "together", "replicates", "explore", "seed", "verify")  # fmt: skip
"""Flags that are fields of a study of the same name."""


def _cheapest(flags: Mapping[str, Any]) -> None:
    """The cheapest design, of a study file or of flags."""
    from withintask.report.power_study import HowToRun, check_out, run_and_write
    from withintask.tests_of_model.harness.power.flags import with_flags
    from withintask.tests_of_model.harness.power.study import PowerStudy, read_study

    check_out(flags["out"])
    terms = {"terms": tuple(flags["hypothesis"] or ()), "like": flags["design"]}
    asked = with_flags(
        PowerStudy() if flags["study"] is None else read_study(flags["study"]),
        {**{name: flags[name] for name in _OF_STUDY}, **terms},
        vary=flags["vary"] or (),
        roll_out=flags["roll_out"] or (),
        settings=flags["settings"] or (),
        cost=flags["cost"] or (),
        costs=_older_costs(flags),
        limit=flags["limit"] or (),
    )
    how = HowToRun(
        out=flags["out"],
        engine=flags["engine"],
        n_workers=flags["workers"],
        dask=flags["dask"],
        is_robust=flags["robust"],
        has_frontier=flags["frontier"],
        command=f"withintask {shlex.join(sys.argv[1:])}",
    )
    run_and_write(asked, how)


def _curves(flags: Mapping[str, Any]) -> None:
    """Curves over sizes or effects, or the search of one size; one after the other where several terms are named."""
    names = tuple(flags["hypothesis"] or ())
    for name in names or ("",):
        out = flags["out"] / name.replace(" ", "-") if len(names) > 1 else flags["out"]
        _draw_curves(flags, name, out)


def _draw_curves(flags: Mapping[str, Any], name: str, out: Path) -> None:
    from withintask.panel.errors import ParameterError
    from withintask.report.power import Run, run_power, run_search
    from withintask.tests_of_model.harness.power.effect import is_goal
    from withintask.tests_of_model.harness.power.question import PowerQuestion

    is_of_term = is_goal(flags["effect"])
    question = PowerQuestion(
        hypothesis=name,
        design=flags["design"] or _DESIGN,
        estimator=flags["estimator"],
        settings=tuple(flags["settings"] or ()),
        pilot=flags["pilot"],
        verify=flags["verify"],
        seed=1 if flags["seed"] is None else flags["seed"],
        effect=flags["effect"] if is_of_term else "",
        move=flags["move"],
    )
    run = Run(
        out=out,
        replicates=flags["replicates"] or _CURVES,
        engine=flags["engine"],
        n_workers=flags["workers"],
        dask=flags["dask"],
    )
    if flags["search"]:
        if flags["dask"]:
            raise ParameterError("--search draws one replicate after another: leave out --dask")
        run_search(question, run, flags["search"])
        return
    grid = "" if is_of_term else flags["effect"]
    run_power(question, run, vary=flags["vary"] or (), effect=grid, costs=_costs(flags))


def _costs(flags: Mapping[str, Any]) -> dict[str, float]:
    """Unit costs of all flags."""
    from withintask.tests_of_model.harness.power.costs import parse_costs

    return {**parse_costs(flags["cost"] or ()), **_older_costs(flags)}


def _older_costs(flags: Mapping[str, Any]) -> dict[str, float]:
    """Unit costs of the flags that name a unit."""
    older = {"worker": flags["cost_worker"], "task": flags["cost_task"]}
    return {unit: cost for unit, cost in older.items() if cost}
