"""Frames in memory become a panel whose head the caller states."""

import pandas as pd
import polars as pl
import pytest

from withintask.panel.errors import SchemaError
from withintask.panel.memory import as_panel
from withintask.panel.panel import PanelInfo

ROWS = {
    "worker_id": ["a", "a", "b", "b"],
    "task_id": ["t"] * 4,
    "period": [1] * 4,
    "item_id": ["1", "2", "3", "4"],
    "arm": ["human", "human", "chat", "chat"],
    "output": [0, 3, 2, 5],
    "site": ["north", "north", "south", "south"],
    "tenure": [1, 1, 4, 2],
    "is_new": [True, False, False, True],
}
COVARIATES = tuple(f"outputs.{name}" for name in ("site", "tenure", "is_new"))


@pytest.mark.parametrize("make", [pl.DataFrame, pl.LazyFrame, pd.DataFrame])
def test_outcome_control_and_covariates_can_be_stated(make):
    info = PanelInfo(name="mine", covariates=COVARIATES)
    panel = as_panel({"outputs": make(ROWS)}, outcome="count", control_arm="human", info=info)
    assert panel.info == PanelInfo(
        name="mine", outcome="count", control_arm="human", covariates=COVARIATES
    )
    types = [panel.outputs.schema[name] for name in ("site", "tenure", "is_new")]
    assert types == [pl.String, pl.Float64, pl.Boolean]


def test_zeros_are_refused_where_no_count_is_stated():
    frames = {"outputs": pl.DataFrame(ROWS).drop("site", "tenure", "is_new")}
    with pytest.raises(SchemaError, match="a zero is a value where outcome"):
        as_panel(frames, control_arm="human")


def test_arms_without_a_control_are_refused():
    frames = {"outputs": pl.DataFrame(ROWS).drop("site", "tenure", "is_new")}
    with pytest.raises(SchemaError, match="no control_arm is stated, arms are chat, human"):
        as_panel(frames, outcome="count")


def test_a_panel_is_checked_again_under_what_is_stated():
    frames = {"outputs": pl.DataFrame(ROWS).drop("site", "tenure", "is_new")}
    panel = as_panel(frames, outcome="count", control_arm="human")
    assert as_panel(panel, first_ai_period=1).info.first_ai_period == 1
    with pytest.raises(SchemaError, match="output is 0 or 1 where the outcome is binary"):
        as_panel(panel, outcome="binary")


def test_a_declared_covariate_that_is_no_column_is_named():
    frames = {"outputs": pl.DataFrame(ROWS).drop("site", "tenure", "is_new")}
    info = PanelInfo(name="mine", outcome="count", control_arm="human", covariates=COVARIATES)
    with pytest.raises(SchemaError, match="declared covariate outputs.site"):
        as_panel(frames, info=info)
