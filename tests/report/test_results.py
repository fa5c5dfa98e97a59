"""The result of an estimation: a frame, a table, sentences, figures, files, and what to cite."""

import copy
import pickle
import zipfile
from xml.etree import ElementTree

import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import EstimationError, ParameterError
from withintask.report.tables import KINDS
from withintask.report.term_meanings import MEANINGS, is_log_change, term_unit
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.samples.by_arm import arm_rows, means_by_period, spread_by_arm

SMALL = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
CHOSEN = ["pairs_difference", "dispersion_by_access", "gradient_iv", "deviation_regression"]
TERMS = {term for h in HYPOTHESES for e in h.estimators for term in e.terms}


@pytest.fixture(scope="module")
def panel():
    return wt.draw_panel("rct-ability", seed=1, settings=SMALL)


@pytest.fixture(scope="module")
def result(panel):
    return wt.estimate(panel, estimators=CHOSEN)


def test_it_is_used_as_the_frame_that_it_holds(result):
    assert result["estimate"].to_list() == result.frame["estimate"].to_list()
    assert result.filter(pl.col("term") == "delta_log_cv").equals(
        result.frame.filter(pl.col("term") == "delta_log_cv"), null_equal=True
    )
    assert (len(result), result.height, result.columns) == (
        result.frame.height,
        result.frame.height,
        result.frame.columns,
    )
    assert pl.DataFrame(result).equals(result.frame, null_equal=True)
    assert result.to_pandas()["estimator"].tolist() == result["estimator"].to_list()


def test_an_unknown_name_is_an_attribute_error(result):
    with pytest.raises(AttributeError):
        result.nonsense  # noqa: B018


def test_it_is_copied_and_pickled(result):
    for again in (copy.copy(result), pickle.loads(pickle.dumps(result))):
        assert again.frame.equals(result.frame, null_equal=True)


def test_the_recommended_is_chosen_by_the_panel_and_named_first(result):
    assert result.recommended == ("pairs_difference",)
    text = result.summary(width=70)
    assert text.index("Recommended: Pairs of items") < text.index("Others, by what they estimate")
    assert max(map(len, text.splitlines())) <= 70
    assert "The truth of this synthetic panel is" in text


def test_the_others_are_grouped_by_what_they_estimate_with_the_reason_why_they_differ(result):
    text = " ".join(result.summary(width=200).split())
    assert "Change of log coefficient of variation (2 estimators," in text
    assert MEANINGS["delta_log_cv"] in text


def test_every_registered_estimand_has_a_meaning_and_a_unit():
    assert set(MEANINGS) >= TERMS
    assert all(term_unit(term) for term in TERMS)


def test_only_changes_of_logs_are_said_as_percentages_too():
    assert is_log_change("delta_log_sd")
    assert not {t for t in TERMS if is_log_change(t)} & {
        "average_effect_percent",
        "delta_log_return_cog",
        "rent_sharing",
        "ability_gradient",
    }


def test_a_percentage_is_that_of_the_change_in_logs(result):
    row = result.row(by_predicate=pl.col("term") == "delta_log_sd", named=True)
    percent = 100 * (2.718281828459045 ** row["estimate"] - 1)
    assert f"({percent:+.0f} %)" in result.summary()


@pytest.mark.parametrize("layout", ["text", "latex", "typst", "markdown", "html"])
def test_each_layout_has_every_estimate(result, layout):
    text = result.table(layout)
    assert all(f"{value:.4f}" in text for value in result["estimate"])


def test_an_unknown_layout_is_answered_with_the_nearest(result):
    with pytest.raises(ParameterError, match="did you mean latex"):
        result.table("latx")


@pytest.mark.parametrize("suffix", KINDS)
def test_it_is_saved_in_the_format_of_the_suffix_and_kept(result, suffix, tmp_path):
    path = result.save(tmp_path / f"e{suffix}")
    before = path.read_bytes()
    assert before
    with pytest.raises(ParameterError, match="--force"):
        result.save(path)
    assert path.read_bytes() == before


