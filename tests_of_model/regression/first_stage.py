"""The first stages of two-stage least squares."""

import numpy as np
from scipy import linalg, special

from withintask.panel.arrays import Array
from withintask.tests_of_model.regression.conventions import SmallSample, small_sample
from withintask.tests_of_model.regression.covariance import covariance_matrix
from withintask.tests_of_model.regression.fitted import FirstStage
from withintask.tests_of_model.regression.identified import basis, net_of
from withintask.tests_of_model.regression.problem import Problem
from withintask.tests_of_model.regression.within import PERFECT_SHARE, Within, inverse

# Share of the largest singular value of the others' first stages below which a direction has none.
_RANK_SHARE = 1e-8

CONDITIONAL = (
    "first-stage F of each endogenous regressor is given the others (Sanderson and Windmeijer 2016)"
)
"""What is said of first stages where several regressors are endogenous."""


def first_stages(problem: Problem, within: Within) -> tuple[FirstStage, ...]:
    """Wald F of the excluded instruments for each endogenous regressor that is kept.

    The covariance is of the kind, clustering and convention of the problem. With one endogenous
    regressor and one instrument this is the effective F of Montiel Olea and Pflueger (2013).

    Notes
    -----
    Several endogenous regressors share the instruments, so that each can have a large F where together they are not
    identified. F is then that of Sanderson and Windmeijer (2016, eq. 13): the regressor less its two-stage least squares
    on the others is regressed on the directions of the instruments that are not taken by the others' first stages.
    """
    endogenous = [
        place for place, position in enumerate(within.kept) if position in problem.endogenous
    ]
    return tuple(_first_stage(problem, within, place, endogenous) for place in endogenous)


def stage_messages(stages: tuple[FirstStage, ...]) -> tuple[str, ...]:
    """What the reader should know of the first stages."""
    several = (CONDITIONAL,) if len(stages) > 1 else ()
    return (*several, *(stage.message for stage in stages if stage.message))


def _first_stage(problem: Problem, within: Within, place: int, endogenous: list[int]) -> FirstStage:
    n_exogenous = len(within.instruments) - within.n_excluded
    exogenous = within.instruments[:n_exogenous]
    excluded = net_of(exogenous, within.instruments[n_exogenous:])
    target = net_of(exogenous, within.regressors[[place]])[0]
    others = [other for other in endogenous if other != place]
    instruments, conditional = excluded, target
    if others:
        instruments, conditional = _given_others(
            excluded, target, net_of(exogenous, within.regressors[others])
        )
    tested, matrix, residuals, sample = _regression(problem, within, instruments, conditional)
    name = problem.names[within.kept[place]]
    is_perfect = residuals @ residuals <= PERFECT_SHARE * (conditional @ conditional)
    statistic, message = (np.inf, "") if is_perfect else _wald(tested, matrix, name)
    statistic /= len(tested)
    return FirstStage(
        name=name,
        statistic=statistic,
        dof_num=len(tested),
        dof=sample.dof_t,
        p_value=float(special.fdtrc(len(tested), sample.dof_t, statistic)),
        partial_r2=_partial_r2(excluded, target),
        message=message,
    )


def _given_others(excluded: Array, target: Array, others: Array) -> tuple[Array, Array]:
    """Directions of the instruments that the others' first stages leave, and the target less its 2SLS on the others."""
    span = basis(excluded)
    stages = (others / np.linalg.norm(others, axis=1)[:, None]) @ span.T
    left, values, right = linalg.svd(stages, full_matrices=True, check_finite=False)
    rank = int(np.count_nonzero(values > _RANK_SHARE))
    slopes = left[:, :rank] @ ((right[:rank] @ (span @ target)) / values[:rank])
    conditional = target - slopes @ (others / np.linalg.norm(others, axis=1)[:, None])
    free = right[len(others) :]
    return free @ span, conditional


def _regression(
    problem: Problem, within: Within, instruments: Array, target: Array
) -> tuple[Array, Array, Array, SmallSample]:
    """Slopes of a variable on instruments net of the exogenous regressors, their covariance, and residuals off both."""
    bread = inverse(instruments @ instruments.T)
    slopes = bread @ (instruments @ target)
    span = basis(within.instruments)
    residuals = target - (span @ target) @ span
    sample = small_sample(
        problem.projector,
        problem.clusters,
        n_obs=problem.n_obs,
        n_regressors=len(within.instruments),
        n_clusters=problem.n_clusters,
        convention=problem.convention,
    )
    matrix = covariance_matrix(problem, bread, instruments, residuals, sample).matrix
    return slopes, matrix, residuals, sample


def _wald(tested: Array, matrix: Array, name: str) -> tuple[float, str]:
    """Quadratic form of the slopes, in units in which each has variance one."""
    scale = np.sqrt(np.diagonal(matrix))
    if not np.all(scale > 0):
        return float("nan"), _no_f(name)
    correlation = matrix / np.outer(scale, scale)
    if np.linalg.matrix_rank(correlation, hermitian=True) < len(tested):
        return float("nan"), _no_f(name)
    scaled = tested / scale
    return float(scaled @ np.linalg.solve(correlation, scaled)), ""


def _no_f(name: str) -> str:
    return f"first stage of {name}: no F, as its covariance has not full rank (fewer clusters than instruments)"


def _partial_r2(excluded: Array, target: Array) -> float:
    explained = basis(excluded) @ target
    return float(explained @ explained) / float(target @ target)
