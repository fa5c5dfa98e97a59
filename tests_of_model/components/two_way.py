"""Variance of worker and firm effects: plug-in, homoskedastic and leave-out (KSS) corrected."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError, list_problems
from withintask.tests_of_model.components.mover_graph import LeaveOut, Pruned, leave_out_connected
from withintask.tests_of_model.regression.absorb import Projector, compact_codes, encode
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.grouping import group_sums, sorting_order
from withintask.tests_of_model.regression.identifiers import known_codes
from withintask.tests_of_model.regression.options import Effects, Inference

# Firms up to which leverages are computed from the dense inverse of the firm system.
_FIRMS_MAX = 8_000
# Entries gathered at once.
_ENTRIES_AT_ONCE = 2**22


@dataclass(frozen=True, kw_only=True)
class Components:
    """Second moments of the effects over observations, in squared units of the outcome."""

    firm: float
    """Variance of firm effects."""
    worker: float
    """Variance of worker effects."""
    covariance: float
    """Their covariance (sorting)."""

    @property
    def correlation(self) -> float:
        """Correlation of worker and firm effects; NaN if a variance is not positive."""
        product = self.firm * self.worker
        return self.covariance / product**0.5 if product > 0 else float("nan")


@dataclass(frozen=True, kw_only=True)
class VarianceComponents:
    """Decomposition of the outcome's variance by worker and firm effects."""

    plug_in: Components
    """Moments of the estimated effects; biased by their estimation error."""
    homoskedastic: Components
    """Corrected under one error variance (Andrews et al. 2008)."""
    leave_out: Components
    """Corrected with an unbiased variance for each error (Kline, Saggio and Sølvsten 2020)."""
    total: float
    """Variance of the outcome in the set."""
    error: float
    """Mean error variance per observation, by leaving out."""
    n_obs: int
    """Rows used."""
    n_workers: int
    """Workers used."""
    n_movers: int
    """Workers seen at two firms or more."""
    n_firms: int
    """Firms used."""
    n_unknown: int
    """Rows left out because worker or firm is not known (null or NaN)."""
    pruned: Pruned
    """Which of the rows given were dropped, and why; those with an unknown id are none of its counts."""
    left_out: LeaveOut
    """The unit left out."""
    max_leverage: float
    """Largest leverage; the correction divides by one minus it."""
    firms: Codes
    """Rank of each firm of the set among all firms given, sorted (n_firms,)."""
    firm_effects: Array
    """Estimated effect of each firm (n_firms,), mean zero over observations; with estimation error."""
    firm_share: Array
    """Each firm's share of the observations (n_firms,)."""


