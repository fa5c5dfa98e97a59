"""Event studies of roll-outs: exact where nothing is noise, refused by name where there is nothing to compare."""

import math
import re
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.report.event_study import alternative_text, draw_study, write_study
from withintask.tests_of_model.hypotheses.event_study import event_study
from withintask.tests_of_model.hypotheses.trend_sensitivity import trend_sensitivity

STARTS = {"a": 3, "b": 3, "c": 4, "d": 5, "e": None, "f": None, "g": 4, "h": 5}
PERIODS = range(1, 7)
SHRINKS, GAINS = -0.3, 0.2
"""What AI adds to log dispersion and to mean log output."""
JACKKNIFE = 1e-3
"""What the jackknife's correction for six workers moves the log of a coefficient of variation of .09 by."""


def rollout(
    starts=STARTS, *, periods=PERIODS, noise=0.0, n_workers=6, items=1, by="firm", ends=None
):
    """Firms of workers whose log outputs spread evenly around the firm's mean; AI shrinks the spread and raises the mean."""
    random = np.random.default_rng(2)
    rows = []
    for f, (firm, start) in enumerate(starts.items()):
        for w in range(n_workers):
            own = start if by == "firm" else (list(starts.values())[(f + w) % len(starts)])
            for period in periods:
                has_ai = own is not None and period >= own and not (ends and period >= ends)
                spread = 1.0 if not has_ai else math.exp(SHRINKS)
                # Output is log-symmetric: the coefficient of variation scales with the spread of levels.
                level = 1 + 0.3 * spread * (w - (n_workers - 1) / 2) / n_workers
                for item in range(items):
                    rows.append(
                        {
                            "worker_id": f"{firm}{w}",
                            "task_id": "t",
                            "item_id": f"{firm}{w}-{period}-{item}",
                            "period": period,
                            "firm_id": firm,
                            "ai_access": has_ai,
                            "output": level
                            * math.exp(GAINS * has_ai + 0.1 * period + 0.02 * f)
                            * math.exp(noise * random.standard_normal()),
                        }
                    )
    frame = pl.DataFrame(rows, schema_overrides={"period": pl.Int64})
    first = min(start for start in starts.values() if start is not None)
    return Panel(info=PanelInfo(name="rollout", first_ai_period=first), outputs=frame)


def effects(study, average):
    return study.tidy(average)["estimate"].to_list()


@pytest.mark.parametrize("method", ["group_time", "imputation"])
def test_an_effect_without_noise_is_found_in_every_average(method):
    study = event_study(rollout(), outcome="dispersion", method=method)
    for average in ("overall", "settled", "cohort", "calendar"):
        assert effects(study, average) == pytest.approx(
            [SHRINKS] * len(effects(study, average)), abs=JACKKNIFE
        )
    by_time = dict(study.coef().iter_rows())
    for time, estimate in by_time.items():
        assert estimate == pytest.approx(SHRINKS if time >= 0 else 0.0, abs=JACKKNIFE)
    assert (min(by_time) < 0) == (method == "group_time")


def test_rows_of_pairs_name_cohort_period_and_time():
    frame = wt.group_time_effects(rollout())
    assert (frame["period"] - frame["cohort"] == frame["event_time"]).all()
    assert set(frame["cohort"]) == {3, 4, 5}
    assert -1 not in frame["event_time"]


def test_only_rows_that_are_compared_are_counted():
    plain = event_study(rollout(noise=0.1))
    always = event_study(rollout({**STARTS, "x": 1}, noise=0.1))
    assert plain.n_obs == 8 * 6 * 6
    assert (always.n_obs, always.n_clusters) == (plain.n_obs, 8)
    assert "1 firms with AI from the first period left out" in always.message


def test_one_unit_of_time_has_the_intervals_of_its_covariance():
    study = event_study(rollout(noise=0.1))
    frame = study.tidy("event_time")
    error = np.sqrt(study.vcov().diagonal())
    np.testing.assert_allclose(frame["std_error"].to_numpy(), error)
    assert (study.confint(joint=True)["low"] <= study.confint()["low"]).all()
    assert re.search(r"overall -0\.\d+ \(0\.\d+\), 95 % interval", study.summary())


