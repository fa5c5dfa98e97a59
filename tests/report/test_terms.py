"""Rows of terms as text: each number once, each note once, nothing beyond the terminal's width."""

import math

import polars as pl

from withintask.report.terms import terms_text

ROWS = pl.DataFrame(
    {
        "term": ["late_of_use", "complier_share", "oster_delta", "upper_bound"],
        "estimate": [0.30242, 1.0, -8.7364, math.nan],
        "std_error": [0.08485, 0.0, math.nan, math.nan],
        "conf_low": [0.1157, 1.0, math.nan, math.nan],
        "conf_high": [math.inf, 1.0, math.nan, math.nan],
        "p_value": [0.0044, math.nan, math.nan, math.nan],
        "n_obs": [19_200, 19_200, 2_400, 0],
        "n_clusters": [12, 12, 0, 0],
        "status": ["ok", "no_variance", "ok", "unusable"],
        "message": ["a note", "", "a note", "nobody was lost"],
    }
)


def test_every_number_is_shown_and_what_there_is_not_is_blank():
    lines = terms_text(ROWS, 100).splitlines()
    assert lines[2].split() == ["late", "of", "use", "0.3024", "0.0848", "[0.1157,", "inf]", "0.004", "19,200", "12"]  # fmt: skip
    assert lines[4].split() == ["oster", "delta", "-8.7364", "2,400"]


def test_a_note_is_said_once_for_all_its_terms_and_a_status_without_one_is_said():
    text = terms_text(ROWS, 100)
    assert text.count("a note") == 1
    assert "late of use, oster delta: a note" in text
    assert "complier share: no variance" in text
    assert text.endswith("Could not be estimated\n\nupper bound: nobody was lost")


def test_no_line_is_longer_than_the_terminal():
    assert max(map(len, terms_text(ROWS, 60).splitlines())) <= 60
