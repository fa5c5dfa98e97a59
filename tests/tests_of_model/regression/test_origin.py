"""The origin of a variable says nothing: what is added to a regressor or an outcome changes no slope and no error."""

import numpy as np
import pytest

from withintask.tests_of_model.regression.bootstrap import wild_bootstrap
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference, Instruments

N_OBS = 240
ORIGINS = (-1e5, 2.0**31, 1e9 + 7, 2e12)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(8)
    columns = {"worker": rng.integers(0, 24, N_OBS), "firm": rng.integers(0, 9, N_OBS)}
    dummy = rng.integers(0, 2, N_OBS).astype(float)
    other = rng.standard_normal(N_OBS)
    y = 1 + 2 * dummy + other + rng.standard_normal(9)[columns["firm"]] + rng.standard_normal(N_OBS)
    return y, dummy, other, columns, rng.uniform(0.5, 2, N_OBS)


DESIGNS = {
    "constant first": lambda x, z: ([np.ones(N_OBS), x, z], ("one", "x", "z"), ()),
    "constant last, of another size": lambda x, z: ([x, z, np.full(N_OBS, 7.0)], ("x", "z", "7"), ()),
    "dummies that sum to one": lambda x, z: ([z > 0, x, z <= 0], ("a", "x", "b"), ()),
    "a constant made redundant by dummies": lambda x, z: (
        [z > 0, z <= 0, x, np.ones(N_OBS)], ("a", "b", "x", "one"), (),
    ),
    "one effect": lambda x, z: ([x, z], ("x", "z"), ("worker",)),
    "two effects": lambda x, z: ([x, z], ("x", "z"), ("worker", "firm")),
}  # fmt: skip


