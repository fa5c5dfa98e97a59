"""Outcomes of teams over the periods of a roll-out: dispersion, ability net of noise, gradients and means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags, floats
from withintask.panel.errors import EstimationError, ParameterError, unknown_name
from withintask.panel.transform import lookup
from withintask.tests_of_model.components.pair_sums import PairRows
from withintask.tests_of_model.components.pairs import SidedRows, unit_moments
from withintask.tests_of_model.hypotheses.dispersion import make_cells
from withintask.tests_of_model.hypotheses.dispersion_scanned import log_cv
from withintask.tests_of_model.regression.group_time import Paths
from withintask.tests_of_model.regression.grouping import encode, first_rows, group_sums
from withintask.tests_of_model.samples.cell_sums import SMALLEST_CELL
from withintask.tests_of_model.samples.item_rows import UNKNOWN
from withintask.tests_of_model.samples.measured_ability import measured_ability
from withintask.tests_of_model.samples.rollout_rows import RolloutRows, rollout_rows
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.unknown import earliest, joined

Outcome = Literal["dispersion", "dispersion_net", "gradient", "mean"]
"""Log coefficient of variation within firm and task; log standard deviation of ability net of noise within firms, by pairs
of items; slope of log output on measured ability within firms; mean of output on its scale of analysis."""

TERMS: Mapping[str, str] = MappingProxyType(
    {
        "dispersion": "delta_log_cv",
        "dispersion_net": "delta_log_sd",
        "gradient": "ability_gradient",
        "mean": "average_effect_log",
    }
)
"""Estimand of each outcome."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OutcomePaths:
    """An outcome of units over the periods of a roll-out."""

    paths: Paths
    """Outcomes, starts, weights and strata of units."""
    cluster: Codes
    """What was assigned as one, where units lie within it, (unit,)."""
    team: Codes
    """Firm of each unit, or its workers who start together, (unit,)."""
    task: Codes
    """Task of each unit; one code where units span tasks, (unit,)."""
    n_rows: Array
    """Rows behind each value, (unit, period)."""
    row_place: Codes
    """Unit times the number of periods plus period of each row, (row,)."""
    row_cluster: Codes
    """What was assigned as one, (row,)."""
    row_influence: Array
    """Influence of each row on its unit's value in its period, (row,)."""
    unit_weight: Array
    """Weight of each unit in each period, (unit, period)."""
    covariates: Array
    """Means of the controls that were asked for, NaN where not known, (control, unit, period)."""
    rollout: RolloutRows
    """The rows."""
    message: str
    """What was left out."""


def outcome_paths(sample: Sample, outcome: Outcome) -> OutcomePaths:
    """Compute an outcome of every unit in every period.

    Parameters
    ----------
    sample
        Of a panel in which AI is rolled out to firms or workers.
    outcome
        What is followed.

    Raises
    ------
    ParameterError
        If the outcome is not known.
    EstimationError
        If AI was not rolled out, or the panel lacks what the outcome needs.
    """
    if outcome not in _MAKERS:
        raise ParameterError(f"outcome {unknown_name(outcome, _MAKERS)}")
    rollout = rollout_rows(sample.item_rows)
    made = _MAKERS[outcome](sample, rollout)
    return _controlled(made) if sample.adjust.controls else made


def restarted(outcome: OutcomePaths, start: Codes) -> OutcomePaths:
    """Return the outcome as if its units had begun in other periods, their values as they are.

    Parameters
    ----------
    outcome
        Of units whose composition does not hang on when they began.
    start
        First wave with AI, the number of waves if never, (unit,).
    """
    weight = _weights(outcome.unit_weight, start)
    unit = outcome.row_place // outcome.rollout.n_waves
    return replace(
        outcome,
        paths=replace(outcome.paths, start=start, weight=weight),
        rollout=replace(outcome.rollout, start=start[unit]),
    )


def _controlled(outcome: OutcomePaths) -> OutcomePaths:
    """Add the means of the controls of each unit and period; values without them are not known."""
    rows, size = outcome.rollout.rows, outcome.paths.value.size
    total = group_sums(outcome.row_place, rows.weight, size)
    means = []
    for column in rows.covariates.T:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = group_sums(outcome.row_place, rows.weight * column, size) / total
        means.append(mean.reshape(outcome.paths.value.shape))
    covariates = np.array(means)
    lost = np.isfinite(outcome.paths.value) & ~np.isfinite(covariates).all(axis=0)
    value = np.where(lost, np.nan, outcome.paths.value)
    n_lost = int(lost.sum())
    note = f"{n_lost} values left out: a control of a row is not known" if n_lost else ""
    names = f"controls, as means of units: {', '.join(rows.covariate_names)}"
    return replace(
        outcome,
        paths=replace(outcome.paths, value=value),
        n_rows=np.where(lost, 0.0, outcome.n_rows),
        covariates=covariates,
        message=joined(names, note, outcome.message),
    )


