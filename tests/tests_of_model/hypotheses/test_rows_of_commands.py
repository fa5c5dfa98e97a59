"""Commands beside the estimators: the order of rows says nothing, and what is not known is left out."""

import numpy as np
import polars as pl
import pytest

from withintask.tests_of_model.harness.synthetic import draw_panel
from withintask.tests_of_model.hypotheses.attrition import attrition_bounds
from withintask.tests_of_model.hypotheses.compliance import compliance
from withintask.tests_of_model.hypotheses.confounding import confounding
from withintask.tests_of_model.hypotheses.distribution import distribution
from withintask.tests_of_model.hypotheses.spillovers import spillovers

COMMANDS = [attrition_bounds, compliance, confounding, distribution, spillovers]


def panel_for(command):
    settings = ["n_workers=120", "n_firms=12", "n_tasks=4", "noncompliance=0.2"]
    if command is spillovers:
        settings.append("arm_attrition=0.3")  # teams are treated in different shares then
    panel = draw_panel("rct-ability", seed=2, settings=[*settings, "n_post=2"])
    if command is not attrition_bounds:
        return panel
    is_lost = (pl.col("period") == 2) & (pl.col("worker_id").hash(seed=1) % 4 == 0)
    return panel.with_tables(outputs=panel.outputs.filter(~is_lost))


def numbers(frame):
    assert (frame["status"] == "ok").any()
    return frame.select("term", "estimate", "std_error", "n_obs", "status").rows()


def assert_same(found, expected):
    for row, wanted in zip(found, expected, strict=True):
        assert (row[0], row[-1]) == (wanted[0], wanted[-1])
        assert row[1:4] == pytest.approx(wanted[1:4], rel=1e-7, nan_ok=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_order_of_rows_says_nothing(command):
    panel = panel_for(command)
    turned = panel.with_tables(**{name: frame.reverse() for name, frame in panel.tables().items()})
    assert_same(numbers(command(turned)), numbers(command(panel)))


@pytest.mark.parametrize("command", [compliance, confounding, distribution, spillovers])
def test_rows_of_unknown_access_are_as_rows_that_are_not_there(command):
    panel = panel_for(command)
    outputs = panel.outputs
    is_lost = np.random.default_rng(3).random(outputs.height) < 0.15
    is_lost &= (outputs["period"] >= panel.info.first_ai_period).to_numpy()
    lost = pl.lit(pl.Series(is_lost))
    unknown = outputs.with_columns(ai_access=pl.when(~lost).then("ai_access"))
    without = panel.with_tables(outputs=outputs.filter(~is_lost))
    assert_same(numbers(command(panel.with_tables(outputs=unknown))), numbers(command(without)))
