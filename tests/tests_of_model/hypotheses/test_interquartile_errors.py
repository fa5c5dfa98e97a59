"""Interquartile ranges have an error where clusters hold whole firm-task groups, and none where they part them."""

import math

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.tests_of_model.hypotheses.dispersion import NO_ERROR, fit_groups
from withintask.tests_of_model.hypotheses.stream import estimate_streamed
from withintask.tests_of_model.regression.options import Effects, Options

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


@pytest.mark.parametrize(
    ("clusters", "is_known"), [(("worker",), False), (("worker", "group"), True), (("all",), True)]
)
def test_one_dimension_that_holds_groups_is_enough(clusters, is_known):
    group, worker = np.repeat(np.arange(12), 12), np.tile(np.arange(12), 12)
    codes = {"worker": worker, "group": group, "all": group // 6}
    effect = np.random.default_rng(1).normal(size=12)[group]
    fitted = fit_groups(
        effect,
        np.ones((effect.size, 1)),
        ["effect"],
        group=group,
        has_influence=False,
        clusters=tuple(codes[name] for name in clusters),
        effects=Effects(weights=np.ones(effect.size)),
        options=Options(),
    )
    assert np.isfinite(fitted.std_error).all() == is_known
    assert (NO_ERROR in fitted.messages) != is_known
