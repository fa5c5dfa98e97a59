"""Every block of code on the pages runs as it stands, or the page says why it is not run."""

import re
import shlex
import tomllib
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from code_blocks import PAGES, ROOT, blocks_of
from messy_export import write_export

import withintask as wt
from withintask.cli.app import app

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
REASONS = (
    "minutes",
    "published files",
    "another project",
    "a part of a file",
    "needs a network",
    "cluster",
    "warehouse",
)
SMALL = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]


def _named(blocks):
    return [pytest.param(b, id=f"{b.page}:{b.line}", marks=_marks(b)) for b in blocks]


def _marks(block):
    return [pytest.mark.real_data] if "out/store.duckdb" in block.text else []


def test_a_block_that_is_not_run_says_why():
    silent = [
        f"{b.page}:{b.line}"
        for b in BLOCKS
        if b.mark == "not run" and not any(reason in b.reason for reason in REASONS)
    ]
    unknown = [f"{b.page}:{b.line}" for b in BLOCKS if b.is_run and not b.kind]
    assert silent == []
    assert unknown == []


def test_most_blocks_run():
    code = [b for b in BLOCKS if b.kind]
    assert sum(b.is_run for b in code) >= 15


def test_studies_and_benchmarks_that_pages_name_are_there():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    gone = [
        (b.page, name)
        for b in BLOCKS
        for name in b.scripts()
        if not (ROOT / name).is_file() and name not in targets
    ]
    assert gone == []


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, and what pages take for granted by name: a function that makes it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", _named(b for b in BLOCKS if b.is_run and b.kind == "python"))
def test_python_of_a_page_runs(block, here, request):
    space = {"wt": wt, **_taken_for_granted(block.page)}
    if "out/store.duckdb" in block.text:
        _build_store(request)
    with redirect_stdout(StringIO()):
        exec(compile(block.text, f"{block.page}:{block.line}", "exec"), space)


@pytest.mark.parametrize("block", _named(b for b in BLOCKS if b.is_run and b.kind == "commands"))
def test_commands_of_a_page_run(block, here):
    _taken_for_granted(block.page)
    for command in block.commands():
        with redirect_stdout(StringIO()):
            app(shlex.split(command), result_action="return_value", exit_on_error=False)


@pytest.mark.parametrize("block", _named(b for b in BLOCKS if b.is_run and b.kind == "toml"))
def test_a_file_of_a_page_is_read(block, here):
    file = here / "mine.toml"
    file.write_text(block.text, encoding="utf-8")
    content = tomllib.loads(block.text)
    if "panel" in content:
        return
    if "m1" in content:
        assert wt.load_target(file).names == ("m1", "m4")
    elif "summary" in content:
        assert wt.load_world(file).summary == content["summary"]
    else:
        assert wt.load_design(file).n_workers == content["n_workers"]


def _build_store(request):
    folders = [request.getfixturevalue(name) for name in ("data_dir", "new_data_dir")]
    Path("out").mkdir()
    wt.build_store(folders, "out/store.duckdb", years="2019-2025", level="national")


def _taken_for_granted(page):
    """Make what a page speaks of as there: arrays, frames, panels, files of one's own."""
    return _MADE.get(page, dict)()


def _readme():
    panel = wt.draw_panel("rct-ability", seed=1, settings=SMALL)
    if not Path("out").exists():
        wt.write_panel(panel, "out/trial")
    return {"frame": panel.outputs.with_columns(pl.col("period") + 2), "other": panel.workers}


def _arrays():
    draws = np.random.default_rng(1)
    firm = np.repeat(np.arange(20), 20)
    treated, age = (firm % 2 == 0).astype(float), draws.normal(40, 10, 400)
    calls = wt.draw_panel("rct-ability", seed=1, settings=SMALL)
    n = calls.workers.height
    workers = calls.workers.with_columns(
        tenure=pl.Series(draws.normal(5, 2, n)),
        site=pl.Series([f"s{k % 3}" for k in range(n)]),
        region=pl.Series([f"r{k % 2}" for k in range(n)]),
        survey=pl.Series(draws.uniform(1, 2, n)),
    )
    named = ("tenure", "site", "region", "survey")
    info = replace(calls.info, covariates=tuple(f"workers.{name}" for name in named))
    wt.write_panel(replace(calls.with_tables(workers=workers), info=info), "calls")
    return {
        "firm": firm,
        "team": firm,
        "site": firm // 10,
        "X": np.column_stack([treated, age]),
        "y": treated + 0.01 * age + draws.normal(size=400),
    }


def _frame():
    draws = np.random.default_rng(1)
    firm, z1, z2 = np.repeat(np.arange(20), 20), *draws.normal(size=(2, 400))
    x = z1 + z2 + draws.normal(size=400)
    frame = pl.DataFrame(
        {
            "firm": firm,
            "year": np.tile(np.arange(20), 20),
            "site": [f"s{k % 3}" for k in range(400)],
            "x": x,
            "d": draws.normal(size=400),
            "z1": z1,
            "z2": z2,
            "w": draws.uniform(1, 2, 400),
            "y": 0.5 * x + draws.normal(size=400),
        }
    )
    return {"frame": frame}


def _roll_out():
    sizes = ["n_workers=120", "n_firms=12", "n_tasks=2", "n_items=4", "n_pre=3", "n_post=3"]
    panel = wt.draw_panel("rct", seed=1, settings=[*sizes, "treatment=staggered"])
    wt.write_panel(panel, "PANEL")
    return {"panel": panel}


def _panel():
    wt.write_panel(wt.draw_panel("rct-ability", seed=1, settings=SMALL), "PANEL")
    return {}


def _export():
    write_export(Path("calls.csv"), n_agents=400, n_rows=27_000)
    return {}


def _own_files():
    page = next(p for p in PAGES if p.name == "own.md")
    for block in blocks_of(page):
        name = block.text.partition("\n")[0].removeprefix("# ")
        if block.language == "toml" and name.endswith(".toml"):
            Path(name).write_text(block.text, encoding="utf-8")
    return {}


_MADE = {
    "README.md": _readme,
    "docs/estimators.md": _arrays,
    "docs/regression.md": _frame,
    "docs/rollouts.md": _roll_out,
    "docs/scale.md": _panel,
    "docs/trial.md": _export,
    "docs/own.md": _own_files,
}
