"""Variance of worker and firm effects: plug-in, homoskedastic and leave-out (KSS) corrected."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError, list_problems
from withintask.tests_of_model.components.leverages import (
    Leverages,
    exact_leverages,
    firm_inverse,
)
from withintask.tests_of_model.components.matches import Matches, make_matches
from withintask.tests_of_model.components.mover_graph import LeaveOut, Pruned, leave_out_connected
from withintask.tests_of_model.components.projections import projected_leverages
from withintask.tests_of_model.regression.absorb import compact_codes
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.grouping import group_sums
from withintask.tests_of_model.regression.identifiers import known_codes
from withintask.tests_of_model.regression.options import Effects, Inference

EXACT_FIRMS = 8_000
"""Firms up to which leverages are computed exactly unless asked otherwise, from the dense inverse of the firm system."""
PROJECTIONS = 100
"""Random projections above."""
# Firms up to which exact leverages may be asked for: three dense matrices in memory.
_FIRMS_MAX = 16_000


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
    simulation: Components
    """Standard errors of ``leave_out`` from the random projections; zero where leverages are exact."""
    n_projections: int
    """Random projections; 0 where leverages are exact."""
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
    n_projections: int | None = None,
    seed: int = 0,
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
    n_projections
        Random projections for the leverages; 0 for exact ones, None for exact ones up to :data:`EXACT_FIRMS` firms and
        :data:`PROJECTIONS` projections above.
    seed
        Of the projections.

    Returns
    -------
    VarianceComponents

    Raises
    ------
    EstimationError
        Bad data, too few movers, or exact leverages asked for with more firms than memory holds.
    ParameterError
        An unknown unit to leave out, or a number of projections that is not possible.

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
    from quadratic forms of f in G, G Q G and G D G, exact up to :data:`EXACT_FIRMS` firms. Above, they are estimated by
    random projections (their computational appendix), whose error is in ``simulation``.

    Examples
    --------
    >>> import numpy as np
    >>> import withintask as wt
    >>> draws = np.random.default_rng(1)
    >>> worker = np.repeat(np.arange(300), 3)
    >>> firm = draws.integers(0, 15, 900)
    >>> y = draws.normal(size=300)[worker] + draws.normal(0, 0.5, 15)[firm] + draws.normal(0, 0.3, 900)
    >>> parts = wt.two_way_components(y, worker, firm)
    >>> bool(0 < parts.leave_out.firm < parts.leave_out.worker)
    True
    """
    if n_projections is not None and (n_projections < 0 or n_projections == 1):
        raise ParameterError(
            f"two-way components: n_projections is {n_projections}, expected 0 or at least 2"
        )
    y, workers, firms, regressors = _read(log_pay, worker, firm, controls, leave_out)
    pruned = _pruned(workers, firms, leave_out)
    rows = pruned.rows
    names = np.unique(firms[rows])
    workers, firms = compact_codes(workers[rows]), compact_codes(firms[rows])
    y = y[rows]
    projections = _projections(int(np.max(firms)) + 1, n_projections), seed
    if regressors is not None:
        y = y - regressors[rows] @ _slopes(y, regressors[rows], workers, firms)
    matches = make_matches(y, workers, firms)
    return _decompose(matches, y, names, pruned, leave_out, projections)


def _projections(n_firms: int, asked: int | None) -> int:
    """Projections to use, none for exact algebra; refused here where a matrix of firms is too large."""
    if asked is None:
        return PROJECTIONS if n_firms > EXACT_FIRMS else 0
    if asked == 0 and n_firms > _FIRMS_MAX:
        raise EstimationError(
            f"two-way components: {n_firms} firms, expected at most {_FIRMS_MAX} for exact leverages, which need a dense "
            "matrix of firms; leave n_projections out"
        )
    return asked


def _slopes(y: Array, regressors: Array, worker: Codes, firm: Codes) -> Array:
    """Coefficients of the controls beside both effects; zero where collinear."""
    fitted = fit(
        y,
        regressors,
        names=[f"control {k}" for k in range(regressors.shape[1])],
        effects=Effects(absorb=[worker, firm]),
        inference=Inference(kind="unadjusted"),
    )
    return np.nan_to_num(fitted.params)


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


