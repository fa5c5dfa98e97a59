"""Covariates of items are taken out before pairs; those of workers are ability."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from drawn_items import Items, draw_items

from withintask.panel.errors import EstimationError
from withintask.tests_of_model.components.pair_covariates import without_covariates
from withintask.tests_of_model.hypotheses.effect_by_baseline import effect_by_baseline
from withintask.tests_of_model.hypotheses.pairs import pairs
from withintask.tests_of_model.samples.comparisons import compare
from withintask.tests_of_model.samples.controls import Adjust
from withintask.tests_of_model.samples.item_rows import item_rows
from withintask.tests_of_model.samples.sample import Sample

SLOPE = 0.7
PLAIN = Items(n_workers=60, n_items=6)


def with_length(panel, *, slope=SLOPE, outcome=None):
    """The panel with a covariate of rows that moves log output, and is larger for abler workers."""
    random = np.random.default_rng(3)
    outputs = panel.outputs.sort("worker_id", "item_id")
    ability = outputs.select(pl.col("output").log().mean().over("worker_id")).to_series()
    length = random.normal(size=outputs.height) + ability.to_numpy()
    moved = outputs.with_columns(
        length=pl.Series(length), output=pl.col("output") * pl.Series(np.exp(slope * length))
    )
    info = replace(panel.info, covariates=("outputs.length",), outcome=outcome)
    return replace(panel, info=info, outputs=moved)


@pytest.fixture(scope="module")
def panel():
    return draw_items(PLAIN, np.random.default_rng(1))


def test_the_slope_is_found_by_what_varies_within_workers(panel):
    moved = with_length(panel)
    before = compare(item_rows(moved), "within")
    after = without_covariates(before)
    length = moved.outputs["length"].to_numpy()
    taken = np.polyfit(length, before.rows.value - after.rows.value, 1)
    # 720 rows of noise .5: the slope's error is .5/√600 = .020; four of them are passed in one of 16,000 draws.
    np.testing.assert_allclose(taken[0], SLOPE, rtol=0, atol=0.08)


def test_noise_of_a_covariate_is_not_noise_of_items(panel):
    plain = {row.term: row for row in pairs(Sample(panel), form="within")}
    moved = with_length(panel)
    controlled = {row.term: row for row in pairs(Sample(moved), form="within")}
    assert "taken out: outputs.length" in controlled["delta_log_sd"].message
    error = plain["delta_log_noise"].std_error
    gap = controlled["delta_log_noise"].estimate - plain["delta_log_noise"].estimate
    assert abs(gap) < 2 * error


def test_a_covariate_of_workers_is_part_of_ability(panel):
    workers = panel.outputs.select("worker_id").unique().sort("worker_id")
    workers = workers.with_columns(tenure=pl.int_range(pl.len()).cast(pl.Float64))
    info = replace(panel.info, covariates=("workers.tenure",))
    declared = replace(panel, info=info, workers=workers)
    expected, found = (pairs(Sample(p), form="within") for p in (panel, declared))
    assert expected == found


def test_a_covariate_that_is_one_a_worker_is_named_and_left(panel):
    outputs = panel.outputs.with_columns(site=pl.col("worker_id").cast(pl.Float64))
    info = replace(panel.info, covariates=("outputs.site",))
    comparison = compare(item_rows(replace(panel, info=info, outputs=outputs)), "within")
    assert (
        "no covariate or fixed effect varies within workers"
        in without_covariates(comparison).message
    )


def test_rows_without_a_covariate_are_left_out_and_counted(panel):
    moved = with_length(panel)
    some = moved.outputs.with_columns(
        length=pl.when(pl.int_range(pl.len()) >= 7).then(pl.col("length"))
    )
    comparison = compare(item_rows(replace(moved, outputs=some)), "within")
    after = without_covariates(comparison)
    assert after.rows.value.size == comparison.rows.value.size - 7
    assert "7 rows left out, a covariate not known" in after.message


def test_no_row_with_all_covariates_is_an_error(panel):
    moved = with_length(panel)
    none = moved.outputs.with_columns(length=pl.lit(None, dtype=pl.Float64))
    comparison = compare(item_rows(replace(moved, outputs=none)), "within")
    with pytest.raises(EstimationError, match="no row of which all covariates are known"):
        without_covariates(comparison)


def test_counts_say_that_covariates_are_not_taken_out(panel):
    moved = with_length(panel, outcome="count")
    counts = moved.outputs.with_columns(output=(10 * pl.col("output")).round())
    comparison = compare(item_rows(replace(moved, outputs=counts)), "within")
    assert "covariates are not taken out of counts" in without_covariates(comparison).message


def test_groups_by_baseline_are_free_of_the_covariate(panel):
    plain, moved = (
        effect_by_baseline(Sample(p), "within", n_groups=2) for p in (panel, with_length(panel))
    )
    ignored = with_length(panel)
    ignored = replace(ignored, info=replace(ignored.info, covariates=()))
    left = effect_by_baseline(Sample(ignored), "within", n_groups=2)
    near, far = ((f["estimate"] - plain["estimate"]).abs().max() for f in (moved, left))
    assert near < far


def test_a_fixed_effect_of_rows_is_taken_out_as_its_indicators_are(panel):
    random = np.random.default_rng(5)
    shift = random.integers(0, 3, panel.outputs.height)
    outputs = panel.outputs.with_columns(
        shift=pl.Series(shift).cast(pl.String),
        late=pl.Series(shift == 1).cast(pl.Float64),
        night=pl.Series(shift == 2).cast(pl.Float64),
        output=pl.col("output") * pl.Series(np.exp(0.5 * shift)),
    )
    info = replace(panel.info, covariates=("outputs.shift", "outputs.late", "outputs.night"))
    moved = replace(panel, info=info, outputs=outputs)
    asked = Adjust(controls=("late", "night")), Adjust(controls=("late",), absorb=("shift",))
    expected, found = (pairs(Sample(moved, adjust=adjust), form="within") for adjust in asked)
    for row, other in zip(expected, found, strict=True):
        assert other.estimate == pytest.approx(row.estimate, rel=1e-9)
        assert other.std_error == pytest.approx(row.std_error, rel=1e-9)
    assert "taken out: outputs.late, shift" in found[0].message


def test_what_pairs_cannot_absorb_is_refused_by_name(panel):
    outputs = panel.outputs.with_columns(number=pl.int_range(pl.len()).cast(pl.String))
    asked = Adjust(absorb=("number",))
    many = replace(panel, outputs=outputs)
    message = pairs(Sample(many, adjust=asked), form="within")[0].message
    assert "fixed effects number have" in message and "at most 200" in message
    counts = replace(
        many,
        info=replace(panel.info, outcome="count"),
        outputs=outputs.with_columns(output=pl.col("output").round() + 1),
    )
    message = pairs(Sample(counts, adjust=asked), form="within")[0].message
    assert "fixed effects are not taken out of counts" in message
