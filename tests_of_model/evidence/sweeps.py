"""What happens to signs as one parameter moves: sweeps, and the boundary between regimes."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.sim.economy import Economy, solve_economy
from withintask.sim.params import Params, vary
from withintask.sim.regime import PROPRIETARY_SHARE, boundary, change_axis, regime
from withintask.tests_of_model.hypotheses import (
    h1_compression,
    h2_returns,
    h3_credentials,
    h4_between,
)

N_WORKERS = 2**14
"""Points of the population in sweeps; quadrature error of ΔGini there is about 1e-5."""


def exposed_price_log(economy: Economy) -> float:
    """Mean log price of the exposed tasks after AI."""
    exposed = economy.population.exposure > 0
    return float(np.log(economy.after.task_price[exposed]).mean())


def delta_exposed_expenditure(economy: Economy) -> float:
    """Change of the exposed tasks' share in expenditure, Σ p r s over exposed tasks, eq. (3)."""
    exposed = economy.population.exposure > 0
    skill = economy.population.workers.human_capital_mean[economy.population.task_skill]
    share = np.broadcast_to(skill, exposed.shape) / np.broadcast_to(skill, exposed.shape).sum()
    after = share * economy.after.task_price * economy.after.output_ratio
    return float(after[exposed].sum() / after.sum() - share[exposed].sum())


FIGURES: dict[str, Callable[[Economy], float]] = {
    "delta_log_cv": h1_compression.delta_log_cv,
    "ability_gradient": h1_compression.ability_gradient,
    "delta_return_cog": h2_returns.delta_return_cog,
    "delta_return_soc": h2_returns.delta_return_soc,
    "delta_log_return_cog": h2_returns.delta_log_return_cog,
    "delta_log_return_soc": h2_returns.delta_log_return_soc,
    "delta_credential": h3_credentials.delta_credential,
    "delta_between_variance": h4_between.delta_between_variance,
    "delta_within_variance": h4_between.delta_within_variance,
    "delta_between_share": h4_between.delta_between_share,
    "between_variance_contrast": h4_between.between_variance_contrast,
    "log_ratio_contrast": h4_between.log_ratio_contrast,
    "delta_gini_income": lambda economy: economy.delta_gini_income,
    "delta_gini_pay": lambda economy: economy.delta_gini_pay,
    "delta_profit_share": lambda economy: economy.after.profit_share - economy.before.profit_share,
    "exposed_price_log": exposed_price_log,
    "delta_exposed_expenditure": delta_exposed_expenditure,
}
"""Figures that a sweep can report, functions of an economy."""


def sweep(
    params: Params,
    changes: Sequence[dict[str, float]],
    figures: Sequence[str],
    *,
    n_workers: int = N_WORKERS,
) -> pl.DataFrame:
    """Solve the economy at several parameter values.

    Parameters
    ----------
    params
        The others.
    changes
        Parameters to change, one dictionary a row.
    figures
        Keys of FIGURES.

    Returns
    -------
    polars.DataFrame
        The changed parameters and the figures, one row each.
    """
    rows = []
    for change in changes:
        economy = solve_economy(vary(params, **change), n_workers=n_workers)
        rows.append({**change, **{name: float(FIGURES[name](economy)) for name in figures}})
    return pl.DataFrame(rows)


def structure(params: Params, proprietary_share: float) -> Params:
    """Move AI between commodity and proprietary, η0 + η1 fixed."""
    return change_axis(params, PROPRIETARY_SHARE, proprietary_share)


def structure_boundary(params: Params, *, n_workers: int = N_WORKERS) -> float:
    """Share η1/(η0+η1) at which ΔGini of income is zero; NaN if its sign is the same at 0 and at 1.

    Parameters
    ----------
    params
        Parameters; η0 + η1 stays what it is.
    """
    ends = [regime(structure(params, s), n_workers=n_workers).delta_gini_income for s in (0.0, 1.0)]
    if ends[0] * ends[1] >= 0:
        return float("nan")
    return boundary(params, along=PROPRIETARY_SHARE, bracket=(0.0, 1.0), n_workers=n_workers)


def crossings(x: Array, y: Array) -> list[float]:
    """Values of x at which y, piecewise linear, changes sign."""
    between = np.flatnonzero(np.sign(y[:-1]) * np.sign(y[1:]) < 0)
    at = 1 + np.flatnonzero((y[1:-1] == 0) & (y[:-2] * y[2:] < 0))
    inside = [float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k])) for k in between]
    return sorted([*inside, *(float(x[k]) for k in at)])
