"""Use instrumented by access, attrition bounds, confounding and spillovers, on invented data with known truth."""

import math

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import ParameterError
from withintask.tests_of_model.hypotheses.attrition import attrition_bounds
from withintask.tests_of_model.hypotheses.compliance import compliance
from withintask.tests_of_model.hypotheses.confounding import (
    confounding,
    oster_delta,
    rosenbaum_gamma,
    signed_rank_bound,
)
from withintask.tests_of_model.hypotheses.spillovers import spillovers

FALSE_ALARM = 4.0
"""Standard errors: one false alarm in 16,000 a comparison."""


def _panel(frame, **tables):
    info = wt.PanelInfo(name="invented", first_ai_period=1, outcome="log")
    with_task = frame if "task_id" in frame.columns else frame.with_columns(task_id=pl.lit("t"))
    return wt.Panel(info=info, outputs=with_task, **tables)


def _rows(frame):
    return {row["term"]: row for row in frame.iter_rows(named=True)}


def _is_near(row, truth):
    return abs(row["estimate"] - truth) < FALSE_ALARM * row["std_error"]


# Compliance --------------------------------------------------------------------------------------


def test_compliers_share_mean_and_spread_are_recovered():
    rows = _rows(compliance(_one_sided(seed=3)))
    assert _is_near(rows["complier_share"], 0.7)
    assert _is_near(rows["late_of_use"], 0.3)
    assert _is_near(rows["delta_log_sd_compliers"], math.log(0.5))


def _one_sided(*, n=1_500, n_items=6, share=0.7, direct=0.0, seed=1):
    """Nobody uses AI without access, and a share of those with access uses it."""
    random = np.random.default_rng(seed)
    complies = random.random(n) < share
    access = random.permutation(np.arange(n) % 2 == 0)
    use = complies & access
    ability = random.normal(size=n) * np.where(complies, 0.4, 0.8) - 0.3 * complies
    centre = -0.3 * complies
    value = np.where(use, centre + (ability - centre) * 0.5 + 0.3, ability) + direct * access
    worker = np.repeat(np.arange(n), n_items)
    return _panel(
        pl.DataFrame(
            {
                "worker_id": [f"w{w}" for w in worker],
                "item_id": [f"i{k}" for k in range(worker.size)],
                "period": np.ones(worker.size, dtype=np.int64),
                "ai_access": access[worker],
                "ai_use": use[worker].astype(float),
                "output": value[worker] + 0.5 * random.normal(size=worker.size),
            }
        )
    )


def test_users_against_others_are_wrong_where_use_is_chosen():
    panel = _one_sided(seed=4)
    frame = panel.outputs
    with_access = frame.filter("ai_access")
    naive = (
        with_access.filter(pl.col("ai_use") > 0)["output"].std()
        / frame.filter(~pl.col("ai_access"))["output"].std()
    )
    row = _rows(compliance(panel))["delta_log_sd_compliers"]
    assert _is_near(row, math.log(0.5))
    assert abs(math.log(naive) - math.log(0.5)) > 0.2


def test_where_access_moves_output_by_itself_the_estimate_is_biased():
    """The documented failure: the exclusion that nobody can see."""
    row = _rows(compliance(_one_sided(direct=0.4, seed=5)))["late_of_use"]
    assert abs(row["estimate"] - 0.3) > FALSE_ALARM * row["std_error"]


def test_a_first_stage_of_nothing_gives_an_unbounded_set():
    panel = _one_sided(share=0.01, seed=6)
    row = _rows(compliance(panel))["late_of_use"]
    assert math.isinf(row["conf_low"]) or math.isinf(row["conf_high"]) or row["conf_high"] > 5


def test_without_use_the_reason_is_named():
    frame = compliance(_panel(_one_sided(n=40).outputs.drop("ai_use")))
    assert set(frame["status"]) == {"unusable"}
    assert "use of AI is not recorded" in frame["message"][0]


