"""Who is in a panel: firms, occupations, tasks and workers, drawn from the economy."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from withintask.panel.arrays import Array, Codes, Flags
from withintask.sim import equations as eq
from withintask.sim.design import Design
from withintask.sim.economy import Economy, asset_factor
from withintask.sim.inequality import lognormal_log_sd
from withintask.sim.population import skill_response


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """Firms, occupations and tasks of one panel; the same for all its workers."""

    firm_log_assets: Array
    """ln K, (firm,)."""
    asset_factor: Array
    """κ, (firm,)."""
    firm_score: Array
    """Standardized log assets, (firm,)."""
    industry: Codes
    """Kind of industry, (firm,)."""
    firm_premium: Array
    """Log pay premium unrelated to AI, (firm,)."""
    adoption_delay: Codes
    """Periods from AI's arrival to the firm's adoption, (firm,)."""
    is_firm_treated: Flags
    """Whether the firm is in the treated arm, where firms are randomized as one; true of all elsewhere, (firm,)."""
    firm_shock: Array
    """Log change of output and pay after AI's arrival, unrelated to it, (firm,)."""
    occupation_effect: Array
    """Standardized effect of mean zero, (occupation,)."""
    occupation_type: Codes
    """Occupation of the economy of which each of the panel's is an instance, (occupation,)."""
    task_exposure: Array
    """x(z) of the panel's tasks, (set, task): one set a panel's occupation, or one for all workers."""
    task_skill: Codes
    """Skill type of the panel's tasks, (set, task)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Workers of one panel or of one chunk of it."""

    worker: Codes
    """Number of the worker in the whole panel, (worker,)."""
    firm: Codes
    """Firm at the start, (worker,)."""
    occupation: Codes
    """Occupation of the panel, (worker,)."""
    ability_score: Array
    """Standardized log ability, (worker, draw): one draw, or one a cross-section."""
    log_ability: Array
    """ln θ, (worker, draw)."""
    education: Array
    """e_C and e_S, years, (worker, draw, skill)."""
    human_capital: Array
    """h_C and h_S, (worker, draw, skill)."""
    response: Array
    """Output per unit of m by skill type, (worker, draw, skill)."""
    is_treated: Flags
    """Whether the worker gets, or chooses, AI once it is there, (worker, draw)."""


def draw_setting(economy: Economy, design: Design, draws: Mapping[str, Array]) -> Setting:
    """Draw the firms, occupations and tasks of a panel.

    Parameters
    ----------
    economy
        The solved economy.
    design
        Sizes and nuisances.
    draws
        Shocks of firms, occupations and tasks (``shocks.common_shapes``).

    Returns
    -------
    Setting
        Firms are worker-weighted draws from the economy's firms; occupations and tasks are instances of
        the economy's.
    """
    params, population = economy.params, economy.population
    log_sd = lognormal_log_sd(params.asset_gini)
    occupation_type = _draw_occupations(economy, draws["occupation"])
    exposure, skill = _draw_tasks(economy, design, occupation_type, draws["cell"])
    return Setting(
        firm_log_assets=log_sd * draws["assets"],
        asset_factor=asset_factor(
            params, log_sd * draws["assets"], log_sd * population.firm_score, population.firm_weight
        ),
        firm_score=draws["assets"],
        industry=_industries(
            design.n_firms, population.industries.proprietary.size, float(draws["industry"][0])
        ),
        firm_premium=design.firm_premium_sd * draws["firm_premium"] - design.firm_premium_sd**2 / 2,
        adoption_delay=_adoption_delay(design, draws),
        is_firm_treated=_draw_treated_firms(design, draws),
        firm_shock=_firm_shock(design, draws),
        occupation_effect=draws.get("occupation_effect", np.zeros(design.n_occupations)),
        occupation_type=occupation_type,
        task_exposure=exposure,
        task_skill=skill,
    )


