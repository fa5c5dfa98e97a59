"""From moments of pairs to estimates: each term a ratio, its set by inversion, equation (13)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from withintask.panel.arrays import Array
from withintask.panel.outcome import OutcomeKind
from withintask.tests_of_model.components.inversion import (
    ConfidenceSet,
    Contrast,
    contrast_set,
    contrast_statistic,
    ratio_set,
    ratio_statistic,
)
from withintask.tests_of_model.components.logits import logit_variance
from withintask.tests_of_model.components.pair_design import PairDesign
from withintask.tests_of_model.components.pairs import UnitMoments
from withintask.tests_of_model.components.pooled import Pooled, cluster_units, pool
from withintask.tests_of_model.hypotheses.estimates import LEVEL, failure
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate
from withintask.tests_of_model.samples.comparisons import Form
from withintask.tests_of_model.samples.task_rows import ENOUGH_CLUSTERS, ENOUGH_FIRMS

LOG_SD, LOG_CV = "delta_log_sd", "delta_log_cv_net"
GRADIENT, NOISE = "ability_gradient_net", "delta_log_noise"
LOG_LOGIT = "delta_log_sd_logit"
"""Change of log sd of the logit of answers and scores, as if normal; not among TERMS, since most outcomes have none."""
TERMS = (LOG_SD, LOG_CV, GRADIENT, NOISE)
"""Change of log sd of ability; of its log CV; gradient of the gain; change of log sd of noise."""

_UNEVEN = 2
"""Ratio of clusters in two groups above which the smaller one alone gives the degrees of freedom."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ability:
    """Moments of ability and noise in a comparison."""

    design: PairDesign
    """Its pairs."""
    moments: UnitMoments
    """Moments of units, on the scale of analysis; of counts relative to the cell's mean."""
    kind: OutcomeKind
    """Kind of outcome."""
    form: Form
    """What varies."""
    distance: int
    """Smallest distance of a pair."""
    note: str
    """What the distance leaves undone; empty if nothing."""


def terms_of(form: Form) -> tuple[str, ...]:
    """Terms that a form can estimate: the gradient needs workers seen on both sides."""
    return TERMS if form != "between" else (LOG_SD, LOG_CV, NOISE)


def estimate_term(ability: Ability, term: str) -> Estimate:
    """Estimate one of TERMS from the moments of a comparison."""
    if term == NOISE and ability.design.spans_tasks:
        reason = (
            "one item a worker, task and side: noise is not told from what is particular to a task"
        )
        return failure(term, "unusable", reason)
    pooled = _pooled(ability, term)
    if pooled.estimate.size > 2:
        return _contrast(ability, term, pooled)
    return _ratio(ability, term, pooled)


def _pooled(ability: Ability, term: str) -> Pooled:
    """Numerator and denominator of a term, of the treated and then of the controls where there are both."""
    design = ability.design
    values = _unit_values(ability, term)
    if ability.form == "difference":
        values = [np.where(design.group == g, row, np.nan) for g in (1, 0) for row in values]
    clusters = [cluster_units(design.firm, design.assignment, ENOUGH_FIRMS)]
    if not design.spans_tasks and np.unique(design.task).size >= ENOUGH_CLUSTERS:
        clusters.append(design.task)
    pooled = pool(np.array(values), design.weight, design.group, tuple(clusters))
    return _rescaled(ability, term, pooled)


