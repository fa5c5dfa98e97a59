"""Commands of `withintask msm` and `withintask headline`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from withintask.sim.params import Params
    from withintask.tests_of_model.moments.fit import MsmFit

app = App(
    name="msm", help="Fit the model's parameters to moments, and say what the moments identify."
)

Weight = Literal["diagonal", "optimal", "identity"]
Names = Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)]


@app.command
def fit(
    *,
    target: str = "illustrative",
    panel: Path | None = None,
    verify: bool = True,
    simulated: int = 200,
    params: Path | None = None,
    moments: Names = None,
    free: Names = None,
    weight: Weight = "diagonal",
    starts: int = 20,
    seed: int = 0,
    profile: Names = None,
    must_reach: Annotated[bool, Parameter(negative="")] = False,
    processes: int = 2,
    dask: str = "",
    out: Path | None = None,
) -> None:
    """Fit parameters to targets and print them with errors, roots and weak directions.

    Parameters
    ----------
    target
        TOML file of targets, or illustrative.
    panel
        Folder or database of a panel: its m1 to m5 are the targets, freed of their estimators' bias by what these give in
        simulated panels of its design and noise; what is fitted to its estimates as they are, and the posterior, stand beside.
    verify
        Compare each file of the panel with its SHA-256, where the manifest has it.
    simulated
        Panels to simulate for that.
    params
        TOML file of start and fixed parameters; the baseline if left out.
    moments
        Moments to use, such as m1 m2; all of the target if left out.
    free
        Free parameters; ai_floor, ai_multiplicative, substitution, credential_cost_scale, proprietary and rent_sharing
        if left out (with a panel and all its moments the first five).
    weight
        Weights of the moments.
    starts, seed
        Number of starts, and seed of all but the first.
    profile
        Parameters whose profile interval is wanted.
    must_reach
        Fail if as many parameters as moments cannot meet the targets.
    processes
        Processes; results do not depend on them.
    dask
        Address of a running scheduler, such as tcp://127.0.0.1:8786; instead of processes.
    out
        Folder for tables and the ledger of starts; a killed fit goes on from there.
    """
    from functools import partial

    from withintask.report.fit import print_fit, write_fit
    from withintask.report.progress import stages
    from withintask.sim.params import load_params
    from withintask.tests_of_model.harness.parallel import processes as pool
    from withintask.tests_of_model.moments.errors import fail_if_not_free, profile_interval
    from withintask.tests_of_model.moments.fit import fit_msm
    from withintask.tests_of_model.moments.free_parameters import FREE
    from withintask.tests_of_model.moments.targets import load_target

    start = load_params(params)
    movable = free or (FREE if panel is None else FREE[:-1])
    fail_if_not_free(profile or [], movable)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with stages() as report, pool(processes, dask=dask) as executor:
        compute = partial(
            fit_msm,
            weight=weight,
            n_starts=starts,
            seed=seed,
            must_reach=must_reach,
            on_progress=lambda done, total: report("starts", done, total),
        )
        if panel is None:
            loaded = load_target(target)
            wanted = loaded.take(moments) if moments else loaded
            ledger = None if out is None else out / "starts.json"
            fitted = compute(wanted, start, free=movable, executor=executor, ledger=ledger)
        else:
            asked = (moments, movable, simulated, verify)
            fitted = _fit_panel(panel, start, asked, compute, executor, report)
    intervals = [
        profile_interval(fitted.problem, fitted.best.point, name) for name in profile or []
    ]
    print_fit(fitted, is_illustrative=fitted.problem.target.is_illustrative, profiles=intervals)
    if out is not None:
        write_fit(fitted, out)


def _fit_panel(
    panel: Path,
    start: "Params",
    asked: "tuple[Sequence[str] | None, Sequence[str], int, bool]",
    compute: "Callable[..., MsmFit]",
    executor: "Executor | None",
    report: "Callable[[str, int, int], None]",
) -> "MsmFit":
    """Fit to a panel in three ways and print them; the fit by indirect inference is returned."""
    from withintask.report.fit import print_binding, print_panel_fit
    from withintask.tests_of_model.moments.indirect import bind_panel
    from withintask.tests_of_model.moments.panel_fit import fit_panel

    moments, movable, simulated, verify = asked
    bound = bind_panel(
        panel,
        start,
        moments,
        verify=verify,
        n_panels=simulated,
        executor=executor,
        on_progress=lambda done, total: report("simulated panels", done, total),
    )
    print_binding(bound)
    ways = fit_panel(bound, start, free=movable, fit=compute, executor=executor)
    print_panel_fit(ways)
    return ways.fit


@app.command
def sensitivity(
    *,
    target: str = "illustrative",
    params: Path | None = None,
    free: Names = None,
    moments: Names = None,
    starts: int = 4,
    out: Path | None = None,
) -> None:
    """Fit, then print how each moment moves each parameter and ΔGini.

    Parameters
    ----------
    target, params, free, moments, starts
        As for fit.
    out
        File to write besides; its suffix is the format: csv, parquet, json, xlsx, dta.
    """
    import polars as pl

    from withintask.report.fit import print_sensitivity
    from withintask.report.tables import kind_of_rows, write_rows
    from withintask.sim.params import load_params
    from withintask.tests_of_model.moments.fit import fit_msm
    from withintask.tests_of_model.moments.free_parameters import FREE
    from withintask.tests_of_model.moments.sensitivity import sensitivity as compute
    from withintask.tests_of_model.moments.targets import load_target

    kind = kind_of_rows(out)
    wanted = load_target(target)
    chosen = wanted.take(moments) if moments else wanted
    table = compute(
        fit_msm(chosen, load_params(params), free=free or FREE, n_starts=starts)
    ).table()
    print_sensitivity(table)
    if out is not None:
        write_rows(table.with_columns(pl.col("row").cast(pl.String)), kind, out)


@app.command
def moments(
    panel: Path,
    *,
    out: Path,
    only: Names = None,
    draws: int = 200,
    seed: int = 1,
    verify: bool = True,
) -> None:
    """Estimate m1 to m5 from a panel, with their covariance by cluster bootstrap, and write them as targets.

    Parameters
    ----------
    panel
        Folder or database of a panel that links outputs, pay, firms and postings.
    out
        TOML file of targets to write.
    only
        Moments wanted; m1 to m5 if left out.
    draws, seed
        Bootstrap draws of firms, of occupations and of teams, and their seed.
    verify
        As for fit.
    """
    from withintask.panel.store import read_panel
    from withintask.report.progress import stages
    from withintask.report.terminal import print_rows
    from withintask.tests_of_model.moments.of_panel import OF_PANEL, panel_target
    from withintask.tests_of_model.moments.targets import save_target

    with stages() as report:
        estimated = panel_target(
            read_panel(panel, verify=verify),
            only or OF_PANEL,
            seed=seed,
            n_draws=draws,
            on_progress=lambda done, total: report("bootstrap", done, total),
        )
    save_target(estimated, out)
    rows = zip(estimated.names, estimated.value, estimated.std_error, strict=True)
    print_rows(
        ("moment", "estimate", "std. error"), [(n, f"{v:+.5f}", f"{e:.5f}") for n, v, e in rows]
    )
    print(f"{out}: targets with their covariance")


@app.command
def noise(
    *,
    replicates: int = 400,
    seed: int = 0,
    params: Path | None = None,
    out: Path,
    processes: int = 2,
    dask: str = "",
) -> None:
    """Simulate the everything-linked design and write the covariance of its estimates of m1 to m5.

    Parameters
    ----------
    replicates, seed
        Replicates and their seed.
    params
        Parameters; the baseline if left out.
    out
        Folder for panel_noise.toml, and for the ledger from which a killed run goes on.
    processes
        Processes; results do not depend on them.
    dask
        Address of a running scheduler, such as tcp://127.0.0.1:8786; instead of processes.
    """
    from withintask.report.progress import stages
    from withintask.sim.params import load_params
    from withintask.tests_of_model.harness.parallel import processes as pool
    from withintask.tests_of_model.moments.noise import panel_noise, save_noise
    from withintask.tests_of_model.moments.of_panel import OF_PANEL

    with stages() as report, pool(processes, dask=dask) as executor:
        spread = panel_noise(
            load_params(params),
            n_replicates=replicates,
            seed=seed,
            executor=executor,
            ledger=out / "ledger",
            on_progress=lambda done, total: report("panels", done, total),
        )
    save_noise(spread, out / "panel_noise.toml")
    for name, error, bias in zip(OF_PANEL, spread.std_error, spread.bias, strict=True):
        print(f"{name}: standard deviation {error:.5f}, bias {bias:+.5f}")
    print(f"{out}: panel_noise.toml")


def headline(
    *,
    out: Path = Path("out/headline"),
    target: str = "illustrative",
    params: Path | None = None,
    processes: int = 2,
    dask: str = "",
    quick: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write the headline page: what the moments identify, how open the sign of ΔGini is, which claims hold.

    Parameters
    ----------
    out
        Folder for index.html, figures and tables.
    target
        TOML file of six targets with ranges, or illustrative.
    params
        TOML file of start and fixed parameters; the baseline if left out.
    processes
        Processes; results do not depend on them.
    dask
        Address of a running scheduler, such as tcp://127.0.0.1:8786; instead of processes.
    quick
        A coarse first look in about a minute.
    """
    from withintask.report.claims import statement
    from withintask.report.headline import run_headline

    page = run_headline(
        out, target=target, params=params, n_processes=processes, dask=dask, is_quick=quick
    )
    for claim in page.claims:
        print(f"{claim.verdict:>14}  {statement(claim)}")
    print(f"{out / 'index.html'}")
