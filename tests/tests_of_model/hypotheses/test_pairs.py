"""Pairs of items give the spread of ability without its noise."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from drawn_items import Items, draw_items
from hypothesis import given, settings
from hypothesis import strategies as st

from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.tests_of_model.components.pair_design import pair_design
from withintask.tests_of_model.components.pair_sums import PairRows, pair_sums
from withintask.tests_of_model.components.pairs import SidedRows, unit_moments
from withintask.tests_of_model.hypotheses.hypothesis import OK
from withintask.tests_of_model.hypotheses.pair_terms import (
    GRADIENT,
    LOG_CV,
    LOG_SD,
    NOISE,
    estimate_term,
)
from withintask.tests_of_model.hypotheses.pairs import ability_by_pairs, pairs
from withintask.tests_of_model.hypotheses.persistence import assuming, persistence_curve
from withintask.tests_of_model.samples.comparisons import compare
from withintask.tests_of_model.samples.item_rows import item_rows
from withintask.tests_of_model.samples.sample import Sample

PROPERTY = settings(max_examples=40)
FORMS = ("within", "between", "before_after", "difference")


def by_term(panel, form, **options):
    return {row.term: row for row in pairs(Sample(panel), form=form, **options)}


# Sums over pairs ---------------------------------------------------------------------------------


def loops(rows, x, y):
    """Σ x_k y_l over the pairs that count, walked one by one."""
    total = np.zeros(rows.n_units)
    for k in range(x.size):
        for j in range(x.size):
            apart = abs(rows.position[k] - rows.position[j])
            counts = rows.unit[k] == rows.unit[j] and rows.item[k] != rows.item[j]
            counts &= rows.distance == 1 or apart >= rows.distance
            counts &= rows.rater is None or rows.rater[k] != rows.rater[j]
            total[rows.unit[k]] += counts * x[k] * y[j]
    return total


@PROPERTY
@given(st.integers(0, 10_000))
def test_weights_by_distance_equal_a_sum_over_distances(seed):
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(3), 6)
    place = np.concatenate([random.permutation(9)[:6] for _ in range(3)])
    columns, kernel = random.standard_normal((18, 1)), random.random(5)

    def sums(distance):
        rows = PairRows(unit=unit, item=np.arange(18), position=place, n_units=3, distance=distance)
        return pair_sums(rows, columns, [(0, 0)])

    expected = sum(kernel[d] * (sums(d) - sums(d + 1)) for d in range(1, 5))
    rows = PairRows(unit=unit, item=np.arange(18), position=place, n_units=3)
    weighted = pair_sums(rows, columns, [(0, 0)], kernel=kernel)
    np.testing.assert_allclose(weighted, expected, rtol=1e-9, atol=1e-9)


@PROPERTY
@given(st.integers(0, 10_000), st.integers(1, 4), st.booleans(), st.booleans())
def test_sums_over_pairs_equal_a_walk_over_them(seed, distance, has_raters, is_repeated):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 30))
    rows = PairRows(
        unit=random.integers(0, 3, n),
        item=random.integers(0, 6, n) if is_repeated else np.arange(n),
        position=random.integers(0, 7, n),
        n_units=4,
        distance=distance,
        rater=random.integers(0, 3, n) if has_raters else None,
    )
    columns = random.standard_normal((n, 2))
    expected = [loops(rows, columns[:, a], columns[:, b]) for a, b in ((0, 0), (0, 1))]
    np.testing.assert_allclose(
        pair_sums(rows, columns, [(0, 0), (0, 1)]), expected, rtol=1e-9, atol=1e-9
    )


# Moments of units --------------------------------------------------------------------------------


def nested(random, n_items, value=None):
    """Rows of workers with their own items on one side, one cell."""
    unit = np.repeat(np.arange(len(n_items)), n_items)
    n = unit.size
    own = np.arange(n) - np.repeat(np.cumsum(n_items) - n_items, n_items)
    pairs = PairRows(unit=unit, item=np.arange(n), position=own, n_units=len(n_items))
    zero = np.zeros(n, dtype=np.int64)
    drawn = random.standard_normal(n) if value is None else value
    return SidedRows(pairs=pairs, cell=zero, side=zero, value=drawn)


@PROPERTY
@given(st.integers(0, 10_000))
def test_own_items_give_products_within_workers_less_products_between_them(seed):
    random = np.random.default_rng(seed)
    n_items = random.integers(2, 6, int(random.integers(2, 7)))
    rows = nested(random, n_items)
    unit, y = rows.pairs.unit, rows.value
    mean = np.bincount(unit, y) / n_items
    within = (np.bincount(unit, y) ** 2 - np.bincount(unit, y**2)) / (n_items * (n_items - 1))
    n = n_items.size
    between = (mean.sum() ** 2 - (mean**2).sum()) / (n * (n - 1))
    moments = unit_moments(rows)
    assert moments.product[0].mean() == pytest.approx(within.mean() - between, abs=1e-12)
    square = (np.bincount(unit, y**2) / n_items).mean() - between
    assert moments.square[0].mean() == pytest.approx(square, abs=1e-12)


def crossed(unit, item, side):
    """Rows of shared items; the value is ability of the unit, set one unit at a time."""
    position = np.arange(unit.size)
    pairs = PairRows(unit=unit, item=item, position=position, n_units=int(unit.max()) + 1)
    return SidedRows(pairs=pairs, cell=item * 2 + side, side=side, value=np.zeros(unit.size))


def expected_product(rows):
    """Mean over draws of each unit's moment where abilities are independent with variance one, exactly."""
    total = 0.0
    for unit in range(rows.pairs.n_units):
        ability = (rows.pairs.unit == unit).astype(float)
        total = total + unit_moments(replace(rows, value=ability)).product
    return total


