"""The vectorized simulator equals plain loops, with and without each nuisance."""

import numpy as np
import polars as pl
import pytest
from plain_designs import plain_design
from reference_simulator import ReferencePanel

from withintask.sim.designs import change_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import vary
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate

# Sums in another order differ by rounding; the quadrature of the signal slope by interpolation in 32 nodes.
ROUNDING = 1e-11
INTERPOLATION = 1e-9
SMALL = {
    "n_workers": 26,
    "n_firms": 5,
    "n_occupations": 6,
    "n_occupations_by_firm": 2,
    "n_tasks": 5,
    "n_pre": 2,
    "n_post": 2,
    "n_postings_by_occupation": 4,
    "n_applicants_by_occupation": 3,
}
NUISANCES = {
    "none": {},
    "selection": {"treatment": "self_selected", "ability_selection": 0.6},
    "occupation shock": {"occupation_shock": -0.2},
    "staggered": {"treatment": "staggered"},
    "staggered by assets": {"treatment": "staggered_opposed"},
    "universal": {"treatment": "universal"},
    "attrition": {"attrition": 0.3},
    "output noise": {"output_noise": 0.2},
    "ceiling": {"rating_ceiling": 1.2},
    "method break": {"method_break": 0.4},
    "reassignment": {"task_reassignment": 0.4},
    "sorting": {"ability_sorting": 0.5},
    "premium": {"firm_premium_sd": 0.3},
    "mobility": {"mobility": 0.5},
    "items": {"n_items": 3, "item_sd": 0.3, "output_noise": 0.2},
    "shared items": {"n_items": 3, "item_sd": 0.3, "is_item_shared": True},
    "persistent noise": {"n_items": 3, "output_noise": 0.2, "noise_persistence": 0.6},
    "raters": {"n_items": 2, "n_raters": 2, "rater_noise": 0.3, "attrition": 0.2},
    "times": {"outcome": "time", "output_noise": 0.2},
    "logs": {"outcome": "log", "output_noise": 0.2},
    "counts": {"outcome": "count", "count_mean": 4.0, "n_items": 2},
    "binary": {"outcome": "binary", "log_odds_slope": 2.0, "n_items": 2},
    "scores": {"outcome": "score", "score_floor": 1.0, "score_ceiling": 5.0, "score_slope": 3.0},
    "by item": {"treatment": "randomized_items", "n_items": 3, "spillover": 0.5},
    "by firm": {"treatment": "randomized_firms"},
    "steadier": {"output_noise": 0.2, "ai_noise_ratio": 0.5, "n_items": 2},
    "spillover": {"spillover": 0.3},
    "hawthorne": {"hawthorne": 0.1, "hawthorne_slope": 0.5},
    "item choice": {"item_choice": 0.1},
    "practice": {"practice": 0.1, "practice_slope": 0.3, "n_items": 2},
    "quality": {"quality_tradeoff": 0.2},
    "arm attrition": {"arm_attrition": 0.4},
    "anticipation": {"anticipation": 0.4, "mobility": 0.5},
    "anticipation of firms": {"anticipation": 0.4, "treatment": "staggered"},
    "firm shocks": {"firm_shock_sd": 0.2, "firm_shock_assets": 0.6, "mobility": 0.5},
    "mobility by ability": {"mobility": 0.5, "mobility_sorting": 0.7},
    "noncompliance": {"noncompliance": 0.3, "output_noise": 0.2, "ai_noise_ratio": 0.5},
    "effects that differ": {"effect_sd": 0.3, "occupation_effect_sd": 0.3},
    "reranking": {"reranking": 0.6},
    "undersampling": {"undersampling": 0.4, "n_items": 2},
    "all": {
        "treatment": "self_selected",
        "ability_selection": 0.6,
        "occupation_shock": -0.2,
        "attrition": 0.2,
        "output_noise": 0.2,
        "rating_ceiling": 1.5,
        "method_break": 0.4,
        "task_reassignment": 0.3,
        "ability_sorting": 0.5,
        "firm_premium_sd": 0.3,
        "mobility": 0.5,
        "n_items": 2,
        "n_raters": 2,
        "item_sd": 0.2,
        "noise_persistence": 0.3,
        "ai_noise_ratio": 0.7,
        "rater_noise": 0.2,
        "spillover": 0.2,
        "hawthorne": 0.1,
        "hawthorne_slope": 0.4,
        "item_choice": 0.1,
        "practice": 0.1,
        "practice_slope": 0.2,
        "quality_tradeoff": 0.1,
        "arm_attrition": 0.2,
        "anticipation": 0.3,
        "firm_shock_sd": 0.1,
        "firm_shock_assets": 0.5,
        "mobility_sorting": 0.4,
        "noncompliance": 0.2,
        "effect_sd": 0.2,
        "occupation_effect_sd": 0.2,
        "reranking": 0.4,
        "undersampling": 0.2,
    },
}


def design_with(nuisance):
    design = plain_design("everything-linked")
    more = ("item_id", "rater_id", "sequence", "arm", "weight", "rating_ceiling")
    outputs = (*design.columns["outputs"], *more)
    return change_design(
        design, **{**SMALL, **nuisance}, columns={**design.columns, "outputs": outputs}
    )


