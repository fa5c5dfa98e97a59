"""What the pages show is what the commands print."""

import re
from pathlib import Path

import pytest

from withintask.panel.notation import SYMBOLS, parameter_names
from withintask.sim.designs import load_design
from withintask.sim.params import Params, load_sources
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness.replicate import solved
from withintask.tests_of_model.harness.synthetic import draw_panel
from withintask.tests_of_model.hypotheses.estimate import choose, estimate
from withintask.tests_of_model.hypotheses.options import options_table

ROOT = Path(__file__).resolve().parents[1]


def test_the_example_of_the_readme_is_what_estimate_gives():
    panel = draw_panel("rct-ability", seed=1)
    frame = estimate(
        panel, hypotheses="H1", estimators=["dispersion_by_access", "pairs_difference"]
    )
    rows = {(row["estimator"], row["term"]): row for row in frame.iter_rows(named=True)}
    truth = solved(panel.origin.params)[1]["H1"]
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- example:")[2]
    lines = [line.split() for line in text.split("##")[0].splitlines() if line.startswith("    H1")]
    assert len(lines) == 4
    for _, estimator, term, *numbers in lines:
        row = rows[estimator, term]
        shown = [float(number.strip("[],")) for number in numbers]
        names = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
        expected = [*(row[name] for name in names), truth[term]]
        assert shown == pytest.approx(expected, abs=6e-4)


def test_params_have_the_names_of_the_notation():
    assert tuple(Params.__dataclass_fields__) == parameter_names()


def test_names_are_unique():
    names = [row.name for row in SYMBOLS]
    assert len(names) == len(set(names))


def test_every_baseline_value_has_a_source_and_lies_in_its_range():
    for name, entry in load_sources().items():
        assert entry.source, name
        assert entry.range[0] <= entry.value <= entry.range[1], name


def test_every_linked_page_exists():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            path = page.parent / target
            is_made = target in ("reference.md", "gallery.md") or path.with_suffix(".py").exists()
            assert path.exists() or is_made, f"{page.name}: {target}"


def test_the_files_shown_on_the_page_of_ones_own_are_read(tmp_path):
    page = (ROOT / "docs" / "own.md").read_text(encoding="utf-8")
    for block in re.findall(r"```toml\n# (\S+\.toml)\n(.*?)```", page, re.DOTALL):
        (tmp_path / block[0]).write_text(block[1], encoding="utf-8")
    design, world = load_design(tmp_path / "mine.toml"), load_world(tmp_path / "rival.toml")
    assert (design.n_workers, design.treatment, world.design["item_choice"]) == (
        800,
        "staggered",
        0.2,
    )


def test_the_table_of_options_is_what_estimators_take():
    table = options_table()
    options = table.columns[2:]
    text = (ROOT / "docs" / "estimators.md").read_text(encoding="utf-8")
    shown = text.partition("## Which estimator takes which option")[2].partition("\n## ")[0]
    assert "| estimator | " + " | ".join(f"`{option}`" for option in options) + " |" in shown
    for row in table.iter_rows(named=True):
        marks = " | ".join("+" if row[option] else "–" for option in options)
        assert f"| `{row['estimator']}` | {marks} |" in shown
    assert shown.count("\n| `") == table.height


PARTS = ("Estimand", "Design", "Formula", "Error", "Fails", "Nearest")
PAGES = [
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("estimators.md", "rollouts.md")
]


def _blocks():
    """Text under each heading that names estimators, by estimator."""
    for page in PAGES:
        for block in re.split(r"^#{2,3} (?=`)", page, flags=re.MULTILINE)[1:]:
            heading, _, text = block.partition("\n")
            yield from (
                (name, text.partition("\n## ")[0]) for name in re.findall(r"`(\w+)`", heading)
            )


@pytest.mark.parametrize("name", [e.name for _, e in choose()])
def test_every_estimator_has_all_parts_on_its_page(name):
    text = dict(_blocks())[name]
    missing = [part for part in PARTS if not re.search(rf"\*\*[^*]*{part}", text, re.IGNORECASE)]
    assert missing == []


def test_every_test_that_a_page_names_exists():
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    defined = set(re.findall(r"def (test_\w+)", code))
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"`(test_\w+)(?:…)?`", page.read_text(encoding="utf-8")):
            is_file = (ROOT / "tests").rglob(f"{name}.py")
            assert any(test.startswith(name) for test in defined) or any(is_file), (
                f"{page.name}: {name}"
            )
