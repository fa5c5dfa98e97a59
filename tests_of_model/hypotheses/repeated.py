"""Dispersion without the noise of measurement, where output is seen more than once before and after AI."""

from dataclasses import replace

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.dispersion import (
    Cells,
    GroupEffects,
    fit_effects,
    make_cells,
)
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.samples.arms import find_arms
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.task_rows import TaskRows, firm_task, is_exposed, usable
from withintask.tests_of_model.samples.unknown import earliest, joined

TERM = "delta_log_mean_variance"
_SLOTS = 4
"""Two arms, before and after."""


def variance_net_of_noise(sample: Sample) -> tuple[Estimate, ...]:
    """Estimate the change of the log of the within-firm variance of log output net of noise, by access.

    Parameters
    ----------
    sample
        Of a panel with output and access over several periods.

    Returns
    -------
    tuple of Estimate
        One row: log points, arm with access less arm without, after less before; or why it could not be estimated.

    Notes
    -----
    A worker's mean log output on a task over T periods of one side has the variance among workers plus that of noise over
    T. The latter is estimated from the worker's own periods and taken off, as in a one-way analysis of variance; noise must
    be independent over periods, and what truly changes between the periods of one side counts as noise. Variances are
    pooled over the firms of a task before the log is taken, since the net variance of ten workers may be negative.
    """
    rows, note = usable(sample.task_rows, "firm", "exposure", "time_share", "access")
    arms = find_arms(rows, rows.access)
    if arms.problem:
        raise EstimationError(arms.problem)
    chosen = is_exposed(rows) & (arms.arm >= 0)
    means, noise, arm = _means(rows.take(chosen), arms.arm[chosen])
    if means.is_post.all() or not means.is_post.any():
        reason = "no worker's output on a task is seen twice before and twice after AI"
        return (failure(TERM, "unusable", reason),)
    cells = make_cells(means.task, arm, means.is_post.astype(np.int64), means.is_post)
    effects = _effects(means, cells, noise)
    try:
        fitted = fit_effects(means, cells, effects, options=sample.options)
    except EstimationError as error:
        return (failure(TERM, "unusable", str(error)),)
    return from_fit(fitted, {TERM: "effect"}, message=joined(note, effects.message))


def _means(rows: TaskRows, arm: Codes) -> tuple[TaskRows, Array, Codes]:
    """One row a worker, task and side with two periods or more: geometric mean of output, and noise of its log."""
    unit = encode(encode(rows.worker, rows.task), rows.is_post.astype(np.int64))
    count = np.bincount(unit, rows.count)
    mean = np.bincount(unit, rows.count * rows.log_output) / count
    square = np.bincount(unit, rows.count * (rows.log_output - mean[unit]) ** 2)
    if rows.log_square is not None:
        square = square + np.bincount(unit, rows.log_square)
    first = earliest(unit, rows.period, rows.firm)
    several = count > 1
    noise = square[several] / (count[several] - 1) / count[several]
    means = replace(rows, n_rows=None, log_square=None).take(first[several])
    means = means.with_output(np.exp(mean[several]))
    return means, noise, arm[first[several]]


def _effects(rows: TaskRows, cells: Cells, noise: Array) -> GroupEffects:
    """Change of the log net variance of each task, arm 1 less arm 0, and pseudo-values of the rows."""
    slot = cells.of_row
    team = encode(firm_task(rows), slot)
    size = np.bincount(team)
    deviation = (rows.log_output - (np.bincount(team, rows.log_output) / size)[team]) ** 2
    # Each row's share in the degrees of freedom of its slot: 1 - 1/n of its firm's team there.
    freedom = np.bincount(slot, 1 - 1 / size[team], minlength=cells.count.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        among = np.bincount(slot, deviation, minlength=cells.count.size) / freedom
        within = np.bincount(slot, noise, minlength=cells.count.size) / cells.count
        net = np.where(among > within, among - within, np.nan)
        influence = deviation * (cells.count / freedom)[slot] - noise - net[slot]
        sign = np.where(cells.is_post, 1.0, -1.0) * np.where(cells.arm == 1, 1.0, -1.0)
        by_slot = (sign * np.log(net)).reshape(cells.n_groups, _SLOTS)
        effect = by_slot.sum(axis=1)
        task = cells.group[slot]
        scale = np.bincount(cells.group, cells.count)[task] / cells.count[slot]
        pseudo = effect[task] + scale * sign[slot] * influence / net[slot]
    is_used = np.isfinite(effect)[task]
    n_left = int(np.unique(task).size - np.isfinite(effect).sum())
    said = f"{n_left} tasks left out: an arm is not seen, or noise is larger than the variance"
    return GroupEffects(
        effect=effect,
        pseudo=pseudo,
        controls=np.empty((pseudo.size, 0)),
        is_used=is_used,
        message=said if n_left else "",
    )
