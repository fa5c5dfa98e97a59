"""The fast engine agrees with linearmodels and statsmodels."""

import itertools

import numpy as np
import pytest

from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference, Instruments, Options

NAMES = ("x", "d", "z")
ABSORB = {"none": (), "one": ("worker",), "three": ("worker", "cell", "period")}


def panel(seed=5, n_obs=180):
    rng = np.random.default_rng(seed)
    worker = np.repeat(np.arange(30), 6)
    columns = {
        "worker": worker,
        "firm": worker // 3,
        "period": np.tile(np.arange(6), 30),
        "cell": rng.integers(0, 9, n_obs),
    }
    instruments = rng.standard_normal((n_obs, 2))
    hidden = rng.standard_normal(n_obs)
    X = rng.standard_normal((n_obs, 3))
    X[:, 1] += instruments @ [1.0, 0.5] + hidden
    shock = rng.standard_normal(10)[columns["firm"]] * (1 + X[:, 0] ** 2)
    y = X @ [1.0, -0.5, 0.25] + hidden + shock + rng.standard_normal(30)[worker]
    return y, X, instruments, columns, rng.uniform(0.5, 2, n_obs)


CASES = list(
    itertools.product(
        ABSORB,
        ["unadjusted", "robust", "firm", "firm+cell"],
        ["withintask", "linearmodels", "statsmodels", "fixest"],
        ["OLS", "WLS", "2SLS"],
    )
)


@pytest.mark.parametrize(("absorb", "errors", "convention", "estimator"), CASES)
def test_both_engines_agree(absorb, errors, convention, estimator):
    y, X, instruments, columns, weights = panel()
    if absorb == "none":
        X = np.column_stack([X[:, :2], np.ones(len(y))])
    cluster = [] if errors in ("unadjusted", "robust") else errors.split("+")
    settings = {
        "names": NAMES,
        "effects": Effects(
            absorb=[columns[name] for name in ABSORB[absorb]],
            weights=weights if estimator == "WLS" else None,
        ),
        "instruments": Instruments(endogenous=("d",), excluded=instruments)
        if estimator == "2SLS"
        else None,
        "inference": Inference(
            cluster=[columns[name] for name in cluster],
            kind="cluster" if cluster else errors,
            convention=convention,
        ),
    }
    expected = fit(y, X, options=Options(engine="reference"), **settings)
    found = fit(y, X, **settings)
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-8)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.residuals, expected.residuals, rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(found.dof, expected.dof)
    assert found.n_absorbed == expected.n_absorbed