def assert_rows_equal(frame, rows, rtol=ROUNDING):
    expected = pl.DataFrame(rows, infer_schema_length=None)
    found = frame.select(expected.columns)
    assert found.height == expected.height
    for name in expected.columns:
        if found[name].dtype == pl.Float64 and found[name].null_count() == 0:
            np.testing.assert_allclose(found[name], expected[name], rtol=rtol, atol=rtol)
        else:
            assert found[name].to_list() == expected[name].to_list(), name


@pytest.mark.parametrize("nuisance", NUISANCES)
@pytest.mark.parametrize("table", ["outputs", "pay", "workers", "firms"])
def test_tables_equal_plain_loops(small_economy, nuisance, table):
    design = design_with(NUISANCES[nuisance])
    shocks = draw_shocks(design, seed=7)
    found = simulate(small_economy, design, shocks).tables()[table]
    assert_rows_equal(found, getattr(ReferencePanel(small_economy, design, shocks), table)())


@pytest.mark.parametrize(
    "nuisance",
    [{}, {"credential_drift": 2.0}, {"anticipation": 0.5}, {"credential_effect_sd": 2.0}],
    ids=str,
)
@pytest.mark.parametrize("table", ["postings", "screening"])
def test_screening_tables_equal_plain_loops(small_economy, table, nuisance):
    design = design_with({**nuisance, "n_postings_by_occupation": 20})
    shocks = draw_shocks(design, seed=8)
    found = simulate(small_economy, design, shocks).tables()[table]
    rows = getattr(ReferencePanel(small_economy, design, shocks), table)()
    assert_rows_equal(found, rows, rtol=INTERPOLATION)


@pytest.mark.parametrize(
    "change", [{"task_substitution": -0.5}, {"substitution": 1.0}, {"reach_rate": 0.7}]
)
def test_tables_equal_plain_loops_away_from_the_baseline(small_economy, change):
    economy = solve_economy(vary(small_economy.params, **change), n_workers=2**8)
    design = design_with({})
    shocks = draw_shocks(design, seed=9)
    panel, plain = simulate(economy, design, shocks), ReferencePanel(economy, design, shocks)
    assert_rows_equal(panel.outputs, plain.outputs())
    assert_rows_equal(panel.pay, plain.pay())


@pytest.mark.parametrize(
    "nuisance",
    [
        "none",
        "attrition",
        "reassignment",
        "selection",
        "persistent noise",
        "shared items",
        "practice",
        "effects that differ",
        "reranking",
        "anticipation",
    ],
)
def test_repeated_cross_sections_equal_plain_loops(small_economy, nuisance):
    columns = {"outputs": ("worker_id", "task_id", "period", "firm_id", "output")}
    design = change_design(
        plain_design("task-cross-section"),
        **{**SMALL, "n_control_tasks": 3, **NUISANCES[nuisance]},
        columns=columns,
    )
    shocks = draw_shocks(design, seed=10)
    plain = ReferencePanel(small_economy, design, shocks).outputs()
    rows = [{name: row[name] for name in design.columns["outputs"]} for row in plain]
    assert_rows_equal(simulate(small_economy, design, shocks).outputs, rows)


@pytest.mark.parametrize("nuisance", ["none", "attrition", "method break", "occupation shock"])
def test_published_percentiles_equal_plain_loops(small_economy, nuisance):
    design = change_design(
        plain_design("oews"),
        n_workers=60,
        n_firms=4,
        n_occupations=6,
        top_code=1.3,
        **NUISANCES[nuisance],
    )
    shocks = draw_shocks(design, seed=11)
    found = simulate(small_economy, design, shocks).occupation_pay
    cells = ReferencePanel(small_economy, design, shocks).occupation_pay()
    assert found.height == len(cells)
    for row in found.iter_rows(named=True):
        values = cells[row["occupation_code"], row["period"]]
        assert row["employment"] == len(values)
        for q in (10, 25, 50, 75, 90):
            exact = float(np.percentile(values, q))
            assert row[f"pay_p{q}"] == pytest.approx(min(exact, 1.3), rel=ROUNDING)
            assert row[f"pay_p{q}_bound"] == (">=" if exact >= 1.3 else None)


def test_schooling_cells_equal_plain_loops(small_economy):
    design = change_design(
        plain_design("education-cells"), n_workers=40, n_firms=4, n_occupations=6
    )
    shocks = draw_shocks(design, seed=12)
    found = simulate(small_economy, design, shocks).education_pay
    plain = ReferencePanel(small_economy, design, shocks)
    cells = {}
    for i in range(design.n_workers):
        years = tuple(float(np.round(plain.education(i, 0, k))) for k in (0, 1))
        for t in range(design.n_periods):
            cells.setdefault((f"o{plain.occupation(i):07d}", *years, t), []).append(
                plain._pay(i, t)
            )
    assert found.height == len(cells)
    for code, cog, soc, period, n, mean, log_mean in found.iter_rows():
        values = cells[code, cog, soc, period]
        assert n == len(values)
        assert mean == pytest.approx(np.mean(values), rel=ROUNDING)
        assert log_mean == pytest.approx(np.mean(np.log(values)), rel=ROUNDING, abs=ROUNDING)
