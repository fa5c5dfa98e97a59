"""The population of the economy: a fixed quasi-random quadrature over workers, owners and firms.

Workers' ability, tastes and occupation, the firm and industry they work in and the assets they own are
independent. So an expectation over one of them is taken exactly (firms by Gauss-Legendre nodes, occupations
and tasks by summation), and only distribution statistics such as the Gini use the joint points.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import ndtr, ndtri

from withintask.panel.arrays import Array, Codes
from withintask.sim import equations as eq
from withintask.sim.inequality import lognormal_log_sd
from withintask.sim.params import Params

SKILLS = ("cog", "soc")
"""Skill types, in the order of every skill axis."""

DIMENSIONS = ("ability", "taste_cog", "taste_soc", "assets", "ownership", "occupation", "industry")
_N_FIRM_NODES = 48
_N_SKILL_NODES = 32


_UNCUT = 1e-9
"""Tail beyond which even an uncut population ends; it holds no part of any mean that a float would show."""


@lru_cache(maxsize=8)
def _uniform_points(n_workers: int, scramble: int, tail: float) -> Array:
    from scipy.stats import qmc

    sampler = qmc.Sobol(d=len(DIMENSIONS), scramble=True, rng=np.random.default_rng(scramble))
    return np.clip(sampler.random(n_workers), tail, 1 - tail)


@lru_cache(maxsize=8)
def _scores(n_workers: int, scramble: int, tail: float) -> Array:
    return np.asarray(ndtri(_uniform_points(n_workers, scramble, tail)[:, :5]))


@lru_cache(maxsize=32)
def _firm_nodes(tail: float) -> tuple[Array, Array]:
    """Nodes and weights of a standard normal cut at its tails, like the points."""
    bound = float(ndtri(1 - tail))
    node, weight = np.polynomial.legendre.leggauss(_N_FIRM_NODES)
    score = bound * node
    mass = weight * np.exp(-(score**2) / 2)
    return score, mass / mass.sum()


@dataclass(frozen=True, kw_only=True, eq=False)
class Industries:
    """Kinds of industry, alike but for technology structure and rent sharing; equal shares."""

    proprietary: Array
    """η1 of each kind, (industry,)."""
    rent_sharing: Array
    """ξ of each kind, (industry,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SkillGrid:
    """Interpolatory quadrature over log human capital of one skill type.

    ``E[g(ln h) f(h)]`` is ``weight_g @ f(node)`` for any smooth f, where ``weight_g`` holds the means of
    g times the Lagrange basis over the population.
    """

    node: Array
    """Human capital at the Chebyshev nodes of its log, (node,)."""
    basis: Array
    """Lagrange basis at every worker's log human capital, (worker, node)."""

    @cached_property
    def weight(self) -> Array:
        """Weights of a plain mean over workers, (node,)."""
        return np.asarray(self.basis.mean(axis=0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Workers:
    """Who the workers are before AI."""

    ability: Array
    """θ, mean 1, (worker,)."""
    education: Array
    """e_C and e_S of incumbents, years, (worker, skill)."""
    taste: Array
    """ζ_C and ζ_S, standard normal, (worker, skill)."""
    human_capital: Array
    """h_C and h_S, (worker, skill)."""

    @cached_property
    def log_ability(self) -> Array:
        """Log ability, (worker,)."""
        return np.asarray(np.log(self.ability))

    @cached_property
    def human_capital_mean(self) -> Array:
        """h̄ of each skill type, (skill,)."""
        return np.asarray(self.human_capital.mean(axis=0))

    @cached_property
    def skill_grids(self) -> tuple[SkillGrid, ...]:
        """Quadrature over log human capital, one a skill type."""
        return tuple(_skill_grid(np.log(h)) for h in self.human_capital.T)


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Workers, owners and firms for given parameters; nothing here depends on AI's arrival."""

    workers: Workers
    """Ability, education and human capital."""
    ownership: Array
    """ω, mean 1, (worker,)."""
    asset_score: Array
    """Standardized log assets of the worker's firm, (worker,)."""
    firm_score: Array
    """Standardized log assets at the firm nodes, (firm,)."""
    firm_weight: Array
    """Worker weights of the firm nodes, (firm,)."""
    occupation: Codes
    """Occupation of the worker, (worker,)."""
    industry: Codes
    """Kind of industry of the worker's firm, (worker,)."""
    industries: Industries
    """What the kinds of industry are."""
    exposure: Array
    """x(z), 0 on soc tasks and in unexposed occupations, (occupation, task)."""
    task_skill: Codes
    """Skill type of each task: 0 cog, 1 soc, (task,)."""
    response: Array
    """Output per unit of AI, μ h/h̄ + (1-μ)(h/h̄)^(1-ρ), (worker, skill)."""


def draw_population(
    params: Params, *, n_workers: int = 2**15, scramble: int = 0, is_cut: bool = True
) -> Population:
    """Build the population on scrambled Sobol points.

    Parameters
    ----------
    params
        Parameters of the model.
    n_workers
        Number of points, a power of two.
    scramble
        Seed of the scrambling; vary it to measure quadrature error.
    is_cut
        Whether the normal scores end at their 1/(2n) tails. Uncut, firms' nodes reach to the tail and every owner
        has the mean of his n-th part of the ownership distribution, so that few points serve a heavy tail.

    Returns
    -------
    Population
        Equally weighted points; deterministic in its arguments.
    """
    tail = 1 / (2 * n_workers) if is_cut else _UNCUT
    uniform, score = (
        _uniform_points(n_workers, scramble, tail),
        _scores(n_workers, scramble, tail),
    )
    node_score, node_weight = _firm_nodes(tail)
    industries = industry_kinds(params)
    workers = _draw_workers(
        (n_workers, scramble, tail),
        params.ability_sd,
        params.return_per_year,
        (params.educ_mean, params.educ_ability_slope, params.educ_taste_sd),
    )
    return Population(
        workers=workers,
        ownership=_ownership(params.own_gini, score[:, 4], None if is_cut else uniform[:, 4]),
        asset_score=score[:, 3],
        firm_score=node_score,
        firm_weight=node_weight,
        occupation=(uniform[:, 5] * params.n_occupations).astype(np.int64),
        industry=(uniform[:, 6] * industries.proprietary.size).astype(np.int64),
        industries=industries,
        exposure=task_exposure(params),
        task_skill=(np.arange(params.n_tasks) >= params.n_cog_tasks).astype(np.int64),
        response=skill_response(params, workers.human_capital, workers.human_capital_mean),
    )


def skill_response(params: Params, skill: Array, skill_mean: Array | float) -> Array:
    """Output per unit of AI at given human capital, by the parameters' μ and ρ; the shape of skill."""
    return eq.skill_response(skill / skill_mean, params.ai_multiplicative, params.task_substitution)


def _ownership(own_gini: float, score: Array, uniform: Array | None) -> Array:
    """ω with mean 1, (worker,): at the points, or the mean of each point's n-th part of the distribution."""
    log_sd = lognormal_log_sd(own_gini)
    if uniform is None:
        values = np.exp(log_sd * score)
        return np.asarray(values / values.mean())
    edge = ndtri(np.arange(uniform.size + 1) / uniform.size)
    part = uniform.size * np.diff(ndtr(edge - log_sd))
    return np.asarray(part[(uniform * uniform.size).astype(np.int64)])


@lru_cache(maxsize=8)
def _draw_workers(
    points: tuple[int, int, float],
    ability_sd: float,
    return_per_year: float,
    schooling: tuple[float, float, float],
) -> Workers:
    score = _scores(*points)
    ability = np.exp(ability_sd * score[:, 0])
    ability = ability / ability.mean()
    education = eq.incumbent_education(score[:, [0]], score[:, 1:3], *schooling)
    return Workers(
        ability=ability,
        education=education,
        taste=score[:, 1:3],
        human_capital=eq.human_capital(ability[:, None], education, return_per_year),
    )


def industry_kinds(params: Params) -> Industries:
    """Return one kind of industry, or the four of η1 ± gap and ξ ± gap where a gap is open."""
    if params.proprietary_gap == 0 and params.rent_sharing_gap == 0:
        return Industries(
            proprietary=np.array([params.proprietary]), rent_sharing=np.array([params.rent_sharing])
        )
    sign = np.array([-1.0, 1.0])
    return Industries(
        proprietary=np.repeat(params.proprietary + sign * params.proprietary_gap, 2),
        rent_sharing=np.tile(params.rent_sharing + sign * params.rent_sharing_gap, 2),
    )


@lru_cache(maxsize=64)
def _exposure(
    shape: tuple[int, int, int], unexposed: float, low: float, high: float, seed: int
) -> Array:
    n_occupations, n_tasks, n_cog = shape
    n_exposed = n_occupations - round(unexposed * n_occupations)
    n_cells = n_exposed * n_cog
    from scipy.stats import beta

    quantile = beta.ppf((np.arange(n_cells) + 1 / 2) / n_cells, low, high)
    exposure = np.zeros((n_occupations, n_tasks))
    order = np.random.default_rng(seed).permutation(n_cells)
    exposure[:n_exposed, :n_cog] = quantile[order].reshape(n_exposed, n_cog)
    exposure.setflags(write=False)
    return exposure


def task_exposure(params: Params) -> Array:
    """Exposure of every task: Beta quantiles, permuted over the exposed cognitive tasks, (occupation, task)."""
    return _exposure(
        (params.n_occupations, params.n_tasks, params.n_cog_tasks),
        params.unexposed_share,
        params.exposure_shape_low,
        params.exposure_shape_high,
        params.exposure_seed,
    )


def _skill_grid(log_skill: Array) -> SkillGrid:
    low, high = log_skill.min(), log_skill.max()
    unit = np.cos(np.pi * (np.arange(_N_SKILL_NODES) + 1 / 2) / _N_SKILL_NODES)
    vander = np.polynomial.chebyshev.chebvander
    to_coefficients = np.linalg.inv(vander(unit, _N_SKILL_NODES - 1))
    scaled = (2 * log_skill - low - high) / (high - low)
    basis = vander(scaled, _N_SKILL_NODES - 1) @ to_coefficients
    node = np.exp((low + high + (high - low) * unit) / 2)
    return SkillGrid(node=node, basis=basis)
