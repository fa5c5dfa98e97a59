"""Comparable occupations: strict keeps single codes, merged the smallest common aggregates."""

import polars as pl
import pytest

from withintask.ingest.oews.comparable import comparable_codes
from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.oews.reference import load_bridge
from withintask.panel.errors import ParameterError

# 13-1020 is one code in the hybrid structure and from 2021 on; 15-1256 of 2019 was split into
# 15-1252 and 15-1253 in 2021 (BLS, hybrid structure of May 2019 and 2020).
OLD = [("11-1011", 100, "20"), ("15-1256", 500, "30")]
NEW = [("11-1011", 110, "22"), ("15-1252", 300, "31"), ("15-1253", 100, "#")]


@pytest.fixture
def wages(tmp_path, tiny_book):
    for year, codes in ((2020, OLD), (2021, NEW)):
        book = tiny_book(year)
        plain = book.rows[2]
        book.rows = []
        for code, employment, top in codes:
            book.rows.append(list(plain))
            book.change(-1, "occ_code", code).change(-1, "tot_emp", str(employment))
            book.change(-1, "a_pct90", top).change(-1, "a_mean", top.replace("#", "39"))
        book.save(tmp_path)
    return harmonize(tmp_path).wages


def test_strict_keeps_codes_that_every_year_publishes(wages):
    found = comparable_codes(wages)
    assert found.wages.select("year", "comparable_code", "n_codes").rows() == [
        (2020, "11-1011", 1),
        (2021, "11-1011", 1),
    ]


def test_strict_says_why_the_other_codes_are_left_out(wages):
    reasons = comparable_codes(wages).dropped.select("occ_code", "reason").rows()
    assert reasons == [
        (code, "only comparable when merged with other codes")
        for code in ("15-1256", "15-1252", "15-1253")
    ]


def test_merged_sums_employment_and_weights_the_mean(wages):
    merged = comparable_codes(wages, bridge="merged").wages.filter(pl.col("n_codes") == 2)
    (row,) = merged.iter_rows(named=True)
    assert (row["comparable_code"], row["occ_codes"]) == ("15-1252", "15-1252 15-1253")
    assert (row["tot_emp"], row["tot_emp_status"]) == (400.0, "merged")
    assert row["a_mean"] == pytest.approx((300 * 31 + 100 * 39) / 400, rel=1e-12)


def test_merged_percentiles_are_bounds_and_never_averages(wages):
    merged = comparable_codes(wages, bridge="merged").wages
    row = merged.filter(pl.col("n_codes") == 2).row(0, named=True)
    assert (row["a_pct90"], row["a_pct90_low"], row["a_pct90_high"]) == (None, 31.0, None)
    assert row["a_pct90_status"] == "merged"
    # All parts have the same published 10th percentile, so the mixture has it too.
    assert (row["a_pct10"], row["a_pct10_low"], row["a_pct10_high"]) == (10.0, 10.0, 10.0)


def test_employment_is_the_same_before_and_after_merging(wages):
    merged = comparable_codes(wages, bridge="merged").wages
    before = wages.group_by("year").agg(pl.col("tot_emp").sum()).sort("year")
    after = merged.group_by("year").agg(pl.col("tot_emp").sum()).sort("year")
    assert after.equals(before)


def test_an_area_that_suppresses_a_part_does_not_cover_the_group(wages):
    state = wages.with_columns(area=pl.lit("01"), level=pl.lit("state"))
    partial = pl.concat([wages, state.filter(pl.col("occ_code") != "15-1253")])
    merged = comparable_codes(partial, bridge="merged").wages
    groups = merged.filter(pl.col("area") == "01", pl.col("year") == 2021)["comparable_code"]
    assert groups.to_list() == ["11-1011"]


def test_broad_rows_are_never_counted(wages):
    broad = wages.with_columns(o_group=pl.lit("broad"))
    both = comparable_codes(pl.concat([wages, broad])).wages
    assert both.equals(comparable_codes(wages).wages)


def test_an_unknown_bridge_is_refused(wages):
    with pytest.raises(ParameterError, match="strict, merged"):
        comparable_codes(wages, bridge="loose")


@pytest.mark.parametrize("classification", ["hybrid2019", "oews2021"])
def test_current_classifications_are_partitions_of_soc_2018(classification):
    links = load_bridge().filter(pl.col("classification") == classification)
    assert links["soc2018_code"].is_duplicated().sum() == 0


def test_the_weights_of_every_code_add_up_to_one():
    total = load_bridge().group_by("classification", "occ_code").agg(pl.col("weight").sum())
    # Weights are stored with six decimals; a code has at most 24 parts.
    assert total["weight"].is_between(1 - 24e-6, 1 + 24e-6).all()


def test_links_say_whether_codes_split_or_merge():
    links = load_bridge()
    by_code = {
        (row["classification"], row["occ_code"]): row["link"] for row in links.iter_rows(named=True)
    }
    assert by_code["hybrid2019", "15-1256"] == "split"
    assert by_code["oes2018", "35-3021"] == "merge"
    assert by_code["oews2021", "11-1011"] == "one_to_one"


@pytest.fixture(scope="module")
def national(data_dir):
    return harmonize(data_dir / "bls_oews", range(2019, 2025)).wages


@pytest.mark.real_data
def test_758_detailed_codes_are_comparable_in_2019_to_2023(national):
    strict = comparable_codes(national.filter(pl.col("year") <= 2023)).wages
    assert strict.group_by("year").len()["len"].to_list() == [758] * 5


@pytest.mark.real_data
def test_strict_codes_hold_94_to_95_percent_of_employment(national):
    total = national.filter(pl.col("o_group") == "total").select("year", total="tot_emp")
    strict = comparable_codes(national.filter(pl.col("year") <= 2023)).wages
    share = strict.group_by("year").agg(pl.col("tot_emp").sum()).join(total, on="year")
    shares = share.select(pl.col("tot_emp") / pl.col("total")).to_series()
    assert shares.is_between(0.94, 0.9503).all()


@pytest.mark.real_data
def test_merged_groups_lose_only_29_1024_that_2022_does_not_publish(national):
    merged = comparable_codes(national, bridge="merged")
    assert merged.dropped["occ_code"].unique().to_list() == ["29-1024"]
    assert merged.wages.group_by("year").len()["len"].unique().to_list() == [788]


@pytest.mark.real_data
def test_the_shipped_reference_is_what_the_published_files_give(data_dir):
    from withintask.ingest.oews.make_reference import make_reference
    from withintask.ingest.oews.reference import load_codes

    codes, links = make_reference(data_dir)
    assert load_codes().equals(codes)
    keys = ["classification", "occ_code", "soc2018_code", "link", "weight_basis"]
    assert load_bridge().select(keys).equals(links.select(keys))
