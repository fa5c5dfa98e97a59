"""The command line: ``withintask``."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from withintask.cli import (
    data,
    event_study,
    exposure,
    items,
    msm,
    oews,
    panel,
    power,
    regime,
    robust,
    sign,
    tools,
)
from withintask.cli.help_words import shown_default, with_words_for_each

if TYPE_CHECKING:
    from withintask.results import Estimates

app = App(
    name="withintask",
    help="Does generative AI equalize workers, and who gets the gains? Data, simulator and tests. "
    "An error is one message; --debug shows its traceback. -q says less beside results, -v more. No file that is there is "
    "replaced unless --force says so.",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(show_default=shown_default),
)
app.command(oews.app)
app.command(data.app)
app.command(exposure.app)
app.command(panel.app)
app.command(regime.app)
app.command(event_study.event_study)
app.command(msm.app)
app.command(msm.headline)
msm.app.command(sign.bank)
app.command(sign.sign)
app.command(sign.evidence)
app.command(items.persistence)
app.command(items.gains)
app.command(power.app)
app.command(tools.report)
app.command(tools.doctor)
app.command(tools.demo)
app.command(tools.completion)
app.command(robust.compliance)
app.command(robust.attrition)
app.command(robust.confounding)
app.command(robust.spillovers)
app.command(robust.distribution)
app.command(robust.joint)
app.command(robust.components)

TableFormat = Literal[
    "table",
    "json",
    "csv",
    "parquet",
    "latex",
    "typst",
    "markdown",
    "html",
    "word",
    "excel",
    "stata",
]
RegressionEngine = Literal["auto", "fast", "reference", "stream"]
Errors = Literal["auto", "CR1", "CR2", "CR3", "jackknife", "wild", "randomization"]
Engine = Literal["serial", "threads", "processes"]
Settings = Annotated[list[str] | None, Parameter(name="--set", negative="")]


@app.command
def simulate(
    *,
    design: str,
    out: Path,
    seed: int = 1,
    replicate: int = 0,
    world: str = "reference",
    settings: Settings = None,
    stream: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Draw a synthetic panel and write it, with what is needed to compute its truth.

    Parameters
    ----------
    design
        Name of a data design, such as rct-ability; see `withintask designs`.
    out
        Folder to write.
    seed, replicate
        Equal numbers give equal panels.
    world
        Reference economy or a rival of it, see `withintask worlds`; or a file of your own, such as mine.toml.
    settings
        Changes such as n_workers=800 or proprietary=0.5, of the design or of the parameters.
    stream
        Draw and write in chunks, for a panel larger than memory; the folder must be new, or hold this very panel.
    """
    from withintask.tests_of_model.harness.synthetic import (
        draw_panel,
        stream_panel,
        write_synthetic,
    )

    if stream:
        from withintask.report.progress import progress

        with progress("workers", 0) as report:
            written = stream_panel(
                design,
                out,
                world=world,
                seed=seed,
                replicate=replicate,
                settings=settings or [],
                on_progress=report,
            )
        size = f"{written.n_rows:,} rows in the largest table, {written.n_chunks} parts"
        print(f"{out}: synthetic panel {design} in world {world}: {size}")
        return
    panel = draw_panel(design, world=world, seed=seed, replicate=replicate, settings=settings or [])
    write_synthetic(panel, out)
    rows = ", ".join(f"{name} {frame.height:,}" for name, frame in panel.tables().items())  # type: ignore[union-attr]
    print(f"{out}: synthetic panel {design} in world {world}: {rows}")


