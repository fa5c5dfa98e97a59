"""The profile describes a panel and shows no figure that rests on few people."""

import polars as pl
import pytest

from withintask.panel.errors import ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.profile import profile


def panel(n_workers, n_users):
    rows = [
        {
            "worker_id": f"w{i}",
            "task_id": "t",
            "period": period,
            "output": 1.0,
            "firm_id": f"f{period if i < 12 else 0}",
            "ai_access": period == 2,
            "ai_use": 0.5 if period == 2 and i < n_users else 0.0,
        }
        for i in range(n_workers)
        for period in (1, 2)
    ]
    return Panel(info=PanelInfo(name="p", first_ai_period=2), outputs=pl.DataFrame(rows))


def value(frame, item, period=None):
    rows = frame.filter(pl.col("item").str.starts_with(item), pl.col("period").eq_missing(period))
    assert rows.height == 1
    return rows.row(0, named=True)["value"]


@pytest.mark.parametrize("lazy", [False, True])
def test_shares_are_those_of_the_panel(lazy):
    made = panel(40, 30)
    found = profile(made.lazy() if lazy else made)
    assert value(found, "outputs: rows") == 80
    assert value(found, "outputs: workers seen in every period") == 1
    assert value(found, "outputs: workers seen before and after AI") == 1
    assert value(found, "outputs: workers with AI access", 2) == 1
    assert value(found, "outputs: workers with AI use", 2) == 0.75
    assert value(found, "outputs: workers with two firm_id") == 12 / 40
    assert value(found, "workers, smallest cell") == 40


@pytest.mark.parametrize(("n_workers", "n_users"), [(40, 3), (40, 37), (9, 9)])
def test_a_share_that_would_point_at_few_people_is_suppressed(n_workers, n_users):
    found = profile(panel(n_workers, n_users))
    row = found.filter(
        pl.col("item").str.starts_with("outputs: workers with AI use"), pl.col("period") == 2
    ).row(0, named=True)
    assert row["is_suppressed"]
    assert row["value"] is None
    assert row["n_units"] is None


def test_a_smaller_threshold_shows_more():
    assert value(profile(panel(40, 3), min_cell=1), "outputs: workers with AI use", 2) == 3 / 40


def test_use_that_was_not_recorded_is_not_zero():
    made = panel(40, 30)
    unknown = made.with_tables(outputs=made.outputs.drop("ai_use"))
    found = profile(unknown, min_cell=1)
    row = found.filter(
        pl.col("item").str.starts_with("outputs: workers with AI use"), pl.col("period") == 2
    ).row(0, named=True)
    assert row["is_suppressed"]


def test_no_id_is_in_the_profile():
    text = str(profile(panel(40, 30), min_cell=1).to_dicts())
    assert "w1" not in text
    assert "f0" not in text


def test_a_threshold_below_one_is_refused():
    with pytest.raises(ParameterError, match="min_cell is 0"):
        profile(panel(2, 1), min_cell=0)
