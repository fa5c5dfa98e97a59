"""Truths of H3: credential requirements, and what work samples say of ability."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from withintask.panel.arrays import Array, Flags
from withintask.sim.economy import Economy
from withintask.sim.params import Params
from withintask.sim.screening import prior_variance, screening_after, screening_before
from withintask.tests_of_model.estimands.truth import Estimand


def scope(params: Params) -> bool:
    """The signal weakens, and the claim holds, iff skill and AI substitute, ρ > 0."""
    return params.task_substitution > 0


_NO_VARIATION = 1e-9
"""Fall of the signal that is rounding: without AI the slope is not defined."""


def delta_credential(economy: Economy) -> float:
    """E_o[ΔPr | exposed] - E_o[ΔPr | unexposed], occupations of equal size."""
    before, after = screening_before(economy), screening_after(economy)
    change = after.credential_probability - before.credential_probability
    return _exposed_minus_unexposed(change, after.is_exposed)


def credential_slope(economy: Economy) -> float:
    """Slope version: population OLS of ΔPr_o on the fall of the signal's slope, -Δε_o."""
    before, after = screening_before(economy), screening_after(economy)
    fall = before.signal_slope - after.signal_slope
    change = after.credential_probability - before.credential_probability
    centered = fall - fall.mean()
    if np.abs(centered).max() < _NO_VARIATION:
        return float("nan")
    return float(centered @ change / (centered @ centered))


def delta_log_reliability(economy: Economy) -> float:
    """E_o[Δ ln R²_o | exposed] - the same unexposed, R² = ε²σ_θ²/(ε²σ_θ² + σ_q²) of work sample and ability."""
    before, after = screening_before(economy), screening_after(economy)
    logs = []
    for one in (before, after):
        signal = np.square(one.signal_slope) * prior_variance(economy.params)
        logs.append(np.log(signal / (signal + economy.params.work_sample_noise**2)))
    return _exposed_minus_unexposed(logs[1] - logs[0], after.is_exposed)


def _exposed_minus_unexposed(change: Array, is_exposed: Flags) -> float:
    unexposed = float(change[~is_exposed].mean()) if (~is_exposed).any() else 0.0
    return float(change[is_exposed].mean()) - unexposed


TRUTHS: Mapping[str, Estimand] = MappingProxyType(
    {
        "delta_credential": delta_credential,
        "credential_slope": credential_slope,
        "delta_log_reliability": delta_log_reliability,
    }
)
"""Estimands by the name of their term."""
