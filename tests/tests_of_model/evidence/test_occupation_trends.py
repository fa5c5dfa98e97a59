"""Occupation trends: the same numbers as the two-way regression, bounds that hold, honest p-values."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from withintask.tests_of_model.evidence import occupation_slopes as slopes
from withintask.tests_of_model.evidence import occupation_trends as trends
from withintask.tests_of_model.evidence.occupation_slopes import Segment, Specification
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference

YEARS = (2021, 2022, 2023, 2024, 2025)
ASKED = Specification(outcome="y", measure="x", scale="sd")


def frames(rng, *, n=120, effect=0.0, years=YEARS, segment="s", noise=0.1):
    """Outcomes with errors that lasts three years, as pooled samples have, and their exposure."""
    exposure = rng.normal(size=n)
    shocks = rng.normal(size=(n, len(years) + 2)) * noise
    errors = shocks[:, :-2] + shocks[:, 1:-1] + shocks[:, 2:]
    share = np.array([slopes.share_after(year) for year in years])
    outcome = 1 + effect * exposure[:, None] * share + rng.normal(size=(n, 1)) + errors
    codes = [f"{10 + number // 3:02d}-{number % 3}000" for number in range(n)]
    jobs = rng.uniform(1e3, 1e5, n)
    rows = [
        (year, segment, codes[i], "t", jobs[i], "y", outcome[i, t], outcome[i, t])
        for i in range(n)
        for t, year in enumerate(years)
    ]
    schema = ["year", "segment", "code", "title", "jobs", "outcome", "low", "high"]
    outcomes = pl.DataFrame(rows, schema=schema, orient="row")
    measure = {"segment": segment, "code": codes, "measure": "x", "value": exposure}
    return outcomes, pl.DataFrame(measure)


@pytest.mark.parametrize(
    ("year", "share"), [(2022, 0), (2023, 1 / 6), (2024, 3 / 6), (2025, 5 / 6), (2026, 1)]
)
def test_a_year_is_after_ai_by_the_share_of_its_panels(year, share):
    assert slopes.share_after(year) == share


@pytest.mark.parametrize(("gap", "share"), [(0, 1), (1, 4 / 6), (2, 2 / 6), (3, 0)])
def test_neighbouring_years_share_two_thirds_of_their_panels(gap, share):
    assert slopes.shared_panels(2021, 2021 + gap) == share


def test_the_panels_of_may_2023_are_those_of_three_years():
    days = slopes.panels_of(2023)
    assert (days[0], days[-1], len(days)) == (date(2020, 11, 12), date(2023, 5, 12), 6)


@pytest.mark.parametrize("weighted", [False, True])
def test_contrasts_are_the_coefficients_of_the_two_way_regression(weighted):
    outcomes, exposure = frames(np.random.default_rng(1))
    asked = Specification(outcome="y", measure="x", weighted=weighted)
    read = slopes.read_segment(outcomes, exposure, "s", asked)
    questions = slopes.contrasts_of(read.years)
    ours = slopes.slopes(read, np.array(list(questions.values())))
    n, t = read.low.shape
    occupation, year = np.repeat(np.arange(n), t), np.tile(np.arange(t), n)
    base = read.years.index(2022)
    others = [place for place in range(t) if place != base]
    X = np.column_stack([read.exposure[occupation] * (year == place) for place in others])
    _, cluster = np.unique(read.cluster, return_inverse=True)
    two_way = fit(
        read.low.ravel(),
        X,
        names=[str(place) for place in others],
        effects=Effects(absorb=(occupation, year), weights=read.weight[occupation]),
        inference=Inference(cluster=(cluster[occupation],)),
    )
    by_year = [n for n, term in enumerate(questions) if " minus 2" in term]
    np.testing.assert_allclose(ours.estimate[by_year], two_way.params, rtol=1e-9, atol=1e-12)
    # The factor G/(G-1) (n-1)/(n-k) counts rows and effects otherwise; the sums are the same.
    ratio = np.sqrt(np.diag(ours.covariance()))[by_year] / two_way.std_error
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


def test_the_error_of_a_contrast_is_that_of_its_cross_section():
    outcomes, exposure = frames(np.random.default_rng(2))
    read = slopes.read_segment(outcomes, exposure, "s", ASKED)
    question = slopes.contrasts_of(read.years)[slopes.POST_MINUS_PRE]
    ours = slopes.slopes(read, question[None, :])
    _, cluster = np.unique(read.cluster, return_inverse=True)
    plain = fit(
        read.low @ question,
        read.exposure[:, None],
        names=["x"],
        effects=Effects(absorb=(np.zeros(read.exposure.size, dtype=np.int64),)),
        inference=Inference(cluster=(cluster,)),
    )
    np.testing.assert_allclose(ours.estimate, plain.params, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(ours.covariance()[0]), plain.std_error, rtol=1e-9)


def test_the_full_effect_is_found_where_every_panel_has_its_share():
    found = [
        trends.trends(*frames(np.random.default_rng(seed), effect=0.5), [ASKED])
        for seed in range(60)
    ]
    rows = pl.concat(found).filter(pl.col("term") == slopes.FULL_EFFECT)
    # Exposure is scaled by its standard deviation in the sample, about one: four errors of the mean.
    error = rows["estimate"].std() / np.sqrt(rows.height)
    assert abs(rows["estimate"].mean() - 0.5) < 4 * error + 0.5 * 0.03


def test_years_without_ai_are_rejected_as_often_as_said_where_nothing_moves():
    n = 200
    p_values = []
    for seed in range(n):
        rng = np.random.default_rng(seed)
        first, measure = frames(rng, years=(2019, 2020), segment="h")
        second, other = frames(rng, years=YEARS[:3])
        outcomes = pl.concat([first, second])
        exposure = pl.concat([measure, other])
        p_values.append(trends.pre_trends(outcomes, exposure, [ASKED])["p_value"][0])
    rejected = np.mean(np.array(p_values) < 0.05)
    # Binomial, four errors: false alarm about 6e-5; forty clusters reject a little too often.
    assert rejected < 0.05 + 0.02 + 4 * np.sqrt(0.05 * 0.95 / n)


def test_a_movement_before_ai_is_found_jointly():
    rng = np.random.default_rng(3)
    outcomes, exposure = frames(rng, noise=0.02)
    moved = outcomes.join(exposure.select("code", "value"), on="code").with_columns(
        pl.when(pl.col("year") == 2021).then(pl.col(name) + pl.col("value")).otherwise(name)
        for name in ("low", "high")
    )
    assert trends.pre_trends(moved.drop("value"), exposure, [ASKED])["p_value"][0] < 1e-6


numbers = st.floats(-2, 2, allow_subnormal=False)


@settings(max_examples=60)
@given(data=st.data(), n=st.integers(4, 12))
def test_no_outcome_within_its_bounds_gives_a_slope_outside_them(data, n):
    def draw():
        return np.array(data.draw(st.lists(numbers, min_size=2 * n, max_size=2 * n))).reshape(n, 2)

    low, inside = draw(), np.abs(draw())
    high = low + inside + np.abs(draw())
    exposure = np.linspace(-1, 1, n)
    question = np.array([[-1.0, 1.0]])

    def at(values, top):
        segment = Segment(
            name="s", years=(1, 2), low=values, high=top, exposure=exposure,
            weight=np.ones(n), cluster=np.arange(n).astype(str), n_left_out=0,
        )  # fmt: skip
        return slopes.slopes(segment, question)

    exact = at(low + inside, low + inside)
    high[: n // 2] = low[: n // 2]  # a half has numbers, the other bounds
    values = np.where(np.arange(n)[:, None] < n // 2, low, low + inside)
    bounds = at(low, high).bounds[0]
    (slope,) = at(values, values).estimate
    assert bounds[0] - 1e-9 <= slope <= bounds[1] + 1e-9
    np.testing.assert_allclose(exact.bounds[0], exact.estimate[0], rtol=1e-9, atol=1e-12)


def test_an_outcome_without_an_upper_bound_leaves_the_slope_without_ends():
    outcomes, exposure = frames(np.random.default_rng(4))
    is_open = (pl.col("code") == "10-0000") & (pl.col("year") == 2024)
    opened = outcomes.with_columns(
        pl.when(is_open).then(float("inf")).otherwise("high").alias("high")
    )
    rows = trends.trends(opened, exposure, [ASKED])
    assert rows["bound_low"].is_infinite().all()
    assert rows["n_obs"].unique().to_list() == [119]
    assert rows["n_bounded"].unique().to_list() == [120]


def test_stepping_down_with_one_question_is_the_share_of_larger_draws():
    drawn = np.abs(np.random.default_rng(5).normal(size=(999, 1)))
    (p_value,) = trends.step_down(np.array([1.5]), drawn)
    assert p_value == (1 + (drawn >= 1.5).sum()) / 1000


def test_adjusted_p_values_keep_the_order_of_the_statistics_and_are_no_smaller():
    rng = np.random.default_rng(6)
    observed, drawn = np.abs(rng.normal(size=8)) * 2, np.abs(rng.normal(size=(499, 8)))
    adjusted = trends.step_down(observed, drawn)
    single = np.array([trends.step_down(observed[[n]], drawn[:, [n]])[0] for n in range(8)])
    assert (adjusted >= single - 1e-12).all()
    assert (np.diff(adjusted[np.argsort(-observed)]) >= 0).all()


def test_of_many_true_nulls_hardly_any_family_has_a_rejection():
    n = 100
    families = 0
    for seed in range(n):
        rng = np.random.default_rng(seed)
        outcomes, exposure = frames(rng, n=90)
        others = [
            exposure.with_columns(measure=pl.lit(f"x{k}"), value=pl.Series(rng.normal(size=90)))
            for k in range(6)
        ]
        asked = [Specification(outcome="y", measure=f"x{k}") for k in range(6)]
        found = trends.romano_wolf(outcomes, pl.concat(others), asked, n_draws=199, seed=seed)
        families += (found["p_adjusted"] < 0.05).any()
    # Four binomial errors above 5 %, and what thirty clusters add.
    assert families / n < 0.05 + 0.02 + 4 * np.sqrt(0.05 * 0.95 / n)


def test_equal_seeds_give_equal_adjustments():
    outcomes, exposure = frames(np.random.default_rng(7))
    first, second = (
        trends.romano_wolf(outcomes, exposure, [ASKED], n_draws=99, seed=3) for _ in range(2)
    )
    assert first.equals(second)


def test_outcomes_that_never_move_have_no_p_value_and_no_crash():
    outcomes, exposure = frames(np.random.default_rng(8), years=(2019, 2020, 2021, 2022))
    same = outcomes.with_columns(pl.col("low", "high").first().over("code"))
    found = trends.occupation_evidence(same, exposure, n_draws=9)
    assert found.trends["p_value"].is_nan().all()
    assert found.pre_trends["p_value"].is_nan().all()
    assert found.pre_trends["message"].str.contains("do not vary").all()


def test_a_question_that_cannot_be_asked_is_a_row_that_says_why():
    outcomes, exposure = frames(np.random.default_rng(8))
    (row,) = trends.trends(outcomes, exposure.head(2), [ASKED]).to_dicts()
    assert (row["status"], "2 occupations have all of it" in row["message"]) == ("too_few", True)


def test_the_order_of_rows_says_nothing():
    outcomes, exposure = frames(np.random.default_rng(9), effect=0.3)
    shuffled = outcomes.sample(fraction=1, shuffle=True, seed=1), exposure.reverse()
    first, second = trends.trends(outcomes, exposure, [ASKED]), trends.trends(*shuffled, [ASKED])
    assert first["term"].equals(second["term"])
    np.testing.assert_allclose(first["estimate"], second["estimate"], rtol=1e-9)
