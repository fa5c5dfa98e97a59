"""The matrix as it is shown, of made-up replicates."""

import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from page_browser import page_problems

from withintask.report.matrix import write_matrix
from withintask.report.matrix_figure import draw_matrix
from withintask.report.matrix_page import matrix_page
from withintask.report.matrix_words import FIRST_LOOK, MatrixRun, cell_words, short_gap, weakest
from withintask.sim.designs import load_designs
from withintask.sim.worlds import load_worlds
from withintask.tests_of_model.harness.breakdown import BREAKDOWN_SCHEMA
from withintask.tests_of_model.harness.ledger import SCHEMA
from withintask.tests_of_model.harness.verdict import judge_replicates

NO_SIZES = pl.DataFrame(schema=BREAKDOWN_SCHEMA)
GAP = "postings.posting_id: no table postings; postings.period spans first_ai_period: no table postings"


def rows(world, truth, n, *, design="postings", bias=0.0, status="ok"):
    estimate = truth + bias + 0.1 * np.random.default_rng(len(world)).standard_normal(n)
    return pl.DataFrame(
        {
            **dict.fromkeys(SCHEMA, None),
            "world": world,
            "design": design,
            "replicate": range(n),
            "hypothesis": "H3",
            "estimator": "linear_probability",
            "term": "delta_credential",
            "truth": truth,
            "estimate": estimate,
            "p_value": np.full(n, 1.0 if truth == 0 else 0.0),
            "conf_low": estimate - 1,
            "conf_high": estimate + 1,
            "status": status,
            "message": GAP if status == "not_estimable" else "",
        },
        schema=SCHEMA,
    )


def judged(n, bias=0.0):
    return judge_replicates(
        pl.concat(
            [
                rows("reference", 1.0, n),
                rows("no_ai", 0.0, n),
                rows("degree_inflation", 0.0, n, bias=bias),
                rows("reference", 1.0, n, design="rct", status="not_estimable"),
            ]
        )
    )


def run_of(n, bias=0.0, *, is_quick=False):
    return MatrixRun(
        judged=judged(n, bias),
        sizes=NO_SIZES,
        designs=load_designs(),
        worlds=load_worlds(),
        limit=n,
        seed=7,
        is_quick=is_quick,
    )


@pytest.fixture(scope="module")
def page():
    return matrix_page(run_of(200, bias=0.5))


class Balance(HTMLParser):
    """Counts tags that are open."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.links = []
        self.ids = set()

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids.add(named.get("id"))
        if tag == "a":
            self.links.append(named["href"])
        if tag not in ("meta", "br", "path", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "rect"):
            assert self.open.pop() == tag


def test_every_cell_opens_what_is_behind_it(page):
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.links[1:3] == ["#H3-rct", "#H3-postings"]
    assert {link[1:] for link in parser.links if link.startswith("#")} <= parser.ids


def test_the_page_needs_no_network(page):
    assert re.findall(r"(?:https?:)?//[a-z]", page) == []


def test_a_cell_says_where_it_fails_with_its_monte_carlo_error(page):
    assert re.search(r"degree_inflation: bias \+\d+\.\d% of the truth \(MC error 0\.\d%\)", page)
    assert 'data-bad="degree_inflation"' in page
    assert "withintask simulate --design postings --world degree_inflation --seed 7" in page


def test_what_is_not_estimable_is_one_short_line(page):
    assert "H3, rct: no table postings</li>" in page


def test_a_first_look_is_marked_and_identifies_nothing():
    first = run_of(16, is_quick=True)
    page = matrix_page(first)
    assert page.count(FIRST_LOOK) >= 1
    assert FIRST_LOOK.capitalize() in page
    assert "identified" not in set(first.judged.verdicts["verdict"])


def test_a_full_run_is_not_marked(page):
    assert FIRST_LOOK not in page.lower()


def test_the_figure_of_a_first_look_differs_from_that_of_a_full_run(tmp_path):
    for is_quick in (True, False):
        draw_matrix(run_of(16, is_quick=is_quick), tmp_path / f"{is_quick}.svg")
    assert (tmp_path / "True.svg").read_bytes() != (tmp_path / "False.svg").read_bytes()


def test_an_identified_cell_names_its_weakest_point():
    row = dict.fromkeys(BREAKDOWN_SCHEMA) | {"claim": "H3", "design": "postings"}
    sizes = pl.DataFrame(
        [
            row | {"nuisance": "credential_drift", "value": 0.5, "share": 0.25},
            row | {"nuisance": "anticipation", "value": 0.12, "share": 0.12},
            row | {"nuisance": "attrition", "value": float("nan"), "share": float("nan")},
        ],
        schema=BREAKDOWN_SCHEMA,
    )
    (cell,) = judged(400).verdicts.filter(design="postings").iter_rows(named=True)
    assert weakest(sizes, "H3", "postings") == "anticipation 0.12"
    assert cell_words(cell, sizes) == ("identified", "anticipation 0.12")


def test_an_inconclusive_cell_names_the_replicates_that_would_decide():
    (cell,) = judged(16).verdicts.filter(design="postings").iter_rows(named=True)
    word, below = cell_words(cell, NO_SIZES)
    assert word == "inconclusive"
    assert re.fullmatch(r"[\d,]+ to decide", below)


def test_a_long_list_of_gaps_is_cut_at_a_word():
    reason = "; ".join(f"need {k}: no column number {k}" for k in range(9))
    assert len(short_gap(reason)) <= 72
    assert short_gap(reason).endswith("…")


def test_all_that_is_shown_is_written(tmp_path, capsys):
    write_matrix(run_of(16, is_quick=True), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "matrix.parquet", "matrix.csv", "worlds.parquet", "worlds.csv", "breakdown.parquet", "breakdown.csv", "matrix.svg", "matrix.md", "index.html",
    }  # fmt: skip
    assert FIRST_LOOK in (tmp_path / "matrix.md").read_text(encoding="utf-8")
    assert FIRST_LOOK in capsys.readouterr().out


@pytest.mark.parametrize("is_quick", [True, False])
def test_the_page_holds_what_must_hold_of_every_page(tmp_path, is_quick):
    write_matrix(run_of(200, bias=0.5, is_quick=is_quick), tmp_path)
    assert page_problems(tmp_path / "index.html") == []
    foot = (tmp_path / "index.html").read_text(encoding="utf-8").partition("<footer>")[2]
    assert "withintask matrix" in foot
    assert "polars" in foot