def _decompose(
    matches: Matches,
    y: Array,
    names: Codes,
    pruned: Pruned,
    leave_out: LeaveOut,
    projections: tuple[int, int],
) -> VarianceComponents:
    n_obs, n_workers = len(y), int(matches.worker[-1]) + 1
    n_projections, seed = projections
    projected = None
    if n_projections:
        projected = projected_leverages(matches, n_obs, n_projections=n_projections, seed=seed)
        leverage, solve = projected.leverages, projected.solve
    else:
        inverse = firm_inverse(matches)
        leverage = exact_leverages(matches, inverse, n_obs)
        solve = inverse.__matmul__
    effects = _firm_effects(matches, solve)
    residuals = _residuals(matches, effects, y)
    firm_share = group_sums(matches.firm, matches.n_rows) / n_obs
    plug_in = _plug_in(matches, effects)
    free = n_obs - n_workers - matches.n_firms + 1
    variance = float(residuals @ residuals) / free if free > 0 else float("nan")
    equal = np.full(len(matches.mean), variance)
    errors = _error_variances(matches, leverage, residuals, y, leave_out)
    weighted = matches.n_rows * errors.variance
    simulated = np.zeros(3)
    if projected is not None:
        simulated = projected.errors(matches, weighted, errors.elasticity, n_obs)
    return VarianceComponents(
        plug_in=plug_in,
        homoskedastic=_corrected(plug_in, leverage, matches.n_rows * equal),
        leave_out=_corrected(plug_in, leverage, weighted),
        simulation=Components(
            firm=float(simulated[0]), worker=float(simulated[1]), covariance=float(simulated[2])
        ),
        n_projections=n_projections,
        total=float(np.var(y)),
        error=float(np.average(errors.variance, weights=matches.n_rows)),
        n_obs=n_obs,
        n_workers=n_workers,
        n_movers=int((np.bincount(matches.worker) > 1).sum()),
        n_firms=matches.n_firms,
        n_unknown=len(pruned.rows) - pruned.n_known,
        pruned=pruned,
        left_out=leave_out,
        max_leverage=float(np.max(errors.hat)),
        firms=names,
        firm_effects=effects - firm_share @ effects,
        firm_share=firm_share,
    )


def _firm_effects(matches: Matches, solve: Callable[[Array], Array]) -> Array:
    """Least-squares firm effects, the first at zero, with one step of refinement (n_firms,)."""
    laplacian = matches.laplacian()
    right = matches.pulls(matches.mean)
    effects = solve(right[:, None])[:, 0]
    rest = right - laplacian @ effects
    rest -= rest.mean()
    refined: Array = effects + solve(rest[:, None])[:, 0]
    return refined


def _worker_effects(matches: Matches, effects: Array) -> Array:
    """Worker effect of each match (n_matches,)."""
    return matches.by_worker(matches.share * (matches.mean - effects[matches.firm]))


def _residuals(matches: Matches, effects: Array, y: Array) -> Array:
    fitted = effects[matches.firm] + _worker_effects(matches, effects)
    residuals: Array = y - fitted[matches.of_row]
    return residuals


def _plug_in(matches: Matches, effects: Array) -> Components:
    moments = np.cov(
        effects[matches.firm], _worker_effects(matches, effects), ddof=0, fweights=matches.n_rows
    )
    return Components(
        firm=float(moments[0, 0]), worker=float(moments[1, 1]), covariance=float(moments[0, 1])
    )


@dataclass(frozen=True, kw_only=True)
class _ErrorVariances:
    """Unbiased error variances of matches."""

    variance: Array
    """(n_matches,)."""
    hat: Array
    """Leverages that were divided by."""
    elasticity: Array
    """By how much the variance moves, relatively, with 1/(1 - the leverage of the match) (n_matches,)."""


def _error_variances(
    matches: Matches,
    leverage: Leverages,
    residuals: Array,
    y: Array,
    leave_out: LeaveOut,
) -> _ErrorVariances:
    n_rows = matches.n_rows
    centred = y - y.mean()
    is_stayer = np.bincount(matches.worker)[matches.worker] == 1
    hat = n_rows * leverage.hat
    if leave_out == "observation":
        products = group_sums(matches.of_row, centred * residuals)
        return _ErrorVariances(
            variance=products / (1 - leverage.hat) / n_rows,
            hat=leverage.hat,
            elasticity=np.where(is_stayer, 0.0, (1 - hat) / (n_rows * (1 - leverage.hat))),
        )
    product = (matches.mean - y.mean()) * group_sums(matches.of_row, residuals)
    moved = product / np.where(is_stayer, 1.0, 1 - hat)
    within = matches.square / np.where(is_stayer, n_rows - 1, 1)
    return _ErrorVariances(
        variance=np.where(is_stayer, within, moved),
        hat=hat[~is_stayer],
        elasticity=np.where(is_stayer, 0.0, 1.0),
    )


def _corrected(plug_in: Components, leverage: Leverages, variance: Array) -> Components:
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