def two_way_components(
    log_pay: npt.ArrayLike,
    worker: npt.ArrayLike,
    firm: npt.ArrayLike,
    *,
    controls: npt.ArrayLike | None = None,
    leave_out: LeaveOut = "match",
) -> VarianceComponents:
    """Decompose the variance of pay into worker effects, firm effects and their covariance.

    Parameters
    ----------
    log_pay
        Outcome (n_obs,), finite.
    worker, firm
        Ids (n_obs,), anything that sorts; rows in which one is not known (null, NaN) are left out and counted.
    controls
        Further regressors (n_obs, k); their contribution is estimated with both effects and
        subtracted first.
    leave_out
        ``match``: errors may be correlated within a worker-firm match. ``observation``: errors
        are independent.

    Returns
    -------
    VarianceComponents

    Raises
    ------
    EstimationError
        Bad data, too few movers, or more firms than exact leverages allow.
    ParameterError
        An unknown unit to leave out.

    Notes
    -----
    y = worker + firm + error by least squares weighted by the rows of a match. A component is a
    quadratic form θ = β'Aβ, its plug-in bias Σ B_oo σ_o² with B_oo = x_o'S⁻¹AS⁻¹x_o. Homoskedastic:
    σ² from the residuals (Andrews, Gill, Schank and Upward 2008). Leave-out: σ_o² = (y_o − ȳ) e_o /
    (1 − P_oo), P_oo = x_o'S⁻¹x_o (Kline, Saggio and Sølvsten 2020, eq. 3). Leaving out a match
    says nothing about a stayer's error, which enters the variance of worker effects only: there
    the variance within the match is used, as if independent.

    With worker effects eliminated, S⁻¹x_o has the firm part z = G f, f the firm of the match minus
    the worker's mix of firms, G the inverse of the firm Laplacian; all leverages and traces follow
    from quadratic forms of f in G, G Q G and G D G. They are exact, without random projections.
    """
    y, workers, firms, regressors = _read(log_pay, worker, firm, controls, leave_out)
    pruned = _pruned(workers, firms, leave_out)
    rows = pruned.rows
    names = np.unique(firms[rows])
    workers, firms = compact_codes(workers[rows]), compact_codes(firms[rows])
    y = y[rows]
    if np.max(firms) >= _FIRMS_MAX:
        raise EstimationError(
            f"two-way components: {np.max(firms) + 1} firms, expected at most {_FIRMS_MAX}; exact "
            "leverages need a dense matrix of firms. Group small firms first"
        )
    projector = Projector([workers, firms])
    if regressors is not None:
        kept = regressors[rows]
        labels = [f"control {k}" for k in range(kept.shape[1])]
        slopes = fit(
            y,
            kept,
            names=labels,
            effects=Effects(projector=projector),
            inference=Inference(kind="unadjusted"),
        ).params
        y = y - kept @ np.nan_to_num(slopes)
    matches = _matches(y, workers, firms)
    return _decompose(matches, projector.residuals(y), y, names, pruned, leave_out)


def _pruned(worker: Codes, firm: Codes, leave_out: LeaveOut) -> Pruned:
    """Prune the rows whose worker and firm are known."""
    known = (worker >= 0) & (firm >= 0)
    if known.all():
        return leave_out_connected(worker, firm, leave_out=leave_out)
    if not known.any():
        raise EstimationError("two-way components: no row has a known worker and a known firm")
    ids = compact_codes(worker[known]), compact_codes(firm[known])
    pruned = leave_out_connected(*ids, leave_out=leave_out)
    rows = np.zeros(len(known), dtype=bool)
    rows[known] = pruned.rows
    return replace(pruned, rows=rows)


@dataclass(frozen=True, kw_only=True)
class _Matches:
    """Worker-firm matches, sorted by worker."""

    worker: Codes
    firm: Codes
    n_rows: Codes
    mean: Array
    square: Array
    """Sum of squares of y around the match mean."""
    share: Array
    """Rows of the match among the worker's."""
    of_row: Codes
    """Match of each row."""


def _matches(y: Array, worker: Codes, firm: Codes) -> _Matches:
    of_row = encode(worker, firm)
    first = np.unique(of_row, return_index=True)[1]
    n_rows = np.bincount(of_row)
    mean = group_sums(of_row, y) / n_rows
    deviations = y - mean[of_row]
    workers = worker[first]
    return _Matches(
        worker=workers,
        firm=firm[first],
        n_rows=n_rows,
        mean=mean,
        square=group_sums(of_row, deviations**2),
        share=n_rows / group_sums(workers, n_rows)[workers],
        of_row=of_row,
    )


@dataclass(frozen=True, kw_only=True)
class _Leverage:
    """Quadratic forms of each match's row, on the scale of one observation."""

    hat: Array
    """x'S⁻¹x."""
    firm: Array
    """x'S⁻¹AS⁻¹x of the variance of firm effects."""
    worker: Array
    """The same of worker effects."""
    covariance: Array
    """The same of their covariance."""


