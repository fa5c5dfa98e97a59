"""Posteriors of the parameters given moments: the bank reweighted, and refined near the mass where few of its draws count."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import ParameterError
from withintask.sim.params import vary
from withintask.tests_of_model.moments.bank import (
    DELTA_GINI_INCOME,
    DELTA_GINI_PAY,
    FEATURES,
    Bank,
    ginis_at,
    place,
)
from withintask.tests_of_model.moments.moments import params_with
from withintask.tests_of_model.moments.priors import Prior
from withintask.tests_of_model.moments.reduced import REDUCED, reduced_moments
from withintask.tests_of_model.moments.targets import MomentTarget
from withintask.tests_of_model.moments.weights import (
    effective_number,
    log_normal,
    normalized,
    weighted_quantile,
)

N_PARTICLES = 2**10
"""Draws of a refined posterior."""
N_ENOUGH = 2**10
"""Effective number of the bank's draws from which on it is not refined."""

GINI_WORKERS = 2**11
"""Points of the population at which ΔGini of refined draws is computed, uncut."""
_ESS_SHARE = 1 / 2
"""Each step of the tempering lets the effective number fall to this share of the draws."""
_MOST_STEPS = 60
_FORGOTTEN, _FORGOTTEN_LAST = 0.6, 0.2
"""After a step draws move until no score correlates more than this with where it was; the second after the last step."""
_MOST_SWEEPS, _MOST_SWEEPS_LAST = 40, 250
_ACCEPTED = (0.15, 0.35)
_JUMP = 2.38
"""Scale of differential-evolution proposals over √(2 x coordinates) (ter Braak 2006)."""
_RESCALE = 2 ** (1 / 4)
_JITTER = 1e-4
_LONG_JUMP = 5
"""Every so many sweeps a proposal is the whole difference, to move between parts."""
_CROSSOVER = (1 / 4, 1 / 2, 1.0)
"""Shares of coordinates that a proposal moves."""
_INSIDE = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """Weighted draws of the parameters given moments."""

    target: MomentTarget
    """Moments given."""
    prior: Prior
    """Prior of the free parameters."""
    fixed: Mapping[str, float]
    """Parameters that were taken as known."""
    values: Array
    """Free parameters, (draw, parameter), in the order of the prior."""
    features: Array
    """Moments and ΔGini, (draw, feature), in the order of FEATURES."""
    weight: Array
    """Weights, summing to 1, (draw,)."""
    n_bank: float
    """Effective number of the bank's draws."""
    n_effective: float
    """Effective number of these draws."""
    acceptance: float
    """Share of proposals accepted after the last step; NaN where the bank was not refined."""
    log_evidence: float
    """Log of the mean likelihood over the prior, normal constants and ΔGini left out."""
    memory: float
    """Largest correlation of a parameter's normal score with where it was when the last step's moves began."""

    def of(self, name: str) -> Array:
        """Draws of a parameter or feature, (draw,)."""
        if name in self.prior.names:
            return np.asarray(self.values[:, self.prior.names.index(name)])
        if name in self.fixed:
            return np.full(len(self.values), self.fixed[name])
        return np.asarray(self.features[:, place(name)])

    def probability(self, holds: Flags) -> float:
        """Posterior probability of what holds in some draws, (draw,) of flags."""
        return float(self.weight @ holds)

    def interval(self, name: str, level: float = 0.9) -> tuple[float, float, float]:
        """Low end, median and high end of the central interval."""
        low, middle, high = weighted_quantile(
            self.of(name), self.weight, [(1 - level) / 2, 1 / 2, (1 + level) / 2]
        )
        return float(low), float(middle), float(high)

    def reweighted(self, log_likelihood: Array) -> "Posterior":
        """Return the posterior given more, by its log likelihood at the draws, (draw,)."""
        with np.errstate(divide="ignore"):
            weight = normalized(np.log(self.weight) + log_likelihood)
        return replace(self, weight=weight, n_effective=effective_number(weight))


