"""Every promise of docs/privacy.md, a test each; the names say which."""

import os
import re
import socket
import stat
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from withintask.cli import main as command_line
from withintask.panel.errors import ParameterError, SchemaError, SourceError
from withintask.panel.keys import KEY_VARIABLE, read_key
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.profile import few_people, profile
from withintask.panel.pseudonymize import DIGEST_BYTES, PSEUDONYMIZED, pseudonymize, pseudonymize_to
from withintask.panel.report import violation_report
from withintask.panel.store import read_info, read_panel, write_panel
from withintask.report import power

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


def test_promise_any_two_numbers_of_a_profile_are_equal_or_ten_apart(panel):
    for n in range(10, 21):
        shown = profile(panel.with_tables(outputs=panel.outputs.head(n)))["n_units"].drop_nulls()
        steps = [later - earlier for earlier, later in pairwise(sorted(set(shown)))]
        assert all(step >= 10 and step % 10 == 0 for step in steps)


def test_promise_the_smallest_cell_is_chosen(panel):
    few = panel.with_tables(outputs=panel.outputs.head(9))
    assert not profile(few, min_cell=3)["is_suppressed"].all()


def test_promise_estimate_and_a_pilot_say_when_they_rest_on_few_people(
    panel, tmp_path, capsys, monkeypatch
):
    few = write_panel(panel.with_tables(outputs=panel.outputs.head(9)), tmp_path / "p")
    (sentence,) = few_people(read_panel(few, lazy=True))
    assert "fewer than 10 workers" in sentence
    question = power.PowerQuestion(
        hypothesis="H1", design="rct", estimator="", settings=(), pilot=few, seed=1
    )
    power._print_pilot(question)
    assert sentence in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["withintask", "estimate", str(few), "--hypothesis", "H3"])
    command_line.main()
    assert sentence in capsys.readouterr().err


def test_promise_ids_of_people_firms_and_assignment_become_hashes():
    assert {"worker_id", "firm_id", "posting_id", "applicant_id", "rater_id"} < set(PSEUDONYMIZED)
    assert {"assignment_id", "stratum_id"} < set(PSEUDONYMIZED)


def test_promise_further_columns_are_hashed_on_request(panel):
    found = pseudonymize(panel, KEY, columns=("task_id",))
    assert found.outputs["task_id"].str.contains(r"^t[0-9a-f]{32}$").all()
    assert found.outputs["worker_id"].equals(panel.outputs["worker_id"])


def test_promise_pseudonyms_are_128_bits_of_keyed_blake2b(panel):
    from hashlib import blake2b

    expected = blake2b(b"alice0", key=KEY, digest_size=16, person=b"worker_id").hexdigest()
    assert DIGEST_BYTES == 16
    assert pseudonymize(panel, KEY).outputs["worker_id"][0] == f"w{expected}"


def test_promise_the_key_comes_from_a_file_or_the_environment_alone(tmp_path, monkeypatch):
    (tmp_path / "key").write_bytes(b" " + KEY + b"\n")
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode() + "\n")
    assert read_key(tmp_path / "key") == read_key(None) == KEY
    app = import_module("withintask.cli.panel").app
    with pytest.raises(SystemExit):
        app(["pseudonymize", "p", "--out", "q", "--key", KEY.decode()])


def test_promise_a_key_that_others_can_read_or_that_lies_with_the_data_or_is_weak_is_refused(
    panel, tmp_path
):
    source = write_panel(panel, tmp_path / "data" / "p")
    for place in (source / "key", source.parent / "key", tmp_path / "key"):
        place.write_bytes(KEY)
        place.chmod(0o644 if place.parent == tmp_path else 0o600)
        with pytest.raises(ParameterError, match="others can read|lies with the data"):
            read_key(place, keep_out_of=(source,))
    for weak in (
        b"aabbaabbaabbaabb",
        b"abcabcabcabcabcabc",
        b"qwertyuiopasdfgh",
        b"31415926535897932384",
    ):
        with pytest.raises(ParameterError, match="can be guessed"):
            pseudonymize(panel, weak)


def test_promise_the_manifest_of_a_copy_says_so(panel, tmp_path):
    source = write_panel(panel, tmp_path / "p")
    assert read_info(pseudonymize_to(source, tmp_path / "q", KEY)).is_pseudonymized


def test_promise_a_copy_is_complete_or_not_there(panel, tmp_path, monkeypatch):
    source = write_panel(panel, tmp_path / "p")

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("withintask.panel.folder.publish", fail)
    with pytest.raises(OSError, match="disk full"):
        pseudonymize_to(source, tmp_path / "q", KEY)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p"]


