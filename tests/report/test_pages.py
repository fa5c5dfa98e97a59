"""Pages: what they hold, and that they can be read on a phone, in the dark, by keyboard and without a network."""

import re

import polars as pl
import pytest
from page_browser import browser, problems_in_browser
from page_checks import PAIRS, TEXT_CONTRAST, contrast, problems_of

import withintask as wt
from withintask.panel.errors import ParameterError
from withintask.report.demo_blocks import draw_oews, next_blocks, oews_blocks
from withintask.report.matrix_words import COLORS, PALE
from withintask.report.page import (
    Code,
    Figure,
    Heading,
    Page,
    Text,
    csv_link,
    frame_block,
    image_link,
    render_page,
)
from withintask.report.panel_page import panel_page, write_panel_page
from withintask.report.regime_page import regime_page
from withintask.report.results_page import results_page
from withintask.report.style import new_figure

SMALL = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]


@pytest.fixture(scope="module")
def panel():
    return wt.draw_panel("rct-ability", seed=1, settings=SMALL)


@pytest.fixture(scope="module")
def panel_file(panel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return write_panel_page(panel, folder / "p.html", source="trial", recommended_only=True)


def _every_block():
    frame = pl.DataFrame({"name": ["=1+1", "<b>"], "value": [0.123456, 2.0]})
    figure, axes = new_figure(width=3, height=2)
    axes[0, 0].plot([0, 1], [0, 1])
    link = csv_link(frame)
    return Page(
        title="Every kind of block",
        lead="It shows each once.",
        command="withintask nothing",
        blocks=(
            Heading(text="First"),
            Text(sentences=("A note.",), look="note"),
            Text(sentences=("A warning.",), look="warn"),
            Text(sentences=("One.", "Two."), as_list=True),
            Heading(text="Second"),
            Code(text="a command that is long enough to be wider than any phone " * 3),
            frame_block(frame, "A table"),
            Heading(text="Third"),
            Figure(href=image_link(figure), alt="A line", caption="It rises.", data_href=link),
        ),
    )


@pytest.fixture(scope="module")
def block_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("blocks") / "blocks.html"
    file.write_text(render_page(_every_block()), encoding="utf-8")
    return file


@pytest.mark.parametrize("name", ["block_file", "panel_file"])
def test_a_page_holds_what_must_hold_of_every_page(name, request):
    file = request.getfixturevalue(name)
    assert problems_of(file.read_text(encoding="utf-8"), file.parent) == []


@pytest.mark.parametrize("name", ["block_file", "panel_file"])
def test_a_browser_finds_no_error_overflow_or_weak_contrast(name, request):
    file = request.getfixturevalue(name)
    with browser() as started:
        assert problems_in_browser(started, file) == []


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("<img src='data:x'>", "image without words"),
        ("<table><tr><td>1</td></tr></table>", "does not scroll"),
        ("<div class='wide'><table></table></div>", "not by keyboard"),
        ("<a href='#nowhere'>x</a>", "link to nothing"),
        ("<a href='gone.csv'>x</a>", "not there"),
        ("<img alt='x' src='https://example.org/x.png'>", "needs the network"),
        ("<h4>deep</h4>", "h4 after h1"),
        ("<p id='a'></p><p id='a'></p>", "used twice"),
    ],
)
def test_the_checker_finds_what_is_wrong(broken, named, tmp_path):
    whole = (
        '<html lang="en"><meta name="viewport" content="x"><title>t</title><body><h1>t</h1>'
        f"{broken}</body></html>"
    )
    assert any(named in problem for problem in problems_of(whole, tmp_path))


def test_the_checker_knows_the_contrast_of_black_and_white_and_finds_a_weak_one(block_file):
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    text = block_file.read_text(encoding="utf-8").replace("--faint:#5a6270", "--faint:#aaaaaa")
    assert any("--faint on --paper" in p for p in problems_of(text, block_file.parent))


def test_every_pair_of_colours_is_one_of_the_design(block_file):
    text = block_file.read_text(encoding="utf-8")
    for name in {name for pair in PAIRS for name in pair}:
        assert len(re.findall(f"{name}:#", text)) >= 1


def test_the_foot_has_the_command_and_the_versions(panel_file):
    foot = panel_file.read_text(encoding="utf-8").partition("<footer>")[2]
    assert "withintask report trial --recommended" in foot
    assert "polars" in foot


