"""Results of the model's studies have the surface of estimates: a frame, a table, sentences, figures, files, and what to cite."""

import copy
import pickle

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import ParameterError
from withintask.report.tables import DOCUMENTS, KINDS
from withintask.tests_of_model.harness.verdict import judge_replicates

FREE = ("ai_floor", "credential_cost_scale")
NAMES = ("verdicts", "fit", "sensitivity")


@pytest.fixture(scope="module")
def replicates():
    design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    worlds = [wt.load_world("reference"), wt.load_world("no_ai")]
    estimators = ["dispersion_by_access", "linear_probability"]
    return wt.replicate(
        wt.plan(wt.load_params(), [design], worlds, seed=1, replicates=4, estimators=estimators)
    )


@pytest.fixture(scope="module")
def verdicts(replicates):
    return wt.verdicts(replicates)


@pytest.fixture(scope="module")
def fit():
    target = wt.load_target("illustrative").take(("m1", "m4"))
    return wt.fit_msm(target, wt.load_params(), free=FREE, n_starts=1, n_workers=2**10)


@pytest.fixture(scope="module")
def sensitivity(fit):
    return wt.sensitivity(fit)


@pytest.fixture(params=NAMES)
def result(request):
    return request.getfixturevalue(request.param)


def test_it_is_used_as_the_frame_that_it_holds(result):
    assert pl.DataFrame(result).equals(result.frame, null_equal=True)
    assert (len(result), result.columns) == (result.frame.height, result.frame.columns)
    assert result.to_pandas().shape == result.frame.shape


def test_verdicts_are_those_of_the_rule(replicates, verdicts):
    assert verdicts.frame.equals(judge_replicates(replicates).verdicts, null_equal=True)


def test_a_fit_answers_what_the_fit_of_the_model_does(fit):
    assert fit.params.ai_floor == pytest.approx(fit["value"][0])
    assert fit.names == FREE
    assert fit.moment_table()["moment"].to_list() == ["m1", "m4"]
    with pytest.raises(AttributeError):
        fit.nonsense  # noqa: B018


def test_it_is_copied_and_pickled(result):
    for again in (copy.copy(result), pickle.loads(pickle.dumps(result))):
        assert again.frame.equals(result.frame, null_equal=True)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_prints_within_any_width(result, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    for text in (str(result), result.summary()):
        assert text.strip()
        assert max(map(len, text.splitlines())) <= width


def test_the_summary_says_what_is_judged_and_what_is_missing(verdicts):
    text = verdicts.summary(width=200)
    assert text.startswith("H1a · Change of log coefficient of variation: underpowered on rct (")
    assert "H3 · " in text
    assert "not estimable on rct (no table postings" in text


def test_the_summary_of_a_fit_names_each_parameter_with_its_interval(fit):
    text = fit.summary(width=200)
    assert text.startswith("Illustrative targets: the result estimates nothing about the world.")
    for row in fit.iter_rows(named=True):
        assert f"{row['value']:.4g}, 95 % interval [{row['conf_low']:.4g}" in text


@pytest.mark.parametrize("layout", DOCUMENTS)
def test_each_layout_has_title_cells_and_key(result, layout):
    text = result.table(layout)
    assert len(text) > 200
    first = result.table_in_words().groups[0].rows[0]
    assert first[-1] in text


@pytest.mark.parametrize("suffix", KINDS)
def test_it_is_saved_in_the_format_of_the_suffix_and_kept(result, suffix, tmp_path):
    path = result.save(tmp_path / f"r{suffix}")
    before = path.read_bytes()
    assert before
    with pytest.raises(ParameterError, match="--force"):
        result.save(path)
    assert path.read_bytes() == before


def test_data_files_hold_every_row(result, tmp_path):
    assert pl.read_csv(result.save(tmp_path / "r.csv")).height == result.height
    assert pl.read_parquet(result.save(tmp_path / "r.parquet")).equals(
        result.frame, null_equal=True
    )


def test_each_drawing_is_a_vector_with_words_at_its_axes_and_no_legend_over_data(result, tmp_path):
    for what in result.drawings:
        figure = result.plot(what, tmp_path / f"{what}.pdf")
        content = (tmp_path / f"{what}.pdf").read_bytes()
        assert b"/FontFile2" in content
        assert b"/Type3" not in content
        figure.canvas.draw()
        boxes = [ax.get_window_extent() for ax in figure.axes]
        for legend in figure.legends:
            assert not any(legend.get_window_extent().overlaps(box) for box in boxes)


def test_equal_figures_are_equal_files(fit, tmp_path):
    for suffix in (".svg", ".pdf"):
        fit.plot("parameters", tmp_path / f"a{suffix}")
        fit.plot("parameters", tmp_path / f"b{suffix}")
        first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
        assert first == second


def test_an_unknown_drawing_is_answered_with_the_nearest(fit, tmp_path):
    with pytest.raises(ParameterError, match="did you mean moments"):
        fit.plot("moment")
    (tmp_path / "f.svg").write_text("mine")
    with pytest.raises(ParameterError, match="--force"):
        fit.plot("moments", tmp_path / "f.svg")
    assert (tmp_path / "f.svg").read_text() == "mine"


def test_it_cites_the_method_it_rests_on(verdicts, fit, sensitivity):
    assert "withintask," in verdicts.cite()
    assert "mcfadden_1989" in fit.cite()
    assert "andrews_gentzkow_shapiro_2017" in sensitivity.cite()


def test_a_notebook_gets_a_table_that_scrolls(result):
    html = result._repr_html_()
    assert html.startswith('<div style="overflow-x:auto" tabindex="0"')
    assert html.count("<table>") == 1


def test_an_unknown_plan_of_the_headline_is_answered_with_the_known():
    with pytest.raises(ParameterError, match="did you mean quick"):
        wt.headline(wt.load_target("illustrative"), wt.load_params(), plan="quik")


def test_estimates_and_regressions_have_what_maketables_asks_of_a_result():
    draws = np.random.default_rng(1)
    frame = pl.DataFrame({"y": draws.normal(size=80), "x": draws.normal(size=80)})
    fitted = wt.regress("y ~ x", frame)
    panel = wt.draw_panel("rct-ability", seed=1, settings=["n_workers=60", "n_firms=6"])
    estimates = wt.estimate(panel, estimators="gradient_iv")
    for result, values in ((fitted, fitted.params), (estimates, estimates["estimate"])):
        table = result.__maketables_coef_table__
        assert {"b", "se", "p", "ci95l", "ci95u"} <= set(table.columns)
        assert table.index.name == "Coefficient"
        assert table["b"].tolist() == pytest.approx(list(values))
        assert result.__maketables_stat__("r2") is None
    assert fitted.__maketables_stat__("N") == 80
