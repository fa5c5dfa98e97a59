"""Each claim of the summary in words: what it says, what this closure gives, and its figure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from withintask.report.style import (
    FAINT,
    FIRST,
    SECOND,
    Axes,
    draw_signed,
    legends_outside,
    new_figure,
)
from withintask.tests_of_model.evidence.claim import HOLDS, Claim, Course
from withintask.tests_of_model.evidence.hypothesis_claims import (
    BetweenFirmDispersion,
    Compression,
    Credentials,
    ReturnsToEducation,
    SignBySubstitution,
)
from withintask.tests_of_model.evidence.inequality_claims import (
    AssetConcentration,
    BetweenShare,
    CompressionWithConcentration,
    RentSharing,
    TechnologyStructure,
)

_WIDTH_OF_ONE, _WIDTH_OF_TWO, _HEIGHT = 5.6, 8.6, 3.1


@dataclass(frozen=True, kw_only=True)
class _Page:
    """What is shown of one kind of claim."""

    statement: str
    """What the summary says."""
    finding: Callable[[Any], str]
    """What this closure gives, with its figures."""
    draw: Callable[[Axes, pl.DataFrame], None]
    """Draw the evidence on one row of axes."""
    n_axes: int = 1


def statement(claim: Claim) -> str:
    """Return what the summary says."""
    return _PAGES[type(claim)].statement


def finding(claim: Claim) -> str:
    """Return what this closure gives, in words with its figures."""
    return _PAGES[type(claim)].finding(claim)


def claim_table(claims: Sequence[Claim]) -> pl.DataFrame:
    """Lay claims out as ``name, claim, verdict, finding``."""
    return pl.DataFrame(
        [
            {"name": c.name, "claim": statement(c), "verdict": c.verdict, "finding": finding(c)}
            for c in claims
        ]
    )


def draw_claim(claim: Claim) -> Figure:
    """Draw the evidence of a claim."""
    page = _PAGES[type(claim)]
    width = _WIDTH_OF_ONE if page.n_axes == 1 else _WIDTH_OF_TWO
    figure, axes = new_figure(1, page.n_axes, width=width, height=_HEIGHT)
    page.draw(axes[0], claim.evidence)
    for ax in axes[0]:
        ax.axhline(0, color="black", lw=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    legends_outside(figure)
    return figure


def _compression_with_concentration(claim: CompressionWithConcentration) -> str:
    return (
        f"At the fitted parameters the log coefficient of variation changes by {claim.delta_log_cv:+.3f}, the ability gradient is "
        f"{claim.ability_gradient:+.3f}, the profit share changes by {claim.delta_profit_share:+.3f}, the Gini of pay by "
        f"{claim.delta_gini_pay:+.4f} and the Gini of income by {claim.delta_gini_income:+.4f}."
    )


def _draw_compression_with_concentration(axes: Axes, table: pl.DataFrame) -> None:
    axes[0].plot(table["ai_floor"], table["delta_log_cv"], color=FIRST)
    axes[0].set(xlabel="α, AI floor", ylabel="Δ ln CV within tasks")
    axes[1].plot(table["ai_floor"], table["delta_gini_income"], color=FIRST, label="income")
    axes[1].plot(table["ai_floor"], table["delta_gini_pay"], color=SECOND, label="pay")
    axes[1].set(xlabel="α, AI floor", ylabel="ΔGini")


def _technology_structure(claim: TechnologyStructure) -> str:
    crossing = (
        f"it is zero at a proprietary share of {claim.boundary:.3f}."
        if claim.verdict == HOLDS
        else "the sign does not change."
    )
    return (
        f"With η0 + η1 and all else fixed, ΔGini of income is {claim.delta_gini_commodity:+.4f} if all AI is a commodity and "
        f"{claim.delta_gini_proprietary:+.4f} if all is proprietary; {crossing}"
    )


def _draw_technology_structure(axes: Axes, table: pl.DataFrame) -> None:
    draw_signed(
        axes[0], table["proprietary_share"].to_numpy(), table["delta_gini_income"].to_numpy()
    )
    axes[0].set(xlabel="η1/(η0+η1), share of proprietary AI", ylabel="ΔGini of income")


def _compression(claim: Compression) -> str:
    what = "The log coefficient of variation falls, and the ability gradient is negative,"
    return _over_rho(claim, what)


def _draw_compression(axes: Axes, table: pl.DataFrame) -> None:
    rho = table["task_substitution"]
    axes[0].plot(rho, table["delta_log_cv"], color=FIRST, label="Δ ln CV (m1)")
    axes[0].plot(
        rho, table["ability_gradient"], color=SECOND, ls="--", label="ability gradient (m2)"
    )
    axes[0].set(xlabel="ρ, substitution of skill and AI", ylabel="Δ ln CV, coefficient on ln θ")
    axes[0].axvline(0, color=FAINT, lw=0.8)


def _credentials(claim: Credentials) -> str:
    return _over_rho(claim, "Requirements rise")


def _draw_credentials(axes: Axes, table: pl.DataFrame) -> None:
    axes[0].plot(table["task_substitution"], table["delta_credential"], color=FIRST)
    axes[0].axvline(0, color=FAINT, lw=0.8)
    axes[0].set(
        xlabel="ρ, substitution of skill and AI",
        ylabel="ΔPr(credential), exposed\nless unexposed (m4)",
    )


def _over_rho(claim: SignBySubstitution, what: str) -> str:
    course, (low, high) = claim.course, claim.rho
    # A root that the grid places within rounding of zero is zero, without a sign.
    turns = tuple(abs(turn) if round(turn, 2) == 0 else turn for turn in course.turns)
    return (
        f"{what} {'iff ρ > 0' if claim.is_iff_positive else 'for some ρ'}: {course.first:+.3f} at ρ = {low:g} and "
        f"{course.last:+.3f} at ρ = {high:g}; the sign changes at ρ = {_listed(turns)}."
    )


def _returns_to_education(claim: ReturnsToEducation) -> str:
    goes = {name: _in_words(course) for name, course in claim.courses.items()}
    price, (low, high) = claim.courses["exposed_price_log"], claim.sigma
    return (
        f"σ > 1 is {'' if claim.verdict == HOLDS else 'not '}the condition here. The cognitive level return {goes['delta_return_cog']}; the "
        f"cognitive log return {goes['delta_log_return_cog']}. The social level return {goes['delta_return_soc']}; the social log return "
        f"{goes['delta_log_return_soc']} (with commodity AI alone it {_in_words(claim.commodity_log_return_soc)}). The mean "
        f"price of exposed tasks {goes['exposed_price_log']}: by {price.first:+.2f} in logs at σ = {low:g} and by {price.last:+.2f} at "
        f"σ = {high:g}. Their share in expenditure {goes['delta_exposed_expenditure']}."
    )


def _in_words(course: Course) -> str:
    """Say in which direction a change over σ goes, and where it turns."""
    first, last = ("rises" if value > 0 else "falls" for value in (course.first, course.last))
    if not course.turns:
        return f"{first} at every σ shown"
    if len(course.turns) == 1:
        return f"{first} below σ = {course.turns[0]:.2f} and {last} above"
    return f"changes its direction at σ = {_listed(course.turns)}"


def _draw_returns_to_education(axes: Axes, table: pl.DataFrame) -> None:
    returns = {
        "delta_return_cog": ("cognitive, level", FIRST, "-"),
        "delta_log_return_cog": ("cognitive, log", FIRST, "--"),
        "delta_return_soc": ("social, level", SECOND, "-"),
        "delta_log_return_soc": ("social, log", SECOND, "--"),
    }
    prices = {
        "exposed_price_log": ("log price of exposed tasks", FIRST, "-"),
        "delta_exposed_expenditure": ("Δ their expenditure share", SECOND, "-"),
    }
    for ax, lines in zip(axes, (returns, prices), strict=True):
        for name, (label, color, style) in lines.items():
            ax.plot(table["substitution"], table[name], color=color, ls=style, label=label)
        ax.set(xscale="log", xlabel="σ, substitution across tasks")
        ax.set_xticks([0.3, 1, 3, 8], ["0.3", "1", "3", "8"])
        ax.minorticks_off()
        ax.axvline(1, color=FAINT, lw=0.8)
    axes[0].set(ylabel="change of the return per year")


def _rent_sharing(claim: RentSharing) -> str:
    income, pay = claim.delta_gini_income, claim.delta_gini_pay
    then = "" if claim.verdict == HOLDS else f", then rises to {income[1]:+.4f} at ξ = 1"
    other_way = " Among pay alone rent sharing works the other way." if pay[1] > pay[0] else ""
    return (
        f"ΔGini of income falls from {income[0]:+.4f} at ξ = 0 to {claim.lowest_delta_gini_income:+.4f} at ξ = "
        f"{claim.sharing_at_lowest:.2f}{then}. ΔGini of pay goes from {pay[0]:+.4f} to {pay[1]:+.4f}; at ξ = 1 there is no profit and the "
        f"two are one. ΔGini of income is zero at ξ = {_listed(claim.roots)}.{other_way}"
    )


def _draw_rent_sharing(axes: Axes, table: pl.DataFrame) -> None:
    parts = table.group_by("proprietary_share", maintain_order=True)
    for ax, ((share,), part) in zip(axes, parts, strict=False):
        ax.plot(part["rent_sharing"], part["delta_gini_income"], color=FIRST, label="income")
        ax.plot(part["rent_sharing"], part["delta_gini_pay"], color=SECOND, label="pay")
        ax.set(xlabel="ξ, rent sharing", ylabel="ΔGini")
        ax.set_title(f"proprietary share {share:.2f}", fontsize=10)


def _between_firm_dispersion(claim: BetweenFirmDispersion) -> str:
    where = (
        "holds in η1 and not in ξ"
        if claim.ratio_rises_with_proprietary
        else "holds neither in η1 nor in ξ"
    )
    ratio = (
        f", zero but for rounding: V_b is proportional to ξ², so its log change does not depend on ξ. In ratios the claim {where}."
        if claim.ratio_is_zero
        else "."
    )
    return (
        f"The contrast of ΔV_b over industries with η1 ± {claim.gap_proprietary:g} and ξ ± {claim.gap_sharing:g} is "
        f"{claim.level_contrast:+.5f}: in levels it {'holds' if claim.level_rises else 'does not hold'}. "
        f"The contrast of Δ ln(V_b/V_w) is {claim.ratio_contrast:.1e}{ratio}"
    )


def _draw_between_firm_dispersion(axes: Axes, table: pl.DataFrame) -> None:
    labels = [
        f"η1 {'high' if p == table['proprietary'].max() else 'low'}\nξ {'high' if x == table['rent_sharing'].max() else 'low'}"
        for p, x in table.select("proprietary", "rent_sharing").iter_rows()
    ]
    axes[0].bar(labels, table["delta_between_variance"], color=FIRST)
    axes[0].set_title("ΔV_b: depends on η1 and ξ", fontsize=10)
    axes[1].bar(labels, table["delta_log_between_variance"], color=FIRST)
    axes[1].set_title("Δ ln V_b: depends on η1 alone", fontsize=10)


def _between_share(claim: BetweenShare) -> str:
    because = ": the share rises because dispersion within firms falls, and is no evidence"
    return (
        f"Under pure commodity AI the share changes by {claim.delta_between_share:+.4f} while the variance between firms changes "
        f"by {claim.delta_between_variance:+.5f} and that within by {claim.delta_within_variance:+.4f}{because if claim.misleads else ''}."
    )


def _draw_between_share(axes: Axes, table: pl.DataFrame) -> None:
    lines = (
        (axes[0], "delta_between_share", FIRST, "Δ share between firms"),
        (axes[1], "delta_between_variance", FIRST, "ΔV_b between"),
        (axes[1], "delta_within_variance", SECOND, "ΔV_w within"),
    )
    for ax, name, color, label in lines:
        ax.plot(table["proprietary_share"], table[name], color=color, label=label)
    axes[0].set(ylabel="change of the share")
    axes[1].set(ylabel="change of the variance of log pay")
    for ax in axes:
        ax.set(xlabel="η1/(η0+η1), share of proprietary AI")


def _asset_concentration(claim: AssetConcentration) -> str:
    low, high = claim.gini
    return (
        f"As Gini(K) goes from {low:g} to {high:g} the boundary in η1/(η0+η1) moves by {claim.reach_of_assets:.3f}; as the Gini of "
        f"ownership does, by {claim.reach_of_ownership:.3f} where a boundary exists. "
        + (
            ""
            if claim.verdict == HOLDS
            else "In this closure it is concentration of ownership that moves the boundary."
        )
    )


def _draw_asset_concentration(axes: Axes, table: pl.DataFrame) -> None:
    names = {
        "asset_gini": ("of complementary assets, Gini(K)", SECOND),
        "own_gini": ("of ownership, Gini(ω)", FIRST),
    }
    for name, (label, color) in names.items():
        part = table.filter(pl.col("moved") == name)
        axes[0].plot(part["gini"], part["boundary"], "o-", color=color, label=label, ms=4)
    axes[0].set(xlabel="concentration", ylabel="boundary in η1/(η0+η1)", ylim=(0, 1))


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{v:.2f}" for v in values) if values else "no value shown"


_PAGES: Mapping[type[Claim], _Page] = {
    CompressionWithConcentration: _Page(
        statement="The technology that equalizes performance within tasks can widen inequality of income.",
        finding=_compression_with_concentration,
        draw=_draw_compression_with_concentration,
        n_axes=2,
    ),
    TechnologyStructure: _Page(
        statement="Technology structure (η1 against η0) alone crosses the boundary between the regimes.",
        finding=_technology_structure,
        draw=_draw_technology_structure,
    ),
    Compression: _Page(
        statement="H1: on exposed tasks dispersion falls, and the least able gain most, where skill and AI substitute (ρ > 0).",
        finding=_compression,
        draw=_draw_compression,
    ),
    Credentials: _Page(
        statement="H3: AI makes work samples less telling, so credential requirements rise in exposed occupations.",
        finding=_credentials,
        draw=_draw_credentials,
    ),
    ReturnsToEducation: _Page(
        statement="H2: the return to cognitive education falls, and that to social education rises, if tasks are substitutes (σ > 1).",
        finding=_returns_to_education,
        draw=_draw_returns_to_education,
        n_axes=2,
    ),
    RentSharing: _Page(
        statement="Strong rent sharing (high ξ) lowers inequality; low ξ concentrates.",
        finding=_rent_sharing,
        draw=_draw_rent_sharing,
        n_axes=2,
    ),
    BetweenFirmDispersion: _Page(
        statement="H4: dispersion between firms rises relative to that within firms where AI is proprietary and rent sharing is strong.",
        finding=_between_firm_dispersion,
        draw=_draw_between_firm_dispersion,
        n_axes=2,
    ),
    BetweenShare: _Page(
        statement="A rising share of pay dispersion between firms shows that AI concentrates.",
        finding=_between_share,
        draw=_draw_between_share,
        n_axes=2,
    ),
    AssetConcentration: _Page(
        statement="Concentration of complementary assets, Gini(K), sets the boundary.",
        finding=_asset_concentration,
        draw=_draw_asset_concentration,
    ),
}
