"""Ids keep their identity whatever their type, and an id that is not known is no level."""

import datetime
from decimal import Decimal

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.regression.compressed import fit_compressed
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.grouping import combined_codes, compact_codes, encode
from withintask.tests_of_model.regression.identifiers import known_codes, left_out_ids
from withintask.tests_of_model.regression.options import Effects, Inference

BIG = 900_000_000_000_000_000
CODES = [1, -1, 2, 0, 1, 2]


def spread(values, dtype=None):
    """The three values in the order of CODES, None where it is -1, as a Polars column."""
    return pl.Series([None if code < 0 else values[code] for code in CODES], dtype=dtype)


@pytest.mark.parametrize(
    "column",
    [
        spread([BIG, BIG + 1, BIG + 2]),
        spread([2**64 - 3, 2**64 - 2, 2**64 - 1], pl.UInt64),
        spread([10**30, 10**30 + 1, 10**30 + 2], pl.Int128),
        spread([Decimal(BIG), Decimal(BIG + 1), Decimal(BIG + 2)]),
        spread(["a", "b", "c"]),
        spread(["a", "b", "c"], pl.Categorical),
        spread(["c", "b", "a"], pl.Enum(["c", "b", "a"])),
        spread([datetime.date(2020, 1, day) for day in (1, 2, 3)]),
        spread([0.5, 1.5, 2.5]),
        spread([0.5, 1.5, 2.5]).fill_null(np.nan),
    ],
    ids=lambda column: str(column.dtype)[:12],
)
@pytest.mark.parametrize("as_type", ["polars", "arrow", "list", "object"])
def test_codes_are_those_of_the_values_in_order(column, as_type):
    if column.dtype == pl.Int128 and as_type == "arrow":
        as_type = "polars"  # Arrow has no 128-bit integers
    given = {
        "polars": lambda: column,
        "arrow": column.to_arrow,
        "list": column.to_list,
        "object": lambda: np.array(column.to_list(), dtype=object),
    }[as_type]
    expected = CODES
    if isinstance(column.dtype, pl.Enum) and as_type != "polars":
        expected = [1, -1, 0, 2, 1, 0]  # letters, no longer in the order of the categories
    codes, known = known_codes(given())
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(known, np.array(CODES) >= 0)


def test_whole_numbers_in_a_list_with_nan_do_not_become_floats():
    codes, _ = known_codes([BIG, float("nan"), BIG + 1, BIG])
    np.testing.assert_array_equal(codes, [0, -1, 1, 0])


@pytest.mark.parametrize(
    "values",
    [
        np.array([2**63 + 5, 2**63 + 4, 2**64 - 1], dtype=np.uint64),
        np.array([127, -128, 127], dtype=np.int8),
        np.array([9 * 10**18, -9 * 10**18, 9 * 10**18]),
    ],
    ids=["uint64", "int8", "the whole range"],
)
def test_integers_at_the_ends_of_their_type_keep_their_order(values):
    np.testing.assert_array_equal(encode(values), np.unique(values, return_inverse=True)[1])


def test_compact_codes_keep_unsigned_ids_apart():
    ids = np.array([2**63 + 1, 3, 2**63], dtype=np.uint64)
    np.testing.assert_array_equal(compact_codes(ids), [2, 0, 1])


def test_masked_values_and_dates_that_are_none_are_not_known():
    masked = np.ma.MaskedArray([5, 7, 5], mask=[False, False, True])
    np.testing.assert_array_equal(known_codes(masked)[0], [0, 1, -1])
    dates = np.array(["2020-01-02", "NaT", "2020-01-01"], dtype="datetime64[D]")
    np.testing.assert_array_equal(known_codes(dates)[0], [1, -1, 0])


def test_encode_refuses_what_is_not_known_with_its_count():
    with pytest.raises(EstimationError, match="encode: 2 of 4 values are not known"):
        encode([0, 1, 2, 3], [1.0, np.nan, np.nan, 2.0])


def test_ids_of_types_without_an_order_are_refused_by_type():
    with pytest.raises(EstimationError, match="int, str"):
        known_codes(np.array([1, "a", None], dtype=object))


def test_what_is_left_out_is_counted_for_each_id():
    known = {"worker": np.array([True, False, True]), "firm": np.array([True, False, False])}
    expected = "2 of 3 rows left out, not known: worker in 1, firm in 2"
    assert left_out_ids(known) == expected
    assert left_out_ids({"worker": np.ones(3, dtype=bool)}) == ""


N_OBS = 1_200


def panel():
    rng = np.random.default_rng(3)
    firm, task = rng.integers(0, 24, N_OBS), rng.integers(0, 5, N_OBS)
    ai = rng.integers(0, 2, N_OBS)
    y = 0.3 * ai + rng.standard_normal(24)[firm] + rng.standard_normal(N_OBS)
    return pl.DataFrame({"y": y, "ai": ai, "firm": firm, "task": task})


