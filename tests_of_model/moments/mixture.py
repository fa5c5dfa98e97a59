"""What a bank is drawn from: the prior, the prior twice as wide and the flat one, so that all three can be had from the same draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from withintask.panel.arrays import Array
from withintask.tests_of_model.moments.priors import Prior

AS_GIVEN, WIDE, FLAT = "as given", "twice as wide", "flat"
"""Names of the three priors."""

MIXED = "mixed"
"""Name of all three together, by their shares."""

SHARES = {AS_GIVEN: 1 / 2, WIDE: 1 / 4, FLAT: 1 / 4}
"""Shares of the draws that come from each."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A prior and its two variants, mixed by SHARES."""

    prior: Prior
    """The prior itself."""

    @cached_property
    def components(self) -> dict[str, Prior]:
        """The three priors by name."""
        return {AS_GIVEN: self.prior, WIDE: self.prior.widened(), FLAT: self.prior.flattened()}

    def without(self, names: Sequence[str]) -> "Mixture":
        """Leave out parameters whose value is known."""
        return Mixture(prior=self.prior.without(names))

    def draw(self, n_draws: int, generator: np.random.Generator) -> Array:
        """Draw values, (draw, parameter)."""
        chosen = generator.choice(len(SHARES), size=n_draws, p=list(SHARES.values()))
        uniform = generator.uniform(size=(n_draws, len(self.prior.names)))
        each = np.stack([prior.quantile(uniform) for prior in self.components.values()])
        return np.asarray(each[chosen, np.arange(n_draws)])

    def log_density(self, values: Array) -> Array:
        """Log density at values (draw, parameter), -inf outside the support, (draw,)."""
        parts = [
            np.log(SHARES[name]) + component.log_density(values)
            for name, component in self.components.items()
        ]
        return np.asarray(logsumexp(parts, axis=0))