@PROPERTY
@given(st.integers(0, 10_000))
def test_shared_items_give_the_variance_of_ability_however_they_are_spread(seed):
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(6), 8)
    item = np.concatenate([random.permutation(10)[:8] for _ in range(6)])
    side = random.integers(0, 2, unit.size)
    rows = crossed(unit, item, side)
    crowded = np.bincount(rows.cell, minlength=20)[rows.cell] > 1
    rows = rows.take(crowded)
    # A moment is quadratic in the abilities, so its mean is the sum of its values at one ability at a time.
    expected = expected_product(rows)
    known = np.isfinite(expected)
    np.testing.assert_allclose(expected[known], 1.0, rtol=1e-9)


def test_items_that_all_share_cost_the_factor_of_their_number():
    unit, item = np.repeat(np.arange(5), 4), np.tile(np.arange(4), 5)
    rows = crossed(unit, item, np.zeros(20, dtype=np.int64))
    values = np.random.default_rng(1).standard_normal((5, 4))
    left = values - values.mean(axis=0)
    product = (left.sum(axis=1) ** 2 - (left**2).sum(axis=1)) / (4 * 3) * 5 / 4
    moments = unit_moments(replace(rows, value=values.ravel()))
    np.testing.assert_allclose(moments.product[0], product, rtol=1e-12)


def test_items_without_noise_show_ability_as_it_is():
    panel = draw_items(Items(noise=0, n_workers=40, n_items=3), np.random.default_rng(1))
    rows = by_term(panel, "within")
    assert rows[LOG_SD].estimate == pytest.approx(np.log(0.75), rel=1e-9)
    assert rows[GRADIENT].estimate == pytest.approx(-0.25, rel=1e-9)


# What is left out, refused and said --------------------------------------------------------------


@pytest.fixture(scope="module")
def panel():
    """Forty workers with five items a side, in order."""
    return draw_items(Items(n_workers=40, n_items=5), np.random.default_rng(3))


def test_unknown_values_are_left_out_and_counted(panel):
    place = pl.int_range(pl.len())
    holes = panel.outputs.with_columns(
        output=pl.when(place % 10 == 3).then(None).otherwise(pl.col("output")),
        ai_access=pl.when(place % 10 == 7).then(None).otherwise(pl.col("ai_access")),
    )
    row = by_term(panel.with_tables(outputs=holes), "within", distance=1)[LOG_SD]
    kept = panel.outputs.filter(~(place % 10).is_in([3, 7]))
    expected = by_term(panel.with_tables(outputs=kept), "within", distance=1)[LOG_SD]
    assert row.estimate == pytest.approx(expected.estimate, rel=1e-12)
    assert "80 of 400 rows left out, not known: value in 40, access to AI in 40" in row.message


def test_a_distance_beyond_every_sequence_is_refused(panel):
    row = by_term(panel, "within", distance=10)[LOG_SD]
    assert row.status == "unusable"
    assert "no worker has more than 10 places in order" in row.message


def test_a_distance_without_order_is_refused(panel):
    unordered = panel.with_tables(outputs=panel.outputs.drop("sequence"))
    row = by_term(unordered, "within", distance=2)[LOG_SD]
    assert "needs the order of each worker's items" in row.message


def test_arms_without_a_control_are_refused(panel):
    arms = panel.outputs.with_columns(arm=pl.lit("coach"))
    (row, *_) = pairs(Sample(panel.with_tables(outputs=arms)), form="within")
    assert row.status == "unusable"
    assert "state control_arm" in row.message


def test_each_form_says_what_it_lacks(panel):
    without = panel.with_tables(outputs=panel.outputs.with_columns(ai_access=pl.lit(False)))
    for form in FORMS:
        with pytest.raises(EstimationError, match=form.replace("_", "-")):
            compare(item_rows(without), form)


