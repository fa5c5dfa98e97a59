"""A panel read with categories is the panel read without, and estimates are the same."""

import polars as pl
import pytest

from withintask.panel.memory import as_panel
from withintask.panel.store import read_panel, write_panel
from withintask.panel.validate import validate
from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.hypotheses.estimate import estimate

SMALL = {
    "n_workers": 120,
    "n_firms": 8,
    "n_occupations": 4,
    "n_postings_by_occupation": 5,
    "n_applicants_by_occupation": 5,
    "attrition": 0.1,
}


@pytest.fixture(scope="module", params=["parquet", "csv", "duckdb"])
def folder(request, tmp_path_factory):
    design = change_design(load_design("everything-linked"), **SMALL)
    economy = solve_economy(load_params(), n_workers=2**10)
    panel = simulate(economy, design, draw_shocks(design, seed=1))
    path = tmp_path_factory.mktemp("panel") / ("p.duckdb" if request.param == "duckdb" else "p")
    return write_panel(panel, path, layout=request.param)


def test_texts_are_the_same(folder):
    texts, coded = read_panel(folder), as_panel(folder, categories=True)
    assert isinstance(coded.outputs.schema["worker_id"], pl.Categorical)
    for table, frame in texts.tables().items():
        as_text = coded.tables()[table].with_columns(pl.selectors.categorical().cast(pl.String))
        assert frame.equals(as_text), table


def test_a_lazy_panel_is_read_with_categories_and_frames_stay_as_they_are(folder):
    lazy = read_panel(folder, lazy=True)
    assert isinstance(as_panel(lazy, categories=True).pay.schema["firm_id"], pl.Categorical)
    in_memory = read_panel(folder)
    assert as_panel(in_memory, categories=True).pay.schema["firm_id"] == pl.String


def test_tables_can_be_joined(folder):
    panel = as_panel(folder, categories=True)
    linked = panel.pay.join(panel.firms, on=["firm_id", "period"]).join(
        panel.workers, on="worker_id"
    )
    assert panel.pay.height == linked.height


def test_estimates_are_the_same(folder):
    names = ["dispersion_by_access", "pairs_difference", "gradient_iv", "mincer", "rent_sharing"]
    expected = estimate(read_panel(folder), estimators=names)
    assert expected.equals(estimate(as_panel(folder, categories=True), estimators=names))


def test_a_panel_with_categories_is_valid_and_written_as_texts(folder, tmp_path):
    coded = as_panel(folder, categories=True)
    again = read_panel(write_panel(validate(coded), tmp_path / "again"))
    for table, frame in read_panel(folder).tables().items():
        assert frame.equals(again.tables()[table]), table
