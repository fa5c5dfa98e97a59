"""What is not identified is said so: instruments that do not move the regressors, and coefficients of one cluster."""

import numpy as np
import pytest

from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.estimates import from_fit
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.bootstrap import wild_bootstrap
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference, Instruments, Options

N_OBS = 400


def off(rows, others):
    """Rows less their projection on others, both (variable, n_obs)."""
    return rows - np.linalg.lstsq(others.T, rows.T, rcond=None)[0].T @ others


@pytest.fixture
def world():
    rng = np.random.default_rng(5)
    worker, firm = rng.integers(0, 40, N_OBS), rng.integers(0, 15, N_OBS)
    z = rng.standard_normal((N_OBS, 3))
    noise = rng.standard_normal((N_OBS, 3))
    return rng, worker, firm, z, noise


def two_stage(y, X, z, *, absorb=(), endogenous=("a",), names=None, cluster=None, kind=None):
    return fit(
        y,
        X,
        names=names or ("a", "b", "c")[: X.shape[1]],
        effects=Effects(absorb=absorb),
        inference=Inference(cluster=[] if cluster is None else [cluster], kind=kind),
        instruments=Instruments(endogenous=endogenous, excluded=z),
    )


@pytest.mark.parametrize("unit_x", [1e-9, 1.0, 1e7])
@pytest.mark.parametrize("unit_z", [1e-6, 1.0, 1e8])
def test_an_instrument_orthogonal_within_the_effects_does_not_identify(world, unit_x, unit_z):
    """Across workers the instrument moves with the regressor, within them it does not."""
    _, worker, firm, z, noise = world
    projector = Projector([worker])
    within = projector.residuals(noise[:, 0])
    z_within = off(projector.residuals(z[:, 0])[None], within[None])[0]
    x = worker / 10 + within
    instrument = worker + z_within
    found = two_stage(
        x + noise[:, 1],
        x[:, None] * unit_x,
        instrument[:, None] * unit_z,
        absorb=[worker],
        cluster=firm,
    )
    assert found.status == "not_identified"
    assert np.isnan(found.params).all()
    assert np.isnan(found.std_error).all()
    assert any("the instruments do not move a" in message for message in found.messages)
    assert found.first_stage[0].statistic < 1e-12
    row = from_fit(found, {"effect": "a"})[0]
    assert row.status == "not_identified"


@pytest.mark.parametrize("units", [(1.0, 1.0), (1e-7, 1e6)])
@pytest.mark.parametrize("kind", ["cluster", "robust", "unadjusted"])
def test_instruments_that_do_not_span_two_regressors_do_not_identify(world, units, kind):
    """Both regressors are moved along one direction: each first stage is strong, together there is one."""
    _, _, firm, z, noise = world
    off_z = off(noise[:, :2].T, np.column_stack([z[:, :2], np.ones(N_OBS)]).T)
    common = z[:, 0] + 0.5 * z[:, 1]
    x = np.column_stack([common + off_z[0], -2 * common + off_z[1]])
    X = np.column_stack([x * units, np.ones(N_OBS)])
    found = two_stage(
        x.sum(axis=1) + noise[:, 2],
        X,
        z[:, :2],
        endogenous=("a", "b"),
        cluster=firm if kind == "cluster" else None,
        kind=kind,
    )
    assert found.status == "not_identified"
    assert np.isnan(found.params).all()
    assert any("apart from each other" in message for message in found.messages)
    for stage in found.first_stage:
        assert stage.statistic < 1e-6
        assert stage.partial_r2 > 0.2


def test_the_reference_engine_refuses_what_is_not_identified(world):
    _, _, _, z, noise = world
    x = off(noise[:, :1].T, np.column_stack([z[:, :1], np.ones(N_OBS)]).T)[0]
    with pytest.raises(EstimationError, match="the instruments do not identify a"):
        fit(
            x + noise[:, 1],
            np.column_stack([x, np.ones(N_OBS)]),
            names=("a", "one"),
            instruments=Instruments(endogenous=["a"], excluded=z[:, :1]),
            options=Options(engine="reference"),
        )


def test_weak_but_spanning_instruments_are_estimated(world):
    _, _, firm, z, noise = world
    x = 1e-3 * z[:, 0] + noise[:, 0]
    found = two_stage(x + noise[:, 1], x[:, None], z[:, :1], cluster=firm)
    assert found.status == "ok"
    assert 0 < found.first_stage[0].statistic < 20


def sanderson_windmeijer(x, others, z):
    """F of SW (2016) from projection matrices; homoskedastic, no exogenous regressors."""
    project = z @ np.linalg.inv(z.T @ z) @ z.T
    slopes = np.linalg.solve(others.T @ project @ others, others.T @ project @ x)
    left = x - others @ slopes
    n_free = z.shape[1] - others.shape[1]
    square = left @ left - left @ project @ left
    return (left @ project @ left / n_free) / (square / (len(x) - z.shape[1]))