def test_spread_that_is_not_detected_leaves_the_set_without_ends():
    noisy = draw_items(Items(n_workers=6, n_items=2, noise=3), np.random.default_rng(5))
    row = by_term(noisy, "within")[LOG_SD]
    assert row.status == OK
    assert not np.isfinite([row.conf_low, row.conf_high]).all()
    assert "unbounded" in row.message or "not one interval" in row.message


def test_arms_are_compared_one_at_a_time_where_one_is_asked_for(panel):
    labels = pl.when(pl.col("ai_access")).then(pl.col("item_id").cast(pl.Int64) % 2).otherwise(-1)
    arms = labels.replace_strict({-1: "none", 0: "answers", 1: "coach"}, return_dtype=pl.String)
    info = PanelInfo(name="arms", first_ai_period=1, control_arm="none")
    rows = item_rows(Panel(info=info, outputs=panel.outputs.with_columns(arm=arms)))
    assert rows.arm_names == ("none", "answers", "coach")
    both = compare(rows, "within")
    assert "2 arms with AI taken together" in both.message
    coach = compare(rows, "within", arm=2)
    assert set(coach.rows.arm) == {0, 2}
    assert coach.side.sum() == (rows.arm == 2).sum()


def test_raters_pair_only_with_others(panel):
    twice = pl.concat(
        [
            panel.outputs.with_columns(rater_id=pl.lit(r), output=pl.col("output") * k)
            for r, k in (("a", 1.0), ("b", 2.0))
        ]
    )
    plain, rated = by_term(panel, "within"), by_term(panel.with_tables(outputs=twice), "within")
    # Raters that agree but for a constant show each pair of items twice, once either way round.
    assert rated[LOG_SD].estimate == pytest.approx(plain[LOG_SD].estimate, rel=1e-9)
    alone = twice.filter(pl.col("rater_id") == "a")
    row = by_term(panel.with_tables(outputs=alone), "within")[LOG_SD]
    assert "two different items of different raters" in row.message


# Recovery ----------------------------------------------------------------------------------------

N = 150
# Four binomial errors: a false alarm in 30,000 cases for coverage of .95.
SHORTFALL = 4 * (0.95 * 0.05 / N) ** 0.5

SETTINGS = {
    "twelve workers": Items(n_workers=12, n_items=20),
    "little noise": Items(n_workers=40, n_items=3, noise=0.15),
    "much noise": Items(n_workers=60, n_items=6, noise=0.75),
    "heavy tails, unequal": Items(n_workers=60, n_items=6, heavy_tails=True, unequal=True),
    "shared items, a fifth missing": Items(is_shared=True, item_sd=0.3, missing=0.2, n_items=6),
    "noise that lasts": Items(n_workers=80, n_items=12, persistence=0.4),
    "between": Items(form="between", n_workers=60, n_items=4),
    "before and after": Items(form="before_after", n_workers=60, n_items=4, effect_sd=0.1),
}


@pytest.fixture(scope="module")
def study():
    """Rows of N replicates of a setting; kept."""
    kept = {}

    def get(settings, n=N):
        if settings not in kept:
            random = np.random.default_rng(17)
            drawn = [by_term(draw_items(settings, random), settings.form) for _ in range(n)]
            kept[settings] = {term: [rows[term] for rows in drawn] for term in drawn[0]}
        return kept[settings]

    return get


@pytest.mark.parametrize("name", SETTINGS)
def test_sets_cover_the_truth(name, study):
    drawn = SETTINGS[name]
    for term, rows in study(drawn).items():
        truth = drawn.truth()[term]
        covers = [row.conf_low <= truth <= row.conf_high for row in rows]
        assert np.mean(covers) > 0.95 - SHORTFALL, term


def test_sets_of_the_difference_in_differences_cover_the_truth(study):
    n, settings = 60, Items(form="difference", n_workers=30, n_items=5, kept=0.9)
    for term, rows in study(settings, n).items():
        truth = settings.truth()[term]
        covers = [row.conf_low <= truth <= row.conf_high for row in rows]
        assert np.mean(covers) > 0.95 - 4 * (0.95 * 0.05 / n) ** 0.5, term


NULLS = {
    LOG_SD: Items(gap=0, noise_ratio=0.5, n_workers=40),
    LOG_CV: Items(gap=0, noise_ratio=0.5, n_workers=40),
    GRADIENT: Items(gap=0, effect_sd=0.2, noise_ratio=0.5, n_workers=40),
    NOISE: Items(gap=-0.25, n_workers=40),
}


@pytest.mark.parametrize("term", NULLS)
def test_no_effect_on_ability_is_rejected_no_oftener_than_it_should_be(term, study):
    rejects = [row.p_value < 0.05 for row in study(NULLS[term])[term]]
    assert np.mean(rejects) < 0.05 + SHORTFALL


