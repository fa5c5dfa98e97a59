"""Trials with arms alone, and with several: access follows from the arm, each arm is compared with the control."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.trial_arms import arms_of, of_arm, with_access
from withintask.panel.validate import validate
from withintask.tests_of_model.harness.synthetic import draw_panel
from withintask.tests_of_model.hypotheses.estimate import estimate
from withintask.tests_of_model.hypotheses.recommend import recommendations

EFFECTS = {"human": 0.0, "chat": 0.25, "search": -0.5}


def trial(*, n_workers=90, n_items=4, first_ai_period=None, sd=0.0, seed=1):
    """A log outcome: ability, the arm's effect from AI's arrival on, noise of the given sd."""
    random = np.random.default_rng(seed)
    names = list(EFFECTS)
    worker = np.repeat(np.arange(n_workers), n_items)
    arm = np.array(names)[worker % 3]
    period = np.tile(np.arange(n_items) // (n_items // 2), n_workers)
    has_ai = np.ones_like(period) if first_ai_period is None else period >= first_ai_period
    effect = np.array([EFFECTS[name] for name in arm]) * has_ai
    ability = random.normal(size=n_workers)[worker] * 0.4 if sd else 0.0
    outputs = pl.DataFrame(
        {
            "worker_id": worker.astype(str),
            "task_id": "task",
            "period": period.astype(np.int64),
            "item_id": np.arange(worker.size).astype(str),
            "arm": arm,
            "output": ability + effect + sd * random.normal(size=worker.size),
        }
    )
    info = PanelInfo(
        name="trial", outcome="log", control_arm="human", first_ai_period=first_ai_period
    )
    return validate(Panel(info=info, outputs=outputs)).collect()


def test_access_is_that_of_every_arm_but_the_control_from_the_arrival_on():
    outputs = with_access(trial(first_ai_period=1)).outputs
    expected = (outputs["arm"] != "human") & (outputs["period"] >= 1)
    assert outputs["ai_access"].to_list() == expected.to_list()


def test_access_that_is_stated_is_not_touched():
    panel = trial()
    stated = panel.with_tables(outputs=panel.outputs.with_columns(ai_access=pl.lit(value=False)))
    assert with_access(stated).outputs is stated.outputs


def test_access_of_a_row_without_arm_is_not_known():
    panel = trial()
    some = panel.outputs.with_columns(arm=pl.when(pl.col("worker_id") != "3").then(pl.col("arm")))
    outputs = with_access(panel.with_tables(outputs=some)).outputs
    assert outputs.filter(worker_id="3")["ai_access"].null_count() == 4


@pytest.mark.parametrize("first", [None, 1])
def test_arms_alone_give_what_stated_access_gives(first):
    panel = trial(first_ai_period=first, sd=0.5)
    expected = estimate(with_access(panel), hypotheses="H1")
    found = estimate(panel, hypotheses="H1")
    assert expected.equals(found, null_equal=True)
    by_pairs = found.filter(
        pl.col("estimator") == ("pairs_difference" if first else "pairs_between")
    )
    assert set(by_pairs["status"]) == {"ok"}


def test_pairs_are_recommended_for_a_trial_of_arms_alone():
    chosen = recommendations(trial(first_ai_period=1, sd=0.5)).filter(verdict="recommended")
    assert "pairs_difference" in chosen["estimator"].to_list()


@pytest.mark.parametrize("form", ["effect_between", "effect_difference"])
@pytest.mark.parametrize("arm", ["chat", "search"])
def test_without_noise_each_arm_has_its_own_effect_exactly(form, arm):
    panel = trial(first_ai_period=1)
    rows = estimate(panel, estimators=form, arm=arm)
    effect = rows.filter(term="average_effect_log")["estimate"][0]
    np.testing.assert_allclose(effect, EFFECTS[arm], rtol=0, atol=1e-9)
    assert f"{arm} against human" in rows["message"][0]


def test_pairs_of_an_arm_are_those_of_its_rows_and_the_control_s():
    panel = trial(first_ai_period=1, sd=0.5)
    for name in ("pairs_between", "pairs_difference", "dispersion_by_access"):
        expected = estimate(of_arm(panel, "chat"), estimators=name)
        found = estimate(panel, estimators=name, arm="chat")
        columns = ["term", "estimate", "conf_low", "conf_high", "status"]
        assert expected.select(columns).equals(found.select(columns), null_equal=True)


def test_arms_are_listed_with_the_control_first():
    assert arms_of(trial()) == ("human", "chat", "search")


@pytest.mark.parametrize(("arm", "hint"), [("Chat", "did you mean chat"), ("human", "the control")])
def test_an_unknown_arm_and_the_control_are_refused_with_the_arms_named(arm, hint):
    with pytest.raises(ParameterError, match=f"(?s){hint}.*|arms are human, chat, search.*{hint}"):
        estimate(trial(), hypotheses="H1", arm=arm)


def test_an_arm_of_a_panel_without_arms_is_refused():
    panel = trial()
    plain = Panel(info=PanelInfo(name="plain"), outputs=panel.outputs.drop("arm"))
    with pytest.raises(ParameterError, match="the panel has no arms"):
        estimate(plain, hypotheses="H1", arm="chat")


def test_every_arm_is_compared_with_the_control_in_one_call():
    panel = trial(sd=0.2)
    frame = estimate(panel, estimators=["effect_between", "pairs_between"], each_arm=True)
    assert frame.columns[:3] == ["hypothesis", "estimator", "arm"]
    assert frame["arm"].unique().sort().to_list() == ["chat", "search"]
    for arm in ("chat", "search"):
        alone = estimate(panel, estimators=["effect_between", "pairs_between"], arm=arm)
        assert frame.filter(arm=arm).drop("arm").equals(alone, null_equal=True)


def test_p_values_are_adjusted_over_arms():
    panel = trial(n_workers=150, n_items=8, first_ai_period=1, sd=0.2)
    positive = panel.with_tables(outputs=panel.outputs.with_columns(pl.col("output").exp()))
    positive = replace(positive, info=replace(panel.info, outcome="positive"))
    frame = estimate(positive, estimators="dispersion_by_access", each_arm=True)
    p, adjusted = frame["p_value"].to_list(), frame["p_value_adjusted"].to_list()
    assert min(adjusted) == pytest.approx(min(1.0, 2 * min(p)))
    assert max(adjusted) == pytest.approx(max(*p, min(adjusted)))


def test_what_reads_no_outputs_runs_once_beside_arms():
    panel = draw_panel("linked-pay", settings=["n_workers=300", "n_firms=20"])
    arms = trial().outputs.with_columns(worker_id=pl.lit("w") + pl.col("worker_id"))
    both = replace(
        panel, outputs=arms, info=replace(panel.info, control_arm="human", outcome="log")
    )
    frame = estimate(both, estimators=["variance_change", "effect_between"], each_arm=True)
    assert frame.filter(estimator="variance_change")["arm"].to_list() == [""] * 3
    assert frame.filter(estimator="effect_between").height == 2 * 3


def test_arms_in_turn_need_arms_and_no_single_one():
    panel = trial()
    with pytest.raises(ParameterError, match="not both"):
        estimate(panel, arm="chat", each_arm=True)
    bare = panel.with_tables(outputs=panel.outputs.drop("arm"))
    with pytest.raises(ParameterError, match="no arms to compare in turn"):
        estimate(bare, each_arm=True)


def test_arms_stand_beside_their_estimates_in_the_table():
    result = wt.estimate(trial(sd=0.2), estimators="effect_between", each_arm=True)
    text = result.table("markdown")
    assert "Workers with AI against without, chat" in text
    assert "Workers with AI against without, search" in text
