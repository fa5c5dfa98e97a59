"""Items that cannot be compared as asked are refused by name, with what would do."""

import numpy as np
import polars as pl
import pytest
from drawn_items import Items, draw_items

from withintask.panel.panel import Panel, PanelInfo
from withintask.tests_of_model.hypotheses.estimate import estimate

NAME = "pairs_within"


@pytest.fixture(scope="module")
def nested():
    return draw_items(Items(n_workers=20, n_items=4), np.random.default_rng(1))


@pytest.fixture(scope="module")
def shared():
    settings = Items(n_workers=20, n_items=4, is_shared=True, item_sd=0.3)
    return draw_items(settings, np.random.default_rng(1))


def messages(panel, **asked):
    rows = estimate(panel, estimators=NAME, **asked)
    assert set(rows["status"]) == {"unusable"}
    return rows["message"][0]


def test_items_of_one_worker_where_crossing_is_asked(nested):
    message = messages(nested, crossed=True)
    assert "each of 160 items was done by one worker on a side" in message
    assert "give an item one id for all who did it" in message


def test_items_without_names_where_crossing_is_asked(nested):
    plain = nested.with_tables(outputs=nested.outputs.drop("item_id"))
    assert "the panel names none; state outputs.item_id" in messages(plain, crossed=True)


def test_crossed_items_leave_out_those_of_one_worker(shared):
    some = shared.outputs.with_columns(
        item_id=pl.when(pl.col("worker_id").cast(pl.Int64) < 3)
        .then(pl.format("own {}-{}", "worker_id", "item_id"))
        .otherwise(pl.col("item_id"))
    )
    rows = estimate(shared.with_tables(outputs=some), estimators=NAME, crossed=True)
    assert "means taken out by item" in rows["message"][0]
    assert set(rows["n_obs"]) == {17 * 8}


@pytest.mark.parametrize("distance", [8, 50])
def test_a_distance_longer_than_any_sequence(nested, distance):
    message = messages(nested, distance=distance)
    assert f"distance {distance}, but no worker has more than 8 places in order" in message


def test_a_distance_below_one(nested):
    assert "distance is 0, expected 1 or more" in messages(nested, distance=0)


def test_a_distance_where_no_order_is_told(nested):
    plain = nested.with_tables(outputs=nested.outputs.drop("sequence"))
    assert "needs the order of each worker's items" in messages(plain, distance=3)


def test_a_distance_that_is_stated_is_kept(nested):
    rows = estimate(nested, estimators=NAME, distance=2)
    assert "pairs at least 2 places apart" in rows["message"][0]


def test_arms_without_a_control(nested):
    outputs = nested.outputs.with_columns(arm=pl.lit("chat")).drop("ai_access")
    panel = Panel(info=PanelInfo(name="arms", first_ai_period=1), outputs=outputs)
    rows = estimate(panel, estimators=NAME)
    assert set(rows["status"]) == {"not_estimable"}
