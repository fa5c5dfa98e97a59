"""Randomization inference for any estimator that compares access: assign anew as the trial might have, estimate again."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.estimates import LEVEL
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate, Estimator
from withintask.tests_of_model.samples.assignment import (
    Assignment,
    drawn,
    is_listed,
    listed,
    read_assignment,
    reassigned,
)
from withintask.tests_of_model.samples.sample import Sample

N_DRAWS = 499
"""With the observed assignment this makes p-values multiples of 1/500."""
_FEWEST_DRAWS, _CLEARLY = 199, 40
"""Draws after which it stops where so many are as extreme that no p-value under a fifth can come of it."""
_SEED = 20_260_104


def randomized(estimator: Estimator, sample: Sample) -> tuple[Estimate, ...]:
    """Run an estimator, its p-values and intervals from assignments that might have been.

    Parameters
    ----------
    estimator
        Any that reads access to AI.
    sample
        Of a panel in memory.

    Returns
    -------
    tuple of Estimate
        The estimator's rows with CR1 errors, the p-value of the assignments, and the interval estimate ± q · error, q the
        .95 quantile of |t| over assignments.

    Raises
    ------
    EstimationError
        If the estimator reads no access, reads use, which nobody assigned, or the assignment cannot be read.

    Notes
    -----
    Exact where AI has no effect on anybody (Fisher 1935). The statistic is studentized, so that the test also holds in large
    samples where effects differ and are zero on average (Wu and Ding 2021). All assignments are listed where there are at
    most 500, else 499 are drawn with a fixed seed, or 199 where p is then above a fifth.
    """
    _fail_if_not_assigned(estimator)
    sample = sample.of_arm_alone()
    plain = sample.with_errors("CR1")
    rows = tuple(estimator.run(plain))
    assignment = read_assignment(sample.panel)
    observed = np.array([_statistic(row) for row in rows])
    if not np.isfinite(observed).any():
        return rows
    statistics = _statistics(estimator, plain, assignment, observed)
    words = describe_draws(assignment, len(statistics))
    return tuple(
        _row(row, statistics[:, place], words) if math.isfinite(observed[place]) else row
        for place, row in enumerate(rows)
    )


def _fail_if_not_assigned(estimator: Estimator) -> None:
    if not estimator.compares_access:
        raise EstimationError(
            "randomization: it compares use of AI, exposure, schooling or firms, which nobody assigned; use auto, CR2 or wild"
        )


def _statistic(row: Estimate) -> float:
    """Absolute statistic, the estimate itself where there is no error."""
    if row.status != OK:
        return math.nan
    return abs(row.statistic if math.isfinite(row.statistic) else row.estimate)


def _statistics(
    estimator: Estimator,
    sample: Sample,
    assignment: Assignment,
    observed: Array,
) -> Array:
    """Absolute statistics of every assignment, (assignment, term); the observed one is among them or first."""
    collected = [] if is_listed(assignment) else [observed]
    for source in possible_assignments(assignment):
        panel = reassigned(sample.panel, assignment, source)
        collected.append(_attempt(estimator, sample.with_access(panel), observed.size))
        if not is_listed(assignment) and len(collected) == _FEWEST_DRAWS + 1:
            extreme = (_as_extreme(np.array(collected), observed)).sum(axis=0)
            if (extreme[np.isfinite(observed)] > _CLEARLY).all():
                break
    return np.array(collected)


def possible_assignments(assignment: Assignment) -> Iterator[Codes]:
    """All assignments that might have been where they are few, the observed one among them; else N_DRAWS with a fixed seed."""
    if is_listed(assignment):
        yield from listed(assignment)
        return
    random = np.random.default_rng(_SEED)
    for _ in range(N_DRAWS):
        yield drawn(assignment, random)


def describe_draws(assignment: Assignment, n_statistics: int) -> str:
    """Say how many assignments of what a p-value is a share of; where they are drawn the observed one is among them."""
    count = f"all {n_statistics:,}" if is_listed(assignment) else f"{n_statistics - 1}"
    return f"randomization: {count} assignments of {assignment.words}"


def _attempt(estimator: Estimator, sample: Sample, n_terms: int) -> Array:
    """Statistics of one assignment; infinite where it could not be estimated, which counts against a finding."""
    try:
        rows = estimator.run(sample)
    except EstimationError:
        return np.full(n_terms, math.inf)
    values = np.array([_statistic(row) for row in rows])
    return np.where(np.isfinite(values), values, math.inf)


def _as_extreme(statistics: Array, observed: Array) -> Array:
    return np.asarray(statistics >= observed * (1 - len(statistics) * np.finfo(float).eps))


def _row(row: Estimate, statistics: Array, words: str) -> Estimate:
    observed = _statistic(row)
    extreme = _as_extreme(statistics, np.array(observed))
    lost = int(np.isinf(statistics).sum())
    notes = (words, f"{lost} of them could not be estimated" if lost else "", row.message)
    half = math.nan
    if math.isfinite(row.statistic):
        half = float(np.quantile(statistics, LEVEL, method="higher")) * row.std_error
    return replace(
        row,
        p_value=float(extreme.mean()),
        conf_low=row.estimate - half,
        conf_high=row.estimate + half,
        message="; ".join(note for note in notes if note),
        convention="randomization",
    )