def test_an_average_that_is_not_known_is_refused():
    with pytest.raises(ParameterError, match="unknown evnt; known are overall"):
        event_study(rollout()).tidy("evnt")


# Outcomes -----------------------------------------------------------------------------------------


def test_mean_output_is_compared_in_logs():
    study = event_study(rollout(n_workers=4), outcome="mean")
    assert effects(study, "overall")[0] == pytest.approx(GAINS, abs=0.02)


def test_noise_of_items_is_in_dispersion_and_not_in_the_spread_net_of_it():
    """Ability sd .105 and noise .3: what shrinks is a tenth of the variance of single outputs."""
    subject = rollout(noise=0.3, items=20, n_workers=60)
    net = effects(event_study(subject, outcome="dispersion_net"), "overall")[0]
    counted = effects(event_study(subject, outcome="dispersion"), "overall")[0]
    assert net < 3 * counted < 0


def test_a_gradient_is_the_change_of_the_slope_on_ability():
    subject = rollout(noise=0.0, n_workers=8)
    ability = np.log([1 + 0.3 * (w - 3.5) / 8 for w in range(8)])
    workers = pl.DataFrame(
        {
            "worker_id": [f"{firm}{w}" for firm in STARTS for w in range(8)],
            "ability_log": np.tile(ability, len(STARTS)),
        }
    )
    study = event_study(subject.with_tables(workers=workers), outcome="gradient")
    after = np.log([1 + 0.3 * math.exp(SHRINKS) * (w - 3.5) / 8 for w in range(8)])
    slope = np.polyfit(ability, after, 1)[0] - 1
    assert effects(study, "overall")[0] == pytest.approx(slope, abs=1e-9)


def test_single_outputs_are_not_net_of_noise():
    with pytest.raises(EstimationError, match="no worker has two items in a period"):
        event_study(rollout(), outcome="dispersion_net")


def test_an_outcome_that_is_not_known_is_answered_with_the_nearest():
    with pytest.raises(ParameterError, match="dispersion"):
        event_study(rollout(), outcome="dispersions")  # type: ignore[arg-type]


# What was rolled out ------------------------------------------------------------------------------


def test_workers_who_start_at_different_times_are_teams_of_their_firm_and_start():
    study = event_study(rollout(by="worker", n_workers=64, noise=0.05), outcome="mean")
    assert "workers get AI at different times" in study.message
    assert study.n_clusters == 8 * 64
    row = study.tidy("overall").row(0, named=True)
    assert row["conf_low"] < GAINS < row["conf_high"]
    assert study.convention.startswith("influence of rows")


def test_what_was_assigned_as_one_is_left_out_as_one():
    subject = rollout(noise=0.1)
    pairs = {"a": 0, "b": 0, "c": 1, "g": 1, "d": 2, "h": 2, "e": 3, "f": 3}
    assigned = subject.outputs.with_columns(
        assignment_id=pl.col("firm_id").replace_strict({k: str(v) for k, v in pairs.items()})
    )
    assert event_study(subject.with_tables(outputs=assigned)).n_clusters == 4


# Bad input ----------------------------------------------------------------------------------------


def test_all_treated_at_once_is_refused_with_what_would_do():
    with pytest.raises(EstimationError, match="get it at once and none stays without") as error:
        event_study(rollout(dict.fromkeys("abcd", 3)))
    assert "dispersion_before_after" in str(error.value)


def test_nobody_seen_before_ai_is_refused():
    with pytest.raises(EstimationError, match="no firm is seen before it gets AI"):
        event_study(rollout({"a": 1, "b": 1, "c": None}))


def test_treatment_that_ends_is_refused_with_the_number_of_firms():
    with pytest.raises(EstimationError, match="access ends in 6 firms after it began"):
        event_study(rollout(ends=6))


def test_access_by_item_is_no_roll_out():
    subject = rollout(items=2)
    by_item = subject.outputs.with_columns(
        ai_access=(pl.col("period") >= 3) & pl.col("item_id").str.ends_with("1")
    )
    with pytest.raises(EstimationError, match="pairs_within"):
        event_study(subject.with_tables(outputs=by_item))


