"""Switches: off changes nothing bit for bit, on changes the tables it names and no other, as its equation says."""

import numpy as np
import polars as pl
import pytest
from plain_designs import plain_design, plain_designs

from withintask.panel.errors import ParameterError
from withintask.sim import equations as eq
from withintask.sim.design import OFF
from withintask.sim.designs import change_design, design_hash
from withintask.sim.economy import solve_economy
from withintask.sim.params import switch_off
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.switches import SWITCHES, why_idle

DESIGNS = list(plain_designs())
HASHES = {
    "oews": "13a0b09885f8c0ef",
    "education-cells": "447fd731faa13169",
    "pay-panel": "a34a235fdd6ed764",
    "task-cross-section": "68da0b3e6518dd0a",
    "task-panel-selected": "92b85164118ca5db",
    "rct": "9e76d0172d75caaa",
    "rct-ability": "93d9c639e34b977e",
    "linked-pay": "82a98a98fa7ada01",
    "linked-pay-assets": "73a242c3ae789ec1",
    "postings": "f9b477a05f67a844",
    "postings-screening": "a799713416913346",
    "everything-linked": "1883e17c20792dbe",
}
ON = {
    **{switch.name: 0.4 for switch in SWITCHES},
    "arm_attrition": 0.3,
    "credential_drift": 3.0,
    "credential_effect_sd": 3.0,
}
ALONE = [switch for switch in SWITCHES if not switch.modifies]
SMALL = {"n_workers": 96, "n_firms": 8, "mobility": 0.5}


def small(name, **changes):
    return change_design(plain_design(name), **{**SMALL, **changes})


def panel_of(economy, design, drawn_for=None):
    return simulate(economy, design, draw_shocks(drawn_for or design, seed=3))


def different_tables(one, other):
    return {name for name, frame in one.tables().items() if not frame.equals(other.tables()[name])}


def log_ratio(economy, design, plain):
    """Log output over what it is without the switch, and the rows, (row,)."""
    rows = panel_of(economy, design).outputs
    ratio = (rows["output"] / panel_of(economy, plain).outputs["output"]).log().to_numpy()
    return ratio, rows


def by_row(design, of_worker):
    """Repeat a value of each worker over the rows of the outputs."""
    return np.repeat(of_worker, design.n_tasks_by_worker * design.n_periods * design.n_rows_by_task)


def trial(economy, **changes):
    """A trial with one switch on, and the log change of output, the rows, scores and exposure by row."""
    plain = small("rct", output_noise=0.0)
    design = change_design(plain, **changes)
    ratio, rows = log_ratio(economy, design, plain)
    score = by_row(design, draw_shocks(design, seed=3)["ability"][:, 0])
    exposure = rows.join(panel_of(economy, design).tasks, on="task_id", maintain_order="left")
    return ratio, rows, score, exposure["exposure"].to_numpy()


# Off ---------------------------------------------------------------------------------------------


def test_fields_that_are_off_leave_the_hashes_under_which_studies_are_stored():
    designs = plain_designs().values()
    assert {d.name: design_hash(d) for d in designs} == HASHES
    assert {d.name: design_hash(change_design(d, **OFF)) for d in designs} == HASHES


@pytest.mark.parametrize("name", OFF)
def test_a_field_that_is_not_off_is_named_by_the_hash(name):
    others = {
        "is_item_shared": True,
        "outcome": "count",
        "n_items": 2,
        "n_raters": 2,
        "score_ceiling": 9.0,
    }
    design = change_design(plain_design("rct"), **{name: OFF[name]})
    other = change_design(design, **{name: others.get(name, 0.3)})
    assert design_hash(other) != design_hash(design)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_a_switch_that_is_off_changes_nothing_bit_for_bit(small_economy, name, switch):
    # Though the draws that it would need have been made.
    design = small(name)
    on = change_design(design, **{switch.name: ON[switch.name]})
    assert (
        different_tables(panel_of(small_economy, design, on), panel_of(small_economy, design))
        == set()
    )


