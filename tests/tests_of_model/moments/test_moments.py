"""The six moments: of an economy, of a panel, and as targets from a file."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import EstimationError, ParameterError
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.harness.synthetic import draw_panel
from withintask.tests_of_model.moments.moments import (
    NAMES,
    economy_moments,
    model_moments,
    moment,
    quadrature_covariance,
)
from withintask.tests_of_model.moments.of_panel import (
    OF_PANEL,
    nearest_covariance,
    panel_moments,
    panel_target,
)
from withintask.tests_of_model.moments.resample import make_blocks, take_clusters
from withintask.tests_of_model.moments.targets import (
    load_target,
    make_target,
    save_target,
    target_from_economy,
)

N = 2**11
# Figures of a prototype whose exposure draws differ from ours.
PROTOTYPE = (-0.236, -0.229, -0.0042, 0.156 - 0.069, 0.0003, 0.0088)
SMALL = ("n_workers=1200", "n_firms=60", "n_occupations=30", "n_postings_by_occupation=40")


@pytest.fixture(scope="module")
def params():
    return load_params()


@pytest.fixture(scope="module")
def panel():
    return draw_panel("everything-linked", seed=3, settings=SMALL)


def test_moments_have_the_signs_and_orders_of_the_prototype(params):
    np.testing.assert_allclose(model_moments(params, n_workers=2**13), PROTOTYPE, rtol=0.15)


def test_moments_vanish_as_ai_does(params):
    moments = model_moments(vary(params, capability=1e-6), n_workers=N)
    np.testing.assert_allclose(moments, 0, atol=1e-5)


def test_credential_cost_scale_moves_the_credential_moment_alone(params):
    other = vary(params, credential_cost_scale=2 * params.credential_cost_scale)
    moved = model_moments(params, n_workers=N) != model_moments(other, n_workers=N)
    assert moved.tolist() == [name == "m4" for name in NAMES]


def test_moments_come_in_the_order_asked_for(params):
    all_six = dict(zip(NAMES, model_moments(params, n_workers=N), strict=True))
    asked = model_moments(params, ("m5", "m1"), n_workers=N)
    assert asked.tolist() == [all_six["m5"], all_six["m1"]]


def test_quadrature_noise_falls_with_the_points(params):
    few, many = (quadrature_covariance(params, n_workers=n, n_scrambles=8) for n in (2**9, 2**13))
    # Monte-Carlo error falls by 4 in standard errors, quasi-Monte-Carlo faster; 8 scrambles
    # estimate a standard error within a factor of 2 (chi-square 7: 99.9 percent band .29 to 1.9).
    assert (np.diagonal(many) < np.diagonal(few)).all()


def test_unknown_moment_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"m12: unknown; moments are m1, m2"):
        moment("m12")


def test_panel_cannot_give_the_gini_of_income(panel):
    with pytest.raises(EstimationError, match=r"m6 .*no table of a panel holds it"):
        panel_moments(panel, NAMES)


def test_panel_names_every_moment_it_cannot_give():
    bare = draw_panel("linked-pay", seed=1, settings=("n_workers=600", "n_firms=40"))
    with pytest.raises(EstimationError) as caught:
        panel_moments(bare)
    assert all(name in str(caught.value) for name in ("m1", "m2", "m4"))


@pytest.mark.parametrize("unit", ["firm", "occupation", "team"])
def test_drawing_every_cluster_once_gives_the_panel_estimates(panel, unit):
    blocks = make_blocks(panel)
    labels = blocks.labels(unit)
    same = take_clusters(blocks, unit, labels, np.arange(labels.len()))
    np.testing.assert_allclose(panel_moments(same), panel_moments(panel), rtol=1e-8)


def test_drawing_a_cluster_twice_copies_its_workers(panel):
    blocks = make_blocks(panel)
    labels = blocks.labels("firm")
    twice = take_clusters(blocks, "firm", labels, np.zeros(2, dtype=np.int64))
    own = blocks.workers.filter(pl.col("firm") == labels[0])["worker_id"]
    rows = panel.collect().pay.filter(pl.col("worker_id").is_in(own.implode())).height
    assert twice.pay.height == 2 * rows


@pytest.mark.slow
def test_panel_estimates_lie_near_the_truth_in_their_own_errors(panel, params):
    target = panel_target(panel, seed=1, n_draws=20)
    gap = target.value - model_moments(params, OF_PANEL)
    # 20 draws: the errors are known to a factor; six errors leave room for it.
    assert (np.abs(gap / target.std_error) < 6).all()


def test_bootstrap_covariance_is_made_positive_keeping_its_variances():
    matrix = np.array([[4.0, 3.9, 0.0], [3.9, 4.0, 3.9], [0.0, 3.9, 4.0]])
    fixed = nearest_covariance(matrix, NAMES[:3])
    assert np.linalg.eigvalsh(matrix).min() < 0
    assert np.linalg.eigvalsh(fixed).min() > -1e-9
    np.testing.assert_allclose(np.diagonal(fixed), np.diagonal(matrix), rtol=1e-12)


def test_variance_that_is_none_is_named_by_its_moment():
    with pytest.raises(EstimationError, match=r"m2: variance -1[\s\S]*Draw more"):
        nearest_covariance(np.diag([1.0, -1.0]), ("m1", "m2"))


def test_target_survives_a_file_exactly(tmp_path, params):
    root = np.random.default_rng(1).normal(size=(6, 6))
    economy = solve_economy(params, n_workers=N)
    target = target_from_economy(economy, covariance=root @ root.T)
    save_target(target, tmp_path / "t.toml")
    again = load_target(tmp_path / "t.toml")
    assert again.names == NAMES
    np.testing.assert_array_equal(again.value, economy_moments(economy))
    np.testing.assert_array_equal(again.covariance, target.covariance)


def test_illustrative_targets_say_that_they_are_and_cite_each_value():
    target = load_target()
    assert target.is_illustrative
    assert target.names == NAMES
    assert all(
        status != "assumed" or source.startswith("assumed")
        for status, source in zip(target.status, target.source, strict=True)
    )
    assert ((target.low <= target.value) & (target.value <= target.high)).all()


def test_the_example_of_the_page_is_a_target(tmp_path):
    page = Path(__file__).parents[3] / "docs" / "msm.md"
    example = page.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    (tmp_path / "mine.toml").write_text(example, encoding="utf-8")
    target = load_target(tmp_path / "mine.toml")
    assert target.names == ("m1", "m4")
    assert target.std_error.tolist() == [0.02, 0.01]


def test_every_fault_of_a_target_file_is_listed(tmp_path):
    path = tmp_path / "t.toml"
    path.write_text(
        '[m1]\nvalue = "a"\n[m2]\nvalue = 1.0\nstd_error = -1.0\nsource = ""\n[m12]\nvalue = 1\n'
    )
    with pytest.raises(ParameterError) as caught:
        load_target(path)
    message = str(caught.value)
    assert all(
        part in message
        for part in ("[m1]: source", "[m1]: value", "std_error", "source is empty", "[m12]")
    )


def test_covariance_that_is_none_is_refused():
    with pytest.raises(ParameterError, match="not positive semi-definite"):
        make_target([1.0, 2.0], ("m1", "m2"), covariance=[[1.0, 2.0], [2.0, 1.0]], source="x")
