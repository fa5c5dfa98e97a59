"""Shocks and panels: equal seeds agree, replicates differ, streams are apart, chunks equal the whole."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from plain_designs import plain_design

from withintask.panel.errors import ParameterError
from withintask.panel.store import read_panel
from withintask.panel.validate import validate
from withintask.sim.designs import change_design, load_designs
from withintask.sim.shocks import STREAMS, draw_shocks, shock_shapes
from withintask.sim.simulate import simulate, simulate_many
from withintask.sim.stream import draw_chunks, write_streamed
from withintask.sim.switches import SWITCHES

LINKED = [
    d.name for d in load_designs() if not {"occupation_pay", "education_pay"} & set(d.columns)
]
NUISANCE = {"attrition": 0.2, "task_reassignment": 0.1, "output_noise": 0.1, "mobility": 0.2}


def small(name, **changes):
    return change_design(plain_design(name), **{"n_workers": 203, "n_firms": 10, **changes})


def assert_panels_equal(one, other):
    assert one.info == other.info
    assert one.tables().keys() == other.tables().keys()
    for name, frame in one.tables().items():
        assert frame.equals(other.tables()[name]), name


@pytest.mark.parametrize("name", [d.name for d in load_designs()])
def test_equal_seeds_give_equal_panels(industries, name):
    design = plain_design(name)
    one, two = (
        simulate(industries, design, draw_shocks(design, seed=4, replicate=2)) for _ in range(2)
    )
    assert_panels_equal(one, two)


def test_seeds_and_replicates_differ_in_every_stream():
    design = small("everything-linked", **NUISANCE)
    shocks = [draw_shocks(design, seed=s, replicate=r) for s, r in ((1, 0), (1, 1), (2, 0))]
    for name in shocks[0].draws:
        first, *others = (one[name].ravel()[:8].tolist() for one in shocks)
        assert all(first != other for other in others), name


def test_no_two_streams_are_alike():
    design = small("everything-linked", **NUISANCE)
    draws = draw_shocks(design, seed=1).draws
    starts = {name: tuple(values.ravel()[:4]) for name, values in draws.items()}
    assert len(set(starts.values())) == len(starts)
    assert set(draws) <= set(STREAMS)


@pytest.mark.parametrize(
    "change",
    [
        {"attrition": 0.2},
        {"output_noise": 0.3},
        {"mobility": 0.3},
        {"n_applicants_by_occupation": 5},
    ],
)
def test_a_nuisance_leaves_other_streams_alone(change):
    plain = draw_shocks(small("everything-linked"), seed=1)
    changed = draw_shocks(small("everything-linked", **change), seed=1)
    for name in plain.draws.keys() & changed.draws.keys():
        if plain[name].shape == changed[name].shape:
            assert np.array_equal(plain[name], changed[name]), name


def test_draws_do_not_depend_on_parameters(economy, industries):
    design = small("rct")
    shocks = draw_shocks(design, seed=1)
    one, two = (
        simulate(e, design, shocks).outputs.filter(pl.col("period") == 0)
        for e in (economy, industries)
    )
    assert one.equals(two)


def test_shocks_are_standardized():
    design = change_design(plain_design("rct"), n_workers=100_000, n_firms=100)
    draws = draw_shocks(design, seed=1)
    n = design.n_workers
    # 4 standard errors; false alarms one in 16,000 each.
    assert draws["ability"].mean() == pytest.approx(0, abs=4 / np.sqrt(n))
    assert draws["ability"].var() == pytest.approx(1, abs=4 * np.sqrt(2 / n))
    assert draws["access_rank"].mean() == pytest.approx(1 / 2, abs=4 / np.sqrt(12 * n))


@pytest.mark.parametrize(("seed", "replicate"), [(-1, 0), (0, -1)])
def test_negative_seeds_are_refused(seed, replicate):
    with pytest.raises(ParameterError, match="non-negative"):
        draw_shocks(plain_design("rct"), seed=seed, replicate=replicate)


def test_a_batch_holds_the_panels_that_single_draws_give(industries):
    design = small("rct-ability")
    batch = list(simulate_many(industries, design, seed=3, replicates=range(2, 5)))
    for replicate, panel in zip(range(2, 5), batch, strict=True):
        assert_panels_equal(
            panel, simulate(industries, design, draw_shocks(design, seed=3, replicate=replicate))
        )


def test_serial_equals_parallel(industries):
    design = small("everything-linked", **NUISANCE)

    def one(replicate):
        return simulate(industries, design, draw_shocks(design, seed=3, replicate=replicate))

    with ThreadPoolExecutor(4) as pool:
        for serial, parallel in zip(map(one, range(8)), pool.map(one, range(8)), strict=True):
            assert_panels_equal(serial, parallel)


@pytest.mark.parametrize("rows_per_chunk", [1, 333, 10**9])
@pytest.mark.parametrize("name", LINKED)
def test_a_streamed_panel_is_the_panel_drawn_whole(industries, tmp_path, name, rows_per_chunk):
    design = small(name, **NUISANCE)
    whole = simulate(industries, design, draw_shocks(design, seed=5, replicate=1))
    write_streamed(
        industries,
        design,
        seed=5,
        replicate=1,
        folder=tmp_path / "p",
        rows_per_chunk=rows_per_chunk,
    )
    assert_panels_equal(read_panel(tmp_path / "p", lazy=True, check=False).collect(), whole)


@pytest.mark.parametrize("outcome", ["positive", "count"])
@pytest.mark.parametrize("is_item_shared", [False, True])
@pytest.mark.parametrize("name", ["task-cross-section", "rct", "everything-linked"])
def test_a_streamed_panel_of_items_is_the_panel_drawn_whole(
    industries, tmp_path, name, is_item_shared, outcome
):
    items = {"n_items": 3, "n_raters": 2, "is_item_shared": is_item_shared, "outcome": outcome}
    noise = {"item_sd": 0.2, "noise_persistence": 0.4, "rater_noise": 0.1, "mobility": 0.2}
    on = {switch.name: 0.2 for switch in SWITCHES}
    design = small(name, n_workers=60, **items, **{"output_noise": 0.3, **noise, **on})
    whole = simulate(industries, design, draw_shocks(design, seed=5, replicate=1))
    folder = tmp_path / "p"
    write_streamed(industries, design, seed=5, replicate=1, folder=folder, rows_per_chunk=1_000)
    assert_panels_equal(read_panel(folder), whole)
    validate(whole)


def test_chunks_joined_are_the_table(industries):
    design = small("rct")
    chunks = list(draw_chunks(industries, design, seed=5, rows_per_chunk=500))
    assert len(chunks) > 1
    whole = simulate(industries, design, draw_shocks(design, seed=5)).outputs
    assert pl.concat([chunk["outputs"] for chunk in chunks]).equals(whole)


def test_a_streamed_panel_breaks_no_rule(industries, tmp_path):
    write_streamed(
        industries, small("everything-linked"), seed=1, folder=tmp_path / "p", rows_per_chunk=300
    )
    validate(read_panel(tmp_path / "p", lazy=True, check=False))


def test_every_shape_starts_with_the_workers_of_the_chunk():
    design = small("everything-linked", **NUISANCE)
    whole, chunk = shock_shapes(design), shock_shapes(design, n_workers=7)
    assert whole.keys() == chunk.keys()
    assert {chunk[name][0] for name in chunk if chunk[name] != whole[name]} == {7}
