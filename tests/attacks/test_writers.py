"""A writer that is killed leaves the old or the new, can be run again, and does not mix with another."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
IS_LONG = os.environ.get("WITHINTASK_ATTACK") == "1"
N_KILLS = 20 if IS_LONG else 3
N_PAIRS = 50 if IS_LONG else 4


def run(script, *words):
    """Run a script of this folder in a process that may fork, and return what it prints."""
    command = [sys.executable, str(HERE / script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "writers",
    [
        ("new", "over a panel", "duckdb", "stream", "pseudonymize"),
        pytest.param(
            ("csv", "into an empty folder", "over a streamed panel", "simulate", "page"),
            marks=pytest.mark.attack,
        ),
        pytest.param(("data build --parquet",), marks=pytest.mark.attack),
    ],
)
def test_a_killed_writer_leaves_old_or_new_and_can_be_run_again(writers):
    found = run("killing.py", N_KILLS, *writers)
    for writer in writers:
        assert found[writer]["n_killed"] == min(N_KILLS, found[writer]["n_steps"])
        assert found[writer]["problems"] == []


def test_two_writers_of_one_panel_leave_a_whole_panel_of_one():
    assert run("racing.py", N_PAIRS)["problems"] == []
