"""The page on the model: its example runs, and its figures are those of the reference page."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUOTED = {
    r"ΔGini\(income\) is (\S+) and": "m6, change of the Gini of income",
    r"ΔGini\(pay\) (-\.\d+)\.": "ΔGini(pay)",
    r"proprietary share of (\S+)\. It moves": "baseline",
    r"\((\S+) at a Gini of \.60": "own_gini = 0.6",
    r"(\S+) at \.90\), which does not touch pay": "own_gini = 0.9",
    r"assets \((\S+) at \.40": "asset_gini = 0.4",
    r"(\S+) at \.90\)\.": "asset_gini = 0.9",
}


@pytest.fixture(scope="module")
def page():
    return (DOCS / "model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", QUOTED)
def test_a_quoted_figure_is_the_reference_figure(page, pattern):
    reference = (DOCS / "reference_figures.md").read_text(encoding="utf-8")
    value = re.search(rf"^\| {re.escape(QUOTED[pattern])} \| (\S+) \|", reference, re.MULTILINE)
    quoted = re.search(pattern, page.replace("\n", " "))[1]
    n_decimals = len(quoted.partition(".")[2])
    assert float(quoted) == pytest.approx(float(value[1]), abs=0.5 * 10**-n_decimals + 1e-9)


def test_the_example_runs_and_its_last_replicate_is_the_panel(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    whole = names["panel"].outputs
    assert names["replicate"].outputs.equals(whole)
    assert names["outputs"].collect().equals(whole)
