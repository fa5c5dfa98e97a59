"""What the regression says about data that don't allow an answer, and about scale and order."""

import numpy as np
import pytest

from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference, Instruments, Options


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    worker, firm = rng.integers(0, 30, 200), rng.integers(0, 6, 200)
    X = rng.standard_normal((200, 2))
    return X @ [1.0, 2.0] + rng.standard_normal(200), X, worker, firm


def test_a_collinear_term_is_dropped_and_said(data):
    y, X, worker, _ = data
    both = fit(y, X, names=["a", "b"], effects=Effects(absorb=[worker]))
    found = fit(
        y,
        np.column_stack([X, X[:, 0] - X[:, 1]]),
        names=["a", "b", "c"],
        effects=Effects(absorb=[worker]),
    )
    assert found.status == "collinear"
    assert found.messages == ("collinear with earlier terms, dropped: c",)
    assert np.isnan(found.params[2])
    assert np.isnan(found.p_value[2])
    np.testing.assert_allclose(found.params[:2], both.params, rtol=1e-12)
    np.testing.assert_allclose(found.covariance[:2, :2], both.covariance, rtol=1e-10)


def test_a_term_constant_within_the_effects_is_dropped_and_said(data):
    y, X, worker, _ = data
    found = fit(
        y, np.column_stack([worker % 3, X]), names=["w", "a", "b"], effects=Effects(absorb=[worker])
    )
    assert found.status == "collinear"
    assert found.messages == ("no variation within the absorbed effects, dropped: w",)


def test_no_variation_left_is_an_error(data):
    y, _, worker, _ = data
    with pytest.raises(EstimationError, match="no regressor varies"):
        fit(y, worker % 3, names=["w"], effects=Effects(absorb=[worker]))


def test_a_perfect_fit_has_no_standard_errors(data):
    _, X, worker, firm = data
    found = fit(
        3 * X[:, 0] + worker,
        X,
        names=["a", "b"],
        effects=Effects(absorb=[worker]),
        inference=Inference(cluster=[firm]),
    )
    assert found.status == "perfect_fit"
    np.testing.assert_allclose(found.params, [3, 0], atol=1e-12)
    assert np.isnan(found.std_error).all()


def test_one_cluster_has_no_standard_errors(data):
    y, X, _, _ = data
    found = fit(y, X, names=["a", "b"], inference=Inference(cluster=[np.zeros(200, dtype=int)]))
    assert found.status == "one_cluster"
    assert np.isnan(found.p_value).all()
    assert np.isfinite(found.params).all()


def test_singletons_are_kept_and_counted(data):
    y, X, worker, _ = data
    apart = worker.copy()
    apart[:2] = [100, 101]
    found = fit(y, X, names=["a", "b"], effects=Effects(absorb=[apart]))
    without = fit(y[2:], X[2:], names=["a", "b"], effects=Effects(absorb=[apart[2:]]))
    assert found.n_singletons == 2
    assert "2 rows are alone" in found.messages[0]
    np.testing.assert_allclose(found.params, without.params, rtol=1e-12)


def test_more_parameters_than_rows_is_an_error():
    with pytest.raises(EstimationError, match="4 rows for 4 parameters"):
        fit(
            [1, 2, 3, 5.0],
            [1, 0, 2, 4.0],
            names=["a"],
            effects=Effects(absorb=[np.array([0, 1, 2, 2])]),
        )


def test_too_few_instruments_is_an_error(data):
    y, X, worker, _ = data
    flat = np.column_stack([worker, worker**2]).astype(float)
    with pytest.raises(EstimationError, match="0 usable instruments for 1 endogenous"):
        fit(
            y,
            X,
            names=["a", "b"],
            effects=Effects(absorb=[worker]),
            instruments=Instruments(endogenous=["a"], excluded=flat),
        )


def test_all_faults_of_the_data_are_listed_together(data):
    y, X, worker, _ = data
    broken = y.copy()
    broken[3] = np.nan
    with pytest.raises(EstimationError) as caught:
        fit(broken, X[:50], names=["a", "a"], inference=Inference(cluster=[worker - 5]))
    text = str(caught.value)
    assert "y has 1 missing" in text
    assert "X has 50 rows, expected 200" in text
    assert "names are repeated: a" in text
    assert "cluster 0" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"inference": Inference(kind="HC5")}, "covariance is 'HC5'"),
        ({"inference": Inference(convention="stata")}, "convention is 'stata'"),
        ({"inference": Inference(kind="CR2")}, "takes one clustering dimension, found 0"),
        ({"inference": Inference(kind="cluster")}, "no clusters are given"),
        ({"options": Options(engine="slow")}, "engine is 'slow'"),
    ],
)
def test_unknown_options_are_refused_with_the_choices(data, options, said):
    y, X, _, _ = data
    with pytest.raises(ParameterError, match=said):
        fit(y, X, names=["a", "b"], **options)


