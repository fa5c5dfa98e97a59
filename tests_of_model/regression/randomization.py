"""Randomization inference for one regressor: what its coefficient would have been had it been assigned otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError, list_problems, some_examples
from withintask.tests_of_model.regression.fit import fit_problem
from withintask.tests_of_model.regression.grouping import encode, first_rows, is_nested
from withintask.tests_of_model.regression.options import NO_EFFECTS, Effects, Inference
from withintask.tests_of_model.regression.problem import Problem, read_problem

Statistic = Literal["t", "coefficient"]


@dataclass(frozen=True, kw_only=True)
class RandomizationTest:
    """Test that a regressor has no effect on anybody."""

    term: str
    """The regressor."""
    estimate: float
    """Its coefficient."""
    statistic: float
    """What was compared: the absolute t or coefficient."""
    p_value: float
    """Share of assignments with a statistic as large, the observed one included."""
    n_draws: int
    """Assignments drawn, beside the observed one."""
    n_units: int
    """Units that were assigned."""
    n_strata: int
    """Strata within which."""


def randomization_test(
    y: npt.ArrayLike,
    X: npt.ArrayLike,
    *,
    names: Sequence[str],
    term: str,
    unit: npt.ArrayLike,
    strata: npt.ArrayLike | None = None,
    effects: Effects = NO_EFFECTS,
    statistic: Statistic = "t",
    n_draws: int = 999,
    seed: int,
) -> RandomizationTest:
    """Test a regressor by assigning it anew to units within strata.

    Parameters
    ----------
    y, X, names, effects
        As in :func:`withintask.tests_of_model.regression.fit.fit`.
    term
        The regressor that was assigned, constant within a unit.
    unit
        What was assigned as one, a code a row, (n_obs,).
    strata
        Strata within which was assigned, (n_obs,); one if None.
    statistic
        ``t``, with errors clustered by unit, also holds in large samples where effects differ and are zero on average (Wu
        and Ding 2021); ``coefficient`` is exact for no effect on anybody alone.
    n_draws
        Assignments drawn.
    seed
        Of the draws.

    Returns
    -------
    RandomizationTest
        The statistic, its p-value with the Monte-Carlo error, and the number of assignments.

    Raises
    ------
    EstimationError
        The regressor varies within a unit, a unit lies in two strata, or no stratum has units of two values.
    ParameterError
        An unknown term or statistic, or no draws.

    Examples
    --------
    >>> import numpy as np
    >>> import withintask as wt
    >>> draws = np.random.default_rng(1)
    >>> firm = np.repeat(np.arange(20), 10)
    >>> treated = (firm % 2 == 0).astype(float)
    >>> y = treated + draws.normal(size=200)
    >>> design = np.column_stack([np.ones(200), treated])
    >>> test = wt.randomization_test(y, design, names=("one", "treated"), term="treated", unit=firm, seed=1)
    >>> test.p_value < 0.05
    True
    """
    _check(term, names, statistic, n_draws)
    codes = encode(unit)
    problem = read_problem(y, X, names=names, effects=effects, inference=Inference(cluster=[codes]))
    stratum = np.zeros_like(codes) if strata is None else encode(strata)
    position = tuple(names).index(term)
    first = first_rows(codes)
    values, block = problem.regressors[position][first], stratum[first]
    _check_assignment(problem.regressors[position], values, codes, stratum, block, term)
    observed = _statistic(problem, position, statistic)
    if not np.isfinite(observed):
        raise EstimationError(f"randomization test: {term} has no error or is collinear")
    random, order = np.random.default_rng(seed), np.argsort(block, kind="stable")
    drawn, collected = np.empty_like(values), [observed]
    for _ in range(n_draws):
        drawn[order] = values[np.argsort(block + random.random(block.size))]
        regressors = problem.regressors.copy()
        regressors[position] = drawn[codes]
        collected.append(_statistic(replace(problem, regressors=regressors), position, statistic))
    # An assignment that cannot be estimated counts against a finding.
    statistics = np.nan_to_num(np.array(collected), nan=np.inf)
    return RandomizationTest(
        term=term,
        estimate=float(fit_problem(problem).params[position]),
        statistic=observed,
        p_value=float(np.mean(statistics >= observed * (1 - n_draws * np.finfo(float).eps))),
        n_draws=n_draws,
        n_units=first.size,
        n_strata=np.unique(block).size,
    )


def _statistic(problem: Problem, position: int, statistic: str) -> float:
    try:
        fitted = fit_problem(problem)
    except EstimationError:
        return float("nan")
    values = fitted.statistic if statistic == "t" else fitted.params
    return float(np.abs(values[position]))


def _check(term: str, names: Sequence[str], statistic: str, n_draws: int) -> None:
    problems = []
    if term not in names:
        problems.append(f"term {term!r} is not one of {some_examples(names)}")
    if statistic not in ("t", "coefficient"):
        problems.append(f"statistic is {statistic!r}, expected 't' or 'coefficient'")
    if n_draws < 1:
        problems.append(f"n_draws is {n_draws}, expected at least 1")
    if problems:
        raise ParameterError(list_problems("randomization test", problems))


def _check_assignment(
    column: Array, values: Array, unit: Codes, stratum: Codes, block: Codes, term: str
) -> None:
    problems = []
    n_varying = np.unique(unit[column != values[unit]]).size
    if n_varying:
        problems.append(f"{term} varies within {n_varying} units, expected one value a unit")
    if not is_nested(unit, stratum):
        problems.append("some units lie in two strata, expected one")
    kinds = np.unique(np.column_stack([block, values]), axis=0)
    if len(kinds) == np.unique(block).size:
        problems.append(f"{term} has one value in every stratum: nothing else could be assigned")
    if problems:
        raise EstimationError(list_problems("randomization test", problems))
