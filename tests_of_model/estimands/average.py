"""Truths of the average effect of AI on output in exposed tasks."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from withintask.panel.arrays import Array
from withintask.sim.cells import exposed_cells
from withintask.sim.economy import Economy


def average_effect_log(economy: Economy) -> float:
    """Σ ω_z E_j E[ln y₁ - ln y₀] over exposed cells, log points."""
    return _average(economy, np.log)


def average_effect_percent(economy: Economy) -> float:
    """The same as a percentage, 100 (exp(log points) - 1)."""
    return 100 * math.expm1(average_effect_log(economy))


def average_effect_level(economy: Economy) -> float:
    """Σ ω_z E_j E[y₁ - y₀] over exposed cells, in units of output."""
    return _average(economy, lambda output: output)


def _average(economy: Economy, scale: Callable[[Array], Array]) -> float:
    total = 0.0
    for cells in exposed_cells(economy):
        gain = (scale(cells.output_after()) - scale(cells.human_output)) @ cells.grid.weight
        total += float(cells.mean_over_cells(gain))
    return total


TRUTHS: Mapping[str, Callable[[Economy], float]] = MappingProxyType(
    {
        "average_effect_log": average_effect_log,
        "average_effect_percent": average_effect_percent,
        "average_effect_level": average_effect_level,
    }
)
"""Estimands by the name of their term."""
