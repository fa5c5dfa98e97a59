"""Published panels of items give back figures that their sources print, and tell ability from noise.

A figure is reproduced to the digits printed: the tolerance is half a unit of the last one.
"""

import numpy as np
import polars as pl
import pytest

from withintask.ingest.panels.adapters import import_panel
from withintask.ingest.panels.advice import advice_answers
from withintask.ingest.panels.ai_games import STUDY_II, ai_games_teams
from withintask.ingest.panels.creamt import creamt_ratings
from withintask.panel.errors import SourceError
from withintask.panel.store import read_panel, write_panel
from withintask.tests_of_model.evidence.published_ability import (
    binomial_shares,
    published_ability,
)
from withintask.tests_of_model.hypotheses.estimate import estimate

EARLIER = {
    "radiology-times": "panels/ruffle_radiology",
    "radiology-answers": "panels/ruffle_radiology",
    "echoes-productivity": "panels/echoes_of_ai",
}
LATER = {
    "advice": "panels/chatgpt_advice",
    "creamt-times": "panels/creamt",
    "creamt-shifts": "panels/creamt",
    "ai-games-errors": "panels/ai_games",
    "ai-games-reproduction": "panels/ai_games",
}


@pytest.fixture(scope="module")
def panels(data_dir, new_data_dir):
    pytest.importorskip("pyreadstat", reason="reads the Stata file of the games")
    earlier = {name: import_panel(name, data_dir / folder) for name, folder in EARLIER.items()}
    later = {name: import_panel(name, new_data_dir / folder) for name, folder in LATER.items()}
    return earlier | later


@pytest.fixture(scope="module")
def ability(panels):
    return published_ability(panels)


@pytest.mark.real_data
def test_later_panels_survive_the_disk(panels, tmp_path):
    for name in LATER:
        found = read_panel(write_panel(panels[name], tmp_path / name))
        assert found.info == panels[name].info
        assert all(found.tables()[k].equals(frame) for k, frame in panels[name].tables().items())


@pytest.mark.real_data
def test_radiology_by_item_takes_45_and_30_seconds(panels):
    """45.6 s alone and 30.6 s with AI a scan: Ruffle et al., data/logs/fig_1.log."""
    means = panels["radiology-times"].outputs.group_by("period").agg(pl.col("output").mean())
    np.testing.assert_allclose(means.sort("period")["output"], [45.6, 30.6], rtol=0, atol=0.05)


@pytest.mark.real_data
def test_radiology_by_item_is_right_as_often_as_printed(panels):
    """Ruffle et al., figure_1/csv_v2/aggregates.json."""
    means = panels["radiology-answers"].outputs.group_by("period").agg(pl.col("output").mean())
    expected = [0.6981818181818181, 0.7427272727272727]
    np.testing.assert_allclose(means.sort("period")["output"], expected, rtol=1e-12)


@pytest.mark.real_data
def test_echoes_developers_feel_as_productive_as_printed(panels):
    """Borg et al., frequentist/perceived_productivity.ipynb: N, mean and sd of pp_mean by arm."""
    by_worker = (
        panels["echoes-productivity"]
        .outputs.group_by("worker_id", "ai_access")
        .agg(pl.col("output").mean())
    )
    found = by_worker.group_by("ai_access").agg(
        n=pl.len(), mean=pl.col("output").mean(), sd=pl.col("output").std()
    )
    expected = [(0, 36, 3.772222, 0.525689), (1, 39, 3.866667, 0.725597)]
    np.testing.assert_allclose(found.sort("ai_access").to_numpy(), expected, rtol=0, atol=5e-7)


@pytest.mark.real_data
def test_advice_moves_students_as_printed(new_data_dir):
    """Zhang (2023), tables/summary_stats.tex: 2,828 answers."""
    answers = advice_answers(new_data_dir / LATER["advice"])
    printed = {
        "weight_on_advice": 0.337,
        "advice_is_correct": 0.639,
        "init_advice_confidence": 0.359,
        "advice_confidence": 0.587,
        "init_time": 28.292,
        "adjusted_time": 10.728,
    }
    assert answers.height == 2828
    for name, value in printed.items():
        np.testing.assert_allclose(answers[name].mean(), value, rtol=0, atol=5e-4, err_msg=name)


