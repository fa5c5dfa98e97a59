"""Where use of AI is chosen: how strong what was not seen would have to be to undo a finding."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import optimize, special, stats

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.panel.memory import Data, as_panel
from withintask.tests_of_model.hypotheses.estimates import failure, from_moments, tidy
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.grouping import compact_codes, encode, group_sums
from withintask.tests_of_model.regression.options import BY_RULE, Effects, Inference
from withintask.tests_of_model.samples.controls import Adjust, check_adjust
from withintask.tests_of_model.samples.item_rows import ItemRows, item_rows
from withintask.tests_of_model.samples.task_rows import units_or_firms

SHORT, LONG, DELTA = "effect_of_use_without_controls", "effect_of_use", "oster_delta"
GAMMA, GAMMA_SPREAD = "rosenbaum_gamma", "rosenbaum_gamma_of_spread"
_R2_FACTOR = 1.3
"""Largest share explained, against that with controls: Oster (2019), section 4.2."""
_SIZE = 0.025
_LARGEST = 100.0
_DIGITS = 12
"""Decimals of output before AI within which two workers are alike: sums are rounded by the order of rows."""
_FEWEST_PAIRS = 6


def confounding(data: Data, *, controls: tuple[str, ...] | list[str] = ()) -> pl.DataFrame:
    """Say how strong unseen differences between users and others would have to be.

    Parameters
    ----------
    data
        Panel, as for :func:`withintask.estimate`, with use of AI.
    controls
        Columns, as for :func:`withintask.estimate`; the declared covariates if empty. Output before AI is one wherever it is
        seen.

    Returns
    -------
    polars.DataFrame
        Rows ``effect_of_use_without_controls`` and ``effect_of_use`` (log points or levels, use from 0 to 1),
        ``oster_delta``, ``rosenbaum_gamma`` of the mean and ``rosenbaum_gamma_of_spread`` of the log absolute deviation.

    Notes
    -----
    Oster (2019): the ratio of selection on what is not seen to selection on the controls at which the effect is zero, if all
    together would explain 1.3 times what the controls do. Below one, less selection than on the controls would do. Rosenbaum
    (2002): users are paired with others of the same firm and task, nearest in output before AI; gamma is the odds of use, of one
    of a pair against the other, at which the signed-rank test's one-sided p-value could reach .025. One where even no bias
    leaves it above.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("task-panel-selected", seed=1, settings=small)
    >>> rows = wt.confounding(panel)
    >>> rows["term"].to_list()[:3]
    ['effect_of_use_without_controls', 'effect_of_use', 'oster_delta']
    """
    terms = (SHORT, LONG, DELTA, GAMMA, GAMMA_SPREAD)
    panel, adjust = as_panel(data).collect(), Adjust(controls=tuple(controls))
    warnings = check_adjust(panel, adjust)
    try:
        chosen = _users(item_rows(panel, adjust), warnings)
    except EstimationError as error:
        return tidy([failure(term, "unusable", str(error)) for term in terms])
    return tidy([*_regressions(chosen), _gamma(chosen, GAMMA), _gamma(chosen, GAMMA_SPREAD)])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Users:
    """Workers on tasks after AI's arrival, (pair,) each."""

    value: Array
    use: Array
    controls: Array
    names: tuple[str, ...]
    cell: Codes
    before: Array
    unit: Codes
    weight: Array
    message: str


