"""The profile describes a panel and shows no figure that rests on few people."""

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from withintask.panel.errors import ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.profile import few_people, profile


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
    assert value(found, "outputs: workers with two firm_id") == 10 / 40
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


def people(frame):
    """Every number of people or firms that the report tells, and what is left of its base."""
    shown = frame.filter(~pl.col("is_suppressed"), pl.col("n_units").is_not_null())
    for row in shown.iter_rows(named=True):
        is_number = row["section"] == "cells" or row["item"].endswith(": rows")
        number = row["value"] if is_number else row["value"] * row["n_units"]
        yield from (row["n_units"], round(number, 6))
        if not is_number:
            yield round(row["n_units"] - number, 6)


@st.composite
def panels_with_small_groups(draw):
    """Panels in which few people miss a table, a period or a column."""
    n = draw(st.integers(10, 60))
    small = st.integers(0, 12)
    absent, unpaid, unknown, users = (draw(small) for _ in range(4))
    rows = [
        {
            "worker_id": f"w{i}",
            "task_id": "t",
            "period": period,
            "output": 1.0,
            "firm_id": None if i < unknown else "f",
            "ai_access": period == 2,
            "ai_use": 0.5 if period == 2 and i < users else 0.0,
        }
        for i in range(n)
        for period in (1, 2)
        if period == 1 or i >= absent
    ]
    pay = [{"worker_id": f"w{i}", "period": 1, "pay": 1.0} for i in range(n) if i >= unpaid]
    return Panel(
        info=PanelInfo(name="p", first_ai_period=2),
        workers=pl.DataFrame({"worker_id": [f"w{i}" for i in range(n)]}),
        outputs=pl.DataFrame(rows),
        pay=pl.DataFrame(
            pay, schema={"worker_id": pl.String, "period": pl.Int64, "pay": pl.Float64}
        ),
    )


@settings(max_examples=60, deadline=None)
@given(made=panels_with_small_groups(), min_cell=st.integers(2, 15))
def test_no_difference_of_two_figures_shows_fewer_people_than_the_smallest_cell(made, min_cell):
    numbers = sorted(set(people(profile(made, min_cell=min_cell))))
    differences = [b - a for a, b in combinations(numbers, 2)]
    assert all(difference > min_cell - 1e-4 for difference in differences)


def test_bases_of_100_98_and_95_are_shown_as_100():
    made = panel(100, 98)
    rows = made.outputs.with_columns(
        firm_id=pl.when(pl.int_range(pl.len()) >= 10).then("firm_id"),
    )
    found = profile(
        made.with_tables(outputs=rows, workers=rows.head(190).select("worker_id").unique())
    )
    assert set(found["n_units"].drop_nulls()) == {100}


def test_a_table_about_few_people_is_named():
    made = panel(9, 1)
    assert few_people(made) == [
        "outputs: rests on fewer than 10 workers; figures may disclose them"
    ]
    assert few_people(panel(10, 1)) == []


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
