"""Commands of `withintask sign`, `withintask evidence` and `withintask msm bank`."""

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

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
    from withintask.sim.worlds import load_worlds
    from withintask.tests_of_model.evidence.simulated_panels import simulated_panels
    from withintask.tests_of_model.harness.parallel import processes as pool
    from withintask.tests_of_model.moments.bank import make_bank
    from withintask.tests_of_model.moments.priors import load_prior

    base, prior = load_params(params), load_prior(priors)
    with stages() as report, pool(processes, dask=dask) as executor:
        drawn = make_bank(
            base,
            prior,
            n_draws=draws,
            seed=seed,
            folder=cache,
            executor=executor,
            on_progress=partial(report, "bank"),
        )
        simulated_panels(
            drawn,
            load_worlds(),
            n_replicates=replicates,
            noise=noise,
            folder=cache,
            executor=executor,
            on_progress=partial(report, "panels"),
        )
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
    from withintask.report.sign import print_tables
    from withintask.report.sign_words import held_words
    from withintask.sign_results import sign as answer_sign
    from withintask.sim.params import load_params
    from withintask.tests_of_model.harness.parallel import processes as pool
    from withintask.tests_of_model.harness.settings import parse_values
    from withintask.tests_of_model.moments.priors import load_prior
    from withintask.tests_of_model.moments.targets import load_target

    with stages() as report, pool(processes, dask=dask) as executor:
        result = answer_sign(
            None if target is None else load_target(target),
            load_params(params),
            prior=load_prior(priors),
            fixed=parse_values(fix or [], "--fix"),
            sizes=sizes or (),
            n_draws=draws,
            n_particles=particles,
            n_panels=replicates,
            noise=noise,
            seed=seed,
            cache=cache,
            executor=executor,
            on_progress=report,
        )
    print("\n".join(held_words(result.bank.prior.names, result.fixed)))
    print_tables(result.tables)
    print_quadrature(result.bank)
    print(f"\n{result.write(out).parent}: tables")


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
