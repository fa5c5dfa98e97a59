"""Large text is parsed once, and the report is the one that is made by parsing at every check."""

import polars as pl
import pytest

from withintask.panel import tables
from withintask.panel.report import violation_report

MANIFEST = """
[panel]
schema = 1
name = "messy"
first_ai_period = 2

[tables.outputs]
file = "calls.csv"
n_rows = 9

[tables.outputs.columns]
worker_id = "agent"
task_id = "queue"
period = "month"
output = "calls"
ai_access = "tool"

[tables.outputs.null_if]
output = [-9]

[tables.workers]
file = "people.csv"
"""
CALLS = """agent,queue,month,calls,tool
a1,q1,1,3.5,false
a1,q1,2,x,true
a1,q1,2,4.5,true
a2,q1,1,-9,false
a2,q1,two,5,true
a3,q1,1,-2,true
a3,q1,2,6,maybe
,q1,2,6,true
a4,q2,2,,true
"""


@pytest.fixture
def messy(tmp_path):
    (tmp_path / "panel.toml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "calls.csv").write_text(CALLS, encoding="utf-8")
    (tmp_path / "people.csv").write_text("worker_id\na1\na2\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def expected(messy):
    return violation_report(messy).violations


def test_the_report_is_the_same(messy, expected, monkeypatch):
    written = []
    sink = pl.LazyFrame.sink_parquet
    monkeypatch.setattr(tables, "LARGE_TEXT", 0)
    monkeypatch.setattr(
        pl.LazyFrame,
        "sink_parquet",
        lambda frame, path, **k: written.append(path) or sink(frame, path, **k),
    )
    assert violation_report(messy).violations.equals(expected)
    assert {"outputs", "workers"} == {path.parent.name for path in written}
    assert not any(path.parent.exists() for path in written)
    assert {"output|unreadable", "period|unreadable", "worker_id|dangling"} <= set(expected["rule"])


def test_a_disk_that_is_too_small_changes_nothing(messy, expected, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "LARGE_TEXT", 0)
    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    assert violation_report(messy).violations.equals(expected)


def test_what_is_kept_is_for_this_user_alone(messy, monkeypatch):
    modes = []
    sink = pl.LazyFrame.sink_parquet

    def noted(frame, path, **options):
        modes.append(path.parent.parent.stat().st_mode & 0o777)
        return sink(frame, path, **options)

    monkeypatch.setattr(tables, "LARGE_TEXT", 0)
    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", noted)
    violation_report(messy)
    assert {0o700} == set(modes)


@pytest.mark.parametrize("large", [0, 2**25])
def test_rows_are_counted_alike_in_large_text(messy, monkeypatch, large):
    monkeypatch.setattr(tables, "LARGE_TEXT", large)
    manifest = messy / "panel.toml"
    manifest.write_text(MANIFEST.replace("n_rows = 9", "n_rows = 7"), encoding="utf-8")
    rows = violation_report(messy).violations.filter(rule="n_rows")
    assert rows["n_rows"].to_list() == [2]
    assert "the manifest says 7 rows, the table has 9" in rows["meaning"][0]
