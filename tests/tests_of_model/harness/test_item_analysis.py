"""Curves over persistence and gains by baseline for whoever holds a panel, and their commands."""

import numpy as np
import polars as pl
import pytest
from drawn_items import Items, draw_items

from withintask.cli.app import app
from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.store import write_panel
from withintask.tests_of_model.harness.item_analysis import (
    effect_by_baseline,
    persistence_curve,
    signs_lost_at,
)
from withintask.tests_of_model.hypotheses import persistence as of_sample
from withintask.tests_of_model.samples.sample import Sample

SETTINGS = Items(n_workers=60, n_items=6, ability_sd=0.6, gap=-0.5)


@pytest.fixture(scope="module")
def panel():
    return draw_items(SETTINGS, np.random.default_rng(2))


@pytest.fixture(scope="module")
def folder(panel, tmp_path_factory):
    return write_panel(panel, tmp_path_factory.mktemp("items") / "panel")


def test_the_form_that_takes_least_for_granted_is_chosen(panel):
    curve = persistence_curve(panel, persistence=(0, 0.2))
    expected = of_sample.persistence_curve(Sample(panel), "within", persistence=(0, 0.2))
    assert set(curve["form"]) == {"within"}
    assert curve.drop("form").equals(expected, null_equal=True)


def test_the_breakdown_is_that_of_the_curve(panel):
    curve = persistence_curve(panel, persistence=(0,))
    expected = dict(curve.select("term", "breakdown").iter_rows())
    lost = signs_lost_at(panel, "within")
    assert lost == {term: expected[term] for term in ("delta_log_sd", "ability_gradient_net")}
    assert 0 < lost["delta_log_sd"] < 0.95


def test_gains_fall_with_baseline_where_ability_is_compressed(panel):
    groups = effect_by_baseline(panel, n_groups=2)
    assert groups["baseline"].is_sorted()
    # Half of ability is lost: the upper half gains .5 · 2 · .8 · .6 · reliability less, .3 at least, with errors of .07.
    assert groups["estimate"][0] > groups["estimate"][1]


def test_a_panel_in_which_nobody_is_followed_is_refused_with_the_reason():
    between = draw_items(Items(form="between"), np.random.default_rng(1))
    with pytest.raises(EstimationError, match="no worker is seen without and with AI"):
        effect_by_baseline(between)


def test_an_unknown_arm_is_refused(panel):
    with pytest.raises(ParameterError, match="the panel has no arms"):
        persistence_curve(panel, arm="chat")


def printed(capsys, *words):
    app([str(word) for word in words])
    return capsys.readouterr().out


def test_the_commands_print_write_and_draw(folder, tmp_path, capsys):
    table, picture = tmp_path / "curve.csv", tmp_path / "curve.png"
    files = ("--out", table, "--figure", picture)
    shown = printed(capsys, "persistence", folder, "--at", 0, "--at", 0.3, *files)
    assert "the sign is lost if neighbouring items share" in shown
    assert pl.read_csv(table)["persistence"].unique().sort().to_list() == [0, 0.3]
    assert picture.stat().st_size > 5_000
    groups = printed(capsys, "gains", folder, "--groups", 2, "--figure", tmp_path / "gains.png")
    assert "n_workers" in groups
    assert (tmp_path / "gains.png").stat().st_size > 5_000


def test_a_document_is_refused_before_anything_is_computed(folder, tmp_path):
    with pytest.raises(ParameterError, match="expected a table for programs"):
        app(["gains", str(folder), "--out", str(tmp_path / "gains.tex")])


def test_estimate_says_under_its_table_where_the_sign_is_lost(folder, capsys):
    shown = printed(capsys, "estimate", folder, "--recommended")
    assert "If noise lasts from an item to the next (within" in shown
