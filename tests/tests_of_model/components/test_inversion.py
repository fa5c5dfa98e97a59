"""Sets by inversion hold exactly what their test does not reject."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from withintask.tests_of_model.components.inversion import (
    contrast_set,
    contrast_statistic,
    ratio_set,
    ratio_statistic,
)

number = st.floats(-3, 3)
CRITICAL = 2.0


def covariance(seed, size):
    root = np.random.default_rng(seed).standard_normal((size, size))
    return root @ root.T / size + 0.01 * np.eye(size)


@given(number, number, number, st.integers(0, 500))
def test_a_ratio_is_in_the_set_iff_its_test_does_not_reject(numerator, denominator, ratio, seed):
    estimate, matrix = np.array([numerator, denominator]), covariance(seed, 2)
    statistic = abs(ratio_statistic(estimate, matrix, ratio))
    if abs(statistic - CRITICAL) > 1e-6:
        assert ratio_set(estimate, matrix, CRITICAL).holds(ratio) == (statistic < CRITICAL)


def test_a_known_denominator_gives_the_usual_interval():
    kept = ratio_set(np.array([1.0, 2.0]), np.diag([0.04, 0.0]), 2.0)
    assert kept.pieces == (pytest.approx((0.3, 0.7), rel=1e-12),)
    assert kept.is_bounded
    assert kept.describe() == ""


@pytest.mark.parametrize(
    ("estimate", "pieces", "says"),
    [
        ([0.1, 0.1], [(-math.inf, math.inf)], "no value is rejected"),
        ([3.0, 0.1], [(-math.inf, -9.0), (1.0, math.inf)], "not one interval"),
    ],
)
def test_a_denominator_near_zero_gives_a_set_without_ends(estimate, pieces, says):
    kept = ratio_set(np.array(estimate), 0.04 * np.eye(2), 2.0)
    assert [tuple(map(math.isinf, piece)) for piece in kept.pieces] == [
        tuple(map(math.isinf, piece)) for piece in pieces
    ]
    assert not kept.is_bounded
    assert says in kept.describe()


def test_two_rays_become_one_where_the_ratio_cannot_be_negative():
    kept = ratio_set(np.array([3.0, 0.1]), 0.04 * np.eye(2), 2.0).within(0)
    assert len(kept.pieces) == 1
    assert kept.high == math.inf
    assert kept.describe() == "unbounded above"


STRONG = np.array([1.2, 1.0, 0.9, 1.0])


@pytest.mark.parametrize("kind", ["ratio", "difference"])
@pytest.mark.parametrize("scale", [0.005, 0.2])
def test_a_contrast_is_in_the_set_iff_its_test_does_not_reject(kind, scale):
    matrix = scale * covariance(1, 4)
    kept = contrast_set(STRONG, matrix, CRITICAL, kind=kind)
    contrasts = np.linspace(0.05, 3, 60) if kind == "ratio" else np.linspace(-2, 2, 60)
    for contrast in contrasts:
        statistic = abs(contrast_statistic(STRONG, matrix, contrast, kind=kind))
        assert kept.holds(contrast) == (statistic < CRITICAL)


def test_controls_known_exactly_give_the_set_of_the_treated_alone():
    matrix = np.diag([0.01, 0.01, 1e-9, 1e-9])
    alone = ratio_set(STRONG[:2], matrix[:2, :2], CRITICAL)
    ratio = contrast_set(STRONG, matrix, CRITICAL, kind="ratio")
    difference = contrast_set(STRONG, matrix, CRITICAL, kind="difference")
    assert ratio.pieces[0] == pytest.approx(tuple(x / 0.9 for x in alone.pieces[0]), abs=1e-4)
    assert difference.pieces[0] == pytest.approx(tuple(x - 0.9 for x in alone.pieces[0]), abs=1e-4)


def test_a_contrast_is_centred_on_its_estimate():
    matrix = 0.002 * covariance(2, 4)
    assert contrast_statistic(STRONG, matrix, 1.2 / 0.9, kind="ratio") == pytest.approx(0, abs=1e-4)
    assert contrast_statistic(STRONG, matrix, 0.3, kind="difference") == pytest.approx(0, abs=1e-4)
    assert contrast_statistic(STRONG, matrix, 1.0, kind="ratio") > 0


def test_controls_without_ability_leave_the_contrast_without_ends():
    weak = np.array([1.2, 1.0, 0.01, 0.01])
    kept = contrast_set(weak, 0.04 * np.eye(4), CRITICAL, kind="ratio")
    assert kept.high == math.inf
    assert kept.low == 0
