"""The first stages of two-stage least squares."""

import numpy as np
from scipy import special

from withintask.panel.arrays import Array
from withintask.tests_of_model.regression.conventions import small_sample
from withintask.tests_of_model.regression.covariance import covariance_matrix
from withintask.tests_of_model.regression.fitted import FirstStage
from withintask.tests_of_model.regression.problem import Problem
from withintask.tests_of_model.regression.within import Within, inverse


def first_stages(problem: Problem, within: Within) -> tuple[FirstStage, ...]:
    """Wald F of the excluded instruments for each endogenous regressor that is kept.

    The covariance is of the kind, clustering and convention of the problem. With one endogenous
    regressor and one instrument this is the effective F of Montiel Olea and Pflueger (2013).
    """
    return tuple(
        _first_stage(problem, within, place)
        for place, position in enumerate(within.kept)
        if position in problem.endogenous
    )


def _first_stage(problem: Problem, within: Within, place: int) -> FirstStage:
    target = within.regressors[place]
    Z = within.instruments
    bread = inverse(Z @ Z.T)
    slopes = bread @ (Z @ target)
    residuals = target - slopes @ Z
    sample = small_sample(
        problem.projector,
        problem.clusters,
        n_obs=problem.n_obs,
        n_regressors=len(Z),
        n_clusters=problem.n_clusters,
        convention=problem.convention,
    )
    matrix = covariance_matrix(problem, bread, Z, residuals, sample).matrix
    excluded = slice(len(Z) - within.n_excluded, len(Z))
    tested = slopes[excluded]
    wald = _wald(tested, matrix[excluded, excluded])
    statistic = wald / within.n_excluded
    return FirstStage(
        name=problem.names[within.kept[place]],
        statistic=statistic,
        dof_num=within.n_excluded,
        dof=sample.dof_t,
        p_value=float(special.fdtrc(within.n_excluded, sample.dof_t, statistic)),
        partial_r2=_partial_r2(within, target, residuals),
    )


def _wald(tested: Array, matrix: Array) -> float:
    """Quadratic form of the slopes; infinite where the first stage fits perfectly."""
    if np.linalg.matrix_rank(matrix, hermitian=True) < len(tested):
        return float("inf")
    return float(tested @ np.linalg.solve(matrix, tested))


def _partial_r2(within: Within, target: Array, residuals: Array) -> float:
    exogenous = within.instruments[: len(within.instruments) - within.n_excluded]
    left = target
    if len(exogenous):
        left = target - np.linalg.lstsq(exogenous.T, target, rcond=None)[0] @ exogenous
    return 1 - float(residuals @ residuals) / float(left @ left)
