"""Truths of H4: pay dispersion between and within firms."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from withintask.panel.arrays import Array
from withintask.sim.economy import Economy
from withintask.sim.params import Params
from withintask.tests_of_model.estimands.truth import Estimand


def scope(params: Params) -> bool:
    """The contrast needs industries that differ in both η1 and ξ."""
    return params.proprietary_gap > 0 and params.rent_sharing_gap > 0


def between_variance_contrast(economy: Economy) -> float:
    """[ΔV_b(η1 high, ξ high) - ΔV_b(high, low)] - [ΔV_b(low, high) - ΔV_b(low, low)]."""
    return _contrast(
        economy,
        economy.after.between_variance_by_industry - economy.before.between_variance_by_industry,
    )


def log_ratio_contrast(economy: Economy) -> float:
    """The same contrast of Δ ln(V_b/V_w); V_w does not differ between kinds of industry, so it drops out."""
    return _contrast(
        economy,
        np.log(economy.after.between_variance_by_industry)
        - np.log(economy.before.between_variance_by_industry),
    )


def delta_between_variance(economy: Economy) -> float:
    """ΔV_b, the mean over kinds of industry, the moment m5."""
    return float(
        (
            economy.after.between_variance_by_industry - economy.before.between_variance_by_industry
        ).mean()
    )


def delta_firm_effect_variance(economy: Economy) -> float:
    """Change of the variance of the firm effect ξ ln(1 + rent/hc̄) over all firms, of whatever industry."""
    variances = []
    for state in (economy.before, economy.after):
        means = state.log_premium @ economy.population.firm_weight
        variances.append(float(state.between_variance_by_industry.mean() + means.var()))
    return variances[1] - variances[0]


def delta_within_variance(economy: Economy) -> float:
    """ΔV_w, change in the variance of log human pay, which is that within every firm."""
    return float(np.log(economy.after.human_pay).var() - np.log(economy.before.human_pay).var())


def delta_between_share(economy: Economy) -> float:
    """Change of V_b/(V_b + V_w); it rises under commodity AI alone, so it is no evidence for the claim."""
    shares = []
    for state in (economy.before, economy.after):
        between = float(state.between_variance_by_industry.mean())
        shares.append(between / (between + float(np.log(state.human_pay).var())))
    return shares[1] - shares[0]


def rent_sharing(economy: Economy) -> float:
    """Population coefficient of ln pay on ln(1 + rent/hc̄) with match and period effects: ξ where all share alike."""
    log_rent = [np.log1p(s.rent / s.human_pay_mean) for s in (economy.before, economy.after)]
    change = log_rent[1] - log_rent[0]
    weight = economy.after.firm_weight
    centered = change - np.sum(weight * change)
    sharing = economy.population.industries.rent_sharing[:, None]
    variance = np.sum(weight * centered**2)
    return (
        float(np.sum(weight * centered * sharing * change) / variance)
        if variance > 0
        else float("nan")
    )


def _contrast(economy: Economy, by_industry: Array) -> float:
    """Difference in differences over the four kinds, ordered (low, low), (low, high), (high, low), (high, high)."""
    if not scope(economy.params):
        return float("nan")
    low_low, low_high, high_low, high_high = by_industry
    return float((high_high - high_low) - (low_high - low_low))


TRUTHS: Mapping[str, Estimand] = MappingProxyType(
    {
        "between_variance_contrast": between_variance_contrast,
        "log_ratio_contrast": log_ratio_contrast,
        "delta_between_variance": delta_between_variance,
        "delta_firm_effect_variance": delta_firm_effect_variance,
        "delta_within_variance": delta_within_variance,
        "delta_between_share": delta_between_share,
        "rent_sharing": rent_sharing,
    }
)
"""Estimands by the name of their term."""