def _decompose(
    matches: _Matches,
    residuals: Array,
    y: Array,
    names: Codes,
    pruned: Pruned,
    leave_out: LeaveOut,
) -> VarianceComponents:
    n_obs, n_workers = len(y), int(matches.worker[-1]) + 1
    n_firms = int(np.max(matches.firm)) + 1
    inverse = _firm_inverse(matches, n_firms)
    leverage = _leverages(matches, inverse, n_obs)
    effects = _firm_effects(matches, inverse)
    firm_share = group_sums(matches.firm, matches.n_rows) / n_obs
    plug_in = _plug_in(matches, effects)
    free = n_obs - n_workers - n_firms + 1
    variance = float(residuals @ residuals) / free if free > 0 else float("nan")
    equal = np.full(len(matches.mean), variance)
    sigma, weight, hat = _error_variances(matches, leverage, residuals, y, leave_out)
    return VarianceComponents(
        plug_in=plug_in,
        homoskedastic=_corrected(plug_in, leverage, matches.n_rows * equal),
        leave_out=_corrected(plug_in, leverage, weight * sigma),
        total=float(np.var(y)),
        error=float(np.average(sigma, weights=weight)),
        n_obs=n_obs,
        n_workers=n_workers,
        n_movers=int((np.bincount(matches.worker) > 1).sum()),
        n_firms=n_firms,
        n_unknown=len(pruned.rows) - pruned.n_known,
        pruned=pruned,
        left_out=leave_out,
        max_leverage=float(np.max(hat)),
        firms=names,
        firm_effects=effects - firm_share @ effects,
        firm_share=firm_share,
    )


def _firm_inverse(matches: _Matches, n_firms: int) -> Array:
    """Inverse of the firm Laplacian, the first firm held at zero (n_firms, n_firms)."""
    shape = (int(matches.worker[-1]) + 1, n_firms)
    place = (matches.worker, matches.firm)
    rows = sparse.coo_array((matches.n_rows.astype(float), place), shape=shape).tocsr()
    mix = sparse.coo_array((matches.share, place), shape=shape).tocsr()
    laplacian = -(rows.T @ mix).toarray()
    laplacian[np.diag_indices(n_firms)] += group_sums(matches.firm, matches.n_rows)
    inverse = np.zeros((n_firms, n_firms))
    lower = linalg.cho_factor(laplacian[1:, 1:], lower=True, check_finite=False)
    inverse[1:, 1:] = linalg.cho_solve(lower, np.eye(n_firms - 1), check_finite=False)
    return inverse


def _leverages(matches: _Matches, inverse: Array, n_obs: int) -> _Leverage:
    """Leverages and bias weights from quadratic forms of f = firm of match − mix of the worker."""
    firm_rows = group_sums(matches.firm, matches.n_rows)
    spread = (inverse * firm_rows) @ inverse
    own, mixed, twice = _forms(matches, inverse)
    g = own - 2 * mixed + twice
    along = mixed - twice
    own, mixed, twice = _forms(matches, spread)
    d = own - 2 * mixed + twice
    pull = inverse @ firm_rows
    tau = pull[matches.firm] - _by_worker(matches, matches.share * pull[matches.firm])
    alone = _by_worker(matches, matches.n_rows)
    return _Leverage(
        hat=1 / alone + g,
        firm=(d - tau**2 / n_obs) / n_obs,
        worker=(1 / alone - 2 * along + d - g - (1 - tau) ** 2 / n_obs) / n_obs,
        covariance=(along - d + g - (1 - tau) * tau / n_obs) / n_obs,
    )


def _by_worker(matches: _Matches, values: Array | Codes) -> Array:
    """Sum over a worker's matches, repeated for each of them."""
    return group_sums(matches.worker, values)[matches.worker]


def _forms(matches: _Matches, matrix: Array) -> tuple[Array, Array, Array]:
    """e'Me, e'Mp and p'Mp for each match, e its firm and p the mix of firms of its worker."""
    mixed = np.empty(len(matches.firm))
    for places in _equal_sizes(matches.worker):
        firm, share = matches.firm[places], matches.share[places]
        block = matrix[firm[:, None, :], firm[None, :, :]]
        mixed[places] = np.einsum("abw,bw->aw", block, share)
    return matrix[matches.firm, matches.firm], mixed, _by_worker(matches, matches.share * mixed)


