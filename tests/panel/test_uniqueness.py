"""Duplicated keys are found by hash, exactly, in any number of passes."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from withintask.panel import uniqueness
from withintask.panel.uniqueness import duplicated_keys

ROWS = st.lists(
    st.tuples(st.none() | st.sampled_from(["a", "b", ""]), st.none() | st.integers(0, 2)),
    max_size=30,
)
SCHEMA = {"text": pl.String, "number": pl.Int64}


@settings(deadline=None)
@given(rows=ROWS, rows_a_pass=st.sampled_from([1, 3, 1000]))
def test_duplicates_are_those_a_plain_count_finds(rows, rows_a_pass):
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    known = [row for row in rows if None not in row]
    expected = {row: known.count(row) for row in known if known.count(row) > 1}
    found = duplicated_keys(frame.lazy(), list(SCHEMA), rows_a_pass=rows_a_pass)
    assert {(text, number): n for text, number, n in found.iter_rows()} == expected


def test_keys_whose_hashes_collide_are_not_duplicates(monkeypatch):
    monkeypatch.setattr(uniqueness, "_hash", lambda *_: pl.lit(7, dtype=pl.UInt64))
    frame = pl.LazyFrame({"text": ["a", "b", "b"], "number": [1, 1, 1]})
    assert duplicated_keys(frame, ["text", "number"]).rows() == [("b", 1, 2)]


def test_zero_and_minus_zero_are_one_key():
    frame = pl.LazyFrame({"educ": [0.0, -0.0]})
    assert duplicated_keys(frame, ["educ"])["n_rows"].to_list() == [2]


def test_columns_are_not_interchangeable():
    frame = pl.LazyFrame({"one": ["a", "b"], "two": ["b", "a"]})
    assert duplicated_keys(frame, ["one", "two"]).is_empty()


@pytest.mark.parametrize("rows_a_pass", [2, 10])
def test_passes_change_nothing(rows_a_pass):
    frame = pl.LazyFrame({"id": [f"{i % 7}" for i in range(20)]})
    once = duplicated_keys(frame, ["id"]).sort("id")
    assert duplicated_keys(frame, ["id"], rows_a_pass=rows_a_pass).sort("id").equals(once)
