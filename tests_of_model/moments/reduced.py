"""Moments at many parameter values at once, by a reduced quadrature: less than a hundredth of the time of one economy each.

What the equations say of cells, firms and skills is smooth in exposure, log assets and log skill, so few Gauss nodes of each
serve; tests hold every moment against :func:`withintask.sim.economy.solve_economy`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems
from withintask.sim import equations as eq
from withintask.sim.economy import Economy, solve_economy
from withintask.sim.params import Params
from withintask.sim.screening import prior_variance
from withintask.tests_of_model.moments.quadrature import gauss_nodes, lagrange_basis

MOVES = (
    "ai_floor",
    "ai_multiplicative",
    "task_substitution",
    "substitution",
    "credential_cost_scale",
    "commodity",
    "proprietary",
    "rent_sharing",
    "base_rent",
    "capital_intensity",
    "asset_gini",
    "own_gini",
)
"""Parameters that may differ between draws."""

REDUCED = ("m1", "m2", "m3", "m4", "m5", "m7", "m8", "m9", "m10", "m11")
"""Moments that it gives; the Ginis need every worker."""

_N_EXPOSURE, _N_FIRM, _N_SKILL = 5, 16, 10
"""Gauss nodes of exposure, of standardized log assets and of log skill."""
_N_WORKERS = 2**15
_N_CHUNK = 2**7
"""Draws worked on at a time, so that arrays stay in the cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reduced:
    """Nodes and weights for given values of all parameters that do not differ between draws."""

    base: Params
    """Parameters."""
    exposure: Array
    """Exposure of exposed tasks at its nodes, (exposure,)."""
    exposure_weight: Array
    """Weights, summing to 1, (exposure,)."""
    by_occupation: Array
    """Mean over an exposed occupation's tasks of what is known at the nodes, (occupation, exposure)."""
    score: Array
    """Standardized log assets at their nodes, (firm,)."""
    firm_weight: Array
    """Weights, (firm,)."""
    skill: Array
    """Cognitive human capital at its nodes, (skill,)."""
    skill_weight: Array
    """Weights of a mean over workers, (skill,)."""
    gradient_weight: Array
    """Weights that make of a gain the coefficient on log ability of (ln θ, e_C), (skill,)."""
    return_weight: Array
    """Weights that make of an outcome the coefficients on e_C and e_S of (1, e_C, e_S, ln θ), (skill type, skill)."""
    return_of_skill: Array
    """The same coefficients of human capital itself, (coefficient, skill type)."""
    mean_skill: Array
    """h̄, (skill type,)."""
    log_pay_variance: float
    """Variance of log human pay before AI."""
    task_share: Array
    """Shares of exposed, other cognitive and social tasks among all, (3,)."""


@lru_cache(maxsize=16)
def reduce_economy(base: Params, scramble: int = 0) -> Reduced:
    """Compute nodes and weights.

    Parameters
    ----------
    base
        Parameters; those of MOVES do not matter.
    scramble
        Seed of the population's points.

    Raises
    ------
    ParameterError
        If industries differ or capability does not reach every task: cells are then not alike.
    """
    fail_if_not_alike(base)
    economy = solve_economy(base, n_workers=_N_WORKERS, scramble=scramble, is_cut=False)
    workers = economy.population.workers
    log_skill = np.log(workers.human_capital[:, 0])
    node, weight = gauss_nodes(log_skill, _N_SKILL)
    basis = lagrange_basis(node, log_skill)
    exposure = economy.population.exposure
    x, x_weight = gauss_nodes(exposure[exposure > 0], _N_EXPOSURE)
    score, firm_weight = np.polynomial.hermite_e.hermegauss(_N_FIRM)
    regressors = np.column_stack([np.ones(log_skill.size), workers.education, workers.log_ability])
    project = np.linalg.solve(regressors.T @ regressors, regressors.T)[1:3]
    return Reduced(
        base=base,
        exposure=x,
        exposure_weight=x_weight,
        by_occupation=_by_occupation(exposure, x),
        score=score,
        firm_weight=firm_weight / firm_weight.sum(),
        skill=np.exp(node),
        skill_weight=weight,
        gradient_weight=_gradient_weight(economy, basis),
        return_weight=project @ basis,
        return_of_skill=project @ workers.human_capital,
        mean_skill=workers.human_capital_mean,
        log_pay_variance=economy.before.within_variance,
        task_share=_task_share(economy),
    )


