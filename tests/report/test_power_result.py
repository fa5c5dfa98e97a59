"""A study of power from Python has the surface of estimates, and says what the command says."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import withintask as wt
from tests.made_up_lab import NormalLab
from withintask.panel.errors import EstimationError, ParameterError
from withintask.report.tables import DOCUMENTS, KINDS
from withintask.tests_of_model.harness.power.frontier import frontier
from withintask.tests_of_model.harness.power.robust import robustness
from withintask.tests_of_model.harness.power.run import PowerReport
from withintask.tests_of_model.harness.power.search import search

STUDY = wt.PowerStudy(
    effect="delta_log_sd=-10%",
    vary={"firms": (10, 14, 20, 28, 40, 56), "workers_by_firm": (6, 10)},
    settings=("treatment=randomized_firms",),
    costs={"firm": 1_000, "worker": 50},
    budget=100_000,
)


def error(design):
    """Standard error of an estimate by firms, as made up."""
    return np.sqrt(0.03 / design.n_firms)


def lab_of(effect):
    return NormalLab(error, effect)


@pytest.fixture(scope="module")
def result():
    """The answer to a study whose replicates are normal draws, so that it is fast and valid."""
    truth = STUDY.solved.truth
    answer = search(STUDY.space, lab_of(truth), STUDY.target, seed=1, effort=STUDY.effort)
    design = STUDY.space.design(answer.winner.number)
    troubles = robustness(design, tuple(STUDY.axes), lab_of(truth), STUDY.target, seed=11, n=125)
    points = frontier(
        answer,
        STUDY.solved.effect,
        STUDY.setting[1],
        lambda solved: lab_of(solved.truth),
        STUDY.target,
        seed=21,
        n=125,
    )
    return wt.PowerResult(
        PowerReport(
            study=STUDY,
            tests=STUDY.choose(design),
            truths=(truth,),
            answer=answer,
            robust=troubles,
            frontier=points,
            pilot=None,
        )
    )


def test_it_is_used_as_the_frame_that_it_holds(result):
    assert pl.DataFrame(result).equals(result.frame, null_equal=True)
    assert (len(result), result.columns) == (result.frame.height, result.frame.columns)
    assert result.to_pandas().shape == result.frame.shape


def test_it_answers_what_the_report_does(result):
    assert result.tests[0].term == "delta_log_sd"
    assert result.study is STUDY
    with pytest.raises(AttributeError):
        result.nonsense  # noqa: B018


def test_the_design_is_the_winner_and_panels_can_be_drawn_from_it(result):
    winner = result.frame.filter(role="winner")
    assert result.design.n_workers == winner["n_workers"].item()
    assert result.validity["is_valid"].all()
    panel = wt.simulate(
        wt.solve_economy(result.study.params), result.design, wt.draw_shocks(result.design, seed=9)
    )
    assert panel.outputs["worker_id"].n_unique() == result.design.n_workers


def test_troubles_and_budgets_are_frames(result):
    assert result.under_trouble.height == 4
    assert {"size", "size_low", "size_high", "relative_bias"} <= set(result.under_trouble.columns)
    assert result.by_budget["cost"].max() <= STUDY.budget


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_prints_within_any_width(result, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    for text in (str(result), result.summary()):
        assert text.strip()
        assert max(map(len, text.splitlines())) <= width


def test_its_words_are_those_of_the_page_of_the_command(result, tmp_path):
    page = result.write(tmp_path)
    written = " ".join((tmp_path / "power.md").read_text().split())
    for line in result.summary(width=10_000).splitlines():
        assert line.removeprefix("Test: ").removesuffix(".") in written
    assert page.read_text().startswith("<!doctype html>")
    assert {"robust.csv", "designs.csv", "methods.tex"} <= {p.name for p in tmp_path.iterdir()}


def test_the_paragraph_is_written_for_markdown_and_latex(result):
    assert "Monte-Carlo error" in result.methods()
    assert r"80\% power" in result.methods("latex")
    with pytest.raises(ParameterError, match="did you mean latex"):
        result.methods("latx")


@pytest.mark.parametrize("layout", ["text", *DOCUMENTS])
def test_the_table_is_laid_out_for_documents(result, layout):
    assert "winner" in result.table(layout)
    assert "winner" in result._repr_html_()


@pytest.mark.parametrize("suffix", KINDS)
def test_it_is_saved_in_every_format(result, suffix, tmp_path):
    path = result.save(tmp_path / f"power{suffix}")
    assert path.stat().st_size > 100
    with pytest.raises(ParameterError, match="force"):
        result.save(path)


@pytest.mark.parametrize("what", ["curves", "frontier"])
def test_it_is_drawn(result, what, tmp_path):
    result.plot(what, tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1_000


def test_what_was_not_tried_is_not_drawn(result):
    bare = wt.PowerResult(replace(result.report, frontier=()))
    with pytest.raises(EstimationError, match="no budgets were tried"):
        bare.plot("frontier")


def test_it_cites_the_toolkit_and_is_copied_and_pickled(result):
    assert "@" in result.cite()
    for again in (copy.copy(result), pickle.loads(pickle.dumps(result))):
        assert again.frame.equals(result.frame, null_equal=True)


def test_a_study_file_is_read_and_a_ledger_is_kept(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(
        '[question]\neffect = "average_effect_log=50%"\nreplicates = 25\nexplore = 25\n'
        "[design]\nn_tasks = 3\nn_items = 1\nn_firms = 4\n[vary]\nworkers = [40, 60]\n[costs]\nworker = 1\n"
    )
    kept = tmp_path / "ledger"
    first = wt.run_power_study(path, ledger=kept, robust=False, frontier=False)
    n_parts = len(list(kept.iterdir()))
    again = wt.run_power_study(path, ledger=kept, robust=False, frontier=False)
    assert again.frame.equals(first.frame, null_equal=True)
    assert len(list(kept.iterdir())) == n_parts > 0
