"""A logit that separates has no finite coefficients, and is refused by name."""

import polars as pl
import pytest

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
