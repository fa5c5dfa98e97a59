"""Least squares and two-stage least squares with absorbed effects and clustered errors.

One function, :func:`fit`, two engines: ``fast`` projects the effects out exactly, ``reference``
hands the same regression to linearmodels and statsmodels.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.regression.conventions import SmallSample, small_sample
from withintask.tests_of_model.regression.covariance import ScoreSums, covariance_matrix
from withintask.tests_of_model.regression.errors import (
    Choice,
    Errors,
    check_errors,
    choose_errors,
)
from withintask.tests_of_model.regression.few_clusters import (
    LEVERAGE_ONE,
    few_clusters_covariance,
)
from withintask.tests_of_model.regression.first_stage import first_stages, stage_messages
from withintask.tests_of_model.regression.fitted import Fit, Status
from withintask.tests_of_model.regression.options import (
    DEFAULT,
    NO_EFFECTS,
    ROBUST,
    Effects,
    Inference,
    Instruments,
    Options,
)
from withintask.tests_of_model.regression.problem import (
    FEW_CLUSTER_KINDS,
    Problem,
    read_problem,
    with_inference,
)
from withintask.tests_of_model.regression.threads import threads_for_rows
from withintask.tests_of_model.regression.within import PERFECT_SHARE, Within, project

# Statuses of instrumented regressions whose first stages are told.
_WITH_STAGES = ("ok", "collinear", "not_identified")


def fit(
    y: npt.ArrayLike,
    X: npt.ArrayLike,
    *,
    names: Sequence[str],
    effects: Effects = NO_EFFECTS,
    instruments: Instruments | None = None,
    inference: Inference = ROBUST,
    options: Options = DEFAULT,
    once: "Once | None" = None,
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
    effects
        Effects to absorb, and weights.
    instruments
        Regressors to be instrumented and their instruments; least squares if None.
    inference
        Clusters, covariance and small-sample factors.
    options
        Engine, and the errors where ``inference`` chooses neither kind nor errors.
    once
        The same for several calls that differ in inference and options alone: coefficients are then found by the first.

    Returns
    -------
    Fit
        Collinear regressors have NaN coefficients (``status="collinear"``), the later of two is
        dropped. A perfect fit or a single cluster gives coefficients and a NaN covariance; so does, for the coefficients
        it concerns, a single cluster that they hang on where errors are to be corrected for few clusters
        (``status="leverage_one"``). Instruments that do not move the endogenous regressors, or not apart, give NaN and
        ``status="not_identified"``. Rows alone in an absorbed level are kept and counted. Neither the units nor the origin
        of a variable matter.

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

    Examples
    --------
    >>> import numpy as np
    >>> import withintask as wt
    >>> draws = np.random.default_rng(1)
    >>> firm = np.repeat(np.arange(20), 10)
    >>> x = draws.normal(size=200)
    >>> y = 0.5 * x + draws.normal(size=200)
    >>> effects, inference = wt.Effects(absorb=(firm,)), wt.Inference(cluster=(firm,))
    >>> result = wt.fit(y, x[:, None], names=("x",), effects=effects, inference=inference)
    >>> bool(abs(result.params[0] - 0.5) < 4 * result.std_error[0])
    True
    """
    if options.engine not in ("fast", "reference"):
        raise ParameterError(
            f"regression: engine is {options.engine!r}, expected 'fast' or 'reference'"
        )
    errors, once = inference.errors or options.errors, once or Once()
    read = partial(read_problem, y, X, names=names, effects=effects, instruments=instruments)
    problem = once.problem(inference, read)
    if inference.kind is not None or errors is None:
        return _by_engine(problem, options, once)
    check_errors(errors)
    if inference.errors == "randomization":
        raise ParameterError(
            "regression: randomization needs what was assigned; use randomization_test"
        )
    return _with_errors(problem, errors, inference.tested, options, once)


class Once:
    """Coefficients of a regression of the fast engine, which do not depend on how errors are clustered."""

    def __init__(self) -> None:
        self._within: Within | None = None
        self._solved: tuple[Array, Array] | None = None
        self._left: Array | None = None
        self._problem: Problem | None = None
        self._checked: dict[int, Codes] = {}
        self.sums = ScoreSums()

    def problem(self, inference: Inference, read: Callable[..., Problem]) -> Problem:
        """Return the regression with this inference; its variables are read and checked by the first call."""
        if self._problem is None:
            self._problem = problem = read(inference=inference)
        else:
            problem = with_inference(self._problem, inference, self._checked)
        self._checked |= {id(codes): codes for codes in problem.clusters}
        return problem

    def within(self, problem: Problem) -> Within:
        """Return the variables off the effects."""
        if self._within is None:
            self._within = project(problem)
        return self._within

    def solved(self, within: Within) -> tuple[Array, Array]:
        """Return coefficients and residuals."""
        if self._solved is None:
            self._solved = _solve(within)
        return self._solved

    def left(self, weights: Array | None, residuals: Array) -> Array:
        """Return residuals on the scale of the outcome."""
        if self._left is None:
            self._left = residuals if weights is None else residuals / np.sqrt(weights)
        return self._left