# On ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_a_switch_changes_tables_that_it_names_unless_it_says_why_not(small_economy, name, switch):
    plain = small(name, **{switch.modifies: 0.4} if switch.modifies else {})
    design = change_design(plain, **{switch.name: ON[switch.name]})
    changed = different_tables(panel_of(small_economy, design), panel_of(small_economy, plain))
    assert changed <= set(switch.tables)
    assert bool(changed) is not bool(why_idle(switch, design)), (changed, why_idle(switch, design))


def test_hawthorne_raises_the_treated_as_its_equation_says(small_economy):
    ratio, rows, score, _ = trial(small_economy, hawthorne=0.1, hawthorne_slope=0.5)
    expected = eq.hawthorne_log(0.1, 0.5, score) * rows["ai_access"].to_numpy()
    np.testing.assert_allclose(ratio, expected, rtol=0, atol=1e-12)


def test_item_choice_gives_the_able_among_the_treated_harder_items(small_economy):
    ratio, rows, score, _ = trial(small_economy, item_choice=0.1)
    expected = -0.1 * score * rows["ai_access"].to_numpy()
    np.testing.assert_allclose(ratio, expected, rtol=0, atol=1e-12)


def test_practice_raises_output_with_items_of_the_task_done_before(small_economy):
    plain = small("rct", output_noise=0.0, n_items=3)
    design = change_design(plain, practice=0.2, practice_slope=0.3)
    ratio, rows = log_ratio(small_economy, design, plain)
    score = by_row(design, draw_shocks(design, seed=3)["ability"][:, 0])
    done = rows.select(pl.int_range(pl.len()).over("worker_id", "task_id")).to_series().to_numpy()
    expected = 0.2 * np.log(1 + done) * (1 - 0.3 * score)
    np.testing.assert_allclose(ratio, expected, rtol=0, atol=1e-12)


def test_quality_is_given_up_where_ai_is_used_in_proportion_to_exposure(small_economy):
    ratio, rows, _, exposure = trial(small_economy, quality_tradeoff=0.3)
    np.testing.assert_allclose(ratio, 0.3 * exposure * rows["ai_use"], rtol=0, atol=1e-12)


def test_effects_that_differ_are_those_drawn_times_exposure(small_economy):
    ratio, rows, _, exposure = trial(small_economy, effect_sd=0.3)
    draw = by_row(small("rct"), draw_shocks(small("rct", effect_sd=0.3), seed=3)["worker_effect"])
    expected = 0.3 * draw.ravel() * exposure * rows["ai_use"].to_numpy()
    np.testing.assert_allclose(ratio, expected, rtol=0, atol=1e-12)


def test_effects_that_differ_move_pay_by_worker_and_occupation_around_one(small_economy):
    plain = small("pay-panel", pay_noise=0.0)
    design = change_design(plain, effect_sd=0.3, occupation_effect_sd=0.2)
    panel, shocks = panel_of(small_economy, design), draw_shocks(design, seed=3)
    ratio = (panel.pay["pay"] / panel_of(small_economy, plain).pay["pay"]).log().to_numpy()
    code = panel.pay["occupation_code"].str.slice(1).cast(pl.Int64).to_numpy()
    exposure = panel.occupations["exposure"].to_numpy()[code]
    expected = sum(
        sd * exposure * draw - (sd * exposure) ** 2 / 2
        for sd, draw in (
            (0.3, np.repeat(shocks["worker_effect"][:, 0], plain.n_periods)),
            (0.2, shocks["occupation_effect"][code]),
        )
    )
    np.testing.assert_allclose(ratio, expected * panel.pay["period"], rtol=0, atol=1e-12)


def test_teammates_without_ai_have_their_share_of_the_capability(small_economy):
    plain = small("rct", output_noise=0.0)
    with_ai, without = (
        panel_of(small_economy, change_design(plain, treatment=treatment)).outputs["output"]
        for treatment in ("universal", "randomized")
    )
    rows = panel_of(small_economy, change_design(plain, spillover=0.3)).outputs
    # Output is linear in capability.
    expected = np.where(rows["ai_access"], with_ai, without + 0.3 * (with_ai - without))
    np.testing.assert_allclose(rows["output"], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["rct", "linked-pay"])
