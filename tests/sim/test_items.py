"""Items: keys, order of work, noise, difficulty, raters and kinds of outcome; tolerances are four errors."""

import numpy as np
import polars as pl
import pytest
from plain_designs import plain_design

from withintask.panel.outcome import OUTCOMES
from withintask.panel.validate import validate
from withintask.sim.designs import change_design
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate

TRIAL = {"n_workers": 2_000, "n_firms": 20, "n_tasks": 2, "n_items": 8, "output_noise": 0.0}
MORE = ("arm", "assignment_id", "stratum_id", "rating_floor", "rating_ceiling")


def trial(name="rct", **changes):
    design = plain_design(name)
    columns = {**design.columns, "outputs": (*design.columns["outputs"], *MORE)}
    return change_design(design, **{**TRIAL, "columns": columns, **changes})


def panel_of(economy, design):
    return simulate(economy, design, draw_shocks(design, seed=2))


def log_output(economy, **changes):
    """Log output less that without noise, (worker, task, period, item, rater)."""
    noisy, clear = trial(**changes), trial(n_raters=changes.get("n_raters", 1))
    ratio = panel_of(economy, noisy).outputs["output"] / panel_of(economy, clear).outputs["output"]
    return ratio.log().to_numpy().reshape(noisy.n_workers, 2, 2, 8, noisy.n_raters)


