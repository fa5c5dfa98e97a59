"""Controls, fixed effects and weights by name: found, checked at once, and used."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import ParameterError
from withintask.tests_of_model.hypotheses.dispersion import log_dispersion, make_cells
from withintask.tests_of_model.hypotheses.estimate import choose, estimate, run_estimator
from withintask.tests_of_model.samples.controls import Adjust

SETTINGS = ["n_firms=8", "n_workers=160", "n_tasks=4", "n_items=1", "output_noise=0.1"]


@pytest.fixture(scope="module")
def trial():
    """A trial whose workers have a tenure that moves output a lot, and a site of each firm."""
    panel = wt.draw_panel("rct-ability", seed=4, settings=SETTINGS).collect()
    random = np.random.default_rng(1)
    workers = panel.workers.with_columns(
        tenure=pl.Series(random.normal(size=panel.workers.height)),
        site=pl.Series(random.choice(["a", "b", "c"], panel.workers.height)),
        survey=pl.Series(random.uniform(0.5, 2.0, panel.workers.height)),
    )
    outputs = panel.outputs.join(
        workers.select("worker_id", "tenure"), on="worker_id", how="left", maintain_order="left"
    ).with_columns(output=pl.col("output") * (0.6 * pl.col("tenure")).exp())
    names = ("workers.tenure", "workers.site", "workers.survey")
    info = replace(panel.info, covariates=names)
    return replace(panel, info=info, workers=workers, outputs=outputs.drop("tenure"))


def _row(panel, name, term=None, **more):
    rows = wt.estimate(panel, estimators=name, **more)
    return rows.filter(pl.col("term") == (term or rows["term"][0])).row(0, named=True)


def test_a_control_makes_the_average_effect_between_workers_more_precise(trial):
    plain = _row(trial, "effect_between", controls="site")
    controlled = _row(trial, "effect_between", controls=["tenure", "C(site)"])
    assert controlled["std_error"] < 0.9 * plain["std_error"]


def test_naming_the_declared_covariates_changes_nothing(trial):
    declared = _row(trial, "effect_between")
    named = _row(trial, "effect_between", controls=["tenure", "C(site)", "survey"])
    assert named["estimate"] == pytest.approx(declared["estimate"], rel=1e-9)


def test_absorbing_a_category_is_controlling_for_it(trial):
    controlled = _row(trial, "effect_between", controls="C(site)")
    absorbed = _row(trial, "effect_between", controls="tenure", absorb="site")
    both = _row(trial, "effect_between", controls=["tenure", "C(site)"])
    assert absorbed["estimate"] == pytest.approx(both["estimate"], rel=1e-9)
    assert absorbed["estimate"] != pytest.approx(controlled["estimate"], rel=1e-6)


@pytest.mark.parametrize(
    "name", ["dispersion_by_access", "dispersion_between_arms", "gradient", "effect_between"]
)
def test_the_fast_and_the_reference_engine_agree_with_controls_and_weights(trial, name):
    asked = {"controls": ["tenure"], "weight": "survey", "errors": "CR1"}
    fast = _row(trial, name, **asked)
    slow = _row(trial, name, engine="reference", **asked)
    assert slow["estimate"] == pytest.approx(fast["estimate"], rel=1e-7)
    assert slow["std_error"] == pytest.approx(fast["std_error"], rel=1e-5)


def test_dispersion_is_unmoved_by_a_control_that_is_balanced_and_less_noisy(trial):
    # Tenure is the same before and after, so its differences in differences are zero on average.
    plain = _row(trial, "dispersion_by_access", controls="C(site)")
    controlled = _row(trial, "dispersion_by_access", controls="tenure")
    assert controlled["estimate"] == pytest.approx(plain["estimate"], abs=4 * plain["std_error"])


def test_weights_of_one_size_change_nothing(trial):
    equal = replace(trial, workers=trial.workers.with_columns(survey=pl.lit(3.0)))
    plain, weighted = (
        estimate(equal, estimators="dispersion_by_access", adjust=adjust).row(0, named=True)
        for adjust in (Adjust(controls=("tenure",)), Adjust(controls=("tenure",), weight="survey"))
    )
    assert weighted["estimate"] == pytest.approx(plain["estimate"], rel=1e-9)
    assert weighted["std_error"] == pytest.approx(plain["std_error"], rel=1e-9)


def test_a_weight_of_two_is_the_row_twice_for_the_point_estimate():
    random = np.random.default_rng(2)
    output = 10 + random.normal(size=400)
    twice = random.random(400) < 0.5
    zero = np.zeros(400, dtype=np.int64)
    post = np.ones(400, dtype=np.bool_)
    weighted, _ = log_dispersion(
        make_cells(zero, zero, zero, post), output, "log_cv", np.where(twice, 2.0, 1.0)
    )
    copied = np.concatenate([output, output[twice]])
    z = np.zeros(copied.size, dtype=np.int64)
    cells = make_cells(z, z, z, np.ones(copied.size, dtype=np.bool_))
    expected, _ = log_dispersion(cells, copied, "log_cv")
    # Both are corrected for their size, 400 or 600 rows: the corrections differ by less than 1/400.
    used = np.isfinite(expected)
    np.testing.assert_allclose(weighted[np.isfinite(weighted)], expected[used], atol=1 / 200)


def test_everything_wrong_is_named_at_once(trial):
    bad = replace(
        trial,
        workers=trial.workers.with_columns(
            survey=pl.when(pl.int_range(pl.len()) < 2).then(0.0).otherwise(pl.col("survey")),
            one=pl.lit(1.0),
        ),
        info=replace(trial.info, covariates=(*trial.info.covariates,)),
    )
    with pytest.raises(ParameterError) as error:
        estimate(bad, adjust=Adjust(controls=("tenur", "one"), absorb=("siite",), weight="survey"))
    text = str(error.value)
    assert "'tenur'" in text and "did you mean tenure?" in text
    assert "one has one value" in text
    assert "'siite'" in text
    assert "weights survey: 2 rows are zero or negative" in text


def test_a_control_that_changes_after_ai_is_warned_of(trial):
    outputs = trial.outputs.with_columns(
        mood=pl.col("period").cast(pl.Float64) + (pl.col("worker_id").hash() % 7)
    )
    info = replace(trial.info, covariates=(*trial.info.covariates, "outputs.mood"))
    moved = replace(trial, outputs=outputs, info=info)
    row = _row(moved, "effect_between", controls="mood")
    assert "mood changes after AI's arrival" in row["message"]
    assert "mood" not in _row(moved, "effect_between", controls="tenure")["message"]


def test_a_collinear_control_is_named(trial):
    twice = trial.workers.with_columns(double=2 * pl.col("tenure"))
    panel = replace(trial, workers=twice)
    rows = estimate(
        panel, estimators="effect_between", adjust=Adjust(controls=("tenure", "double"))
    )
    assert "collinear with earlier terms, dropped: workers.double" in rows["message"][0]


def test_estimators_that_take_no_controls_are_refused_by_name_before_they_begin(trial):
    def never(sample):
        raise AssertionError("it began")

    ((_, estimator),) = choose(estimators="dispersion_two_way_effects")
    asked = Adjust(controls=("tenure",), absorb=("site",))
    (row,) = run_estimator(replace(estimator, run=never, needs=()), wt.Sample(trial, adjust=asked))
    assert "does not take --control, --absorb" in row.message
    pay = wt.draw_panel("linked-pay", seed=1, settings=["n_workers=400", "n_firms=30"])
    row = _row(pay, "variance_change", controls="educ_cog")
    assert row["message"].startswith("variance_change does not take --control")
    assert row["status"] == "unusable"


@pytest.mark.parametrize(
    ("design", "name", "asked"),
    [
        ("pay-panel", "mincer_no_ability", {"controls": "C(occupation_code)"}),
        ("pay-panel", "mincer_pooled", {"controls": "C(occupation_code)"}),
        (
            "linked-pay-assets",
            "rent_sharing",
            {"controls": "C(educ_cog)", "absorb": "industry_code"},
        ),
        ("postings", "linear_probability", {"controls": "employment"}),
    ],
)
def test_estimators_of_pay_and_postings_take_controls(design, name, asked):
    panel = wt.draw_panel(design, seed=1, settings=["n_workers=900"])
    panel = panel.collect()
    if name == "rent_sharing":
        panel = replace(panel, workers=panel.workers.with_columns(pl.col("educ_cog").round(0)))
    if name == "linear_probability":
        drawn = np.random.default_rng(1).uniform(1, 9, panel.occupations.height)
        panel = replace(panel, occupations=panel.occupations.with_columns(employment=drawn))
    plain, controlled = _row(panel, name), _row(panel, name, **asked)
    assert controlled["status"] == "ok"
    assert "do not enter" not in controlled["message"]
    if name != "rent_sharing":
        assert controlled["estimate"] != plain["estimate"]
