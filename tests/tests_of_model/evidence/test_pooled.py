"""Published estimates: what moves, how groups map to a gradient, pooling against its closed form, bad input."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from withintask.panel.errors import ParameterError
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.evidence.pooled import (
    load_evidence,
    mapped,
    pool,
    pooled_moments,
    pooled_target,
)


@pytest.fixture(scope="module")
def table():
    return mapped(load_evidence(), load_params())


def test_every_checked_row_has_its_words():
    assert [row.name for row in load_evidence() if row.status == "checked" and not row.quote] == []


def test_unchecked_rows_and_rows_without_error_move_nothing(table):
    still = table.filter(~pl.col("moves"))
    assert {"noy_zhang_2023", "brynjolfsson_2025"} <= set(still["name"])
    assert set(still["why_not"]) == {
        "unchecked",
        "no error",
        "maps to no moment",
        "error assumed",
    }


def test_published_gradients_have_both_signs(table):
    values = table.filter(pl.col("moves") & (pl.col("moment") == "m2"))["value"]
    assert values.min() < 0 < values.max()


def test_groups_map_as_the_normal_distribution_says_where_gains_are_linear():
    """With little AI gains are nearly linear in log skill; halves of a normal differ by 2 φ(0)/.5 standard deviations."""
    params = vary(load_params(), ai_floor=0.05, ability_sd=0.1, educ_ability_slope=0.0)
    row = load_evidence()[0]
    assert row.map == "halves"
    gap = np.log1p(row.estimate[1]) - np.log1p(row.estimate[0])
    expected = gap / (4 * norm.pdf(0) * params.ability_sd)
    (value,) = mapped((row,), params)["value"]
    # Curvature of the gain over a tenth of a log point, and the quadrature's rank correlation with schooling.
    assert value == pytest.approx(expected, rel=0.03)


def test_the_gini_of_a_top_share_gives_the_share_back(table):
    value = table.filter(pl.col("name") == "fed_2021")["value"].item()
    log_sd = np.sqrt(2) * norm.ppf((1 + value) / 2)
    assert norm.cdf(log_sd - norm.ppf(0.9)) == pytest.approx(0.89)


def test_equal_studies_have_no_spread():
    pooled = pool(np.array([0.1, 0.1, 0.1]), np.array([0.1, 0.1, 0.2]))
    assert pooled.spread == 0
    assert pooled.mean == pytest.approx(0.1)
    assert pooled.std_error == pytest.approx((100 + 100 + 25) ** -0.5)


def test_two_studies_of_equal_error_pool_as_the_closed_form_says():
    pooled = pool(np.array([-0.3, 0.3]), np.array([0.1, 0.1]))
    # Q at τ² is .18/(.01 + τ²), and equals n - 1 = 1 at τ² = .17.
    assert pooled.mean == pytest.approx(0)
    assert pooled.spread == pytest.approx(np.sqrt(0.17))
    assert pooled.std_error == pytest.approx(np.sqrt(0.18 / 2))
    assert pooled.heterogeneity_p_value < 0.001


def test_targets_carry_the_spread_between_studies(table):
    pooled = pooled_moments(table)
    target = pooled_target(pooled)
    assert target.names == tuple(p.moment for p in pooled)
    assert target.std_error == pytest.approx([np.hypot(p.std_error, p.spread) for p in pooled])
    assert (target.std_error > [p.std_error for p in pooled]).all()


def test_a_bad_file_is_refused_with_every_problem(tmp_path):
    path = tmp_path / "evidence.toml"
    good = 'study = "a"\npopulation = "b"\noutcome = "c"\nnote = ""\n'
    path.write_text(
        f'[one]\n{good}moment = "m99"\nmap = "halves"\nestimate = [1.0]\npage = ""\nquote = ""\nstatus = "checked"\n'
        f'[two]\n{good}moment = "m2"\nmap = "direct"\nestimate = [1.0]\nstd_error = -1\npage = "1"\nquote = "q"\nstatus = "maybe"\n',
        encoding="utf-8",
    )
    with pytest.raises(ParameterError) as error:
        load_evidence(path)
    message = str(error.value)
    expected = (
        "m99",
        "1 figures, expected 2",
        "page or quote",
        "std_error = -1",
        "error_status",
        "'maybe'",
    )
    assert [part for part in expected if part not in message] == []
