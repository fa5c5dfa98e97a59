"""The rule of verdicts on made-up replicates whose verdict is known: 10,000 studies a case, three looks, three worlds."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri

from withintask.panel.errors import ParameterError
from withintask.tests_of_model.harness.rule import (
    ALPHA,
    BIAS_SHARE,
    COVERAGE_LIMIT,
    GOOD,
    OPEN,
    POWER_GOAL,
    SIZE_LIMIT,
    WORDS,
    Draws,
    Looks,
    judge,
)

STUDIES = 10_000
BAND = 4 * (ALPHA * (1 - ALPHA) / STUDIES) ** 0.5
"""Four Monte-Carlo errors of a rate of 5 percent: a rule at its level fails one test in 30,000."""
LOOKS = Looks(sizes=(25, 50, 100))
SOUND = {"bias": 0.0, "coverage": 0.999, "size": 0.001, "power": 0.999}
"""Figures so far within their limits that 100 replicates show them."""


def draws(worlds, *, n=100, studies=STUDIES, seed=0, sd=0.01):
    """Replicates of estimators whose bias (over the truth), coverage, size and power are what is asked for, by world.

    Intervals and tests are drawn beside the estimates, so that each figure can be set alone; the truth is -1 in the
    reference and zero in its rivals.
    """
    rng = np.random.default_rng(seed)
    shape = (studies, len(worlds), n)
    truth = np.array([-1.0, *np.zeros(len(worlds) - 1)])
    by_world = {name: np.array([w[name] for w in worlds])[:, None] for name in SOUND}
    rejection = np.where(truth[:, None] == 0, by_world["size"], by_world["power"])
    covers = rng.random(shape, dtype=np.float32) < by_world["coverage"]
    return Draws(
        truth=truth,
        n=np.full(len(worlds), n),
        estimate=truth[:, None] + by_world["bias"] + sd * rng.standard_normal(shape),
        conf_low=truth[:, None] - np.where(covers, 1.0, np.nan),
        conf_high=np.broadcast_to(truth[:, None], shape),
        p_value=np.where(rng.random(shape, dtype=np.float32) < rejection, 0.0, 1.0),
    )


def rates(worlds, looks=LOOKS, **settings):
    """Share of studies that get each word."""
    word = judge(draws(worlds, **settings), looks).word
    return {name: float((word == place).mean()) for place, name in enumerate(WORDS)}


AT_THE_LIMIT = {
    "bias in the reference": (0, {"bias": BIAS_SHARE}),
    "bias in a rival": (2, {"bias": -BIAS_SHARE}),
    "coverage in the reference": (0, {"coverage": COVERAGE_LIMIT}),
    "coverage in a rival": (1, {"coverage": COVERAGE_LIMIT}),
    "size without AI": (1, {"size": SIZE_LIMIT}),
    "size in a rival": (2, {"size": SIZE_LIMIT}),
    "power": (0, {"power": POWER_GOAL}),
}


@pytest.mark.parametrize(("place", "figure"), AT_THE_LIMIT.values(), ids=AT_THE_LIMIT)
@pytest.mark.parametrize("sd", [0.01, 0.4])
def test_at_any_limit_each_word_is_said_wrongly_less_often_than_its_level(place, figure, sd):
    worlds = [{**SOUND, **(figure if k == place else {})} for k in range(3)]
    shares = rates(worlds, sd=sd)
    for word in ("identified", "biased", "size-distorted", "underpowered"):
        assert shares[word] < ALPHA + BAND, (word, shares)


@pytest.mark.parametrize("sd", [0.01, 0.4, 3.0])
def test_with_every_figure_at_its_limit_no_word_is_said_too_often(sd):
    limits = {
        "bias": BIAS_SHARE,
        "coverage": COVERAGE_LIMIT,
        "size": SIZE_LIMIT,
        "power": POWER_GOAL,
    }
    shares = rates([limits] * 3, sd=sd)
    for word in ("identified", "biased", "size-distorted", "underpowered"):
        assert shares[word] < ALPHA + BAND, (word, shares)


def test_a_sound_estimator_is_identified():
    assert rates([SOUND] * 3)["identified"] > 1 - ALPHA


def test_an_estimator_of_nominal_coverage_and_size_is_identified_at_a_thousand_replicates():
    nominal = {"bias": 0.0, "coverage": 0.95, "size": 0.05, "power": 0.95}
    shares = rates([nominal] * 3, Looks(sizes=(50, 150, 400, 1000)), n=1000, studies=500, sd=0.25)
    assert shares["identified"] > POWER_GOAL


@pytest.mark.parametrize(
    ("word", "figure"),
    [
        ("biased", {"bias": 0.2}),
        ("size-distorted", {"size": 0.3}),
        ("size-distorted", {"coverage": 0.7}),
        ("underpowered", {"power": 0.5}),
    ],
)
def test_what_is_far_beyond_a_limit_gets_its_word(word, figure):
    worlds = [{**SOUND, **figure}, {**SOUND, **figure}, SOUND]
    assert rates(worlds, sd=0.1, studies=500)[word] > 1 - ALPHA


def test_more_rivals_do_not_make_false_words_more_frequent():
    at_limit = {**SOUND, "bias": BIAS_SHARE, "size": SIZE_LIMIT}
    shares = rates([at_limit] * 12, n=50, looks=Looks(sizes=(25, 50)), sd=0.2)
    assert shares["biased"] < ALPHA + BAND
    assert shares["size-distorted"] < ALPHA + BAND


def test_twenty_replicates_identify_nothing():
    perfect = {"bias": 0.0, "coverage": 1.0, "size": 0.0, "power": 1.0}
    shares = rates([perfect] * 3, Looks(sizes=(20,)), n=20, studies=100, sd=1e-6)
    assert shares["inconclusive"] == 1


def test_the_verdict_is_one_of_the_first_replicates_whatever_comes_after():
    worlds = [SOUND] * 3
    fuller, shorter = draws(worlds, studies=200), draws(worlds, studies=200)
    early = judge(
        Draws(
            truth=shorter.truth,
            n=np.full(3, 50),
            estimate=shorter.estimate + np.where(np.arange(100) < 50, 0.0, 50.0),
            conf_low=shorter.conf_low,
            conf_high=shorter.conf_high,
            p_value=shorter.p_value,
        ),
        LOOKS,
    )
    late = judge(fuller, LOOKS)
    shown = early.shown["bias"] != OPEN
    assert shown.all()
    np.testing.assert_array_equal(early.shown["bias"][shown], late.shown["bias"][shown])


def test_without_a_world_of_no_effect_nothing_is_identified():
    assert rates([SOUND], studies=100)["identified"] == 0


def test_failures_neither_cover_nor_reject():
    some = draws([SOUND] * 3, studies=1, n=100)
    failed = np.where(np.arange(100) < 40, np.nan, 1.0)
    judgement = judge(
        Draws(
            truth=some.truth,
            n=some.n,
            estimate=some.estimate * failed,
            conf_low=some.conf_low * failed,
            conf_high=some.conf_high * failed,
            p_value=some.p_value * failed,
        )
    )
    assert WORDS[int(judgement.word[0])] == "size-distorted"
    assert (judgement.shown["coverage"] < OPEN).all()
    assert (judgement.shown["bias"] == GOOD).all()


def refusing(worlds, place):
    """Sound replicates of which all those of one world are refused."""
    sound = draws([SOUND] * worlds, studies=200)
    refused = np.where(np.arange(worlds) == place, np.nan, 1.0)[:, None]
    names = ("estimate", "conf_low", "conf_high", "p_value")
    return replace(sound, **{name: getattr(sound, name) * refused for name in names})


def test_a_world_in_which_every_estimate_is_refused_is_judged_by_size_alone():
    judgement = judge(refusing(3, place=2), LOOKS)
    assert (judgement.word == WORDS.index("identified")).mean() > 1 - ALPHA
    assert np.isnan(judgement.shown["bias"][:, 2]).all()
    assert (judgement.shown["size"][:, 2] == GOOD).all()


def test_the_replicates_that_would_decide_do_decide():
    open_bias = {**SOUND, "bias": 0.06}
    looks = Looks(sizes=(60,))
    undecided = judge(draws([open_bias] * 3, n=60, studies=400, sd=0.25), looks)
    is_open = undecided.word == WORDS.index("inconclusive")
    quantile = ndtri(1 - ALPHA) + ndtri(POWER_GOAL)
    needed = (quantile * 0.25 / (BIAS_SHARE - 0.06)) ** 2
    # The largest of three such numbers, each from a bias that is itself estimated: of the same order.
    assert needed / 4 < np.median(undecided.n_decide[is_open]) < needed * 8
    assert (undecided.n_decide[~is_open] == 0).all()


def test_no_number_of_replicates_decides_where_the_truth_is_zero():
    zero = draws([SOUND] * 2, studies=1)
    none = Draws(
        truth=np.zeros(2),
        n=zero.n,
        estimate=zero.estimate - zero.truth[:, None],
        conf_low=zero.conf_low,
        conf_high=np.ones_like(zero.conf_high),
        p_value=np.ones_like(zero.p_value),
    )
    judgement = judge(none)
    assert (judgement.shown["bias"] == OPEN).all()
    assert (
        not math.isfinite(judgement.n_decide[0]) or WORDS[int(judgement.word[0])] == "underpowered"
    )


def test_levels_of_the_looks_sum_to_the_level():
    assert sum(Looks(sizes=(50, 150, 400, 1000)).levels) == pytest.approx(ALPHA, rel=1e-12)


@pytest.mark.parametrize("sizes", [(), (0, 5), (5, 5), (9, 4)])
def test_looks_that_are_none_are_refused(sizes):
    with pytest.raises(ParameterError, match="expected ascending positive numbers"):
        Looks(sizes=sizes)
