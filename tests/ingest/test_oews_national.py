"""The published national workbooks of May 2019-2024: counts from the source notes of the data."""

import polars as pl
import pytest

from withintask.ingest.oews.harmonize import harmonize

YEARS = range(2019, 2025)
pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def national(data_dir):
    return harmonize(data_dir / "bls_oews", YEARS)


def test_every_published_row_is_kept(national):
    assert national.audit.sort("year")["n_kept"].to_list() == [1329, 1329, 1403, 1402, 1403, 1403]


def test_no_row_is_lost_without_a_count(national):
    counts = national.audit.sum()
    assert counts["n_rows"].item() == counts["n_kept"].item() + counts["n_other_level"].item()
    assert counts["n_kept"].item() == national.wages.height


def test_detailed_occupations_are_counted_by_year(national):
    assert national.audit.sort("year")["n_detailed"].to_list() == [789, 789, 831, 830, 831, 831]


def test_top_coded_90th_percentiles_are_counted_by_year(national):
    top_coded = national.audit.sort("year")["n_top_coded_a_pct90"].to_list()
    assert top_coded == [33, 38, 51, 39, 41, 45]


def test_the_one_missing_employment_is_13_1074_in_2020(national):
    missing = national.wages.filter(pl.col("tot_emp_status") == "not_available")
    assert missing.select("year", "occ_code").rows() == [(2020, "13-1074")]
    assert missing["tot_emp"].to_list() == [None]


def test_top_coded_values_are_the_cap_of_their_year_as_a_bound(national):
    capped = national.wages.filter(pl.col("a_pct90_status") == "top_coded")
    caps = capped.group_by("year").agg(pl.col("a_pct90", "a_pct90_bound").unique()).sort("year")
    expected = [208_000.0] * 3 + [239_200.0] * 3
    assert caps["a_pct90"].explode().to_list() == expected
    assert set(caps["a_pct90_bound"].explode().to_list()) == {">="}


def test_there_are_59_annual_only_detailed_occupations_each_year(national):
    detailed = national.wages.filter(pl.col("o_group") == "detailed")
    counts = detailed.group_by("year").agg(pl.col("is_annual_only").sum()).sort("year")
    assert counts["is_annual_only"].to_list() == [59] * 6


def test_41_9012_in_2021_is_not_available_without_a_reason(national):
    row = national.wages.filter(pl.col("year") == 2021, pl.col("occ_code") == "41-9012")
    assert row["h_mean_status"].to_list() == ["not_available"]
    assert row["a_mean_status"].to_list() == ["not_available"]


def test_every_status_agrees_with_its_value_and_bound(national):
    for name in ("tot_emp", "h_mean", "a_pct10", "a_pct90", "pct_rpt", "mean_prse"):
        value, bound, status = (pl.col(f"{name}{s}") for s in ("", "_bound", "_status"))
        bounded = status.is_in(["top_coded", "below_half_percent"])
        wrong = national.wages.filter(
            (
                value.is_not_null()
                != (status.eq_missing(pl.lit("published")) | bounded.fill_null(False))
            )
            | (bound.is_not_null() != bounded.fill_null(False))
        )
        assert wrong.is_empty(), name


def test_codes_stand_as_broad_and_detailed_in_the_years_where_bls_says_so(national):
    both = (
        national.wages.group_by("year", "occ_code")
        .agg(pl.col("o_group").n_unique().alias("n"))
        .filter(pl.col("n") > 1)
        .group_by("year")
        .len()
    )
    assert dict(both.rows()) == {2019: 13, 2020: 13, 2021: 7, 2022: 7, 2023: 7, 2024: 7}


def test_re_saved_sector_codes_are_restored(data_dir):
    sectors = harmonize(data_dir / "bls_oews", [2022, 2023], level="industry")
    codes = set(sectors.wages["naics"])
    assert {"31-33", "44-45", "48-49"} <= codes
    assert not {"31", "44", "48"} & codes
    assert sectors.audit["n_repaired_naics"].min() > 0
    assert sectors.audit.sort("year")["n_kept"].to_list() == [15_997, 16_376]
