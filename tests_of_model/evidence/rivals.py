"""Rival worlds that differ in what a panel records and not in the economy: how far estimates move there, and the odds that follow."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import ModelError
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, vary
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.worlds import World
from withintask.tests_of_model.harness.kept import NOT_KEPT, Stages
from withintask.tests_of_model.harness.parallel import run_all
from withintask.tests_of_model.moments.bank import Bank, features_at, place
from withintask.tests_of_model.moments.of_panel import OF_PANEL, panel_moments
from withintask.tests_of_model.moments.reweight import posterior, with_quadrature
from withintask.tests_of_model.moments.targets import MomentTarget
from withintask.tests_of_model.moments.weights import log_normal

_N_WORKERS = 2**12


@dataclass(frozen=True, kw_only=True, eq=False)
class Rival:
    """A world that changes what a panel records."""

    name: str
    """Its name."""
    says: str
    """What it changes."""
    has_ai: bool
    """Whether AI acts there; if not, moments are zero whatever the parameters."""
    shift: Array
    """Mean estimate there less that in the reference world at the same parameters, in errors taken off by pairs, (moment,)."""
    std_error: Array
    """Its Monte-Carlo error, (moment,)."""


def measured_rivals(
    base: Params,
    design: Design,
    worlds: Sequence[World],
    *,
    n_panels: int,
    seed: int = 0,
    stages: Stages = NOT_KEPT,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Rival, ...]:
    """Simulate pairs of panels, of the reference and of every world that changes what a panel records.

    Parameters
    ----------
    base
        Parameters.
    design
        Design of the panels; a world's switches are added to it.
    worlds
        Worlds; those without switches are left out, and those in which a panel gives no estimate.
    n_panels
        Pairs, with the same shocks.
    seed
        Seed.
    stages
        Where finished worlds are kept.
    executor, on_progress
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`.
    """
    rivals = [world for world in worlds if world.design]
    jobs = [
        _Job(base=base, design=design, world=world, n_panels=n_panels, seed=seed, stages=stages)
        for world in (None, *rivals)
    ]
    reference, *others = run_all(_estimates, jobs, executor=executor, on_progress=on_progress)
    found = []
    for world, estimates in zip(rivals, others, strict=True):
        if not len(estimates):
            continue
        gap = estimates - reference
        found.append(
            Rival(
                name=world.name,
                says=", ".join(f"{name} = {value}" for name, value in world.design.items()),
                has_ai=_capability(base, world) > 0,
                shift=gap.mean(axis=0),
                std_error=gap.std(axis=0, ddof=1) / np.sqrt(n_panels),
            )
        )
    return tuple(found)


def rival_rows(
    bank: Bank,
    target: MomentTarget,
    rivals: Sequence[Rival],
    *,
    reference: Mapping[str, float],
    n_particles: int,
    seed: int = 0,
) -> list[dict[str, object]]:
    """Log odds of every rival against the reference, under each prior.

    Parameters
    ----------
    bank
        The bank.
    target
        Moments with errors, as the reference world gives them.
    rivals
        From :func:`measured_rivals`.
    reference
        Log evidence of the reference under each prior, by name.
    n_particles, seed
        As for :func:`withintask.tests_of_model.moments.reweight.posterior`.

    Notes
    -----
    A rival with AI has the likelihood of the reference at moments moved by its shift; one without gives the same estimates
    whatever the parameters, those of the reference plus its shift.
    """
    at_base = features_at(bank.base, (), np.empty((1, 0)), n_workers=bank.n_workers)[0]
    rows: list[dict[str, object]] = []
    for rival in rivals:
        places = [OF_PANEL.index(name) for name in target.names]
        shift = rival.shift[places]
        if rival.has_ai:
            moved = target.with_value(target.value - shift)
            after = posterior(bank, moved, n_particles=n_particles, seed=seed, is_moved=False)
            logs = {name: after.log_evidence(name) for name in reference}
        else:
            given = at_base[[place(name) for name in target.names]] + shift
            alike = log_normal((given - target.value)[None], with_quadrature(bank, target))
            logs = dict.fromkeys(reference, float(alike[0]))
        odds = {name: logs[name] - value for name, value in reference.items()}
        rows.append({"world": rival.name, "fixes": rival.says, **odds})
    return rows


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    base: Params
    design: Design
    world: World | None
    n_panels: int
    seed: int
    stages: Stages


def _capability(base: Params, world: World) -> float:
    return float(world.params.get("capability", base.capability))


def _estimates(job: _Job) -> Array:
    """Estimates in every panel of a world, (panel, moment); none if one gives none."""
    name = "reference" if job.world is None else job.world.name

    def compute() -> pl.DataFrame:
        design, params = job.design, job.base
        if job.world is not None:
            design = change_design(design, **job.world.design)
            params = vary(params, capability=_capability(params, job.world))
        economy = solve_economy(params, n_workers=_N_WORKERS)
        try:
            rows = [
                panel_moments(
                    simulate(economy, design, draw_shocks(design, seed=job.seed, replicate=k)),
                    OF_PANEL,
                )
                for k in range(job.n_panels)
            ]
        except ModelError:
            rows = []
        return pl.DataFrame(
            np.array(rows).reshape(-1, len(OF_PANEL)), schema=dict.fromkeys(OF_PANEL, pl.Float64)
        )

    return job.stages.frame(f"rival_{name}", compute).to_numpy()
