"""The model's reference figures with their quadrature error."""

from collections.abc import Callable

import numpy as np
import polars as pl

from withintask.sim.economy import Economy, solve_economy
from withintask.sim.education import entrant_education
from withintask.sim.params import Params, load_params, vary
from withintask.sim.regime import PROPRIETARY_SHARE, boundary, change_axis
from withintask.sim.screening import Screening, screening_after, screening_before
from withintask.tests_of_model.estimands import between as h4
from withintask.tests_of_model.estimands import compression as h1
from withintask.tests_of_model.estimands import returns as h2
from withintask.tests_of_model.evidence.regimes import BOUNDARIES
from withintask.tests_of_model.moments.moments import MOMENTS

Figures = dict[str, float]

_RHO = (1.0, 0.5, 0.01, -0.5, -1.0)
_SIGMA = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
_XI = (0.0, 0.3, 0.6, 0.8, 1.0)
_XI_SHARE = 0.75
_UNEQUAL = {"proprietary": 1.0, "commodity": 0.0, "capital_intensity": 1.0}


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
    runs = [figures_of(params, scramble) for scramble in range(n_scrambles)]
    rows = []
    for part, figure in runs[0]:
        values = np.array([run[part, figure] for run in runs])
        rows.append(
            {
                "part": part,
                "figure": figure,
                "value": float(values.mean()),
                "quadrature_sd": float(values.std(ddof=1)),
            }
        )
    return pl.DataFrame(rows)


def figures_of(params: Params, scramble: int) -> dict[tuple[str, str], float]:
    """Compute all figures for one scramble of the population, by part and figure."""

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
    return {
        (part, name): value for part, compute in parts.items() for name, value in compute().items()
    }


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
        setting: boundary(vary(params, **changes), along=PROPRIETARY_SHARE, scramble=scramble)
        for setting, changes in BOUNDARIES.items()
    }


def _sharing(params: Params, scramble: int) -> Figures:
    proprietary = change_axis(params, PROPRIETARY_SHARE, _XI_SHARE)
    economies = {
        xi: solve_economy(vary(proprietary, rent_sharing=xi), scramble=scramble) for xi in _XI
    }
    return {
        **{f"ΔGini(income), ξ = {xi:g}": e.delta_gini_income for xi, e in economies.items()},
        **{f"ΔGini(pay), ξ = {xi:g}": e.delta_gini_pay for xi, e in economies.items()},
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
