"""The average effect, its randomization test, its gradient in ability and its groups."""

import numpy as np
import polars as pl
import pytest
from drawn_items import Items, draw_items

from withintask.panel.errors import ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.tests_of_model.hypotheses.access_by_ability import access_by_ability
from withintask.tests_of_model.hypotheses.average_effect import (
    LEVELS,
    LOG,
    PERCENT,
    average_effect,
)
from withintask.tests_of_model.hypotheses.effect_by_baseline import effect_by_baseline
from withintask.tests_of_model.hypotheses.estimate import estimate
from withintask.tests_of_model.samples.sample import Sample

FORMS = ("within", "between", "before_after", "difference")
EFFECT = 0.3
"""Log points that drawn_items gives to items with AI."""


def by_term(panel, form):
    return {row.term: row for row in average_effect(Sample(panel), form=form)}


@pytest.mark.parametrize("form", FORMS)
def test_least_squares_is_that_of_explicit_dummies(form):
    import statsmodels.api as sm

    panel = draw_items(Items(form=form, n_workers=20, n_items=4), np.random.default_rng(1))
    frame = panel.outputs
    if form == "before_after":
        frame = frame.with_columns(period=pl.lit(1))
    columns = [frame["period"].to_dummies().to_numpy()]
    if form != "between":
        columns.append(frame["worker_id"].to_dummies().to_numpy()[:, 1:])
    X = np.column_stack([frame["ai_access"].cast(pl.Float64), *columns]).astype(float)
    expected = sm.OLS(frame["output"].log().to_numpy(), X).fit()
    rows = by_term(panel, form)
    assert rows[LOG].estimate == pytest.approx(expected.params[0], rel=1e-9)
    assert rows[PERCENT].estimate == pytest.approx(100 * np.expm1(expected.params[0]), rel=1e-9)
    levels = sm.OLS(frame["output"].to_numpy(), X).fit()
    assert rows[LEVELS].estimate == pytest.approx(levels.params[0], rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_intervals_cover_the_effect(form):
    # 80 replicates, four binomial errors: a false alarm in 30,000.
    # Items that all do at once are told from AI only where some do them without it.
    is_shared = form != "before_after"
    settings = Items(n_workers=40, form=form, is_shared=is_shared, item_sd=0.4, kept=0.9)
    random, n = np.random.default_rng(2), 80
    rows = [by_term(draw_items(settings, random), form)[LOG] for _ in range(n)]
    covers = [row.conf_low <= EFFECT <= row.conf_high for row in rows]
    assert np.mean(covers) > 0.95 - 4 * (0.95 * 0.05 / n) ** 0.5


def test_times_are_reported_as_speed_and_as_time():
    panel = draw_items(Items(n_workers=30), np.random.default_rng(3))
    inverse = panel.outputs.with_columns(output=1 / pl.col("output"))
    info = PanelInfo(name="times", first_ai_period=1, outcome="time")
    times = by_term(Panel(info=info, outputs=inverse), "within")
    speed = by_term(panel, "within")
    assert times[LOG].estimate == pytest.approx(speed[LOG].estimate, rel=1e-12)
    change = 100 * np.expm1(-speed[LOG].estimate)
    assert f"time changes by {change:+.1f} percent" in times[PERCENT].message
    assert times[LEVELS].estimate < 0


def test_log_points_of_answers_are_the_log_of_the_ratio_of_shares():
    outputs = pl.DataFrame(
        {
            "worker_id": [f"w{k // 10}" for k in range(80)],
            "task_id": ["t"] * 80,
            "item_id": [str(k) for k in range(80)],
            "period": [1] * 80,
            "ai_access": [k < 40 for k in range(80)],
            "output": [float(k % 10 < (8 if k < 40 else 5)) for k in range(80)],
        }
    )
    info = PanelInfo(name="answers", outcome="binary")
    noise = pl.when(pl.col("worker_id").is_in(["w0", "w7"])).then(1.0).otherwise(pl.col("output"))
    panel = Panel(info=info, outputs=outputs.with_columns(output=noise))
    rows = by_term(panel, "between")
    treated, controls = (10 + 3 * 8) / 40, (3 * 5 + 10) / 40
    assert rows[LEVELS].estimate == pytest.approx(treated - controls, rel=1e-12)
    assert rows[LOG].estimate == pytest.approx(np.log(treated / controls), rel=1e-12)


def test_declared_covariates_are_controls_and_unknown_ones_are_counted():
    panel = draw_items(Items(form="between", n_workers=60), np.random.default_rng(5))
    random = np.random.default_rng(6)
    extra = random.standard_normal(panel.outputs.height)
    outputs = panel.outputs.with_columns(
        length=pl.Series(extra), output=pl.col("output") * pl.Series(np.exp(3 * extra))
    )
    info = PanelInfo(name="covariates", first_ai_period=1, covariates=("outputs.length",))
    plain = by_term(panel, "between")[LOG]
    controlled = by_term(Panel(info=info, outputs=outputs), "between")[LOG]
    assert controlled.std_error < 1.1 * plain.std_error
    holes = outputs.with_columns(
        length=pl.when(pl.int_range(pl.len()) < 7).then(None).otherwise(pl.col("length"))
    )
    row = by_term(Panel(info=info, outputs=holes), "between")[LOG]
    assert "7 rows left out, a covariate not known" in row.message


def test_teams_that_were_assigned_are_the_clusters():
    settings = Items(form="between", n_workers=40)
    panel = draw_items(settings, np.random.default_rng(7))
    team = (pl.col("worker_id").cast(pl.Int64) // 5).cast(pl.String)
    teams = panel.with_tables(outputs=panel.outputs.with_columns(assignment_id=team))
    assert by_term(teams, "between")[LOG].n_clusters == 16
    assert by_term(panel, "between")[LOG].n_clusters == 80


def test_randomization_finds_a_large_effect():
    panel = draw_items(Items(n_workers=40, n_items=10), np.random.default_rng(12))
    row = estimate(panel, estimators="effect_within", errors="randomization").row(0, named=True)
    assert row["p_value"] == pytest.approx(1 / 500)


@pytest.fixture(scope="module")
def trial():
    """A trial without a period before, with two noisy measures of ability."""
    random = np.random.default_rng(13)
    n, items = 800, 3
    ability = 0.4 * random.standard_normal(n)
    has_ai = np.arange(n) % 2 == 1
    worker = np.repeat(np.arange(n), items)
    value = ability * np.where(has_ai, 0.6, 1.0) + 0.3 * has_ai
    outputs = pl.DataFrame(
        {
            "worker_id": worker,
            "task_id": np.zeros(worker.size, dtype=int),
            "item_id": np.arange(worker.size),
            "period": np.ones(worker.size, dtype=int),
            "ai_access": has_ai[worker],
            "output": np.exp(value[worker] + 0.3 * random.standard_normal(worker.size)),
        }
    ).with_columns(pl.col("worker_id", "task_id", "item_id").cast(pl.String))
    measures = ability + 0.3 * random.standard_normal((2, n))
    workers = pl.DataFrame(
        {
            "worker_id": [str(k) for k in range(n)],
            "ability_log": measures[0],
            "ability_retest_log": measures[1],
        }
    )
    return Panel(info=PanelInfo(name="trial"), outputs=outputs, workers=workers)


def test_access_by_ability_is_attenuated_by_noise_and_the_second_measure_cures_it(trial):
    (plain,) = access_by_ability(Sample(trial), instrumented=False)
    (cured,) = access_by_ability(Sample(trial), instrumented=True)
    reliability = 0.4**2 / (0.4**2 + 0.3**2)
    for row, truth in ((plain, -0.4 * reliability), (cured, -0.4)):
        # A fixed draw; four standard errors are passed once in 16,000.
        assert abs(row.estimate - truth) < 4 * row.std_error
    assert plain.conf_low > -0.4


def test_measures_in_any_unit_count_in_standard_deviations(trial):
    table = trial.workers.unpivot(
        index="worker_id", variable_name="measure", value_name="ability"
    ).with_columns(pl.col("ability") * 15 + 100)
    graded = trial.with_tables(workers=trial.workers.select("worker_id"), abilities=table)
    (row,) = access_by_ability(Sample(graded), instrumented=False)
    (logs,) = access_by_ability(Sample(trial), instrumented=False)
    spread = trial.workers["ability_log"].std()
    assert row.estimate == pytest.approx(logs.estimate * spread, rel=1e-6)
    assert "ability in standard deviations" in row.message


# By groups of ability ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["within", "before_after", "difference"])
def test_groups_differ_by_the_gradient_and_not_by_noise(form):
    flat = Items(form=form, n_workers=1500, n_items=3, gap=0)
    steep = Items(form=form, n_workers=1500, n_items=3, gap=-0.5)
    slopes = {}
    for settings in (flat, steep):
        panel = draw_items(settings, np.random.default_rng(14))
        groups = effect_by_baseline(Sample(panel), form)
        last, first = groups.row(3, named=True), groups.row(0, named=True)
        gap = last["estimate"] - first["estimate"]
        error = np.hypot(last["std_error"], first["std_error"])
        truth = settings.gap * (last["baseline"] - first["baseline"])
        # Shrunken baselines are the best guess of ability, so the effect is linear in them. Four errors: 1 in 16,000.
        assert abs(gap - truth) < 4 * error
        slopes[settings.gap] = gap / error
    assert slopes[-0.5] < -4


def test_groups_average_to_the_average_effect():
    panel = draw_items(Items(n_workers=100, n_items=4), np.random.default_rng(15))
    groups = effect_by_baseline(Sample(panel), "within", n_groups=2)
    effect = by_term(panel, "within")[LOG].estimate
    assert groups["estimate"].mean() == pytest.approx(effect, abs=0.02)


def test_groups_of_workers_seen_once_are_refused():
    panel = draw_items(Items(form="between"), np.random.default_rng(16))
    with pytest.raises(ParameterError, match="workers followed"):
        effect_by_baseline(Sample(panel), "between")
