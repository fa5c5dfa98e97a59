"""The answer on the sign of ΔGini as a result: sentences, verdicts, figures and files follow its tables."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.panel.errors import ParameterError
from withintask.report.sign_words import sign_verdict
from withintask.sign_results import SignResult


def size_row(size, low, high, **named):
    row = {
        "size": size,
        "income_rises": 0.3,
        "income_low": low / 2,
        "income_median": (low + high) / 4,
        "income_high": high / 2,
        "pay_rises": 0.0,
        "income_rises_wide": 0.2,
        "income_rises_flat": 0.4,
        "profile_low": low,
        "profile_high": high,
    }
    return {**row, **named}


@pytest.fixture
def result():
    sizes = pl.DataFrame([size_row(1.0, -0.04, 0.02), size_row(16.0, -0.03, -0.01)])
    values = pl.DataFrame(
        {
            "measurement": ["mean_pay", "incomes"],
            "fall": [0.1, 0.8],
            "mc_error": [0.01, 0.02],
            "entropy_before": [0.9, 0.9],
        }
    )
    bank = SimpleNamespace(prior=SimpleNamespace(names=("own_gini", "proprietary")))
    return SignResult({"sizes": sizes, "values": values}, bank, {"own_gini": 0.75})


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(-0.1, 0.1, "open"), (0.01, 0.1, "rises"), (-0.1, -0.01, "falls")]
)
def test_the_sign_is_known_where_the_profile_set_lies_on_one_side(low, high, verdict):
    assert sign_verdict(size_row(1.0, low, high)) == verdict


def test_its_words_say_what_is_open_what_is_known_and_what_was_held(result):
    text = result.summary(width=1_000)
    assert "Panel of 1 times the size: the sign of ΔGini of income is open" in text
    assert "Panel of 16 times the size: the sign of ΔGini of income is known: it falls" in text
    assert (
        "incomes is expected to tell most: 0.80 (Monte-Carlo error 0.02) of the 0.90 bits" in text
    )
    assert "Free: proprietary." in text
    assert "Taken as known: own_gini = 0.75." in text


def test_its_table_has_a_row_for_each_size(result):
    assert [row[4] for row in result.table_in_words().groups[0].rows] == ["open", "falls"]
    assert len(result) == 2


def test_its_figures_show_the_sets_and_the_worth_of_measurements(result):
    ax = result.plot("sizes").axes[0]
    drawn = [tuple(line.get_xdata()) for line in ax.lines[::3][:2]]
    assert drawn == [(-0.04, 0.02), (-0.03, -0.01)]
    bars = [bar.get_width() for bar in result.plot("values").axes[0].patches]
    np.testing.assert_allclose(bars, [0.8, 0.1])


def test_it_writes_every_table(result, tmp_path):
    page = result.write(tmp_path / "sign")
    assert page.read_text(encoding="utf-8").startswith("## What a panel says of ΔGini, by its size")
    assert pl.read_csv(tmp_path / "sign" / "values.csv").height == 2


def test_what_no_answer_could_be_had_from_is_refused_before_anything_is_drawn():
    with pytest.raises(ParameterError, match="own_ginni"):
        wt.sign(fixed={"own_ginni": 0.5})
    bare = wt.load_target("illustrative").take(("m1",))
    object.__setattr__(bare, "covariance", None)
    with pytest.raises(ParameterError, match="error"):
        wt.sign(bare)
