"""The range of ΔGini over the parameters that a panel does not reject: nested as sets must be."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.evidence.admissible import chi_square_bound, gini_range
from withintask.tests_of_model.evidence.scenarios import scenarios
from withintask.tests_of_model.evidence.sign_sets import SetPlan, sign_sets
from withintask.tests_of_model.moments.free_parameters import free_parameters
from withintask.tests_of_model.moments.moments import model_moments
from withintask.tests_of_model.moments.noise import PanelNoise, quiet_design
from withintask.tests_of_model.moments.of_panel import OF_PANEL
from withintask.tests_of_model.moments.problem import make_problem
from withintask.tests_of_model.moments.targets import load_target

N = 2**9
# Orders of magnitude of the design's standard errors; `withintask msm noise` computes them.
STD_ERROR = np.array([0.012, 0.012, 0.0016, 0.006, 0.00015])


PARAMS = vary(load_params(), n_occupations=10)


@pytest.fixture(scope="module")
def sets():
    noise = PanelNoise(
        design=quiet_design(),
        covariance=np.diag(STD_ERROR**2),
        bias=np.zeros(5),
        n_replicates=0,
    )
    plan = SetPlan(sizes=(1, 64), n_points=48, n_workers=N, has_threshold=False)
    return sign_sets(PARAMS, noise, plan)


def ends(sets, **fixed):
    rows = sets.ranges.filter(*[pl.col(name) == value for name, value in fixed.items()])
    return rows.sort("size", "box", "n_moments")


@pytest.mark.parametrize("n_moments", [5, 6])
def test_plausible_parameters_give_a_range_inside_that_of_all(sets, n_moments):
    wide, narrow = (ends(sets, box=box, n_moments=n_moments) for box in ("search", "plausible"))
    assert (wide["low"] <= narrow["low"] + 1e-12).all()
    assert (wide["high"] >= narrow["high"] - 1e-12).all()


@pytest.mark.parametrize("box", ["search", "plausible"])
@pytest.mark.parametrize("n_moments", [5, 6])
def test_a_larger_panel_leaves_less_open(sets, box, n_moments):
    rows = ends(sets, box=box, n_moments=n_moments)
    assert (np.diff(rows["low"]) >= -1e-12).all()
    assert (np.diff(rows["high"]) <= 1e-12).all()


@pytest.mark.parametrize("box", ["search", "plausible"])
def test_the_sixth_moment_narrows_the_range(sets, box):
    five, six = (ends(sets, box=box, n_moments=n) for n in (5, 6))
    assert (six["low"] >= five["low"]).all()
    assert (six["high"] <= five["high"]).all()


def test_no_member_of_the_cloud_lies_outside_the_range(sets):
    for row in ends(sets, box="search", n_moments=5).iter_rows(named=True):
        cloud = sets.cloud.filter(pl.col("size") == row["size"])["delta_gini_income"]
        assert row["low"] <= cloud.min() + 1e-12
        assert cloud.max() <= row["high"] + 1e-12


def test_parameters_on_the_exact_curve_match_five_moments(sets):
    params = PARAMS
    truth = model_moments(params, OF_PANEL, n_workers=N)
    free = free_parameters(params)
    for row in sets.curve.iter_rows(named=True):
        point = free.transform([row[name] for name in free.names])
        found = model_moments(free.params(point), OF_PANEL, n_workers=N)
        np.testing.assert_allclose(found, truth, rtol=1e-3)


def test_the_exact_curve_ends_where_a_parameter_meets_its_bound(sets):
    free = free_parameters(PARAMS)
    rows = sets.curve.select(free.names).rows()
    for row in (rows[0], rows[-1]):
        point = free.transform(row)
        # The ends are closed in on to a 64th of a grid step of a tenth; the logit of μ moves faster than ln η1.
        assert np.abs(free.bounds - point[:, None]).min() < 0.2


def test_the_bound_is_the_chi_square_quantile():
    # scipy.stats.chi2.ppf(.95, 5)
    assert chi_square_bound(5) == pytest.approx(11.0705, rel=1e-5)


def test_a_range_needs_a_member(sets):
    params = PARAMS
    target = load_target().take(("m1",)).with_value([-5.0])
    problem = make_problem(target, free_parameters(params, ("ai_floor",)), n_workers=N)
    with pytest.raises(ParameterError, match="no member is inside"):
        gini_range(problem, problem.free.point(params)[None])


def test_scenarios_need_ranges():
    target = load_target()
    bare = replace(target, low=target.low * np.nan)
    with pytest.raises(ParameterError, match="m1: no range"):
        scenarios(bare, PARAMS, sharings=(0.15,), n_workers=N)