def _by_engine(problem: Problem, options: Options, once: Once) -> Fit:
    if options.engine == "reference":
        from withintask.tests_of_model.regression.reference import fit_reference

        return fit_reference(problem)
    return fit_problem(problem, once)


def _with_errors(
    problem: Problem, errors: Errors, tested: Sequence[str], options: Options, once: Once
) -> Fit:
    """Fit with the errors that the rule chooses; rows are the clusters where none are given."""
    n_clusters = problem.n_clusters or (problem.n_obs,)
    choice = choose_errors(errors, n_clusters, is_instrumented=bool(problem.endogenous))
    if options.engine == "reference" and (choice.kind != "cluster" or choice.is_wild):
        choice = _of_reference(errors)
    if not problem.clusters and (choice.kind != "cluster" or choice.is_wild):
        problem = replace(problem, clusters=(np.arange(problem.n_obs),))
    if problem.clusters:
        problem = replace(problem, covariance=choice.kind)
    fitted = _by_engine(problem, options, once)
    if choice.reason:
        fitted = replace(fitted, messages=(choice.reason, *fitted.messages))
    return _tested(problem, fitted, tested or problem.names) if choice.is_wild else fitted


def _of_reference(errors: Errors) -> Choice:
    if errors != "auto":
        raise ParameterError(
            f"regression: the reference engine has no errors {errors}; take CR1 or auto, or engine fast"
        )
    return Choice(kind="cluster", reason="errors CR1, as the reference engine has no others")


def _tested(problem: Problem, fitted: Fit, names: Sequence[str]) -> Fit:
    """Put the wild cluster bootstrap in the place of the t tests."""
    from withintask.tests_of_model.regression.bootstrap import wild_contrast, wild_tests

    if fitted.status not in ("ok", "collinear"):
        return fitted
    words = f"tests and intervals by the wild cluster bootstrap, {problem.n_clusters[0]} clusters"
    return replace(
        fitted,
        covariance_kind="wild",
        messages=(words, *fitted.messages),
        tests=wild_tests(problem, names),
        test_contrast=partial(wild_contrast, problem),
    )


def fit_problem(problem: Problem, once: Once | None = None) -> Fit:
    """Solve a checked regression with the exact projector; see :func:`fit`."""
    once = once or Once()
    with threads_for_rows(problem.n_obs):
        within = once.within(problem)
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
    with threads_for_rows(problem.n_obs):
        params, residuals = once.solved(within)
        status, reasons = _status(problem, within, residuals)
    matrix, dof = np.full(within.bread.shape, np.nan), np.full(len(params), np.nan)
    stages = first_stages(problem, within) if status in _WITH_STAGES else ()
    repairs = stage_messages(stages)
    if status in ("ok", "collinear"):
        matrix, dof, more = _inference(problem, within, residuals, sample, once.sums)
        repairs += more
        status = "leverage_one" if any(LEVERAGE_ONE in message for message in more) else status
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
        n_singletons=problem.n_singletons,
        residuals=once.left(problem.weights, residuals),
        status=status,
        messages=(*_singletons(problem.n_singletons), *within.messages, *reasons, *repairs),
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
    return within.back.matrix @ (params + correction) + within.back.vector, residuals


def _status(problem: Problem, within: Within, residuals: Array) -> tuple[Status, tuple[str, ...]]:
    if not within.is_identified:
        return "not_identified", (_unidentified(problem, within),)
    square = float(residuals @ residuals)
    if problem.pure_square is not None:
        square += float(problem.pure_square.sum())
    if square <= PERFECT_SHARE * within.total_square:
        return "perfect_fit", ("the fit is perfect: no standard errors",)
    if problem.covariance not in ("robust", "unadjusted") and min(problem.n_clusters) == 1:
        return "one_cluster", ("there is one cluster: no standard errors",)
    return "ok" if len(within.kept) == len(problem.names) else "collinear", ()


def _inference(
    problem: Problem, within: Within, residuals: Array, sample: SmallSample, sums: ScoreSums
) -> tuple[Array, Array, tuple[str, ...]]:
    if problem.covariance in FEW_CLUSTER_KINDS:
        few = few_clusters_covariance(problem, within, residuals)
        return few.matrix, few.dof, few.messages
    with threads_for_rows(problem.n_obs):
        found = covariance_matrix(problem, within.bread, within.fitted, residuals, sample, sums)
    back = within.back.matrix
    matrix = back @ found.matrix @ back.T
    return matrix, np.full(len(within.kept), float(sample.dof_t)), found.messages


def _unidentified(problem: Problem, within: Within) -> str:
    names = [problem.names[place] for place in within.kept if place in problem.endogenous]
    if len(names) == 1:
        return f"not identified: given the other terms, the instruments do not move {names[0]}"
    return (
        f"not identified: given the other terms, the instruments do not move {', '.join(names)} apart from each other "
        f"(smallest canonical correlation {within.smallest_correlation:.1g})"
    )


def _singletons(n_rows: int) -> tuple[str, ...]:
    if n_rows == 0:
        return ()
    return (f"{n_rows} rows are alone in an absorbed level (kept)",)
