"""Variance components of panels with ids that are not known, and ids of any type."""

from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import EstimationError
from withintask.tests_of_model.components.between_within import between_within
from withintask.tests_of_model.components.leave_out import leave_out_change
from withintask.tests_of_model.components.two_way import two_way_components

N_WORKERS, N_PERIODS, N_FIRMS = 80, 8, 6


def draw_panel(seed=1):
    rng = np.random.default_rng(seed)
    worker = np.repeat(np.arange(N_WORKERS), N_PERIODS)
    period = np.tile(np.arange(N_PERIODS), N_WORKERS)
    firm = rng.integers(0, N_FIRMS, worker.size)
    y = rng.standard_normal(N_WORKERS)[worker] + rng.standard_normal(worker.size) + 0.4 * firm
    return y, worker, firm, period >= N_PERIODS // 2, rng.random(worker.size) < 0.15


def without(ids, is_lost, how):
    """Ids of which some are not known, in four ways to say so."""
    if how == "nan":
        return np.where(is_lost, np.nan, ids)
    known = [None if lost else f"id {k}" for k, lost in zip(ids, is_lost, strict=True)]
    if how == "none":
        return np.array(known, dtype=object)
    if how == "text":
        return pl.Series(known)
    whole = [None if lost else 9 * 10**17 + int(k) for k, lost in zip(ids, is_lost, strict=True)]
    return pl.Series(whole, dtype=pl.Int64)


def assert_same(found, expected, rtol=1e-10):
    """Components agree to rounding; the order of ids is that of their type."""
    for kind in ("plug_in", "leave_out"):
        for name in ("firm", "worker", "covariance"):
            values = (getattr(getattr(each, kind), name) for each in (found, expected))
            np.testing.assert_allclose(*values, rtol=rtol)


HOW = ["nan", "none", "text", "whole"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("column", ["worker", "firm"])
@pytest.mark.parametrize("leave_out", ["match", "observation"])
def test_two_way_components_leave_out_unknown_ids_and_count_them(how, column, leave_out):
    y, worker, firm, _, is_lost = draw_panel()
    ids = {"worker": worker, "firm": firm}
    given = ids | {column: without(ids[column], is_lost, how)}
    found = two_way_components(y, given["worker"], given["firm"], leave_out=leave_out)
    kept = ~is_lost
    expected = two_way_components(y[kept], worker[kept], firm[kept], leave_out=leave_out)
    assert_same(found, expected)
    assert found.n_unknown == is_lost.sum()
    assert expected.n_unknown == 0
    np.testing.assert_array_equal(found.pruned.rows[kept], expected.pruned.rows)
    assert not found.pruned.rows[is_lost].any()


@pytest.mark.parametrize("how", HOW)
def test_the_leave_out_change_leaves_out_unknown_ids_and_says_so(how):
    y, worker, firm, is_post, is_lost = draw_panel(2)
    found = leave_out_change(y, worker, without(firm, is_lost, how), is_post)
    kept = ~is_lost
    expected = leave_out_change(y[kept], worker[kept], firm[kept], is_post[kept])
    np.testing.assert_allclose(found[:3], expected[:3], rtol=1e-10)
    note = f"{is_lost.sum()} of 640 rows left out, not known: firm in {is_lost.sum()}"
    assert found.message == f"{expected.message}; {note}"


@pytest.mark.parametrize("how", HOW)
def test_between_and_within_leave_out_unknown_groups_and_count_them(how):
    y, _, firm, _, is_lost = draw_panel(3)
    found = between_within(y, without(firm, is_lost, how))
    expected = between_within(y[~is_lost], firm[~is_lost])
    np.testing.assert_allclose(
        [found.between, found.within], [expected.between, expected.within], rtol=1e-12
    )
    assert found.n_unknown == is_lost.sum()


def test_ids_near_each_other_beyond_floats_stay_apart():
    y, worker, firm, _, _ = draw_panel(4)
    expected = two_way_components(y, worker, firm)
    large = np.array([Decimal(9 * 10**17 + int(k)) for k in firm], dtype=object)
    found = two_way_components(
        y, pl.Series([10**30 + int(k) for k in worker], dtype=pl.Int128), large
    )
    assert_same(found, expected)
    assert found.n_firms == N_FIRMS


def test_the_origin_of_pay_changes_no_component():
    """Pay near 1e6 is stored to 1e-10, and variances are sums of squares of deviations."""
    y, worker, firm, is_post, _ = draw_panel(5)
    expected, found = (two_way_components(y + m, worker, firm) for m in (0.0, 1e6))
    assert_same(found, expected, rtol=1e-7)
    changes = [leave_out_change(y + m, worker, firm, is_post).change for m in (0.0, 1e6)]
    np.testing.assert_allclose(changes[1], changes[0], rtol=1e-7)
    splits = [between_within(y + m, firm) for m in (0.0, 1e6)]
    np.testing.assert_allclose(splits[1].between, splits[0].between, rtol=1e-7)


def test_a_panel_with_no_known_firm_is_refused():
    y, worker, firm, is_post, _ = draw_panel()
    unknown = np.full(firm.size, np.nan)
    with pytest.raises(EstimationError, match="no row has a known worker and a known firm"):
        two_way_components(y, worker, unknown)
    with pytest.raises(EstimationError, match="known together on one side"):
        leave_out_change(y, worker, np.where(is_post, firm, np.nan), is_post)
    with pytest.raises(EstimationError, match="0 groups"):
        between_within(y, unknown)


def test_one_period_a_side_is_the_reason_given():
    y, worker, firm, _, _ = draw_panel()
    period = np.tile(np.arange(N_PERIODS), N_WORKERS)
    two = period < 2
    with pytest.raises(
        EstimationError, match=r"before: .*every worker has a single row.*periods"
    ) as caught:
        leave_out_change(y[two], worker[two], firm[two], period[two] == 1)
    assert "more movers" not in str(caught.value)


def test_stayers_alone_and_a_single_firm_are_the_reasons_given():
    y, worker, _, is_post, _ = draw_panel()
    with pytest.raises(EstimationError, match="none of 80 workers with two rows or more"):
        leave_out_change(y, worker, worker % N_FIRMS, is_post)
    with pytest.raises(EstimationError, match="all rows are of one firm"):
        two_way_components(y, worker, np.zeros(worker.size, dtype=int))