# Attrition ---------------------------------------------------------------------------------------


def _leaving(*, n=600, lost=0.3, both=False, seed=1):
    """The least able of the treated leave after the first period with AI; nobody's output changes with AI."""
    random = np.random.default_rng(seed)
    ability = random.normal(size=n)
    access = random.permutation(np.arange(n) % 2 == 0)
    leaves = (ability < np.quantile(ability, lost)) & (access | both)
    rows = [
        {
            "worker_id": f"w{w}",
            "period": t,
            "ai_access": bool(access[w]),
            "output": float(ability[w]),
        }
        for w in range(n)
        for t in (1, 2)
        if t == 1 or not leaves[w]
    ]
    return _panel(pl.DataFrame(rows))


def test_the_bounds_hold_the_truth_where_the_naive_estimate_does_not():
    panel = _leaving()
    rows = _rows(attrition_bounds(panel))
    low, high = rows["average_effect_lower_bound"], rows["average_effect_upper_bound"]
    assert low["conf_low"] < 0 < high["conf_high"]
    last = panel.outputs.filter(pl.col("period") == 2)
    naive = (
        last.filter("ai_access")["output"].mean()
        - last.filter(~pl.col("ai_access"))["output"].mean()
    )
    assert naive > 0.3
    # The least able left: the lower bound is the truth itself, four of its errors allowed.
    assert abs(low["estimate"]) < FALSE_ALARM * low["std_error"]
    assert low["estimate"] < naive < high["estimate"] + 1e-9
    spread = rows["delta_log_sd_lower_bound"], rows["delta_log_sd_upper_bound"]
    assert spread[0]["estimate"] < 0 < spread[1]["estimate"]


def test_the_bounds_of_the_mean_are_lees_formula():
    panel = _leaving(n=400, seed=2)
    rows = _rows(attrition_bounds(panel))
    last = panel.outputs.filter(pl.col("period") == 2)
    treated = np.sort(last.filter("ai_access")["output"].to_numpy())
    others = np.sort(last.filter(~pl.col("ai_access"))["output"].to_numpy())
    n_kept = treated.size / 200 * others.size
    assert n_kept == pytest.approx(round(n_kept))
    k = round(n_kept)
    expected = treated.mean() - others[-k:].mean(), treated.mean() - others[:k].mean()
    found = (
        rows["average_effect_lower_bound"]["estimate"],
        rows["average_effect_upper_bound"]["estimate"],
    )
    assert found == pytest.approx(expected)


def test_equal_attrition_leaves_a_point():
    rows = _rows(attrition_bounds(_leaving(both=True, seed=3)))
    low, high = rows["average_effect_lower_bound"], rows["average_effect_upper_bound"]
    assert high["estimate"] - low["estimate"] < 0.15


def test_where_access_keeps_some_and_drives_others_away_the_bounds_fail():
    """The documented failure: attrition that is not in one direction."""
    random = np.random.default_rng(4)
    n = 4_000
    ability, access = random.normal(size=n), np.arange(n) % 2 == 0
    leaves = np.where(access, ability < -0.3, ability > 0.3)
    rows = [
        {
            "worker_id": f"w{w}",
            "period": t,
            "ai_access": bool(access[w]),
            "output": float(ability[w]),
        }
        for w in range(n)
        for t in (1, 2)
        if t == 1 or not leaves[w]
    ]
    low = _rows(attrition_bounds(_panel(pl.DataFrame(rows))))["average_effect_lower_bound"]
    assert low["conf_low"] > 0


def test_nobody_lost_is_said():
    frame = attrition_bounds(_leaving(n=40, lost=0.0))
    assert "nothing has to be bounded" in frame["message"][0]


# Confounding -------------------------------------------------------------------------------------


