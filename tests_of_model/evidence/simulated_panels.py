"""What simulated panels say before anything is asked: errors of their moments, those of better panels, and what rivals do to estimates."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.sim.designs import change_design
from withintask.sim.params import Params, params_hash
from withintask.sim.worlds import World
from withintask.tests_of_model.evidence.rivals import Rival, measured_rivals
from withintask.tests_of_model.harness.kept import NOT_KEPT, Stages, stage_key
from withintask.tests_of_model.moments.bank import Bank, features_at, place
from withintask.tests_of_model.moments.indirect import binding_at
from withintask.tests_of_model.moments.noise import panel_noise, quiet_design
from withintask.tests_of_model.moments.of_panel import OF_PANEL
from withintask.tests_of_model.moments.targets import MomentTarget, make_target

TWO_RATERS = "two_raters"
"""Name of the panel in which every output is rated by two."""


_REPLICATES_A_PAIR = 25
"""Replicates of the covariance to one pair of panels of every rival: pairs share their shocks, so that few serve."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedPanels:
    """The panel asked about, better ones, and rivals."""

    target: MomentTarget
    """m1 to m5 of the bank's base with the panel's errors."""
    better: dict[str, Array]
    """Better panels by name, with the covariance of the moments there."""
    rivals: tuple[Rival, ...]
    """Worlds that change what the panel records."""


def target_of(bank: Bank, params: Params, names: Sequence[str], covariance: Array) -> MomentTarget:
    """Make the moments of an economy the target of a panel with this covariance."""
    features = features_at(params, (), np.empty((1, 0)), n_workers=bank.n_workers)[0]
    return make_target(
        features[[place(name) for name in names]],
        names,
        covariance=covariance,
        source="moments of an economy, errors of a panel",
        status="exact",
    )


def simulated_panels(
    bank: Bank,
    worlds: Sequence[World] = (),
    *,
    n_replicates: int,
    noise: float | None,
    folder: Path | None = None,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> SimulatedPanels:
    """Make m1 to m5 of the bank's base the target of a panel that links everything, say what better panels would do, and what rivals do.

    Parameters
    ----------
    bank
        The bank.
    worlds
        Rival worlds; those that change what a panel records are simulated, if there are replicates enough.
    n_replicates
        Simulated panels.
    noise
        Noise of single outputs, log points: errors are those of moments freed of bias, and a second rater is a better panel.
        The design's own noise, and estimates as they are, if None.
    folder
        Where finished parts are kept.
    executor, on_progress
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`.
    """
    key = stage_key("simulated panels", params_hash(bank.base), bank.prior, n_replicates, noise)
    stages = NOT_KEPT if folder is None else Stages(folder=folder, key=key)

    def matrix(level: float | None) -> Array:
        def compute() -> pl.DataFrame:
            found = _covariance(bank, level, n_replicates, folder, executor, on_progress)
            return pl.DataFrame(found, schema=dict.fromkeys(OF_PANEL, pl.Float64))

        return stages.frame(f"covariance_{level}", compute).to_numpy()

    design = quiet_design()
    return SimulatedPanels(
        target=target_of(bank, bank.base, OF_PANEL, matrix(noise)),
        better={} if noise is None else {TWO_RATERS: matrix(noise / np.sqrt(2))},
        rivals=measured_rivals(
            bank.base,
            design if noise is None else change_design(design, output_noise=noise),
            worlds if n_replicates >= 2 * _REPLICATES_A_PAIR else (),
            n_panels=n_replicates // _REPLICATES_A_PAIR,
            stages=stages,
            executor=executor,
            on_progress=on_progress,
        ),
    )


def _covariance(
    bank: Bank,
    noise: float | None,
    n_replicates: int,
    folder: Path | None,
    executor: Executor | None,
    on_progress: Callable[[int, int], None] | None,
) -> Array:
    """Errors of m1 to m5 in a panel, (moment, moment)."""
    if noise is None:
        ledger = None if folder is None else folder / "panel_noise"
        return panel_noise(
            bank.base,
            n_replicates=n_replicates,
            executor=executor,
            ledger=ledger,
            on_progress=on_progress,
        ).covariance
    return binding_at(
        bank.base,
        bank.prior,
        noise,
        n_panels=n_replicates,
        executor=executor,
        on_progress=on_progress,
    ).target_covariance
