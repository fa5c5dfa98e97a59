"""The logit of counts is that of postings; one that separates has no finite coefficients, and is refused by name."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from statsmodels.discrete.discrete_model import Logit

import withintask as wt


@pytest.fixture(scope="module")
def panel():
    return wt.draw_panel("postings", seed=1).collect()


def _with(panel, required):
    exposure = panel.occupations.select("occupation_code", "exposure")
    postings = panel.postings.join(
        exposure, on="occupation_code", how="left", maintain_order="left"
    ).with_columns(is_credential_required=required)
    return panel.with_tables(postings=postings.drop("exposure"))


POST = pl.col("period") >= 1
EXPOSED = pl.col("exposure") > 0
REQUIRED = pl.col("is_credential_required")


@pytest.mark.parametrize(
    ("required", "reason"),
    [
        (POST & REQUIRED, "before AI's arrival no posting requires a credential"),
        (POST | REQUIRED, "after AI's arrival every posting requires one"),
        (POST & EXPOSED | ~POST & REQUIRED, "after AI's arrival exposure parts the postings"),
    ],
)
def test_a_logit_that_separates_is_refused_by_name(panel, required, reason):
    rows = wt.estimate(_with(panel, required), estimators=["logit", "linear_probability"])
    logit = rows.filter(estimator="logit").row(0, named=True)
    assert logit["status"] == "unusable"
    assert f"separation: {reason}" in logit["message"]
    assert "linear_probability needs none" in logit["message"]
    assert rows.filter(estimator="linear_probability")["status"][0] != "unusable"


def test_overlap_in_exposure_is_enough(panel):
    assert wt.estimate(panel, estimators="logit")["status"].to_list() == ["ok"]


def test_the_logit_of_counts_is_that_of_postings(panel):
    table = panel.occupations.select("occupation_code", "exposure")
    rows = panel.postings.join(table, on="occupation_code", how="left")
    post = (rows["period"] >= panel.info.first_ai_period).to_numpy().astype(float)
    exposure = rows["exposure"].to_numpy()
    X = np.column_stack([np.ones(rows.height), post, exposure, post * exposure])
    fitted = Logit(rows["is_credential_required"].to_numpy().astype(float), X).fit(
        disp=0,
        cov_type="cluster",
        cov_kwds={"groups": rows["occupation_code"].rank("dense").to_numpy()},
    )

    def effect(params):
        Z = X[(exposure > 0) & (post > 0)]
        return np.mean(expit(Z @ params) - expit(Z * [1, 1, 1, 0] @ params))

    step = 1e-6
    gradient = [
        (effect(fitted.params + step * e) - effect(fitted.params - step * e)) / (2 * step)
        for e in np.eye(4)
    ]
    found = wt.estimate(panel, estimators="logit").row(0, named=True)
    assert found["n_obs"] == rows.height
    np.testing.assert_allclose(found["estimate"], effect(fitted.params), rtol=1e-9)
    # Central differences of this step are right to about the square of it over the effect.
    np.testing.assert_allclose(
        found["std_error"], np.sqrt(gradient @ fitted.cov_params() @ gradient), rtol=1e-7
    )
