"""Screening: what work samples say of ability, and how often credentials are required, by occupation."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from withintask.panel.arrays import Array, Flags
from withintask.sim import equations as eq
from withintask.sim.cells import exposed_cells
from withintask.sim.economy import Economy
from withintask.sim.params import Params


@dataclass(frozen=True, kw_only=True, eq=False)
class Screening:
    """Screening in every occupation at one capability, (occupation,) each."""

    is_exposed: Flags
    """Whether the occupation has an exposed task."""
    signal_slope: Array
    """ε_o(A), elasticity of output to ability; 1 where unexposed or without AI."""
    credential_gain: Array
    """ΔV, log points squared."""
    credential_probability: Array
    """Probability that a posting requires a credential."""


@lru_cache(maxsize=16)
def screening_before(economy: Economy) -> Screening:
    """Return screening before AI."""
    return _screening(economy, np.ones(economy.population.exposure.shape[0]))


@lru_cache(maxsize=16)
def screening_after(economy: Economy) -> Screening:
    """Return screening after AI, eq. (9); the mean runs over exposed tasks, workers and firms."""
    params = economy.params
    n_occupations = economy.population.exposure.shape[0]
    total, count = np.zeros(n_occupations), np.zeros(n_occupations)
    for cells in exposed_cells(economy):
        elasticity = eq.output_elasticity(
            cells.human_output,
            cells.ai_output[:, :, None],
            cells.relative_skill,
            params.ai_multiplicative,
            params.task_substitution,
        )
        by_cell = (elasticity @ cells.grid.weight) @ cells.firm_weight
        total += np.bincount(cells.occupation, by_cell, minlength=n_occupations)
        count += np.bincount(cells.occupation, minlength=n_occupations)
    return _screening(economy, np.where(count > 0, total / np.maximum(count, 1), 1.0))


def prior_variance(params: Params) -> float:
    """Variance of log ability before any signal, log points squared."""
    return params.ability_sd**2


def credential_probability(params: Params, signal_slope: Array) -> tuple[Array, Array]:
    """Return ΔV and the probability of a requirement at given signal slopes, eq. (9)."""
    variance = eq.posterior_variance(prior_variance(params), signal_slope, params.work_sample_noise)
    gain = eq.credential_gain(variance, params.credential_noise)
    return gain, eq.credential_probability(
        gain, params.credential_cost, params.credential_cost_scale
    )


def _screening(economy: Economy, signal_slope: Array) -> Screening:
    gain, probability = credential_probability(economy.params, signal_slope)
    return Screening(
        is_exposed=np.asarray((economy.population.exposure > 0).any(axis=1)),
        signal_slope=signal_slope,
        credential_gain=gain,
        credential_probability=probability,
    )
