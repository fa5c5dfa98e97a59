"""Tables of a study of power as frames, numbers as numbers."""

from dataclasses import asdict

import polars as pl

from withintask.tests_of_model.harness.power.run import PowerReport
from withintask.tests_of_model.harness.power.search import Confirmed

_SIZES = (
    "n_firms",
    "n_workers",
    "n_tasks",
    "n_items",
    "n_pre",
    "n_post",
    "treatment",
    "treated_share",
    "n_raters",
    "n_occupations",
    "n_postings_by_occupation",
)


def designs_frame(report: PowerReport) -> pl.DataFrame:
    """Return the designs that were confirmed, one row each: role, cost, power with its interval, sizes, and validity of the first term."""
    answer = report.answer
    groups = (
        ("winner", () if answer.winner is None else (answer.winner,)),
        ("neighbour", answer.neighbours),
        ("not_valid", answer.rejected),
        ("too_small", answer.short),
    )
    rows = [_row(report, role, candidate) for role, found in groups for candidate in found]
    return pl.DataFrame(rows, infer_schema_length=None)


def _row(report: PowerReport, role: str, candidate: Confirmed) -> dict[str, object]:
    design = report.answer.space.design(candidate.number)
    low, high = candidate.interval
    first = candidate.validity[0] if candidate.validity else None
    return {
        "role": role,
        "cost": candidate.cost,
        "power": candidate.power,
        "power_low": low,
        "power_high": high,
        "n_replicates": candidate.n,
        **{name: getattr(design, name) for name in _SIZES},
        "relative_bias": first.relative_bias if first else None,
        "relative_bias_mc_se": first.relative_bias_mc_se if first else None,
        "coverage": first.reference.coverage if first else None,
        "coverage_mc_se": first.reference.coverage_mc_se if first else None,
        "size": first.no_ai.rejects if first else None,
        "size_mc_se": first.no_ai.rejects_mc_se if first else None,
        "is_valid": candidate.is_valid if first else None,
        "why_not": candidate.why_not(),
    }


def validity_frame(report: PowerReport) -> pl.DataFrame:
    """Return bias, coverage, size and power of each term on the design shown, with Monte-Carlo errors; empty without one."""
    shown = report.shown
    rows = [
        {
            "term": v.term,
            "truth": v.reference.truth,
            "relative_bias": v.relative_bias,
            "relative_bias_mc_se": v.relative_bias_mc_se,
            "coverage": v.reference.coverage,
            "coverage_mc_se": v.reference.coverage_mc_se,
            "coverage_no_ai": v.no_ai.coverage,
            "coverage_no_ai_mc_se": v.no_ai.coverage_mc_se,
            "size": v.no_ai.rejects,
            "size_mc_se": v.no_ai.rejects_mc_se,
            "power": v.reference.rejects,
            "power_mc_se": v.reference.rejects_mc_se,
            "is_valid": v.is_valid,
            "why_not": v.why_not(),
        }
        for v in (shown.validity if shown else ())
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def robust_frame(report: PowerReport) -> pl.DataFrame:
    """Return the answer under each trouble, one row a trouble: what happens, the size it takes with its interval, power and bias of the winner as it is."""
    rows = [
        {
            "trouble": r.trouble.name,
            "what_happens": r.trouble.words.removeprefix("if "),
            "axis": r.axis,
            "size": r.size,
            "size_low": r.low,
            "size_high": r.high,
            "workers": r.workers,
            "power": r.power,
            "power_mc_se": r.power_mc_se,
            "relative_bias": r.relative_bias,
            "relative_bias_mc_se": r.relative_bias_mc_se,
            "is_biased": r.is_biased,
            "n_replicates": r.n,
            "changes_nothing": r.idle,
            "source": r.trouble.source,
        }
        for r in report.robust
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def frontier_frame(report: PowerReport) -> pl.DataFrame:
    """Return the frontier, one row a budget."""
    return pl.DataFrame([asdict(point) for point in report.frontier], infer_schema_length=None)
