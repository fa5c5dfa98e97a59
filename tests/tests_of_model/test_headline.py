"""The headline: verdicts that follow the parameters, parts that are kept, and a page that shows everything."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import ParameterError, SourceError
from withintask.report.headline import write_headline
from withintask.sim.params import load_params, vary
from withintask.tests_of_model import claims
from withintask.tests_of_model.headline import QUICK, headline
from withintask.tests_of_model.moment_targets import load_target
from withintask.tests_of_model.moments_of_panel import OF_PANEL
from withintask.tests_of_model.scenarios import by_end, tally
from withintask.tests_of_model.sign_sets import SetPlan
from withintask.tests_of_model.stages import NOT_KEPT, Stages, stage_key
from withintask.tests_of_model.sweeps import crossings

TINY = replace(
    QUICK,
    n_starts=1,
    n_replicates=12,
    sets=SetPlan(
        sizes=(1, 1024), n_points=24, n_workers=2**8, boxes=("plausible",), has_threshold=False
    ),
    n_scenario_workers=2**8,
    profiled=(),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("headline")
    return headline(load_target(), load_params(), plan=TINY, cache=folder / "cache"), folder


@pytest.fixture(scope="module")
def page(found):
    written, folder = found
    write_headline(written, folder)
    return (folder / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_page_shows_every_claim_with_its_verdict_and_figure(found, page):
    for claim in found[0].claims:
        section = page.split(f'<section class="claim" id="{claim.name}">')[1].split("</section>")[0]
        assert claim.verdict in section
        assert "data:image/png;base64," in section
    assert len(found[0].claims) == page.count('<section class="claim"')


@pytest.mark.slow
def test_page_says_that_its_targets_are_illustrative_and_how_many_are_assumed(page):
    assert re.search(r"Illustrative targets.*found for 5 of the 6", page)


@pytest.mark.slow
def test_page_carries_the_computed_ranges(found, page):
    for row in found[0].sets.ranges.filter(pl.col("n_moments") == 5).iter_rows(named=True):
        assert f"{row['low']:+.4f}" in page
        assert f"{row['high']:+.4f}" in page


@pytest.mark.slow
def test_sign_is_open_in_the_small_panel_and_known_in_the_large(found):
    rows = found[0].sets.ranges.filter(pl.col("n_moments") == 5).sort("size")
    assert rows["spans_zero"].to_list() == [True, False]


@pytest.mark.slow
def test_scenarios_cover_every_combination_and_their_signs_add_up(found):
    table = found[0].scenarios
    assert table.select(OF_PANEL).n_unique() == table.height == 2**5
    rises = (table["sign"] > 0).sum()
    assert tally(table)["n_rises"].sum() == rises
    ends = by_end(table)
    assert ends["n"].to_list() == [2**4] * 10
    assert ends.group_by("moment").agg(pl.col("n_rises").sum())["n_rises"].to_list() == [rises] * 5


@pytest.mark.slow
def test_a_killed_headline_does_not_compute_again_what_is_kept(found, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("computed again")

    for name in ("scenarios", "panel_moments"):
        module = "headline" if name == "scenarios" else "panel_noise"
        monkeypatch.setattr(f"withintask.tests_of_model.{module}.{name}", refuse)
    for name in ("_drawn", "_computed_ranges"):
        monkeypatch.setattr(f"withintask.tests_of_model.sign_sets.{name}", refuse)
    monkeypatch.setattr("withintask.tests_of_model.headline.claims", lambda *_, **__: ())
    again = headline(load_target(), load_params(), plan=TINY, cache=found[1] / "cache")
    assert again.sets.ranges.equals(found[0].sets.ranges)
    assert again.scenarios.equals(found[0].scenarios)


def test_targets_that_the_page_cannot_use_are_refused_at_once():
    target = load_target().take(("m1", "m2"))
    bare = replace(target.with_covariance(None), low=target.low * np.nan)
    with pytest.raises(ParameterError) as caught:
        headline(bare, load_params(), plan=TINY)
    parts = ("m1: no range", "m2: no range", "m3: missing", "m6: missing", "errors: missing")
    assert all(part in str(caught.value) for part in parts)


def test_a_part_is_computed_once(tmp_path):
    stages = Stages(folder=tmp_path, key=stage_key(1))
    frame = pl.DataFrame({"x": [1.5]})
    assert stages.frame("part", lambda: frame).equals(frame)
    assert stages.frame("part", pl.DataFrame).equals(frame)
    assert Stages(folder=tmp_path, key=stage_key(2)).frame("part", pl.DataFrame).is_empty()
    assert NOT_KEPT.frame("part", pl.DataFrame).is_empty()


def test_a_spoilt_part_is_named(tmp_path):
    stages = Stages(folder=tmp_path, key=stage_key(1))
    stages.path("part.parquet").write_text("no")
    with pytest.raises(SourceError, match=r"part.parquet: expected a finished part"):
        stages.frame("part", pl.DataFrame)


def test_verdicts_at_the_baseline_are_those_of_the_model_page():
    verdicts = {claim.name: claim.verdict for claim in claims.claims(load_params())}
    assert verdicts == {
        "compression_with_concentration": claims.HOLDS,
        "technology_structure": claims.HOLDS,
        "compression": claims.HOLDS,
        "credentials": claims.CONDITIONAL,
        "returns_to_education": claims.FAILS,
        "rent_sharing": claims.CONDITIONAL,
        "between_firm_dispersion": claims.CONDITIONAL,
        "between_share": claims.FAILS,
        "asset_concentration": claims.FAILS,
    }


def test_verdicts_follow_the_parameters():
    equal_owners = vary(load_params(), own_gini=0.4)
    assert claims.technology_structure(equal_owners).verdict == claims.FAILS
    assert claims.compression_with_concentration(equal_owners).verdict == claims.CONDITIONAL
    assert claims.technology_structure(load_params()).verdict == claims.HOLDS


def test_crossings_are_found_between_and_at_grid_points():
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert crossings(x, np.array([-1.0, 1.0, 2.0, 0.0, -2.0])) == [0.5, 3.0]
    assert crossings(x, np.array([1.0, 0.0, 1.0, 2.0, 0.0])) == []
