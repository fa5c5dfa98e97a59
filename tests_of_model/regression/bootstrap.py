"""The wild cluster bootstrap: p-values and intervals that hold with few clusters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import optimize

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError, ParameterError, list_problems, some_examples
from withintask.tests_of_model.regression.conventions import nested_factors, small_sample
from withintask.tests_of_model.regression.covariance import cluster_sums
from withintask.tests_of_model.regression.options import NO_EFFECTS, Effects, Inference
from withintask.tests_of_model.regression.problem import Problem, read_problem
from withintask.tests_of_model.regression.within import PERFECT_SHARE, Within, inverse, project

Distribution = Literal["rademacher", "webb"]

# Webb (2023): six points with mean 0 and variance 1.
_WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])
# A bootstrap statistic this close below the observed one is a tie with it (the draw of all ones,
# and its mirror image, reproduce the data but for rounding).
_TIE_SHARE = 1e-10
# Accuracy of the ends of the interval, in standard errors.
_END_SHARE = 1e-8
# Share of the absolute scores below which the scores of all clusters are rounding.
_NO_SCORE_SHARE = 1e-20
# Doublings of the distance from the estimate after which an endless interval is called endless.
_DOUBLINGS = 60


@dataclass(frozen=True, kw_only=True)
class WildBootstrap:
    """Test of one coefficient by the wild cluster bootstrap, the null imposed."""

    term: str
    """The regressor."""
    estimate: float
    """Its coefficient."""
    null: float
    """The tested value."""
    statistic: float
    """Its t statistic against the null, with the sandwich errors of ``fit``'s default factor."""
    p_value: float
    """Share of draws with a statistic as far from zero (symmetric, two-sided)."""
    conf_low: float
    """Lower end of the values that are not rejected; −inf if it is not bounded."""
    conf_high: float
    """Upper end."""
    level: float
    """Coverage of the interval."""
    n_draws: int
    """Draws, or sign patterns if they were enumerated."""
    is_exact: bool
    """All sign patterns were enumerated: the p-value has no simulation error."""
    n_clusters: int
    """Clusters."""
    distribution: Distribution
    """Of the weights."""


