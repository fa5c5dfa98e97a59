"""Truths that other data than a panel of tasks could show: ownership, firm effects, profits, likeness of tasks, pay."""

import numpy as np

from withintask.panel.arrays import Array
from withintask.sim.cells import SkillCells, exposed_cells
from withintask.sim.economy import Economy


def ownership_gini(economy: Economy) -> float:
    """Gini of the shares of persons in profits, eq. (6); of the distribution, not of its points."""
    return economy.params.own_gini


def firm_share_before(economy: Economy) -> float:
    """Share of the variance of log pay that lies between firms before AI, V_b/(V_b + V_w)."""
    return economy.before.between_share


def profit_share_before(economy: Economy) -> float:
    """Profit as a share of income before AI, eq. (5) and (6)."""
    return economy.before.profit_share


def log_pay_growth(economy: Economy) -> float:
    """Log change of mean pay in units of final output."""
    return float(np.log(economy.after.pay_mean / economy.before.pay_mean))


def task_correlation_ratio(economy: Economy) -> float:
    """Correlation of work samples on two like tasks, the second with AI, over the same correlation without AI.

    Notes
    -----
    Log quality is log output plus noise of standard deviation σ_q (eq. 9), independent over tasks, with the
    same spread with AI. In an exposed cell z and firm j ``corr(ln y₀ + e, ln y₁ + e')`` over
    ``Var(ln y₀)/(Var(ln y₀) + σ_q²)``, mean over cells (ω_z) and firms. Noy and Zhang (2023) compare these two.
    """
    noise = economy.params.work_sample_noise**2
    return float(sum(_ratio(cells, noise) for cells in exposed_cells(economy)))


def _ratio(cells: SkillCells, noise: float) -> float:
    weight = cells.grid.weight
    before, after = _deviation(cells.human_output, weight), _deviation(cells.output_after(), weight)
    variance_before, variance_after = before**2 @ weight, after**2 @ weight
    cross = (after * before @ weight) / np.sqrt(
        (variance_before + noise) * (variance_after + noise)
    )
    alike = variance_before / (variance_before + noise)
    return float(np.sum(cells.mean_over_cells(cross / alike)))


def _deviation(output: Array, weight: Array) -> Array:
    logs = np.log(output)
    return np.asarray(logs - (logs @ weight)[..., None])
