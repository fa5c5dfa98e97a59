"""The claims of the paper's summary, each held against this closure: holds, conditional, or does not hold."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.sim.economy import Economy, solve_economy
from withintask.sim.params import Params, vary
from withintask.tests_of_model.estimands.figures import FIGURES
from withintask.tests_of_model.evidence.sweeps import (
    N_WORKERS,
    crossings,
    structure,
    structure_boundary,
    sweep,
)

HOLDS, CONDITIONAL, FAILS = "holds", "conditional", "does not hold"

_RHO = np.linspace(-1, 1, 17)
_SIGMA = np.array([0.3, 0.5, 0.7, 0.9, 1.0, 1.1, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.5, 8.0])
_SHARING = np.linspace(0, 1, 21)
_SHARE = np.linspace(0, 1, 21)
_GINI = np.array([0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9])
_GAPS = (0.5, 0.1)
"""Gaps of η1 and ξ between industries at the baseline, as in worlds.toml; cut where the parameters are smaller."""
_PROPRIETARY_SHARE = 0.75
"""Technology structure at which the model page reports the effect of rent sharing; the path is drawn at the fit's own too."""
_NEAR_ZERO = 5e-3
_ZERO = 1e-10
"""Below this a contrast that is zero in theory counts as zero; rounding is near 1e-15."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """One claim, its verdict, and the figures behind it."""

    name: str
    """Short name; also that of its figure."""
    claim: str
    """What the summary says."""
    verdict: str
    """``holds``, ``conditional`` or ``does not hold``, computed."""
    finding: str
    """What this closure gives, in words with its figures."""
    evidence: pl.DataFrame
    """What the figure shows."""


def claims(
    params: Params, *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[Claim, ...]:
    """Hold every claim against the economy at given parameters.

    Parameters
    ----------
    params
        Where to judge; conditions are found by moving one parameter at a time from here.
    on_progress
        Called with claims done and in all.

    Returns
    -------
    tuple of Claim
        Every sign computed, none assumed.
    """
    judges = (
        compression_with_concentration,
        technology_structure,
        compression_needs_substitutes,
        credentials,
        returns_to_education,
        rent_sharing_and_inequality,
        between_firm_dispersion,
        between_share,
        asset_concentration,
    )
    found = []
    for done, judge in enumerate(judges):
        found.append(judge(params))
        if on_progress is not None:
            on_progress(done + 1, len(judges))
    return tuple(found)


def compression_with_concentration(params: Params) -> Claim:
    """AI compresses performance within tasks and widens inequality of income at once."""
    table = sweep(
        params, [{"ai_floor": params.ai_floor * x} for x in np.linspace(0, 1.5, 13)],
        ("delta_gini_income", "delta_gini_pay", "delta_profit_share"),
    )  # fmt: skip
    compression = [
        _figure(params, "delta_log_cv", ai_floor=a) if a > 0 else 0.0 for a in table["ai_floor"]
    ]
    table = table.with_columns(delta_log_cv=pl.Series(compression))
    own = _figures(
        params,
        "delta_log_cv",
        "ability_gradient",
        "delta_gini_income",
        "delta_gini_pay",
        "delta_profit_share",
    )
    both = own["delta_log_cv"] < 0 and own["ability_gradient"] < 0 and own["delta_gini_income"] > 0
    return Claim(
        name="compression_with_concentration",
        claim="The technology that equalizes performance within tasks can widen inequality of income.",
        verdict=HOLDS if both else CONDITIONAL,
        finding=(
            f"At the fitted parameters the log coefficient of variation changes by {own['delta_log_cv']:+.3f}, the ability gradient is "
            f"{own['ability_gradient']:+.3f}, the profit share changes by {own['delta_profit_share']:+.3f}, the Gini of pay by "
            f"{own['delta_gini_pay']:+.4f} and the Gini of income by {own['delta_gini_income']:+.4f}."
        ),
        evidence=table,
    )


def technology_structure(params: Params) -> Claim:
    """η1 against η0 alone crosses the boundary."""
    boundary = structure_boundary(params)
    rows = [
        {
            "proprietary_share": s,
            "delta_gini_income": _figure(structure(params, float(s)), "delta_gini_income"),
        }
        for s in _SHARE
    ]
    crosses = np.isfinite(boundary)
    finding = (
        f"With η0 + η1 and all else fixed, ΔGini of income is {rows[0]['delta_gini_income']:+.4f} if all AI is a commodity and "
        f"{rows[-1]['delta_gini_income']:+.4f} if all is proprietary"
        + (
            f"; it is zero at a proprietary share of {boundary:.3f}."
            if crosses
            else "; the sign does not change."
        )
    )
    return Claim(
        name="technology_structure",
        claim="Technology structure (η1 against η0) alone crosses the boundary between the regimes.",
        verdict=HOLDS if crosses else FAILS,
        finding=finding,
        evidence=pl.DataFrame(rows),
    )


def compression_needs_substitutes(params: Params) -> Claim:
    """H1 within ρ > 0."""
    table = sweep(
        params, [{"task_substitution": r} for r in _RHO], ("delta_log_cv", "ability_gradient")
    )
    return _sign_by_rho(
        table, ("delta_log_cv", "ability_gradient"), -1, name="compression",
        claim="H1: on exposed tasks dispersion falls, and the least able gain most, where skill and AI substitute (ρ > 0).",
        what="The log coefficient of variation falls, and the ability gradient is negative,",
        is_scoped=True,
    )  # fmt: skip


def credentials(params: Params) -> Claim:
    """H3 iff ρ > 0."""
    table = sweep(params, [{"task_substitution": r} for r in _RHO], ("delta_credential",))
    return _sign_by_rho(
        table, ("delta_credential",), 1, name="credentials",
        claim="H3: AI makes work samples less telling, so credential requirements rise in exposed occupations.",
        what="Requirements rise",
        is_scoped=False,
    )  # fmt: skip


def _sign_by_rho(
    table: pl.DataFrame,
    figures: tuple[str, ...],
    sign: int,
    *,
    name: str,
    claim: str,
    what: str,
    is_scoped: bool,
) -> Claim:
    rho, values = table["task_substitution"].to_numpy(), table[figures[0]].to_numpy()
    agrees = (np.sign(table.select(figures).to_numpy()) == sign).all(axis=1)
    as_said = bool(agrees[rho > 0].all() and not agrees[rho < 0].any())
    turns = [
        abs(round(turn, 2)) if abs(turn) < _NEAR_ZERO else turn for turn in crossings(rho, values)
    ]
    ends = f"{values[0]:+.3f} at ρ = {rho[0]:g} and {values[-1]:+.3f} at ρ = {rho[-1]:g}"
    holds = bool(agrees.all()) or (is_scoped and as_said)
    return Claim(
        name=name,
        claim=claim,
        verdict=HOLDS if holds else CONDITIONAL if agrees.any() else FAILS,
        finding=f"{what} {'iff ρ > 0' if as_said else 'for some ρ'}: {ends}; the sign changes at ρ = {_said(turns)}.",
        evidence=table,
    )


def returns_to_education(params: Params) -> Claim:
    """H2 is said to be conditional on σ > 1."""
    names = (
        "delta_return_cog", "delta_return_soc", "delta_log_return_cog", "delta_log_return_soc",
        "exposed_price_log", "delta_exposed_expenditure",
    )  # fmt: skip
    grid = [{"substitution": s} for s in _SIGMA]
    table = sweep(params, grid, names)
    commodity = sweep(structure(params, 0.0), grid, ("delta_log_return_soc",))
    said = {name: _course(table[name].to_numpy()) for name in names}
    cog, price = table["delta_return_cog"].to_numpy(), table["exposed_price_log"].to_numpy()
    condition = bool((cog[_SIGMA < 1] > 0).all() and (cog[_SIGMA > 1] < 0).all())
    return Claim(
        name="returns_to_education",
        claim="H2: the return to cognitive education falls, and that to social education rises, if tasks are substitutes (σ > 1).",
        verdict=HOLDS if condition else FAILS,
        finding=(
            f"σ > 1 is {'' if condition else 'not '}the condition here. The cognitive level return {said['delta_return_cog']}; the cognitive log "
            f"return {said['delta_log_return_cog']}. The social level return {said['delta_return_soc']}; the social log return "
            f"{said['delta_log_return_soc']} (with commodity AI alone it {_course(commodity['delta_log_return_soc'].to_numpy())}). The mean "
            f"price of exposed tasks {said['exposed_price_log']}: by {price[0]:+.2f} in logs at σ = {_SIGMA[0]:g} and by {price[-1]:+.2f} at "
            f"σ = {_SIGMA[-1]:g}. Their share in expenditure {said['delta_exposed_expenditure']}."
        ),
        evidence=table,
    )


def _course(values: Array) -> str:
    """Say in which direction a change over σ goes, and where it turns."""
    turns = crossings(_SIGMA, values)
    words = ["rises" if value > 0 else "falls" for value in (values[0], values[-1])]
    if not turns:
        return f"{words[0]} at every σ shown"
    if len(turns) == 1:
        return f"{words[0]} below σ = {turns[0]:.2f} and {words[1]} above"
    return f"changes its direction at σ = {_said(turns)}"


def rent_sharing_and_inequality(params: Params) -> Claim:
    """Rent sharing lowers inequality."""
    own = params.proprietary / (params.commodity + params.proprietary)
    frames = []
    for share in (own, _PROPRIETARY_SHARE):
        at = structure(params, share)
        one = sweep(
            at,
            [{"rent_sharing": float(x)} for x in _SHARING],
            ("delta_gini_income", "delta_gini_pay"),
        )
        frames.append(one.with_columns(proprietary_share=pl.lit(share)))
    table = frames[0]
    income, pay = table["delta_gini_income"].to_numpy(), table["delta_gini_pay"].to_numpy()
    lowest = int(np.argmin(income))
    falls_throughout = lowest == len(income) - 1
    finding = (
        f"ΔGini of income falls from {income[0]:+.4f} at ξ = 0 to {income[lowest]:+.4f} at ξ = {_SHARING[lowest]:.2f}"
        + ("" if falls_throughout else f", then rises to {income[-1]:+.4f} at ξ = 1")
        + f". ΔGini of pay goes from {pay[0]:+.4f} to {pay[-1]:+.4f}; at ξ = 1 there is no profit and the two are one. "
        f"ΔGini of income is zero at ξ = {_said(crossings(_SHARING, income))}."
    )
    return Claim(
        name="rent_sharing",
        claim="Strong rent sharing (high ξ) lowers inequality; low ξ concentrates.",
        verdict=HOLDS if falls_throughout else CONDITIONAL,
        finding=finding
        + " Among pay alone rent sharing works the other way." * bool(pay[-1] > pay[0]),
        evidence=pl.concat(frames),
    )


def between_firm_dispersion(params: Params) -> Claim:
    """H4: between-firm relative to within-firm dispersion where η1 and ξ are high."""
    gap_proprietary = min(_GAPS[0], params.proprietary)
    gap_sharing = min(_GAPS[1], params.rent_sharing, 1 - params.rent_sharing)
    industries = vary(params, proprietary_gap=gap_proprietary, rent_sharing_gap=gap_sharing)
    economy = solve_economy(industries, n_workers=N_WORKERS)
    own = {
        name: float(FIGURES[name](economy))
        for name in ("between_variance_contrast", "log_ratio_contrast")
    }
    level_rises, ratio_is_zero = (
        own["between_variance_contrast"] > 0,
        abs(own["log_ratio_contrast"]) < _ZERO,
    )
    evidence = _by_industry(economy)
    by_structure = evidence.group_by("proprietary").agg(pl.col("delta_log_between_variance").mean())
    ratio_rises = bool(by_structure.sort("proprietary")["delta_log_between_variance"].diff()[1] > 0)
    return Claim(
        name="between_firm_dispersion",
        claim="H4: dispersion between firms rises relative to that within firms where AI is proprietary and rent sharing is strong.",
        verdict=HOLDS
        if level_rises and own["log_ratio_contrast"] > _ZERO
        else CONDITIONAL
        if level_rises
        else FAILS,
        finding=(
            f"The contrast of ΔV_b over industries with η1 ± {gap_proprietary:g} and ξ ± {gap_sharing:g} is "
            f"{own['between_variance_contrast']:+.5f}: in levels it "
            + ("holds. " if level_rises else "does not hold. ")
            + f"The contrast of Δ ln(V_b/V_w) is {own['log_ratio_contrast']:.1e}"
            + (
                ", zero but for rounding: V_b is proportional to ξ², so its log change does not depend on ξ. In ratios the claim "
                f"{'holds in η1 and not in ξ' if ratio_rises else 'holds neither in η1 nor in ξ'}."
                if ratio_is_zero
                else "."
            )
        ),
        evidence=evidence,
    )


def _by_industry(economy: Economy) -> pl.DataFrame:
    kinds, weight = economy.population.industries, economy.population.firm_weight
    spread = []
    for state in (economy.before, economy.after):
        premium = kinds.rent_sharing[:, None] * np.log1p(state.rent / state.human_pay_mean)
        spread.append((premium - (premium @ weight)[:, None]) ** 2 @ weight)
    return pl.DataFrame(
        {
            "proprietary": kinds.proprietary,
            "rent_sharing": kinds.rent_sharing,
            "variance_before": spread[0],
            "delta_between_variance": spread[1] - spread[0],
            "delta_log_between_variance": np.log(spread[1] / spread[0]),
        }
    )


def between_share(params: Params) -> Claim:
    """A rising between-firm share is taken as evidence of concentration."""
    names = ("delta_between_share", "delta_between_variance", "delta_within_variance")
    rows = [
        {"proprietary_share": float(s), **_figures(structure(params, s), *names)}
        for s in _SHARE[::2]
    ]
    commodity = rows[0]
    misleads = commodity["delta_between_share"] > 0 and commodity["delta_between_variance"] <= 0
    return Claim(
        name="between_share",
        claim="A rising share of pay dispersion between firms shows that AI concentrates.",
        verdict=FAILS if commodity["delta_between_share"] > 0 else HOLDS,
        finding=(
            f"Under pure commodity AI the share changes by {commodity['delta_between_share']:+.4f} while the variance between firms changes "
            f"by {commodity['delta_between_variance']:+.5f} and that within by {commodity['delta_within_variance']:+.4f}"
            + (
                ": the share rises because dispersion within firms falls, and is no evidence."
                if misleads
                else "."
            )
        ),
        evidence=pl.DataFrame(rows),
    )


def asset_concentration(params: Params) -> Claim:
    """Gini(K) sets the boundary."""
    rows = []
    for name in ("asset_gini", "own_gini"):
        rows += [
            {
                "moved": name,
                "gini": float(g),
                "boundary": structure_boundary(vary(params, **{name: float(g)})),
            }
            for g in _GINI
        ]
    table = pl.DataFrame(rows)
    reach = {
        n: _reach(table.filter(pl.col("moved") == n)["boundary"].to_numpy())
        for n in ("asset_gini", "own_gini")
    }
    by_assets = reach["asset_gini"] >= reach["own_gini"]
    return Claim(
        name="asset_concentration",
        claim="Concentration of complementary assets, Gini(K), sets the boundary.",
        verdict=HOLDS if by_assets else FAILS,
        finding=(
            f"As Gini(K) goes from {_GINI[0]:g} to {_GINI[-1]:g} the boundary in η1/(η0+η1) moves by {reach['asset_gini']:.3f}; as the Gini of "
            f"ownership does, by {reach['own_gini']:.3f} where a boundary exists. "
            + (
                ""
                if by_assets
                else "In this closure it is concentration of ownership that moves the boundary."
            )
        ),
        evidence=table,
    )


def _reach(boundary: Array) -> float:
    known = boundary[np.isfinite(boundary)]
    return float(known.max() - known.min()) if known.size else 0.0


def _figures(params: Params, *names: str) -> dict[str, float]:
    economy = solve_economy(params, n_workers=N_WORKERS)
    return {name: float(FIGURES[name](economy)) for name in names}


def _figure(params: Params, name: str, **changes: float) -> float:
    return _figures(vary(params, **changes), name)[name]


def _said(values: list[float]) -> str:
    return ", ".join(f"{v:.2f}" for v in values) if values else "no value shown"