def _users(rows: ItemRows, warnings: tuple[str, ...]) -> _Users:
    rows = rows.take(rows.is_known & ~(rows.exposure == 0) & np.isfinite(rows.use))
    if rows.value.size == 0 or np.unique(rows.use[rows.is_post]).size < 2:
        raise EstimationError("confounding: use of AI is not recorded, or does not vary")
    pair = encode(rows.worker, rows.task)
    n = int(pair.max()) + 1
    cell = encode(rows.firm, rows.task)
    value, before = (
        _means(pair, rows.value, chosen, n) for chosen in (rows.is_post, ~rows.is_post)
    )
    use = _means(pair, rows.use, rows.is_post, n)
    covariates = [_means(pair, column, rows.is_post, n) for column in rows.covariates.T]
    columns = dict(zip(rows.covariate_names, covariates, strict=True))
    if np.isfinite(before).any():
        columns["output before AI"] = before
    table = np.column_stack(list(columns.values())) if columns else np.empty((n, 0))
    known = np.isfinite(value) & np.isfinite(use) & np.isfinite(table).all(axis=1)
    if not known.any():
        raise EstimationError("confounding: no worker and task of which all controls are known")
    first = np.unique(pair, return_index=True)[1]
    unit = units_or_firms(rows.worker[first], rows.firm[first])
    return _Users(
        value=value[known],
        use=use[known],
        controls=table[known],
        names=tuple(columns),
        cell=compact_codes(cell[first][known]),
        before=before[known],
        unit=compact_codes(unit[known]),
        weight=rows.weight[first][known],
        message="; ".join((*warnings, f"controls: {', '.join(columns) or 'none'}")),
    )


def _means(pair: Codes, values: Array, chosen: Flags, n: int) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.bincount(pair[chosen], values[chosen], minlength=n)
        return np.asarray(total / np.bincount(pair[chosen], minlength=n))


def _regressions(users: _Users) -> tuple[Estimate, ...]:
    """Effect of use without controls and with them, and Oster's delta."""
    fits = []
    for controls, names in ((users.controls[:, :0], ()), (users.controls, users.names)):
        fits.append(
            fit(
                users.value,
                np.column_stack([users.use, controls]),
                names=["use", *names],
                effects=Effects(absorb=[users.cell], weights=users.weight),
                inference=Inference(cluster=[users.unit]),
                options=BY_RULE,
            )
        )
    rows = [
        from_moments(
            term,
            float(fitted.params[0]),
            float(fitted.std_error[0]),
            dof=float(fitted.dof[0]),
            n_obs=fitted.n_obs,
            n_clusters=fitted.n_clusters,
            convention=f"{fitted.covariance_kind}, {fitted.convention}",
            message="; ".join((users.message, *fitted.messages)),
        )
        for term, fitted in zip((SHORT, LONG), fits, strict=True)
    ]
    return (*rows, _delta(users))


def _delta(users: _Users) -> Estimate:
    if not users.names:
        return failure(
            DELTA,
            "unusable",
            "no control to compare what was not seen with; name some with --control",
        )
    root = np.sqrt(users.weight)
    stacked = np.vstack([users.value, users.use, users.controls.T])
    left = Projector([users.cell], weights=users.weight).residuals(stacked) * root
    value = oster_delta(left[0], left[1], left[2:], factor=_R2_FACTOR)
    words = f"unseen selection {abs(value):.2f} times that on the controls would do"
    if not math.isfinite(value):
        words = "no unseen selection of this kind makes the effect zero"
    return Estimate(
        term=DELTA,
        estimate=value,
        std_error=math.nan,
        n_obs=users.value.size,
        status=OK if math.isfinite(value) else "unusable",
        message=f"{words}; {users.message}",
        convention=f"largest R2 {_R2_FACTOR} times that with controls, at most 1",
    )


def oster_delta(
    y: Array,
    x: Array,
    controls: Array,
    *,
    factor: float,
    effect: float = 0.0,
    r2_max: float = math.nan,
) -> float:
    """Proportional selection at which an effect has a given value: Oster (2019), proposition 3.

    Parameters
    ----------
    y, x, controls
        Outcome and treatment (n_obs,), controls (k, n_obs), in deviation from their means.
    factor
        Largest R² against that with controls.
    effect
        The value; zero in most uses.
    r2_max
        Largest R² itself, instead of a factor.

    Returns
    -------
    float
        NaN where nothing of the kind gives the value.
    """
    square_x, square_y = float(x @ x) / x.size, float(y @ y) / y.size
    short = float(x @ y) / float(x @ x)
    r2_short = short**2 * square_x / square_y
    gamma = np.linalg.lstsq(controls.T, np.column_stack([x, y]), rcond=None)[0]
    x_left, y_left = x - gamma[:, 0] @ controls, y - gamma[:, 1] @ controls
    t = float(x_left @ x_left) / x.size
    long = float(x_left @ y_left) / float(x_left @ x_left)
    residual = y_left - long * x_left
    r2_long = 1 - float(residual @ residual) / float(y @ y)
    r2_max = min(factor * r2_long, 1.0) if math.isnan(r2_max) else r2_max
    explained, unseen = (r2_long - r2_short) * square_y, (r2_max - r2_long) * square_y
    gap, moved = long - effect, short - long
    top = (
        gap * explained * t
        + gap * square_x * t * moved**2
        + 2 * gap**2 * (t * moved * square_x)
        + gap**3 * (t * square_x - t**2)
    )
    bottom = (
        unseen * moved * square_x
        + gap * unseen * (square_x - t)
        + gap**2 * (t * moved * square_x)
        + gap**3 * (t * square_x - t**2)
    )
    return top / bottom if bottom != 0 else math.nan


