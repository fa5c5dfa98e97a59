"""Schema 2: items, raters, arms, kinds of outcome, covariates; schema 1 reads unchanged."""

import polars as pl
import pytest

from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.store import read_panel, write_panel
from withintask.panel.validate import panel_violations

LAYOUTS = ("parquet", "csv", "duckdb")


def trial(**changes):
    columns = {
        "worker_id": ["w1", "w1", "w2"],
        "task_id": ["t", "t", "t"],
        "period": [1, 1, 1],
        "item_id": ["i1", "i2", "i1"],
        "output": [1.0, 2.0, 3.0],
        **changes,
    }
    return pl.DataFrame(columns)


def rules(frame, **info):
    panel = Panel(info=PanelInfo(name="trial", **info), outputs=frame)
    return dict(panel_violations(panel).select("rule", "n_rows").iter_rows())


def test_items_of_one_task_are_rows_of_their_own():
    assert rules(trial()) == {}


def test_rows_that_share_worker_task_and_period_need_items():
    assert rules(trial().drop("item_id")) == {"primary_key": 2}


def test_a_rated_item_has_a_row_for_each_rater():
    frame = trial(item_id=["i1", "i1", "i1"], rater_id=["r1", "r2", "r1"])
    assert rules(frame) == {}
    assert rules(frame.with_columns(rater_id=pl.lit("r1"))) == {"primary_key": 2}


def test_rows_without_item_are_one_a_worker_task_and_period():
    assert rules(trial(item_id=pl.Series([None] * 3, dtype=pl.String))) == {"primary_key": 2}
    assert rules(trial(item_id=[None, "i1", None])) == {}


KINDS = {
    "positive": ([0.0, 1.0, 2.0], "output|min_exclusive"),
    "time": ([0.0, 1.0, 2.0], "output|min_exclusive"),
    "count": ([0.0, 1.0, 1.5], "output|count"),
    "binary": ([0.0, 1.0, 2.0], "output|binary"),
}


@pytest.mark.parametrize(("kind", "case"), KINDS.items(), ids=KINDS.keys())
def test_output_is_in_the_domain_of_its_kind(kind, case):
    values, rule = case
    assert rules(trial(output=values), outcome=kind) == {rule: 1}


def test_zeros_are_values_of_a_count_and_negative_numbers_of_a_log():
    assert rules(trial(output=[0.0, 1.0, 7.0]), outcome="count") == {}
    assert rules(trial(output=[-1.0, 0.0, 7.0]), outcome="log") == {}


def test_a_score_stays_within_its_floor_and_ceiling():
    frame = trial(output=[-1.0, 3.0, 6.0])
    found = rules(frame, outcome="score", outcome_floor=0.0, outcome_ceiling=5.0)
    assert found == {"output|floor": 1, "output|ceiling": 1}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_panel_says_of_its_outcome_survives_the_disk(layout, tmp_path):
    info = PanelInfo(
        name="trial",
        outcome="score",
        outcome_floor=0.5,
        outcome_ceiling=5.0,
        control_arm="a",
    )
    path = tmp_path / ("p.duckdb" if layout == "duckdb" else "p")
    write_panel(Panel(info=info, outputs=trial(arm=["a", "b", None])), path, layout=layout)
    assert read_panel(path).info == info


def test_a_panel_of_schema_1_reads_unchanged(tmp_path):
    trial().drop("item_id").with_columns(period=pl.Series([1, 2, 1])).write_parquet(
        tmp_path / "outputs.parquet"
    )
    (tmp_path / "panel.toml").write_text(
        '[panel]\nschema = 1\nname = "old"\nformat = "parquet"\n'
        '[tables.outputs]\nfile = "outputs.parquet"\n'
    )
    panel = read_panel(tmp_path)
    assert panel.info == PanelInfo(name="old")
    assert panel.info.outcome_kind == "positive"
    assert panel.outputs.columns == ["worker_id", "task_id", "period", "output"]