def _equal_sizes(worker: Codes) -> Iterator[Codes]:
    """Places of the matches of workers with equally many (n_matches, n_workers), in batches."""
    counts = np.bincount(worker)
    ends = np.cumsum(counts)
    by_size = sorting_order(counts)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(counts))])
    for size in np.flatnonzero(np.diff(bounds)):
        same = by_size[bounds[size] : bounds[size + 1]]
        step = max(_ENTRIES_AT_ONCE // int(size) ** 2, 1)
        for start in range(0, len(same), step):
            yield (ends[same[start : start + step]] - size) + np.arange(size)[:, None]


def _firm_effects(matches: _Matches, inverse: Array) -> Array:
    worker_mean = _by_worker(matches, matches.share * matches.mean)
    pulled = matches.n_rows * (matches.mean - worker_mean)
    return np.asarray(inverse @ group_sums(matches.firm, pulled, len(inverse)))


def _plug_in(matches: _Matches, effects: Array) -> Components:
    firm_effect = effects[matches.firm]
    worker_effect = _by_worker(matches, matches.share * (matches.mean - firm_effect))
    moments = np.cov(firm_effect, worker_effect, ddof=0, fweights=matches.n_rows)
    return Components(
        firm=float(moments[0, 0]), worker=float(moments[1, 1]), covariance=float(moments[0, 1])
    )


def _error_variances(
    matches: _Matches,
    leverage: _Leverage,
    residuals: Array,
    y: Array,
    leave_out: LeaveOut,
) -> tuple[Array, Array, Array]:
    """Unbiased error variance of each match, its weight in rows, and the leverages divided by."""
    n_rows = matches.n_rows
    centred = y - y.mean()
    if leave_out == "observation":
        products = group_sums(matches.of_row, centred * residuals)
        return products / (1 - leverage.hat) / n_rows, n_rows.astype(float), leverage.hat
    hat = n_rows * leverage.hat
    is_stayer = np.bincount(matches.worker)[matches.worker] == 1
    product = (matches.mean - y.mean()) * group_sums(matches.of_row, residuals)
    moved = product / np.where(is_stayer, 1.0, 1 - hat)
    within = matches.square / np.where(is_stayer, n_rows - 1, 1)
    return np.where(is_stayer, within, moved), n_rows.astype(float), hat[~is_stayer]


def _corrected(plug_in: Components, leverage: _Leverage, variance: Array) -> Components:
    """Subtract the bias, variance (n_matches,) being that of the error times the rows."""
    return Components(
        firm=plug_in.firm - float(leverage.firm @ variance),
        worker=plug_in.worker - float(leverage.worker @ variance),
        covariance=plug_in.covariance - float(leverage.covariance @ variance),
    )


def _read(
    log_pay: npt.ArrayLike,
    worker: npt.ArrayLike,
    firm: npt.ArrayLike,
    controls: npt.ArrayLike | None,
    leave_out: str,
) -> tuple[Array, Codes, Codes, Array | None]:
    if leave_out not in get_args(LeaveOut):
        raise ParameterError(
            f"two-way components: leave_out is {leave_out!r}, expected 'observation' or 'match'"
        )
    y = np.asarray(log_pay, dtype=float)
    regressors = None if controls is None else np.asarray(controls, dtype=float)
    if regressors is not None and regressors.ndim == 1:
        regressors = regressors[:, None]
    codes = {"worker": known_codes(worker)[0], "firm": known_codes(firm)[0]}
    problems = [] if y.ndim == 1 and len(y) else [f"log_pay has shape {y.shape}"]
    for name, column in codes.items():
        if column.shape != y.shape:
            problems.append(f"{name} has shape {column.shape}, expected {y.shape}")
    for name, values in {"log_pay": y, "controls": regressors}.items():
        if values is not None and not np.isfinite(values).all():
            n_bad = int((~np.isfinite(values)).sum())
            problems.append(f"{name} has {n_bad} missing or infinite values; drop the rows first")
    if regressors is not None and len(regressors) != len(y):
        problems.append(f"controls have {len(regressors)} rows, expected {len(y)}")
    if problems:
        raise EstimationError(list_problems("two-way components", problems))
    return y, codes["worker"], codes["firm"], regressors
