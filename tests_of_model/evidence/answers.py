"""All answers on the sign of ΔGini: by panel size, further measurement, prior and rival world, with sets, policies and crossings."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.sim.params import Params
from withintask.sim.policies import Policy
from withintask.sim.worlds import World
from withintask.tests_of_model.evidence.levers import crossing_probabilities, policy_intervals
from withintask.tests_of_model.evidence.measurements import (
    EVERY,
    FEWEST,
    Measurement,
    by_measurement,
    given_measurement,
    truth_of,
    values_of_measurements,
)
from withintask.tests_of_model.evidence.profile_sets import gini_sets
from withintask.tests_of_model.evidence.rivals import Rival
from withintask.tests_of_model.evidence.sign import (
    by_prior,
    by_world,
    rises_by_prior,
    sign_row,
    with_size,
)
from withintask.tests_of_model.harness.kept import NOT_KEPT, Stages, stage_key
from withintask.tests_of_model.harness.parallel import run_all
from withintask.tests_of_model.moments.bank import DELTA_GINI_INCOME, Bank, features_at
from withintask.tests_of_model.moments.predictive import fail_if_out_of_reach
from withintask.tests_of_model.moments.reduced import REDUCED
from withintask.tests_of_model.moments.reweight import N_PARTICLES, Posterior, posterior
from withintask.tests_of_model.moments.targets import MomentTarget, make_target

SIZES = (1.0, 16.0, 256.0)
"""Panels asked about, as multiples of the one that errors are of."""
TWICE = "twice_larger_panel"
"""Name of the panel of twice the size among the measurements."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """What is asked."""

    bank: Bank
    """Draws of the prior."""
    target: MomentTarget
    """Moments with errors."""
    truth: Params | None
    """Parameters behind the moments, where they are known: then measurements are read at their true values."""
    sizes: Sequence[float] = (1.0,)
    """Panels, as multiples of the one whose covariance the target has."""
    fixed: Mapping[str, float] = field(default_factory=dict)
    """Parameters taken as known."""
    measurements: Sequence[Measurement] = ()
    """What may be measured besides."""
    panels: Mapping[str, Array] = field(default_factory=dict)
    """Better panels by name, with the covariance of the target's moments there."""
    policies: Sequence[Policy] = ()
    """Levers."""
    worlds: Sequence[World] = ()
    """Rival worlds."""
    rivals: Sequence[Rival] = ()
    """Those that change what a panel records, with what that does to its estimates."""
    n_particles: int = N_PARTICLES
    """Draws of a refined posterior."""
    seed: int = 0
    """Seed of the moves."""

    def key(self) -> str:
        """Hash of everything asked, and of the code."""
        covariance = None if self.target.covariance is None else self.target.covariance.tolist()
        truth = None if self.truth is None else asdict(self.truth)
        panels = {name: matrix.tolist() for name, matrix in self.panels.items()}
        inputs = (
            self.bank.key,
            len(self.bank.values),
            self.target.names,
            self.target.value.tolist(),
            covariance,
            truth,
            dict(self.fixed),
        )
        shifts = [(rival.name, rival.shift.tolist()) for rival in self.rivals]
        asked = (self.measurements, panels, self.policies, self.worlds, shifts)
        settings = (self.n_particles, self.seed)
        return stage_key(inputs, asked, settings)


def answer(
    question: Question,
    *,
    stages: Stages = NOT_KEPT,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, pl.DataFrame]:
    """Answer a question.

    Parameters
    ----------
    question
        What is asked.
    stages
        Where finished tables are kept; their key should be that of the question.
    executor, on_progress
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`.

    Returns
    -------
    dict of polars.DataFrame
        ``sizes``, ``priors`` and, as far as asked, ``measurements``, ``values``, ``policies``, ``crossings``, ``worlds``.

    Raises
    ------
    ParameterError
        If the targets are out of the prior's reach, before anything is computed.
    """
    fail_if_out_of_reach(question.bank, question.target)
    parts = run_all(_tables, _jobs(question, stages), executor=executor, on_progress=on_progress)
    merged: dict[str, list[pl.DataFrame]] = {}
    for part in parts:
        for name, frame in part.items():
            merged.setdefault(name, []).append(frame)
    tables = {name: pl.concat(frames, how="diagonal") for name, frames in merged.items()}
    return {
        name: table.sort("size", maintain_order=True) if "size" in table.columns else table
        for name, table in tables.items()
    }


_PANEL, _MEASURED, _WORLDS = "panel", "measured", "worlds"