def fitted(data, design, *, origin=0.0, kind="cluster", weighted=False, slope=1.0):
    y, dummy, other, columns, weights = data
    rows, names, absorb = DESIGNS[design](slope * dummy + origin, other)
    return fit(
        y,
        np.column_stack(rows),
        names=names,
        effects=Effects(
            absorb=[columns[name] for name in absorb], weights=weights if weighted else None
        ),
        inference=Inference(cluster=[columns["firm"]], kind=kind),
    )


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_origin_of_a_dummy_changes_neither_slope_nor_error(data, design, origin, weighted):
    expected, moved = (fitted(data, design, origin=m, weighted=weighted) for m in (0.0, origin))
    place = expected.position("x")
    assert moved.status == expected.status
    assert moved.messages == expected.messages
    for name in ("params", "std_error", "dof"):
        values = getattr(moved, name)[place], getattr(expected, name)[place]
        np.testing.assert_allclose(*values, rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(moved.residuals, expected.residuals, atol=1e-9)


@pytest.mark.parametrize("kind", ["robust", "unadjusted", "CR2", "CR3", "jackknife"])
def test_no_kind_of_error_depends_on_the_origin(data, kind):
    y, dummy, other, columns, _ = data
    cluster = [columns["firm"]] if kind.startswith(("CR", "j")) else []
    found = [
        fit(
            y,
            np.column_stack([np.ones(N_OBS), dummy + origin, other]),
            names=("one", "x", "z"),
            inference=Inference(cluster=cluster, kind=kind),
        )
        for origin in (0.0, 2e9)
    ]
    np.testing.assert_allclose(found[1].std_error[1:], found[0].std_error[1:], rtol=1e-9)
    np.testing.assert_allclose(found[1].dof[1:], found[0].dof[1:], rtol=1e-9)


def test_the_constant_is_that_of_the_variables_as_given(data):
    """With x = d + m the constant is that of d less m times the slope, and its error that of the difference."""
    expected, moved = (fitted(data, "constant first", origin=m) for m in (0.0, 1e5))
    row = np.array([1.0, -1e5, 0.0])
    np.testing.assert_allclose(moved.params[0], row @ expected.params, rtol=1e-9)
    error = np.sqrt(row @ expected.covariance @ row)
    np.testing.assert_allclose(moved.std_error[0], error, rtol=1e-7)


def test_dummies_that_sum_to_one_keep_their_levels(data):
    expected, moved = (fitted(data, "dummies that sum to one", origin=m) for m in (0.0, 1e5))
    slope = expected.params[1]
    np.testing.assert_allclose(
        moved.params[[0, 2]], expected.params[[0, 2]] - 1e5 * slope, rtol=1e-9
    )


@pytest.mark.parametrize("absorb", [False, True])
def test_the_origin_of_an_outcome_changes_no_slope_and_is_no_perfect_fit(data, absorb):
    y, dummy, other, columns, _ = data
    effects = Effects(absorb=[columns["worker"]] if absorb else [])
    X = np.column_stack([dummy, other, np.ones(N_OBS)][: 2 if absorb else 3])
    found = [
        fit(y + origin, X, names=("x", "z", "one")[: X.shape[1]], effects=effects)
        for origin in (0.0, 1e10, 1e13)
    ]
    assert [each.status for each in found] == ["ok"] * 3
    # outcomes near 1e10 and 1e13 are stored to 2e-6 and 2e-3
    np.testing.assert_allclose(found[1].params[:2], found[0].params[:2], atol=2e-6)
    np.testing.assert_allclose(found[2].params[:2], found[0].params[:2], atol=2e-3)


def test_an_origin_that_differs_by_worker_hides_nothing_within_workers(data):
    y, dummy, _, columns, _ = data
    apart = 1e9 * (columns["worker"] - 12.0)
    found = [
        fit(y, dummy + origin, names=["x"], effects=Effects(absorb=[columns["worker"]]))
        for origin in (0.0, apart)
    ]
    assert found[1].status == "ok"
    np.testing.assert_allclose(found[1].params, found[0].params, rtol=1e-9)


def test_what_is_constant_within_effects_is_so_at_any_origin(data):
    y, dummy, _, columns, _ = data
    flat = np.random.default_rng(0).standard_normal(24)[columns["worker"]] * 1e6 + 1e7
    found = fit(
        y,
        np.column_stack([flat, dummy]),
        names=["flat", "x"],
        effects=Effects(absorb=[columns["worker"], columns["firm"]]),
    )
    assert found.messages == ("no variation within the absorbed effects, dropped: flat",)


def test_a_perfect_fit_is_one_at_any_origin(data):
    _, dummy, other, _, _ = data
    X = np.column_stack([np.ones(N_OBS), dummy, other])
    for origin in (0.0, 2e9):
        found = fit(3 * dummy + origin, X, names=("one", "x", "z"))
        assert found.status == "perfect_fit"


def test_without_a_constant_the_origin_is_the_hypothesis(data):
    """Through the origin, x + m is another regression: nothing is shifted."""
    y, dummy, _, _, _ = data
    x = dummy + 1e5
    found = fit(y, x, names=["x"])
    np.testing.assert_allclose(found.params, x @ y / (x @ x), rtol=1e-12)


def test_the_origins_of_regressors_and_instruments_change_no_two_stage_slope(data):
    y, dummy, other, columns, _ = data
    z = np.column_stack([dummy + 0.5 * other, other])
    x = dummy + np.random.default_rng(3).standard_normal(N_OBS)
    found = [
        fit(
            y,
            np.column_stack([x + shift, np.ones(N_OBS)]),
            names=("x", "one"),
            inference=Inference(cluster=[columns["firm"]]),
            instruments=Instruments(endogenous=["x"], excluded=z + np.array([shift, -shift])),
        )
        for shift in (0.0, 1e6)
    ]
    np.testing.assert_allclose(found[1].params[0], found[0].params[0], rtol=1e-7)
    np.testing.assert_allclose(found[1].std_error[0], found[0].std_error[0], rtol=1e-7)
    statistics = [each.first_stage[0].statistic for each in found]
    np.testing.assert_allclose(statistics[1], statistics[0], rtol=1e-7)


@pytest.mark.parametrize("term", ["x", "one"])
def test_the_bootstrap_does_not_depend_on_the_origin(data, term):
    y, dummy, other, columns, _ = data
    found = [
        wild_bootstrap(
            y,
            np.column_stack([np.ones(N_OBS), dummy + origin, other]),
            names=("one", "x", "z"),
            term=term,
            cluster=columns["firm"],
            null=-2 * origin if term == "one" else 0.0,
            n_draws=499,
            seed=1,
        )
        for origin in (0.0, 1e4)
    ]
    if term == "x":
        np.testing.assert_allclose(found[1].statistic, found[0].statistic, rtol=1e-8)
        assert found[1].p_value == found[0].p_value
        np.testing.assert_allclose(found[1].conf_low, found[0].conf_low, rtol=1e-5)
    else:
        expected = found[0].estimate - 1e4 * fitted(data, "constant first").params[1]
        np.testing.assert_allclose(found[1].estimate, expected, rtol=1e-7)