def test_part_of_the_effect_is_anticipated(small_economy, name):
    plain = small(name, output_noise=0.0, pay_noise=0.0, mobility=0.0)
    table, column = ("outputs", "output") if name == "rct" else ("pay", "pay")
    design = change_design(plain, anticipation=0.4)
    before, found = (panel_of(small_economy, d).tables()[table][column] for d in (plain, design))
    shape = (-1, plain.n_periods)
    now = before.to_numpy().reshape(shape)
    last = plain.n_pre - 1
    expected = now.copy()
    expected[:, last] += 0.4 * (now[:, plain.n_pre] - now[:, last])
    np.testing.assert_allclose(found.to_numpy().reshape(shape), expected, rtol=1e-12)


def test_requirements_anticipate_and_drift(small_economy):
    n = 4_000

    def share(**changes):
        design = change_design(plain_design("postings"), n_postings_by_occupation=n, **changes)
        rows = panel_of(small_economy, design).postings
        by_cell = rows.group_by("occupation_code", "period", maintain_order=True).agg(
            pl.col("is_credential_required").mean()
        )
        return by_cell["is_credential_required"].to_numpy().reshape(-1, 2)

    plain = share()
    exposure = panel_of(small_economy, plain_design("postings")).occupations["exposure"].to_numpy()
    # Binomial errors of two shares; 60 occupations at 4.5 errors: a false alarm in 2,000.
    error = 4.5 * np.sqrt(2 * 0.25 / n)
    before, after = plain.T
    np.testing.assert_allclose(share(credential_drift=1.0)[:, 0], before, rtol=0, atol=0)
    drifted = 1 / (1 + np.exp(-np.log(after / (1 - after)) - exposure))
    np.testing.assert_allclose(share(credential_drift=1.0)[:, 1], drifted, rtol=0, atol=error)
    expected = before + 0.5 * (after - before)
    np.testing.assert_allclose(share(anticipation=0.5)[:, 0], expected, rtol=0, atol=error)


def test_firm_shocks_move_output_and_pay_of_a_firm_alike(small_economy):
    plain = small("everything-linked", output_noise=0.0, mobility=0.0)
    design = change_design(plain, firm_shock_sd=0.2, firm_shock_assets=0.6)
    shocks = draw_shocks(design, seed=3)
    draw = 0.6 * shocks["assets"] + 0.8 * shocks["firm_shock"]
    of_firm = (0.2 * draw - 0.02)[np.arange(design.n_workers) * design.n_firms // design.n_workers]
    with_shock, without = panel_of(small_economy, design), panel_of(small_economy, plain)
    for table, column in (("outputs", "output"), ("pay", "pay")):
        rows = with_shock.tables()[table]
        ratio = (rows[column] / without.tables()[table][column]).log().to_numpy()
        expected = np.repeat(of_firm, rows.height // design.n_workers) * rows["period"].to_numpy()
        np.testing.assert_allclose(ratio, expected, rtol=0, atol=1e-12)


def test_only_the_treated_are_lost_by_arm_and_more_of_the_less_able(small_economy):
    design = small("rct", n_workers=20_000, n_firms=100, n_tasks=1, arm_attrition=0.3)
    rows = panel_of(small_economy, design).outputs
    treated = draw_shocks(design, seed=3)
    plain = panel_of(small_economy, change_design(design, arm_attrition=0.0)).outputs
    post = plain.filter(pl.col("period") == 1)
    is_kept = post["worker_id"].is_in(rows.filter(pl.col("period") == 1)["worker_id"].implode())
    has_ai = post["ai_access"]
    assert is_kept.filter(~has_ai).all()
    n = has_ai.sum()
    lost = 1 - is_kept.filter(has_ai).mean()
    assert lost == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / n))
    score = treated["ability"][:, 0][has_ai.to_numpy()]
    assert score[~is_kept.filter(has_ai).to_numpy()].mean() < -0.3


