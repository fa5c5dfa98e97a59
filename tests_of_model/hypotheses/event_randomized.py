"""Randomization inference for event studies: the roll-out's dates are dealt out anew among what was assigned, within strata."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.event_averages import (
    AVERAGES,
    EventAverages,
    event_averages,
    take,
)
from withintask.tests_of_model.hypotheses.randomize import describe_draws, possible_assignments
from withintask.tests_of_model.hypotheses.rollout_averages import Method
from withintask.tests_of_model.hypotheses.rollout_outcomes import (
    Outcome,
    OutcomePaths,
    outcome_paths,
    restarted,
)
from withintask.tests_of_model.regression.group_time import Controls
from withintask.tests_of_model.regression.grouping import first_rows
from withintask.tests_of_model.regression.simultaneous import joint_test
from withintask.tests_of_model.samples.assignment import (
    Assignment,
    is_listed,
    read_assignment,
    reassigned,
)
from withintask.tests_of_model.samples.sample import Sample


@dataclass(frozen=True, kw_only=True, eq=False)
class Randomized:
    """What assignments that might have been say of the averages of an event study, in their order."""

    p_value: Array
    """Share of assignments with a statistic as large, (average,)."""
    critical: Array
    """Quantile of |t| over assignments, of each average alone, (average,)."""
    joint_critical: Array
    """Quantile of the largest |t| among the averages of a kind, (average,)."""
    leads_p_value: float
    """Of the joint test of the leads; NaN where there is none."""
    words: str
    """How many assignments of what."""


def randomized_study(
    sample: Sample,
    paths: OutcomePaths,
    observed: EventAverages,
    *,
    outcome: Outcome,
    method: Method,
    controls: Controls,
    level: float,
) -> Randomized:
    """Deal out the dates of a roll-out anew and follow it again.

    Parameters
    ----------
    sample, paths, observed
        Of the panel as it is.
    outcome, method, controls, level
        As the study was made.

    Notes
    -----
    Exact where AI does nothing to anybody (Fisher 1935); the statistics are t, so that tests also hold in large samples where
    effects differ and are zero on average. An average that an assignment leaves without an estimate counts against a finding.
    """
    assignment = read_assignment(sample.panel)
    first = np.abs(_statistics(observed))
    leads = [_leads(observed)]
    collected = [first]
    for other in _others(sample, paths, assignment, outcome):
        try:
            made = event_averages(other, method=method, controls=controls)
        except EstimationError:
            collected.append(np.full(first.size, np.inf))
            leads.append(math.inf)
            continue
        found = dict(zip(made.labels, np.abs(_statistics(made)), strict=True))
        row = np.array([found.get(label, np.nan) for label in observed.labels])
        collected.append(np.where(np.isfinite(row), row, np.inf))
        leads.append(_leads(made))
    skipped = 1 if is_listed(assignment) else 0
    statistics = np.array(collected)[skipped:]
    return Randomized(
        p_value=np.where(np.isfinite(first), _as_large(statistics, first).mean(axis=0), np.nan),
        critical=np.quantile(statistics, level, axis=0, method="higher"),
        joint_critical=_joint(statistics, observed, level),
        leads_p_value=_share(np.array(leads)[skipped:], leads[0]),
        words=describe_draws(assignment, len(statistics)),
    )


def _statistics(made: EventAverages) -> Array:
    error = np.sqrt(np.square(made.averages.influence).sum(axis=0))
    return np.asarray(made.averages.estimate / np.where(error > 0, error, np.nan))


def _leads(made: EventAverages) -> float:
    test = joint_test(take(made.averages, made.is_lead))
    return test.statistic if test.n_tested else math.inf


def _as_large(statistics: Array, observed: Array) -> Array:
    return np.asarray(statistics >= observed * (1 - len(statistics) * np.finfo(float).eps))


def _share(statistics: Array, observed: float) -> float:
    if not math.isfinite(observed):
        return math.nan
    return float(_as_large(statistics, np.array(observed)).mean())


def _joint(statistics: Array, observed: EventAverages, level: float) -> Array:
    """Quantile of the largest statistic among averages of a kind, those of no known error left out."""
    known = np.isfinite(_statistics(observed))
    joint = np.full(known.size, np.nan)
    for name in AVERAGES:
        chosen = observed.named(name)
        if (chosen & known).any():
            largest = statistics[:, chosen & known].max(axis=1)
            joint[chosen] = np.quantile(largest, level, method="higher")
    return joint


def _others(
    sample: Sample, paths: OutcomePaths, assignment: Assignment, outcome: Outcome
) -> Iterator[OutcomePaths]:
    """Paths under every assignment."""
    remake = _by_units(sample, paths, assignment) or _by_panels(sample, assignment, outcome)
    for source in possible_assignments(assignment):
        yield remake(source)


_Remake = Callable[[Codes], OutcomePaths]


def _by_panels(sample: Sample, assignment: Assignment, outcome: Outcome) -> _Remake:
    def remake(source: Codes) -> OutcomePaths:
        panel = reassigned(sample.panel, assignment, source)
        return outcome_paths(sample.with_access(panel), outcome)

    return remake


def _by_units(sample: Sample, paths: OutcomePaths, assignment: Assignment) -> _Remake | None:
    """Start units anew, their values kept, where firms got AI as one and lie within what was assigned; else None."""
    if paths.rollout.level != "firm":
        return None
    firm = sample.item_rows.firm
    assigned = assignment.unit >= 0
    pairs = np.unique(np.column_stack([firm[assigned], assignment.unit[assigned]]), axis=0)
    if np.unique(pairs[:, 0]).size < len(pairs):
        return None
    unit_of_firm = np.full(int(firm.max()) + 1, -1)
    unit_of_firm[pairs[:, 0]] = pairs[:, 1]
    unit = paths.row_place // paths.rollout.n_waves
    assigned_unit = unit_of_firm[paths.rollout.rows.firm[first_rows(unit)]]
    if (assigned_unit < 0).any():
        return None
    periods, first = np.array(paths.rollout.periods), sample.panel.info.first_ai_period
    before = -math.inf if first is None else first

    def remake(source: Codes) -> OutcomePaths:
        start = np.maximum(assignment.start[source][assigned_unit], before)
        return restarted(paths, np.searchsorted(periods, start))

    return remake
