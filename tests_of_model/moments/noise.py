"""Sampling covariance of the moments in a panel that links everything: a study of replicates of the simulated design."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.atomic import save_text
from withintask.panel.errors import EstimationError, list_problems
from withintask.sim.design import Design
from withintask.sim.designs import load_design
from withintask.sim.params import Params
from withintask.sim.worlds import REFERENCE, World
from withintask.tests_of_model.harness.replicate import Study, plan, replicate
from withintask.tests_of_model.hypotheses.hypothesis import OK
from withintask.tests_of_model.moments.moments import moment
from withintask.tests_of_model.moments.of_panel import OF_PANEL, estimator_of

DESIGN = "quiet"
"""The design that holds all tables, with hardly any noise: ``quiet.toml``."""
_UNCHANGED = World(name=REFERENCE, summary="the parameters as given", params={}, design={})
_USABLE = (OK, "no_variance")
"""Statuses of an estimate whose value is good; the covariance needs no standard errors."""


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
    executor: Executor | None = None,
    ledger: Path | None = None,
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
    executor, ledger, on_progress
        As for :func:`withintask.tests_of_model.harness.replicate.replicate`.

    Raises
    ------
    EstimationError
        If any replicate gives no estimate; nothing is dropped.
    SourceError
        If a part of the ledger cannot be read.
    """
    design = quiet_design()
    study = noise_study(params, design, n_replicates=n_replicates, seed=seed)
    rows = replicate(study, executor=executor, ledger=ledger, on_progress=on_progress)
    return noise_of(rows, design)


@cache
def quiet_design() -> Design:
    """Return the design DESIGN."""
    resource = files("withintask.tests_of_model.moments").joinpath(f"{DESIGN}.toml")
    with as_file(resource) as path:
        return load_design(path)


def noise_study(params: Params, design: Design, *, n_replicates: int, seed: int) -> Study:
    """Lay out replicates of a design, estimated by the estimators that the moments trust."""
    estimators = dict.fromkeys(estimator_of(name)[0].name for name in OF_PANEL)
    return plan(
        params,
        [design],
        [_UNCHANGED],
        seed=seed,
        replicates=n_replicates,
        hypotheses=tuple(dict.fromkeys(moment(name).hypothesis for name in OF_PANEL)),
        estimators=tuple(estimators),
    )


def noise_of(rows: pl.DataFrame, design: Design) -> PanelNoise:
    """Covariance and bias of m1 to m5 over the replicates of a design.

    Parameters
    ----------
    rows
        Replicates of :func:`noise_study`.
    design
        The design that was run.

    Raises
    ------
    EstimationError
        Lists every replicate that gives no estimate of a moment.
    """
    by_moment = [_rows_of(rows, name) for name in OF_PANEL]
    _fail_if_gaps(by_moment)
    table = np.column_stack([part["estimate"].to_numpy() for part in by_moment])
    truth = np.array([part["truth"][0] for part in by_moment])
    return PanelNoise(
        design=design,
        covariance=np.cov(table, rowvar=False),
        bias=table.mean(axis=0) - truth,
        n_replicates=len(table),
    )


def save_noise(noise: PanelNoise, path: Path) -> None:
    """Write the covariance as TOML."""
    rows = [f"  [{', '.join(repr(float(v)) for v in row)}]," for row in noise.covariance]
    lines = [
        f"# Covariance of the estimates of {', '.join(OF_PANEL)} in the design {DESIGN}, over simulated replicates.",
        "# Written by `withintask msm noise`.",
        f"n_replicates = {noise.n_replicates}",
        f"n_workers = {noise.design.n_workers}",
        f"bias = [{', '.join(repr(float(v)) for v in noise.bias)}]",
        "covariance = [",
        *rows,
        "]",
    ]
    save_text(path, "\n".join(lines) + "\n")


def _rows_of(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Rows of a moment's estimator and term, by replicate."""
    estimator, term = estimator_of(name)
    return rows.filter(
        (pl.col("hypothesis") == moment(name).hypothesis)
        & (pl.col("estimator") == estimator.name)
        & (pl.col("term") == term)
    ).sort("replicate")


def _fail_if_gaps(by_moment: list[pl.DataFrame]) -> None:
    problems = [
        f"replicate {row['replicate']}, {name}, {row['estimator']}: {row['status']}, {row['message']}"
        for name, part in zip(OF_PANEL, by_moment, strict=True)
        for row in part.filter(
            ~pl.col("status").is_in(_USABLE) | ~pl.col("estimate").is_finite()
        ).iter_rows(named=True)
    ]
    if problems:
        raise EstimationError(list_problems("panel noise: no estimate", problems))
