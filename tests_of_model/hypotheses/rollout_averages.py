"""Averages of the effects of a roll-out with their errors: over clusters, tasks, and workers where these were assigned."""

from dataclasses import replace
from typing import Literal

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.hypotheses.rollout_outcomes import OutcomePaths
from withintask.tests_of_model.regression.aggregates import Averages, average
from withintask.tests_of_model.regression.group_time import (
    Controls,
    PairEffects,
    Paths,
    pair_effects,
    pair_weights,
)
from withintask.tests_of_model.regression.grouping import group_sums
from withintask.tests_of_model.regression.imputation import imputed_effects
from withintask.tests_of_model.regression.rollout_controls import fit_slopes, with_covariates
from withintask.tests_of_model.samples.task_rows import ENOUGH_CLUSTERS

Method = Literal["group_time", "imputation"]
"""Comparison with the last period before the start, cohort by cohort; or imputation from all values without AI."""

_MOST_UNITS = 5_000
"""Units that are left out one by one."""
_CONVENTION = {
    "firm": "cluster jackknife of what was assigned, unbiased in a working model, Satterthwaite",
    "worker": "influence of rows, clustered by what was assigned",
}


def effects_of(
    outcome: OutcomePaths, cluster: Codes, *, method: Method, controls: Controls
) -> PairEffects:
    """Effects of pairs of cohort and period, with all clusters and without each; given the controls asked for."""

    def effects(paths: Paths) -> PairEffects:
        if method == "imputation":
            return imputed_effects(paths, cluster)
        return pair_effects(paths, cluster, controls=controls)

    if not len(outcome.covariates):
        return effects(outcome.paths)
    return with_covariates(outcome.paths, outcome.covariates, cluster, effects)


def jackknife_clusters(outcome: OutcomePaths) -> Codes:
    """What is left out as one: what was assigned, or a team where workers were assigned, (unit,)."""
    return outcome.cluster if outcome.rollout.level == "firm" else outcome.team


def averages_of(
    outcome: OutcomePaths,
    effects: PairEffects,
    sets: list[Flags],
    *,
    method: Method,
    controls: Controls,
) -> tuple[Averages, str]:
    """Average effects over sets of pairs.

    Parameters
    ----------
    outcome
        Paths of units.
    effects
        Effects of pairs, with all of :func:`jackknife_clusters` and without each.
    sets
        Pairs of each average.
    method, controls
        As the effects were computed.

    Returns
    -------
    tuple of Averages and str
        And the convention of their errors.

    Notes
    -----
    Where tasks are many enough to count as drawn from a population, the variance is that over clusters plus that over tasks
    less that over units, and no smaller than either (Cameron, Gelbach and Miller 2011). Imputed effects take the degrees of
    freedom of the group-time effects of the same cohorts and periods.
    """
    averages = average(effects, sets)
    if method == "imputation":
        averages = replace(averages, dof=_dof_of_comparisons(outcome, effects, sets))
    if outcome.rollout.level == "worker" and method == "group_time":
        return _by_rows(outcome, averages, effects, sets, controls), _CONVENTION["worker"]
    convention = _CONVENTION["firm"] if method == "group_time" else "cluster jackknife (CV3J)"
    if int(outcome.task.max()) + 1 < ENOUGH_CLUSTERS:
        return averages, convention
    n_units = outcome.task.size
    # Above that many units the sum of the two variances stands, without what they share: it is the larger.
    unit = np.arange(n_units) if n_units <= _MOST_UNITS else np.zeros(n_units, dtype=np.int64)
    by_task, by_unit = (
        average(effects_of(outcome, code, method=method, controls=controls), sets)
        for code in (outcome.task, unit)
    )
    return _two_way(averages, by_task, by_unit), f"{convention}; and by task"


def _dof_of_comparisons(outcome: OutcomePaths, effects: PairEffects, sets: list[Flags]) -> Array:
    """Degrees of freedom of the group-time effects of the same pairs, (average,)."""
    compared = pair_effects(outcome.paths, jackknife_clusters(outcome))
    n_waves = outcome.rollout.n_waves
    keys = [each.cohort * n_waves + each.period for each in (compared, effects)]
    return average(compared, [np.isin(keys[0], keys[1][chosen]) for chosen in sets]).dof


def _two_way(by_cluster: Averages, by_task: Averages, by_unit: Averages) -> Averages:
    """Scale the influences of clusters to the larger of the two-way and the one-way variances."""
    one, task, unit = (np.square(a.influence).sum(axis=0) for a in (by_cluster, by_task, by_unit))
    task, unit = np.where(np.isfinite(task), task, 0.0), np.where(np.isfinite(unit), unit, 0.0)
    largest = np.maximum(np.maximum(one + task - unit, one), task)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(one > 0, np.sqrt(largest / one), 1.0)
    return replace(
        by_cluster,
        influence=by_cluster.influence * scale,
        dof=np.minimum(by_cluster.dof, by_task.dof),
    )


def _by_rows(
    outcome: OutcomePaths,
    averages: Averages,
    effects: PairEffects,
    sets: list[Flags],
    controls: Controls,
) -> Averages:
    """Influences of what was assigned within units, from the influences of its rows; units, and slopes on controls, as given."""
    weights = _path_weights(outcome, effects, sets, controls)
    of_row = outcome.row_influence - _of_controls(outcome)
    n_clusters = int(outcome.row_cluster.max()) + 1
    influence = np.column_stack(
        [
            np.bincount(
                outcome.row_cluster,
                by_place.ravel()[outcome.row_place] * of_row,
                minlength=n_clusters,
            )
            for by_place in weights
        ]
    )
    enters = (influence != 0).sum(axis=0)
    with np.errstate(divide="ignore"):
        factor = np.sqrt(enters / np.maximum(enters - 1, 1))
    known = np.where(np.isfinite(averages.estimate) & (enters > 1), 1.0, np.nan)
    return replace(
        averages, influence=influence * factor * known, dof=np.maximum(enters - 1.0, 1.0)
    )


def _of_controls(outcome: OutcomePaths) -> Array:
    """Influence of each row on what the controls explain of its unit's value, (row,)."""
    place, rows = outcome.row_place, outcome.rollout.rows
    if not len(outcome.covariates):
        return np.zeros(place.size)
    found = fit_slopes(outcome.paths, outcome.covariates, np.zeros_like(outcome.team))
    n_waves = outcome.rollout.n_waves
    total = group_sums(place, rows.weight, outcome.paths.value.size)[place]
    moved = np.zeros(place.size)
    for slope, mean, column in zip(
        found.by_period, outcome.covariates, rows.covariates.T, strict=True
    ):
        moved += slope[place % n_waves] * (column - mean.ravel()[place])
    return np.nan_to_num(rows.weight * moved / total)


def _path_weights(
    outcome: OutcomePaths, effects: PairEffects, sets: list[Flags], controls: Controls
) -> list[Array]:
    """Weight of each value in each average, (unit, period) each."""
    by_pair = pair_weights(outcome.paths, controls=controls)
    known = np.isfinite(effects.estimate[0])
    result = []
    for chosen in sets:
        weight = np.where(chosen & known, effects.weight[0], 0.0)
        total = weight.sum()
        share = weight / total if total > 0 else weight
        by_place = np.zeros(outcome.paths.value.shape)
        for place in np.flatnonzero(share):
            flow = share[place] * by_pair[:, place]
            by_place[:, effects.period[place]] += flow
            by_place[:, effects.cohort[place] - 1] -= flow
        result.append(by_place)
    return result
