"""Nuisances do what they say, in size and direction; tolerances are four Monte-Carlo errors."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from plain_designs import plain_design

from withintask.sim.designs import change_design
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate

BIG = {"n_workers": 20_000, "n_firms": 100, "n_tasks": 2, "output_noise": 0.0}


def outputs(economy, name="rct", seed=1, **changes):
    design = change_design(plain_design(name), **{**BIG, **changes})
    return simulate(economy, design, draw_shocks(design, seed=seed)).outputs


def test_noise_in_output_keeps_the_mean(economy):
    noisy, plain = outputs(economy, output_noise=0.3), outputs(economy, output_noise=0.0)
    ratio = (noisy["output"] / plain["output"]).to_numpy()
    assert ratio.mean() == pytest.approx(1, abs=4 * ratio.std() / np.sqrt(ratio.size))
    assert np.log(ratio).std() == pytest.approx(0.3, abs=4 * 0.3 / np.sqrt(2 * ratio.size))


def test_half_of_each_team_has_access(economy):
    rows = outputs(economy).filter(pl.col("period") == 1)
    share = rows.group_by("firm_id").agg(pl.col("ai_access").mean())["ai_access"]
    assert set(share.to_list()) == {0.5}


def test_access_is_independent_of_ability(economy):
    rows = outputs(economy).filter(pl.col("period") == 0)
    later = outputs(economy).filter(pl.col("period") == 1)["ai_access"]
    log_output = rows["output"].log().to_numpy()
    used, unused = log_output[later.to_numpy()], log_output[~later.to_numpy()]
    error = log_output.std() * np.sqrt(2 / (log_output.size / 4))
    assert used.mean() - unused.mean() == pytest.approx(0, abs=4 * error)


def test_those_who_choose_ai_are_the_abler(economy):
    before = (
        outputs(economy, "task-panel-selected")
        .filter(pl.col("period") == 0)["output"]
        .log()
        .to_numpy()
    )
    use = (
        outputs(economy, "task-panel-selected").filter(pl.col("period") == 1)["ai_use"].to_numpy()
        > 0
    )
    assert use.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(BIG["n_workers"]))
    assert before[use].mean() > before[~use].mean()


def test_attrition_takes_its_share_from_the_periods_with_ai_and_more_of_the_less_able(economy):
    rows = outputs(economy, attrition=0.3)
    stayed = rows.filter(pl.col("period") == 1)["worker_id"].unique()
    before = rows.filter(pl.col("period") == 0)
    n = BIG["n_workers"]
    assert before["worker_id"].n_unique() == n
    assert 1 - stayed.len() / n == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / n))
    is_left = ~before["worker_id"].is_in(stayed.implode())
    assert before.filter(is_left)["output"].mean() < before.filter(~is_left)["output"].mean()


def test_attrition_reaches_published_statistics(economy):
    design = change_design(plain_design("oews"), attrition=0.3)
    table = simulate(economy, design, draw_shocks(design, seed=1)).occupation_pay
    jobs = table.group_by("period").agg(pl.col("employment").sum()).sort("period")["employment"]
    assert jobs[1] / jobs[0] == pytest.approx(0.7, abs=4 * np.sqrt(0.3 * 0.7 / design.n_workers))


def test_reassignment_takes_workers_off_exposed_tasks_only(economy):
    changes = {"task_reassignment": 0.3, "n_control_tasks": 2}
    rows = outputs(economy, **changes).filter(pl.col("period") == 1)
    count = rows.group_by("task_id").len().sort("task_id")["len"].to_numpy() / BIG["n_workers"]
    np.testing.assert_allclose(
        count[:2], 0.7, rtol=0, atol=4 * np.sqrt(0.3 * 0.7 / BIG["n_workers"])
    )
    assert count[2:].tolist() == [1.0, 1.0]


def test_a_ceiling_caps_output_and_is_reported(economy):
    design = plain_design("rct")
    columns = {**design.columns, "outputs": (*design.columns["outputs"], "rating_ceiling")}
    rows = outputs(economy, rating_ceiling=1.2, columns=columns)
    ceiling = rows["rating_ceiling"].unique().to_list()
    assert rows["output"].max() == ceiling[0]
    assert len(ceiling) == 1
    assert ceiling[0] == pytest.approx(
        1.2 * economy.population.workers.human_capital_mean[0], rel=1e-12
    )


def test_no_ceiling_is_null(economy):
    design = plain_design("rct")
    columns = {**design.columns, "outputs": (*design.columns["outputs"], "rating_ceiling")}
    assert outputs(economy, columns=columns)["rating_ceiling"].null_count() == 4 * BIG["n_workers"]


def test_a_change_of_instrument_narrows_exposed_tasks_only_and_only_afterwards(economy):
    changes = {"treatment": "universal", "n_control_tasks": 2}
    broken = (
        outputs(economy, method_break=0.4, **changes)["output"].log().to_numpy().reshape(-1, 4, 2)
    )
    plain = outputs(economy, **changes)["output"].log().to_numpy().reshape(-1, 4, 2)
    ratio = broken.std(axis=0) / plain.std(axis=0)
    assert np.all(ratio[:2, 1] < 0.999)
    np.testing.assert_allclose(ratio[2:], 1, rtol=1e-12)
    np.testing.assert_allclose(ratio[:, 0], 1, rtol=1e-12)


def test_a_shock_moves_exposed_tasks_in_proportion_to_exposure(economy):
    shocked, plain = outputs(economy, occupation_shock=-0.2), outputs(economy)
    change = (shocked["output"] / plain["output"]).log().to_numpy().reshape(-1, 2, 2)
    design = change_design(plain_design("rct"), **BIG)
    exposure = simulate(economy, design, draw_shocks(design, seed=1)).tasks["exposure"].to_numpy()
    np.testing.assert_allclose(change[:, :, 0], 0, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        change[:, :, 1], np.broadcast_to(-0.2 * exposure, (BIG["n_workers"], 2)), rtol=1e-9
    )


def test_firms_with_most_assets_adopt_first_where_adoption_is_opposed(economy):
    design = change_design(plain_design("linked-pay-assets"), treatment="staggered_opposed")
    firms = simulate(economy, design, draw_shocks(design, seed=1)).firms
    first = (
        firms.filter(pl.col("ai_capability") > 0)
        .group_by("firm_id")
        .agg(pl.col("period").min(), pl.col("assets").first())
    )
    by_cohort = first.group_by("period").agg(
        pl.col("assets").min().alias("low"), pl.col("assets").max().alias("high")
    )
    low, high = by_cohort.sort("period")["low"], by_cohort.sort("period")["high"]
    assert low[0] > high[1]


def test_some_firms_never_adopt_where_adoption_is_staggered(economy):
    design = change_design(plain_design("linked-pay-assets"), treatment="staggered")
    firms = simulate(economy, design, draw_shocks(design, seed=1)).firms
    last = firms.filter(pl.col("period") == design.n_periods - 1)
    never = last.filter(pl.col("ai_capability") == 0).height
    assert never == design.n_firms // (design.n_post + 1)


def test_sorting_correlates_ability_with_assets(economy):
    design = change_design(
        plain_design("everything-linked"),
        n_workers=24_000,
        n_firms=2_400,
        ability_sorting=0.5,
        ability_noise=0.0,
    )
    panel = simulate(economy, design, draw_shocks(design, seed=1))
    ability = panel.workers["ability_log"].to_numpy()
    assets = panel.firms.filter(pl.col("period") == 0)["assets"].log().to_numpy()
    firm = np.arange(design.n_workers) * design.n_firms // design.n_workers
    # Firms are the independent units; 4 standard errors of a correlation over them is generous.
    assert np.corrcoef(ability, assets[firm])[0, 1] == pytest.approx(
        0.5, abs=4 / np.sqrt(design.n_firms)
    )
    assert ability.std() == pytest.approx(economy.params.ability_sd, rel=0.05)


def test_a_firm_premium_moves_mean_log_pay_by_firm_and_keeps_the_mean(economy):
    plain, spread = (
        change_design(plain_design("linked-pay"), n_firms=2_000, firm_premium_sd=sd)
        for sd in (0.0, 0.3)
    )
    ratio = (
        simulate(economy, spread, draw_shocks(spread, seed=1)).pay["pay"]
        / simulate(economy, plain, draw_shocks(plain, seed=1)).pay["pay"]
    ).to_numpy()
    assert ratio.mean() == pytest.approx(1, abs=4 * 0.31 / np.sqrt(2_000))
    assert np.log(ratio).std() == pytest.approx(0.3, abs=4 * 0.3 / np.sqrt(2 * 2_000))


def test_movers_move_as_often_as_the_design_says(economy):
    design = change_design(plain_design("linked-pay"), mobility=0.3, n_workers=20_000)
    firm = (
        simulate(economy, design, draw_shocks(design, seed=1))
        .pay["firm_id"]
        .to_numpy()
        .reshape(-1, 4)
    )
    moved = (firm[:, 1:] != firm[:, :-1]).mean()
    expected = 0.3 * (1 - 1 / design.n_firms)
    assert moved == pytest.approx(expected, abs=4 * np.sqrt(0.3 * 0.7 / (3 * 20_000)))


def test_the_method_is_named_new_only_where_it_breaks(economy):
    for value, expected in ((0.0, {"old"}), (0.3, {"old", "new"})):
        design = change_design(plain_design("oews"), method_break=value)
        table = simulate(economy, design, draw_shocks(design, seed=1)).occupation_pay
        assert set(table["method"].to_list()) == expected


def test_weights_undo_an_unequal_sample(economy):
    design = change_design(
        plain_design("rct"), undersampling=0.4, n_workers=6000, n_firms=12, n_tasks=1, n_post=0
    )
    columns = {**design.columns, "outputs": ("worker_id", "task_id", "period", "weight", "output")}
    design = replace(design, columns=columns)
    every = replace(design, undersampling=0.0)
    sampled, all_of_them = (
        simulate(economy, d, draw_shocks(d, seed=5)).outputs for d in (design, every)
    )
    # A share of .4 is left out on average: its error is √(.4·.6/6000), and the sum of weights that of as many workers.
    assert abs(sampled.height / all_of_them.height - 0.6) < 4 * np.sqrt(0.4 * 0.6 / 6000)
    assert set(all_of_them["weight"]) == {1.0}
    log, weight = sampled["output"].log().to_numpy(), sampled["weight"].to_numpy()
    expected = all_of_them["output"].log().mean()
    error = np.sqrt((weight**2 * (log - expected) ** 2).sum()) / weight.sum()
    assert abs(np.average(log, weights=weight) - expected) < 4 * error
    assert log.mean() - expected > 4 * error
