"""Posteriors of the parameters given moments: the bank reweighted, and refined near the mass where few of its draws count."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from withintask.panel.arrays import Array, Flags
from withintask.panel.errors import ParameterError
from withintask.sim.params import Params, vary
from withintask.tests_of_model.moments.bank import Bank, features_at, place
from withintask.tests_of_model.moments.mixture import AS_GIVEN, MIXED, SHARES, Mixture
from withintask.tests_of_model.moments.moments import params_with
from withintask.tests_of_model.moments.priors import Prior
from withintask.tests_of_model.moments.reduced import REDUCED, reduced_moments
from withintask.tests_of_model.moments.targets import MomentTarget
from withintask.tests_of_model.moments.temper import Tempered, temper
from withintask.tests_of_model.moments.weights import (
    effective_number,
    log_normal,
    normalized,
    weighted_quantile,
)

N_PARTICLES = 2**10
"""Draws of a refined posterior; about half of them count under the prior as given."""
N_ENOUGH = 2**11
"""Effective number of the bank's draws from which on it is not refined."""

GINI_WORKERS = 2**11
"""Points of the population at which ΔGini of refined draws is computed, uncut."""
_N_ANEW = 2**13
"""Draws of the bank that are taken where parameters are known, so that moments there must be computed anew."""
_NEGLIGIBLE = 1e-9
"""Weight below which a draw of the bank is left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """Weighted draws of the parameters given moments, under one prior; under others by :meth:`under`."""

    target: MomentTarget
    """Moments given."""
    mixture: Mixture
    """What draws come from: three priors of the free parameters."""
    prior: Prior
    """The one of them under which the weights are."""
    fixed: Mapping[str, float]
    """Parameters that were taken as known."""
    values: Array
    """Free parameters, (draw, parameter), in the order of the prior."""
    features: Array
    """Moments and ΔGini, (draw, feature), in the order of FEATURES."""
    weight: Array
    """Weights under the prior, summing to 1, (draw,)."""
    log_spread: Array
    """Log weights under the mixture, (draw,)."""
    log_mixture: Array
    """Log density of the mixture at the draws, (draw,)."""
    log_evidence_mixture: float
    """Log of the mean likelihood over the mixture, normal constants and ΔGini left out."""
    n_bank: float
    """Effective number of the bank's draws."""
    acceptance: float
    """Share of proposals accepted after the last step; NaN where the bank was not refined."""
    memory: float
    """Largest correlation of a parameter's normal score with where it was when the last step's moves began."""

    @property
    def n_effective(self) -> float:
        """Effective number of the draws."""
        return effective_number(self.weight)

    def log_evidence(self, prior: str = AS_GIVEN) -> float:
        """Log of the mean likelihood over one of the three priors, normal constants and ΔGini left out.

        Where none of the draws lies in that prior's support, the most that it can be: the mixture's over the prior's share.
        """
        spread = self.log_spread - logsumexp(self.log_spread)
        gain = logsumexp(spread + self._log_ratio(self.mixture.components[prior]))
        most = -np.log(SHARES[prior])
        return self.log_evidence_mixture + float(gain if np.isfinite(gain) else most)

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
        return replace(self, weight=weight, log_spread=self.log_spread + log_likelihood)

    def under(self, prior: str) -> "Posterior":
        """Return the posterior under the prior as given, twice as wide or flat, or under their mixture."""
        if prior == MIXED:
            return replace(self, weight=normalized(self.log_spread))
        chosen = self.mixture.components[prior]
        weight = normalized(self.log_spread + self._log_ratio(chosen))
        return replace(self, prior=chosen, weight=weight)

    def variants(self) -> "dict[str, Posterior]":
        """Return the posterior under each of the three priors, by name."""
        return {name: self.under(name) for name in self.mixture.components}

    def drawn(self, n_draws: int, seed: int) -> "Posterior":
        """Return so many draws, equally weighted under the mixture, chosen with replacement."""
        generator = np.random.default_rng(seed)
        chosen = generator.choice(len(self.values), size=n_draws, p=normalized(self.log_spread))
        fewer = replace(
            self,
            values=self.values[chosen],
            features=self.features[chosen],
            log_spread=np.zeros(n_draws),
            log_mixture=self.log_mixture[chosen],
        )
        return replace(fewer, weight=normalized(fewer._log_ratio(self.prior)))

    def _log_ratio(self, prior: Prior) -> Array:
        return np.asarray(prior.log_density(self.values) - self.log_mixture)