def correlation(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


@pytest.mark.parametrize("is_item_shared", [False, True])
@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("name", ["rct", "task-cross-section", "everything-linked"])
def test_a_panel_of_items_breaks_no_rule(small_economy, name, outcome, is_item_shared):
    design = trial(
        name, n_workers=200, n_raters=2, outcome=outcome, is_item_shared=is_item_shared, output_noise=0.5
    )  # fmt: skip
    panel = panel_of(small_economy, design)
    assert panel.info.outcome_kind == outcome
    validate(panel)


def test_rows_of_items_show_what_tells_them_apart():
    design = change_design(plain_design("rct"), n_items=8, n_raters=2)
    assert set(design.columns["outputs"]) - set(plain_design("rct").columns["outputs"]) == {
        "item_id", "sequence", "rater_id",
    }  # fmt: skip
    assert set(change_design(plain_design("postings"), n_items=8).columns) == {
        "occupations", "postings",
    }  # fmt: skip


def test_work_is_done_period_by_period_and_task_by_task(small_economy):
    rows = panel_of(small_economy, trial()).outputs.sort("worker_id", "sequence")
    first = rows.filter(pl.col("worker_id") == rows["worker_id"][0])
    assert first["sequence"].to_list() == list(range(2 * 2 * 8))
    assert first["period"].to_list() == [0] * 16 + [1] * 16
    assert first["task_id"].n_unique() == 2
    assert first["task_id"].rle().struct.field("len").to_list() == [8] * 4


@pytest.mark.parametrize(("is_item_shared", "by_item"), [(False, 1), (True, 2_000)])
def test_items_are_a_workers_own_or_are_done_by_all(small_economy, is_item_shared, by_item):
    rows = panel_of(small_economy, trial(is_item_shared=is_item_shared)).outputs
    assert set(rows.group_by("item_id").agg(pl.col("worker_id").n_unique())["worker_id"]) == {
        by_item
    }


def test_persistent_noise_has_its_autocorrelation_and_the_variance_of_other_noise(small_economy):
    noise = log_output(small_economy, output_noise=0.5, noise_persistence=0.6)[..., 0]
    n = 2_000 * 4 * 7
    assert correlation(noise[..., 1:], noise[..., :-1]) == pytest.approx(0.6, abs=4 / np.sqrt(n))
    # From the last item of a task to the first of the next, and of a period to the next.
    of_worker = 4 / np.sqrt(2_000)
    assert correlation(noise[:, 1, :, 0], noise[:, 0, :, -1]) == pytest.approx(0.6, abs=of_worker)
    assert correlation(noise[:, 0, 1, 0], noise[:, 1, 0, -1]) == pytest.approx(0.6, abs=of_worker)
    # An autoregression of .6 halves the number of independent values, (1 - .36)/(1 + .36).
    error = 4 * 0.5 / np.sqrt(2 * n * 0.47)
    assert noise.std() == pytest.approx(0.5, abs=error)


@pytest.mark.parametrize("is_item_shared", [False, True])
def test_difficulty_belongs_to_the_item(small_economy, is_item_shared):
    difficulty = log_output(small_economy, item_sd=0.4, is_item_shared=is_item_shared)[..., 0]
    n_items = 32 if is_item_shared else difficulty.size
    assert difficulty.std() == pytest.approx(0.4, abs=4 * 0.4 / np.sqrt(2 * n_items))
    assert np.allclose(difficulty, difficulty[0]) == is_item_shared


def test_raters_agree_as_far_as_their_noise_lets_them(small_economy):
    changes = {"n_raters": 2, "rater_noise": 0.3, "output_noise": 0.5}
    ratings = log_output(small_economy, **changes)
    expected = 0.5**2 / (0.5**2 + 0.3**2)
    error = 4 / np.sqrt(ratings[..., 0].size)
    assert correlation(ratings[..., 0], ratings[..., 1]) == pytest.approx(expected, abs=error)


def test_counts_are_poisson_around_output(small_economy):
    counts = panel_of(small_economy, trial(outcome="count", count_mean=5.0)).outputs["output"]
    mean_output = small_economy.population.workers.human_capital_mean[0]
    mean = 5 * (panel_of(small_economy, trial()).outputs["output"] / mean_output)
    deviation = ((counts - mean) / mean.sqrt()).to_numpy()
    n = deviation.size
    assert deviation.mean() == pytest.approx(0, abs=4 / np.sqrt(n))
    # Fourth moment of a standardized Poisson is 3 + 1/mean, at most 4 here on average.
    assert (deviation**2).mean() == pytest.approx(1, abs=4 * np.sqrt(3 / n))
    assert (counts == 0).any()


def test_success_is_logistic_in_output(small_economy):
    design = trial(outcome="binary", log_odds_slope=2.0)
    solved = panel_of(small_economy, design).outputs["output"].to_numpy()
    relative = panel_of(small_economy, trial()).outputs["output"].to_numpy()
    relative = relative / small_economy.population.workers.human_capital_mean[0]
    chance = relative**2 / (1 + relative**2)
    low = chance < 0.5
    for part in (low, ~low):
        error = 4 * np.sqrt(0.25 / part.sum())
        assert solved[part].mean() == pytest.approx(chance[part].mean(), abs=error)


def test_scores_are_linear_between_floor_and_ceiling_and_cut_there(small_economy):
    design = trial(
        outcome="score", score_floor=1.0, score_ceiling=5.0, score_slope=2.0, output_noise=0.5
    )
    panel = panel_of(small_economy, design)
    output = panel_of(small_economy, trial(output_noise=0.5)).outputs["output"]
    relative = output / small_economy.population.workers.human_capital_mean[0]
    np.testing.assert_allclose(
        panel.outputs["output"], (3 + 2 * relative.log()).clip(1, 5), rtol=0, atol=1e-12
    )
    assert {1.0, 5.0} <= set(panel.outputs["output"])
    assert (panel.info.outcome_floor, panel.info.outcome_ceiling) == (1, 5)
    assert panel.outputs["rating_floor"].unique().to_list() == [1.0]


def test_times_and_logs_are_those_of_output(small_economy):
    output = panel_of(small_economy, trial(output_noise=0.5)).outputs["output"].to_numpy()
    times, logs = (
        panel_of(small_economy, trial(output_noise=0.5, outcome=kind)).outputs["output"]
        for kind in ("time", "log")
    )
    np.testing.assert_allclose(times, 1 / output, rtol=1e-12)
    np.testing.assert_allclose(logs, np.log(output), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("treatment", "assigned", "stratum"),
    [
        ("randomized", "worker_id", "firm_id"),
        ("randomized_items", "item_id", "worker_id"),
        ("randomized_firms", "firm_id", None),
        ("staggered", "firm_id", None),
        ("universal", None, None),
    ],
)
def test_what_was_assigned_as_one_and_within_what(small_economy, treatment, assigned, stratum):
    rows = panel_of(small_economy, trial(treatment=treatment)).outputs.filter(pl.col("period") == 1)
    unit = rows["assignment_id"]
    assert unit.is_null().all() if assigned is None else unit.equals(rows[assigned])
    block = rows.group_by(stratum or "period").agg(pl.col("stratum_id").n_unique())["stratum_id"]
    assert set(block) == {1}
    assert rows["stratum_id"].is_null().all() == (stratum is None)


def test_items_are_assigned_within_workers_once_there_is_ai(small_economy):
    panel = panel_of(small_economy, trial(treatment="randomized_items"))
    rows, n = panel.outputs, 2_000 * 16
    before, after = (rows.filter(pl.col("period") == period) for period in (0, 1))
    assert before["arm"].is_null().all()
    assert not before["ai_access"].any()
    assert after.select((pl.col("arm") == "ai") == pl.col("ai_access")).to_series().all()
    assert after["ai_access"].mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(n))
    assert panel.info.control_arm == "control"


def test_half_of_the_firms_are_assigned_as_one(small_economy):
    rows = panel_of(small_economy, trial(treatment="randomized_firms")).outputs
    by_firm = rows.filter(pl.col("period") == 1).group_by("firm_id").agg(pl.col("ai_access").mean())
    assert sorted(by_firm["ai_access"]) == [0.0] * 10 + [1.0] * 10
