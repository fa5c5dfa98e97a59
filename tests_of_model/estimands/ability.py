"""Truths of H1 net of noise: the spread of ability within exposed tasks, and the gradient of gains on ability without AI."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from withintask.panel.arrays import Array
from withintask.sim.cells import exposed_cells
from withintask.sim.economy import Economy


def delta_log_sd(economy: Economy) -> float:
    """½ ln of Σ ω_z E_j Var(ln y₁|z,j) over Σ ω_z Var(ln y₀|z), exposed cells: pooled before the log is taken."""
    before, after, _ = _pooled_moments(economy)
    return float(np.log(after / before) / 2)


def delta_log_cv_net(economy: Economy) -> float:
    """The same as a coefficient of variation, were output lognormal: CV² = exp(Var ln y) - 1."""
    before, after, _ = _pooled_moments(economy)
    return float(np.log(np.expm1(after) / np.expm1(before)) / 2)


def ability_gradient_net(economy: Economy) -> float:
    """Σ ω_z E_j Cov(ln y₁, ln y₀|z,j) over Σ ω_z Var(ln y₀|z), less 1: slope of the gain on output without AI."""
    before, _, both = _pooled_moments(economy)
    return both / before - 1


def delta_log_noise(economy: Economy) -> float:
    """Change of the log sd of single outputs around ability: the economy has no noise for AI to change."""
    del economy
    return 0.0


def delta_log_sd_logit(economy: Economy) -> float:
    """Change of the log sd of logits: that of log output, on which their slope is the same without AI and with it."""
    return delta_log_sd(economy)


def _pooled_moments(economy: Economy) -> tuple[float, float, float]:
    """Variance of log output before and after, and their covariance, over cells and firms."""
    before = after = both = 0.0
    for cells in exposed_cells(economy):
        weight = cells.grid.weight
        log_before, log_after = np.log(cells.human_output), np.log(cells.output_after())
        before += float(cells.cell_weight.sum()) * float(
            _covariance(log_before, log_before, weight)
        )
        after += float(cells.mean_over_cells(_covariance(log_after, log_after, weight)))
        both += float(cells.mean_over_cells(_covariance(log_after, log_before, weight)))
    return before, after, both


def _covariance(first: Array, second: Array, weight: Array) -> Array:
    """Covariance over the last axis."""
    deviation = second - (second @ weight)[..., None]
    return np.asarray((first * deviation) @ weight)


TRUTHS: Mapping[str, Callable[[Economy], float]] = MappingProxyType(
    {
        "delta_log_sd": delta_log_sd,
        "delta_log_cv_net": delta_log_cv_net,
        "ability_gradient_net": ability_gradient_net,
        "delta_log_noise": delta_log_noise,
        "delta_log_sd_logit": delta_log_sd_logit,
    }
)
"""Estimands by the name of their term."""