def test_files_for_programs_say_what_is_recommended(result, tmp_path):
    frame = pl.read_csv(result.save(tmp_path / "e.csv"))
    assert set(frame.filter("is_recommended")["estimator"]) == {"pairs_difference"}


def test_a_word_document_is_a_table_with_every_estimate(result, tmp_path):
    with zipfile.ZipFile(result.save(tmp_path / "e.docx")) as archive:
        root = ElementTree.fromstring(archive.read("word/document.xml"))
    namespace = {"w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main"}
    cells = ["".join(cell.itertext()) for cell in root.iterfind(".//w:tc", namespace)]
    for value in result["estimate"]:
        assert any(cell.startswith(f"{value:.4f}") for cell in cells)


@pytest.mark.parametrize("what", ["estimates", "dispersion", "periods", "gains"])
def test_each_drawing_is_written_with_its_fonts(result, what, tmp_path):
    figure = result.plot(what, tmp_path / "f.pdf")
    content = (tmp_path / "f.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert all(ax.get_xlabel() for ax in figure.axes)


def test_no_legend_covers_data(result):
    for what in ("estimates", "dispersion"):
        figure = result.plot(what)
        figure.canvas.draw()
        boxes = [ax.get_window_extent() for ax in figure.axes]
        legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
        assert legends
        for legend in legends:
            assert not any(legend.get_window_extent().overlaps(box) for box in boxes)


def test_an_unknown_drawing_or_kind_of_file_is_answered_with_the_known(result, tmp_path):
    with pytest.raises(ParameterError, match="did you mean gains"):
        result.plot("gain")
    with pytest.raises(ParameterError, match=r"\.pdf, \.svg, \.png"):
        result.plot("estimates", tmp_path / "f.bmp")
    (tmp_path / "f.svg").write_text("mine")
    with pytest.raises(ParameterError, match="--force"):
        result.plot("estimates", tmp_path / "f.svg")
    assert (tmp_path / "f.svg").read_text() == "mine"


def test_what_a_panel_cannot_show_is_one_error():
    frame = wt.draw_panel("oews", seed=1)
    with pytest.raises(EstimationError, match="no outputs"):
        wt.estimate(frame, estimators="gradient").plot("dispersion")


def test_it_cites_the_method_of_an_estimator_that_was_used(result):
    assert "2603.05565" in result.cite()
    assert "Leave-Out Estimation" not in result.cite()


def test_several_results_stand_side_by_side(result):
    other = wt.estimate(wt.draw_panel("rct-ability", seed=2, settings=SMALL), estimators=CHOSEN)
    both = wt.side_by_side({"first": result, "second": other}, recommended_only=True)
    assert both.names == ("first", "second")
    assert set(both["estimator"]) == {"pairs_difference"}
    for value in both["estimate"]:
        assert f"{value:.4f}" in both.table("markdown")
    with pytest.raises(ParameterError, match="one result or more"):
        wt.side_by_side({})


def test_the_spread_by_arm_is_the_standard_deviation_of_logs_within_cells():
    outputs = pl.DataFrame(
        {
            "worker_id": ["a", "b", "c", "d"] * 2,
            "task_id": ["t"] * 8,
            "period": [0] * 4 + [1] * 4,
            "output": [1.0, 2.0, 1.0, 4.0, 2.0, 2.0, 1.0, 4.0],
            "ai_access": [0.0] * 4 + [1.0, 1.0, 0.0, 0.0],
        }
    )
    rows = arm_rows(wt.Panel(info=wt.PanelInfo(name="x", first_ai_period=1), outputs=outputs))
    spread = {(r["period"], r["group"]): r["sd"] for r in spread_by_arm(rows).iter_rows(named=True)}
    log2, root = 0.6931471805599453, 2**0.5
    assert spread[0, "with AI"] == pytest.approx(log2 / root, rel=1e-12)
    assert spread[0, "without AI"] == pytest.approx(2 * log2 / root, rel=1e-12)
    assert (1, "with AI") not in spread
    means = means_by_period(rows)
    assert means["difference"].to_list() == pytest.approx([0.0, log2 / 2], abs=1e-12)
