"""Truths of H2: how returns to the two kinds of education change."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from withintask.panel.arrays import Array
from withintask.sim.economy import Economy, State, human_pay_by_occupation, skill_values
from withintask.sim.params import Params
from withintask.tests_of_model.estimands.truth import Estimand


def scope(params: Params) -> bool:
    """The paper makes the claim for σ > 1; whether σ matters is for the economy to say."""
    return params.substitution > 1


def delta_return_cog(economy: Economy) -> float:
    """Δb_C: change in the coefficient on e_C of w/v̄ on (1, e_C, e_S, ln θ), incumbents."""
    return float(_change(economy, _level_returns).mean(axis=0)[1])


def delta_return_soc(economy: Economy) -> float:
    """Δb_S: the same for e_S."""
    return float(_change(economy, _level_returns).mean(axis=0)[2])


def delta_return_gap(economy: Economy) -> float:
    """Δb_C - Δb_S, the moment m3."""
    change = _change(economy, _level_returns).mean(axis=0)
    return float(change[1] - change[2])


def delta_log_return_cog(economy: Economy) -> float:
    """Δb_C with ln w in place of w/v̄."""
    return float(_change(economy, _log_returns).mean(axis=0)[1])


def delta_log_return_soc(economy: Economy) -> float:
    """Δb_S with ln w in place of w/v̄."""
    return float(_change(economy, _log_returns).mean(axis=0)[2])


def delta_log_return_gap(economy: Economy) -> float:
    """Δb_C - Δb_S with ln w in place of w/v̄."""
    change = _change(economy, _log_returns).mean(axis=0)
    return float(change[1] - change[2])


def delta_log_return_cog_by_exposure(economy: Economy) -> float:
    """Slope of the log return's change on the occupation's exposure, e_C."""
    return _slope_on_exposure(economy, 1)


def delta_log_return_soc_by_exposure(economy: Economy) -> float:
    """Slope of the log return's change on the occupation's exposure, e_S."""
    return _slope_on_exposure(economy, 2)


def _slope_on_exposure(economy: Economy, place: int) -> float:
    change = _change(economy, _log_returns)[:, place]
    exposure = economy.population.exposure.mean(axis=1)
    return float(np.polyfit(exposure, change, 1)[0])


def _change(economy: Economy, returns: Callable[[Economy, State], Array]) -> Array:
    """Change of the four coefficients in every occupation, (occupation, coefficient)."""
    return returns(economy, economy.after) - returns(economy, economy.before)


def _level_returns(economy: Economy, state: State) -> Array:
    """Coefficients of w/v̄ in each occupation; pay is linear in human capital and response, firms are averaged."""
    workers, params = economy.population.workers, economy.params
    outcomes = np.column_stack([workers.human_capital, economy.population.response])
    by_skill = _project(economy, outcomes)
    values = np.column_stack(skill_values(params, economy.population, state))
    premium = float(np.sum(state.firm_weight * state.premium))
    return np.asarray(values @ by_skill.T * premium / economy.before.human_pay_mean)


def _log_returns(economy: Economy, state: State) -> Array:
    """Coefficients of ln w in each occupation; the firm's log premium is independent of the worker."""
    pay = human_pay_by_occupation(economy, state)
    return _project(economy, np.log(pay)).T


def _project(economy: Economy, outcomes: Array) -> Array:
    """Coefficients of outcomes (worker, outcome) on (1, e_C, e_S, ln θ), (coefficient, outcome)."""
    workers = economy.population.workers
    X = np.column_stack([np.ones(workers.ability.size), workers.education, workers.log_ability])
    return np.asarray(np.linalg.solve(X.T @ X, X.T @ outcomes))


TRUTHS: Mapping[str, Estimand] = MappingProxyType(
    {
        "delta_return_cog": delta_return_cog,
        "delta_return_soc": delta_return_soc,
        "delta_return_gap": delta_return_gap,
        "delta_log_return_cog": delta_log_return_cog,
        "delta_log_return_soc": delta_log_return_soc,
        "delta_log_return_gap": delta_log_return_gap,
        "delta_log_return_cog_by_exposure": delta_log_return_cog_by_exposure,
        "delta_log_return_soc_by_exposure": delta_log_return_soc_by_exposure,
    }
)
"""Estimands by the name of their term."""
