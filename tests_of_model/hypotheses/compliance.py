"""Access that is not used, and use without access: effects of use on those whom access makes use AI."""

import math

import numpy as np
import polars as pl
from scipy import special

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.panel.memory import Data, as_panel
from withintask.tests_of_model.components.inversion import ratio_set
from withintask.tests_of_model.hypotheses.average_effect import EffectRows, effect_rows
from withintask.tests_of_model.hypotheses.estimates import LEVEL, failure, from_moments, tidy
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.grouping import compact_codes, encode, group_sums
from withintask.tests_of_model.samples.comparisons import Form
from withintask.tests_of_model.samples.item_rows import ItemRows
from withintask.tests_of_model.samples.sample import Sample

LATE, SHARE, LOG_SD = "late_of_use", "complier_share", "delta_log_sd_compliers"
_FEW_COMPLIERS = 0.05
"""Share of compliers below which their moments divide by almost nothing."""


def compliance(data: Data, *, form: Form = "between") -> pl.DataFrame:
    """Estimate the effects of use, instrumented by access.

    Parameters
    ----------
    data
        Panel with access and use, as for :func:`withintask.estimate`.
    form
        ``between`` workers after AI's arrival, ``difference`` in differences, or ``within`` workers.

    Returns
    -------
    polars.DataFrame
        Rows ``complier_share`` (the first stage), ``late_of_use`` (mean, units of the analysed outcome: log points or
        levels), and between workers ``delta_log_sd_compliers`` (ability of compliers, by pairs); or why they could not be
        estimated.

    Notes
    -----
    Access must move output only by way of use, and nobody away from it (Imbens and Angrist 1994). The set of the mean is
    Anderson and Rubin's, by inversion of the clustered test that the reduced form is c times the first stage: it covers
    however weak the first stage is. Dispersion: with D use and Z access, compliers' moments are E[g D|Z=1] - E[g D|Z=0] with
    AI and E[g(1-D)|Z=0] - E[g(1-D)|Z=1] without, over their share (Abadie 2002), g the product of pairs of a worker's items
    and his mean; variances are moments less squared means, errors by the jackknife over what was assigned.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> rows = wt.compliance(panel)
    >>> rows.filter(term="complier_share")["estimate"].item()
    1.0
    """
    sample = Sample(as_panel(data).collect())
    terms = (SHARE, LATE, LOG_SD) if form == "between" else (SHARE, LATE)
    try:
        chosen = _with_use(effect_rows(sample.item_rows, form))
    except EstimationError as error:
        return tidy([failure(term, "unusable", str(error)) for term in terms])
    rows = list(_means(chosen))
    if form == "between":
        rows.append(_dispersion(chosen))
    return tidy(rows)


def _with_use(chosen: EffectRows) -> EffectRows:
    rows = chosen.rows
    if not np.isfinite(rows.use).any() or np.nanmin(rows.use) == np.nanmax(rows.use):
        raise EstimationError("compliance: use of AI is not recorded, or does not vary")
    known = np.isfinite(rows.use)
    n_left = int(np.count_nonzero(~known))
    return chosen if not n_left else chosen.take(known, f"{n_left} rows left out, use not known")


def _means(chosen: EffectRows) -> tuple[Estimate, Estimate]:
    """First stage, and the mean with Anderson and Rubin's set."""
    rows = chosen.rows
    stacked = np.vstack([rows.value, rows.use, chosen.treated, rows.covariates.T])
    left = Projector(chosen.absorb, weights=rows.weight).residuals(stacked) * np.sqrt(rows.weight)
    y, d, z = _net(left[:3], left[3:])
    square = float(z @ z)
    if square <= np.finfo(float).eps * rows.weight.sum():
        raise EstimationError("compliance: access does not vary within the effects")
    pair = np.array([z @ y, z @ d]) / square
    influence = np.vstack([z * (y - pair[0] * z), z * (d - pair[1] * z)]) / square
    unit = compact_codes(chosen.clusters[0])
    sums = np.array([group_sums(unit, row) for row in influence])
    n_units = sums.shape[1]
    covariance = sums @ sums.T * n_units / max(n_units - 1, 1)
    dof = n_units - 1
    counts = {"dof": dof, "n_obs": y.size, "n_clusters": n_units}
    share = from_moments(
        SHARE, float(pair[1]), math.sqrt(covariance[1, 1]), convention="cluster", **counts
    )
    kept = ratio_set(pair, covariance, float(special.stdtrit(dof, (1 + LEVEL) / 2)))
    ratio = float(pair[0] / pair[1])
    direction = np.array([1.0, -ratio])
    error = math.sqrt(float(direction @ covariance @ direction)) / abs(pair[1])
    statistic = float(pair[0] / math.sqrt(covariance[0, 0]))
    spread = float(covariance[1, 1])
    strength = (
        f"first-stage F {pair[1] ** 2 / spread:.1f}" if spread > 0 else "access is always used"
    )
    notes = (strength, kept.describe(), chosen.message)
    late = Estimate(
        term=LATE,
        estimate=ratio,
        std_error=error,
        dof=dof,
        statistic=statistic,
        p_value=2 * float(special.stdtr(dof, -abs(statistic))),
        conf_low=kept.low if len(kept.pieces) == 1 else -math.inf,
        conf_high=kept.high if len(kept.pieces) == 1 else math.inf,
        n_obs=y.size,
        n_clusters=n_units,
        status=OK,
        message="; ".join(note for note in notes if note),
        convention="cluster, set by inversion",
    )
    return share, late