def test_ai_that_steadies_shows_in_noise_and_not_in_ability(study):
    rows = study(NULLS[LOG_SD])
    assert np.median([row.estimate for row in rows[NOISE]]) == pytest.approx(np.log(0.5), abs=0.05)
    assert np.mean([row.p_value < 0.05 for row in rows[NOISE]]) > 0.95


def test_a_set_and_its_p_value_agree(study):
    for name in ("twelve workers", "between", "before and after"):
        for rows in study(SETTINGS[name]).values():
            for row in rows:
                if "not one interval" not in row.message:
                    assert (row.conf_low <= 0 <= row.conf_high) == (row.p_value >= 0.05)


def test_the_default_distance_follows_the_persistence_of_noise():
    random = np.random.default_rng(1)
    lasting = Items(n_workers=200, n_items=20, persistence=0.6)
    distances = {
        settings: ability_by_pairs(item_rows(draw_items(settings, random)), "within").distance
        for settings in (lasting, Items(n_workers=200, n_items=20, noise=0.5))
    }
    assert 6 <= distances[lasting] <= 10
    assert list(distances.values())[1] <= 2


# Noise that lasts --------------------------------------------------------------------------------


def test_the_curve_starts_at_the_estimate_and_names_where_the_sign_is_lost():
    drawn = draw_items(Items(n_workers=200, n_items=6, gap=-0.4), np.random.default_rng(8))
    curve = persistence_curve(Sample(drawn), "within", persistence=(0, 0.3))
    start = curve.filter(persistence=0, term=LOG_SD)
    assert start["estimate"][0] == by_term(drawn, "within", distance=1)[LOG_SD].estimate
    lost = start["breakdown"][0]
    assert 0.1 < lost < 0.95
    both = persistence_curve(Sample(drawn), "within", persistence=(lost - 0.01, lost + 0.01))
    below, above = both.filter(term=LOG_SD)["conf_high"]
    assert below < 0
    assert not above < 0


def test_the_curve_at_the_true_persistence_covers_the_truth():
    # Four items a side of noise .4: neighbours cannot be skipped. 80 replicates, four binomial errors.
    settings = Items(n_workers=80, n_items=4, form="before_after", persistence=0.4, gap=-0.3)
    random, truth, n = np.random.default_rng(9), settings.truth(), 80
    hits = []
    for _ in range(n):
        sample = Sample(draw_items(settings, random))
        ability = ability_by_pairs(sample.item_rows, "before_after", distance=1)
        rows = [estimate_term(assuming(ability, 0.4), term) for term in (LOG_SD, GRADIENT)]
        hits.append([row.conf_low <= truth[row.term] <= row.conf_high for row in rows])
    assert (np.mean(hits, axis=0) > 0.95 - 4 * (0.95 * 0.05 / n) ** 0.5).all()


def test_persistence_outside_its_range_is_refused(panel):
    with pytest.raises(ParameterError, match="from 0 to below 1"):
        persistence_curve(Sample(panel), "within", persistence=(0.5, 1.0))


# Agreement with maximum likelihood ----------------------------------------------------------------


def test_pairs_agree_with_restricted_maximum_likelihood_where_both_apply():
    import statsmodels.api as sm

    settings = Items(form="between", n_workers=300, n_items=6, gap=-0.2)
    panel = draw_items(settings, np.random.default_rng(2))
    rows = item_rows(panel)
    variance = []
    for side in (0, 1):
        own = rows.take(rows.arm == side)
        model = sm.MixedLM(own.value, np.ones(own.value.size), groups=own.worker)
        variance.append(float(model.fit(reml=True).cov_re[0, 0]))
    design = pair_design(compare(rows, "between"))
    ours = np.nanmean(unit_moments(design.rows).product[:2], axis=1)
    # Balanced items: both are the analysis of variance.
    np.testing.assert_allclose(ours, variance, rtol=1e-4)


def test_pairs_of_shared_items_are_the_two_way_analysis_of_variance():
    # Which is restricted maximum likelihood where every worker does every item.
    n, k = 9, 6
    values = np.random.default_rng(4).standard_normal((n, k)) + np.arange(n)[:, None]
    left = values - values.mean(axis=0)
    by_worker = left.mean(axis=1)
    between = k * (by_worker**2).sum() / (n - 1)
    within = ((left - by_worker[:, None]) ** 2).sum() / ((n - 1) * (k - 1))
    unit, item = np.repeat(np.arange(n), k), np.tile(np.arange(k), n)
    rows = replace(crossed(unit, item, np.zeros(n * k, dtype=np.int64)), value=values.ravel())
    ours = unit_moments(rows).product[0].mean()
    assert ours == pytest.approx((between - within) / k, rel=1e-12)
