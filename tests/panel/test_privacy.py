"""Every promise of docs/privacy.md, a test each; the names say which."""

import re
import socket
from pathlib import Path

import polars as pl
import pytest

from withintask.panel.errors import ParameterError, SchemaError, SourceError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.profile import profile
from withintask.panel.pseudonymize import pseudonymize, pseudonymize_to
from withintask.panel.report import violation_report
from withintask.panel.store import read_panel, write_panel

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
KEY, OTHER = b"k7Qp-0xW9.zLm3vT", b"Zr4w_8yPq2!nB6cX"
STAFF = [f"alice{n}" for n in range(20)]


@pytest.fixture
def panel():
    outputs = pl.DataFrame(
        {
            "worker_id": STAFF,
            "task_id": ["t"] * 20,
            "period": [1] * 20,
            "firm_id": ["acme"] * 20,
            "output": [1.0 + n for n in range(20)],
        }
    )
    return Panel(info=PanelInfo(name="p"), outputs=outputs)


def test_promise_nothing_is_sent_anywhere(panel, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    source = write_panel(panel, tmp_path / "p")
    violation_report(source)
    profile(read_panel(source))
    pseudonymize_to(source, tmp_path / "q", KEY)


def test_promise_errors_hold_rules_and_counts_and_no_id(panel, tmp_path):
    bad = panel.with_tables(outputs=panel.outputs.with_columns(output=-pl.col("output")))
    with pytest.raises(SchemaError) as caught:
        read_panel(write_panel(bad, tmp_path / "p"))
    assert "20 rows" in str(caught.value)
    assert "alice" not in str(caught.value)


def test_promise_keys_of_rows_are_named_only_when_asked(panel, tmp_path):
    bad = panel.with_tables(outputs=panel.outputs.with_columns(output=-pl.col("output")))
    report = violation_report(write_panel(bad, tmp_path / "p"))
    assert "alice" in str(report.violations["examples"].to_list())
    assert "alice" not in str(report.violations.drop("examples").rows())


def test_promise_cells_that_cannot_be_read_are_named_by_row_and_never_quoted(tmp_path):
    (tmp_path / "outputs.csv").write_text("worker_id,task_id,period,output\nw,t,1,my diagnosis\n")
    (tmp_path / "panel.toml").write_text(
        '[panel]\nschema = 1\nname = "p"\n[tables.outputs]\nfile = "outputs.csv"\n'
    )
    report = violation_report(tmp_path)
    with pytest.raises(SourceError) as caught:
        read_panel(tmp_path)
    for text in (str(report.violations.to_dicts()), str(caught.value)):
        assert "diagnosis" not in text
    assert "row" in str(report.violations["examples"].to_list())


def test_promise_the_profile_has_no_ids(panel):
    text = str(profile(panel, min_cell=1).to_dicts())
    assert "alice" not in text
    assert "acme" not in text


def test_promise_a_figure_that_rests_on_few_is_suppressed(panel):
    few = panel.with_tables(outputs=panel.outputs.head(9))
    people = profile(few).filter(pl.col("item").str.starts_with("outputs."))
    assert people["is_suppressed"].all()


def test_promise_numbers_of_people_are_rounded_to_the_smallest_cell(panel):
    shown = profile(panel.with_tables(outputs=panel.outputs.head(17)))["n_units"].drop_nulls()
    assert set(shown) == {20}


def test_promise_pseudonyms_are_the_same_in_every_table(panel):
    workers = panel.outputs.select("worker_id")
    found = pseudonymize(panel.with_tables(workers=workers), KEY)
    assert set(found.workers["worker_id"]) == set(found.outputs["worker_id"])


def test_promise_a_known_staff_number_is_not_computed_without_the_key(panel):
    """Hashes that anyone can compute of every staff number are not among the pseudonyms."""
    import hashlib

    found = {pseudonym[1:] for pseudonym in pseudonymize(panel, KEY).outputs["worker_id"]}
    for name in ("md5", "sha1", "sha256", "blake2b"):
        plain = {hashlib.new(name, staff.encode()).hexdigest()[:32] for staff in STAFF}
        assert not plain & found
    guessed = pseudonymize(panel, OTHER).outputs["worker_id"]
    assert not {pseudonym[1:] for pseudonym in guessed} & found


def test_promise_panels_of_different_keys_cannot_be_joined_by_id(panel):
    one, other = (pseudonymize(panel, key).outputs for key in (KEY, OTHER))
    assert one.join(other, on="worker_id").is_empty()
    assert one.join(other, on="firm_id").is_empty()


def test_promise_the_same_key_links_later_deliveries(panel):
    later = panel.with_tables(outputs=panel.outputs.with_columns(period=pl.lit(2)))
    one, other = (pseudonymize(p, KEY).outputs for p in (panel, later))
    assert one.join(other, on="worker_id").height == len(STAFF)


def test_promise_the_key_is_not_stored(panel, tmp_path):
    source = write_panel(panel, tmp_path / "p")
    out = pseudonymize_to(source, tmp_path / "q", KEY)
    assert not [file for file in out.rglob("*") if file.is_file() and KEY in file.read_bytes()]


def test_promise_an_original_is_never_written_over(panel, tmp_path):
    source, other = (write_panel(panel, tmp_path / name) for name in "pq")
    for out in (source, source / "inner", tmp_path, other):
        with pytest.raises(ParameterError):
            pseudonymize_to(source, out, KEY)
    for folder in (source, other):
        assert read_panel(folder).outputs.equals(panel.outputs)


def test_promise_a_copy_is_not_hashed_again(panel):
    with pytest.raises(ParameterError, match="pseudonymized already"):
        pseudonymize(pseudonymize(panel, KEY), OTHER)


PROMISES = {
    "nothing is\nsent anywhere": "nothing_is_sent_anywhere",
    "rules and counts only": "errors_hold_rules_and_counts_and_no_id",
    "keys of rows are named only when asked": "keys_of_rows_are_named_only_when_asked",
    "named by row number, never quoted": "cells_that_cannot_be_read_are_named_by_row_and_never_quoted",
    "no ids; a figure is suppressed": "the_profile_has_no_ids",
    "rests on fewer than 10": "a_figure_that_rests_on_few_is_suppressed",
    "rounded to a multiple": "numbers_of_people_are_rounded_to_the_smallest_cell",
    "the same in every table": "pseudonyms_are_the_same_in_every_table",
    "cannot compute the pseudonym of a known staff": "a_known_staff_number_is_not_computed_without_the_key",
    "cannot join them by id": "panels_of_different_keys_cannot_be_joined_by_id",
    "The same key links": "the_same_key_links_later_deliveries",
    "not stored\nwith the panel": "the_key_is_not_stored",
    "An `--out` that is the panel": "an_original_is_never_written_over",
    "not hashed a second time": "a_copy_is_not_hashed_again",
}


@pytest.mark.parametrize("sentence", PROMISES)
def test_each_promise_stands_on_the_page_and_has_its_test(sentence):
    words = re.sub(r"\s+", " ", sentence)
    assert words in re.sub(r"\s+", " ", PAGE)
    assert f"test_promise_{PROMISES[sentence]}" in globals()
