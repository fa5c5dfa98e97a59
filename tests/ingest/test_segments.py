"""Comparisons across the 2021 break are refused or say so; old caps can be applied again."""

import polars as pl
import pytest

from withintask.ingest.oews.comparable import comparable_codes
from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.oews.recensor import recensor
from withintask.ingest.oews.segments import compare_periods
from withintask.panel.errors import ParameterError


@pytest.fixture
def wages(tmp_path, tiny_book):
    for year, wage in ((2019, "100"), (2020, "110"), (2021, "121")):
        tiny_book(year).change(2, "a_median", wage).save(tmp_path)
    return harmonize(tmp_path).wages


def chief(comparison):
    return comparison.changes.filter(pl.col("comparable_code") == "11-1011").row(0, named=True)


def test_every_row_carries_the_segment_of_its_year(wages):
    assert wages.select("year", "segment").unique().sort("year").rows() == [
        (2019, "hybrid"),
        (2020, "hybrid"),
        (2021, "mb3"),
    ]


def test_years_of_one_segment_compare_without_a_note(wages):
    rows = comparable_codes(wages).wages
    found = compare_periods(rows, "a_median", from_year=2019, to_year=2020)
    assert (found.across_break, found.note) == (False, "")
    assert chief(found)["change_log"] == pytest.approx(0.0953101798, rel=1e-9)  # log 1.1


def test_years_on_two_sides_of_the_break_are_refused(wages):
    rows = comparable_codes(wages).wages
    with pytest.raises(ParameterError, match="across_break=True"):
        compare_periods(rows, "a_median", from_year=2020, to_year=2021)


def test_a_comparison_across_the_break_says_so_in_its_result(wages):
    rows = comparable_codes(wages).wages
    found = compare_periods(rows, "a_median", from_year=2020, to_year=2021, across_break=True)
    assert found.across_break
    assert "lie on both sides of a break" in found.note
    assert found.changes["across_break"].all()


def test_a_bound_gives_no_change(wages):
    rows = comparable_codes(wages).wages
    found = compare_periods(rows, "a_pct90", from_year=2019, to_year=2020)
    assert chief(found)["change_log"] is None


def test_rows_that_are_not_unique_are_refused(wages):
    both = pl.concat([wages, wages.with_columns(o_group=pl.lit("broad"))])
    with pytest.raises(ParameterError, match="several rows an occupation"):
        compare_periods(both, "a_median", from_year=2019, to_year=2020)


def test_a_missing_column_and_a_missing_year_are_named(wages):
    with pytest.raises(ParameterError, match="no column 'a_pct99'"):
        compare_periods(wages, "a_pct99", from_year=2019, to_year=2020)
    with pytest.raises(ParameterError, match="no rows of 2018"):
        compare_periods(wages, "a_median", from_year=2018, to_year=2018)


def test_recensoring_shows_percentiles_above_the_old_cap_as_that_bound(tmp_path, tiny_book):
    book = tiny_book(2025).change(2, "a_pct90", "742310").change(2, "a_pct75", "239190")
    book.change(2, "a_mean", "300000").change(2, "h_pct90", "115").save(tmp_path)
    capped = recensor(harmonize(tmp_path).wages, 2024)
    row = capped.filter(pl.col("occ_code") == "11-1011").row(0, named=True)
    names = ("a_pct90", "h_pct90", "a_pct75", "a_mean")
    assert {n: (row[n], row[f"{n}_bound"], row[f"{n}_status"]) for n in names} == {
        "a_pct90": (239_200.0, ">=", "top_coded"),
        "h_pct90": (115.0, ">=", "top_coded"),
        "a_pct75": (239_190.0, None, "published"),
        "a_mean": (300_000.0, None, "published"),
    }


def test_a_row_with_a_lower_cap_keeps_its_bound(tmp_path, tiny_book):
    tiny_book(2021).save(tmp_path)
    wages = harmonize(tmp_path).wages
    capped = recensor(wages, 2024)
    names = ["a_pct90", "top_code_annual_usd"]
    assert capped.select(names).equals(wages.select(names))


@pytest.mark.real_data
def test_recensored_2025_has_no_percentile_above_the_2024_cap(data_dir):
    wages = harmonize(data_dir / "bls_oews", [2024, 2025]).wages
    capped = recensor(wages, 2024)
    assert capped["a_pct90"].max() == 239_200
    counts = (
        capped.filter(pl.col("o_group") == "detailed")
        .group_by("year")
        .agg((pl.col("a_pct90_status") == "top_coded").sum())
    )
    top_coded = dict(counts.rows())
    assert top_coded[2024] == 45
    assert top_coded[2025] > 0
