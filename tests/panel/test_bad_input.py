"""Every kind of bad input is named and counted; nothing is coerced."""

import math
from datetime import UTC, datetime

import polars as pl
import pytest

from withintask.panel.errors import SchemaError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import panel_violations, validate


def outputs(**changes):
    columns = {
        "worker_id": ["w1", "w2", "w3"],
        "task_id": ["t1", "t1", "t2"],
        "period": [1, 1, 2],
        "firm_id": ["f1", "f1", "f2"],
        "ai_access": [False, False, True],
        "ai_use": [0.0, None, 0.5],
        "output": [1.0, 2.0, 3.0],
        "unit": ["call", "call", "page"],
        "rating_floor": [None, 1.0, None],
        "rating_ceiling": [None, 5.0, 3.0],
        **changes,
    }
    return pl.DataFrame(columns)


def panel(frame, **tables):
    return Panel(info=PanelInfo(name="case", first_ai_period=2), outputs=frame, **tables)


FIRMS = pl.DataFrame({"firm_id": ["f1", "f2"], "period": [1, 1]})
LATER = datetime(2024, 1, 1, tzinfo=UTC)
NAN = math.nan

CASES = {
    "null in a key": (outputs(worker_id=["w1", None, "w3"]), "worker_id|nullability", 1),
    "empty key": (outputs(worker_id=["w1", "", "w3"]), "worker_id|min_length", 1),
    "null period": (outputs(period=[1, None, None]), "period|nullability", 2),
    "duplicate key": (outputs(worker_id=["w1", "w1", "w3"]), "primary_key", 2),
    "use without access": (outputs(ai_use=[0.1, 0.2, 0.5]), "ai_use_without_access", 2),
    "AI before it arrives": (outputs(period=[1, 1, 1]), "ai_before_arrival", 1),
    "negative output": (outputs(output=[-1.0, 0.0, 3.0]), "output|min_exclusive", 2),
    "infinite output": (outputs(output=[math.inf, 2.0, 3.0]), "output|inf", 1),
    "NaN output": (outputs(output=[1.0, NAN, 3.0]), "output|nan", 1),
    "null output": (outputs(output=[1.0, None, 3.0]), "output|nullability", 1),
    "output as text": (outputs(output=["1", "2", "3"]), "output|dtype", 3),
    "share above one": (outputs(ai_use=[0.0, None, 1.5]), "ai_use|max", 1),
    "mixed units": (outputs(unit=["call", "day", "page"]), "unit|mixed", 2),
    "unit in some rows": (outputs(unit=["call", None, "page"]), "unit|mixed", 2),
    "clock time as period": (outputs(period=[LATER] * 3), "period|dtype", 3),
    "date as period": (outputs(period=[LATER.date()] * 3), "period|dtype", 3),
    "year and month as period": (outputs(period=[202401, 202402, 2]), "period|max", 2),
    "number as id": (outputs(worker_id=[1, 2, 3]), "worker_id|dtype", 3),
    "id written as number": (outputs(worker_id=["1.0", "2E+05", "3"]), "worker_id|number_form", 2),
    "space in id": (outputs(task_id=["t1 ", "t1", "t2"]), "task_id|spaces", 1),
    "above the ceiling": (outputs(rating_ceiling=[None, 1.5, 2.0]), "output_within_rating", 2),
    "floor above ceiling": (outputs(rating_floor=[None, 5.0, None]), "rating_limits", 1),
    "unknown column": (outputs(ai_acess=[1, 1, 1]), "ai_acess|unknown", 3),
    "absent column": (outputs().drop("output"), "output|missing", 3),
}


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize(("frame", "rule", "n_rows"), CASES.values(), ids=CASES.keys())
def test_a_bad_row_is_named_and_counted(frame, rule, n_rows, lazy):
    found = panel_violations(panel(frame.lazy() if lazy else frame))
    counts = dict(found.select("rule", "n_rows").iter_rows())
    assert counts.get(rule) == n_rows


def test_a_valid_panel_has_no_violation():
    assert panel_violations(panel(outputs(), firms=FIRMS), with_outputs=True).is_empty()


def test_a_dangling_firm_is_counted():
    frame = outputs(firm_id=["f1", "f9", "f9"])
    found = panel_violations(panel(frame, firms=FIRMS))
    assert found.select("table", "rule", "n_rows", "examples").rows() == [
        ("outputs", "firm_id|dangling", 2, ["f9"])
    ]


def test_a_null_firm_refers_to_nothing():
    frame = outputs(firm_id=["f1", None, None])
    assert panel_violations(panel(frame, firms=FIRMS)).is_empty()


def test_ids_that_lost_leading_zeros_are_told_from_unknown_ids():
    workers = pl.DataFrame({"worker_id": ["007", "042", "w3"]})
    found = panel_violations(panel(outputs(worker_id=["7", "42", "8"]), workers=workers))
    assert found.select("rule", "n_rows", "examples").rows() == [
        ("worker_id|dangling", 1, ["8"]),
        ("worker_id|lost_leading_zeros", 2, ["42", "7"]),
    ]


def test_ids_that_differ_by_leading_zeros_alone_are_counted():
    found = panel_violations(panel(outputs(worker_id=["07", "7", "8"])))
    assert found.select("rule", "n_rows").rows() == [("worker_id|leading_zeros", 2)]


def test_outputs_are_required_of_a_within_task_panel_only():
    empty = Panel(info=PanelInfo(name="none"))
    assert panel_violations(empty).is_empty()
    assert panel_violations(empty, with_outputs=True)["rule"].to_list() == ["required"]


def test_all_problems_come_in_one_error_without_keys():
    frame = outputs(output=[-1.0, 2.0, 3.0], worker_id=["secret", "w2 ", "w3"])
    with pytest.raises(SchemaError) as caught:
        validate(panel(frame))
    message = str(caught.value)
    assert "2 problems" in message
    assert "secret" not in message


def test_keys_are_in_the_error_when_asked():
    with pytest.raises(SchemaError, match="worker_id=w1 task_id=t1 period=1"):
        validate(panel(outputs(output=[-1.0, 2.0, 3.0])), show_keys=True)


def test_validation_returns_its_input():
    valid = panel(outputs())
    assert validate(valid) is valid


def test_a_lazy_panel_is_never_collected_whole(monkeypatch):
    n_rows = 5_000
    frame = pl.DataFrame(
        {
            "worker_id": [f"w{i // 10}" for i in range(n_rows)],
            "task_id": [f"t{i % 10}" for i in range(n_rows)],
            "period": [1] * n_rows,
            "output": [1.0] * n_rows,
            "unit": ["calls"] * n_rows,
        }
    )
    sizes = []
    collect = pl.LazyFrame.collect

    def spy(self, *args, **kwargs):
        found = collect(self, *args, **kwargs)
        sizes.append(found.estimated_size())
        return found

    lazy = panel(frame.lazy())
    monkeypatch.setattr(pl.LazyFrame, "collect", spy)
    assert panel_violations(lazy).is_empty()
    # the largest thing held is one 8-byte hash a row
    assert max(sizes) == 8 * n_rows < frame.estimated_size() / 2


def test_rows_in_another_order_are_the_same_panel():
    assert panel_violations(panel(outputs().reverse())).is_empty()
