"""The figure and table of ability and noise by panel say what the frame says."""

import math

import polars as pl
import pytest

from withintask.report.ability import HEADER, ability_rows, draw_ability, signs_in_words
from withintask.tests_of_model.evidence.published_ability import SCHEMA

TERMS = ("delta_log_sd", "delta_log_cv_net", "ability_gradient_net", "delta_log_noise")


def rows(dataset, arm, low, high, estimate=0.0):
    head = {"dataset": dataset, "arm": arm, "form": "before_after", "n_workers": 11}
    levels = {f"{k}_{s}": 0.5 for k in ("noise", "ability") for s in ("without", "with")}
    sets = {"estimate": estimate, "conf_low": low, "conf_high": high}
    return [{**head, **levels, **sets, "term": term} for term in (*TERMS, "average_effect_log")]


@pytest.fixture
def frame():
    infinite, unknown = math.inf, math.nan
    data = [
        *rows("up", "with AI", 0.1, 0.3, 0.2),
        *rows("down", "with AI", -0.3, -0.1, -0.2),
        *rows("open", "chat", -infinite, infinite, unknown),
        *rows("open", "search", -infinite, 0.5, unknown),
        *rows("single", "with AI", unknown, unknown, unknown),
    ]
    return pl.DataFrame(data, schema=SCHEMA)


def test_a_line_for_every_panel_and_arm(frame):
    lines = ability_rows(frame)
    assert all(len(line) == len(HEADER) for line in lines)
    assert [line[0] for line in lines] == [
        *("up (11)", "down (11)", "open, chat (11)", "open, search (11)", "single (11)"),
    ]


def test_a_set_without_an_end_is_shown_as_such_and_no_set_as_a_dash(frame):
    column = HEADER.index("Δ ln sd")
    assert [line[column] for line in ability_rows(frame)] == [
        *("+0.20 [+0.10, +0.30]", "-0.20 [-0.30, -0.10]", "– [-∞, +∞]", "– [-∞, +0.50]", "–"),
    ]


def test_both_signs_are_said_and_what_cannot_be_told(frame):
    text = signs_in_words(frame)
    assert "spreads, the set excludes none: up (11)." in text
    assert "narrows, the set excludes none: down (11)." in text
    assert "nor any sign: open, chat (11)." in text
    assert "cannot be told apart: single (11)." in text


def test_the_figure_is_drawn(frame, tmp_path):
    draw_ability(frame, tmp_path / "ability.svg")
    assert (tmp_path / "ability.svg").stat().st_size > 10_000