def wild_bootstrap(
    y: npt.ArrayLike,
    X: npt.ArrayLike,
    *,
    names: Sequence[str],
    term: str,
    cluster: npt.ArrayLike,
    effects: Effects = NO_EFFECTS,
    null: float = 0.0,
    distribution: Distribution = "rademacher",
    n_draws: int = 9_999,
    seed: int,
    level: float = 0.95,
) -> WildBootstrap:
    """Test a coefficient of a least-squares regression and invert the test.

    Parameters
    ----------
    y, X, names, effects
        As in :func:`withintask.tests_of_model.regression.fit.fit`.
    term
        The regressor to test.
    cluster
        Integer codes (n_obs,), one clustering dimension.
    null
        Value under the null, imposed on the bootstrap data.
    distribution
        ``rademacher`` (±1), or ``webb`` (six points; for fewer than a dozen clusters).
    n_draws
        Draws. If all 2^G Rademacher sign patterns are fewer, they are enumerated instead.
    seed
        Of the draws.
    level
        Coverage of the interval, which is the set of nulls not rejected at 1 − level.

    Returns
    -------
    WildBootstrap

    Raises
    ------
    EstimationError
        Bad data, a collinear term, one cluster, a perfect fit, or a term that hangs on one cluster.
    ParameterError
        An unknown option.

    Notes
    -----
    WCR of Cameron, Gelbach and Miller (2008) in the form of Roodman, MacKinnon, Nielsen and Webb
    (2019). With a the tested regressor net of all others and v_g the weight of cluster g, the
    bootstrap numerator Σ_g v_g a_g'u_g and its cluster scores are linear in v and in the null, so
    each draw costs G² multiplications, and its squared statistic at any null is a ratio of two
    parabolas. Effects that cross clusters are projected out of each cluster's share, so the
    bootstrap is exact for them too.

    Examples
    --------
    >>> import numpy as np
    >>> import withintask as wt
    >>> draws = np.random.default_rng(1)
    >>> firm = np.repeat(np.arange(20), 10)
    >>> x = draws.normal(size=200)
    >>> y = 0.5 * x + draws.normal(size=200)
    >>> test = wt.wild_bootstrap(y, x[:, None], names=("x",), term="x", cluster=firm, seed=1, n_draws=199)
    >>> test.p_value < 0.05
    True
    """
    _check(term, names, distribution, n_draws, level)
    problem = read_problem(
        y,
        X,
        names=names,
        effects=effects,
        inference=Inference(cluster=[cluster]),
    )
    n_clusters = problem.n_clusters[0]
    if n_clusters == 1:
        raise EstimationError("wild bootstrap: one cluster, expected at least two")
    is_exact = distribution == "rademacher" and 2.0**n_clusters <= n_draws
    draws = _all_signs(n_clusters) if is_exact else _draws(distribution, n_draws, n_clusters, seed)
    curves = _curves(problem, tuple(names).index(term), draws)
    low, high = curves.interval(level)
    return WildBootstrap(
        term=term,
        estimate=curves.estimate,
        null=null,
        statistic=(curves.estimate - null) / float(np.sqrt(curves.variance)),
        p_value=curves.p_value(null),
        conf_low=low,
        conf_high=high,
        level=level,
        n_draws=len(draws),
        is_exact=is_exact,
        n_clusters=n_clusters,
        distribution=distribution,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """Squared bootstrap statistics as functions of the null b: (n0 − b n1)²/(d0 − 2 b d1 + b² d2).

    Without the small-sample factor, which cancels between draws and data but for ``variance``.
    """

    estimate: float
    """The coefficient."""
    variance: float
    """Its CR1 variance."""
    factor: float
    """Small-sample factor in it."""
    numerators: Array
    """n0 and n1, (2, draw)."""
    denominators: Array
    """d0, d1 and d2, (3, draw)."""

    def p_value(self, null: float) -> float:
        """Share of draws whose squared statistic reaches that of the data."""
        n0, n1 = self.numerators
        d0, d1, d2 = self.denominators
        observed = (self.estimate - null) ** 2 / (self.variance / self.factor)
        drawn = (n0 - null * n1) ** 2
        spread = d0 - 2 * null * d1 + null**2 * d2
        return float(np.mean(drawn >= observed * (1 - _TIE_SHARE) * spread))

    def interval(self, level: float) -> tuple[float, float]:
        """Values that are not rejected at 1 - level; ±inf for an end that is not bounded."""
        return _interval(self, 1 - level)


N_DRAWS = 9_999
"""Draws of the tests of a fit."""
_FEW_WEBB = 12
"""Clusters below which sign patterns are so few that p-values are coarse, and Webb's six points are drawn instead."""
_SEED = 20_260_103


def wild_tests(problem: Problem, names: Sequence[str]) -> dict[str, Curves]:
    """Test coefficients of a checked regression, the draws common to all and their seed fixed.

    Parameters
    ----------
    problem
        One clustering dimension.
    names
        Regressors to test; those that are collinear or absorbed are passed over.

    Returns
    -------
    dict of Curves
        By regressor.

    Notes
    -----
    All sign patterns where there are at most N_DRAWS of them and at least a dozen clusters; Webb's six points with fewer
    clusters; else random signs.
    """
    draws = _draws_for(problem.n_clusters[0])
    kept = project(problem).kept
    return {
        name: _curves(problem, problem.names.index(name), draws)
        for name in names
        if problem.names.index(name) in kept
    }


def wild_contrast(problem: Problem, weights: Mapping[str, float]) -> Curves:
    """Test Σ weight · coefficient: the regressors are rewritten so that the combination is one coefficient.

    Parameters
    ----------
    problem
        One clustering dimension.
    weights
        Weight by regressor, one of them not zero.
    """
    places = {problem.names.index(name): weight for name, weight in weights.items()}
    pivot = next(place for place, weight in places.items() if weight != 0)
    regressors = problem.regressors.copy()
    regressors[pivot] = problem.regressors[pivot] / places[pivot]
    for place, weight in places.items():
        if place != pivot:
            regressors[place] = problem.regressors[place] - weight * regressors[pivot]
    rewritten = replace(problem, regressors=regressors)
    return _curves(rewritten, pivot, _draws_for(problem.n_clusters[0]))


def _draws_for(n_clusters: int) -> Array:
    """Weights of clusters, (draw, cluster)."""
    if n_clusters < 2:
        raise EstimationError("wild bootstrap: one cluster, expected at least two")
    if n_clusters < _FEW_WEBB:
        return _draws("webb", N_DRAWS, n_clusters, _SEED)
    if 2.0**n_clusters <= N_DRAWS:
        return _all_signs(n_clusters)
    return _draws("rademacher", N_DRAWS, n_clusters, _SEED)


def _curves(problem: Problem, position: int, draws: Array) -> Curves:
    within, place = _projected(problem, position)
    target, others = within.regressors[place], np.delete(within.regressors, place, axis=0)
    y0, x0 = _net_of(others, np.array([within.y, target]))
    square = float(x0 @ target)
    estimate = float(x0 @ within.y) / square
    codes = problem.clusters[0]
    shares = np.array([y0, x0])
    own = cluster_sums(x0 * shares, codes)
    numerators = own @ draws.T
    scores = [_scores(problem, within, x0, share) for share in shares]
    first, second = (draws @ matrix.T for matrix in scores)
    denominators = np.array(
        [
            np.einsum("dg,dg->d", first, first),
            np.einsum("dg,dg->d", first, second),
            np.einsum("dg,dg->d", second, second),
        ]
    )
    fitted = own[0] - estimate * own[1]
    _fail_if_no_spread(problem, within, position, x0, y0 - estimate * x0)
    factor = _factor(problem, len(within.kept))
    return Curves(
        estimate=estimate,
        variance=factor * float(fitted @ fitted) / square**2,
        factor=factor,
        numerators=numerators / square,
        denominators=denominators / square**2,
    )


def _projected(problem: Problem, position: int) -> tuple[Within, int]:
    """Project off the effects, and find the place of the tested term, whose own coefficient no shift of origins touches."""
    within = project(problem)
    if position in within.kept and within.back.along[within.kept == position].any():
        within = project(problem, as_given=True)
    if position not in within.kept:
        raise EstimationError(
            f"wild bootstrap: {problem.names[position]} is collinear or absorbed; test another term"
        )
    return within, int(np.flatnonzero(within.kept == position)[0])


def _fail_if_no_spread(
    problem: Problem, within: Within, position: int, target: Array, residuals: Array
) -> None:
    """Refuse a statistic that has nothing but rounding in its denominator."""
    if residuals @ residuals <= PERFECT_SHARE * within.total_square:
        raise EstimationError(
            "wild bootstrap: the fit is perfect, so that there are no residuals to draw from; no test is needed, or a "
            "regressor is made of the outcome"
        )
    scores = cluster_sums((target * residuals)[None], problem.clusters[0])[0]
    sizes = cluster_sums(np.abs(target * residuals)[None], problem.clusters[0])[0]
    if scores @ scores <= _NO_SCORE_SHARE * (sizes @ sizes):
        raise EstimationError(
            f"wild bootstrap: the residuals of {problem.names[position]} cancel within every cluster, as where one "
            "cluster alone identifies it; more clusters have to vary"
        )


def _scores(problem: Problem, within: Within, target: Array, share: Array) -> Array:
    """Cluster scores (row) of the re-estimated model per unit of weight of a cluster (column).

    S_gh = a_g'[(I − H)(1_h u)]_g with H the hat matrix of all regressors and effects.
    """
    codes = problem.clusters[0]
    own = cluster_sums((target * share)[None], codes)[0]
    left = cluster_sums(within.regressors * target, codes)
    right = cluster_sums(within.regressors * share, codes)
    return np.diag(own) - _effects_part(problem, target, share) - left.T @ within.bread @ right


def _effects_part(problem: Problem, target: Array, share: Array) -> Array | float:
    """Find what the effects take from each cluster's share; nothing if they are nested."""
    projector = problem.projector
    codes = problem.clusters[0]
    if projector is None or len(nested_factors(projector, [codes])) == len(projector.codes):
        return 0.0
    root = 1.0 if problem.weights is None else np.sqrt(problem.weights)
    columns = []
    for cluster in range(problem.n_clusters[0]):
        alone = np.where(codes == cluster, share, 0.0)
        taken = alone - projector.residuals(alone / root) * root
        columns.append(cluster_sums((target * taken)[None], codes)[0])
    return np.column_stack(columns)


def _factor(problem: Problem, n_regressors: int) -> float:
    sample = small_sample(
        problem.projector,
        problem.clusters,
        n_obs=problem.n_obs,
        n_regressors=n_regressors,
        n_clusters=problem.n_clusters,
        convention=problem.convention,
    )
    return sample.cluster_factor(problem.n_clusters[0])


def _net_of(others: Array, rows: Array) -> Array:
    """Residuals of rows (m, n_rows) on other rows, refined once."""
    if len(others) == 0:
        return rows
    bread = inverse(others @ others.T)
    for _ in range(2):
        rows = rows - (rows @ others.T) @ bread @ others
    return rows


def _interval(curves: Curves, size: float) -> tuple[float, float]:
    """Nulls nearest to the estimate on either side at which the test begins to reject."""
    reach = float(np.sqrt(curves.variance))

    def excess(null: float) -> float:
        return curves.p_value(null) - size

    ends = []
    for direction in (-1, 1):
        tried = (curves.estimate + direction * reach * 2.0**i for i in range(_DOUBLINGS))
        outside = next((null for null in tried if excess(null) < 0), None)
        if outside is None:
            ends.append(direction * np.inf)
        else:
            end = optimize.bisect(excess, curves.estimate, outside, xtol=reach * _END_SHARE)
            ends.append(float(end))
    return ends[0], ends[1]


def _all_signs(n_clusters: int) -> Array:
    """All 2^G sign patterns (2^G, G); the first is all ones."""
    patterns = np.arange(2**n_clusters)[:, None] >> np.arange(n_clusters)
    return _signs(patterns & 1)


def _draws(distribution: Distribution, n_draws: int, n_clusters: int, seed: int) -> Array:
    generator = np.random.default_rng(seed)
    if distribution == "webb":
        return _WEBB[generator.integers(len(_WEBB), size=(n_draws, n_clusters), dtype=np.int8)]
    signs = generator.integers(2, size=(n_draws, n_clusters), dtype=np.int8)
    return _signs(signs)


def _signs(bits: npt.NDArray[Any]) -> Array:
    return 1.0 - 2 * bits.astype(float)


def _check(term: str, names: Sequence[str], distribution: str, n_draws: int, level: float) -> None:
    problems = []
    if term not in names:
        problems.append(f"term {term!r} is not one of {some_examples(names)}")
    if distribution not in get_args(Distribution):
        problems.append(f"distribution is {distribution!r}, expected 'rademacher' or 'webb'")
    if n_draws < 1:
        problems.append(f"n_draws is {n_draws}, expected at least 1")
    if not 0 < level < 1:
        problems.append(f"level is {level}, expected a share between 0 and 1")
    if problems:
        raise ParameterError(list_problems("wild bootstrap", problems))