@pytest.mark.parametrize("n_instruments", [2, 3])
def test_the_first_stage_of_several_is_sanderson_and_windmeijers(world, n_instruments):
    _, _, _, z, noise = world
    z = z[:, :n_instruments]
    x = z @ np.array([[1.0, 0.9], [0.4, 0.5], [0.1, -0.2]])[:n_instruments] + noise[:, :2]
    found = two_stage(x.sum(axis=1) + noise[:, 2], x, z, endogenous=("a", "b"), kind="unadjusted")
    expected = [sanderson_windmeijer(x[:, k], x[:, [1 - k]], z) for k in (0, 1)]
    statistics = [stage.statistic for stage in found.first_stage]
    np.testing.assert_allclose(statistics, expected, rtol=1e-8)
    assert [stage.dof_num for stage in found.first_stage] == [n_instruments - 1] * 2
    assert any("Sanderson and Windmeijer" in message for message in found.messages)


def test_a_perfect_first_stage_alone_is_infinite(world):
    _, worker, firm, z, noise = world
    y = z[:, 0] + noise[:, 0]
    perfect = two_stage(y, 2 * z[:, :1], z[:, :2], absorb=[worker], cluster=firm)
    assert perfect.first_stage[0].statistic == np.inf
    assert perfect.first_stage[0].p_value == 0


def test_more_instruments_than_clusters_give_no_f_and_say_so(world):
    _, _, firm, z, noise = world
    x = z @ [1.0, 0.5, 0.2] + noise[:, 0]
    found = two_stage(x + noise[:, 1], x[:, None], z, cluster=firm % 3)
    assert np.isnan(found.first_stage[0].statistic)
    assert any("fewer clusters than instruments" in message for message in found.messages)


def test_units_of_instruments_do_not_make_a_first_stage_infinite(world):
    _, _, firm, z, noise = world
    x = z[:, 0] + z[:, 1] + noise[:, 0]
    found = [
        two_stage(x + noise[:, 1], x[:, None], z[:, :2] * units, cluster=firm).first_stage[0]
        for units in ((1.0, 1.0), (1e-9, 1e9))
    ]
    np.testing.assert_allclose(found[1].statistic, found[0].statistic, rtol=1e-8)


def one_treated(seed=1, n_clusters=12, each=20, n_treated=1):
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n_clusters), each)
    treated = (cluster < n_treated).astype(float)
    x = rng.standard_normal(len(cluster))
    y = x + rng.standard_normal(n_clusters)[cluster] + rng.standard_normal(len(cluster))
    return y, treated, x, cluster


@pytest.mark.parametrize("kind", ["CR2", "CR3", "jackknife"])
@pytest.mark.parametrize("how", ["constant", "period effects", "unit and period effects"])
def test_one_treated_cluster_has_no_corrected_errors_and_says_so(kind, how):
    y, treated, x, cluster = one_treated()
    period = np.tile(np.arange(4), len(y) // 4)
    regressors, absorb = {
        "constant": ([treated, x, np.ones(len(y))], []),
        "period effects": ([treated, x], [period]),
        "unit and period effects": ([treated * (period > 1), x], [cluster, period]),
    }[how]
    found = fit(
        y,
        np.column_stack(regressors),
        names=("treated", "x", "one")[: len(regressors)],
        effects=Effects(absorb=absorb),
        inference=Inference(cluster=[cluster], kind=kind),
    )
    assert found.status == "leverage_one"
    assert np.isnan(found.std_error[0])
    assert np.isnan(found.p_value[0])
    assert np.isfinite(found.params).all()
    assert np.isfinite(found.std_error[1]), "what other clusters identify keeps its error"
    assert any("treated could not be estimated without one" in text for text in found.messages)


@pytest.mark.parametrize("kind", ["CR2", "CR3", "jackknife"])
def test_two_treated_clusters_have_errors(kind):
    y, treated, x, cluster = one_treated(n_treated=2)
    found = fit(
        y,
        np.column_stack([treated, x, np.ones(len(y))]),
        names=("treated", "x", "one"),
        inference=Inference(cluster=[cluster], kind=kind),
    )
    assert found.status == "ok"
    assert np.isfinite(found.std_error).all()


@pytest.mark.parametrize("absorb", [False, True])
def test_a_bootstrap_of_a_perfect_fit_is_refused(absorb):
    y, treated, x, cluster = one_treated(n_treated=4)
    effects = Effects(absorb=[np.arange(len(y)) % 5]) if absorb else Effects()
    X = np.column_stack([x, treated])
    with pytest.raises(EstimationError, match="wild bootstrap: the fit is perfect"):
        wild_bootstrap(
            3 * x - treated, X, names=("x", "d"), term="x", cluster=cluster, effects=effects, seed=1
        )


def test_a_bootstrap_of_what_one_cluster_identifies_is_refused():
    y, treated, x, cluster = one_treated()
    X = np.column_stack([treated, np.ones(len(y))])
    with pytest.raises(EstimationError, match="cancel within every cluster"):
        wild_bootstrap(y, treated * x, names=("d",), term="d", cluster=cluster, seed=1)
    assert wild_bootstrap(y, X, names=("d", "one"), term="d", cluster=cluster, seed=1).p_value >= 0