def reduced_moments(
    base: Params,
    names: Sequence[str],
    values: Array,
    *,
    moments: Sequence[str] = REDUCED,
    scramble: int = 0,
) -> Array:
    """Return moments at every row of parameter values.

    Parameters
    ----------
    base
        Values of all other parameters.
    names
        Parameters that differ, among MOVES.
    values
        Their values, (draw, parameter).
    moments
        Which of REDUCED.
    scramble
        Seed of the population's points.

    Returns
    -------
    array (draw, moment)
        In the order asked for; tails uncut.

    Raises
    ------
    ParameterError
        If a parameter is not among MOVES.
    """
    fail_if_not_moved(names, "reduced moments")
    if not moments:
        return np.empty((len(values), 0))
    reduced = reduce_economy(base, scramble)
    chunks = draws_in_chunks(base, names, values, _N_CHUNK)
    parts = [_moments(reduced, given, moments) for given in chunks]
    return np.vstack(parts) if parts else np.empty((0, len(moments)))


def fail_if_not_moved(names: Sequence[str], subject: str) -> None:
    """Refuse parameters that cannot differ between draws.

    Raises
    ------
    ParameterError
        Names all of them.
    """
    wrong = [f"{name}: must be the same in all draws" for name in names if name not in MOVES]
    if wrong:
        raise ParameterError(list_problems(subject, wrong))


def draws_in_chunks(
    base: Params, names: Sequence[str], values: Array, size: int
) -> Iterator[dict[str, Array]]:
    """Yield the parameters of MOVES of so many draws at a time, (draw,) each.

    Parameters
    ----------
    base
        Values of those that do not differ.
    names, values
        Parameters that differ, and their values, (draw, parameter).
    size
        Draws at a time; the last are fewer.
    """
    for start in range(0, len(values), size):
        chunk = values[start : start + size]
        given = {name: np.full(len(chunk), getattr(base, name)) for name in MOVES}
        yield given | {name: chunk[:, k] for k, name in enumerate(names)}


def _moments(reduced: Reduced, p: dict[str, Array], names: Sequence[str]) -> Array:
    log_sd = log_asset_factor(p["capital_intensity"], p["asset_gini"])
    factor = np.exp(log_sd[:, None] * reduced.score - log_sd[:, None] ** 2 / 2)
    tasks = _tasks(reduced, p, factor, has_likeness="m10" in names)
    pay_before, pay_after = (
        _pay(reduced, p, factor, 0.0),
        _pay(reduced, p, factor, reduced.base.capability),
    )
    profit = reduced.base.task_productivity * pay_before.profit
    columns = {
        "m1": tasks.spread,
        "m2": tasks.gradient,
        "m3": (pay_after.return_gap - pay_before.return_gap),
        "m4": _credentials(reduced, p, tasks.slope),
        "m5": pay_after.between - pay_before.between,
        "m7": p["own_gini"],
        "m8": pay_before.between / (pay_before.between + reduced.log_pay_variance),
        "m9": profit / (profit + reduced.base.task_productivity * pay_before.mean),
        "m10": tasks.likeness,
        "m11": np.log(pay_after.mean / pay_before.mean),
    }
    return np.column_stack([columns[name] for name in names])


def _response(reduced: Reduced, p: dict[str, Array]) -> Array:
    """Output per unit of AI at the skill nodes, (draw, skill)."""
    relative = reduced.skill / reduced.mean_skill[0]
    mu, rho = p["ai_multiplicative"][:, None], p["task_substitution"][:, None]
    return np.asarray(mu * relative + (1 - mu) * relative ** (1 - rho))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tasks:
    """What outputs within exposed tasks give, (draw,) each."""

    spread: Array
    gradient: Array
    slope: Array
    """Slope of the signal by exposure, (draw, exposure)."""
    likeness: Array
    """Not numbers where it was not asked for: it takes a fifth of the time."""


