"""A population of draws led from a wide distribution to a posterior, in steps that a tempered likelihood takes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.moments.mixture import WIDE, Mixture
from withintask.tests_of_model.moments.ridges import MOVES_ALONG, Move
from withintask.tests_of_model.moments.weights import effective_number, normalized

_ESS_SHARE = 1 / 2
"""Each step of the tempering lets the effective number fall to this share of the draws."""
_MOST_STEPS = 60
_FORGOTTEN, _FORGOTTEN_LAST = 0.6, 0.2
"""After a step draws move until no score correlates more than this with where it was; the second after the last step."""
_MOST_SWEEPS, _MOST_SWEEPS_LAST = 20, 200
_ACCEPTED = (0.15, 0.35)
_JUMP = 2.38
"""Scale of differential-evolution proposals over √(2 x coordinates) (ter Braak 2006)."""
_RESCALE = 2 ** (1 / 4)
_JITTER = 1e-4
_CYCLE = 5
_LONG, _REDRAW = 4, 2
"""Of so many sweeps, the one in which a proposal is the whole difference, to move between parts, and the one in which few
coordinates are drawn anew from the widest prior, so that what the moments do not hold is forgotten at once."""
_FEW = 3
"""Most coordinates that are drawn anew."""
_CROSSOVER = (1 / 4, 1 / 2, 1.0)
"""Shares of coordinates that a proposal moves."""
_INSIDE = 1e-12


class Likelihood(Protocol):
    """Log likelihood by the moments at parameter values."""

    @property
    def mixture(self) -> Mixture:
        """What values are drawn from before anything is known."""

    def moments(self, values: Array) -> Array:
        """Moments at every row of values, (draw, moment)."""

    def __call__(self, moments: Array) -> Array:
        """Log likelihood, (draw,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tempered:
    """Equally weighted draws of a posterior, and how they were come by."""

    values: Array
    """Parameters, (draw, parameter)."""
    log_evidence: float
    """Log of the mean likelihood over the mixture."""
    acceptance: float
    """Share of proposals accepted after the last step."""
    memory: float
    """Largest correlation of a score with where it was when the last step's moves began."""


@dataclass(eq=False)
class _Population:
    """Draws on the way: normal scores of the widest prior, moments, log likelihood and log density of the mixture over it."""

    scores: Array
    moments: Array
    log_likelihood: Array
    log_ratio: Array

    def at(self, places: Codes) -> "_Population":
        return _Population(
            scores=self.scores[places],
            moments=self.moments[places],
            log_likelihood=self.log_likelihood[places],
            log_ratio=self.log_ratio[places],
        )

    def replace(self, places: Codes, other: "_Population", taken: Flags) -> None:
        self.scores[places], self.moments[places] = other.scores[taken], other.moments[taken]
        self.log_likelihood[places] = other.log_likelihood[taken]
        self.log_ratio[places] = other.log_ratio[taken]


def temper(
    likelihood: Likelihood,
    values: Array,
    moments: Array,
    n_particles: int,
    seed: int,
    *,
    is_moved: bool = True,
) -> Tempered:
    """Lead draws of the mixture to the posterior under it.

    Parameters
    ----------
    likelihood
        What is known.
    values
        Draws of the mixture, (draw, parameter).
    moments
        Moments there, (draw, moment).
    n_particles
        Draws wanted.
    seed
        Seed of resampling and moves.
    is_moved
        Whether draws move after the last step; the evidence does not need it.

    Notes
    -----
    From the flattest tempered likelihood under which as many of the draws count as are wanted, in steps that keep half of the
    effective number, with resampling and differential-evolution moves (ter Braak 2006) that leave every tempered posterior
    as it is (Del Moral, Doucet and Jasra 2006). Moves are in normal scores of the widest prior.
    """
    generator = np.random.default_rng(seed)
    logs, equal = likelihood(moments), np.zeros(len(values))
    power = _next_power(logs, 0.0, min(n_particles, len(values) * _ESS_SHARE))
    evidence = _log_mean(power * logs)
    chosen = _resampled(normalized(equal + power * logs), n_particles, generator)
    drawn = _made(likelihood, _scores(likelihood, values[chosen]), moments[chosen], logs[chosen])
    scale = 1.0
    while True:
        acceptance, memory = float("nan"), 1.0
        if power < 1 or is_moved:
            scale, acceptance, memory = _moves(likelihood, drawn, power, scale, generator)
        if power == 1:
            return Tempered(
                values=_values(likelihood, drawn.scores),
                log_evidence=evidence,
                acceptance=acceptance,
                memory=memory,
            )
        further = _next_power(drawn.log_likelihood, power, n_particles * _ESS_SHARE)
        step = (further - power) * drawn.log_likelihood
        evidence, power = evidence + _log_mean(step), further
        drawn = drawn.at(_resampled(normalized(step), n_particles, generator))


def _scores(likelihood: Likelihood, values: Array) -> Array:
    uniform = likelihood.mixture.components[WIDE].uniforms(values)
    return np.asarray(ndtri(np.clip(uniform, _INSIDE, 1 - _INSIDE)))


def _values(likelihood: Likelihood, scores: Array) -> Array:
    return likelihood.mixture.components[WIDE].quantile(np.clip(ndtr(scores), _INSIDE, 1 - _INSIDE))


def _made(likelihood: Likelihood, scores: Array, moments: Array, logs: Array) -> _Population:
    return _Population(
        scores=scores,
        moments=moments,
        log_likelihood=logs,
        log_ratio=_log_ratio(likelihood, _values(likelihood, scores)),
    )


def _log_ratio(likelihood: Likelihood, values: Array) -> Array:
    """Log density of the mixture over that of the widest prior, (draw,)."""
    mixture = likelihood.mixture
    return mixture.log_density(values) - mixture.components[WIDE].log_density(values)


def _log_mean(log_values: Array) -> float:
    return float(logsumexp(log_values) - np.log(log_values.size))


def _next_power(logs: Array, power: float, n_wanted: float) -> float:
    """Largest power up to 1 of the likelihood at which the effective number stays what is wanted, by bisection."""
    low, high = power, 1.0
    if effective_number(normalized((high - power) * logs)) >= n_wanted:
        return high
    for _ in range(_MOST_STEPS):
        middle = (low + high) / 2
        enough = effective_number(normalized((middle - power) * logs)) >= n_wanted
        low, high = (middle, high) if enough else (low, middle)
    return low


def _resampled(weight: Array, n: int, generator: np.random.Generator) -> Codes:
    """Systematic resampling: places of the draws that go on, shuffled, (n,)."""
    points = (np.arange(n) + generator.uniform()) / n
    places = np.searchsorted(np.cumsum(weight), points).clip(max=weight.size - 1)
    return np.asarray(generator.permutation(places))


def _moves(
    likelihood: Likelihood,
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
        kind = sweep % _CYCLE
        length = 0.0 if kind == _LONG else float("nan") if kind == _REDRAW else scale
        accepted = [
            _move(likelihood, drawn, sides, (power, length), generator)
            for sides in (halves, halves[::-1])
        ]
        if length > 0:
            rates.append(float(np.mean(accepted)))
            scale = _rescaled(scale, rates[-1])
        for names, move in MOVES_ALONG.items():
            _along(likelihood, drawn, names, move, generator)
        memory = _memory(start, drawn.scores)
    return scale, float(np.mean(rates)), memory


def _along(
    likelihood: Likelihood,
    drawn: _Population,
    names: tuple[str, ...],
    move: Move,
    generator: np.random.Generator,
) -> None:
    """Move every draw where no moment changes: the prior alone decides."""
    free = likelihood.mixture.prior.names
    if not set(names) <= set(free):
        return
    places = [free.index(name) for name in names]
    values = _values(likelihood, drawn.scores)
    moved, log_determinant = move(
        {n: values[:, k] for n, k in zip(names, places, strict=True)}, generator
    )
    proposal = values.copy()
    for name, k in zip(names, places, strict=True):
        proposal[:, k] = moved[name]
    old, new = (likelihood.mixture.log_density(v) for v in (values, proposal))
    with np.errstate(invalid="ignore"):
        accepted = np.log(generator.uniform(size=len(values))) < new - old + log_determinant
    drawn.scores[accepted] = _scores(likelihood, proposal[accepted])
    drawn.log_ratio[accepted] = _log_ratio(likelihood, proposal[accepted])


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
    likelihood: Likelihood,
    drawn: _Population,
    sides: tuple[Codes, Codes],
    step: tuple[float, float],
    generator: np.random.Generator,
) -> float:
    """Propose for one half and accept; step is the power and the scale, NaN for coordinates drawn anew."""
    (movers, others), (power, scale) = sides, step
    own = drawn.scores[movers]
    if np.isnan(scale):
        proposal = _redrawn(own, generator)
        gain = np.zeros(movers.size)
    else:
        proposal = own + _difference(drawn.scores[others], own.shape, scale, generator)
        gain = (np.sum(own**2, axis=1) - np.sum(proposal**2, axis=1)) / 2
    moments = likelihood.moments(_values(likelihood, proposal))
    proposed = _made(likelihood, proposal, moments, likelihood(moments))
    gain += power * (proposed.log_likelihood - drawn.log_likelihood[movers])
    gain += proposed.log_ratio - drawn.log_ratio[movers]
    with np.errstate(invalid="ignore"):
        accepted = np.log(generator.uniform(size=movers.size)) < gain
    drawn.replace(movers[accepted], proposed, accepted)
    return float(accepted.mean())


def _redrawn(scores: Array, generator: np.random.Generator) -> Array:
    """Scores with one to _FEW coordinates drawn anew."""
    n, dims = scores.shape
    count = generator.integers(1, min(_FEW, dims) + 1, size=(n, 1))
    rank = np.argsort(np.argsort(generator.uniform(size=(n, dims)), axis=1), axis=1)
    return np.where(rank < count, generator.standard_normal((n, dims)), scores)


def _difference(
    others: Array, shape: tuple[int, ...], scale: float, generator: np.random.Generator
) -> Array:
    """Scaled differences of two of the others in some coordinates; whole ones at scale 0."""
    n, dims = shape
    pair = np.array(
        [generator.choice(len(others), size=n), generator.choice(len(others) - 1, size=n)]
    )
    pair[1] += pair[1] >= pair[0]
    moved = generator.uniform(size=(n, dims)) < generator.choice(_CROSSOVER, size=(n, 1))
    count = np.maximum(moved.sum(axis=1, keepdims=True), 1)
    length = scale * _JUMP / np.sqrt(2 * count) if scale > 0 else 1.0
    jitter = _JITTER * generator.standard_normal((n, dims))
    return np.asarray(moved * (length * (others[pair[0]] - others[pair[1]]) + jitter))