@pytest.mark.real_data
def test_where_advice_is_right_the_panel_has_the_confidence_of_the_file(panels, new_data_dir):
    answers = advice_answers(new_data_dir / LATER["advice"]).filter(advice_is_correct=1)
    keys = ["worker_id", "item_id"]
    for period, column in enumerate(("init_advice_confidence", "advice_confidence")):
        side = panels["advice"].outputs.filter(period=period)
        joined = answers.join(side, on=keys, validate="1:1")
        assert joined.height == answers.height
        np.testing.assert_allclose(joined["output"], joined[column], rtol=0, atol=1e-12)


@pytest.mark.real_data
def test_creamt_shares_of_creative_shifts_are_those_of_its_file(panels, new_data_dir):
    """Guerberof-Arenas and Toral (2022): creative shifts by language and modality, of 185 places and all reviewers."""
    ratings = creamt_ratings(new_data_dir / LATER["creamt-shifts"])
    printed = {
        "CA": {"ht": 0.445, "mtpe": 0.353, "mt": 0.079},
        "NL": {"ht": 0.424, "mtpe": 0.341, "mt": 0.138},
    }
    outputs = panels["creamt-shifts"].outputs
    for language, shares in printed.items():
        for modality, share in shares.items():
            rated = ratings.filter(Language=language, modality=modality)
            np.testing.assert_allclose(rated["creative_shift"].mean(), share, rtol=0, atol=5e-4)
        for has_ai, modality in ((False, "ht"), (True, "mtpe")):
            side = outputs.filter(
                pl.col("worker_id").str.starts_with(language), pl.col("ai_access") == has_ai
            )
            np.testing.assert_allclose(side["output"].mean(), shares[modality], rtol=0, atol=5e-4)


@pytest.mark.real_data
def test_creamt_times_leave_out_only_what_was_left_open(panels):
    outputs = panels["creamt-times"].outputs
    assert outputs.height == 492 - 7
    assert outputs["item_id"].n_unique() == 2 * 123
    assert outputs["worker_id"].n_unique() == 4


def published_regression(teams, output):
    """Coefficients of the two arms and their errors: absorbing as the authors do, HC1."""
    dummies = [
        teams[name].cast(pl.String).to_dummies(drop_first=True).to_numpy()
        for name in ("max_skill", "min_skill", "attendance")
    ]
    X = np.column_stack(
        [
            teams["branch"] == "AI-Assisted",
            teams["branch"] == "AI-Led",
            teams["number_teammates"],
            *dummies,
            teams["stratum_id"].to_dummies().to_numpy(),
        ]
    ).astype(float)
    y = teams[output].cast(pl.Float64).to_numpy()
    coefficients, _, rank, _ = np.linalg.lstsq(X, y, rcond=None)
    inverse = np.linalg.pinv(X.T @ X)
    left = y - X @ coefficients
    meat = X.T @ (X * left[:, None] ** 2)
    errors = np.sqrt(np.diag(inverse @ meat @ inverse) * len(y) / (len(y) - rank))
    return coefficients[:2], errors[:2]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("output", "assisted", "led"),
    [
        ("reproduction", (-0.018, 0.063), (-0.593, 0.090)),
        ("minor_errors", (-0.487, 0.270), (-1.050, 0.258)),
        ("major_errors", (-0.646, 0.254), (-1.136, 0.235)),
    ],
)
def test_the_games_first_study_is_as_printed(panels, new_data_dir, output, assisted, led):
    """Brodeur et al. (2025), output/tables/main.tex, panel A: 103 teams."""
    teams = ai_games_teams(new_data_dir / LATER["ai-games-errors"]).filter(
        pl.col("game") != STUDY_II
    )
    assert teams.height == 103
    coefficients, errors = published_regression(teams, output)
    printed = np.array([assisted, led])
    np.testing.assert_allclose(coefficients, printed[:, 0], rtol=0, atol=5e-4)
    np.testing.assert_allclose(errors, printed[:, 1], rtol=0, atol=5e-4)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "forms", "noise"),
    [
        ("radiology-times", "before_after", (0.58, 0.55)),
        ("radiology-answers", "before_after", (0.46, 0.44)),
        ("advice", "before_after", (0.27, 0.28)),
        ("creamt-times", "within", (0.81, 0.96)),
        ("echoes-productivity", "between", (0.20, 0.20)),
    ],
)
def test_noise_exceeds_ability_in_published_panels(ability, name, forms, noise):
    row = ability.filter(dataset=name, term="delta_log_sd").row(0, named=True)
    assert row["form"] == forms
    np.testing.assert_allclose((row["noise_without"], row["noise_with"]), noise, rtol=0, atol=0.005)
    assert row["ability_without"] < row["noise_without"]


