"""A streamed panel is the panel in memory."""

import shutil

import pytest
from plain_designs import plain_design
from polars.testing import assert_frame_equal

from withintask.panel.errors import ParameterError, SourceError
from withintask.panel.store import read_panel
from withintask.panel.transform import eager
from withintask.sim.designs import change_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.stream import chunk_bounds, write_streamed

SIZES = {"n_workers": 101, "n_firms": 7}


@pytest.fixture(scope="module")
def economy():
    return solve_economy(load_params(), n_workers=2**9)


@pytest.mark.parametrize("name", ["rct", "rct-ability", "linked-pay-assets", "everything-linked"])
@pytest.mark.parametrize("rows_per_chunk", [1, 500, 10**9])
def test_streamed_tables_are_those_in_memory(economy, tmp_path, name, rows_per_chunk):
    design = change_design(plain_design(name), **SIZES, attrition=0.2)
    expected = simulate(economy, design, draw_shocks(design, seed=3, replicate=2))
    target = tmp_path / "panel"
    write_streamed(
        economy, design, seed=3, replicate=2, folder=target, rows_per_chunk=rows_per_chunk
    )
    found = read_panel(target, lazy=True, check=False)
    for table, frame in expected.tables().items():
        assert_frame_equal(eager(found.tables()[table]), eager(frame), check_exact=True)


def test_a_streamed_panel_is_read_like_any_other(economy, tmp_path):
    design = change_design(plain_design("rct"), **SIZES)
    write_streamed(economy, design, seed=3, folder=tmp_path / "panel", rows_per_chunk=500)
    assert len(list((tmp_path / "panel" / "outputs").iterdir())) > 1
    expected = simulate(economy, design, draw_shocks(design, seed=3))
    for lazy in (False, True):
        found = read_panel(tmp_path / "panel", lazy=lazy).collect()
        for table, frame in expected.tables().items():
            assert_frame_equal(eager(found.tables()[table]), eager(frame), check_exact=True)


def test_a_missing_folder_of_parts_is_named(economy, tmp_path):
    design = change_design(plain_design("rct"), **SIZES)
    write_streamed(economy, design, seed=3, folder=tmp_path / "panel")
    shutil.rmtree(tmp_path / "panel" / "outputs")
    with pytest.raises(SourceError, match=r"outputs/\*.parquet"):
        read_panel(tmp_path / "panel")


def test_chunks_never_split_a_firm():
    design = change_design(plain_design("rct"), **SIZES)
    bounds = chunk_bounds(design, 300)
    firms = [{w * design.n_firms // design.n_workers for w in range(*b)} for b in bounds]
    assert sum(len(f) for f in firms) == len(set().union(*firms)) == design.n_firms
    assert bounds[0][0] == 0
    assert bounds[-1][1] == design.n_workers


def test_progress_is_told_after_every_chunk(economy, tmp_path):
    seen = []
    design = change_design(plain_design("rct"), **SIZES)
    written = write_streamed(
        economy, design, seed=1, folder=tmp_path / "p", rows_per_chunk=500,
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert len(seen) == written.n_chunks > 1
    assert seen[-1] == (101, 101)


def test_an_interrupted_run_leaves_nothing(economy, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_streamed(
            economy, plain_design("rct"), seed=1, folder=tmp_path / "p", on_progress=stop
        )
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused(economy, tmp_path):
    with pytest.raises(SourceError, match="exists already"):
        write_streamed(economy, plain_design("rct"), seed=1, folder=tmp_path)


def test_a_design_that_pools_workers_is_refused(economy, tmp_path):
    with pytest.raises(ParameterError, match="pools workers"):
        write_streamed(economy, plain_design("oews"), seed=1, folder=tmp_path / "p")