def test_a_kept_projector_gives_the_same_fit(data):
    y, X, worker, firm = data
    weights = np.linspace(1, 2, 200)
    kept = Projector([worker, firm], weights=weights)
    once = fit(
        y,
        X,
        names=["a", "b"],
        effects=Effects(absorb=[worker, firm], weights=weights),
        inference=Inference(cluster=[worker]),
    )
    again = fit(
        y,
        X,
        names=["a", "b"],
        effects=Effects(projector=kept),
        inference=Inference(cluster=[worker]),
    )
    np.testing.assert_array_equal(again.covariance, once.covariance)


def test_order_of_rows_and_labels_do_not_matter(data):
    y, X, worker, firm = data
    mixed = np.random.default_rng(0).permutation(200)
    first = fit(
        y,
        X,
        names=["a", "b"],
        effects=Effects(absorb=[worker, firm]),
        inference=Inference(cluster=[firm]),
    )
    second = fit(
        y[mixed],
        X[mixed],
        names=["a", "b"],
        effects=Effects(absorb=[99 - worker[mixed], firm[mixed]]),
        inference=Inference(cluster=[7 * firm[mixed]]),
    )
    np.testing.assert_allclose(second.params, first.params, rtol=1e-10)
    np.testing.assert_allclose(second.covariance, first.covariance, rtol=1e-10)


def test_units_of_a_regressor_scale_its_coefficient(data):
    y, X, worker, _ = data
    first = fit(
        y,
        X,
        names=["a", "b"],
        effects=Effects(absorb=[worker]),
        inference=Inference(cluster=[worker]),
    )
    second = fit(
        y,
        X * [1e-9, 1e6],
        names=["a", "b"],
        effects=Effects(absorb=[worker]),
        inference=Inference(cluster=[worker]),
    )
    np.testing.assert_allclose(second.params, first.params * [1e9, 1e-6], rtol=1e-10)
    np.testing.assert_allclose(second.statistic, first.statistic, rtol=1e-10)


def test_inputs_are_left_unchanged(data):
    y, X, worker, _ = data
    copies = y.copy(), X.copy(), worker.copy()
    fit(
        y,
        X,
        names=["a", "b"],
        effects=Effects(absorb=[worker]),
        inference=Inference(cluster=[worker]),
    )
    for now, before in zip((y, X, worker), copies, strict=True):
        np.testing.assert_array_equal(now, before)


def test_a_contrast_is_the_difference_with_its_error(data):
    y, X, worker, _ = data
    first = fit(y, X, names=["a", "b"], effects=Effects(absorb=[worker]))
    rotated = fit(
        y,
        np.column_stack([X[:, 0], X.sum(axis=1)]),
        names=["a", "b"],
        effects=Effects(absorb=[worker]),
    )  # coefficients (βa − βb, βb)
    found = first.contrast({"a": 1, "b": -1}, name="a − b")
    np.testing.assert_allclose(found.params, rotated.params[:1], rtol=1e-12)
    np.testing.assert_allclose(found.std_error, rotated.std_error[:1], rtol=1e-10)
    assert found.names == ("a − b",)


def test_first_stage_f_is_the_wald_test_of_its_regression(data):
    y, X, worker, firm = data
    rng = np.random.default_rng(9)
    z = rng.standard_normal((200, 2))
    X = X + z @ np.array([[0.5, 0], [0.2, 0]])
    found = fit(
        y,
        X,
        names=["a", "b"],
        effects=Effects(absorb=[worker]),
        inference=Inference(cluster=[firm]),
        instruments=Instruments(endogenous=["a"], excluded=z),
    ).first_stage[0]
    stage = fit(
        X[:, 0],
        np.column_stack([X[:, 1], z]),
        names=["b", "z1", "z2"],
        effects=Effects(absorb=[worker]),
        inference=Inference(cluster=[firm]),
    )
    wald = stage.params[1:] @ np.linalg.solve(stage.covariance[1:, 1:], stage.params[1:]) / 2
    np.testing.assert_allclose(found.statistic, wald, rtol=1e-10)
    assert found.dof_num == 2
    assert found.dof == 5


def test_clustered_intervals_cover_at_their_level():
    """Coverage of 95 % intervals with 30 clusters; band of 4 binomial errors (1 in 15,000)."""
    n_replicates, firm = 1_500, np.repeat(np.arange(30), 10)
    projector = Projector([np.tile(np.arange(10), 30)])
    rng = np.random.default_rng(12)
    covered = 0
    for _ in range(n_replicates):
        x = rng.standard_normal(30)[firm] + rng.standard_normal(300)
        y = x + rng.standard_normal(30)[firm] + rng.standard_normal(300)
        found = fit(
            y,
            x,
            names=["x"],
            effects=Effects(projector=projector),
            inference=Inference(cluster=[firm], kind="CR2"),
        )
        low, high = found.conf_int(0.95)[0]
        covered += low <= 1 <= high
    band = 4 * np.sqrt(0.95 * 0.05 / n_replicates)
    np.testing.assert_allclose(covered / n_replicates, 0.95, rtol=0, atol=band)