def _unit_values(ability: Ability, term: str) -> list[Array]:
    """Per unit: with AI (or one of each) and without, (unit,) each."""
    moments, weight = ability.moments, ability.design.weight
    if term == LOG_LOGIT:
        levels = moments.cell_mean + moments.mean
        return [moments.product[1], moments.product[0], levels[1], levels[0]]
    if term == NOISE:
        noise = moments.square - moments.product[:2]
        return [noise[1], noise[0]]
    pairs_of_sides = ((0, 1), (0, 0)) if term == GRADIENT else ((1, 1), (0, 0))
    values = [moments.product[2 if a != b else a] for a, b in pairs_of_sides]
    if ability.kind == "count":
        return [
            _over_means(v, moments.mean[a], moments.mean[b], weight)
            for v, (a, b) in zip(values, pairs_of_sides, strict=True)
        ]
    if term == LOG_CV and ability.kind in ("binary", "score"):
        levels = moments.cell_mean + moments.mean
        centre = [_average(level, weight) for level in levels]
        moved = [level / middle - 1 for level, middle in zip(levels, centre, strict=True)]
        return [
            _over_means(v / centre[a] ** 2, moved[a], moved[b], weight)
            for v, (a, b) in zip(values, pairs_of_sides, strict=True)
        ]
    return values


def _over_means(values: Array, first: Array, second: Array, weight: Array) -> Array:
    """Products over means that are estimates too: an error of a mean moves them by as much, the other way."""
    return np.asarray(values - _average(values, weight) * (first + second))


def _average(values: Array, weight: Array) -> float:
    known = np.isfinite(values)
    return float(np.average(values[known], weights=weight[known])) if known.any() else math.nan


def _rescaled(ability: Ability, term: str, pooled: Pooled) -> Pooled:
    """Variances of logs to squared coefficients of variation, and back for counts, as if lognormal."""
    v = pooled.estimate
    if term == LOG_LOGIT:
        return _logits(pooled)
    if term == LOG_CV and ability.kind in ("positive", "time", "log"):
        return pooled.mapped(np.expm1(v), np.exp(v))
    if term == LOG_SD and ability.kind == "count":
        with np.errstate(invalid="ignore", divide="ignore"):
            return pooled.mapped(np.log1p(v), 1 / (1 + v))
    return pooled