def _finish(
    rollout: RolloutRows,
    unit: Codes,
    value: Array,
    influence: Array,
    *,
    by_task: bool,
    message: str,
) -> OutcomePaths:
    """Put units' values, weights and strata together."""
    n_units = value.shape[0]
    rows, place = rollout.rows, unit * rollout.n_waves + rollout.wave
    # A worker may have moved between strata or assignments: the earliest counts, whatever the order of rows.
    first = earliest(unit, rollout.wave, rows.stratum, rollout.cluster)
    stratum, task = rows.stratum[first], rows.task[first] if by_task else np.zeros_like(first)
    n_rows = group_sums(place, rows.count, value.size).reshape(value.shape)
    weight = group_sums(place, rows.weight * rows.count, value.size).reshape(value.shape)
    return OutcomePaths(
        paths=Paths(
            value=value,
            start=rollout.start[first],
            weight=_weights(weight, rollout.start[first]),
            stratum=encode(stratum, task),
        ),
        cluster=encode(rollout.cluster[first]),
        team=encode(rollout.team[first]),
        task=encode(task),
        n_rows=np.where(np.isfinite(value), n_rows, 0.0),
        row_place=place,
        row_cluster=encode(rollout.cluster),
        row_influence=influence,
        unit_weight=weight,
        covariates=np.empty((0, *value.shape)),
        rollout=rollout,
        message=joined(rollout.message, message, _empty(value, n_rows, n_units)),
    )


def _weights(weight: Array, start: Codes) -> Array:
    """Mean weight of each unit in the periods before its start in which it is seen, (unit,)."""
    is_before = np.arange(weight.shape[1]) < start[:, None]
    is_before |= ~is_before.any(axis=1, keepdims=True)
    n_before = (is_before & (weight > 0)).sum(axis=1)
    total = np.where(is_before, weight, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(n_before, 1) + (n_before == 0))


def _empty(value: Array, n_rows: Array, n_units: int) -> str:
    lost = (n_rows > 0) & ~np.isfinite(value)
    if not lost.any():
        return ""
    seen = int((n_rows > 0).sum())
    return f"{int(lost.sum())} of {seen} values of {n_units} units left out: too few rows, no variation, or no ability seen"


def _dispersion(sample: Sample, rollout: RolloutRows) -> OutcomePaths:
    """Log coefficient of variation of output within team and task."""
    rows = rollout.rows
    if not rows.is_log:
        raise EstimationError(
            f"the outcome is a {rows.kind}: dispersion of its log is not defined; dispersion_net takes it as it is"
        )
    unit = encode(rollout.team, rows.task)
    cells = make_cells(unit, np.zeros_like(unit), rollout.wave, rows.is_post, rows.count)
    theta, influence = log_cv(sample, rows, cells, np.exp(rows.value), rows.weight)
    value = theta.reshape(cells.n_groups, 2, rollout.n_waves)[:, 0]
    scaled = influence / cells.count[cells.of_row]
    return _finish(rollout, unit, value, scaled, by_task=True, message="")