@pytest.mark.skipif(os.name != "posix", reason="needs modes of files")
def test_promise_a_log_file_is_its_owners_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["withintask", "designs"])
    monkeypatch.setattr("withintask.sim.designs.load_designs", lambda: 1 / 0)
    with pytest.raises(SystemExit):
        command_line.main()
    (log,) = (tmp_path / "withintask" / "log").iterdir()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert str(log) in capsys.readouterr().err


def test_promise_whoever_is_in_a_hurry_can_read_without_comparing(panel, tmp_path):
    source = write_panel(panel, tmp_path / "p")
    panel.outputs.with_columns(output=pl.lit(2.0)).write_parquet(source / "outputs.parquet")
    with pytest.raises(SourceError, match="sha256"):
        pseudonymize_to(source, tmp_path / "q", KEY)
    copy = pseudonymize_to(source, tmp_path / "q", KEY, verify=False)
    assert set(read_panel(copy).outputs["output"]) == {2.0}


PROMISES = {
    "nothing is\nsent anywhere": "nothing_is_sent_anywhere",
    "rules and counts only": "errors_hold_rules_and_counts_and_no_id",
    "keys of rows are named only when asked": "keys_of_rows_are_named_only_when_asked",
    "named by row number, never quoted": "cells_that_cannot_be_read_are_named_by_row_and_never_quoted",
    "| no ids": "the_profile_has_no_ids",
    "a figure is suppressed if it rests on fewer than 10": "a_figure_that_rests_on_few_is_suppressed",
    "rounded to a multiple": "numbers_of_people_are_rounded_to_the_smallest_cell",
    "so any two numbers shown are equal or 10 apart": "any_two_numbers_of_a_profile_are_equal_or_ten_apart",
    "`--min-cell` changes the number": "the_smallest_cell_is_chosen",
    "say when a table rests on fewer than 10 people or firms": "estimate_and_a_pilot_say_when_they_rest_on_few_people",
    "ids of workers, firms, postings, applicants and raters": "ids_of_people_firms_and_assignment_become_hashes",
    "the same in every table": "pseudonyms_are_the_same_in_every_table",
    "`--also task_id` adds columns": "further_columns_are_hashed_on_request",
    "Pseudonyms are BLAKE2b with a secret key": "pseudonyms_are_128_bits_of_keyed_blake2b",
    "The key comes from a file or from the environment": "the_key_comes_from_a_file_or_the_environment_alone",
    "It is not stored with the panel": "the_key_is_not_stored",
    "A key file is refused if others can read": "a_key_that_others_can_read_or_that_lies_with_the_data_or_is_weak_is_refused",
    "The same key links later deliveries": "the_same_key_links_later_deliveries",
    "written elsewhere, complete or not at all": "a_copy_is_complete_or_not_there",
    "An `--out` that is the panel": "an_original_is_never_written_over",
    "so is one that holds a panel": "an_original_is_never_written_over",
    "manifest of the copy says": "the_manifest_of_a_copy_says_so",
    "not hashed a second time": "a_copy_is_not_hashed_again",
    "without the SHA-256 of its source being compared": "whoever_is_in_a_hurry_can_read_without_comparing",
    "cannot compute the pseudonym of a known staff": "a_known_staff_number_is_not_computed_without_the_key",
    "A plain hash would not stop that": "a_known_staff_number_is_not_computed_without_the_key",
    "cannot join them by id": "panels_of_different_keys_cannot_be_joined_by_id",
    "does not see anyone's id": "errors_hold_rules_and_counts_and_no_id",
    "which only you can read": "a_log_file_is_its_owners_alone",
    "no difference of two numbers shows fewer than 10": "any_two_numbers_of_a_profile_are_equal_or_ten_apart",
}
ADVICE = ("Make one with", "where")
"""Sentences that promise nothing: what the reader is to do, and the head of the table."""


@pytest.mark.parametrize("sentence", PROMISES)
def test_each_promise_stands_on_the_page_and_has_its_test(sentence):
    words = re.sub(r"\s+", " ", sentence)
    assert words in re.sub(r"\s+", " ", PAGE)
    assert f"test_promise_{PROMISES[sentence]}" in globals()


def promising():
    """Sentences and rows of the parts of the page that promise something."""
    text = PAGE.partition("## What is done")[2].partition("## What it does not protect against")[0]
    rows = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    prose = " ".join(line for line in text.splitlines() if not line.startswith(("|", "#")))
    sentences = re.split(r"(?<=[.:]) +(?=[A-Z`-])", re.sub(r"\s+", " ", prose).strip())
    return [s for s in (*rows, *sentences) if not s.lstrip("| -").startswith(ADVICE)]


@pytest.mark.parametrize("sentence", promising())
def test_no_sentence_of_the_page_promises_what_no_test_holds(sentence):
    assert any(re.sub(r"\s+", " ", promise) in sentence for promise in PROMISES)
