"""Randomization inference for small trials."""

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.hypotheses.estimates import failure
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.absorb import compact_codes
from withintask.tests_of_model.samples.task_rows import TaskRows
from withintask.tests_of_model.samples.unknown import earliest, joined

N_PERMUTATIONS = 499
"""With the observed assignment this makes p-values multiples of 1/500."""
_SEED = 20_260_101


def permute_arms(rows: TaskRows, arm: Codes, *, term: str, note: str = "") -> Estimate:
    """Test no effect on any worker by re-randomizing access within firms.

    Parameters
    ----------
    rows
        Rows of exposed tasks.
    arm
        1 for rows of workers with access, (row,).
    term
        Name of the estimate.
    note
        What was left out before.

    Returns
    -------
    Estimate
        The mean over firms and tasks of the difference in differences of ln CV, not corrected for cell size; the
        p-value is the share of assignments at least as extreme, the observed one included. No standard error.

    Notes
    -----
    Exact for the sharp null (Fisher 1935); the permutations have a fixed seed.
    """
    firm_of_worker, arm_of_worker = _by_worker(rows, rows.firm), _by_worker(rows, arm)
    means = _moments(rows)
    random = np.random.default_rng(_SEED)
    total, n_groups = np.zeros(N_PERMUTATIONS + 1), 0
    for firm in np.unique(firm_of_worker[firm_of_worker >= 0]):
        members = np.flatnonzero(firm_of_worker == firm)
        assignment = _assignments(arm_of_worker[members].astype(np.float64), random)
        effect = _effects(assignment, [moment[members] for moment in means])
        usable = np.isfinite(effect).all(axis=0)
        total += effect[:, usable].sum(axis=1)
        n_groups += int(usable.sum())
    if n_groups == 0:
        return failure(
            term, "unusable", "no firm and task has two workers in each arm before and after AI"
        )
    statistic = total / n_groups
    extreme = np.abs(statistic) >= np.abs(statistic[0]) * (1 - np.finfo(float).eps * statistic.size)
    return Estimate(
        term=term,
        estimate=float(statistic[0]),
        std_error=float("nan"),
        p_value=float(extreme.mean()),
        n_obs=rows.output.size,
        n_clusters=int(np.unique(rows.worker).size),
        message=joined(f"{N_PERMUTATIONS} permutations within firms", note),
        convention="permutation",
    )


def _by_worker(rows: TaskRows, values: Codes) -> Codes:
    """Value in each worker's earliest row, -1 for codes of no worker here, (worker,)."""
    by_worker = np.full(int(rows.worker.max(initial=-1)) + 1, -1)
    if rows.worker.size:
        first = earliest(compact_codes(rows.worker), rows.period, rows.firm)
        by_worker[rows.worker[first]] = values[first]
    return by_worker


def _moments(rows: TaskRows) -> list[Array]:
    """Count, sum and sum of squares before and after, six arrays (worker, task)."""
    task = compact_codes(rows.task)
    shape = (int(rows.worker.max()) + 1, int(task.max()) + 1)
    place = rows.worker * shape[1] + task
    size = shape[0] * shape[1]
    found = []
    for chosen in (~rows.is_post, rows.is_post):
        for power in (0, 1, 2):
            sums = np.bincount(place[chosen], rows.output[chosen] ** power, minlength=size)
            found.append(sums.reshape(shape).astype(np.float64))
    return found


def _assignments(observed: Array, random: np.random.Generator) -> Array:
    """The observed arms and permutations of them, (assignment, worker)."""
    copies = np.tile(observed, (N_PERMUTATIONS, 1))
    return np.vstack([observed, random.permuted(copies, axis=1)])


def _effects(assignment: Array, moments: list[Array]) -> Array:
    """Difference in differences of ln CV for each assignment, (assignment, task)."""
    effect = np.zeros((assignment.shape[0], moments[0].shape[1]))
    for arm, sign in ((assignment, 1.0), (1 - assignment, -1.0)):
        before, after = (_log_cv(*(arm @ moment for moment in moments[k : k + 3])) for k in (0, 3))
        effect += sign * (after - before)
    return effect


def _log_cv(count: Array, total: Array, square: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        return np.asarray(np.log((square - count * mean**2) / (count - 1)) / 2 - np.log(mean))
