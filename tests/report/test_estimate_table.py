"""Estimates in words: complete, in order, within any width, and whole in every format."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from page_checks import problems_of

from withintask.panel.errors import ParameterError
from withintask.report.estimate_table import estimate_table
from withintask.report.estimate_words import ESTIMATORS, TERMS
from withintask.report.tables import KINDS, kind_of, write_estimates
from withintask.report.terminal import estimates_text
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

ROOT = Path(__file__).resolve().parents[2]
LONG = "a note with many words " * 8


def _row(estimator, term, estimate, message="", p=0.03, truth=None, status="ok"):
    return {
        "hypothesis": "H1",
        "estimator": estimator,
        "term": term,
        "estimate": estimate,
        "std_error": 0.05,
        "conf_low": -0.2173,
        "conf_high": -0.0123,
        "p_value": p,
        "n_obs": 12345,
        "n_clusters": 120,
        "status": status,
        "message": message,
        "dof": float("inf"),
        "truth": truth,
    }


def _frame(truth=None):
    return pl.DataFrame(
        [
            _row("dispersion_by_access", "delta_log_cv", -0.1161, LONG, truth=truth),
            _row("gradient_iv", "ability_gradient", -0.3012, "50 % of <rows> & $x_1", p=0.2),
            _row("dispersion_by_use", "delta_log_cv", -0.1162, LONG, p=0.005),
            _row("leave_out", "delta_x", float("nan"), "no table pay", status="not_estimable"),
        ],
        schema_overrides={"truth": pl.Float64},
    )


def test_every_registered_estimator_and_estimand_has_words_of_its_own():
    estimators = {e.name for h in HYPOTHESES for e in h.estimators}
    assert estimators <= set(ESTIMATORS)
    assert {t for h in HYPOTHESES for e in h.estimators for t in e.terms} <= set(TERMS)
    assert len(set(ESTIMATORS.values())) == len(ESTIMATORS)
    assert len(set(TERMS.values())) == len(TERMS)


def test_the_recommended_come_first_and_the_others_by_estimand():
    table = estimate_table(_frame(), ["gradient_iv"])
    assert [group.title for group in table.groups] == [
        "H1 · recommended: Slope of the gain on ability",
        "H1 · Change of log coefficient of variation",
    ]
    assert [len(group.rows) for group in table.groups] == [1, 2]


def test_a_note_is_written_once_and_numbered_in_the_order_of_the_estimates():
    table = estimate_table(_frame())
    assert table.notes == (LONG.strip(), "50 % of <rows> & $x_1")
    marks = [row[0][-3:] for group in table.groups for row in group.rows]
    assert marks == ["(1)", "(1)", "(2)"]


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_estimates_fit_any_width_with_numbers_whole(width):
    text = estimates_text(_frame(truth=-0.1184), ["gradient_iv"], width=width)
    assert max(map(len, text.splitlines())) <= width
    for number in ("-0.1161", "-0.3012", "[-0.2173,", "-0.0123]", "-0.1184"):
        assert number in text
    assert "Could not be run" in text


def test_eighty_columns_hold_a_table_with_a_row_of_numbers_unbroken():
    lines = estimates_text(_frame(truth=-0.1184), width=80).splitlines()
    assert any("-0.3012" in line and "[-0.2173, -0.0123]" in line for line in lines)


@pytest.mark.parametrize("suffix", KINDS)
def test_each_suffix_is_written_in_its_format(suffix, tmp_path):
    out = tmp_path / f"estimates{suffix}"
    write_estimates(_frame(), kind_of(out, None), out)
    readers = {
        ".csv": lambda: list(pl.read_csv(out)["estimator"]),
        ".parquet": lambda: list(pl.read_parquet(out)["estimator"]),
        ".json": lambda: [row["estimator"] for row in json.loads(out.read_text())],
        ".xlsx": lambda: list(pl.read_excel(out)["estimator"]),
        ".dta": lambda: list(pd.read_stata(out)["estimator"]),
    }
    if suffix in readers:
        assert readers[suffix]() == _frame()["estimator"].to_list()
    elif suffix != ".docx":
        text = out.read_text(encoding="utf-8").replace("\\[", "[").replace("\\]", "]")
        for part in (
            "-0.1161",
            "[-0.2173, -0.0123]",
            "Difference in differences by use of AI",
            LONG.strip(),
        ):
            assert part in text
        assert "truth" not in text


def test_latex_has_stars_notes_and_truth_where_it_is_known(tmp_path):
    out = tmp_path / "e.tex"
    write_estimates(_frame(truth=-0.1184), "latex", out)
    text = out.read_text(encoding="utf-8")
    for part in (
        "-0.1161** &",
        "-0.1162*** &",
        r"\textless{}rows\textgreater{} \& \$x\_1",
        "truth",
        "-0.1184",
    ):
        assert part in text
    rows = [
        line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line
    ]
    assert {line.replace(r"\&", "").count("&") for line in rows} == {7}


def test_latex_compiles(tmp_path):
    engine = shutil.which("pdflatex")
    if engine is None:
        pytest.skip("no pdflatex here: packages texlive-latex-base and texlive-latex-recommended")
    write_estimates(_frame(truth=-0.1184), "latex", tmp_path / "e.tex", recommended=["gradient_iv"])
    page = [
        r"\documentclass{article}\usepackage{booktabs}\usepackage[a4paper,landscape]{geometry}",
        r"\begin{document}\input{e.tex}\end{document}",
    ]
    (tmp_path / "page.tex").write_text("\n".join(page))
    command = [engine, "-halt-on-error", "-interaction=nonstopmode", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout + (tmp_path / "page.log").read_text("latin-1")


def test_latex_is_well_formed_where_nothing_compiles_it(tmp_path):
    write_estimates(_frame(truth=float("inf")), "latex", tmp_path / "e.tex")
    text = (tmp_path / "e.tex").read_text(encoding="utf-8")
    assert text.isascii()
    bare = re.sub(r"\\[{}\\]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    known = """begin end toprule midrule bottomrule multicolumn emph par footnotesize textless textgreater
        textperiodcentered textbackslash textasciitilde textasciicircum infty"""
    assert set(re.findall(r"\\([a-z]+)", text)) <= set(known.split())


def test_typst_compiles(tmp_path):
    typst = pytest.importorskip("typst")
    write_estimates(_frame(truth=-0.1184), "typst", tmp_path / "e.typ", recommended=["gradient_iv"])
    assert typst.compile(tmp_path / "e.typ").startswith(b"%PDF")


def test_html_escapes_what_a_note_holds(tmp_path):
    write_estimates(_frame(), "html", tmp_path / "e.html")
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    assert "&lt;rows&gt; &amp; $x_1" in page
    assert problems_of(page, tmp_path) == []


def test_an_unknown_suffix_is_refused_with_the_known_and_a_file_is_kept(tmp_path):
    out = tmp_path / "e.docs"
    out.write_text("mine")
    with pytest.raises(ParameterError) as problem:
        kind_of(out, None)
    assert all(part in str(problem.value) for part in (".docs", *KINDS, "--force"))


def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path):
    out = tmp_path / "e.csv"
    out.write_text("mine")
    with pytest.raises(ParameterError, match="--force"):
        kind_of(out, None)
    assert kind_of(out, None, force=True) == "csv"


def test_a_format_that_is_not_that_of_the_suffix_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="means csv, not json"):
        kind_of(tmp_path / "e.csv", "json")


def test_the_citation_has_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
