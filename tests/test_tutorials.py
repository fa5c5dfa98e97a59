"""Tutorials run as they stand, and the site knows every page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.py"))
REAL = ("occupation_data", "trial_to_paper")


def test_there_are_five():
    assert len(TUTORIALS) == 5


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, id=p.stem, marks=[pytest.mark.real_data] if p.stem in REAL else [])
        for p in TUTORIALS
    ],
)
def test_a_tutorial_runs_without_a_warning(path, request):
    data = request.getfixturevalue("data_dir") if path.stem in REAL else ""
    environment = {**os.environ, "WITHINTASK_DATA": str(data), "MPLBACKEND": "agg"}
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_site_names_no_page_that_is_not_there():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r": ([\w/-]+\.md)$", text, re.MULTILINE))
    pages = {str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")}
    made = {f"tutorials/{path.stem}.md" for path in TUTORIALS} | {"reference.md", "gallery.md"}
    assert named <= pages | made
    assert made <= named