def _mean(sample: Sample, rollout: RolloutRows) -> OutcomePaths:
    """Mean of output within team and task: log points, or levels of counts, answers and scores."""
    rows = rollout.rows
    unit = encode(rollout.team, rows.task)
    place = unit * rollout.n_waves + rollout.wave
    size = (int(unit.max()) + 1) * rollout.n_waves
    own = rows.weight * rows.count
    weight = group_sums(place, own, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = group_sums(place, own * rows.value, size) / weight
    influence = own * (rows.value - mean[place]) / weight[place]
    note = "" if rows.is_log else f"the outcome is a {rows.kind}: effects are in its own unit"
    return _finish(
        rollout, unit, mean.reshape(-1, rollout.n_waves), influence, by_task=True, message=note
    )


def _net(sample: Sample, rollout: RolloutRows) -> OutcomePaths:
    """Log standard deviation of ability within team, by pairs of a worker's items: equation (12)."""
    rows, unit = rollout.rows, rollout.team
    within = _pair_units(rollout)
    pairs = PairRows(
        unit=within,
        item=rows.item,
        position=rows.position,
        n_units=int(within.max()) + 1,
        rater=rows.rater if rows.has_raters and (rows.rater != UNKNOWN).all() else None,
    )
    cell = encode(unit, rows.task, rollout.wave)
    sided = SidedRows(
        pairs=pairs, cell=cell, side=np.zeros_like(cell), value=rows.value.astype(np.float64)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        product = unit_moments(sided, relative=rows.kind == "count").product[0]
    if not np.isfinite(product).any():
        raise EstimationError(
            "dispersion net of noise: no worker has two items in a period; dispersion takes single outputs, noise included"
        )
    first = first_rows(within)
    place = (unit * rollout.n_waves + rollout.wave)[first]
    size = (int(unit.max()) + 1) * rollout.n_waves
    known = np.isfinite(product)
    n = group_sums(place[known], np.ones(int(known.sum())), size)
    weight = group_sums(within, rows.weight) / np.bincount(within)
    total = group_sums(place[known], weight[known], size)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = group_sums(place[known], (weight * product)[known], size) / total
        value = np.where((n >= SMALLEST_CELL) & (variance > 0), np.log(variance) / 2, np.nan)
        own = weight * np.where(known, product - variance[place], 0.0)
        own = own / (2 * variance[place] * total[place])
    share = np.bincount(within)
    influence = np.nan_to_num(own, posinf=0.0, neginf=0.0)[within] / share[within]
    return _finish(
        rollout, unit, value.reshape(-1, rollout.n_waves), influence, by_task=False, message=""
    )


def _pair_units(rollout: RolloutRows) -> Codes:
    """Within what pairs are formed: worker and period, and task too where most rows have a second item there."""
    rows = rollout.rows
    coarse = encode(rows.worker, rollout.wave, rollout.team)
    fine = encode(coarse, rows.task)
    n_items = np.bincount(fine[first_rows(encode(fine, rows.item))])
    return fine if np.mean(n_items[fine] > 1) >= 1 / 2 else coarse


def _gradient(sample: Sample, rollout: RolloutRows) -> OutcomePaths:
    """Slope of output on ability measured before AI, given schooling, within team and task."""
    rows, unit = rollout.rows, rollout.team
    measured = measured_ability(sample.panel, rows.worker_ids)
    schooling = lookup(rows.worker_ids, "worker_id", sample.panel.workers, ("educ_cog", "educ_soc"))
    has_second = bool(np.isfinite(measured.second).any())
    columns = [measured.first]
    if schooling.null_count().sum_horizontal().item() < 2 * schooling.height:
        columns.append(
            np.where(rows.is_soc, floats(schooling["educ_soc"]), floats(schooling["educ_cog"]))
        )
    second = measured.second if has_second else measured.first
    known: Flags = np.logical_and.reduce([np.isfinite(column) for column in (*columns, second)])
    place = unit * rollout.n_waves + rollout.wave
    size = (int(unit.max()) + 1) * rollout.n_waves
    within = encode(place, rows.task)
    weight = np.where(known, rows.weight * rows.count, 0.0)
    regressors = _centred(np.column_stack(columns), within, weight)
    instruments = weight[:, None] * _centred(
        np.column_stack([second, *columns[1:]]), within, weight
    )
    y = _centred(rows.value[:, None], within, weight)[:, 0]
    value, influence = _slopes(y, regressors, instruments, place, size, known)
    distinct = encode(rows.worker, place)
    n_workers = np.bincount(place[first_rows(distinct)], minlength=size)
    few = n_workers < SMALLEST_CELL + regressors.shape[1]
    value[few] = np.nan
    note = f"ability: {measured.names[0]}, {measured.unit}"
    if has_second:
        note = joined(note, f"instrumented by {measured.names[1]}")
    return _finish(
        rollout,
        unit,
        value.reshape(-1, rollout.n_waves),
        np.where(few[place], 0.0, influence),
        by_task=False,
        message=note,
    )


def _centred(columns: Array, cell: Codes, weight: Array) -> Array:
    """Columns less their weighted means over the cell's rows; zero where the weight is, (row, column)."""
    known = (weight > 0)[:, None]
    filled = np.where(known, columns, 0.0)
    total = group_sums(cell, weight)
    total = np.where(total > 0, total, 1.0)
    means = np.column_stack([group_sums(cell, weight * column) for column in filled.T])
    return np.where(known, filled - (means / total[:, None])[cell], 0.0)


def _slopes(
    y: Array, regressors: Array, instruments: Array, place: Codes, size: int, known: Flags
) -> tuple[Array, Array]:
    """Instrumented slope on the first regressor in each place, and every row's influence on it."""
    k = regressors.shape[1]
    moments = np.empty((size, k, k))
    right = np.empty((size, k))
    for i in range(k):
        right[:, i] = group_sums(place, instruments[:, i] * y, size)
        for j in range(k):
            moments[:, i, j] = group_sums(place, instruments[:, i] * regressors[:, j], size)
    usable = np.linalg.matrix_rank(moments) == k
    inverse = np.full((size, k, k), np.nan)
    inverse[usable] = np.linalg.inv(moments[usable])
    slope = np.einsum("pij,pj->pi", inverse, right)
    residual = y - np.einsum("ri,ri->r", regressors, np.nan_to_num(slope)[place])
    influence = np.einsum("ri,ri->r", np.nan_to_num(inverse)[place, 0], instruments) * residual
    return np.where(usable, slope[:, 0], np.nan), np.where(known, influence, 0.0)


_MAKERS: Mapping[str, Callable[[Sample, RolloutRows], OutcomePaths]] = MappingProxyType(
    {"dispersion": _dispersion, "dispersion_net": _net, "gradient": _gradient, "mean": _mean}
)
