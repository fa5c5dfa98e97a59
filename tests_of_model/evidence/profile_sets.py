"""Ranges of ΔGini over the parameters that moments do not reject: profile sets for ΔGini itself, and projections of the whole set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, ndtr, ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.tests_of_model.harness.parallel import one_blas_thread
from withintask.tests_of_model.moments.bank import DELTA_GINI_INCOME, Bank
from withintask.tests_of_model.moments.many_ginis import many_ginis
from withintask.tests_of_model.moments.priors import Prior
from withintask.tests_of_model.moments.reduced import reduced_moments
from withintask.tests_of_model.moments.reweight import Posterior, with_quadrature
from withintask.tests_of_model.moments.targets import MomentTarget

LEVEL = 0.95
"""Confidence of the sets."""

_GINI_WORKERS = 2**9
_COVERED = 0.95
"""Share of a lognormal prior that parameters are looked for in; of the others the whole range."""
_EDGE = 4.0
_STEP, _GINI_STEP = 1e-6, 1e-3
"""Steps of forward differences, in normal scores: of the moments, which are smooth, and of ΔGini, a sum over ranks."""
_GINI_UNIT = 1e-2
_MOST_STEPS = 60
_TOLERANCE = 1e-4
_SLACK = 1e-2
"""Relative violation of the bound that an end may have."""
_N_STARTS = 3


@dataclass(frozen=True, kw_only=True)
class GiniSets:
    """Ranges of ΔGini of income."""

    profile_low: float
    """Low end of {ΔGini: the least distance at that ΔGini is within χ²₁ of the least of all}."""
    profile_high: float
    """High end."""
    projection_low: float
    """Low end over the parameters whose distance is within χ²_k of k moments."""
    projection_high: float
    """High end."""
    least_distance: float
    """Least distance from the moments."""

    @property
    def is_sign_known(self) -> bool:
        """Whether the profile set lies on one side of zero."""
        return self.profile_low > 0 or self.profile_high < 0


def gini_sets(bank: Bank, after: Posterior) -> GiniSets:
    """Compute both sets by constrained optimization from extreme draws of a posterior.

    Parameters
    ----------
    bank
        The bank that the posterior came from.
    after
        Posterior given the moments; its draws are where searches start.

    Raises
    ------
    ParameterError
        If ΔGini of income is among the moments: its set needs no search.

    Notes
    -----
    max and min of ΔGini(θ) subject to D(θ) <= bound, D = (m(θ) - m̂)'V⁻¹(m(θ) - m̂), over normal scores of the prior
    within its range, by sequential quadratic programming (Kraft 1988). The profile set {ΔGini: min D there <= min D + χ²₁}
    is the range over {D <= min D + χ²₁} if that range has no hole; true ends can lie further out than those found.
    """
    if DELTA_GINI_INCOME in after.target.names:
        raise ParameterError("gini_sets: ΔGini of income is among the moments")
    problem = _Problem.make(bank, after.prior, after.fixed, after.target)
    scores = problem.inside(after.prior.uniforms(after.values[after.weight > 0]))
    with one_blas_thread():
        distance = problem.distances(scores)
        best = _least(problem, scores[np.argsort(distance)[:_N_STARTS]])
        least = problem.distance(best)
        bounds = (least + chdtri(1, 1 - LEVEL), chdtri(len(after.target.names), 1 - LEVEL))
        profile, projection = (
            [
                _end(problem, scores, distance, after, float(max(bound, least)), sign)
                for sign in (1, -1)
            ]
            for bound in bounds
        )
    if bounds[1] >= bounds[0]:
        projection = [min(profile[0], projection[0]), max(profile[1], projection[1])]
    return GiniSets(
        profile_low=profile[0],
        profile_high=profile[1],
        projection_low=projection[0],
        projection_high=projection[1],
        least_distance=least,
    )


def sets_that_hold(bank: Bank, target: MomentTarget, truth: Array) -> tuple[bool, bool]:
    """Say whether the profile set and the projection set of a target hold the truth.

    Parameters
    ----------
    bank
        The bank, whose prior's parameters are free.
    target
        Moments with errors, drawn around those of the truth.
    truth
        Parameters behind them, in the order of the prior, (parameter,).

    Notes
    -----
    The projection set holds the truth if its distance is within χ²_k. The profile set holds it if the least distance among
    parameters of the same ΔGini is within χ²₁ of the least of all; both are looked for from the truth, so that a search that
    stops early counts against the set.
    """
    problem = _Problem.make(bank, bank.prior, {}, target)
    point = problem.inside(bank.prior.uniforms(truth[None]))[0]
    with one_blas_thread():
        least = problem.distance(_least(problem, point[None]))
        alike = problem.distance(point)
        is_projected = alike <= chdtri(len(target.names), 1 - LEVEL)
        if alike - least > chdtri(1, 1 - LEVEL):
            alike = min(alike, problem.distance(_least_alike(problem, point)))
    return bool(alike - least <= chdtri(1, 1 - LEVEL)), bool(is_projected)


def _least_alike(problem: "_Problem", start: Array) -> Array:
    """Point with the least distance among those with the ΔGini of the start; the start itself if the search leaves it."""
    from scipy.optimize import minimize

    gini = float(problem.ginis(start[None])[0])
    constraint = {
        "type": "eq",
        "fun": lambda x: (float(problem.ginis(x[None])[0]) - gini) / _GINI_UNIT,
        "jac": lambda x: problem.gini_gradient(x) / _GINI_UNIT,
    }
    found = minimize(
        problem.distance,
        start,
        jac=problem.distance_gradient,
        bounds=list(zip(problem.low, problem.high, strict=True)),
        constraints=[constraint],
        method="SLSQP",
        options={"maxiter": _MOST_STEPS, "ftol": _TOLERANCE},
    )
    end = np.clip(found.x, problem.low, problem.high)
    is_alike = abs(float(problem.ginis(end[None])[0]) - gini) < _SLACK * _GINI_UNIT
    return end if is_alike else start


@dataclass(frozen=True, kw_only=True, eq=False)
class _Problem:
    """Distance from the moments and ΔGini as functions of normal scores."""

    bank: Bank
    prior: Prior
    fixed: dict[str, float]
    target: MomentTarget
    inverse: Array
    low: Array
    high: Array

    @staticmethod
    def make(
        bank: Bank, prior: Prior, fixed: Mapping[str, float], target: MomentTarget
    ) -> "_Problem":
        tail = (1 - _COVERED) / 2
        reach = [float(-ndtri(tail)) if shape == "lognormal" else _EDGE for shape in prior.shape]
        return _Problem(
            bank=bank,
            prior=prior,
            fixed=dict(fixed),
            target=target,
            inverse=np.asarray(np.linalg.inv(with_quadrature(bank, target)), dtype=np.float64),
            low=-np.array(reach),
            high=np.array(reach),
        )

    def inside(self, uniform: Array) -> Array:
        return np.clip(ndtri(np.clip(uniform, ndtr(-_EDGE), ndtr(_EDGE))), self.low, self.high)

    def _values(self, scores: Array) -> Array:
        names = tuple(self.fixed)
        known = np.tile(np.array([self.fixed[name] for name in names]), (len(scores), 1))
        return np.hstack([self.prior.quantile(ndtr(scores)), known])

    def moments(self, scores: Array) -> Array:
        names = (*self.prior.names, *self.fixed)
        values = self._values(scores)
        return reduced_moments(self.bank.base, names, values, moments=self.target.names)

    def distances(self, scores: Array) -> Array:
        gap = self.moments(scores) - self.target.value
        return np.einsum("ik,kl,il->i", gap, self.inverse, gap)

    def distance(self, point: Array) -> float:
        return float(self.distances(point[None])[0])

    def distance_gradient(self, point: Array) -> Array:
        around = self.moments(np.vstack([point, point + _STEP * np.eye(point.size)]))
        slope = (around[1:] - around[0]) / _STEP
        return np.asarray(2 * slope @ self.inverse @ (around[0] - self.target.value))

    def ginis(self, scores: Array) -> Array:
        names = (*self.prior.names, *self.fixed)
        return many_ginis(self.bank.base, names, self._values(scores), n_workers=_GINI_WORKERS)[
            :, 0
        ]

    def gini_gradient(self, point: Array) -> Array:
        around = self.ginis(np.vstack([point, point + _GINI_STEP * np.eye(point.size)]))
        return np.asarray((around[1:] - around[0]) / _GINI_STEP)


def _least(problem: _Problem, starts: Array) -> Array:
    """Point with the least distance."""
    ends = [
        _search(problem, start, problem.distance, problem.distance_gradient, None)
        for start in starts
    ]
    return min([*starts, *ends], key=problem.distance)


def _end(
    problem: _Problem, scores: Array, distance: Array, after: Posterior, bound: float, sign: int
) -> float:
    """Lowest (sign 1) or highest (sign -1) ΔGini within a distance."""
    inside = np.flatnonzero(distance <= bound)
    among = inside if inside.size else np.argsort(distance)[:_N_STARTS]
    gini = after.of(DELTA_GINI_INCOME)[after.weight > 0]
    order = among[np.argsort(sign * gini[among])]
    starts = scores[order[:_N_STARTS]]
    ends = [
        _search(
            problem,
            start,
            lambda x: sign * float(problem.ginis(x[None])[0]) / _GINI_UNIT,
            lambda x: sign * problem.gini_gradient(x) / _GINI_UNIT,
            bound,
        )
        for start in starts
    ]
    members = [x for x in [*starts, *ends] if problem.distance(x) <= bound * (1 + _SLACK) + _SLACK]
    if not members:
        return float("nan")
    return float(sign * np.min(sign * problem.ginis(np.array(members))))


def _search(
    problem: _Problem,
    start: Array,
    function: Callable[[Array], float],
    gradient: Callable[[Array], Array],
    bound: float | None,
) -> Array:
    from scipy.optimize import minimize

    constraint = {
        "type": "ineq",
        "fun": lambda x: 1 - problem.distance(x) / (bound or 1),
        "jac": lambda x: -problem.distance_gradient(x) / (bound or 1),
    }
    found = minimize(
        function,
        start,
        jac=gradient,
        bounds=list(zip(problem.low, problem.high, strict=True)),
        constraints=[] if bound is None else [constraint],
        method="SLSQP",
        options={"maxiter": _MOST_STEPS, "ftol": _TOLERANCE},
    )
    return np.clip(found.x, problem.low, problem.high)