def _tasks(reduced: Reduced, p: dict[str, Array], factor: Array, *, has_likeness: bool) -> _Tasks:
    base, weight = reduced.base, reduced.skill_weight
    human = base.task_productivity * reduced.skill
    response = _response(reduced, p)
    deployed = eq.firm_capability(
        base.capability, p["commodity"][:, None], p["proprietary"][:, None], factor
    )
    ai = p["ai_floor"][:, None, None] * reduced.exposure[:, None] * deployed[:, None, :]
    of_cells = np.outer(reduced.exposure_weight, reduced.firm_weight)
    mean = human @ weight + ai * (response @ weight)[:, None, None]
    square = (
        human**2 @ weight
        + 2 * ai * ((human * response) @ weight)[:, None, None]
        + ai**2 * (response**2 @ weight)[:, None, None]
    )
    log_cv = np.log(square / mean**2 - 1) / 2
    log_cv_before = np.log((human**2 @ weight) / (human @ weight) ** 2 - 1) / 2
    output = eq.task_output(human, ai[..., None], response[:, None, None, :])
    logs = np.log(output)
    gain = np.tensordot(logs, of_cells, axes=((1, 2), (0, 1))) - np.log(human)
    substitutable = p["task_substitution"][:, None] * (
        response - p["ai_multiplicative"][:, None] * reduced.skill / reduced.mean_skill[0]
    )
    lost = ai * np.einsum("dxfs,ds->dxf", 1 / output, substitutable * weight)
    alike = np.full(len(ai), np.nan)
    if has_likeness:
        noise = base.work_sample_noise**2
        alike = np.sum(_likeness(np.log(human), logs, weight, noise) * of_cells, axis=(1, 2))
    return _Tasks(
        spread=np.sum((log_cv - log_cv_before) * of_cells, axis=(1, 2)),
        gradient=gain @ reduced.gradient_weight,
        slope=1 - lost @ reduced.firm_weight,
        likeness=alike,
    )


def _likeness(before: Array, after: Array, weight: Array, noise: float) -> Array:
    """Correlation of outputs on two like tasks, the second with AI, over the same without, (draw, exposure, firm)."""
    centered = before - before @ weight
    variance_before = float(centered**2 @ weight)
    mean_after = after @ weight
    variance_after = after**2 @ weight - mean_after**2
    cross = (
        after @ (centered * weight) / np.sqrt((variance_before + noise) * (variance_after + noise))
    )
    return np.asarray(cross * (variance_before + noise) / variance_before)


def _credentials(reduced: Reduced, p: dict[str, Array], slope: Array) -> Array:
    base = reduced.base
    scale = p["credential_cost_scale"][:, None]

    def required(signal: Array) -> Array:
        variance = eq.posterior_variance(prior_variance(base), signal, base.work_sample_noise)
        gain = eq.credential_gain(variance, base.credential_noise)
        with np.errstate(over="ignore"):
            return eq.credential_probability(gain, base.credential_cost, scale)  # type: ignore[arg-type]

    after = required(slope @ reduced.by_occupation.T)
    return np.asarray(after.mean(axis=1) - required(np.ones((1, 1)))[:, 0])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pay:
    """Pay at one capability, (draw,) each."""

    mean: Array
    between: Array
    profit: Array
    return_gap: Array


