"""The equations of the model, numbered and ordered as in ``docs/model.md``.

Pure functions of arrays that broadcast: no checks, no I/O, no settings. A trailing comment in a
docstring's first line gives equation and unit. ``h`` is human capital of the task's skill type, ``h̄`` its mean
before AI, ``m`` AI's own output on the task.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, ndtr, ndtri, pdtrik

from withintask.panel.arrays import Array

# Equation 1: task output ---------------------------------------------------------------------


def human_capital(ability: ArrayLike, education: ArrayLike, return_per_year: ArrayLike) -> Array:
    """Human capital h = θ exp(return·e), eq. (1)."""
    return np.asarray(ability) * np.exp(np.multiply(return_per_year, education))


def reach(capability: ArrayLike, reach_rate: float) -> Array:
    """Share of exposure that capability can reach, 1 - exp(-reach_rate·A), 0 without AI, eq. (1)."""
    a = np.asarray(capability, dtype=np.float64)
    positive = a > 0
    return np.where(positive, -np.expm1(-reach_rate * np.where(positive, a, 1.0)), 0.0)


def augmentable_exposure(exposure: ArrayLike, reach_share: ArrayLike) -> Array:
    """Exposure of the tasks in S(A) = {z: x > 0, x >= 1 - reach(A)}, 0 elsewhere, eq. (1)."""
    x = np.asarray(exposure)
    return np.where((x > 0) & (x >= 1 - np.asarray(reach_share)), x, 0.0)


def capability_path(periods_since_arrival: ArrayLike, capability: float, rate: float) -> Array:
    """AI frontier A_t = A_T(1 - exp(-rate·age)), age counted from 1 in the first AI period, eq. (1)."""
    age = np.asarray(periods_since_arrival, dtype=np.float64)
    present = age > 0
    return np.where(present, -capability * np.expm1(-rate * np.where(present, age, 1.0)), 0.0)


def ai_output(
    ai_floor: float, exposure: ArrayLike, capability: ArrayLike, ai_use: ArrayLike
) -> Array:
    """AI's own output on a task, m = α x A a, eq. (1)."""
    return ai_floor * np.asarray(exposure) * np.asarray(capability) * np.asarray(ai_use)


def skill_response(
    relative_skill: ArrayLike, ai_multiplicative: float, task_substitution: float
) -> Array:
    """Output added per unit of m, μ h/h̄ + (1-μ)(h/h̄)^(1-ρ), eq. (1)."""
    s = np.asarray(relative_skill)
    return ai_multiplicative * s + (1 - ai_multiplicative) * s ** (1 - task_substitution)


def task_output(human_output: ArrayLike, ai_output: ArrayLike, response: ArrayLike) -> Array:
    """Output y = hφ + m·[μ h/h̄ + (1-μ)(h/h̄)^(1-ρ)], eq. (1), output."""
    return np.asarray(human_output) + np.asarray(ai_output) * np.asarray(response)


# Equation 2: Proposition 1 -------------------------------------------------------------------


def compressed_cv(cv_before: ArrayLike, relative_floor: ArrayLike) -> Array:
    """CV after an additive floor m, CV(hφ)/(1 + m/E[hφ]), with relative_floor = m/E[hφ], eq. (2)."""
    return np.asarray(cv_before) / (1 + np.asarray(relative_floor))


# Equation 3: prices by exact hat algebra -----------------------------------------------------


def final_output_ratio(share: Array, output_ratio: Array, substitution: float) -> float:
    """Final output relative to before AI, [Σ s r^((σ-1)/σ)]^(σ/(σ-1)); exp Σ s ln r at σ=1, eq. (3)."""
    if substitution == 1:
        return float(np.exp(np.sum(share * np.log(output_ratio))))
    power = (substitution - 1) / substitution
    return float(np.sum(share * output_ratio**power) ** (1 / power))


def task_price(final_ratio: float, output_ratio: Array, substitution: float) -> Array:
    """Price of a task in units of final output, (Ŷ/r)^(1/σ), 1 before AI, eq. (3)."""
    return np.asarray((final_ratio / output_ratio) ** (1 / substitution))


# Equation 4: who is paid for the AI part -----------------------------------------------------


def gain_per_capability(ai_floor: float, exposure: ArrayLike, response: ArrayLike) -> Array:
    """Output gained per unit of capability, u = α x [μ h/h̄ + (1-μ)(h/h̄)^(1-ρ)], eq. (4)."""
    return ai_floor * np.asarray(exposure) * np.asarray(response)


def firm_capability(
    capability: ArrayLike, commodity: ArrayLike, proprietary: ArrayLike, asset_factor: ArrayLike
) -> Array:
    """Capability that a firm can deploy, A_jt = A_t(η0 + η1 κ_j), eq. (4)."""
    return np.asarray(capability) * np.asarray(
        np.asarray(commodity) + np.multiply(proprietary, asset_factor)
    )


