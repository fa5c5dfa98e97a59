"""When AI is there, for which firm, and which state the economy is in."""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.sim import equations as eq
from withintask.sim.design import Design
from withintask.sim.economy import Economy, State, solve_at
from withintask.sim.sample import Setting


@dataclass(frozen=True, kw_only=True, eq=False)
class Rollout:
    """When AI is there, for whom."""

    is_post: Flags
    """Periods after AI's arrival, (period,)."""
    firm_age: Array
    """Periods since the firm adopted, counted from 1; 0 before, (firm, period)."""
    firm_capability: Array
    """A_jt, (firm, period)."""


def roll_out(economy: Economy, design: Design, setting: Setting) -> Rollout:
    """Say which firm has which capability when, eq. (4).

    Periods after arrival are observed once AI is at its frontier; where adoption is staggered, a firm's
    capability follows the path of eq. (1) from its own adoption.
    """
    params, period = economy.params, np.arange(design.n_periods)
    age = np.maximum(period - design.n_pre - setting.adoption_delay[:, None] + 1, 0).astype(
        np.float64
    )
    if design.treatment.startswith("staggered"):
        frontier = eq.capability_path(age, params.capability, params.capability_rate)
    else:
        frontier = np.where(age > 0, params.capability, 0.0)
    proprietary = economy.population.industries.proprietary[setting.industry]
    deployed = eq.firm_capability(
        frontier, params.commodity, proprietary[:, None], setting.asset_factor[:, None]
    )
    return Rollout(is_post=period >= design.n_pre, firm_age=age, firm_capability=deployed)


def states_by_period(economy: Economy, design: Design) -> list[State]:
    """State of the economy in each period: before AI, then at its frontier or on its path."""
    if not design.treatment.startswith("staggered"):
        return [economy.before] * design.n_pre + [economy.after] * design.n_post
    params = economy.params
    path = eq.capability_path(
        np.arange(1, design.n_post + 1), params.capability, params.capability_rate
    )
    return [economy.before] * design.n_pre + [solve_at(economy, float(a)) for a in path]


def draw_of_period(design: Design) -> Codes:
    """Sample of workers that each period observes, (period,): always the first, or a new one each."""
    if design.is_repeated_cross_section:
        return np.arange(design.n_periods)
    return np.zeros(design.n_periods, dtype=np.int64)
