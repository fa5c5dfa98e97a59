"""Least squares and two-stage least squares with absorbed effects and clustered errors.

One function, :func:`fit`, two engines: ``fast`` projects the effects out exactly, ``reference``
hands the same regression to linearmodels and statsmodels.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.conventions import Convention, SmallSample, small_sample
from withintask.tests_of_model.regression.covariance import covariance_matrix
from withintask.tests_of_model.regression.few_clusters import few_clusters_covariance
from withintask.tests_of_model.regression.first_stage import first_stages
from withintask.tests_of_model.regression.fitted import CovarianceKind, Fit, Status
from withintask.tests_of_model.regression.problem import FEW_CLUSTER_KINDS, Problem, read_problem
from withintask.tests_of_model.regression.within import Within, project

Engine = Literal["fast", "reference"]

_engine: ContextVar[Engine] = ContextVar("engine", default="fast")
_few_clusters: ContextVar[CovarianceKind | None] = ContextVar("few_clusters", default=None)

# Residual over total sum of squares below which the fit is perfect: rounding of a projection
# leaves about 1e-30.
_PERFECT_SHARE = 1e-24


@contextmanager
def fitting(
    *, engine: Engine = "fast", few_clusters: CovarianceKind | None = None
) -> Iterator[None]:
    """Set how the regressions inside are fitted, unless a call says so itself.

    Parameters
    ----------
    engine
        As for :func:`fit`.
    few_clusters
        ``CR2``, ``CR3`` or ``jackknife`` for least squares clustered in one dimension; regressions clustered in two
        or instrumented stay as they are, as the corrections do not cover them.
    """
    tokens = _engine.set(engine), _few_clusters.set(few_clusters)
    try:
        yield
    finally:
        _engine.reset(tokens[0])
        _few_clusters.reset(tokens[1])


def fit(
    y: npt.ArrayLike,
    X: npt.ArrayLike,
    *,
    names: Sequence[str],
    absorb: Sequence[npt.ArrayLike] = (),
    weights: npt.ArrayLike | None = None,
    endogenous: Sequence[str] = (),
    instruments: npt.ArrayLike | None = None,
    cluster: Sequence[npt.ArrayLike] = (),
    covariance: CovarianceKind | None = None,
    convention: Convention = "withintask",
    engine: Engine | None = None,
    projector: Projector | None = None,
) -> Fit:
    """Regress y on X, given absorbed effects.

    Without absorbed effects no constant is added: put a column of ones into X, or absorb a
    single level.

    Parameters
    ----------
    y, X
        Outcome (n_obs,) and regressors (n_obs, k), finite; endogenous ones included.
    names
        Names of the k regressors.
    absorb
        One array (n_obs,) of non-negative integer codes an effect.
    weights
        Positive analytic weights (n_obs,); their scale is irrelevant.
    endogenous
        Names of the regressors to be instrumented.
    instruments
        Excluded instruments (n_obs, n_instruments), at least one an endogenous regressor.
    cluster
        Integer codes (n_obs,) of each clustering dimension.
    covariance
        ``cluster`` if clusters are given, else ``robust`` (HC1). ``CR2`` (Bell and McCaffrey, with
        Satterthwaite degrees of freedom), ``CR3`` and ``jackknife`` correct for few clusters and
        take one clustering dimension.
    convention
        Small-sample factors; see :mod:`withintask.tests_of_model.regression.conventions`.
    engine
        ``fast``, or ``reference`` (linearmodels, statsmodels; small samples, explicit dummies); that of
        :func:`fitting` if None, which is ``fast`` unless set.
    projector
        A kept ``Projector(absorb, weights=weights)``; then ``absorb`` and ``weights`` are its own.

    Returns
    -------
    Fit
        Collinear regressors have NaN coefficients (``status="collinear"``), the later of two is
        dropped. A perfect fit or a single cluster gives coefficients and a NaN covariance. Rows
        alone in an absorbed level are kept and counted.

    Raises
    ------
    EstimationError
        Wrong shapes or types, missing values, no regressor with variation left, no degrees of
        freedom, fewer usable instruments than endogenous regressors.
    ParameterError
        An unknown option, or options that exclude each other.

    Notes
    -----
    OLS: b = (X'WMX)⁻¹X'WMy with M the projection off the effects. 2SLS: X replaced on the left by
    its projection on the instruments. Covariances use the scores of the projected regressors.
    """
    engine = engine or _engine.get()
    if covariance is None and len(cluster) == 1 and not endogenous:
        covariance = _few_clusters.get()
    if engine not in ("fast", "reference"):
        raise ParameterError(f"regression: engine is {engine!r}, expected 'fast' or 'reference'")
    problem = read_problem(
        y,
        X,
        names=names,
        absorb=absorb,
        weights=weights,
        endogenous=endogenous,
        instruments=instruments,
        cluster=cluster,
        covariance=covariance,
        convention=convention,
        projector=projector,
    )
    if engine == "reference":
        from withintask.tests_of_model.regression.reference import fit_reference

        return fit_reference(problem)
    return fit_problem(problem)


def fit_problem(problem: Problem) -> Fit:
    """Solve a checked regression with the exact projector; see :func:`fit`."""
    within = project(problem)
    sample = small_sample(
        problem.projector,
        problem.clusters,
        n_obs=problem.n_obs,
        n_regressors=len(within.kept),
        n_clusters=problem.n_clusters,
        convention=problem.convention,
    )
    if sample.dof_resid <= 0:
        raise EstimationError(
            f"regression: {problem.n_obs} rows for {sample.n_parameters} parameters "
            f"({len(within.kept)} regressors, the rest absorbed); absorb less"
        )
    params, residuals = _solve(within)
    status, reasons = _status(problem, within, residuals)
    if status in ("ok", "collinear"):
        matrix, dof, repairs = _inference(problem, within, residuals, sample)
        stages = first_stages(problem, within) if problem.endogenous else ()
    else:
        matrix = np.full(within.bread.shape, np.nan)
        dof, repairs, stages = np.full(len(params), np.nan), (), ()
    kept = within.kept
    all_params, all_dof = np.full((2, len(problem.names)), np.nan)
    all_params[kept], all_dof[kept] = params, dof
    covariance = np.full((len(problem.names), len(problem.names)), np.nan)
    covariance[np.ix_(kept, kept)] = matrix
    projector = problem.projector
    return Fit(
        names=problem.names,
        params=all_params,
        covariance=covariance,
        dof=all_dof,
        n_obs=problem.n_obs,
        n_clusters=min(problem.n_clusters, default=0),
        n_absorbed=projector.rank if projector else 0,
        n_singletons=projector.n_singletons if projector else 0,
        residuals=residuals if problem.weights is None else residuals / np.sqrt(problem.weights),
        status=status,
        messages=(*_singletons(projector), *within.messages, *reasons, *repairs),
        covariance_kind=problem.covariance,
        convention=problem.convention,
        first_stage=stages,
    )


def _solve(within: Within) -> tuple[Array, Array]:
    """Coefficients and residuals, with one step of refinement against lost digits."""
    params = within.bread @ (within.fitted @ within.y)
    residuals = within.y - params @ within.regressors
    correction = within.bread @ (within.fitted @ residuals)
    residuals -= correction @ within.regressors
    return params + correction, residuals


def _status(problem: Problem, within: Within, residuals: Array) -> tuple[Status, tuple[str, ...]]:
    square = float(residuals @ residuals)
    if problem.pure_square is not None:
        square += float(problem.pure_square.sum())
    if square <= _PERFECT_SHARE * within.total_square:
        return "perfect_fit", ("the fit is perfect: no standard errors",)
    if problem.covariance not in ("robust", "unadjusted") and min(problem.n_clusters) == 1:
        return "one_cluster", ("there is one cluster: no standard errors",)
    return "ok" if len(within.kept) == len(problem.names) else "collinear", ()


def _inference(
    problem: Problem, within: Within, residuals: Array, sample: SmallSample
) -> tuple[Array, Array, tuple[str, ...]]:
    if problem.covariance in FEW_CLUSTER_KINDS:
        few = few_clusters_covariance(problem, within, residuals)
        return few.matrix, few.dof, ()
    found = covariance_matrix(problem, within.bread, within.fitted, residuals, sample)
    return found.matrix, np.full(len(within.kept), float(sample.dof_t)), found.messages


def _singletons(projector: Projector | None) -> tuple[str, ...]:
    if projector is None or projector.n_singletons == 0:
        return ()
    return (f"{projector.n_singletons} rows are alone in an absorbed level (kept)",)