def rent_per_worker(
    asset_factor: ArrayLike,
    base_rent: float,
    proprietary_capability: ArrayLike,
    gain_value: float,
) -> Array:
    """Rent per worker, κ(R0 v̄ + η1 A E[Σ τ p u]); base_rent is R0 v̄ and gain_value the last mean, eq. (4)."""
    return np.asarray(asset_factor) * np.asarray(
        base_rent + np.asarray(proprietary_capability) * gain_value
    )


# Equation 5: pay and profit ------------------------------------------------------------------


def rent_premium(rent: ArrayLike, human_pay_mean: ArrayLike, rent_sharing: ArrayLike) -> Array:
    """Pay over human pay, (1 + rent/hc̄)^ξ, eq. (5)."""
    return np.asarray(
        (1 + np.asarray(rent) / np.asarray(human_pay_mean)) ** np.asarray(rent_sharing)
    )


def profit(rent: ArrayLike, human_pay_mean: ArrayLike, premium: ArrayLike) -> Array:
    """Rents kept by owners, rent - hc̄[(1 + rent/hc̄)^ξ - 1], per worker, eq. (5)."""
    return np.asarray(np.asarray(rent) - np.asarray(human_pay_mean) * (np.asarray(premium) - 1))


# Equation 6: income --------------------------------------------------------------------------


def income(pay: ArrayLike, ownership: ArrayLike, profit_mean: float) -> Array:
    """Income w + ω E[profit], eq. (6)."""
    return np.asarray(pay) + np.asarray(ownership) * profit_mean


# Equation 7: cumulative advantage ------------------------------------------------------------


def next_log_assets(log_assets: Array, relative_rent: Array, cumulative_advantage: float) -> Array:
    """Log assets of the next period, ln K + γ(rent/mean rent - 1), eq. (7)."""
    return np.asarray(log_assets + cumulative_advantage * (relative_rent - 1))


# Equation 8: education -----------------------------------------------------------------------


def incumbent_education(
    ability_score: ArrayLike, taste: ArrayLike, mean: float, ability_slope: float, taste_sd: float
) -> Array:
    """Education max(0, ē + b_θ ln θ/sd + s_e ζ), eq. (8), years."""
    return np.maximum(
        0.0, mean + ability_slope * np.asarray(ability_score) + taste_sd * np.asarray(taste)
    )


def chosen_education(
    pay_elasticity: ArrayLike,
    ability: ArrayLike,
    taste: ArrayLike,
    return_per_year: float,
    cost: float,
    cost_ability: float,
) -> Array:
    """Education at which marginal log pay meets marginal cost, return·ε_k θ^ν e^ζ/c, eq. (8), years."""
    ease = np.asarray(ability) ** cost_ability * np.exp(taste)
    return return_per_year * np.asarray(pay_elasticity) * ease / cost


# Equation 9: screening -----------------------------------------------------------------------


def output_elasticity(
    human_output: ArrayLike,
    ai_output: ArrayLike,
    relative_skill: ArrayLike,
    ai_multiplicative: float,
    task_substitution: float,
) -> Array:
    """Elasticity of output to ability on one task, ∂ ln y/∂ ln θ, eq. (9)."""
    s, m = np.asarray(relative_skill), np.asarray(ai_output)
    proportional = np.asarray(human_output) + m * ai_multiplicative * s
    floor = (1 - ai_multiplicative) * m * s ** (1 - task_substitution)
    return (proportional + (1 - task_substitution) * floor) / (proportional + floor)


def posterior_variance(
    prior_variance: ArrayLike, signal_slope: ArrayLike, noise: ArrayLike
) -> Array:
    """Variance of log ability after a work sample, 1/(1/σ_θ² + ε²/σ_q²), eq. (9)."""
    return 1 / (1 / np.asarray(prior_variance) + np.square(signal_slope) / np.square(noise))


def credential_gain(variance: ArrayLike, credential_noise: ArrayLike) -> Array:
    """Fall in posterior variance from a credential, V - 1/(1/V + 1/σ_c²), eq. (9)."""
    v = np.asarray(variance)
    return v - 1 / (1 / v + 1 / np.square(credential_noise))


def credential_probability(gain: ArrayLike, cost: float, cost_scale: float) -> Array:
    """Probability that a credential is required, Λ((ΔV - k̄)/χ), eq. (9)."""
    return 1 / (1 + np.exp(-(np.asarray(gain) - cost) / cost_scale))


# Equation 11: measurement --------------------------------------------------------------------


def persistent(innovation: Array, persistence: float) -> Array:
    """Autoregression e_k = r·e_(k-1) + √(1-r²)·z_k of variance 1 along the last axis, from e_1 = z_1, eq. (11)."""
    # Here, as it takes a second to import, and most commands draw nothing.
    from scipy.signal import lfilter

    weight = np.sqrt(1 - persistence**2)
    start = (1 - weight) * innovation[..., :1]
    return np.asarray(lfilter([weight], [1.0, -persistence], innovation, zi=start)[0])


