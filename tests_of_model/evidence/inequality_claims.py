"""Claims of the summary about inequality and its boundary: where each holds in this closure."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, vary
from withintask.tests_of_model.estimands.compression import ability_gradient, delta_log_cv
from withintask.tests_of_model.evidence.claim import CONDITIONAL, FAILS, HOLDS, Claim
from withintask.tests_of_model.evidence.sweeps import (
    N_WORKERS,
    crossings,
    structure,
    structure_boundary,
    sweep,
)

_FLOOR_FACTORS = np.linspace(0, 1.5, 13)
_SHARING = np.linspace(0, 1, 21)
_SHARE = np.linspace(0, 1, 21)
_GINI = np.array([0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9])
_PROPRIETARY_SHARE = 0.75
"""Technology structure at which the model page reports the effect of rent sharing; the path is drawn at the fit's own too."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CompressionWithConcentration(Claim):
    """AI compresses performance within tasks and widens inequality of income at once."""

    name: ClassVar[str] = "compression_with_concentration"
    delta_log_cv: float
    """m1 at the parameters."""
    ability_gradient: float
    """m2."""
    delta_profit_share: float
    """Change of the profit share."""
    delta_gini_pay: float
    """ΔGini of pay."""
    delta_gini_income: float
    """ΔGini of income."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TechnologyStructure(Claim):
    """η1 against η0 alone crosses the boundary."""

    name: ClassVar[str] = "technology_structure"
    boundary: float
    """Share of proprietary AI at which ΔGini of income is zero; NaN if nowhere."""
    delta_gini_commodity: float
    """ΔGini of income if all AI is a commodity."""
    delta_gini_proprietary: float
    """ΔGini of income if all is proprietary."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RentSharing(Claim):
    """Strong rent sharing lowers inequality."""

    name: ClassVar[str] = "rent_sharing"
    sharing_at_lowest: float
    """ξ at which ΔGini of income is lowest, at the parameters' own technology structure."""
    lowest_delta_gini_income: float
    """ΔGini of income there."""
    delta_gini_income: tuple[float, float]
    """ΔGini of income at ξ = 0 and at ξ = 1."""
    delta_gini_pay: tuple[float, float]
    """ΔGini of pay at ξ = 0 and at ξ = 1."""
    roots: tuple[float, ...]
    """ξ at which ΔGini of income is zero."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BetweenShare(Claim):
    """A rising between-firm share is taken as evidence of concentration."""

    name: ClassVar[str] = "between_share"
    delta_between_share: float
    """Change of V_b/(V_b + V_w) under pure commodity AI."""
    delta_between_variance: float
    """ΔV_b under pure commodity AI."""
    delta_within_variance: float
    """ΔV_w under pure commodity AI."""

    @property
    def misleads(self) -> bool:
        """Whether the share rises although dispersion between firms does not."""
        return self.delta_between_share > 0 and self.delta_between_variance <= 0


@dataclass(frozen=True, kw_only=True, eq=False)
class AssetConcentration(Claim):
    """Gini(K) sets the boundary."""

    name: ClassVar[str] = "asset_concentration"
    gini: tuple[float, float]
    """Lowest and highest Gini."""
    reach_of_assets: float
    """How far the boundary moves as Gini(K) does, where there is a boundary."""
    reach_of_ownership: float
    """How far it moves as the Gini of ownership does."""


def compression_with_concentration(params: Params) -> CompressionWithConcentration:
    """AI compresses performance within tasks and widens inequality of income at once."""
    table = sweep(
        params, [{"ai_floor": params.ai_floor * x} for x in _FLOOR_FACTORS],
        ("delta_gini_income", "delta_gini_pay", "delta_profit_share", "delta_log_cv"),
    )  # fmt: skip
    # Without AI nothing is compressed; the difference of two equal sums is rounding.
    compression = pl.when(pl.col("ai_floor") > 0).then("delta_log_cv").otherwise(0.0)
    economy = solve_economy(params, n_workers=N_WORKERS)
    compressed, gradient = delta_log_cv(economy), ability_gradient(economy)
    both = compressed < 0 and gradient < 0 and economy.delta_gini_income > 0
    return CompressionWithConcentration(
        verdict=HOLDS if both else CONDITIONAL,
        evidence=table.with_columns(delta_log_cv=compression),
        delta_log_cv=compressed,
        ability_gradient=gradient,
        delta_profit_share=economy.after.profit_share - economy.before.profit_share,
        delta_gini_pay=economy.delta_gini_pay,
        delta_gini_income=economy.delta_gini_income,
    )


def technology_structure(params: Params) -> TechnologyStructure:
    """η1 against η0 alone crosses the boundary."""
    boundary = structure_boundary(params)
    table = _over_structure(params, _SHARE, ("delta_gini_income",))
    return TechnologyStructure(
        verdict=HOLDS if np.isfinite(boundary) else FAILS,
        evidence=table,
        boundary=boundary,
        delta_gini_commodity=table["delta_gini_income"][0],
        delta_gini_proprietary=table["delta_gini_income"][-1],
    )


def rent_sharing_and_inequality(params: Params) -> RentSharing:
    """Rent sharing lowers inequality."""
    fitted = params.proprietary / (params.commodity + params.proprietary)
    tables = [_over_sharing(params, share) for share in (fitted, _PROPRIETARY_SHARE)]
    income, pay = (tables[0][f"delta_gini_{m}"].to_numpy() for m in ("income", "pay"))
    lowest = int(np.argmin(income))
    return RentSharing(
        verdict=HOLDS if lowest == len(income) - 1 else CONDITIONAL,
        evidence=pl.concat(tables),
        sharing_at_lowest=float(_SHARING[lowest]),
        lowest_delta_gini_income=float(income[lowest]),
        delta_gini_income=(float(income[0]), float(income[-1])),
        delta_gini_pay=(float(pay[0]), float(pay[-1])),
        roots=tuple(crossings(_SHARING, income)),
    )


def between_share(params: Params) -> BetweenShare:
    """A rising between-firm share is taken as evidence of concentration."""
    names = ("delta_between_share", "delta_between_variance", "delta_within_variance")
    table = _over_structure(params, _SHARE[::2], names)
    commodity = table.row(0, named=True)
    return BetweenShare(
        verdict=FAILS if commodity["delta_between_share"] > 0 else HOLDS,
        evidence=table,
        **{name: commodity[name] for name in names},
    )


def asset_concentration(params: Params) -> AssetConcentration:
    """Gini(K) sets the boundary."""
    tables = {name: _boundaries_over(params, name) for name in ("asset_gini", "own_gini")}
    reach = {name: _reach(table["boundary"].to_numpy()) for name, table in tables.items()}
    return AssetConcentration(
        verdict=HOLDS if reach["asset_gini"] >= reach["own_gini"] else FAILS,
        evidence=pl.concat(tables.values()),
        gini=(float(_GINI[0]), float(_GINI[-1])),
        reach_of_assets=reach["asset_gini"],
        reach_of_ownership=reach["own_gini"],
    )


def _over_structure(params: Params, shares: Array, names: tuple[str, ...]) -> pl.DataFrame:
    """Figures as AI goes from commodity to proprietary: ``proprietary_share`` and the names."""
    rows = [sweep(structure(params, float(share)), [{}], names) for share in shares]
    return pl.concat(rows).insert_column(0, pl.Series("proprietary_share", shares))


def _over_sharing(params: Params, share: float) -> pl.DataFrame:
    grid = [{"rent_sharing": float(x)} for x in _SHARING]
    table = sweep(structure(params, share), grid, ("delta_gini_income", "delta_gini_pay"))
    return table.with_columns(proprietary_share=pl.lit(share))


def _boundaries_over(params: Params, name: str) -> pl.DataFrame:
    rows = [
        {
            "moved": name,
            "gini": float(gini),
            "boundary": structure_boundary(vary(params, **{name: float(gini)})),
        }
        for gini in _GINI
    ]
    return pl.DataFrame(rows)


def _reach(boundary: Array) -> float:
    finite = boundary[np.isfinite(boundary)]
    return float(finite.max() - finite.min()) if finite.size else 0.0