def _gamma(users: _Users, term: str) -> Estimate:
    """Odds at which the signed-rank test of matched pairs is no longer significant."""
    value = users.value
    if term == GAMMA_SPREAD:
        is_user = encode(users.cell, (users.use > 1 / 2).astype(np.int64))
        centre = group_sums(is_user, value) / np.bincount(is_user)
        with np.errstate(divide="ignore"):
            value = np.log(np.abs(value - centre[is_user]))
    differences = _matched(users, value)
    if differences.size < _FEWEST_PAIRS:
        reason = f"{differences.size} pairs of a user and another of his firm and task, expected {_FEWEST_PAIRS}"
        return failure(term, "unusable", reason)
    gamma = rosenbaum_gamma(differences)
    return Estimate(
        term=term,
        estimate=gamma,
        std_error=math.nan,
        p_value=2 * min(signed_rank_bound(differences, 1.0), 1 / 2),
        n_obs=int(differences.size),
        message=f"{differences.size} pairs; median difference {np.median(differences):+.3f}; {users.message}",
        convention="signed ranks, one-sided .025",
    )


def _matched(users: _Users, value: Array) -> Array:
    """Differences of users less the nearest not used yet of their cell, (pair,)."""
    is_user, before = users.use > 1 / 2, np.round(np.nan_to_num(users.before), _DIGITS)
    differences: list[Array] = []
    # Squared distances are least for one matching, absolute ones for many; between equals before AI it is drawn, from an
    # order that is not that of the rows.
    order = np.lexsort((users.value, *users.controls.T, users.use, before))
    drawn = order[np.random.default_rng(0).permutation(order.size)]
    for cell in np.unique(users.cell[is_user]):
        inside = drawn[users.cell[drawn] == cell]
        ours, others = inside[is_user[inside]], inside[~is_user[inside]]
        if others.size == 0:
            continue
        cost = (before[ours][:, None] - before[others]) ** 2
        mine, theirs = optimize.linear_sum_assignment(cost)
        differences.append(value[ours[mine]] - value[others[theirs]])
    found = np.concatenate(differences) if differences else np.empty(0)
    return found[np.isfinite(found) & (found != 0)]


def signed_rank_bound(differences: Array, gamma: float) -> float:
    """Largest one-sided p-value of the signed-rank test, in the direction found, under odds up to gamma.

    Parameters
    ----------
    differences
        Of pairs, none zero, (pair,).
    gamma
        Largest odds of treatment of one of a pair against the other.
    """
    n = differences.size
    ranks = stats.rankdata(np.abs(differences))
    positive = float(ranks[differences > 0].sum())
    statistic = max(positive, float(ranks.sum()) - positive)
    share = gamma / (1 + gamma)
    mean, variance = share * ranks.sum(), share * (1 - share) * float((ranks**2).sum())
    return float(special.ndtr(-(statistic - mean) / math.sqrt(variance))) if n else 1.0


def rosenbaum_gamma(differences: Array) -> float:
    """Odds at which :func:`signed_rank_bound` reaches .025; 1 where it is above without bias, 100 where it is not reached."""
    if signed_rank_bound(differences, 1.0) >= _SIZE:
        return 1.0
    if signed_rank_bound(differences, _LARGEST) < _SIZE:
        return _LARGEST
    return float(
        optimize.brentq(lambda g: signed_rank_bound(differences, g) - _SIZE, 1.0, _LARGEST)
    )
