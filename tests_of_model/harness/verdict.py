"""The verdict of the identification matrix: one rule, written here and nowhere else.

For a design, an estimator and a claim (a hypothesis's term):

1. *not estimable* if the design lacks a column or link that the estimator needs, or if most replicates fail;
2. *biased* if, in the reference world or in a rival world, the bias exceeds BIAS_SHARE of the reference truth by more
   than MC_ERRORS Monte-Carlo errors; the first such world is named, the reference first;
3. *size-distorted* if, where AI is switched off (also in rivals without AI), the test rejects more often than
   SIZE_LIMIT by more than MC_ERRORS Monte-Carlo errors;
4. *underpowered* if the reference world's power is below POWER_GOAL; the sample that would do is named;
5. *identified* otherwise.

A design's verdict is that of its best estimator, in the order of RANK.
"""

import math
from dataclasses import dataclass

import polars as pl
from scipy.special import ndtri

from withintask.sim.worlds import NO_AI, REFERENCE, load_worlds
from withintask.tests_of_model.harness.diagnosands import LEVEL, ROUNDING
from withintask.tests_of_model.harness.diagnose import diagnose, failures, not_estimable, wide

BIAS_SHARE = 0.10
"""Bias that is tolerated, as a share of the truth in the reference world."""
SIZE_LIMIT = 0.08
"""Rejection rate that is tolerated of a test of level 5 percent."""
POWER_GOAL = 0.80
"""Power that is asked for."""
MC_ERRORS = 3.0
"""Monte-Carlo errors by which a limit must be missed before it counts."""
FAILURES_LIMIT = 0.5
"""Share of failed replicates from which on a design does not support an estimator."""

RANK = ("identified", "underpowered", "size-distorted", "biased", "not estimable")
"""Verdicts, best first."""

CLAIMS = (
    ("H1a", "H1", "delta_log_cv"),
    ("H1b", "H1", "ability_gradient"),
    ("H2 cog", "H2", "delta_return_cog"),
    ("H2 soc", "H2", "delta_return_soc"),
    ("H2 gap", "H2", "delta_return_gap"),
    ("H2 log cog", "H2", "delta_log_return_cog"),
    ("H2 log soc", "H2", "delta_log_return_soc"),
    ("H2 log gap", "H2", "delta_log_return_gap"),
    ("H3", "H3", "delta_credential"),
    ("H3 slope", "H3", "credential_slope"),
    ("H4 ΔV_b", "H4", "delta_between_variance"),
    ("H4 ΔV_ψ", "H4", "delta_firm_effect_variance"),
    ("H4", "H4", "between_variance_contrast"),
)
"""Columns of the matrix: label, hypothesis and term."""

