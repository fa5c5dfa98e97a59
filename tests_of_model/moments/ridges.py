"""Changes of parameters that leave everything that the model says as it is: moves along which a posterior forgets at no cost.

AI enters as α η0 and α η1 alone, and assets as ψ times the log standard deviation of K alone. So α may grow as both η shrink, and
Gini(K) may change as ψ makes up for it; only the prior tells such values apart.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from withintask.panel.arrays import Array

_LOG_STEP = 0.5
"""Standard deviation of the log factor of α."""

Move = Callable[[dict[str, Array], np.random.Generator], tuple[dict[str, Array], Array]]


def scaled(
    values: dict[str, Array], generator: np.random.Generator
) -> tuple[dict[str, Array], Array]:
    """Return α times a factor and both η over it, and the log of the map's determinant, (draw,)."""
    log_factor = _LOG_STEP * generator.standard_normal(values["ai_floor"].size)
    factor = np.exp(log_factor)
    return {
        "ai_floor": values["ai_floor"] * factor,
        "commodity": values["commodity"] / factor,
        "proprietary": values["proprietary"] / factor,
    }, -log_factor


def spread_over(
    values: dict[str, Array], generator: np.random.Generator
) -> tuple[dict[str, Array], Array]:
    """Return Gini(K) anywhere in its domain and the ψ that leaves κ as it is, and the log of the map's determinant, (draw,)."""
    gini = generator.uniform(size=values["asset_gini"].size)
    ratio = ndtri((1 + values["asset_gini"]) / 2) / ndtri((1 + gini) / 2)
    moved = {"asset_gini": gini, "capital_intensity": values["capital_intensity"] * ratio}
    return moved, np.log(ratio)


MOVES_ALONG: dict[tuple[str, ...], Move] = {
    ("ai_floor", "commodity", "proprietary"): scaled,
    ("asset_gini", "capital_intensity"): spread_over,
}
"""Moves by the parameters that must all be free."""
