"""Effects of a roll-out given covariates: what they explain of outcomes without AI is taken off those with it.

Slopes come from values without AI alone, beside effects of units and of periods within strata, so that they hold nothing of
AI's effect (Gardner 2022; Borusyak, Jaravel and Spiess 2024). Effects are linear in outcomes: with covariates they are the
effects on the outcome less slope times those "on" each covariate, for all clusters and for all but each.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.group_time import FEW_CLUSTERS, PairEffects, Paths
from withintask.tests_of_model.regression.grouping import encode

_NEGLIGIBLE = 1e-8
"""Share of a covariate's variance within units below which it is one value a unit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Slopes:
    """Slopes on covariates of units, and the covariates as they enter."""

    values: Array
    """Covariates, those that are one value a unit once for each period, (column, unit, period)."""
    slope: Array
    """With all clusters and without each, (1 + cluster, column)."""
    by_period: Array
    """Slope on each covariate in each period, with all clusters, (covariate, period)."""


def with_covariates(
    paths: Paths, covariates: Array, cluster: Codes, effects: Callable[[Paths], PairEffects]
) -> PairEffects:
    """Compute effects of pairs of cohort and period given covariates.

    Parameters
    ----------
    paths
        Outcomes of units, NaN where a covariate is not known.
    covariates
        (covariate, unit, period).
    cluster
        What is left out as one, (unit,).
    effects
        Effects of pairs for given paths and these clusters.

    Raises
    ------
    EstimationError
        If values without AI are too few for the slopes.

    Notes
    -----
    A covariate that is one value a unit has a slope of its own in every period, as in the outcome regressions of Callaway and
    Sant'Anna (2021).
    """
    plain = effects(paths)
    found = fit_slopes(paths, covariates, cluster)
    estimate = plain.estimate.copy()
    for column, slope in zip(found.values, found.slope.T, strict=True):
        moved = effects(replace(paths, value=np.where(np.isfinite(paths.value), column, np.nan)))
        estimate = estimate - slope[:, None] * moved.estimate
    return replace(plain, estimate=estimate)


def fit_slopes(paths: Paths, covariates: Array, cluster: Codes) -> Slopes:
    """Fit slopes on covariates to values without AI; see :func:`with_covariates`."""
    is_free = np.isfinite(paths.value) & (np.arange(paths.n_periods) < paths.start[:, None])
    parts = [_periods(each, is_free) for each in covariates]
    values = np.concatenate(
        [np.nan_to_num(x) * p[:, None] for x, p in zip(covariates, parts, strict=True)]
    )
    unit, period = np.nonzero(is_free)
    stacked = np.vstack([paths.value[is_free], values[:, is_free]])
    codes = [unit, encode(paths.stratum[unit], period)]
    weight, of_row = paths.weight[unit], cluster[unit]
    everybody = _residuals(stacked, codes, weight)
    _fail_if_too_few(everybody, codes, len(values))
    n_clusters = int(cluster.max(initial=-1)) + 1
    slopes = [_solve(*_moments(everybody, weight))]
    few = n_clusters <= FEW_CLUSTERS
    whole = _moments(everybody, weight)
    for code in range(n_clusters):
        inside = of_row == code
        if few and not inside.all():
            rest = ~inside
            left = _residuals(stacked[:, rest], [c[rest] for c in codes], weight[rest])
            slopes.append(_solve(*_moments(left, weight[rest])))
        else:
            # The effects of the others hardly change where one of many clusters is left out.
            own = _moments(everybody[:, inside], weight[inside])
            slopes.append(_solve(whole[0] - own[0], whole[1] - own[1]))
    bounds = np.cumsum([0, *(len(part) for part in parts)])
    by_period = [slopes[0][a:b] @ p for a, b, p in zip(bounds, bounds[1:], parts, strict=False)]
    return Slopes(values=values, slope=np.array(slopes), by_period=np.array(by_period))


def _periods(covariate: Array, is_free: Flags) -> Array:
    """Periods in which each column of a covariate is not zero: all, or one each where it is one value a unit, (column, period)."""
    known = np.where(is_free, covariate, 0.0)
    mean = known.sum(axis=1) / np.maximum(is_free.sum(axis=1), 1)
    within = np.where(is_free, covariate - mean[:, None], 0.0)
    spread = float(np.square(covariate[is_free] - covariate[is_free].mean()).sum())
    if np.square(within).sum() > _NEGLIGIBLE * spread:
        return np.ones((1, covariate.shape[1]))
    return np.eye(covariate.shape[1])[np.flatnonzero(is_free.any(axis=0))[1:]]


def _residuals(stacked: Array, codes: list[Codes], weight: Array) -> Array:
    return Projector(codes, weights=weight).residuals(stacked)


def _moments(residuals: Array, weight: Array) -> tuple[Array, Array]:
    """Cross-products of covariates, and of covariates with the outcome."""
    weighted = residuals[1:] * weight
    return weighted @ residuals[1:].T, weighted @ residuals[0]


def _solve(moments: Array, right: Array) -> Array:
    """Slopes; those along directions without variation are zero."""
    scale = np.sqrt(np.maximum(np.diagonal(moments), np.finfo(float).tiny))
    turned = np.linalg.lstsq(moments / np.outer(scale, scale), right / scale, rcond=_NEGLIGIBLE)[0]
    return np.asarray(turned / scale)


def _fail_if_too_few(residuals: Array, codes: list[Codes], n_columns: int) -> None:
    n_rows = residuals.shape[1]
    n_effects = Projector(codes).rank
    if n_rows - n_effects <= n_columns:
        raise EstimationError(
            f"roll-out: {n_rows} values without AI for {n_columns} slopes beside {n_effects} effects of units and periods; "
            "name fewer controls, or do without"
        )