def posterior(
    bank: Bank,
    target: MomentTarget,
    *,
    fixed: Mapping[str, float] | None = None,
    prior: Prior | None = None,
    n_particles: int = N_PARTICLES,
    seed: int = 0,
) -> Posterior:
    """Compute the posterior given moments with errors.

    Parameters
    ----------
    bank
        Draws of the prior.
    target
        Moments, normal with their covariance (the quadrature's is added).
    fixed
        Parameters whose value is known.
    prior
        Another prior of the same parameters: the bank's own, twice as wide or flat.
    n_particles
        Draws of the refined posterior.
    seed
        Seed of the moves.

    Raises
    ------
    ParameterError
        If the targets have no errors, or a fixed parameter has no prior or is out of its domain.

    Notes
    -----
    Where the bank's draws count for at least N_ENOUGH, they are the posterior. Else a population of draws is led from
    the flattest tempered likelihood under which enough of the bank counts to the likelihood itself, in steps that keep
    half of the effective number, with resampling and differential-evolution moves (ter Braak 2006) that leave every
    tempered posterior as it is (Del Moral, Doucet and Jasra 2006). Moves are in normal scores of the prior.
    ΔGini, if given, reweights the draws at the end.
    """
    fail_if_without_errors(target)
    known = dict(fixed or {})
    chosen = (bank.prior if prior is None else prior).without(tuple(known))
    vary(bank.base, **known)
    likelihood = _Likelihood.make(bank, target, known, chosen)
    rows, log_weight, moments = _start(bank, chosen, known, prior)
    full = log_weight + likelihood(moments)
    n_bank = effective_number(normalized(full))
    if n_bank >= N_ENOUGH and not known:
        drawn = _Drawn(
            values=rows, weight=normalized(full), log_evidence=_log_mean(log_weight, full)
        )
    else:
        generator = np.random.default_rng(seed)
        drawn = _temper(likelihood, rows, log_weight, moments, n_particles, generator)
    return _finish(likelihood, target, drawn, n_bank)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Drawn:
    """Weighted values of the free parameters, and how they were come by."""

    values: Array
    weight: Array
    log_evidence: float
    acceptance: float = float("nan")
    memory: float = 0.0


