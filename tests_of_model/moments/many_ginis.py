"""Changes of the Ginis at many parameter values at once: the economy's incomes without the rest of the economy.

Same equations and points as :func:`withintask.sim.economy.solve_economy` with uncut tails, worked on for many draws together;
tests hold both against each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import ParameterError
from withintask.sim import equations as eq
from withintask.sim.params import Params, vary
from withintask.sim.population import draw_population
from withintask.tests_of_model.moments.reduced import (
    draws_in_chunks,
    fail_if_not_alike,
    fail_if_not_moved,
    log_asset_factor,
)

_N_CHUNK = 2**5
"""Draws worked on at a time, so that arrays stay in the cache."""
_UNEQUAL = 0.5
"""Gini of ownership at which owners are put in order; any but 0 serves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Points:
    """What is the same at every draw."""

    base: Params
    skill: Array
    """h of both types, (skill, worker)."""
    relative: Array
    """h/h̄ of the cognitive type, (worker,)."""
    occupation: Codes
    """(worker,)."""
    asset_score: Array
    """(worker,)."""
    firm_score: Array
    """(firm,)."""
    firm_weight: Array
    """(firm,)."""
    edge: Array
    """Normal scores of the ends of equal parts of the owners, (part + 1,)."""
    part: Codes
    """Part of each owner, (worker,)."""
    exposure: Array
    """x of the cognitive tasks, (occupation, task)."""
    n_social: int
    """Social tasks of an occupation."""
    rank: Array
    """2i - n - 1 over n for i = 1 to n, (worker,)."""


def many_ginis(
    base: Params, names: Sequence[str], values: Array, *, n_workers: int, scramble: int = 0
) -> Array:
    """Return ΔGini of income and of pay at every row of parameter values, tails uncut.

    Parameters
    ----------
    base
        Values of all other parameters.
    names
        Parameters that differ, among MOVES.
    values
        Their values, (draw, parameter).
    n_workers
        Points of the population, a power of two.
    scramble
        Seed of the points.

    Returns
    -------
    array (draw, 2)

    Raises
    ------
    ParameterError
        If a parameter is not among MOVES, industries differ, or capability does not reach every task.
    """
    fail_if_not_moved(names, "changes of the Ginis")
    points = _points(base, n_workers, scramble)
    parts = [_changes(points, given) for given in draws_in_chunks(base, names, values, _N_CHUNK)]
    return np.vstack(parts) if parts else np.empty((0, 2))


@lru_cache(maxsize=16)
def _points(base: Params, n_workers: int, scramble: int) -> _Points:
    fail_if_not_alike(base)
    unequal = vary(base, own_gini=_UNEQUAL)
    population = draw_population(unequal, n_workers=n_workers, scramble=scramble, is_cut=False)
    is_social = population.task_skill == 1
    if (population.exposure[:, is_social] > 0).any():
        raise ParameterError("changes of the Ginis: exposed social tasks, expected none")
    skill = population.workers.human_capital.T
    return _Points(
        base=base,
        skill=np.ascontiguousarray(skill),
        relative=skill[0] / skill[0].mean(),
        occupation=population.occupation,
        asset_score=population.asset_score,
        firm_score=population.firm_score,
        firm_weight=population.firm_weight,
        edge=ndtri(np.arange(n_workers + 1) / n_workers),
        part=np.argsort(np.argsort(population.ownership)),
        exposure=population.exposure[:, ~is_social],
        n_social=int(is_social.sum()),
        rank=(2 * np.arange(1, n_workers + 1) - n_workers - 1) / n_workers,
    )


