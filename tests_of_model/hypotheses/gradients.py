"""Gains of workers, log output after AI minus before it, one a worker and task; and their gradient in ability."""

from dataclasses import replace

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.transform import lookup
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.regression.options import Effects, Instruments, Options
from withintask.tests_of_model.regression.two_way_errors import fit_two_way
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.task_gains import (
    WorkerTaskGains,
    other_tasks_before,
    worker_task_gains,
)
from withintask.tests_of_model.samples.unknown import joined, left_out

_WORKER_COLUMNS = ("ability_log", "ability_retest_log", "educ_cog", "educ_soc")


def gradient_of_ability(sample: Sample, *, instrumented: bool) -> tuple[Estimate, ...]:
    """Regress gains on measured ability and schooling, treated minus control workers, within firm, task and arm.

    Parameters
    ----------
    sample
        Of a panel with outputs, access, and the workers' ability and schooling.
    instrumented
        Use the second measurement of ability as the instrument of the first.

    Returns
    -------
    tuple of Estimate
        H1b, in log points of output a log point of ability; or why it could not be estimated.
    """
    pairs = worker_task_gains(sample.task_rows)
    measured = (
        lookup(pairs.worker_ids, "worker_id", sample.panel.workers, _WORKER_COLUMNS)
        .fill_null(float("nan"))
        .to_numpy()
    )
    ability, retest = measured[:, 0], measured[:, 1]
    skill = pairs.rows.skill
    education = np.where(skill == 1, measured[:, 3], measured[:, 2])
    fields = {"skill": skill >= 0, "ability": np.isfinite(ability)}
    fields["educ_soc" if (skill == 1).all() else "educ_cog"] = np.isfinite(education)
    if instrumented:
        fields["retest"] = np.isfinite(retest)
    known = np.logical_and.reduce(list(fields.values()))
    note = joined(pairs.message, left_out(fields, "worker-task pairs"))
    return _fit(
        sample.options,
        replace(pairs.take(known), message=note),
        ability[known],
        education[known],
        retest[known] if instrumented else None,
    )


def gradient_of_output(sample: Sample) -> tuple[Estimate, ...]:
    """Estimate the gradient where ability is not measured: output before AI on half of the other tasks stands in.

    The other half is its instrument.

    Returns
    -------
    tuple of Estimate
        As for :func:`gradient_of_ability`.
    """
    rows = sample.task_rows
    pairs = worker_task_gains(rows)
    first, second = other_tasks_before(rows, pairs)
    known = np.isfinite(first) & np.isfinite(second)
    if not known.any():
        reason = "no worker's output before AI is seen on two other tasks, to stand in for ability and as instrument"
        return (failure("ability_gradient", "unusable", reason),)
    return _fit(sample.options, pairs.take(known), first[known], None, second[known])


def _fit(
    options: Options,
    pairs: WorkerTaskGains,
    ability: Array,
    education: Array | None,
    instrument: Array | None,
) -> tuple[Estimate, ...]:
    """Regress gains on ability, in the treated arm beyond the control arm."""
    if not np.isfinite(pairs.gain).any():
        return (
            failure(
                "ability_gradient", "unusable", "no worker is seen on one task before and after AI"
            ),
        )
    treated = pairs.arm.astype(np.float64)
    own = {"ability": ability, **({} if education is None else {"education": education})}
    own |= {f"control {k}": column for k, column in enumerate(pairs.rows.controls.T)}
    regressors = {f"treated_{name}": treated * values for name, values in own.items()} | own
    if not (pairs.arm == 0).any():
        regressors = {
            name: values for name, values in regressors.items() if name.startswith("treated")
        }
    endogenous = (
        [name for name in regressors if name.endswith("ability")] if instrument is not None else []
    )
    columns = {"treated_ability": treated, "ability": np.ones_like(treated)}
    instruments = (
        None
        if instrument is None
        else np.column_stack([instrument * columns[n] for n in endogenous])
    )
    fitted = fit_two_way(
        pairs.gain,
        np.column_stack(list(regressors.values())),
        names=list(regressors),
        clusters=pairs.clusters,
        options=options,
        effects=Effects(
            absorb=[encode(pairs.group, pairs.arm)], weights=pairs.time_share * pairs.rows.weight
        ),
        instruments=Instruments(endogenous=endogenous, excluded=instruments),
    )
    return from_fit(fitted, {"ability_gradient": "treated_ability"}, message=pairs.message)