def fail_if_without_errors(target: MomentTarget) -> None:
    """Refuse targets of which some lack an error.

    Raises
    ------
    ParameterError
        Says so.
    """
    if target.covariance is None:
        raise ParameterError(
            "posterior: every target needs a std_error, or the targets a covariance"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Likelihood:
    """Log likelihood of the moments that the reduced quadrature gives, as a function of normal scores."""

    bank: Bank
    prior: Prior
    fixed: dict[str, float]
    value: Array
    covariance: Array
    places: list[int]

    @staticmethod
    def make(
        bank: Bank, target: MomentTarget, fixed: dict[str, float], prior: Prior
    ) -> "_Likelihood":
        names = [name for name in target.names if name in REDUCED]
        part = target.take(names) if names else target
        return _Likelihood(
            bank=bank,
            prior=prior,
            fixed=fixed,
            value=part.value if names else np.empty(0),
            covariance=with_quadrature(bank, part) if names else np.empty((0, 0)),
            places=[REDUCED.index(name) for name in names],
        )

    def moments(self, values: Array) -> Array:
        base = params_with(self.bank.base, tuple(self.fixed), tuple(self.fixed.values()))
        return reduced_moments(base, self.prior.names, values)

    def __call__(self, moments: Array) -> Array:
        if not self.places:
            return np.zeros(len(moments))
        return log_normal(moments[:, self.places] - self.value, self.covariance)


def with_quadrature(bank: Bank, target: MomentTarget) -> Array:
    """Covariance of the targets and of the quadrature together, (moment, moment)."""
    at = [place(name) for name in target.names]
    assert target.covariance is not None
    return np.asarray(target.covariance + bank.quadrature[np.ix_(at, at)])


def _start(
    bank: Bank, chosen: Prior, fixed: dict[str, float], prior: Prior | None
) -> tuple[Array, Array, Array]:
    """Values of the bank's draws, their log prior weights, and the moments that the reduced quadrature gives there."""
    log_weight = bank.log_weight(prior)
    possible = np.isfinite(log_weight)
    kept = [k for k, name in enumerate(bank.prior.names) if name in chosen.names]
    values, log_weight = bank.values[possible][:, kept], log_weight[possible]
    if not fixed:
        return values, log_weight, bank.features[possible][:, [place(name) for name in REDUCED]]
    base = params_with(bank.base, tuple(fixed), tuple(fixed.values()))
    return values, log_weight, reduced_moments(base, chosen.names, values)


@dataclass(eq=False)
class _Population:
    """Draws on the way: normal scores, moments and log likelihood."""

    scores: Array
    moments: Array
    log_likelihood: Array


def _temper(
    likelihood: _Likelihood,
    rows: Array,
    log_weight: Array,
    moments: Array,
    n_particles: int,
    generator: np.random.Generator,
) -> _Drawn:
    """Lead draws from the prior to the posterior."""
    logs = likelihood(moments)
    enough = min(n_particles, effective_number(normalized(log_weight)) * _ESS_SHARE)
    power = _next_power(log_weight, logs, 0.0, enough)
    evidence = _log_mean(log_weight, log_weight + power * logs)
    chosen = _resampled(normalized(log_weight + power * logs), n_particles, generator)
    uniform = np.clip(likelihood.prior.uniforms(rows[chosen]), _INSIDE, 1 - _INSIDE)
    drawn = _Population(scores=ndtri(uniform), moments=moments[chosen], log_likelihood=logs[chosen])
    scale, equal = 1.0, np.zeros(n_particles)
    while True:
        scale, acceptance, memory = _moves(likelihood, drawn, power, scale, generator)
        if power == 1:
            return _Drawn(
                values=likelihood.prior.quantile(ndtr(drawn.scores)),
                weight=np.full(n_particles, 1 / n_particles),
                log_evidence=evidence,
                acceptance=acceptance,
                memory=memory,
            )
        further = _next_power(equal, drawn.log_likelihood, power, n_particles * _ESS_SHARE)
        step = (further - power) * drawn.log_likelihood
        evidence += _log_mean(equal, step)
        power = further
        at = _resampled(normalized(step), n_particles, generator)
        drawn = _Population(
            scores=drawn.scores[at],
            moments=drawn.moments[at],
            log_likelihood=drawn.log_likelihood[at],
        )


def _log_mean(log_weight: Array, log_values: Array) -> float:
    """Log of Σ exp(values) over Σ exp(weights)."""
    return float(logsumexp(log_values) - logsumexp(log_weight))


def _next_power(log_weight: Array, logs: Array, power: float, n_wanted: float) -> float:
    """Largest power up to 1 of the likelihood at which the effective number stays what is wanted, by bisection."""
    low, high = power, 1.0
    if effective_number(normalized(log_weight + (high - power) * logs)) >= n_wanted:
        return high
    for _ in range(_MOST_STEPS):
        middle = (low + high) / 2
        enough = effective_number(normalized(log_weight + (middle - power) * logs)) >= n_wanted
        low, high = (middle, high) if enough else (low, middle)
    return low


def _resampled(weight: Array, n: int, generator: np.random.Generator) -> Codes:
    """Systematic resampling: places of the draws that go on, shuffled, (n,)."""
    points = (np.arange(n) + generator.uniform()) / n
    places = np.searchsorted(np.cumsum(weight), points).clip(max=weight.size - 1)
    return np.asarray(generator.permutation(places))


def _moves(
    likelihood: _Likelihood,
    drawn: _Population,
    power: float,
    scale: float,
    generator: np.random.Generator,
) -> tuple[float, float, float]:
    """Move every draw several times, half by half, by differences of two draws of the other half; scale, acceptance, memory."""
    half = len(drawn.scores) // 2
    halves = (np.arange(half), np.arange(half, len(drawn.scores)))
    limit, most = (_FORGOTTEN_LAST, _MOST_SWEEPS_LAST) if power == 1 else (_FORGOTTEN, _MOST_SWEEPS)
    start, rates, memory = drawn.scores.copy(), [], 1.0
    for sweep in range(most):
        if memory < limit:
            break
        is_long = (sweep + 1) % _LONG_JUMP == 0
        accepted = [
            _move(likelihood, drawn, (movers, others), power, 0.0 if is_long else scale, generator)
            for movers, others in (halves, halves[::-1])
        ]
        if not is_long:
            rates.append(float(np.mean(accepted)))
            scale = _rescaled(scale, rates[-1])
        memory = _memory(start, drawn.scores)
    return scale, float(np.mean(rates)), memory


def _rescaled(scale: float, rate: float) -> float:
    low, high = _ACCEPTED
    if rate < low:
        return scale / _RESCALE
    return min(1.0, scale * _RESCALE) if rate > high else scale


def _memory(before: Array, now: Array) -> float:
    """Largest correlation of a score with where it was."""
    a, b = before - before.mean(axis=0), now - now.mean(axis=0)
    spread = np.sqrt(np.sum(a**2, axis=0) * np.sum(b**2, axis=0))
    return float(np.max(np.sum(a * b, axis=0) / spread))


def _move(
    likelihood: _Likelihood,
    drawn: _Population,
    sides: tuple[Codes, Codes],
    power: float,
    scale: float,
    generator: np.random.Generator,
) -> float:
    movers, others = sides
    n, dims = movers.size, drawn.scores.shape[1]
    pair = np.array(
        [generator.choice(others.size, size=n), generator.choice(others.size - 1, size=n)]
    )
    pair[1] += pair[1] >= pair[0]
    difference = drawn.scores[others[pair[0]]] - drawn.scores[others[pair[1]]]
    moved = generator.uniform(size=(n, dims)) < generator.choice(_CROSSOVER, size=(n, 1))
    count = np.maximum(moved.sum(axis=1, keepdims=True), 1)
    length = scale * _JUMP / np.sqrt(2 * count) if scale > 0 else 1.0
    jitter = _JITTER * generator.standard_normal((n, dims))
    proposal = drawn.scores[movers] + moved * (length * difference + jitter)
    moments = likelihood.moments(
        likelihood.prior.quantile(np.clip(ndtr(proposal), _INSIDE, 1 - _INSIDE))
    )
    logs = likelihood(moments)
    gain = power * (logs - drawn.log_likelihood[movers])
    gain += (np.sum(drawn.scores[movers] ** 2, axis=1) - np.sum(proposal**2, axis=1)) / 2
    with np.errstate(invalid="ignore"):
        accepted = np.log(generator.uniform(size=n)) < gain
    at = movers[accepted]
    drawn.scores[at], drawn.moments[at] = proposal[accepted], moments[accepted]
    drawn.log_likelihood[at] = logs[accepted]
    return float(accepted.mean())


def _finish(
    likelihood: "_Likelihood", target: MomentTarget, drawn: _Drawn, n_bank: float
) -> Posterior:
    bank, prior, fixed = likelihood.bank, likelihood.prior, likelihood.fixed
    kept = drawn.weight > 0
    values, weight = drawn.values[kept], drawn.weight[kept]
    moments = likelihood.moments(values)
    base = params_with(bank.base, tuple(fixed), tuple(fixed.values()))
    ginis = ginis_at(base, prior.names, values, n_workers=GINI_WORKERS)
    columns = {name: moments[:, k] for k, name in enumerate(REDUCED)}
    columns |= {DELTA_GINI_INCOME: ginis[:, 0], DELTA_GINI_PAY: ginis[:, 1]}
    after = Posterior(
        target=target,
        prior=prior,
        fixed=fixed,
        values=values,
        features=np.column_stack([columns[name] for name in FEATURES]),
        weight=weight,
        n_bank=n_bank,
        n_effective=effective_number(weight),
        acceptance=drawn.acceptance,
        log_evidence=drawn.log_evidence,
        memory=drawn.memory,
    )
    if all(name in REDUCED for name in target.names):
        return after
    at = [place(name) for name in target.names]
    whole = log_normal(after.features[:, at] - target.value, with_quadrature(bank, target))
    return after.reweighted(whole - likelihood(moments))