def test_the_page_of_a_panel_says_what_it_is_what_was_found_and_what_is_missing(panel_file):
    text = panel_file.read_text(encoding="utf-8")
    for part in (
        "What it is",
        "120 workers",
        "Every rule of a panel is met.",
        "Pairs of items, difference in differences",
        "it cannot be estimated on this panel",
        "no table pay",
        "withintask power --hypothesis H1",
    ):
        assert part in text
    assert text.count('download="') >= 5


def test_text_of_a_panel_is_shown_and_not_obeyed(panel):
    from dataclasses import replace

    named = replace(panel, info=replace(panel.info, name="<script>alert(1)</script>"))
    text = panel_page(named, source="a b", recommended_only=True)
    assert "<script>alert" not in text
    assert "withintask report &#39;a b&#39;" in text


def test_a_panel_that_breaks_a_rule_is_described_and_not_estimated_on(panel):
    from dataclasses import replace

    broken = replace(panel, outputs=pl.concat([panel.outputs, panel.outputs.head(2)]))
    text = panel_page(broken, source="trial")
    assert "nothing is estimated until they are met" in text
    assert "Pairs of items, difference in differences</th>" not in text


def test_a_page_is_html_and_replaced_only_by_force(panel, tmp_path):
    with pytest.raises(ParameterError, match=r"expected \.html"):
        write_panel_page(panel, tmp_path / "p.pdf", source="x")
    with pytest.raises(ParameterError, match="is a folder"):
        write_panel_page(panel, tmp_path, source="x")
    (tmp_path / "p.html").write_text("mine")
    with pytest.raises(ParameterError, match="--force"):
        write_panel_page(panel, tmp_path / "p.html", source="x")
    assert (tmp_path / "p.html").read_text() == "mine"


def _regime_tables():
    boundaries = pl.DataFrame({"setting": ["baseline"], "boundary": [0.549], "std_error": [0.001]})
    policies = pl.DataFrame({"policy": ["none"], "delta_gini_income": [0.0088]})
    return {"boundaries": boundaries, "policies": policies}


def test_the_pages_of_regimes_and_results_link_to_what_lies_beside_them(tmp_path):
    names = ["map_rent_sharing.svg", "rent_sharing.svg", "policies.svg", "results.svg", "maps.csv"]
    names += ["rent_sharing.csv", "policies.csv", "panels.csv", "occupations.csv", "education.csv"]
    names += ["ability.svg", "ability.csv"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    regime = regime_page(_regime_tables(), ("rent_sharing",), command="withintask regime map")
    assert problems_of(regime, tmp_path) == []
    header = ("dataset", "estimate", "std. error", "95 % interval", "p", "n", "clusters")
    rows = (header, [("radiology", "0.1", "0.1", "[-0.1, 0.3]", "0.3", "44", "11")])
    tables = dict.fromkeys(("panels", "ability", "occupations", "education"), rows)
    results = results_page(tables, {"panels": ("real",)}, command="withintask results DATA")
    assert problems_of(results, tmp_path) == []


def test_the_figure_of_pay_marks_the_break_and_counts_top_codes(tmp_path):
    years = [2019, 2020, 2021, 2025]
    frame = pl.DataFrame(
        {
            "year": years,
            "detailed_occupations": [789] * 4,
            "top_coded_p90": [33, 38, 51, 0],
            "mean_log_p90_p10": [0.96, 0.95, 0.89, 0.88],
        }
    )
    texts = [text.get_text() for text in draw_oews(frame).axes[0].texts]
    assert texts == [
        "33 top-coded",
        "38 top-coded",
        "51 top-coded",
        "0 top-coded",
        "new method, new codes",
    ]
    (tmp_path / "oews_dispersion.csv").write_text("")
    blocks = (*oews_blocks(frame, "made up"), *next_blocks("withintask", tmp_path / "o.duckdb"))
    page = render_page(Page(title="t", command="withintask demo", blocks=blocks))
    assert problems_of(page, tmp_path) == []
    assert "break of May 2021" in page
    assert "above the old cap" in page


def test_the_words_of_verdicts_stand_out_from_their_colours():
    weak = {
        word: ratio
        for word, color in COLORS.items()
        if (ratio := contrast(color, "#222222" if word in PALE else "#ffffff")) < TEXT_CONTRAST
    }
    assert weak == {}
