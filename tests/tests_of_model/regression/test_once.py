"""What does not hang on how errors are clustered is done once, and nothing changes by it."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from withintask.tests_of_model.regression import fit as fits
from withintask.tests_of_model.regression.fit import Once, fit
from withintask.tests_of_model.regression.options import Effects, Inference, Instruments
from withintask.tests_of_model.regression.simultaneous import holm
from withintask.tests_of_model.regression.two_way_errors import fit_two_way

N = 400
RANDOM = np.random.default_rng(4)
X = RANDOM.standard_normal((N, 2))
Y = X @ [1.0, 0.5] + RANDOM.standard_normal(N)
FIRM, TASK = RANDOM.integers(0, 20, N), RANDOM.integers(0, 12, N)
WAYS = [
    Inference(cluster=[FIRM]),
    Inference(cluster=[TASK]),
    Inference(cluster=[FIRM, TASK]),
    Inference(cluster=[FIRM], kind="CR2"),
    Inference(),
]
IV = Instruments(endogenous=["x1"], excluded=X[:, :1] + RANDOM.standard_normal((N, 1)))


@pytest.mark.parametrize("effects", [Effects(), Effects(absorb=[TASK])])
@pytest.mark.parametrize("instruments", [None, IV])
def test_fits_that_share_their_coefficients_are_those_apart(effects, instruments):
    asked = {"names": ("x1", "x2"), "effects": effects, "instruments": instruments}
    ways = WAYS if instruments is None else [way for way in WAYS if way.kind is None]
    once = Once()
    for way in ways:
        apart = fit(Y, X, inference=way, **asked)
        shared = fit(Y, X, inference=way, once=once, **asked)
        assert apart.params.tobytes() == shared.params.tobytes()
        assert apart.covariance.tobytes() == shared.covariance.tobytes()
        assert apart.dof.tobytes() == shared.dof.tobytes()


def test_errors_of_two_dimensions_take_one_solution(monkeypatch):
    solved = []
    solve = fits._solve
    monkeypatch.setattr(fits, "_solve", lambda within: solved.append(1) or solve(within))
    fit_two_way(Y, X, names=("x1", "x2"), clusters=(FIRM, TASK))
    assert len(solved) == 1


@pytest.mark.parametrize(
    "p_values", [[0.01], [0.04, 0.01, 0.9, 0.3], [0.5, 0.5, 0.5], [0.0, 1.0, 0.02, 0.02]]
)
def test_holms_p_values_are_those_of_statsmodels(p_values):
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_array_equal(expected, holm(np.array(p_values)))
