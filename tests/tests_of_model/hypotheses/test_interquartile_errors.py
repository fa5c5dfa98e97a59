"""Interquartile ranges have an error where clusters hold whole firm-task groups, and none where they part them."""

import math

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.tests_of_model.hypotheses.dispersion import NO_ERROR, hold_groups
from withintask.tests_of_model.hypotheses.stream import estimate_streamed

SMALL = ("n_workers=96", "n_firms=8", "n_tasks=4")


@pytest.fixture(scope="module")
def panel():
    return wt.draw_panel("rct-ability", seed=5, settings=SMALL)


def without_firms(panel):
    return panel.with_tables(outputs=panel.outputs.drop("firm_id"))


def iqr(frame):
    return frame.filter(pl.col("term") == "delta_log_iqr").row(0, named=True)


def test_firms_hold_whole_groups(panel):
    row = iqr(wt.estimate(panel, estimators="other_measures_by_access"))
    assert row["status"] == "ok"
    assert row["std_error"] > 0.01


@pytest.mark.parametrize("errors", ["auto", "CR1", "CR3", "wild"])
def test_workers_part_groups_so_that_the_error_is_not_known(panel, errors):
    row = iqr(
        wt.estimate(without_firms(panel), estimators="other_measures_by_access", errors=errors)
    )
    assert (row["status"], row["message"]) == ("no_variance", NO_ERROR)
    assert math.isfinite(row["estimate"])
    assert all(math.isnan(row[name]) for name in ("std_error", "p_value", "conf_low", "conf_high"))


def test_sums_by_cell_say_the_same(panel):
    lazy = without_firms(panel).lazy()
    row = iqr(estimate_streamed(lazy, estimators="other_measures_by_access"))
    assert (row["status"], row["message"]) == ("no_variance", NO_ERROR)
    assert math.isnan(row["std_error"])


def test_other_measures_have_an_error_there(panel):
    rows = wt.estimate(without_firms(panel), estimators="other_measures_by_access")
    others = rows.filter(pl.col("term") != "delta_log_iqr")
    assert others["status"].to_list() == ["ok", "ok"]
    assert (others["std_error"] > 0.01).all()


def test_one_dimension_that_holds_groups_is_enough():
    group, worker = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert not hold_groups((worker,), group)
    assert hold_groups((worker, group), group)
    assert hold_groups((np.zeros(4, dtype=np.int64),), group)