def compressed(frame, types, **options):
    """Fit with ids cast by DuckDB to other types, ids near 9e17 and apart by one."""
    with duckdb.connect() as connection:
        connection.register("given", frame.to_arrow())
        connection.execute("CREATE TYPE level AS ENUM ('0', '1', '2', '3', '4')")
        connection.execute(
            f"CREATE TABLE panel AS SELECT y, CAST(ai AS {types.get('ai', 'BIGINT')}) AS ai, "
            f"CAST({types.get('add', 0)} + firm AS {types.get('firm', 'BIGINT')}) AS firm, "
            f"CAST(CAST(task AS VARCHAR) AS {types.get('task', 'BIGINT')}) AS task FROM given"
        )
        options = {"absorb": ["task"], "cluster": ["firm"], **options}
        return fit_compressed(
            "panel", outcome="y", regressors=["ai"], connection=connection, **options
        )


@pytest.mark.parametrize(
    "types",
    [
        {"firm": "DECIMAL(18, 0)", "add": BIG},
        {"firm": "DECIMAL(38, 2)", "add": BIG},
        {"firm": "HUGEINT", "add": "170141183460469231731687303715884105000::HUGEINT"},
        {"firm": "UHUGEINT", "add": BIG},
        {"firm": "UBIGINT", "add": "18446744073709551000::HUGEINT"},
        {"firm": "VARCHAR", "task": "level", "add": BIG},
        {"task": "DOUBLE", "firm": "INTEGER"},
        {"ai": "DECIMAL(3, 1)"},
        {"ai": "BOOLEAN", "task": "DECIMAL(5, 3)"},
    ],
    ids=str,
)
def test_the_type_of_an_id_changes_no_number(types):
    frame = panel()
    expected, found = compressed(frame, {}), compressed(frame, types)
    assert found.n_clusters == 24
    assert found.n_absorbed == 5
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-10)
    np.testing.assert_allclose(found.std_error, expected.std_error, rtol=1e-10)


@pytest.mark.parametrize("column", ["firm", "task"])
@pytest.mark.parametrize(
    ("kind", "missing"),
    [(kind, "null") for kind in ("BIGINT", "HUGEINT", "DOUBLE", "VARCHAR", "DECIMAL(10, 0)")]
    + [("DOUBLE", "nan")],
)
def test_rows_whose_id_is_not_known_are_left_out_and_counted(column, kind, missing):
    frame = panel()
    is_lost = np.random.default_rng(1).random(N_OBS) < 0.2
    value = None if missing == "null" else np.nan
    lost = frame.with_columns(
        pl.when(pl.Series(is_lost)).then(pl.lit(value, pl.Float64)).otherwise(column).alias(column)
    )
    found = compressed(lost, {column: kind})
    expected = compressed(frame.filter(~pl.Series(is_lost)), {column: kind})
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-10)
    np.testing.assert_allclose(found.std_error, expected.std_error, rtol=1e-10)
    assert found.n_obs == expected.n_obs
    assert found.n_absorbed == expected.n_absorbed
    n_lost = int(is_lost.sum())
    note = f"{n_lost} of 1,200 rows left out, not known: {column} in {n_lost}"
    assert found.messages == (note, *expected.messages)


def test_a_panel_without_any_known_id_is_refused():
    frame = panel().with_columns(firm=pl.lit(None, pl.Int64))
    with pytest.raises(EstimationError, match="no rows are left; 1,200 of 1,200 rows left out"):
        compressed(frame, {})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outcomes_and_regressors_that_are_no_numbers_are_counted_and_refused(value):
    frame = panel().with_columns(pl.when(pl.col("task") == 2).then(value).otherwise("y").alias("y"))
    n_missing = panel().filter(pl.col("task") == 2).height
    with pytest.raises(EstimationError, match=f"y has {n_missing} missing values"):
        compressed(frame, {})


def test_a_text_as_regressor_is_refused_by_name_and_type():
    with pytest.raises(ParameterError, match="ai has type varchar, expected numbers"):
        compressed(panel(), {"ai": "VARCHAR"})


def test_the_fit_on_rows_agrees_with_ids_of_any_type():
    frame = panel()
    expected = fit(
        frame["y"].to_numpy(),
        frame["ai"].to_numpy(),
        names=["ai"],
        effects=Effects(absorb=[frame["task"].to_numpy()]),
        inference=Inference(cluster=[frame["firm"].to_numpy()]),
    )
    firms = [Decimal(BIG + int(code)) for code in frame["firm"]]
    found = fit(
        frame["y"].to_numpy(),
        frame["ai"].to_numpy(),
        names=["ai"],
        effects=Effects(absorb=[encode(frame["task"].cast(pl.String).cast(pl.Categorical))]),
        inference=Inference(cluster=[encode(firms)]),
    )
    np.testing.assert_allclose(found.std_error, expected.std_error, rtol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=40))
def test_combinations_of_many_levels_have_the_codes_of_their_order(pairs):
    outer, inner = (encode(column) for column in np.array(pairs).T)
    expected = np.unique(np.column_stack([outer, inner]), axis=0, return_inverse=True)[1].ravel()
    np.testing.assert_array_equal(expected, combined_codes(outer, inner))


def test_combinations_without_rows_have_no_codes():
    nothing = np.zeros(0, dtype=np.intp)
    assert combined_codes(nothing, nothing).size == 0