def _pay(reduced: Reduced, p: dict[str, Array], factor: Array, capability: float) -> _Pay:
    base = reduced.base
    phi, (h_cog, h_soc) = base.task_productivity, reduced.mean_skill
    exposed, cognitive, social = reduced.task_share
    gain = (p["ai_floor"] * (_response(reduced, p) @ reduced.skill_weight))[
        :, None
    ] * reduced.exposure
    deployed = capability * (p["commodity"] + p["proprietary"])
    ratio = 1 + deployed[:, None] * gain / (phi * h_cog)
    v_bar = phi * ((exposed + cognitive) * h_cog + social * h_soc)
    price, other_price = _prices(reduced, p["substitution"], ratio, exposed * phi * h_cog / v_bar)
    commodity = (capability * p["commodity"])[:, None]
    weight = reduced.exposure_weight
    human = phi * (
        (exposed * (price @ weight) + cognitive * other_price) * h_cog
        + social * other_price * h_soc
    )
    human = human + exposed * ((price * commodity * gain) @ weight)
    rent = p["base_rent"] * v_bar + capability * p["proprietary"] * exposed * (
        (price * gain) @ weight
    )
    excess = np.log1p((rent / human)[:, None] * factor)
    premium = np.exp(p["rent_sharing"][:, None] * excess) @ reduced.firm_weight
    centered = excess - (excess @ reduced.firm_weight)[:, None]
    floor = exposed * ((price * commodity * reduced.exposure) @ weight) * p["ai_floor"]
    returns = (
        np.outer(
            phi * (exposed * (price @ weight) + cognitive * other_price),
            reduced.return_of_skill[:, 0],
        )
        + np.outer(phi * social * other_price, reduced.return_of_skill[:, 1])
        + floor[:, None] * (_response(reduced, p) @ reduced.return_weight.T)
    )
    return _Pay(
        mean=human * premium,
        between=p["rent_sharing"] ** 2 * (centered**2 @ reduced.firm_weight),
        profit=rent - human * (premium - 1),
        return_gap=(returns[:, 0] - returns[:, 1]) * premium / v_bar,
    )


def _prices(
    reduced: Reduced, substitution: Array, ratio: Array, share: float
) -> tuple[Array, Array]:
    """Prices of exposed tasks (draw, exposure) and of the others (draw,), eq. (3)."""
    power = (substitution - 1) / substitution
    safe = np.where(np.abs(power) < _COBB_DOUGLAS, 1.0, power)
    ces = (share * (ratio ** safe[:, None] @ reduced.exposure_weight) + 1 - share) ** (1 / safe)
    cobb_douglas = np.exp(share * (np.log(ratio) @ reduced.exposure_weight))
    final = np.where(np.abs(power) < _COBB_DOUGLAS, cobb_douglas, ces)
    price = (final[:, None] / ratio) ** (1 / substitution)[:, None]
    return np.asarray(price), np.asarray(final ** (1 / substitution))


_COBB_DOUGLAS = 1e-8
"""Distance of (σ-1)/σ from 0 below which the limit σ = 1 is taken."""


def _gradient_weight(economy: Economy, basis: Array) -> Array:
    workers = economy.population.workers
    regressors = np.column_stack([workers.log_ability, workers.education[:, 0]])
    centered = regressors - regressors.mean(axis=0)
    return np.asarray(np.linalg.solve(centered.T @ centered, centered.T @ basis)[0])


def _by_occupation(exposure: Array, node: Array) -> Array:
    rows = [row[row > 0] for row in exposure if (row > 0).any()]
    return np.array([lagrange_basis(node, row).mean(axis=0) for row in rows])


def _task_share(economy: Economy) -> Array:
    is_exposed = economy.population.exposure > 0
    is_social = np.broadcast_to(economy.population.task_skill == 1, is_exposed.shape)
    return np.array([is_exposed.mean(), (~is_exposed & ~is_social).mean(), is_social.mean()])


def log_asset_factor(capital_intensity: Array, asset_gini: Array) -> Array:
    """Log standard deviation of κ = K^ψ over firms, ψ √2 Φ⁻¹((1+G)/2), (draw,)."""
    return np.asarray(capital_intensity * np.sqrt(2) * ndtri((1 + asset_gini) / 2))


def fail_if_not_alike(base: Params) -> None:
    """Refuse parameters under which cells or industries differ by more than what the nodes hold.

    Raises
    ------
    ParameterError
        Lists every one.
    """
    problems = [
        f"{name} = {getattr(base, name)}: expected 0"
        for name in ("proprietary_gap", "rent_sharing_gap")
        if getattr(base, name) != 0
    ]
    if np.isfinite(base.reach_rate):
        problems.append(f"reach_rate = {base.reach_rate}: expected inf")
    if problems:
        raise ParameterError(list_problems("reduced moments", problems))
