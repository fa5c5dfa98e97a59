"""Sampling covariance of the moments in a panel that links everything, from replicates of the simulated design."""

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.atomic import save_text
from withintask.panel.errors import EstimationError, ModelError, SourceError
from withintask.sim.design import Design
from withintask.sim.designs import design_hash, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, params_hash
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.moments.moments import economy_moments
from withintask.tests_of_model.moments.of_panel import OF_PANEL, estimator_of, panel_moments

DESIGN = "everything-linked"
"""The design that holds all tables."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelNoise:
    """Spread of the estimated moments over replicates of one design."""

    design: Design
    """Sizes at which it holds; the covariance falls in proportion when all sizes grow alike."""
    covariance: Array
    """Of m1 to m5, (moment, moment)."""
    bias: Array
    """Mean estimate less truth, (moment,)."""
    n_replicates: int
    """Replicates."""
    key: str
    """Names the parameters, the design, the estimators and the seed."""

    @property
    def std_error(self) -> Array:
        """Standard deviations, (moment,)."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))

    def at(self, size: float) -> Array:
        """Covariance for a panel this many times as large, in workers, firms, occupations and postings alike."""
        return np.asarray(self.covariance / size)


def panel_noise(
    params: Params,
    *,
    n_replicates: int,
    seed: int = 0,
    cache: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PanelNoise:
    """Simulate the everything-linked design and estimate m1 to m5 in each replicate.

    Parameters
    ----------
    params
        Parameters of the economy.
    n_replicates
        Replicates; the covariance has a relative error of about √(2/n).
    seed
        Seed of the study.
    cache
        Folder where the covariance is kept, and taken from if parameters, design, estimators and seed are the same.
    on_progress
        Called with replicates done and in all.

    Raises
    ------
    EstimationError
        If any replicate gives no estimate; nothing is dropped.
    SourceError
        If the file that should hold the covariance does not.
    """
    design = load_design(DESIGN)
    key = _key(params, design, seed)
    path = None if cache is None else cache / f"panel_noise_{key[:16]}.toml"
    stored = None if path is None else _stored(path, key, design, n_replicates)
    if stored is not None:
        return stored
    economy = solve_economy(params)
    estimates = []
    for replicate in range(n_replicates):
        try:
            estimates.append(
                panel_moments(
                    simulate(economy, design, draw_shocks(design, seed=seed, replicate=replicate))
                )
            )
        except ModelError as error:
            raise EstimationError(
                f"panel noise: replicate {replicate} gave no estimate; {error}"
            ) from error
        if on_progress is not None:
            on_progress(replicate + 1, n_replicates)
    table = np.array(estimates)
    found = PanelNoise(
        design=design,
        covariance=np.cov(table, rowvar=False),
        bias=table.mean(axis=0) - economy_moments(economy, OF_PANEL),
        n_replicates=n_replicates,
        key=key,
    )
    if path is not None:
        save_noise(found, path)
    return found


def save_noise(noise: PanelNoise, path: Path) -> None:
    """Write the covariance as TOML."""
    rows = [f"  [{', '.join(repr(float(v)) for v in row)}]," for row in noise.covariance]
    lines = [
        f"# Covariance of the estimates of {', '.join(OF_PANEL)} in the design {DESIGN}, over simulated replicates.",
        "# Written by `withintask msm noise`; used while key fits parameters, design and estimators.",
        f'key = "{noise.key}"',
        f"n_replicates = {noise.n_replicates}",
        f"n_workers = {noise.design.n_workers}",
        f"bias = [{', '.join(repr(float(v)) for v in noise.bias)}]",
        "covariance = [",
        *rows,
        "]",
    ]
    save_text(path, "\n".join(lines) + "\n")


def _stored(path: Path, key: str, design: Design, n_replicates: int) -> PanelNoise | None:
    if not path.is_file():
        return None
    try:
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
        found = PanelNoise(
            design=design,
            covariance=np.array(entry["covariance"]),
            bias=np.array(entry["bias"]),
            n_replicates=entry["n_replicates"],
            key=entry["key"],
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise SourceError(
            f"{path}: expected a covariance of {DESIGN}; {error}. Delete it and run again"
        ) from error
    return found if found.key == key and found.n_replicates >= n_replicates else None


def _key(params: Params, design: Design, seed: int) -> str:
    estimators = tuple(
        (estimator_of(name)[0].name, estimator_of(name)[0].version) for name in OF_PANEL
    )
    return hashlib.sha256(
        repr((params_hash(params), design_hash(design), seed, estimators)).encode()
    ).hexdigest()