def _net(rows: Array, others: Array) -> Array:
    """Rows net of other rows, those that vary."""
    others = others[np.einsum("kn,kn->k", others, others) > 0]
    if not len(others):
        return rows
    slopes = np.linalg.lstsq(others.T, rows.T, rcond=None)[0]
    return np.asarray(rows - (others.T @ slopes).T)


def _dispersion(chosen: EffectRows) -> Estimate:
    """Change of the log sd of compliers' ability, by pairs of a worker's items."""
    rows = chosen.rows
    worker = compact_codes(rows.worker)
    moments, has_use, has_access, unit = _by_worker(rows, chosen, worker)
    if unit.size < 2:
        return failure(LOG_SD, "unusable", "fewer than two workers have two items")
    code = compact_codes(unit)
    sums = np.array(
        [
            [
                group_sums(code, part * (has_access == z))
                for part in (*moments, has_use, np.ones(unit.size))
            ]
            for z in (0, 1)
        ]
    )
    total = sums.sum(axis=2)
    estimate = _log_sd(total)
    without = np.array([_log_sd(total - sums[:, :, g]) for g in range(sums.shape[2])])
    n = without.size
    if not np.isfinite(estimate) or not np.isfinite(without).all():
        reason = "a variance of compliers is not positive, or they are under a twentieth: ability is not detected"
        return failure(LOG_SD, "unusable", reason)
    corrected = n * estimate - (n - 1) * float(without.mean())
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    return from_moments(
        LOG_SD,
        corrected,
        error,
        dof=n - 1,
        n_obs=rows.value.size,
        n_clusters=n,
        convention="jackknife over what was assigned",
        message="pairs of different items of a worker",
    )


def _by_worker(
    rows: ItemRows, chosen: EffectRows, worker: Codes
) -> tuple[tuple[Array, ...], Array, Flags, Codes]:
    """Moments (products and means, with use and without), use, access and unit of workers with two items."""
    cell = encode(rows.task, rows.period)
    left = rows.value - (group_sums(cell, rows.value) / np.bincount(cell))[cell]
    count = np.bincount(worker).astype(np.float64)
    total, square = group_sums(worker, left), group_sums(worker, left**2)
    seen = count > 1
    with np.errstate(divide="ignore", invalid="ignore"):
        product = (total**2 - square) / (count * (count - 1))
    mean = total / count
    first = np.unique(worker, return_index=True)[1]
    use = (group_sums(worker, rows.use) / count > 1 / 2).astype(np.float64)
    moments = (product * use, mean * use, product * (1 - use), mean * (1 - use))
    unit = chosen.clusters[0][first]
    return (
        tuple(part[seen] for part in moments),
        use[seen],
        (chosen.treated[first] > 0)[seen],
        unit[seen],
    )


def _log_sd(sums: Array) -> float:
    """Half the log ratio of compliers' variances from sums by access: products and means with use, without, use, count."""
    means = sums[:, :5] / sums[:, 5:]
    share = means[1, 4] - means[0, 4]
    if share < _FEW_COMPLIERS:
        return math.nan
    with_use = (means[1, :2] - means[0, :2]) / share
    without = (means[0, 2:4] - means[1, 2:4]) / share
    variances = with_use[0] - with_use[1] ** 2, without[0] - without[1] ** 2
    if min(variances) <= 0:
        return math.nan
    return math.log(variances[0] / variances[1]) / 2