def _logits(pooled: Pooled) -> Pooled:
    """Variances of logits from variances and means of shares: with and without AI, (V, V, M, M) for each group."""
    values, slopes = [], np.zeros((pooled.estimate.size // 2, pooled.estimate.size))
    for number in range(len(slopes)):
        group, side = divmod(number, 2)
        places = [4 * group + side, 4 * group + side + 2]
        variance, slope = logit_variance(*(float(pooled.estimate[place]) for place in places))
        values.append(variance)
        slopes[number, places] = slope
    return pooled.transformed(np.array(values), slopes)


def _half_log(ratio: float) -> float:
    if ratio <= 0:
        return -math.inf
    return math.log(ratio) / 2


def _less_one(ratio: float) -> float:
    return ratio - 1


def _ratio(ability: Ability, term: str, pooled: Pooled) -> Estimate:
    numerator, denominator = pooled.estimate
    ratio = numerator / denominator if denominator > 0 else math.nan
    direction = np.array([1.0, -ratio if math.isfinite(ratio) else -1.0])
    covariance = pooled.covariance(direction)
    dof = _dof(pooled, np.diag(covariance) * direction**2)
    critical = float(special.stdtrit(dof, (1 + LEVEL) / 2))
    scale = _less_one if term == GRADIENT else _half_log
    kept = ratio_set(pooled.estimate, covariance, critical)
    if term != GRADIENT:
        kept = kept.within(0)
    spread = math.sqrt(max(float(direction @ covariance @ direction), 0.0)) / denominator
    error = spread if term == GRADIENT else spread / (2 * ratio)
    statistic = ratio_statistic(pooled.estimate, covariance, 1.0)
    return _row(
        ability, term, pooled, kept.mapped(scale), _scaled(ratio, scale), error, statistic, dof
    )


def _contrast(ability: Ability, term: str, pooled: Pooled) -> Estimate:
    kind: Contrast = "difference" if term == GRADIENT else "ratio"
    treated, controls = _divided(pooled.estimate[:2]), _divided(pooled.estimate[2:])
    contrast = treated - controls if kind == "difference" else treated / controls
    direction = _direction(pooled.estimate, kind)
    covariance = pooled.covariance(direction)
    dof = _dof(pooled, np.zeros(2))
    critical = float(special.stdtrit(dof, (1 + LEVEL) / 2))
    scale: Callable[[float], float] = float if kind == "difference" else _half_log
    kept = contrast_set(pooled.estimate, covariance, critical, kind=kind).mapped(scale)
    error = math.sqrt(max(float(direction @ covariance @ direction), 0.0))
    null = 0.0 if kind == "difference" else 1.0
    statistic = contrast_statistic(pooled.estimate, covariance, null, kind=kind)
    estimate = _scaled(contrast, scale)
    return _row(
        ability,
        term,
        pooled,
        kept,
        estimate,
        error if kind == "difference" else error / 2,
        statistic,
        dof,
    )


def _divided(pair: Array) -> float:
    return float(pair[0] / pair[1]) if pair[1] > 0 else math.nan


def _direction(estimate: Array, kind: Contrast) -> Array:
    """Gradient of the contrast (of its log, for a ratio) in the four means."""
    a1, b1, a0, b0 = estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = {
            "ratio": [1 / a1, -1 / b1, -1 / a0, 1 / b0],
            "difference": [1 / b1, -a1 / b1**2, -1 / b0, a0 / b0**2],
        }
    return np.nan_to_num(slopes[kind], nan=1.0, posinf=1.0, neginf=-1.0)


def _scaled(ratio: float, scale: Callable[[float], float]) -> float:
    return scale(ratio) if math.isfinite(ratio) else math.nan


def _dof(pooled: Pooled, variances: Array) -> float:
    """Degrees of freedom: clusters less one, or less one a group where groups share no cluster."""
    fewest = float(min(pooled.n_clusters) - 1)
    if pooled.is_mixed or len(pooled.n_clusters) > 1:
        return max(fewest, 1.0)
    n = np.array(pooled.n_by_group[::-1], dtype=np.float64) - 1
    if n.min() < 1:
        return 1.0
    if (n.max() + 1) / (n.min() + 1) > _UNEVEN:
        return float(n.min())
    if variances.sum() > 0:
        return float(variances.sum() ** 2 / (variances**2 / n).sum())
    return float(n.sum())


def few_tasks(design: PairDesign) -> str:
    """Say that tasks are taken as given, where they are several and too few to count as drawn."""
    n_tasks = np.unique(design.task).size
    if design.spans_tasks or not 1 < n_tasks < ENOUGH_CLUSTERS:
        return ""
    return f"{n_tasks} tasks taken as given: sets are for these, not for all tasks of their kind, which takes {ENOUGH_CLUSTERS}"


def _row(
    ability: Ability,
    term: str,
    pooled: Pooled,
    kept: ConfidenceSet,
    estimate: float,
    error: float,
    statistic: float,
    dof: float,
) -> Estimate:
    is_single = len(kept.pieces) == 1
    is_usable = math.isfinite(statistic)
    whole = ConfidenceSet(pieces=((-math.inf, math.inf),)) if len(kept.pieces) > 1 else kept
    undetected = "" if math.isfinite(estimate) else "ability is not detected on one side"
    notes = (
        *ability.design.notes,
        undetected,
        few_tasks(ability.design),
        "" if is_single and kept.is_bounded else kept.describe(),
    )
    return Estimate(
        term=term,
        estimate=estimate,
        std_error=error,
        dof=dof,
        statistic=statistic,
        p_value=2 * float(special.stdtr(dof, -abs(statistic))) if is_usable else math.nan,
        conf_low=whole.low,
        conf_high=whole.high,
        n_obs=ability.design.n_rows,
        n_clusters=min(pooled.n_clusters),
        status=OK if is_usable else "no_variance",
        message="; ".join(note for note in notes if note),
        convention="clustered, set by inversion",
    )
