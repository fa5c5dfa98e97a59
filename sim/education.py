"""Entrants' education: both types chosen jointly against the pay of their occupation, equation (8)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import ConvergenceError, ParameterError
from withintask.sim import equations as eq
from withintask.sim.economy import Economy, State, skill_values
from withintask.sim.params import Params
from withintask.sim.population import SKILLS, Population, skill_response

_TOLERANCE = 1e-12
"""Years; the map is a contraction, so the last step bounds the distance to the optimum."""
_MOST_STEPS = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class EntrantEducation:
    """What entrants choose at one state of the economy."""

    ability: Array
    """θ of the entrants, truncated, (worker,)."""
    taste: Array
    """ζ of the entrants, truncated, (worker, skill)."""
    education: Array
    """e_C and e_S, years, (worker, skill)."""
    pay_elasticity: Array
    """∂ ln hc/∂ ln h_k at the optimum, (worker, skill)."""

    @property
    def education_mean(self) -> Array:
        """Mean years of each type, (skill,)."""
        return np.asarray(self.education.mean(axis=0))


def entrant_education(economy: Economy, state: State) -> EntrantEducation:
    """Solve the entrants' problem in both types of education at once.

    Parameters
    ----------
    economy
        A solved economy; entrants are its population with ability and tastes truncated at
        ``educ_taste_bound`` standard deviations, each bound for the occupation of the point.
    state
        Prices and commodity AI that they expect, for instance ``economy.before`` or ``economy.after``.

    Returns
    -------
    EntrantEducation
        The unique interior optimum.

    Raises
    ------
    ParameterError
        If the cost is too low for the problem to be concave.
    ConvergenceError
        If the iteration does not settle.

    Notes
    -----
    Equation (8): maximize ``E_j[ln pay] - Σ_k c e_k² exp(-ζ_k)/(2θ^ν)``. The firm's premium is independent
    of the worker, so it drops out, and the first-order condition is ``e_k = r ε_k(e) θ^ν e^ζ / c`` with
    ``ε_k = ∂ ln hc/∂ ln h_k``. Where ``c > bound·max θ^ν e^ζ`` its right side is a contraction.
    """
    params, population = economy.params, economy.population
    ability, taste = _truncated(params, population)
    _fail_if_not_concave(params, ability, taste)
    values = _Values(economy, state)
    education = np.zeros_like(taste)
    for _ in range(_MOST_STEPS):
        elasticity = values.pay_elasticity(ability, education)
        chosen = eq.chosen_education(
            elasticity,
            ability[:, None],
            taste,
            params.return_per_year,
            params.educ_cost,
            params.educ_cost_ability,
        )
        step = float(np.max(np.abs(chosen - education)))
        education = chosen
        if step < _TOLERANCE:
            return EntrantEducation(
                ability=ability, taste=taste, education=education, pay_elasticity=elasticity
            )
    raise ConvergenceError(
        f"entrant_education: {_MOST_STEPS} steps, last change {step:.3g} years, expected less than {_TOLERANCE:g}; "
        "raise educ_cost or lower educ_taste_bound"
    )


def curvature_bound(params: Params) -> float:
    """Largest curvature of log pay in education, r²/2 for ρ ≥ 0, eq. (8).

    Log pay is the logarithm of a sum of exponentials of education with slopes r, r(1-ρ) or 0 in either
    type, so its curvature is at most a quarter of the largest squared distance between two slopes.
    """
    steepest = max(1.0, 1 - params.task_substitution)
    return params.return_per_year**2 * (1 + steepest**2) / 2**2


class _Values:
    """Log pay's slope in log human capital, at the values of an economy's state."""

    def __init__(self, economy: Economy, state: State) -> None:
        human, floor = skill_values(economy.params, economy.population, state)
        of_entrant = economy.population.occupation
        self._params = economy.params
        self._human, self._floor = human[of_entrant], floor[of_entrant]
        self._mean = economy.population.workers.human_capital_mean

    def pay_elasticity(self, ability: Array, education: Array) -> Array:
        """Return ε_k, (worker, skill)."""
        p = self._params
        skill = eq.human_capital(ability[:, None], education, p.return_per_year)
        proportional = skill * self._human
        relative = skill / self._mean
        response = skill_response(p, skill, self._mean)
        slope = eq.output_elasticity(
            proportional, self._floor, relative, p.ai_multiplicative, p.task_substitution
        )
        pay = proportional + self._floor * response
        return np.asarray(slope * pay / pay.sum(axis=1, keepdims=True))


def _truncated(params: Params, population: Population) -> tuple[Array, Array]:
    """Ability and tastes of the population's points, as truncated normals."""
    bound = params.educ_taste_bound
    low, high = ndtr(-bound), ndtr(bound)

    def truncate(score: Array) -> Array:
        return np.asarray(ndtri(low + (high - low) * ndtr(score)))

    log_ability = population.workers.log_ability
    score = (log_ability - log_ability.mean()) / params.ability_sd
    ability = np.exp(params.ability_sd * truncate(score) - params.ability_sd**2 / 2)
    return ability, truncate(population.workers.taste)


def _fail_if_not_concave(params: Params, ability: Array, taste: Array) -> None:
    ease = float(np.max(ability[:, None] ** params.educ_cost_ability * np.exp(taste)))
    needed = curvature_bound(params) * ease
    if params.educ_cost <= needed:
        raise ParameterError(
            f"educ_cost = {params.educ_cost}: expected more than {needed:.4g}, so that entrants have one optimum "
            f"in {' and '.join(SKILLS)} education; raise it or lower educ_taste_bound = {params.educ_taste_bound}"
        )
