"""The table of the terminal fits any width, breaks no number and loses no word."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from withintask.report.terminal import frame_table, print_rows, text_table

HEADER = ("name", "std. error", "what it is")
ROWS = [
    ("rct-ability", "0.0123", "randomized access with a measure of ability from before the trial"),
    ("oews", "-1.5000", "percentiles of pay by occupation and year"),
]
words = st.lists(st.text("abcxyz", min_size=1, max_size=9), min_size=1, max_size=8).map(" ".join)
numbers = st.floats(-1e4, 1e4).map("{:+.4f}".format)


def test_numbers_stand_right_and_words_left():
    lines = text_table(HEADER, ROWS).splitlines()
    assert [line.index("0.0123") + 6 for line in lines[2:3]] == [len("rct-ability  std. error")]
    assert lines[3].startswith("oews  ")
    assert lines[1].split() == ["-" * 11, "-" * 10, "-" * len(ROWS[0][2])]


@given(st.lists(st.tuples(words, numbers, words), min_size=1, max_size=5), st.integers(24, 120))
def test_a_table_fits_its_width_and_loses_nothing(rows, width):
    table = text_table([name.upper() for name in HEADER], rows, width=width)
    assert max(map(len, table.splitlines())) <= width
    assert all(number in table for _, number, _ in rows)
    letters = Counter("".join(first + last for first, _, last in rows).replace(" ", ""))
    assert Counter(c for c in table if c.islower()) == letters


@pytest.mark.parametrize("width", [40, 60, 80])
def test_words_wrap_and_numbers_do_not(width):
    table = text_table(HEADER, ROWS, width=width)
    assert max(map(len, table.splitlines())) <= width
    assert "0.0123" in table
    for word in ROWS[0][2].split():
        assert word in table


def test_a_line_too_short_for_the_table_gives_a_list_a_row():
    table = text_table(HEADER, ROWS, width=20)
    assert "name: rct-ability\nstd. error: 0.0123\nwhat it is:" in table
    assert max(map(len, table.splitlines())) <= 20


def test_a_table_may_have_no_rows_and_an_empty_column():
    assert text_table(("", "estimator"), []).splitlines() == ["   estimator", "-  ---------"]
    assert text_table(("", "n"), [("", "1")], width=9).splitlines()[2] == "   1"


def test_the_width_is_that_of_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "50")
    print_rows(HEADER, ROWS, title="Designs")
    lines = capsys.readouterr().out.splitlines()
    assert "Designs" in lines
    assert max(map(len, lines)) <= 50


def test_a_frame_is_shown_in_full_whatever_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    frame = pl.DataFrame({"occupation": ["x" * 90, None], "jobs": [1234.5, 2.0]})
    lines = frame_table(frame).splitlines()
    assert lines[2] == "x" * 90 + "  1,234.5"
    assert lines[3].split() == ["2"]