def posterior(
    bank: Bank,
    target: MomentTarget,
    *,
    fixed: Mapping[str, float] | None = None,
    prior: str = AS_GIVEN,
    n_particles: int = N_PARTICLES,
    seed: int = 0,
    is_moved: bool = True,
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
        The bank's prior as given, its variant (twice as wide or flat), or the mixture of the three.
    n_particles
        Draws of the refined posterior.
    seed
        Seed of the moves.
    is_moved
        Whether draws move at the end; where only the evidence is asked for they need not.

    Raises
    ------
    ParameterError
        If the targets have no errors, or a fixed parameter has no prior or is out of its domain.

    Notes
    -----
    Where the bank's draws count for at least N_ENOUGH, they are the posterior. Else a population of draws is led from the
    bank to the posterior under the mixture of the three priors (:func:`withintask.tests_of_model.moments.temper.temper`);
    each prior then reweights it, with weights of at most four. ΔGini, if given, reweights the draws at the end.
    """
    fail_if_without_errors(target)
    known = dict(fixed or {})
    mixture = Mixture(prior=bank.prior).without(tuple(known))
    vary(bank.base, **known)
    likelihood = _Likelihood.make(bank, target, known, mixture)
    rows, moments = _start(bank, likelihood)
    logs = likelihood(moments)
    n_bank = effective_number(
        normalized(logs + mixture.prior.log_density(rows) - mixture.log_density(rows))
    )
    if n_bank >= N_ENOUGH and not known:
        after = _of_bank(bank, likelihood, target, logs, n_bank)
    else:
        drawn = temper(likelihood, rows, moments, n_particles, seed, is_moved=is_moved)
        after = _refined(likelihood, target, drawn, n_bank)
    return after.under(prior)


def _start(bank: Bank, likelihood: "_Likelihood") -> tuple[Array, Array]:
    """Values of the bank's draws and the moments there, of fewer draws where moments must be computed anew."""
    if not likelihood.fixed:
        return bank.values, bank.features[:, likelihood.places]
    free = [k for k, name in enumerate(bank.prior.names) if name not in likelihood.fixed]
    rows = bank.take(min(len(bank.values), _N_ANEW)).values[:, free]
    return rows, likelihood.moments(rows)


def _of_bank(
    bank: Bank, likelihood: "_Likelihood", target: MomentTarget, logs: Array, n_bank: float
) -> Posterior:
    """The bank's own draws, those of no weight left out."""
    kept = normalized(logs) > _NEGLIGIBLE
    after = _posterior(
        likelihood,
        target,
        (bank.values[kept], bank.features[kept]),
        logs[kept],
        float(logsumexp(logs) - np.log(logs.size)),
    )
    return _given_all(replace(after, n_bank=n_bank), likelihood)


def _refined(
    likelihood: "_Likelihood", target: MomentTarget, drawn: Tempered, n_bank: float
) -> Posterior:
    """Draws led from the bank's."""
    after = _posterior(
        likelihood,
        target,
        (drawn.values, likelihood.features(drawn.values)),
        np.zeros(len(drawn.values)),
        drawn.log_evidence,
    )
    given = replace(after, n_bank=n_bank, acceptance=drawn.acceptance, memory=drawn.memory)
    return _given_all(given, likelihood)


def _posterior(
    likelihood: "_Likelihood",
    target: MomentTarget,
    draws: tuple[Array, Array],
    log_spread: Array,
    log_evidence: float,
) -> Posterior:
    values, features = draws
    return Posterior(
        target=target,
        mixture=likelihood.mixture,
        prior=likelihood.mixture.prior,
        fixed=likelihood.fixed,
        values=values,
        features=features,
        weight=normalized(log_spread),
        log_spread=log_spread,
        log_mixture=likelihood.mixture.log_density(values),
        log_evidence_mixture=log_evidence,
        n_bank=float("nan"),
        acceptance=float("nan"),
        memory=0.0,
    )


def _given_all(after: Posterior, likelihood: "_Likelihood") -> Posterior:
    """Posterior given ΔGini too, where it is among the targets."""
    target = after.target
    if all(name in REDUCED for name in target.names):
        return after
    at = [place(name) for name in target.names]
    covariance = with_quadrature(likelihood.bank, target)
    whole = log_normal(after.features[:, at] - target.value, covariance)
    return after.reweighted(whole - likelihood(after.features[:, likelihood.places]))


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
    """Log likelihood of the moments that the reduced quadrature gives."""

    bank: Bank
    mixture: Mixture
    fixed: dict[str, float]
    value: Array
    covariance: Array
    names: tuple[str, ...]

    @staticmethod
    def make(
        bank: Bank, target: MomentTarget, fixed: dict[str, float], mixture: Mixture
    ) -> "_Likelihood":
        names = [name for name in target.names if name in REDUCED]
        part = target.take(names) if names else target
        return _Likelihood(
            bank=bank,
            mixture=mixture,
            fixed=fixed,
            value=part.value if names else np.empty(0),
            covariance=with_quadrature(bank, part) if names else np.empty((0, 0)),
            names=tuple(names),
        )

    def moments(self, values: Array) -> Array:
        return reduced_moments(self._base, self.mixture.prior.names, values, moments=self.names)

    def features(self, values: Array) -> Array:
        """All features, ΔGini at GINI_WORKERS points, (draw, feature)."""
        return features_at(self._base, self.mixture.prior.names, values, n_workers=GINI_WORKERS)

    def __call__(self, moments: Array) -> Array:
        if not self.names:
            return np.zeros(len(moments))
        return log_normal(moments - self.value, self.covariance)

    @property
    def places(self) -> list[int]:
        """Where its moments stand among the bank's features."""
        return [place(name) for name in self.names]

    @property
    def _base(self) -> Params:
        return params_with(self.bank.base, tuple(self.fixed), tuple(self.fixed.values()))


def with_quadrature(bank: Bank, target: MomentTarget) -> Array:
    """Covariance of the targets and of the quadrature together, (moment, moment)."""
    at = [place(name) for name in target.names]
    assert target.covariance is not None
    return np.asarray(target.covariance + bank.quadrature[np.ix_(at, at)])