@app.command
def estimate(
    panel: Path | None = None,
    *,
    cells: Path | None = None,
    hypothesis: Annotated[list[str] | None, Parameter(negative="")] = None,
    estimator: Annotated[list[str] | None, Parameter(negative="")] = None,
    recommended: Annotated[bool, Parameter(negative="")] = False,
    engine: RegressionEngine = "auto",
    arm: str = "",
    each_arm: Annotated[bool, Parameter(negative="")] = False,
    errors: Errors = "auto",
    distance: int | None = None,
    crossed: Annotated[bool, Parameter(negative="")] = False,
    control: Annotated[list[str] | None, Parameter(negative="")] = None,
    absorb: Annotated[list[str] | None, Parameter(negative="")] = None,
    weight: str = "",
    format: TableFormat | None = None,  # noqa: A002 (the option's name)
    out: Path | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    plot: Annotated[Path | None, Parameter(name=("--plot", "--figure"))] = None,
    summary: Annotated[bool, Parameter(negative="")] = False,
    verify: bool = True,
    allow_outside: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Estimate H1 to H4 on a panel, with the truth beside a synthetic one.

    Parameters
    ----------
    panel
        Folder or database of a panel.
    cells
        In place of a panel: a CSV or Parquet file of what a database answered to `withintask panel sql`.
    hypothesis, estimator
        Names to keep; all if left out.
    recommended
        Keep the one estimator a hypothesis that `withintask panel describe` recommends.
    engine
        fast: in memory. stream: from sums by cell, for panels of any size and the estimators of docs/scale.md. auto: stream
        where the panel would take more than half of the memory, else fast. reference: linearmodels and statsmodels on
        explicit dummies: slow, for small panels, as a check.
    arm
        Of several arms, the one compared with the control; all with AI together if left out.
    each_arm
        Compare every arm with the control in turn, p-values adjusted over all of them.
    errors
        auto: CR2 with Satterthwaite degrees of freedom below 40 clusters, else CR1. jackknife: CR3 around the mean of the
        estimates without a cluster. wild: the wild cluster bootstrap.
        randomization: assign access anew within strata, as the trial might have, and estimate again.
    distance
        Smallest distance between the items of a pair in the worker's own order; chosen from the panel if left out.
    crossed
        Take the difficulty of items out, leaving out items of one worker; refused where all items are.
    control
        Columns to control for, such as tenure or 'C(site)', instead of the declared covariates.
    absorb
        Columns whose levels are fixed effects.
    weight
        Column of sampling weights, beside the weight of outputs.
    format
        How to print: a table in words (as if left out), json, csv, latex, typst, markdown or html; the others need --out.
    out
        File to write instead of printing; its suffix is the format: csv, parquet, json, tex, typ, md, html, docx, xlsx, dta.
    force
        Replace the files if they are there.
    plot
        File for a figure of the estimates with their sets (pdf, svg, png), fonts within.
    summary
        Say in sentences what was found: the recommended estimate first, and why the others differ.
    verify
        Compare each file with its SHA-256, where the manifest has it; --no-verify is for those in a hurry.
    allow_outside
        Read files outside the folder of the manifest, if it names some.
    """
    from withintask import results as of_panel
    from withintask.cli.larger import Asked, estimates_of_sums, is_streamed, read_whole
    from withintask.report.tables import kind_of

    kind = kind_of(out, format, force=force)
    show = partial(_show_estimates, kind=kind, out=out, plot=plot, force=force, summary=summary)
    if plot is not None:
        from withintask.report.style import fail_if_no_figure

        fail_if_no_figure(plot, force=force)
    of_rows: dict[str, object] = {"--recommended": recommended, "--distance": distance}
    of_rows |= {
        "--each-arm": each_arm,
        "--crossed": crossed,
        "--control": control,
        "--absorb": absorb,
        "--weight": weight,
    }
    asked = Asked(
        hypothesis=hypothesis,
        estimator=estimator,
        errors=errors,
        arm=arm,
        of_rows=of_rows,
        verify=verify,
        allow_outside=allow_outside,
    )
    if cells is not None or is_streamed(panel, engine):
        show(estimates_of_sums(panel, cells, asked))
        return
    whole, chosen = read_whole(panel, asked, recommended=recommended)
    result = of_panel.estimate(
        whole,
        hypotheses=hypothesis or (),
        estimators=(*(estimator or ()), *chosen),
        engine="reference" if engine == "reference" else "fast",
        arm=arm,
        each_arm=each_arm,
        errors=errors,
        distance=distance,
        crossed=crossed,
        controls=tuple(control or ()),
        absorb=tuple(absorb or ()),
        weight=weight,
    )
    show(result, arm=arm)


def _show_estimates(
    result: "Estimates",
    *,
    kind: str,
    out: Path | None,
    plot: Path | None,
    force: bool,
    summary: bool,
    arm: str = "",
) -> None:
    """Print estimates, or write them as asked; what a panel in memory shows stands around them."""
    from withintask.report.design import design_text
    from withintask.report.item_words import persistence_notes
    from withintask.report.tables import write_estimates
    from withintask.report.terminal import paragraphs
    from withintask.report.verbosity import remark

    if summary:
        print(result.summary())
    elif kind == "table" and result.is_in_memory:
        print(f"{paragraphs(design_text(result.panel)[0])}\n\n{result}")
        usable = set(result.filter(status="ok")["estimator"])
        first = [name for name in result.recommended if name in usable]
        notes = persistence_notes(result.panel, first, arm=arm)
        print(paragraphs(notes), end="\n" if notes else "")
    elif kind == "table":
        print(result)
    if kind != "table":
        write_estimates(result.frame, kind, out, recommended=result.recommended)
    if plot is not None:
        result.plot(path=plot, force=force)
        remark(f"{plot}: written")


@app.command
def results(
    data: list[Path], *, out: Path = Path("out/results"), store: Path | None = None
) -> None:
    """Estimate what can be estimated on the real data: published panels, occupations, required education.

    Parameters
    ----------
    data
        Folders of the published files, one or several.
    out
        Folder for the tables, the figures and the page.
    store
        Database of `withintask data build`; built from the folder if left out.
    """
    from withintask.report.results import run_results

    run_results(data, out, store)


@app.command
def designs(name: str = "") -> None:
    """List the data designs, or every field of one: value, unit and meaning.

    Parameters
    ----------
    name
        A design, a variant such as rct@typical, or a file of your own; its fields can be changed with --set.
    """
    from withintask.report.terminal import print_fields, print_rows
    from withintask.sim.design_fields import describe_fields
    from withintask.sim.designs import load_design, load_designs

    if name:
        rows = [
            (f.name, f.value, f.unit, f.meaning + (" Off." if f.is_off else ""))
            for f in describe_fields(load_design(name))
        ]
        print_fields(("field", "value", "unit", "what it is"), rows, title=f"Design {name}")
        return
    print_rows(
        ("number", "name", "what it is"),
        [(str(d.number), d.name, d.summary) for d in load_designs()],
    )


@app.command
def worlds() -> None:
    """List the reference world and its rivals."""
    from withintask.report.terminal import print_rows
    from withintask.sim.worlds import load_worlds

    print_rows(("name", "what it is"), [(w.name, w.summary) for w in load_worlds()])


@app.command
def matrix(
    *,
    out: Path = Path("out/matrix"),
    design: Annotated[list[str] | None, Parameter(negative="")] = None,
    world: Annotated[list[str] | None, Parameter(negative="")] = None,
    replicates: int = 1000,
    breakdown: int = 0,
    seed: int = 1,
    engine: Engine = "processes",
    workers: int = 2,
    dask: str = "",
    vary: Annotated[list[str] | None, Parameter(negative="")] = None,
    quick: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Compute the identification matrix: which design identifies which hypothesis, and why not.

    Parameters
    ----------
    out
        Folder for the ledger (resumable), the tables, the figure and the page.
    design
        Designs to judge, also variants such as rct@noisy or files of your own; the twelve if left out.
    world
        Files of worlds of your own, beside the packaged ones.
    replicates
        Replicates a world at which it ends; a design gets more than 25 only where they can decide a verdict.
    breakdown
        Replicates a size, such as 25, to find the size of each nuisance at which a cell is lost that is sound without it;
        0 for none.
    seed
        Seed of the study.
    engine
        How to run; results do not depend on it.
    workers
        Threads or processes.
    dask
        Address of a running scheduler, such as tcp://127.0.0.1:8786; instead of engine.
    vary
        Two axes, such as noise=0.15,0.5,0.75 and workers=60,240,960 (or items=…, any field of a design): the designs at
        every combination, in the reference world, without AI and in worlds of your own, as small maps of what they need.
    quick
        A first look, not to quote: 10 replicates a world, which can show what is wrong and never that nothing is.
    """
    from withintask.report.command import command_line
    from withintask.report.matrix import QUICK, run_matrix
    from withintask.sim.designs import load_design
    from withintask.sim.worlds import load_world
    from withintask.tests_of_model.harness.grid import parse_axes

    run_matrix(
        out,
        QUICK if quick else replicates,
        seed=seed,
        engine=engine,
        n_workers=workers,
        dask=dask,
        is_quick=quick,
        n_breakdown=0 if quick else breakdown,
        designs=[load_design(name) for name in design or ()],
        more_worlds=[load_world(name) for name in world or ()],
        axes=parse_axes(vary) if vary else {},
        command=command_line(
            "matrix",
            design=design,
            world=world,
            vary=vary,
            replicates=None if quick else replicates,
            breakdown=None if quick or not breakdown else breakdown,
            seed=seed,
            quick=quick,
        ),
    )


with_words_for_each(app)
