"""The four hypotheses as claims of the summary: where each holds in this closure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from withintask.sim.economy import Economy, solve_economy
from withintask.sim.params import Params, vary
from withintask.tests_of_model.estimands.between import (
    between_variance_contrast,
    log_ratio_contrast,
)
from withintask.tests_of_model.evidence.claim import (
    CONDITIONAL,
    FAILS,
    HOLDS,
    Claim,
    Course,
    courses,
)
from withintask.tests_of_model.evidence.sweeps import N_WORKERS, structure, sweep

_RHO = np.linspace(-1, 1, 17)
_SIGMA = np.array([0.3, 0.5, 0.7, 0.9, 1.0, 1.1, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.5, 8.0])
_GAPS = (0.5, 0.1)
"""Gaps of η1 and ξ between industries at the baseline, as in worlds.toml; cut where the parameters are smaller."""
_ZERO = 1e-10
"""Below this a contrast that is zero in theory counts as zero; rounding is near 1e-15."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SignBySubstitution(Claim):
    """A claim about a sign over ρ, the substitution of skill and AI inside a task."""

    is_iff_positive: bool
    """Whether the claim's sign is there for every ρ > 0 shown and for no ρ < 0."""
    rho: tuple[float, float]
    """Lowest and highest ρ."""
    course: Course
    """Of the claim's first figure over ρ."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Compression(SignBySubstitution):
    """H1: dispersion falls and the least able gain most where ρ > 0."""

    name: ClassVar[str] = "compression"


@dataclass(frozen=True, kw_only=True, eq=False)
class Credentials(SignBySubstitution):
    """H3: credential requirements rise in exposed occupations."""

    name: ClassVar[str] = "credentials"


@dataclass(frozen=True, kw_only=True, eq=False)
class ReturnsToEducation(Claim):
    """H2: the cognitive return falls and the social one rises if σ > 1."""

    name: ClassVar[str] = "returns_to_education"
    sigma: tuple[float, float]
    """Lowest and highest σ."""
    courses: Mapping[str, Course]
    """Of each figure of the evidence over σ."""
    commodity_log_return_soc: Course
    """Of the log return to social education over σ, with commodity AI alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BetweenFirmDispersion(Claim):
    """H4: dispersion between firms relative to that within where η1 and ξ are high."""

    name: ClassVar[str] = "between_firm_dispersion"
    gap_proprietary: float
    """Half the difference of η1 between industries."""
    gap_sharing: float
    """Half the difference of ξ."""
    level_contrast: float
    """Contrast of ΔV_b."""
    ratio_contrast: float
    """Contrast of Δ ln(V_b/V_w)."""
    ratio_rises_with_proprietary: bool
    """Whether Δ ln V_b is larger where η1 is high."""

    @property
    def level_rises(self) -> bool:
        """Whether the claim holds in levels."""
        return self.level_contrast > 0

    @property
    def ratio_is_zero(self) -> bool:
        """Whether the contrast of log ratios is zero but for rounding."""
        return abs(self.ratio_contrast) < _ZERO


def compression_needs_substitutes(params: Params) -> Compression:
    """H1 within ρ > 0."""
    table = sweep(
        params, [{"task_substitution": r} for r in _RHO], ("delta_log_cv", "ability_gradient")
    )
    agrees = _agrees(table, -1)
    is_iff = _is_iff_positive(table, agrees)
    return Compression(
        verdict=HOLDS if is_iff or agrees.all() else CONDITIONAL if agrees.any() else FAILS,
        evidence=table,
        is_iff_positive=is_iff,
        rho=_ends(table, "task_substitution"),
        course=courses(table, "task_substitution")["delta_log_cv"],
    )


def credentials(params: Params) -> Credentials:
    """H3 iff ρ > 0."""
    table = sweep(params, [{"task_substitution": r} for r in _RHO], ("delta_credential",))
    agrees = _agrees(table, 1)
    return Credentials(
        verdict=HOLDS if agrees.all() else CONDITIONAL if agrees.any() else FAILS,
        evidence=table,
        is_iff_positive=_is_iff_positive(table, agrees),
        rho=_ends(table, "task_substitution"),
        course=courses(table, "task_substitution")["delta_credential"],
    )


def returns_to_education(params: Params) -> ReturnsToEducation:
    """H2 is stated on the condition σ > 1."""
    names = (
        "delta_return_cog", "delta_return_soc", "delta_log_return_cog", "delta_log_return_soc",
        "exposed_price_log", "delta_exposed_expenditure",
    )  # fmt: skip
    grid = [{"substitution": s} for s in _SIGMA]
    table = sweep(params, grid, names)
    commodity = sweep(structure(params, 0.0), grid, ("delta_log_return_soc",))
    cog = table["delta_return_cog"].to_numpy()
    is_condition = bool((cog[_SIGMA < 1] > 0).all() and (cog[_SIGMA > 1] < 0).all())
    return ReturnsToEducation(
        verdict=HOLDS if is_condition else FAILS,
        evidence=table,
        sigma=_ends(table, "substitution"),
        courses=courses(table, "substitution"),
        commodity_log_return_soc=courses(commodity, "substitution")["delta_log_return_soc"],
    )


def between_firm_dispersion(params: Params) -> BetweenFirmDispersion:
    """H4: between-firm relative to within-firm dispersion where η1 and ξ are high."""
    gap_proprietary = min(_GAPS[0], params.proprietary)
    gap_sharing = min(_GAPS[1], params.rent_sharing, 1 - params.rent_sharing)
    industries = vary(params, proprietary_gap=gap_proprietary, rent_sharing_gap=gap_sharing)
    economy = solve_economy(industries, n_workers=N_WORKERS)
    level, ratio = between_variance_contrast(economy), log_ratio_contrast(economy)
    evidence = _by_industry(economy)
    by_structure = evidence.group_by("proprietary").agg(pl.col("delta_log_between_variance").mean())
    ratio_change = by_structure.sort("proprietary")["delta_log_between_variance"].diff()[1]
    holds = level > 0 and ratio > _ZERO
    return BetweenFirmDispersion(
        verdict=HOLDS if holds else CONDITIONAL if level > 0 else FAILS,
        evidence=evidence,
        gap_proprietary=gap_proprietary,
        gap_sharing=gap_sharing,
        level_contrast=level,
        ratio_contrast=ratio,
        ratio_rises_with_proprietary=bool(ratio_change > 0),
    )


def _agrees(table: pl.DataFrame, sign: int) -> np.ndarray:
    """Whether all figures of a sweep over ρ have a sign, (value of ρ,)."""
    return (np.sign(table.drop("task_substitution").to_numpy()) == sign).all(axis=1)


def _is_iff_positive(table: pl.DataFrame, agrees: np.ndarray) -> bool:
    rho = table["task_substitution"].to_numpy()
    return bool(agrees[rho > 0].all() and not agrees[rho < 0].any())


def _ends(table: pl.DataFrame, axis: str) -> tuple[float, float]:
    return table[axis][0], table[axis][-1]


def _by_industry(economy: Economy) -> pl.DataFrame:
    kinds = economy.population.industries
    before = economy.before.between_variance_by_industry
    after = economy.after.between_variance_by_industry
    return pl.DataFrame(
        {
            "proprietary": kinds.proprietary,
            "rent_sharing": kinds.rent_sharing,
            "variance_before": before,
            "delta_between_variance": after - before,
            "delta_log_between_variance": np.log(after / before),
        }
    )
