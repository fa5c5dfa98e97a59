"""The compressed engine returns the numbers of the engine on single rows."""

import duckdb
import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.regression.compressed import fit_compressed
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference


def table(n_obs=3_000):
    rng = np.random.default_rng(8)
    firm = rng.integers(0, 40, n_obs)
    frame = pl.DataFrame(
        {
            "ai": rng.integers(0, 2, n_obs),
            "school": rng.integers(8, 17, n_obs),
            "the task": np.array(["write", "code", "call"])[rng.integers(0, 3, n_obs)],
            "firm": firm,
            "year": rng.integers(2019, 2024, n_obs),
        }
    )
    noise = rng.standard_normal(n_obs) + rng.standard_normal(40)[firm]
    y = 1e4 + 0.3 * frame["ai"].to_numpy() + 0.05 * frame["school"].to_numpy() + noise
    return frame.with_columns(pay=y)


@pytest.mark.parametrize("convention", ["withintask", "statsmodels"])
@pytest.mark.parametrize("absorb", [(), ("the task",), ("the task", "firm")])
@pytest.mark.parametrize("errors", ["unadjusted", "robust", "firm", "firm+year"])
def test_compressed_numbers_equal_those_of_single_rows(tmp_path, absorb, errors, convention):
    frame = table()
    frame.write_parquet(tmp_path / "panel.parquet")
    cluster = errors.split("+") if errors.startswith("firm") else []
    kind = "cluster" if cluster else errors
    names = ["ai", "school"] if absorb else ["constant", "ai", "school"]
    X = np.column_stack([np.ones(len(frame)), frame["ai"], frame["school"]])[:, -len(names) :]
    expected = fit(
        frame["pay"].to_numpy(),
        X,
        names=names,
        effects=Effects(absorb=[encode(frame[name].to_numpy()) for name in absorb]),
        inference=Inference(
            cluster=[encode(frame[name].to_numpy()) for name in cluster],
            kind=kind,
            convention=convention,
        ),
    )
    found = fit_compressed(
        tmp_path / "panel.parquet",
        outcome="pay",
        regressors=["ai", "school"],
        absorb=absorb,
        cluster=cluster,
        covariance=kind,
        convention=convention,
        constant=not absorb,
    )
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-10)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(found.dof, expected.dof)
    assert found.n_obs == expected.n_obs


def test_a_table_of_an_open_connection_is_a_source():
    frame = table()
    with duckdb.connect() as connection:
        connection.register("view", frame.to_arrow())
        connection.execute("CREATE TABLE panel AS FROM view")
        found = fit_compressed(
            "panel", outcome="pay", regressors=["ai"], absorb=["firm"], connection=connection
        )
    expected = fit(
        frame["pay"].to_numpy(),
        frame["ai"].to_numpy(),
        names=["ai"],
        effects=Effects(absorb=[frame["firm"]]),
    )
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-10)


def test_missing_values_are_refused_with_their_count():
    frame = table().with_columns(pay=pl.when(pl.col("year") == 2020).then(None).otherwise("pay"))
    n_missing = frame["pay"].null_count()
    with pytest.raises(EstimationError, match=f"pay has {n_missing} missing values"):
        fit_compressed(
            duckdb.from_arrow(frame.to_arrow()), outcome="pay", regressors=["ai"], constant=True
        )


def test_an_unknown_column_is_refused_by_name():
    relation = duckdb.from_arrow(table().to_arrow())
    with pytest.raises(ParameterError, match="no column 'wage'"):
        fit_compressed(relation, outcome="wage", regressors=["ai"])