def _changes(points: _Points, p: dict[str, Array]) -> Array:
    """ΔGini of income and of pay, (draw, 2)."""
    share, power = p["ai_multiplicative"][:, None], 1 - p["task_substitution"][:, None]
    response = share * points.relative + (1 - share) * points.relative**power
    log_factor = log_asset_factor(p["capital_intensity"], p["asset_gini"])
    factor = np.exp(log_factor[:, None] * points.asset_score)
    nodes = np.exp(log_factor[:, None] * points.firm_score)
    mean = nodes @ points.firm_weight[:, None]
    factor, nodes = factor / mean, nodes / mean
    owned = _ownership(points, p["own_gini"])
    after, before = (
        _state(points, p, capability, (response, factor, nodes))
        for capability in (points.base.capability, 0.0)
    )
    columns = [
        _gini(points, new) - _gini(points, old)
        for new, old in (
            (
                after.pay + owned * after.profit[:, None],
                before.pay + owned * before.profit[:, None],
            ),
            (after.pay, before.pay),
        )
    ]
    return np.column_stack(columns)


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    pay: Array
    """(draw, worker)."""
    profit: Array
    """Mean profit, (draw,)."""


def _state(
    points: _Points, p: dict[str, Array], capability: float, at: tuple[Array, Array, Array]
) -> _State:
    """Pay and mean profit at one capability, eq. (3) to (5)."""
    response, factor, nodes = at
    phi, (h_cog, h_soc) = points.base.task_productivity, points.skill.mean(axis=1)
    n_occupations, n_cog = points.exposure.shape
    n_tasks = n_cog + points.n_social
    gain = (p["ai_floor"] * response.mean(axis=1))[:, None, None] * points.exposure
    deployed = capability * (p["commodity"] + p["proprietary"])
    ratio = 1 + deployed[:, None, None] * gain / (phi * h_cog)
    v_bar = phi * (n_cog * h_cog + points.n_social * h_soc) / n_tasks
    price, other = _prices(
        p["substitution"], ratio, phi * h_cog / (v_bar * n_tasks * n_occupations)
    )
    floor = (price * points.exposure).sum(axis=2) * (
        p["ai_floor"] * p["commodity"] * capability / n_tasks
    )[:, None]
    of_cog, of_soc = phi * price.sum(axis=2) / n_tasks, phi * other * points.n_social / n_tasks
    human_mean = (
        of_cog.mean(axis=1) * h_cog + of_soc * h_soc + floor.mean(axis=1) * response.mean(axis=1)
    )
    human = (
        of_cog[:, points.occupation] * points.skill[0]
        + of_soc[:, None] * points.skill[1]
        + floor[:, points.occupation] * response
    )
    gain_value = (price * gain).sum(axis=(1, 2)) / (n_tasks * n_occupations)
    rent = p["base_rent"] * v_bar + capability * p["proprietary"] * gain_value
    by_factor, sharing = (rent / human_mean)[:, None], p["rent_sharing"][:, None]
    premium = eq.rent_premium(factor * by_factor, 1.0, sharing)
    kept = eq.profit(
        nodes * rent[:, None], human_mean[:, None], eq.rent_premium(nodes * by_factor, 1.0, sharing)
    )
    return _State(pay=human * premium, profit=kept @ points.firm_weight)


def _prices(substitution: Array, ratio: Array, share: float) -> tuple[Array, Array]:
    """Prices of cognitive tasks (draw, occupation, task), each with this share of spending, and of the others (draw,), eq. (3)."""
    rest = 1 - share * ratio[0].size
    final = np.array(
        [
            eq.final_output_ratio(
                np.append(np.full(r.size, share), rest), np.append(r, 1.0), float(sigma)
            )
            for r, sigma in zip(ratio, substitution, strict=True)
        ]
    )
    power = 1 / substitution
    return (final[:, None, None] / ratio) ** power[:, None, None], final**power


def _ownership(points: _Points, own_gini: Array) -> Array:
    """ω of every owner, the mean of his part of the distribution, (draw, worker)."""
    log_sd = np.sqrt(2) * ndtri((1 + own_gini) / 2)
    share = np.diff(ndtr(points.edge - log_sd[:, None]), axis=1)
    return np.asarray(points.part.size * share[:, points.part])


def _gini(points: _Points, values: Array) -> Array:
    """Gini coefficients of rows, (draw,)."""
    return np.asarray(np.sort(values, axis=1) @ points.rank / values.sum(axis=1))