SCHEMA = {
    "claim": pl.String,
    "design": pl.String,
    "estimator": pl.String,
    "verdict": pl.String,
    "reason": pl.String,
    "world": pl.String,
    "is_best": pl.Boolean,
    "power": pl.Float64,
    "relative_bias": pl.Float64,
    "coverage": pl.Float64,
    "size": pl.Float64,
    "sample_factor": pl.Float64,
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one design and estimator say of one claim."""

    verdict: str
    """One of RANK."""
    reason: str
    """The missing column, the bias, or the sample that would do."""
    world: str = ""
    """World in which the bias or the wrong size was found."""
    sample_factor: float = math.nan
    """Multiple of the design's sample at which power would reach the goal; NaN where that is not the matter."""


def verdicts(replicates: pl.DataFrame) -> pl.DataFrame:
    """Judge every design and estimator on every claim.

    Parameters
    ----------
    replicates
        Rows of :func:`withintask.tests_of_model.harness.replicate.replicate` in the reference world, without AI, and in any
        rival worlds.

    Returns
    -------
    polars.DataFrame
        SCHEMA; ``is_best`` marks each design's best estimator on a claim.
    """
    table = wide(diagnose(replicates))
    gaps = not_estimable(replicates.filter(pl.col("world") == REFERENCE))
    said = failures(replicates.filter(pl.col("world") == REFERENCE))
    not_judged = {world.name: world.not_judged for world in load_worlds()}
    rows = []
    for claim, hypothesis, term in CLAIMS:
        chosen = (pl.col("hypothesis") == hypothesis) & (pl.col("term") == term)
        pairs = replicates.filter(chosen).select("design", "estimator").unique(maintain_order=True)
        for design, estimator in pairs.iter_rows():
            here = chosen & (pl.col("design") == design) & (pl.col("estimator") == estimator)
            worlds = {
                row["world"]: row
                for row in table.filter(here).iter_rows(named=True)
                if term not in not_judged.get(row["world"], ())
            }
            judged = _judge(worlds, gaps.filter(here), said.filter(here))
            rows.append((claim, design, estimator, judged, worlds))
    return _best_marked(pl.DataFrame([_row(*row) for row in rows], schema=SCHEMA, orient="row"))


def _judge(worlds: dict[str, dict[str, float]], gap: pl.DataFrame, failed: pl.DataFrame) -> Verdict:
    if gap.height:
        return Verdict(verdict="not estimable", reason=gap["message"][0])
    reference = worlds[REFERENCE]
    if reference["n_failed"] > FAILURES_LIMIT * reference["n_replicates"]:
        return Verdict(verdict="not estimable", reason=failed["message"][0])
    for name, world in sorted(worlds.items(), key=lambda item: item[0] != REFERENCE):
        excess = abs(world["bias"]) - BIAS_SHARE * abs(reference["truth"])
        if excess > MC_ERRORS * world["bias_mc_se"]:
            truth = 0.0 if abs(world["truth"]) < ROUNDING else world["truth"]
            reason = f"{name}: bias {world['bias']:+.2g} (MC error {world['bias_mc_se']:.1g}) at truth {truth:.2g}"
            return Verdict(verdict="biased", reason=reason, world=name)
    for name, world in sorted(worlds.items(), key=lambda item: item[0] != NO_AI):
        if (
            abs(world["truth"]) < ROUNDING
            and world["power"] - SIZE_LIMIT > MC_ERRORS * world["power_mc_se"]
        ):
            reason = f"{name}: rejects {world['power']:.0%} (MC error {world['power_mc_se']:.0%}) at level {LEVEL:.0%}"
            return Verdict(verdict="size-distorted", reason=reason, world=name)
    if reference["power"] < POWER_GOAL:
        factor = sample_factor(reference["truth"], reference["empirical_se"])
        return Verdict(
            verdict="underpowered",
            reason=f"power {reference['power']:.0%} (MC error {reference['power_mc_se']:.0%}); {factor:,.1f} times the sample would do",
            sample_factor=factor,
        )
    return Verdict(
        verdict="identified",
        reason=f"power {reference['power']:.0%}, coverage {reference['coverage']:.0%}",
    )


def sample_factor(truth: float, empirical_se: float) -> float:
    """Multiple of the sample at which a two-sided test has POWER_GOAL, errors falling with its square root."""
    needed = float(ndtri(1 - LEVEL / 2) + ndtri(POWER_GOAL))
    return (needed * empirical_se / truth) ** 2


def _row(
    claim: str, design: str, estimator: str, judged: Verdict, worlds: dict[str, dict[str, float]]
) -> tuple[object, ...]:
    reference, no_ai = worlds.get(REFERENCE, {}), worlds.get(NO_AI, {})
    figures = (reference.get(name, math.nan) for name in ("power", "relative_bias", "coverage"))
    return (
        claim,
        design,
        estimator,
        judged.verdict,
        judged.reason,
        judged.world,
        False,
        *figures,
        no_ai.get("power", math.nan),
        judged.sample_factor,
    )


def _best_marked(frame: pl.DataFrame) -> pl.DataFrame:
    """Mark the best estimator of each design and claim.

    Ties go to the one that lacks least, then to the one that only a rival deceives, then to the smaller sample factor,
    then to power.
    """
    rank = pl.col("verdict").replace_strict(
        list(RANK), list(range(len(RANK))), return_dtype=pl.Int64
    )
    order = (
        frame.with_row_index("place")
        .with_columns(
            rank=rank,
            gaps=pl.when(pl.col("verdict") == "not estimable")
            .then(pl.col("reason").str.count_matches("; "))
            .otherwise(0),
            is_always=pl.col("world") == REFERENCE,
            need=pl.col("sample_factor").fill_nan(0.0),
            strength=-pl.col("power").fill_nan(0.0),
        )
        .sort("rank", "gaps", "is_always", "need", "strength", "place")
        .group_by("claim", "design", maintain_order=True)
        .agg(pl.col("place").first())["place"]
    )
    place = pl.int_range(frame.height, eager=True)
    return frame.with_columns(is_best=place.is_in(order.cast(pl.Int64).implode()))
