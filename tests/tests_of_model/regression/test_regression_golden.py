"""Numbers of pyfixest, statsmodels, linearmodels and wildboottest, from tests/golden/regression.

Where a package differs on purpose, tests/golden/DIFFERENCES.md says why.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from withintask.tests_of_model.regression.bootstrap import wild_bootstrap
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference, Instruments

GOLDEN = Path(__file__).parents[2] / "golden" / "regression"
FRAME = pl.read_csv(GOLDEN / "panel.csv")


def cases(name, keys):
    found = json.loads((GOLDEN / name).read_text())["cases"]
    return [pytest.param(case, id="-".join(str(case[key]) for key in keys)) for case in found]


def our_fit(case, convention):
    errors, effects, estimator = case["errors"], case["effects"], case["estimator"]
    kind, _, ways = errors.rpartition(" ")
    names = ["x", "d"] if effects else ["x", "d", "one"]
    cluster = [] if errors in ("unadjusted", "robust") else ways.split("+")
    return fit(
        FRAME["y"].to_numpy(),
        FRAME.with_columns(one=1.0).select(names).to_numpy(),
        names=names,
        effects=Effects(
            absorb=[FRAME[name].to_numpy() for name in effects],
            weights=FRAME["w"].to_numpy() if estimator == "WLS" else None,
        ),
        inference=Inference(
            cluster=[FRAME[name].to_numpy() for name in cluster],
            kind=kind or ("cluster" if cluster else errors),
            convention=convention,
        ),
        instruments=Instruments(
            endogenous=["x"] if estimator == "2SLS" else [],
            excluded=FRAME.select("z1", "z2").to_numpy() if estimator == "2SLS" else None,
        ),
    )


def check(found, case, scale=1.0, rtol=1e-8):
    np.testing.assert_allclose(found.params[:2], case["params"], rtol=rtol)
    np.testing.assert_allclose(found.std_error[:2] * scale, case["std_error"], rtol=rtol)
    if scale == 1.0:
        np.testing.assert_allclose(found.p_value[:2], case["p_value"], rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("case", cases("pyfixest.json", ("effects", "errors", "estimator")))
def test_fixest_convention_gives_pyfixest_numbers(case):
    found = our_fit(case, "fixest")
    scale = 1.0
    if case["errors"].startswith("CR3"):  # pyfixest multiplies CRV3 by the factor of CRV1
        scale = np.sqrt(crv1_over_jackknife(case))
    check(found, case, scale)


def crv1_over_jackknife(case):
    """Factor G/(G−1)·(n−1)/(n−k) over (G−1)/G."""
    n_nested = 1 if "worker" in case["effects"] else 0
    levels = {"worker": 40, "cell": 6, "year": 5}
    crossing = [levels[name] for name in case["effects"] if name != "worker"]
    n_effects = sum(crossing) - (len(crossing) + n_nested - 1) + n_nested if case["effects"] else 1
    n_rows, n_firms = len(FRAME), 8
    factor = n_firms / (n_firms - 1) * (n_rows - 1) / (n_rows - 2 - n_effects)
    return factor / ((n_firms - 1) / n_firms)


@pytest.mark.parametrize(
    "case", cases("statsmodels_linearmodels.json", ("package", "effects", "errors", "estimator"))
)
def test_their_conventions_give_statsmodels_and_linearmodels_numbers(case):
    scale = 1.0
    is_nested = case["effects"] == ["worker"] and case["errors"] in ("firm", "worker")
    if case["estimator"] == "2SLS" and is_nested:  # IV2SLS counts the dummies, AbsorbingLS does not
        scale = np.sqrt((len(FRAME) - 2) / (len(FRAME) - 2 - 40))
    check(our_fit(case, case["package"]), case, scale)


@pytest.mark.parametrize("case", cases("wildboottest.json", ("effects", "term")))
def test_the_enumerated_bootstrap_gives_wildboottest_p_values(case):
    names = ["x", "d"] if case["effects"] else ["x", "d", "one"]
    found = wild_bootstrap(
        FRAME["y"].to_numpy(),
        FRAME.with_columns(one=1.0).select(names).to_numpy(),
        names=names,
        term=case["term"],
        cluster=FRAME["firm"].to_numpy(),
        seed=0,
        effects=Effects(absorb=[FRAME[name].to_numpy() for name in case["effects"]]),
    )
    np.testing.assert_allclose(found.statistic, case["statistic"], rtol=1e-8)
    # The data's own signs and their opposite are ties, which wildboottest counts or not by rounding.
    expected = case["p_value"] + (0 if case["effects"] else 2 / 2**8)
    np.testing.assert_allclose(found.p_value, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("field", ["params", "std_error", "p_value"])
def test_a_wrong_golden_number_is_noticed(field):
    case = json.loads((GOLDEN / "pyfixest.json").read_text())["cases"][6]
    wrong = {**case, field: [value * (1 + 1e-4) + 1e-4 for value in case[field]]}
    check(our_fit(case, "fixest"), case)
    with pytest.raises(AssertionError):
        check(our_fit(case, "fixest"), wrong)