def draw_sample(
    economy: Economy,
    design: Design,
    setting: Setting,
    draws: Mapping[str, Array],
    first_worker: int = 0,
) -> Sample:
    """Draw workers: ability, education, human capital, and who is treated.

    Parameters
    ----------
    economy, design, setting
        What they are drawn from.
    draws
        Shocks of workers (``shocks.worker_shapes``); the first axis gives their number.
    first_worker
        Number of the first worker, for a chunk of a larger panel.

    Notes
    -----
    Equations (1) and (8) for incumbents. Firms are blocks of consecutive workers.
    """
    worker = np.arange(first_worker, first_worker + draws["ability"].shape[0])
    firm = worker_firm(worker, design.n_firms, design.n_workers)
    score = eq.correlated(
        design.ability_sorting, setting.firm_score[firm][:, None], draws["ability"]
    )
    skills = skills_at(economy, score, draws["taste"])
    return Sample(
        worker=worker,
        firm=firm,
        occupation=worker_occupation(
            worker, firm, design.n_occupations, design.n_occupations_by_firm
        ),
        ability_score=score,
        log_ability=skills.log_ability,
        education=skills.education,
        human_capital=skills.human_capital,
        response=skills.response,
        is_treated=_draw_treated(design, setting, worker, firm, score, draws),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Skills:
    """What follows from ability and tastes, as in :class:`Sample`."""

    log_ability: Array
    education: Array
    human_capital: Array
    response: Array


def skills_at(economy: Economy, ability_score: Array, taste: Array) -> Skills:
    """Return ability, education and skill, eq. (1) and (8), of scores (worker, draw) and tastes (worker, draw, skill)."""
    params = economy.params
    log_ability = params.ability_sd * ability_score - params.ability_sd**2 / 2
    education = eq.incumbent_education(
        ability_score[:, :, None],
        taste,
        params.educ_mean,
        params.educ_ability_slope,
        params.educ_taste_sd,
    )
    skill = eq.human_capital(np.exp(log_ability)[:, :, None], education, params.return_per_year)
    return Skills(
        log_ability=log_ability,
        education=education,
        human_capital=skill,
        response=skill_response(params, skill, economy.population.workers.human_capital_mean),
    )


def _draw_occupations(economy: Economy, uniform: Array) -> Codes:
    """Instances of the economy's occupations, unexposed ones in their population share."""
    is_reached = (economy.population.exposure > 0).any(axis=1)
    exposed, unexposed = np.flatnonzero(is_reached), np.flatnonzero(~is_reached)
    n = uniform.size
    n_unexposed = round(n * unexposed.size / (exposed.size + unexposed.size))
    is_exposed = np.arange(n) >= n_unexposed
    kinds = [exposed if flag or unexposed.size == 0 else unexposed for flag in is_exposed]
    return np.array(
        [kind[int(u * kind.size)] for kind, u in zip(kinds, uniform, strict=True)], dtype=np.int64
    )


def _draw_tasks(
    economy: Economy, design: Design, occupation_type: Codes, uniform: Array
) -> tuple[Array, Codes]:
    exposure, skill = economy.population.exposure, economy.population.task_skill
    if design.task_sampling == "occupations":
        shape = (occupation_type.size, design.n_tasks)
        return exposure[occupation_type, : design.n_tasks], np.broadcast_to(
            skill[: design.n_tasks], shape
        )
    exposed, unexposed = np.argwhere(exposure > 0), np.argwhere(exposure == 0)
    picked = [
        kind[(u * len(kind)).astype(np.int64)]
        for kind, u in (
            (exposed, uniform[: design.n_tasks]),
            (unexposed, uniform[design.n_tasks :]),
        )
    ]
    cells = np.concatenate(picked)
    return exposure[cells[:, 0], cells[:, 1]][None, :], skill[cells[:, 1]][None, :]


def _adoption_delay(design: Design, draws: Mapping[str, Array]) -> Codes:
    """Periods after AI's arrival at which firms adopt: equal cohorts, the last one never inside the panel."""
    if not design.treatment.startswith("staggered"):
        return np.zeros(design.n_firms, dtype=np.int64)
    order = -draws["assets"] if design.treatment == "staggered_opposed" else draws["adoption"]
    rank = np.argsort(np.argsort(order, kind="stable"), kind="stable")
    return rank * (design.n_post + 1) // design.n_firms


def _industries(n_firms: int, n_kinds: int, draw: float) -> Codes:
    """Kinds of industry in turn; from a random one on where they do not go up, so that none is left out always."""
    start = int(draw * n_kinds) if n_firms % n_kinds else 0
    return (np.arange(n_firms) + start) % n_kinds


def worker_firm(worker: Codes, n_firms: int, n_workers: int) -> Codes:
    """Firm of each worker at the start: blocks of consecutive workers, of near-equal size."""
    return worker * n_firms // n_workers


def worker_occupation(worker: Codes, firm: Codes, n_occupations: int, n_by_firm: int) -> Codes:
    """Occupations of a firm are a run of consecutive ones; its workers take them in turn."""
    if n_occupations == 0:
        return np.zeros(worker.size, dtype=np.int64)
    return (firm * n_by_firm + worker % n_by_firm) % n_occupations


def _draw_treated(
    design: Design,
    setting: Setting,
    worker: Codes,
    firm: Codes,
    ability_score: Array,
    draws: Mapping[str, Array],
) -> Flags:
    if design.treatment == "self_selected":
        wish = eq.correlated(design.ability_selection, ability_score, draws["use_taste"][:, None])
        return np.asarray(wish > -ndtri(design.treated_share))
    if design.treatment == "randomized":
        rank = _rank_within(
            worker_team(worker, firm, design.n_occupations_by_firm), draws["access_rank"]
        )
        return np.broadcast_to((rank < design.treated_share)[:, None], ability_score.shape)
    return np.broadcast_to(setting.is_firm_treated[firm][:, None], ability_score.shape)


def _draw_treated_firms(design: Design, draws: Mapping[str, Array]) -> Flags:
    if design.treatment != "randomized_firms":
        return np.ones(design.n_firms, dtype=np.bool_)
    rank = _rank_within(np.zeros(design.n_firms, dtype=np.int64), draws["adoption"])
    return np.asarray(rank < design.treated_share)


def _firm_shock(design: Design, draws: Mapping[str, Array]) -> Array:
    if not design.firm_shock_sd:
        return np.zeros(design.n_firms)
    draw = eq.correlated(design.firm_shock_assets, draws["assets"], draws["firm_shock"])
    return eq.lognormal_log(design.firm_shock_sd, draw)


def worker_team(worker: Codes, firm: Codes, n_by_firm: int) -> Codes:
    """Team of each worker: those of one firm and occupation, numbered over the panel."""
    return firm * n_by_firm + worker % n_by_firm


def _rank_within(team: Codes, uniform: Array) -> Array:
    """Rank of a worker's draw among those of the team, as a share in (0, 1)."""
    order = np.lexsort((uniform, team))
    count = np.bincount(team - team.min())
    start, size = np.repeat(np.cumsum(count) - count, count), np.repeat(count, count)
    rank = np.empty(team.size)
    rank[order] = (np.arange(team.size) - start + 1 / 2) / size
    return rank
