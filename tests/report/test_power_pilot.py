"""From a pilot to an answer: `power init --pilot`, then the study that it wrote."""

import json
import re
import tomllib

import polars as pl
import pytest

from tests.command_line import run
from withintask.panel.store import write_panel
from withintask.tests_of_model.harness.synthetic import draw_panel

NOISE = 0.4
PILOT = [
    "n_workers=30", "n_firms=5", "n_tasks=4", "n_items=4", "n_pre=1", "n_post=1", "noise_persistence=0", f"output_noise={NOISE}",
]  # fmt: skip
FEW = (
    "--effect", "delta_log_sd=-30%", "--vary", "firms=6,8", "--vary", "workers_by_firm=4,6", "--vary", "tasks=3",
    "--vary", "items=3", "--replicates", 25, "--explore", 25, "--no-robust", "--no-frontier", "--engine", "serial",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("pilot")
    write_panel(draw_panel("rct", seed=4, settings=PILOT), where / "pilot")
    return where


@pytest.fixture(scope="module")
def begun(folder):
    return run("power", "init", "--pilot", "pilot", "--out", "study.toml", cwd=folder)


@pytest.fixture(scope="module")
def answered(folder, begun):
    return run("power", "study.toml", *FEW, cwd=folder)


def test_what_was_taken_is_printed_in_words_with_its_error(begun):
    assert begun.returncode == 0, begun.stderr
    assert "From the pilot of 30 workers" in begun.stdout
    value, error = re.search(
        r"noise of single outputs +output_noise +([.\d]+) +([.\d]+)", begun.stdout
    ).groups()
    # The bootstrap's error is itself known to a tenth; four of them, false alarm below 1 in 1,000.
    assert abs(float(value) - NOISE) < 4 * float(error)


def test_the_study_names_the_pilot_and_holds_none_of_its_figures(folder, begun):
    study = tomllib.loads((folder / "study.toml").read_text())
    assert study["question"]["pilot"].endswith("pilot")
    assert "output_noise" not in study["design"]
    assert begun.stdout.rstrip().endswith("withintask power study.toml")


def test_the_answer_carries_the_pilot_into_the_power(folder, answered):
    assert answered.returncode == 0, answered.stderr
    words = " ".join(answered.stdout.split())
    assert (
        "Power is the mean over 60 draws of what it leaves open (bootstrap over workers)" in words
    )
    out = folder / "out" / "power"
    assert (
        "Noise is drawn from what a pilot of 30 workers leaves open"
        in (out / "methods.md").read_text()
    )
    assert json.loads((out / "study.json").read_text())["pilot"].endswith("pilot")


def test_replicates_differ_in_the_noise_that_the_pilot_leaves_open(folder, answered):
    ledger = folder / "out" / "power" / "ledger"
    designs = pl.scan_parquet(ledger / "*.parquet").select("design_hash").collect()
    # Five replicates share a draw, so that 25 of one design are of five designs.
    assert designs["design_hash"].n_unique() >= 5


def test_a_field_that_is_set_is_not_drawn_from_the_pilot(folder, begun):
    done = run(
        "power", "study.toml", *FEW, "--set", "output_noise=0.3", "--out", "held", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "noise of single outputs 0.3 log points" in words
    assert "From the pilot (30 workers): noise of single outputs" not in words
