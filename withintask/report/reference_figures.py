"""The model's reference figures with their quadrature error, as a table and as a page of the documentation."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.atomic import save_text
from withintask.report.tables import print_rows
from withintask.sim.economy import Economy, solve_economy
from withintask.sim.education import entrant_education
from withintask.sim.params import Params, load_params, vary
from withintask.sim.regime import PROPRIETARY_SHARE, boundary, change_axis
from withintask.sim.screening import Screening, screening_after, screening_before
from withintask.tests_of_model.estimands import between as h4
from withintask.tests_of_model.estimands import compression as h1
from withintask.tests_of_model.estimands import returns as h2
from withintask.tests_of_model.moments.moments import MOMENTS

Figures = dict[str, float]

_RHO = (1.0, 0.5, 0.01, -0.5, -1.0)
_SIGMA = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
_XI = (0.0, 0.3, 0.6, 0.8, 1.0)
_XI_SHARE = 0.75
_BOUNDARIES: tuple[dict[str, float], ...] = (
    {},
    {"rent_sharing": 0.05},
    {"rent_sharing": 0.40},
    {"own_gini": 0.60},
    {"own_gini": 0.90},
    {"asset_gini": 0.40},
    {"asset_gini": 0.90},
)
_UNEQUAL = {"proprietary": 1.0, "commodity": 0.0, "capital_intensity": 1.0}

_PAGE = """# Reference figures of the model

Made by `withintask regime figures --out docs/reference_figures.md`; do not edit. Every figure is the mean over {n}
scrambles of the population's 2^15 points. *Quadrature s.d.* is its standard deviation over scrambles: the error of one
solved economy. What other exposure draws would change is not in it (parameter `exposure_seed`).