def _jobs(question: Question, stages: Stages) -> list["_Job"]:
    """One job a posterior that others do not need, the longest first."""
    kinds = [(size, _PANEL) for size in question.sizes]
    if question.worlds and not question.fixed:
        kinds.insert(0, (question.sizes[0], _WORLDS))
    if question.measurements and question.truth is not None:
        kinds += [(size, _MEASURED) for size in question.sizes]
    return [_Job(question=question, stages=stages, size=size, kind=kind) for size, kind in kinds]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """Tables of one panel size, of one kind."""

    question: Question
    stages: Stages
    size: float
    kind: str

    @cached_property
    def after(self) -> Posterior:
        q = self.question
        target = with_size(q.target, self.size)
        return posterior(q.bank, target, fixed=q.fixed, n_particles=q.n_particles, seed=q.seed)


def _tables(job: _Job) -> dict[str, pl.DataFrame]:
    makers = {_PANEL: _of_panel, _MEASURED: _given_all, _WORLDS: _of_worlds}[job.kind](job)
    return {
        name: job.stages.frame(f"{name}_{job.kind}_{job.size:g}", compute)
        for name, compute in makers.items()
    }


def _sized(job: _Job, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.lit(job.size).alias("size"), pl.all())


def _of_panel(job: _Job) -> dict[str, Callable[[], pl.DataFrame]]:
    """Given the panel, and with one measurement more."""
    q = job.question
    makers: dict[str, Callable[[], pl.DataFrame]] = {
        "sizes": lambda: _sized(job, _size_row(job)),
        "priors": lambda: _sized(job, by_prior(job.after)),
    }
    if q.measurements and q.truth is not None:
        truth = _truth(q)
        makers["measurements"] = lambda: _sized(
            job, by_measurement(job.after, truth, q.measurements)
        )
    if job.size != q.sizes[0]:
        return makers
    panels = {TWICE: with_size(q.target, 2 * q.sizes[0]).covariance, **q.panels}
    better = {name: matrix for name, matrix in panels.items() if matrix is not None}
    if q.measurements:
        makers["values"] = lambda: values_of_measurements(job.after, q.measurements, better)
    if q.policies:
        makers["policies"] = lambda: policy_intervals(job.after, q.bank.base, q.policies)
    makers["crossings"] = lambda: crossing_probabilities(job.after, q.bank.base)
    return makers


def _given_all(job: _Job) -> dict[str, Callable[[], pl.DataFrame]]:
    """Given the panel and every measurement but the answer."""

    def row() -> pl.DataFrame:
        every = _all_measured(job.question, with_size(job.question.target, job.size))
        given = {"given": EVERY, **sign_row(every), **rises_by_prior(every)}
        return _sized(
            job, pl.DataFrame([given]).with_columns(is_thin=pl.col("n_effective") < FEWEST)
        )

    return {"measurements": row}


def _all_measured(q: Question, target: MomentTarget) -> Posterior:
    """Posterior given a panel and every measurement but ΔGini: moments as targets, the rest by reweighting."""
    truth = _truth(q)
    moments = [m for m in q.measurements if m.of in REDUCED and m.of not in target.names]
    assert target.covariance is not None
    variances = np.concatenate([np.zeros(len(target.names)), [m.std_error**2 for m in moments]])
    covariance = np.diag(variances)
    covariance[: len(target.names), : len(target.names)] = target.covariance
    wider = make_target(
        [*target.value, *(truth[m.of] for m in moments)],
        (*target.names, *(m.of for m in moments)),
        covariance=covariance,
        source="panel and measurements",
    )
    every = posterior(q.bank, wider, fixed=q.fixed, n_particles=q.n_particles, seed=q.seed)
    for measurement in q.measurements:
        if measurement not in moments and measurement.of != DELTA_GINI_INCOME:
            every = given_measurement(every, measurement, truth[measurement.of])
    return every


def _size_row(job: _Job) -> pl.DataFrame:
    sets = gini_sets(job.question.bank, job.after)
    row = {**sign_row(job.after), **rises_by_prior(job.after), **asdict(sets)}
    return pl.DataFrame([{**row, "n_bank": job.after.n_bank}])


def _of_worlds(job: _Job) -> dict[str, Callable[[], pl.DataFrame]]:
    q = job.question
    target = with_size(q.target, job.size)
    few = {"n_particles": q.n_particles // 2, "seed": q.seed}
    return {"worlds": partial(by_world, q.bank, target, q.worlds, rivals=q.rivals, **few)}


def _truth(question: Question) -> dict[str, float]:
    assert question.truth is not None
    features = features_at(question.truth, (), np.empty((1, 0)), n_workers=question.bank.n_workers)
    return truth_of(features[0], question.truth)
