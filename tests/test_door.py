"""The public door: lazy, complete, and all that README, docs and examples need."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import ParameterError, SchemaError

ROOT = Path(__file__).resolve().parents[1]
PROMISED = [
    "Panel",
    "read_panel",
    "write_panel",
    "validate",
    "capabilities",
    "load_oews",
    "scan_table",
    "build_store",
    "Params",
    "load_params",
    "vary",
    "solve_economy",
    "Economy",
    "regime",
    "boundary",
    "Design",
    "load_design",
    "load_designs",
    "change_design",
    "load_world",
    "simulate",
    "draw_panel",
    "HYPOTHESES",
    "Hypothesis",
    "Estimator",
    "estimate",
    "fit",
    "between_within",
    "two_way_components",
    "wild_bootstrap",
    "plan",
    "replicate",
    "diagnose",
    "verdicts",
    "smallest_sample",
    "load_target",
    "fit_msm",
    "sensitivity",
    "headline",
    "ModelError",
    "__version__",
]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.py")]
ALLOWED = {"withintask", "withintask.ingest"}


@pytest.fixture(scope="module")
def trial():
    return wt.draw_panel("rct-ability", seed=1, settings=["n_workers=120", "n_firms=6"])


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_name_is_behind_the_door(name):
    assert name in dir(wt)
    assert getattr(wt, name) is not None


def test_type_checkers_see_what_python_sees():
    tree = ast.parse((ROOT / "withintask" / "__init__.py").read_text(encoding="utf-8"))
    block = next(
        node for node in tree.body if isinstance(node, ast.If) and "TYPE" in ast.dump(node)
    )
    seen = {(node.module, alias.name) for node in block.body for alias in node.names}
    assert seen == {(module, name) for name, module in wt._MODULE_OF.items()}


def test_importing_the_door_loads_nothing_heavy():
    code = "import sys, withintask; print([m for m in ('numpy', 'polars', 'duckdb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match="did you mean estimate?"):
        wt.estimat  # noqa: B018


def test_readme_docs_and_examples_import_nothing_deeper():
    deeper = [
        (page.name, name)
        for page in PAGES
        for name in re.findall(
            r"^\s*(?:from|import) (withintask[\w.]*)",
            page.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        if name not in ALLOWED
    ]
    assert deeper == []


def test_python_started_in_a_checkout_finds_every_package():
    code = "import withintask.sim.equations, withintask.panel.panel, withintask; print(withintask.__file__)"
    command = [sys.executable, "-S", "-c", code]
    site = [path for path in sys.path if path.endswith("site-packages")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(site)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == ROOT / "withintask" / "__init__.py"


def test_the_truth_stands_beside_the_estimates_of_a_drawn_panel(trial, tmp_path):
    in_memory = wt.estimate(trial, hypotheses="H1", estimators="gradient_iv")
    assert in_memory["truth"].is_not_null().all()
    wt.write_panel(trial, tmp_path / "real")
    on_disk = wt.estimate(tmp_path / "real", hypotheses=["H1"], estimators=["gradient_iv"])
    assert on_disk["truth"].is_null().all()
    assert on_disk.drop("truth").equals(in_memory.drop("truth"), null_equal=True)


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "arrow", "duckdb"])
def test_frames_of_any_kind_give_the_numbers_of_the_panel(trial, kind):
    make = {
        "polars": lambda frame: frame,
        "lazy": pl.DataFrame.lazy,
        "pandas": pl.DataFrame.to_pandas,
        "arrow": pl.DataFrame.to_arrow,
        "duckdb": lambda frame: duckdb.sql("SELECT * FROM frame"),
    }[kind]
    frames = {name: make(frame) for name, frame in trial.tables().items()}
    rows = wt.estimate(frames, first_ai_period=1, estimators="dispersion_by_access")
    expected = wt.estimate(trial, estimators="dispersion_by_access")
    assert rows["estimate"].to_list() == expected["estimate"].to_list()
    assert expected["status"].to_list() == ["ok"]


def test_a_panel_in_memory_is_checked_as_one_on_disk(trial):
    doubled = trial.with_tables(outputs=pl.concat([trial.outputs, trial.outputs]))
    with pytest.raises(SchemaError, match="primary_key"):
        wt.estimate(doubled)
    zeros = trial.with_tables(outputs=trial.outputs.with_columns(output=pl.lit(0.0)))
    with pytest.raises(SchemaError, match="output"):
        wt.estimate(zeros)


def test_what_is_no_panel_and_what_is_no_table_are_refused_by_name(trial):
    with pytest.raises(ParameterError, match="found int"):
        wt.estimate(3)
    with pytest.raises(ParameterError) as error:
        wt.estimate({"output": trial.outputs, "workers": [1, 2]})
    assert "did you mean outputs?" in str(error.value)
    assert "builtins.list is no table; expected Polars" in str(error.value)


def test_one_text_is_one_name(trial):
    assert wt.estimate(trial, hypotheses="H1", estimators="gradient").height == 1
    with pytest.raises(ParameterError, match="estimator: gradiant"):
        wt.estimate(trial, estimators="gradiant")