{tables}
"""


def reference_figures(*, n_scrambles: int) -> pl.DataFrame:
    """Compute all figures over several scrambles of the population.

    Parameters
    ----------
    n_scrambles
        Scrambles, at least 2.

    Returns
    -------
    polars.DataFrame
        ``part, figure, value, quadrature_sd``.
    """
    params = load_params()
    found = [dict(_all(params, scramble)) for scramble in range(n_scrambles)]
    rows = []
    for part, figure in found[0]:
        values = np.array([one[part, figure] for one in found])
        rows.append(
            {
                "part": part,
                "figure": figure,
                "value": float(values.mean()),
                "quadrature_sd": float(values.std(ddof=1)),
            }
        )
    return pl.DataFrame(rows)


def run_reference_figures(*, n_scrambles: int, out: Path | None) -> pl.DataFrame:
    """Print the figures, and write them as a page if a file is given."""
    figures = reference_figures(n_scrambles=n_scrambles)
    for (part,), rows in figures.group_by("part", maintain_order=True):
        print_rows(("figure", "value", "quadrature s.d."), _cells(rows), title=str(part))
    if out is not None:
        save_text(out, _page(figures, n_scrambles))
    return figures


def _all(params: Params, scramble: int) -> Iterator[tuple[tuple[str, str], float]]:
    def solve(changes: dict[str, float]) -> Economy:
        return solve_economy(vary(params, **changes), scramble=scramble)

    parts: dict[str, Callable[[], Figures]] = {
        "Baseline: moments": lambda: _moments(solve({})),
        "Baseline: incomes": lambda: _incomes(solve({})),
        "Baseline: returns and entrants": lambda: _schooling(solve({})),
        "m1 by substitution of skill and AI inside a task": lambda: {
            f"ρ = {rho:g}": h1.delta_log_cv(solve({"task_substitution": rho})) for rho in _RHO
        },
        "Boundary in η1/(η0+η1)": lambda: _boundaries(params, scramble),
        f"Rent sharing at a proprietary share of {_XI_SHARE:g}": lambda: _sharing(params, scramble),
        "Returns to education by substitution across tasks": lambda: _by_sigma(solve),
        "Dispersion that misleads": lambda: _misleading(solve),
    }
    for part, compute in parts.items():
        yield from (((part, name), value) for name, value in compute().items())


def _moments(economy: Economy) -> Figures:
    before, after = screening_before(economy), screening_after(economy)
    return {
        **{f"{m.name}, {m.meaning}": m.value(economy) for m in MOMENTS},
        "credential probability in exposed occupations, before": _exposed(before),
        "credential probability in exposed occupations, after": _exposed(after),
    }


def _exposed(screening: Screening) -> float:
    return float(screening.credential_probability[screening.is_exposed].mean())


def _incomes(economy: Economy) -> Figures:
    before, after = economy.before, economy.after
    states = {"before": before, "after": after}
    figures = {"ΔGini(pay)": economy.delta_gini_pay, "final output Ŷ": after.final_output}
    for name, read in (
        ("Gini of income", lambda s: s.gini_income),
        ("Gini of pay", lambda s: s.gini_pay),
        ("Theil index of income", lambda s: s.theil_income),
        ("Theil index of pay", lambda s: s.theil_pay),
        ("90/10 ratio of income", lambda s: s.percentile_ratio_income(90, 10)),
        ("90/10 ratio of pay", lambda s: s.percentile_ratio_pay(90, 10)),
        ("profit share", lambda s: s.profit_share),
        ("variance of log pay between firms", lambda s: s.between_variance),
        ("variance of log pay within firms", lambda s: s.within_variance),
    ):
        figures |= {f"{name}, {when}": read(state) for when, state in states.items()}  # type: ignore[no-untyped-call]
    return figures


def _schooling(economy: Economy) -> Figures:
    figures = {
        "Δb_C, level return": h2.delta_return_cog(economy),
        "Δb_S, level return": h2.delta_return_soc(economy),
        "Δb_C, log return": h2.delta_log_return_cog(economy),
        "Δb_S, log return": h2.delta_log_return_soc(economy),
    }
    for when, state in (("before", economy.before), ("after", economy.after)):
        cog, soc = entrant_education(economy, state).education_mean
        figures[f"entrants' years of cognitive education, {when}"] = float(cog)
        figures[f"entrants' years of social education, {when}"] = float(soc)
    return figures


def _boundaries(params: Params, scramble: int) -> Figures:
    return {
        ", ".join(f"{name} = {value:g}" for name, value in changes.items()) or "baseline": boundary(
            vary(params, **changes), along=PROPRIETARY_SHARE, scramble=scramble
        )
        for changes in _BOUNDARIES
    }


def _sharing(params: Params, scramble: int) -> Figures:
    proprietary = change_axis(params, PROPRIETARY_SHARE, _XI_SHARE)
    found = {xi: solve_economy(vary(proprietary, rent_sharing=xi), scramble=scramble) for xi in _XI}
    return {
        **{f"ΔGini(income), ξ = {xi:g}": one.delta_gini_income for xi, one in found.items()},
        **{f"ΔGini(pay), ξ = {xi:g}": one.delta_gini_pay for xi, one in found.items()},
    }


def _by_sigma(solve: Callable[[dict[str, float]], Economy]) -> Figures:
    figures = {}
    for sigma in _SIGMA:
        economy = solve({"substitution": sigma})
        figures[f"Δb_C, level, σ = {sigma:g}"] = h2.delta_return_cog(economy)
        figures[f"Δb_S, log, σ = {sigma:g}"] = h2.delta_log_return_soc(economy)
        figures[f"mean price of exposed tasks, σ = {sigma:g}"] = _exposed_price(economy)
        figures[f"change in expenditure share of exposed tasks, σ = {sigma:g}"] = _spent(economy)
    return figures


def _exposed_price(economy: Economy) -> float:
    return float(economy.after.task_price[economy.population.exposure > 0].mean())


def _spent(economy: Economy) -> float:
    workers, exposed = economy.population.workers, economy.population.exposure > 0
    before = np.broadcast_to(
        workers.human_capital_mean[economy.population.task_skill], exposed.shape
    )
    after = before * economy.after.task_price * economy.after.output_ratio
    return float(after[exposed].sum() / after.sum() - before[exposed].sum() / before.sum())


def _misleading(solve: Callable[[dict[str, float]], Economy]) -> Figures:
    commodity = solve({"commodity": 1.0, "proprietary": 0.0})
    unequal = solve(_UNEQUAL)
    return {
        "Δ V_b/(V_b+V_w) under commodity AI alone": h4.delta_between_share(commodity),
        "ΔV_b under commodity AI alone": h4.delta_between_variance(commodity),
        "ΔV_w under commodity AI alone": h4.delta_within_variance(commodity),
        "m1 under very unequal proprietary AI": h1.delta_log_cv(unequal),
        "Δ ln CV pooled over firms, the same economy": h1.delta_log_cv_pooled(unequal),
    }


def _cells(rows: pl.DataFrame) -> list[tuple[str, str, str]]:
    return [
        (figure, f"{value:+.5f}", f"{sd:.1e}")
        for figure, value, sd in rows.select("figure", "value", "quadrature_sd").iter_rows()
    ]


def _page(figures: pl.DataFrame, n_scrambles: int) -> str:
    blocks = []
    for (part,), rows in figures.group_by("part", maintain_order=True):
        lines = [f"| {a} | {b} | {c} |" for a, b, c in _cells(rows)]
        head = ["| figure | value | quadrature s.d. |", "|---|---:|---:|"]
        blocks.append("\n".join([f"## {part}", "", *head, *lines]))
    return _PAGE.format(n=n_scrambles, tables="\n\n".join(blocks))
