"""The headline: verdicts that follow the parameters, parts that are kept, and a page that shows everything."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from page_browser import page_problems

from withintask.panel.errors import ParameterError, SourceError
from withintask.report.headline import write_headline
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.evidence.claim import CONDITIONAL, FAILS, HOLDS
from withintask.tests_of_model.evidence.claims import claims
from withintask.tests_of_model.evidence.headline import TRIAL, headline
from withintask.tests_of_model.evidence.inequality_claims import (
    compression_with_concentration,
    technology_structure,
)
from withintask.tests_of_model.evidence.scenarios import by_end, tally
from withintask.tests_of_model.evidence.sweeps import crossings
from withintask.tests_of_model.harness.kept import NOT_KEPT, Stages, stage_key
from withintask.tests_of_model.moments.of_panel import OF_PANEL
from withintask.tests_of_model.moments.targets import load_target


@pytest.fixture(scope="module")
def start():
    """The baseline with a quarter of its occupations, to be quick."""
    return vary(load_params(), n_occupations=10)


@pytest.mark.slow
def test_page_shows_what_was_computed_and_a_killed_run_goes_on(start, tmp_path, monkeypatch):
    """One test, since a run takes half a minute and test processes do not share it."""
    shown = headline(load_target(), start, plan=TRIAL, cache=tmp_path / "cache")
    write_headline(shown, tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.search(r"Illustrative targets.*found for 5 of the 6", page)
    assert page_problems(tmp_path / "index.html") == []
    _check_claims(shown, page)
    _check_ranges(shown, page)
    _check_scenarios(shown.scenarios)
    _refuse_to_compute(monkeypatch)
    again = headline(load_target(), start, plan=TRIAL, cache=tmp_path / "cache")
    assert again.sets.ranges.equals(shown.sets.ranges)
    assert again.scenarios.equals(shown.scenarios)


def _check_claims(shown, page):
    """Every claim is on the page with its verdict and its figure."""
    assert len(shown.claims) == page.count('<section class="claim"')
    for claim in shown.claims:
        section = page.split(f'<section class="claim" id="{claim.name}">')[1].split("</section>")[0]
        assert claim.verdict in section
        assert "data:image/svg+xml;base64," in section


def _check_ranges(shown, page):
    """The sign is open in the small panel and known in the large, and the page has both ranges."""
    rows = shown.sets.ranges.filter(pl.col("n_moments") == 5).sort("size")
    assert rows["spans_zero"].to_list() == [True, False]
    for row in rows.iter_rows(named=True):
        assert f"{row['low']:+.4f}" in page
        assert f"{row['high']:+.4f}" in page


def _check_scenarios(table):
    """Every combination of ends is there once, and signs add up."""
    assert table.select(OF_PANEL).n_unique() == table.height == 2**5
    rises = (table["sign"] > 0).sum()
    assert tally(table)["n_rises"].sum() == rises
    ends = by_end(table)
    assert ends["n"].to_list() == [2**4] * 10
    assert ends.group_by("moment").agg(pl.col("n_rises").sum())["n_rises"].to_list() == [rises] * 5


def _refuse_to_compute(monkeypatch):
    """Make every part that is kept fail if it is computed again; claims are not kept, and left out."""

    def refuse(*_, **__):
        raise AssertionError("computed again")

    package = "withintask.tests_of_model"
    for place in (
        "evidence.headline.scenarios",
        "harness.replicate.run_block",
        "evidence.sign_sets._drawn",
        "evidence.sign_sets._computed_ranges",
    ):
        monkeypatch.setattr(f"{package}.{place}", refuse)
    monkeypatch.setattr(f"{package}.evidence.headline.claims", lambda *_, **__: ())


def test_targets_that_the_page_cannot_use_are_refused_at_once():
    target = load_target().take(("m1", "m2"))
    bare = replace(target.with_covariance(None), low=target.low * np.nan)
    with pytest.raises(ParameterError) as caught:
        headline(bare, load_params(), plan=TRIAL)
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
    verdicts = {claim.name: claim.verdict for claim in claims(load_params())}
    assert verdicts == {
        "compression_with_concentration": HOLDS,
        "technology_structure": HOLDS,
        "compression": HOLDS,
        "credentials": CONDITIONAL,
        "returns_to_education": FAILS,
        "rent_sharing": CONDITIONAL,
        "between_firm_dispersion": CONDITIONAL,
        "between_share": FAILS,
        "asset_concentration": FAILS,
    }


def test_verdicts_follow_the_parameters():
    equal_owners = vary(load_params(), own_gini=0.4)
    assert technology_structure(equal_owners).verdict == FAILS
    assert compression_with_concentration(equal_owners).verdict == CONDITIONAL
    assert technology_structure(load_params()).verdict == HOLDS


def test_crossings_are_found_between_and_at_grid_points():
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert crossings(x, np.array([-1.0, 1.0, 2.0, 0.0, -2.0])) == [0.5, 3.0]
    assert crossings(x, np.array([1.0, 0.0, 1.0, 2.0, 0.0])) == []
