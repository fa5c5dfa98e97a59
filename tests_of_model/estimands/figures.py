"""Figures of an economy, by name: truths of the hypotheses, inequality and prices."""

from collections.abc import Callable

import numpy as np

from withintask.sim.economy import Economy
from withintask.tests_of_model.estimands import between, compression, credentials, returns


def delta_gini_income(economy: Economy) -> float:
    """ΔGini of income, eq. (10)."""
    return economy.delta_gini_income


def delta_gini_pay(economy: Economy) -> float:
    """ΔGini of pay, eq. (10)."""
    return economy.delta_gini_pay


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
    "delta_log_cv": compression.delta_log_cv,
    "ability_gradient": compression.ability_gradient,
    "delta_return_cog": returns.delta_return_cog,
    "delta_return_soc": returns.delta_return_soc,
    "delta_log_return_cog": returns.delta_log_return_cog,
    "delta_log_return_soc": returns.delta_log_return_soc,
    "delta_credential": credentials.delta_credential,
    "delta_between_variance": between.delta_between_variance,
    "delta_within_variance": between.delta_within_variance,
    "delta_between_share": between.delta_between_share,
    "between_variance_contrast": between.between_variance_contrast,
    "log_ratio_contrast": between.log_ratio_contrast,
    "delta_gini_income": delta_gini_income,
    "delta_gini_pay": delta_gini_pay,
    "delta_profit_share": lambda economy: economy.after.profit_share - economy.before.profit_share,
    "exposed_price_log": exposed_price_log,
    "delta_exposed_expenditure": delta_exposed_expenditure,
}
"""Figures that a sweep can report, functions of an economy."""