def noise_sd(output_noise: float, ai_noise_ratio: float, ai_use: ArrayLike) -> Array:
    """Noise of output, `output_noise` without AI and times `ai_noise_ratio` with it, eq. (11), log points."""
    return output_noise * (1 + (ai_noise_ratio - 1) * np.asarray(ai_use))


def lognormal_log(sd: ArrayLike, draw: ArrayLike) -> Array:
    """Log of a lognormal factor of mean 1, sd·z - sd²/2: difficulty, noise, rating, eq. (11), log points."""
    return np.asarray(np.multiply(sd, draw) - np.square(sd) / 2)


def counted(uniform: ArrayLike, mean: ArrayLike) -> Array:
    """Poisson count whose distribution function first reaches the uniform draw, eq. (11)."""
    return np.asarray(np.ceil(pdtrik(uniform, mean)))


def is_solved(uniform: ArrayLike, log_odds: ArrayLike) -> Array:
    """Success, 1 where the uniform draw is below the logistic Λ of the log-odds, eq. (11)."""
    return np.asarray(np.asarray(uniform) < expit(log_odds), dtype=np.float64)


def scored(relative_log: ArrayLike, slope: float, floor: float, ceiling: float) -> Array:
    """Score, linear in log output over its mean around the middle of the scale and cut at its ends, eq. (11)."""
    return np.clip((floor + ceiling) / 2 + slope * np.asarray(relative_log), floor, ceiling)


# Nuisances: each is a switch of a design, off at 0 -------------------------------------------


def correlated(tie: float, score: ArrayLike, draw: ArrayLike) -> Array:
    """Standard normal variable of correlation `tie` with a score, tie·z + √(1-tie²)·draw."""
    return np.asarray(tie * np.asarray(score) + np.sqrt(1 - tie**2) * np.asarray(draw))


def reached_share(ai_use: ArrayLike, spillover: float, has_treated_teammate: ArrayLike) -> Array:
    """Share of the firm's capability that reaches a worker: use, or else what spills over from teammates."""
    use = np.asarray(ai_use, dtype=np.float64)
    return use + spillover * (1 - use) * np.asarray(has_treated_teammate)


def anticipated(before: ArrayLike, after: ArrayLike, share: float) -> Array:
    """Value in the last period before AI of which a share of the change is there already."""
    return np.asarray(before) + share * (np.asarray(after) - np.asarray(before))


def hawthorne_log(hawthorne: float, slope: float, ability_score: ArrayLike) -> Array:
    """Rise of the treated's output, h(1 - slope·z), log points."""
    return hawthorne * (1 - slope * np.asarray(ability_score))


def item_choice_log(item_choice: float, ability_score: ArrayLike) -> Array:
    """Change of the treated's output from harder items for the abler, -choice·z, log points."""
    return -item_choice * np.asarray(ability_score)


def practice_log(
    practice: float, slope: float, items_done: ArrayLike, ability_score: ArrayLike
) -> Array:
    """Rise of output with items of the task done before, p·ln(1 + n)(1 - slope·z), log points."""
    return practice * np.log1p(items_done) * (1 - slope * np.asarray(ability_score))


def quality_tradeoff_log(quality_tradeoff: float, exposure: ArrayLike) -> Array:
    """Speed gained by giving up quality where AI is used, q·x, log points."""
    return quality_tradeoff * np.asarray(exposure)


def loss_probability(share: float, ability_score: ArrayLike) -> Array:
    """Probability that a worker is lost, 2·share·Φ(-z): share on average, more among the less able."""
    return np.asarray(2 * share * ndtr(-np.asarray(ability_score)))


def effect_log(effect_sd: float, draw: ArrayLike, exposure: ArrayLike) -> Array:
    """Effect that differs by worker, or by occupation, around zero, sd·ζ·x, log points or log-odds."""
    return effect_sd * np.asarray(draw) * np.asarray(exposure)


def reranked_score(ability_score: ArrayLike, reranking: float, draw: ArrayLike) -> Array:
    """Ability score with AI of which a part is drawn anew, √(1-r²)·z + r·ζ: as many of each score as before."""
    return correlated(reranking, draw, ability_score)


def drifted_probability(probability: ArrayLike, shift: ArrayLike) -> Array:
    """Probability whose log-odds are shifted, p·e^s/(1 - p + p·e^s)."""
    odds = np.asarray(probability) * np.exp(shift)
    return odds / (1 - np.asarray(probability) + odds)


def sorted_destination(uniform: ArrayLike, tie: float, ability_score: ArrayLike) -> Array:
    """Rank of a mover's new firm in (0, 1), Φ(c·z + √(1-c²)·Φ⁻¹(u)): uniform, abler workers higher."""
    return np.asarray(ndtr(correlated(tie, ability_score, ndtri(uniform))))