def test_a_share_deviates_from_assignment_in_both_arms_and_only_one_way_is_recorded(small_economy):
    design = small("rct", n_workers=20_000, n_firms=100, n_tasks=1, output_noise=0.0)
    rows = panel_of(small_economy, change_design(design, noncompliance=0.2)).outputs
    plain = panel_of(small_economy, design).outputs
    post = pl.Series(rows["period"] == 1)
    differs = (rows["output"] != plain["output"]).filter(post)
    has_access, use = rows["ai_access"].filter(post), rows["ai_use"].filter(post)
    for arm in (has_access, ~has_access):
        error = 4 * np.sqrt(0.2 * 0.8 / arm.sum())
        assert differs.filter(arm).mean() == pytest.approx(0.2, abs=error)
    assert use.filter(~has_access).sum() == 0
    assert (use.filter(has_access) == 0).equals(differs.filter(has_access))


def test_ai_steadies_noise_and_nothing_else(small_economy):
    plain = small("rct", output_noise=0.5)
    steady = panel_of(small_economy, change_design(plain, ai_noise_ratio=0.4)).outputs
    noisy = panel_of(small_economy, plain).outputs
    clear = panel_of(small_economy, change_design(plain, output_noise=0.0)).outputs["output"]
    error = {name: (rows["output"] / clear).log() for name, rows in (("s", steady), ("n", noisy))}
    sd = np.where(steady["ai_use"] > 0, 0.2, 0.5)
    draw = (error["n"].to_numpy() + 0.125) / 0.5
    np.testing.assert_allclose(error["s"], sd * draw - 0.125, rtol=0, atol=1e-12)


def test_reranking_changes_ranks_and_not_the_distribution(economy):
    # Without AI's own effect, so that what the treated do is what others would.
    design = small(
        "rct", n_workers=40_000, n_firms=400, n_tasks=1, output_noise=0.0, n_pre=1, treatment="universal"
    )  # fmt: skip
    no_ai = solve_economy(switch_off(economy.params))
    rows = panel_of(no_ai, change_design(design, reranking=0.6)).outputs
    before, after = rows["output"].log().to_numpy().reshape(-1, 2).T
    n = len(before)
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(0.8, abs=0.02)
    assert after.mean() == pytest.approx(before.mean(), abs=4 * before.std() * np.sqrt(0.4 / n))
    # Standard error of a log standard deviation is 1/√(2n), of a difference √2 times it or less.
    assert np.log(after.std() / before.std()) == pytest.approx(0, abs=4 / np.sqrt(n))


def test_movers_sort_by_ability_and_arrive_everywhere_alike(economy):
    design = small("linked-pay", n_workers=40_000, n_firms=40, mobility=0.999, mobility_sorting=0.6)
    shocks = draw_shocks(design, seed=3)
    rows = simulate(economy, design, shocks).pay.filter(pl.col("period") == 1)
    firm = rows["firm_id"].str.slice(1).cast(pl.Int64).to_numpy()
    rank = np.argsort(np.argsort(shocks["assets"]))[firm]
    correlation = np.corrcoef(shocks["ability"][:, 0], rank)[0, 1]
    # Of a normal score with a uniform rank of correlation .6 behind it: .6·√(3/π); error below 1/√n.
    assert correlation == pytest.approx(0.6 * np.sqrt(3 / np.pi), abs=4 / np.sqrt(40_000) + 0.002)
    share = np.bincount(rank, minlength=40) / 40_000
    np.testing.assert_allclose(share, 1 / 40, rtol=0, atol=4.5 * np.sqrt(1 / 40 / 40_000))


@pytest.mark.parametrize("name", sorted(set(ON) - {"ai_noise_ratio"}))
def test_impossible_values_of_switches_are_refused(name):
    with pytest.raises(ParameterError, match=f"{name} = "):
        change_design(plain_design("rct"), **{name: -101.0})
