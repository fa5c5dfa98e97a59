"""A panel whose ids are categories is the panel whose ids are texts."""

from dataclasses import fields

import numpy as np
import polars as pl
import pytest

from withintask.sim.designs import change_design, load_designs
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.hypotheses.estimate import estimate
from withintask.tests_of_model.samples.item_rows import item_rows
from withintask.tests_of_model.samples.pay_rows import pay_rows
from withintask.tests_of_model.samples.postings import posting_rows
from withintask.tests_of_model.samples.task_rows import task_rows

DESIGNS = {design.name: design for design in load_designs()}
LOSSES = {"attrition": 0.2, "mobility": 0.2}


@pytest.fixture(scope="module")
def economy():
    return solve_economy(load_params(), n_workers=2**10)


def _both(economy, design):
    shocks = draw_shocks(design, seed=1)
    return simulate(economy, design, shocks), simulate(economy, design, shocks, coded=True)


def _small(name, **changes):
    return change_design(DESIGNS[name], n_workers=120, n_firms=6, **changes)


@pytest.mark.parametrize("name", sorted(DESIGNS))
def test_ids_are_the_same(economy, name):
    texts, coded = _both(economy, _small(name))
    for table, frame in texts.tables().items():
        other = coded.tables()[table]
        as_text = other.with_columns(pl.selectors.categorical().cast(pl.String))
        assert frame.equals(as_text), table
    key = next(iter(coded.tables().values())).columns[0]
    assert any(
        isinstance(frame.schema.get(key), pl.Categorical) for frame in coded.tables().values()
    )


def _assert_equal_rows(expected, found):
    for field in fields(expected):
        value = getattr(expected, field.name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(found, field.name), err_msg=field.name)


@pytest.mark.parametrize("changes", [{}, LOSSES], ids=["whole", "with losses"])
def test_rows_of_a_sample_are_the_same(economy, changes):
    texts, coded = _both(economy, _small("everything-linked", **changes))
    for make in (task_rows, item_rows, pay_rows, posting_rows):
        _assert_equal_rows(make(texts), make(coded))
    rows = task_rows(texts), task_rows(coded)
    assert rows[0].worker_ids["worker_id"].to_list() == rows[1].worker_ids["worker_id"].to_list()


def test_tables_of_one_panel_can_be_joined(economy):
    _, coded = _both(economy, _small("rct-ability"))
    joined = coded.outputs.join(coded.tasks, on="task_id").join(coded.workers, on="worker_id")
    assert coded.outputs.height == joined.height


def test_a_panel_without_a_row_in_a_known_arm_is_unusable(economy):
    _, coded = _both(economy, _small("everything-linked", attrition=0.1))
    estimates = estimate(coded, estimators="dispersion_by_access")
    assert estimates["status"].to_list() == ["unusable"]
    assert estimates["message"].to_list() == ["no row of an exposed task and a known arm"]
