"""The moments of the model, m1 to m11, as functions of an economy; fits are to the first six unless told otherwise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems
from withintask.sim.economy import Economy, solve_economy
from withintask.sim.params import Params
from withintask.tests_of_model.estimands import between, compression, credentials, further, returns
from withintask.tests_of_model.estimands.figures import delta_gini_income

N_WORKERS = 2**15
"""Points of the population at which moments are matched."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One moment: what it is in the economy, and who estimates it in a panel."""

    name: str
    """m1 to m11."""
    term: str
    """Name of the estimand."""
    meaning: str
    """What it is, one line."""
    value: Callable[[Economy], float]
    """Truth in an economy."""
    hypothesis: str
    """Hypothesis whose most trusted estimator serves in a panel; empty where no table of a panel holds it."""


MOMENTS: tuple[Moment, ...] = (
    Moment(
        name="m1",
        term="delta_log_cv",
        meaning="change of the log coefficient of variation of output within exposed tasks and firms (H1a)",
        value=compression.delta_log_cv,
        hypothesis="H1",
    ),
    Moment(
        name="m2",
        term="ability_gradient",
        meaning="coefficient of the log gain in output on log ability (H1b)",
        value=compression.ability_gradient,
        hypothesis="H1",
    ),
    Moment(
        name="m3",
        term="delta_return_gap",
        meaning="change of the level return to cognitive less that to social education (H2)",
        value=returns.delta_return_gap,
        hypothesis="H2",
    ),
    Moment(
        name="m4",
        term="delta_credential",
        meaning="change of credential requirements, exposed less unexposed occupations (H3)",
        value=credentials.delta_credential,
        hypothesis="H3",
    ),
    Moment(
        name="m5",
        term="delta_between_variance",
        meaning="change of the variance of log pay between firms (H4)",
        value=between.delta_between_variance,
        hypothesis="H4",
    ),
    Moment(
        name="m6",
        term="delta_gini_income",
        meaning="change of the Gini of income",
        value=delta_gini_income,
        hypothesis="",
    ),
)
"""The first six moments, in order."""

FURTHER: tuple[Moment, ...] = (
    Moment(
        name="m7",
        term="ownership_gini",
        meaning="Gini of ownership, the shares of persons in profits",
        value=further.ownership_gini,
        hypothesis="",
    ),
    Moment(
        name="m8",
        term="firm_share_before",
        meaning="share of firm effects in the variance of log pay before AI",
        value=further.firm_share_before,
        hypothesis="",
    ),
    Moment(
        name="m9",
        term="profit_share_before",
        meaning="profit as a share of income before AI",
        value=further.profit_share_before,
        hypothesis="",
    ),
    Moment(
        name="m10",
        term="task_correlation_ratio",
        meaning="correlation of a worker's outputs on two like tasks, the second with AI, over the same without",
        value=further.task_correlation_ratio,
        hypothesis="",
    ),
    Moment(
        name="m11",
        term="log_pay_growth",
        meaning="log rise of mean pay",
        value=further.log_pay_growth,
        hypothesis="",
    ),
)
"""Moments that other data could show, in order."""

NAMES = tuple(moment.name for moment in MOMENTS)
"""m1 to m6."""

ALL_NAMES = (*NAMES, *(moment.name for moment in FURTHER))
"""m1 to m11."""

_BY_NAME: Mapping[str, Moment] = {moment.name: moment for moment in (*MOMENTS, *FURTHER)}


def moment(name: str) -> Moment:
    """Return the moment of a name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    fail_if_unknown((name,))
    return _BY_NAME[name]


def fail_if_unknown(names: Sequence[str], where: str = "moments") -> None:
    """Refuse names that are not moments, or are given twice.

    Raises
    ------
    ParameterError
        Lists every one of them.
    """
    problems = [
        f"{name}: unknown; moments are {', '.join(ALL_NAMES)}"
        for name in names
        if name not in _BY_NAME
    ]
    problems += [
        f"{name}: given {list(names).count(name)} times"
        for name in dict.fromkeys(names)
        if list(names).count(name) > 1
    ]
    if problems:
        raise ParameterError(list_problems(where, problems))


def economy_moments(economy: Economy, names: Sequence[str] = NAMES) -> Array:
    """Compute moments of a solved economy.

    Parameters
    ----------
    economy
        A solved economy.
    names
        Moments wanted, in order.

    Returns
    -------
    array (moment,)
        No sampling noise; quadrature noise is that of :func:`quadrature_covariance`.
    """
    return np.array([_BY_NAME[name].value(economy) for name in names])


def model_moments(
    params: Params, names: Sequence[str] = NAMES, *, n_workers: int = N_WORKERS, scramble: int = 0
) -> Array:
    """Solve the economy and compute its moments; the same points serve every parameter value.

    Parameters
    ----------
    params
        Parameters of the model.
    names
        Moments wanted, in order.
    n_workers, scramble
        The quadrature; see :func:`withintask.sim.economy.solve_economy`.
    """
    return economy_moments(solve_economy(params, n_workers=n_workers, scramble=scramble), names)


def quadrature_covariance(
    params: Params, names: Sequence[str] = NAMES, *, n_workers: int = N_WORKERS, n_scrambles: int
) -> Array:
    """Covariance of the moments over scramblings of the quadrature: the simulation noise of one evaluation.

    Parameters
    ----------
    params, names, n_workers
        As for :func:`model_moments`.
    n_scrambles
        Independent scramblings, at least two; scrambling 0 is the one that fits use and is not among them.

    Returns
    -------
    array (moment, moment)
    """
    draws = [
        model_moments(params, names, n_workers=n_workers, scramble=s)
        for s in range(1, n_scrambles + 1)
    ]
    return np.atleast_2d(np.cov(np.array(draws), rowvar=False))


def params_with(params: Params, names: Sequence[str], values: Sequence[float] | Array) -> Params:
    """Replace some parameters without checking them again, for inner loops whose bounds are in the domain."""
    changed = {
        **asdict(params),
        **{name: float(value) for name, value in zip(names, values, strict=True)},
    }
    return Params(**changed)
