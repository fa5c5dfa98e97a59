"""A bit that flips on disk is found; it never becomes another value."""

import os
import random

import polars as pl
import pytest

from withintask.panel.errors import SourceError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.store import load_panel, read_panel, write_panel
from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.stream import write_streamed

N_FLIPS = 300 if os.environ.get("WITHINTASK_ATTACK") == "1" else 40
N_WORKERS = 50


@pytest.fixture
def panel():
    rng = random.Random(1)
    outputs = pl.DataFrame(
        {
            "worker_id": [f"w{i}" for i in range(N_WORKERS)],
            "task_id": "t",
            "period": [1] * N_WORKERS,
            "output": [1 + rng.random() for _ in range(N_WORKERS)],
        }
    )
    return Panel(info=PanelInfo(name="p"), outputs=outputs)


def flipped(content, rng):
    bit = rng.randrange(8 * len(content))
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


@pytest.mark.parametrize("layout", ["parquet", "csv"])
def test_every_flipped_bit_of_a_table_is_refused_by_its_sha_256(panel, layout, tmp_path):
    file = write_panel(panel, tmp_path / "p", layout=layout) / f"outputs.{layout}"
    content, rng = file.read_bytes(), random.Random(2)
    for _ in range(N_FLIPS):
        file.write_bytes(flipped(content, rng))
        with pytest.raises(SourceError, match="outputs: sha256"):
            read_panel(tmp_path / "p")


def test_a_flipped_bit_of_a_database_is_refused_or_changes_nothing(panel, tmp_path):
    file = write_panel(panel, tmp_path / "p.duckdb")
    content, rng = file.read_bytes(), random.Random(3)
    n_refused = 0
    for _ in range(N_FLIPS // 2):
        file.write_bytes(flipped(content, rng))
        try:
            found = read_panel(file)
        except SourceError:
            n_refused += 1
        else:
            assert found.info == panel.info
            assert found.outputs.sort("worker_id").equals(panel.outputs.sort("worker_id"))
    assert n_refused > 0


def test_a_part_of_a_streamed_table_that_was_exchanged_or_added_is_found(tmp_path):
    design = change_design(load_design("rct"), n_workers=40, n_firms=4)
    economy = solve_economy(load_params(), n_workers=2**9)
    for seed in (1, 2):
        write_streamed(economy, design, seed=seed, folder=tmp_path / str(seed), rows_per_chunk=200)
    part = tmp_path / "1" / "outputs" / "part-00000.parquet"
    (tmp_path / "2" / "outputs" / "part-00000.parquet").rename(part)
    part.with_name("part-99999.parquet").write_bytes(part.read_bytes())
    problems = load_panel(tmp_path / "1").problems
    assert problems.select("table", "rule", "n_rows").rows() == [("outputs", "sha256", 1)] * 2


def test_a_file_that_is_missing_is_named_as_missing(panel, tmp_path):
    (write_panel(panel, tmp_path / "p") / "outputs.parquet").unlink()
    assert load_panel(tmp_path / "p").problems["rule"].to_list() == ["no_file"]


def test_whoever_is_in_a_hurry_reads_without_comparing(panel, tmp_path):
    file = write_panel(panel, tmp_path / "p") / "outputs.parquet"
    panel.outputs.with_columns(output=pl.lit(2.0)).write_parquet(file)
    assert read_panel(tmp_path / "p", verify=False).outputs["output"].to_list() == [2.0] * N_WORKERS


def test_a_panel_written_before_hashes_were_kept_is_read(panel, tmp_path):
    manifest = write_panel(panel, tmp_path / "p") / "panel.toml"
    manifest.write_text(manifest.read_text().partition("[sha256]")[0])
    assert read_panel(tmp_path / "p").outputs.equals(panel.outputs)


def test_a_truncated_file_is_one_error_even_without_comparing(panel, tmp_path):
    file = write_panel(panel, tmp_path / "p") / "outputs.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SourceError, match="cannot be read|unreadable"):
        read_panel(tmp_path / "p", verify=False)