@pytest.mark.real_data
def test_both_signs_of_the_change_of_ability_are_found(ability):
    """Probability on the right answer: .47; readers' time and answers: below zero, without an end."""
    change = dict(ability.filter(term="delta_log_sd").select("dataset", "estimate").iter_rows())
    np.testing.assert_allclose(change["advice"], 0.47, rtol=0, atol=0.005)
    assert change["radiology-times"] < 0
    ends = ability.filter(dataset="radiology-times", term="delta_log_sd")
    assert ends.select("conf_low", "conf_high").row(0) == (-np.inf, np.inf)


@pytest.mark.real_data
def test_accuracy_of_readers_is_noise_in_large_part(panels, ability):
    net = ability.filter(dataset="radiology-answers", term="delta_log_cv_net")["estimate"][0]
    np.testing.assert_allclose(net, -0.49, rtol=0, atol=0.005)
    np.testing.assert_allclose(
        binomial_shares(panels["radiology-answers"]), (0.40, 0.59), rtol=0, atol=0.02
    )


def test_a_missing_file_of_the_games_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"name the folder that holds AI games\.dta"):
        import_panel("ai-games-errors", tmp_path)


def test_a_damaged_file_of_the_games_is_named(tmp_path):
    pytest.importorskip("pyreadstat")
    (tmp_path / "AI games.dta").write_bytes(b"not Stata")
    with pytest.raises(SourceError, match=r"AI games\.dta: cannot be read as \.dta"):
        import_panel("ai-games-reproduction", tmp_path)


def without_papers(panel, games=()):
    """The panel as the authors look at it: no effects of papers; of some games alone, where these are named."""
    outputs = panel.outputs.drop("item_id")
    if games:
        outputs = outputs.filter(~pl.col("stratum_id").str.contains("|".join(games)))
    return panel.with_tables(outputs=outputs)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "task", "games", "assisted", "led"),
    [
        ("reproduction", "reproduction", (STUDY_II,), (-0.018, 0.063), (-0.593, 0.090)),
        ("errors", "minor errors", (STUDY_II,), (-0.487, 0.270), (-1.050, 0.258)),
        ("errors", "major errors", (STUDY_II,), (-0.646, 0.254), (-1.136, 0.235)),
        ("reproduction", "reproduction", (), (-0.027, 0.049), (-0.493, 0.077)),
        ("errors", "minor errors", (), (-0.345, 0.204), (-0.823, 0.203)),
        ("errors", "major errors", (), (-0.510, 0.211), (-0.869, 0.201)),
    ],
)
def test_the_effect_of_each_arm_is_the_printed_one(panels, name, task, games, assisted, led):
    """Brodeur et al. (2025), output/tables/main.tex, panels A (103 teams) and B (137): estimates and errors."""
    panel = without_papers(panels[f"ai-games-{name}"], games)
    panel = panel.with_tables(outputs=panel.outputs.filter(task_id=task))
    for arm, (effect, error) in (("AI-Assisted", assisted), ("AI-Led", led)):
        rows = estimate(panel, estimators="effect_between", arm=arm)
        row = rows.filter(term="average_effect_level").row(0, named=True)
        np.testing.assert_allclose(row["estimate"], effect, rtol=0, atol=5e-4)
        np.testing.assert_allclose(row["std_error"], error, rtol=0, atol=5e-4)
