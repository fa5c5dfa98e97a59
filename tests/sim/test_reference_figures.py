"""The page of reference figures is what the code gives, and its pattern is that of the model."""

import re
from pathlib import Path

import pytest

from withintask.tests_of_model.evidence.reference_figures import figures_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference_figures.md"
# Printed to five decimals; one scramble differs from the page's mean over eight by its quadrature error.
HALF_A_DIGIT, N_ERRORS = 5e-6, 6


@pytest.fixture(scope="module")
def page():
    rows = {}
    part = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        part = line[3:] if line.startswith("## ") else part
        cells = re.fullmatch(r"\| (.+) \| ([+-][\d.]+) \| ([\d.e+-]+) \|", line)
        if cells:
            rows[part, cells[1]] = (float(cells[2]), float(cells[3]))
    return rows


@pytest.fixture(scope="module")
def value(page):
    return {name: number for (_, name), (number, _) in page.items()}


def test_every_figure_of_the_page_is_what_the_code_gives(page, params):
    figures = figures_of(params, scramble=1)
    assert figures.keys() == page.keys()
    for key, (number, sd) in page.items():
        assert figures[key] == pytest.approx(number, abs=HALF_A_DIGIT + N_ERRORS * sd), key


def test_quadrature_errors_are_small_beside_every_moment(page):
    for (part, name), (number, sd) in page.items():
        if part == "Baseline: moments":
            assert sd < 0.01 * abs(number), name


def test_exposed_prices_fall_at_every_finite_elasticity_and_most_for_complements(value):
    prices = [n for name, n in value.items() if name.startswith("mean price")]
    assert prices == sorted(prices)
    assert prices[-1] < 1


def test_the_expenditure_share_of_exposed_tasks_flips_at_unit_elasticity(value):
    prefix = "change in expenditure share of exposed tasks, σ = "
    share = {float(n.removeprefix(prefix)): v for n, v in value.items() if n.startswith(prefix)}
    assert all(v < 0 for s, v in share.items() if s < 1)
    assert all(v > 0 for s, v in share.items() if s > 1)
    assert abs(share[1.0]) <= HALF_A_DIGIT


def test_the_boundary_moves_with_ownership_and_sharing_but_hardly_with_assets(value):
    assert value["own_gini = 0.6"] > value["baseline"] > value["own_gini = 0.9"]
    assert value["rent_sharing = 0.4"] > value["baseline"] > value["rent_sharing = 0.05"]
    by_assets = value["asset_gini = 0.4"] - value["asset_gini = 0.9"]
    by_ownership = value["own_gini = 0.6"] - value["own_gini = 0.9"]
    assert 0 < by_assets < 0.1 * by_ownership


def test_compression_and_concentration_hold_at_once(value):
    m1 = next(v for name, v in value.items() if name.startswith("m1, "))
    m6 = next(v for name, v in value.items() if name.startswith("m6, "))
    assert m1 < 0 < m6
