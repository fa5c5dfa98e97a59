"""Commands of `withintask sign`, `withintask evidence` and `withintask msm bank`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from withintask.sim.params import Params
    from withintask.tests_of_model.evidence.answers import Question
    from withintask.tests_of_model.evidence.simulated_panels import SimulatedPanels
    from withintask.tests_of_model.moments.bank import Bank
    from withintask.tests_of_model.moments.priors import Prior
    from withintask.tests_of_model.moments.targets import MomentTarget

Names = Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)]
Sizes = Annotated[list[float] | None, Parameter(negative="", consume_multiple=True)]


def bank(
    *,
    draws: int = 2**16,
    params: Path | None = None,
    priors: Path | None = None,
    replicates: int = 200,
    noise: float | None = None,
    seed: int = 0,
    cache: Path = Path("cache"),
    processes: int = 2,
    dask: str = "",
) -> None:
    """Draw parameters from the priors and compute their moments, and simulate the panels whose errors `withintask sign` takes, once.

    A killed run goes on where it stopped.

    Parameters
    ----------
    draws
        Draws, a power of two of at least 2048.
    params
        Values of the parameters without a prior; the baseline if left out.
    priors
        TOML file of priors; the packaged ones if left out.
    replicates, noise
        Simulated panels and the noise of their single outputs, as for `withintask sign`.
    seed
        Seed of the scrambled Sobol points.
    cache
        Folder of finished blocks.
    processes
        Processes; results do not depend on them.
    dask
        Address of a running scheduler, such as tcp://127.0.0.1:8786; instead of processes.
    """
    from withintask.report.bank import print_bank
    from withintask.report.progress import stages
    from withintask.sim.params import load_params
    from withintask.tests_of_model.harness.parallel import processes as pool
    from withintask.tests_of_model.moments.bank import make_bank
    from withintask.tests_of_model.moments.priors import load_prior

    with stages() as report, pool(processes, dask=dask) as executor:
        drawn = make_bank(
            load_params(params),
            load_prior(priors),
            n_draws=draws,
            seed=seed,
            folder=cache,
            executor=executor,
            on_progress=lambda done, total: report("blocks", done, total),
        )
        _simulated(drawn, (replicates, noise, cache), executor, report)
    print_bank(drawn)


def sign(
    *,
    target: Path | None = None,
    params: Path | None = None,
    priors: Path | None = None,
    fix: Names = None,
    sizes: Sizes = None,
    draws: int = 2**16,
    particles: int = 2**10,
    replicates: int = 200,
    noise: float | None = None,
    seed: int = 0,
    cache: Path = Path("cache"),
    out: Path = Path("out/sign"),
    processes: int = 2,
    dask: str = "",
) -> None:
    """Say what moments tell of the sign of ΔGini when ownership, rents, technology and the rest are not known.

    Parameters
    ----------
    target
        TOML file of moments with errors, any of m1 to m11; if left out, m1 to m5 of the parameters, with the errors
        of a panel that links everything.
    params
        Parameters behind those moments, and values of what has no prior; the baseline if left out.
    priors
        TOML file of priors; the packaged ones if left out.
    fix
        Parameters taken as known, such as own_gini=0.75 asset_gini=0.75.
    sizes
        Panel sizes as multiples of that panel's 7,200 workers; 1, 16 and 256 if left out.
    draws
        Draws of the bank.
    particles
        Draws of each posterior where few of the bank count.
    replicates
        Simulated panels from which errors are taken.
    noise
        Noise of single outputs in that panel, log points: errors are then those of moments freed of the estimators' bias, and
        a second rater of every output is among the measurements. The design's own, and no such correction, if left out.
    seed
        Seed of the moves.
    cache
        Folder of finished parts.
    out
        Folder for the tables.
    processes
        Processes; results do not depend on them.
    dask
        Address of a running scheduler, such as tcp://127.0.0.1:8786; instead of processes.
    """
    from withintask.report.bank import print_quadrature
    from withintask.report.progress import stages
    from withintask.report.sign import print_tables, write_tables
    from withintask.sim.params import load_params
    from withintask.tests_of_model.evidence.answers import answer
    from withintask.tests_of_model.harness.kept import Stages
    from withintask.tests_of_model.harness.parallel import processes as pool
    from withintask.tests_of_model.harness.settings import parse_values
    from withintask.tests_of_model.moments.bank import make_bank

    base, known = load_params(params), parse_values(fix or [], "--fix")
    prior, given = _checked(priors, target, known)
    with stages() as report, pool(processes, dask=dask) as executor:
        drawn = make_bank(
            base,
            prior,
            n_draws=draws,
            folder=cache,
            executor=executor,
            on_progress=lambda done, total: report("bank", done, total),
        )
        asked = given or _simulated(drawn, (replicates, noise, cache), executor, report)
        question = replace(
            _question(drawn, asked, base), fixed=known, n_particles=particles, seed=seed
        )
        question = replace(question, sizes=sizes or question.sizes)
        tables = answer(
            question,
            stages=Stages(folder=cache.resolve(), key=question.key()),
            executor=executor,
            on_progress=lambda done, total: report("answers", done, total),
        )
    _print_held(drawn.prior.names, known)
    print_tables(tables)
    print_quadrature(drawn)
    write_tables(tables, out)


def _checked(
    priors: Path | None, target: Path | None, known: "Mapping[str, float]"
) -> "tuple[Prior, MomentTarget | None]":
    """Read priors and targets, and refuse what no answer could be had from, before anything is drawn."""
    from withintask.tests_of_model.moments.priors import load_prior
    from withintask.tests_of_model.moments.reweight import fail_if_without_errors
    from withintask.tests_of_model.moments.targets import load_target

    prior = load_prior(priors)
    prior.without(tuple(known))
    given = None if target is None else load_target(target)
    if given is not None:
        fail_if_without_errors(given)
    return prior, given


def _simulated(
    drawn: "Bank",
    settings: "tuple[int, float | None, Path]",
    executor: "Executor | None",
    report: "Callable[[str, int, int], None]",
) -> "SimulatedPanels":
    """Errors of the simulated panel and of better ones, and what rivals do to it."""
    from withintask.sim.worlds import load_worlds
    from withintask.tests_of_model.evidence.simulated_panels import simulated_panels

    replicates, noise, cache = settings
    return simulated_panels(
        drawn,
        load_worlds(),
        n_replicates=replicates,
        noise=noise,
        folder=cache,
        executor=executor,
        on_progress=lambda done, total: report("panels", done, total),
    )


def _print_held(names: "Sequence[str]", known: "Mapping[str, float]") -> None:
    """Say which parameters are free, and at what the others are held."""
    print(f"free: {', '.join(name for name in names if name not in known)}")
    if known:
        values = ", ".join(f"{name} = {value:g}" for name, value in known.items())
        print(f"taken as known: {values}")
    print("all other parameters are held at their values")


def _question(drawn: "Bank", given: "MomentTarget | SimulatedPanels", base: "Params") -> "Question":
    """Everything packaged that can be asked of targets; of the simulated panel its sizes, better ones and rivals too."""
    from withintask.sim.policies import load_policies
    from withintask.sim.worlds import load_worlds
    from withintask.tests_of_model.evidence.answers import SIZES, Question
    from withintask.tests_of_model.evidence.measurements import load_measurements
    from withintask.tests_of_model.moments.targets import MomentTarget

    is_target = isinstance(given, MomentTarget)
    asked = Question(
        bank=drawn,
        target=given if isinstance(given, MomentTarget) else given.target,
        truth=None if is_target else base,
        sizes=SIZES[:1] if is_target else SIZES,
        measurements=load_measurements(),
        policies=load_policies(),
        worlds=load_worlds(),
    )
    if isinstance(given, MomentTarget):
        return asked
    return replace(asked, panels=given.better, rivals=given.rivals)


def evidence(
    *, file: Path | None = None, params: Path | None = None, out: Path = Path("out/evidence")
) -> None:
    """Print published estimates, what they say of the moments and what they pool to; write forest.svg and pooled.toml.

    Parameters
    ----------
    file
        TOML file of estimates; the packaged ones if left out.
    params
        Parameters of the economy through which gains of groups are read; the baseline if left out.
    out
        Folder for evidence.csv, forest.svg and pooled.toml, which `withintask sign --target` takes.
    """
    from withintask.panel.escape import save_csv
    from withintask.report.sign import forest_plot, print_pooled
    from withintask.report.terminal import print_rows
    from withintask.sim.params import load_params
    from withintask.tests_of_model.evidence.pooled import (
        load_evidence,
        mapped,
        pooled_moments,
        pooled_target,
    )
    from withintask.tests_of_model.moments.targets import save_target

    table = mapped(load_evidence(file), load_params(params))
    rows = [
        (
            row["name"],
            row["moment"] or "",
            "" if row["value"] is None else f"{row['value']:+.3f}",
            "" if row["std_error"] is None else f"{row['std_error']:.3f}",
            "yes" if row["moves"] else f"no: {row['why_not']}",
            row["status"],
            row["study"],
        )
        for row in table.iter_rows(named=True)
    ]
    print_rows(
        ("estimate", "moment", "value", "std. error", "moves a target", "status", "study"), rows
    )
    pooled = pooled_moments(table)
    print_pooled(pooled)
    save_csv(out / "evidence.csv", table)
    forest_plot(table, pooled, out / "forest.svg")
    if pooled:
        save_target(pooled_target(pooled), out / "pooled.toml")
    print(f"\n{out}: evidence.csv, forest.svg, pooled.toml")
