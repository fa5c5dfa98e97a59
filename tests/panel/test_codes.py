"""Ids as codes: texts and categories, whole or filtered, give the same codes and look up the same values."""

from uuid import uuid4

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from withintask.panel.errors import ParameterError
from withintask.panel.transform import codes, in_order, lookup, lookup_levels

_TEXTS = st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), min_size=1, max_size=30)


def _in_order(texts: list[str | None]) -> pl.Series:
    """A column of texts as categories in their order."""
    column = pl.Series("id", texts, dtype=pl.String)
    ids = in_order(column.drop_nulls().unique().sort(), uuid4().hex)
    return column.cast(ids.dtype)


@given(_TEXTS)
def test_categories_have_the_codes_of_their_texts(texts):
    expected = codes(pl.Series("id", texts, dtype=pl.String))
    by_appearance = pl.Series("id", texts, dtype=pl.Categorical(pl.Categories.random()))
    np.testing.assert_array_equal(expected, codes(_in_order(texts)))
    np.testing.assert_array_equal(expected, codes(by_appearance))


@given(_TEXTS, st.data())
def test_categories_that_are_filtered_have_the_codes_of_their_texts(texts, data):
    kept = pl.Series(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))))
    expected = codes(pl.Series("id", texts, dtype=pl.String).filter(kept))
    np.testing.assert_array_equal(expected, codes(_in_order(texts).filter(kept)))


def test_a_category_that_comes_later_is_coded_by_its_text():
    column = in_order(pl.Series(["b", "c"]), uuid4().hex)
    longer = pl.concat([column, pl.Series(["a"]).cast(column.dtype)])
    np.testing.assert_array_equal([1, 2, 0], codes(longer))


@pytest.mark.parametrize("limit", ["_MOST_KEPT", "_MOST_IDS_KEPT"])
def test_categories_no_longer_kept_are_coded_by_their_texts(monkeypatch, limit):
    monkeypatch.setattr(f"withintask.panel.transform.{limit}", 1)
    dtype = in_order(pl.Series(["a", "b"]), uuid4().hex).dtype
    in_order(pl.Series(["a"]), uuid4().hex)
    np.testing.assert_array_equal([1, 0], codes(pl.Series(["b", "a"]).cast(dtype)))


@pytest.mark.parametrize("texts", [["b", "a"], ["a", "a"]])
def test_texts_that_are_not_sorted_and_distinct_are_refused(texts):
    with pytest.raises(ParameterError, match="sorted distinct"):
        in_order(pl.Series(texts), uuid4().hex)


@given(_TEXTS)
def test_a_key_finds_the_same_values_as_text_and_as_categories(texts):
    table = pl.DataFrame({"id": list("hgfedc"), "x": [1.0, 2.0, None, 4.0, 5.0, 6.0]})
    rows = pl.DataFrame({"id": pl.Series(texts, dtype=pl.String)})
    expected = lookup(rows, "id", table, ("x", "absent"))
    coded = _in_order(texts).to_frame()
    assert expected["x"].to_list() == lookup(coded, "id", table, ("x",))["x"].to_list()
    assert lookup(coded, "id", table, ("absent",))["absent"].null_count() == len(texts)
    of_row = codes(rows["id"])
    by_level = lookup_levels(rows["id"], of_row, table).numbers("x")[of_row]
    np.testing.assert_array_equal(expected["x"].fill_null(float("nan")).to_numpy(), by_level)


def test_many_keys_find_the_same_values_as_few(monkeypatch):
    table = pl.DataFrame({"id": ["a", "b", None], "x": [1.0, 2.0, 3.0]})
    column = pl.Series("id", ["b", "z", "a", None, "b"])
    few = lookup_levels(column, codes(column), table).place
    monkeypatch.setattr("withintask.panel.transform._FEW", 0)
    np.testing.assert_array_equal(few, lookup_levels(column, codes(column), table).place)


def test_without_the_other_table_nothing_is_known():
    column = pl.Series("id", ["b", "a"])
    found = lookup_levels(column, codes(column), None)
    assert np.isnan(found.numbers("x")).all()
    assert found.values("x").null_count() == 3
