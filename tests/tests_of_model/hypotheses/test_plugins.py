"""Estimators of other packages: the example package, installed, and broken ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "plugin"
BROKEN = """
import withintask as wt
ESTIMATORS = [
    wt.Estimator(name="gradient", summary="", needs=("outputs.otput",), terms=("delta_cv",), run=3),
    "text",
]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The example package, installed as a user would, in a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command = [*pip, "--no-index", "--target", str(target), str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run(code, folder):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def answer(code, folder):
    done = run(code, folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_example_estimates_what_it_says_on_a_drawn_panel(installed):
    code = """
import json, withintask as wt
row = wt.estimate(wt.draw_panel("rct", seed=1), estimators="median_dispersion").row(0, named=True)
print(json.dumps([row["status"], row["estimate"], row["std_error"], row["truth"]]))
"""
    status, estimate, std_error, truth = answer(code, installed)
    assert status == "ok"
    # Four standard errors; a false alarm in 16,000 runs.
    assert abs(estimate - truth) < 4 * std_error


def test_a_study_and_the_power_search_find_it(installed):
    code = """
import json, withintask as wt
design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=3)
study = wt.plan(wt.load_params(), [design], [wt.load_world("reference")], seed=1, replicates=2,
                hypotheses="H1", estimators="median_dispersion")
rows = wt.replicate(study)
standing = [e.name for e in wt.HYPOTHESES[0].estimators_of("delta_log_cv_pooled")]
print(json.dumps([rows["status"].to_list(), standing[-1]]))
"""
    assert answer(code, installed) == [["ok", "ok"], "median_dispersion"]


def test_it_passes_the_contract_of_every_estimator(installed):
    contract = Path(__file__).with_name("test_estimator_contract.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "median"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [*command, str(contract)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout.splitlines()[-1]


def test_a_broken_plugin_is_refused_by_name_and_the_rest_runs(tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    metadata = tmp_path / "broken-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    points = "[withintask.estimators]\nH1 = broken:ESTIMATORS\nH9 = broken:ESTIMATORS\n"
    (metadata / "entry_points.txt").write_text(points)
    done = run("import withintask as wt; print(len(wt.HYPOTHESES[0].estimators))", tmp_path)
    assert done.returncode == 0
    assert int(done.stdout) > 10
    for part in (
        "gradient: another estimator has this name",
        "term 'delta_cv' is no estimand of H1",
        "outputs.otput",
        "run cannot be called",
        "'text' is no withintask.Estimator",
        "hypothesis H9: unknown",
    ):
        assert part in done.stderr