def test_without_the_never_treated_the_last_to_start_are_compared_with_and_that_is_told():
    starts = {firm: start for firm, start in STARTS.items() if start is not None}
    study = event_study(rollout(starts, noise=0.1))
    assert "nobody stays without AI: no effects from period 5 on" in study.message
    assert max(study.tidy("calendar")["period"]) == 4
    with pytest.raises(ParameterError, match="no firm stays without AI; controls not_yet"):
        event_study(rollout(starts), controls="never")


def test_a_cohort_of_one_firm_has_effects_and_no_error():
    study = event_study(rollout({**STARTS, "h": 4}, noise=0.1))
    assert "one firm alone starts in 5" in study.message
    alone = study.tidy("cohort").filter(cohort=5)
    assert math.isfinite(alone["estimate"][0])
    assert math.isnan(alone["std_error"][0])
    assert math.isfinite(study.tidy("overall")["std_error"][0])


def test_a_stratum_without_control_is_left_out_and_counted():
    subject = rollout(noise=0.1)
    strata = subject.outputs.with_columns(
        stratum_id=pl.when(pl.col("firm_id") == "a").then(pl.lit("x")).otherwise(pl.lit("y"))
    )
    study = event_study(subject.with_tables(outputs=strata))
    assert "1 units of 1 strata left out: nobody to compare with" in study.message
    alone = strata.with_columns(stratum_id=pl.col("firm_id"))
    with pytest.raises(
        EstimationError, match="strata that hold starts of several periods would do"
    ):
        event_study(subject.with_tables(outputs=alone))


def test_impossible_settings_are_named_together():
    with pytest.raises(ParameterError) as error:
        event_study(rollout(), level=2.0, controls="never", method="imputation")
    assert "level" in str(error.value)
    assert "imputation takes every value without AI" in str(error.value)


# Sensitivity to trends ----------------------------------------------------------------------------


@pytest.mark.parametrize("restriction", ["relative", "smooth"])
def test_the_breakdown_is_where_the_interval_first_holds_zero(restriction):
    study = event_study(rollout(noise=0.02, n_workers=20))
    breakdown = trend_sensitivity(study, restriction=restriction)["breakdown"][0]
    assert 0 < breakdown < math.inf
    near = trend_sensitivity(
        study, restriction=restriction, bounds=[0.99 * breakdown, 1.01 * breakdown]
    )
    assert near["conf_high"][0] < 0 <= near["conf_high"][1]


def test_sensitivity_needs_a_lead():
    study = event_study(rollout(noise=0.05), method="imputation")
    with pytest.raises(EstimationError, match="no lead of known error"):
        trend_sensitivity(study)


def test_bounds_that_are_no_bounds_are_refused():
    study = event_study(rollout(noise=0.05))
    with pytest.raises(ParameterError, match="expected numbers from 0 on, found -1"):
        trend_sensitivity(study, bounds=[-1.0, 1.0])
    with pytest.raises(ParameterError, match="event_time: expected 0 to"):
        trend_sensitivity(study, event_time=9)


# Figure and command -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_figure_carries_its_text_for_those_who_do_not_see(suffix, tmp_path):
    study = event_study(rollout(noise=0.01))
    content = draw_study(study, tmp_path / f"f.{suffix}").read_bytes()
    assert "Overall -0.2" in alternative_text(study)
    assert b"Event study of the effect of AI" in content.replace(b"\x00", b"")


def test_effects_are_written_in_the_format_of_the_suffix(tmp_path):
    study = event_study(rollout(noise=0.1))
    written = pl.read_csv(write_study(study, tmp_path / "effects.csv"))
    assert written.height == study.effects.height
    with pytest.raises(ParameterError, match=r"a suffix of \.csv"):
        write_study(study, tmp_path / "effects.doc")


def test_one_command_gives_effects_sensitivity_and_figure(tmp_path):
    wt.write_panel(rollout(noise=0.01), tmp_path / "panel")
    code = "from withintask.cli.main import main; main()"
    command = [sys.executable, "-c", code, "event-study", str(tmp_path / "panel")]
    done = subprocess.run(
        [*command, "--plot", str(tmp_path / "f.pdf")],
        capture_output=True,
        text=True,
        check=True,
    )
    for words in ("settled", "Leads: F(", "Zero is left out up to", "f.pdf: written"):
        assert words in done.stdout
    assert (tmp_path / "f.pdf").stat().st_size > 1000