def test_osters_delta_recovers_the_selection_that_was_put_in():
    """In exact population moments: y = b x + w1 + w2, selection on w2 is delta times that on w1."""
    n, b, delta = 400_000, 0.5, 0.7
    random = np.random.default_rng(1)
    basis = np.linalg.qr(random.normal(size=(n, 3)))[0].T * math.sqrt(n)
    w1, w2 = basis[0], 0.8 * basis[1]
    x = 0.6 * w1 + delta * 0.6 * w2 + basis[2]
    y = b * x + w1 + w2
    found = oster_delta(y, x, w1[None], factor=1.3, effect=b, r2_max=1.0)
    assert found == pytest.approx(delta, rel=1e-6)


def test_without_bias_the_bound_is_the_normal_signed_rank_test():
    from scipy import stats

    differences = np.random.default_rng(2).normal(0.3, 1, 60)
    expected = stats.wilcoxon(differences, correction=False, method="approx").pvalue / 2
    assert signed_rank_bound(differences, 1.0) == pytest.approx(expected, rel=1e-9)


def test_gamma_grows_with_the_effect_and_is_one_without():
    noise = np.random.default_rng(3).normal(size=200)
    gammas = [rosenbaum_gamma(noise - noise.mean() + shift) for shift in (0.0, 0.5, 1.0)]
    assert gammas[0] == 1
    assert 1 < gammas[1] < gammas[2]


@pytest.fixture(scope="module")
def chosen_use():
    settings = ["n_firms=6", "n_workers=240", "n_tasks=4", "n_items=1", "output_noise=0.1"]
    return wt.draw_panel("task-panel-selected", seed=2, settings=settings).collect()


def test_a_panel_with_chosen_use_gives_all_five_rows(chosen_use):
    rows = _rows(confounding(chosen_use))
    assert all(row["status"] == "ok" for row in rows.values()), rows
    assert rows["rosenbaum_gamma"]["estimate"] >= 1
    assert "output before AI" in rows["oster_delta"]["message"]


def test_unknown_controls_are_refused_by_name(chosen_use):
    with pytest.raises(ParameterError, match="no column 'tenur'"):
        confounding(chosen_use, controls=["tenur"])


# Spillovers --------------------------------------------------------------------------------------


def _teams(*, n_teams=40, size=10, spill=0.5, seed=1, same=False):
    random = np.random.default_rng(seed)
    rows = []
    for team in range(n_teams):
        share = 0.5 if same else random.choice([0.0, 0.2, 0.5, 0.8])
        access = random.permutation(np.arange(size) < round(share * size))
        level = 0.2 * random.normal()
        for w in range(size):
            mates = (access.sum() - access[w]) / (size - 1)
            value = 0.3 * access[w] + spill * mates + level + 0.3 * random.normal()
            rows.append(
                {
                    "worker_id": f"{team}-{w}",
                    "firm_id": f"{team}",
                    "period": 1,
                    "ai_access": bool(access[w]),
                    "output": float(value),
                }
            )
    return _panel(pl.DataFrame(rows))


def test_direct_and_spilled_effects_are_recovered():
    rows = _rows(spillovers(_teams()))
    assert _is_near(rows["direct_effect"], 0.3)
    assert _is_near(rows["spillover_on_untreated"], 0.5)
    assert _is_near(rows["total_effect"], 0.8)
    strong = _rows(spillovers(_teams(spill=1.5)))
    assert strong["no_interference"]["p_value"] < 0.05


def test_the_test_of_interference_keeps_its_size():
    n = 25
    rejected = sum(
        _rows(spillovers(_teams(n_teams=16, size=6, spill=0.0, seed=s)))["no_interference"][
            "p_value"
        ]
        < 0.1
        for s in range(n)
    )
    # More than 9 of 25 at a true tenth has a probability under 1 in 10,000.
    assert rejected <= 9


def test_teams_treated_in_one_share_are_refused_with_the_reason():
    frame = spillovers(_teams(same=True))
    assert "0.56 in every team, by design" in frame["message"][0]


def test_an_unknown_team_column_is_refused():
    with pytest.raises(ParameterError, match="squad"):
        spillovers(_teams(), team="squad")
