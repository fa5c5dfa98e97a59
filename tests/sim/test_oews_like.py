"""An economy in the layout of OEWS, written as a workbook and read back like a published one."""

import polars as pl
import pytest

from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.oews.reference import load_codes
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.oews.writer import write_national_workbook
from withintask.panel.errors import ParameterError
from withintask.sim.oews_like import OewsYear, oews_like

YEARS = (2022, 2023)
TEACHER, UNKNOWN_WAGE = 3, 5
# Dear years, so that the model's pay, less dispersed than real pay, reaches the top code.
ANNUAL_MEAN_USD = 180_000.0


@pytest.fixture(scope="module")
def occupations(economy):
    known = load_codes().filter(
        pl.col("classification") == "oews2021", pl.col("o_group") == "detailed"
    )
    codes = known["occ_code"].sort().head(economy.params.n_occupations)
    return [(code, f"Occupation {code}") for code in codes]


@pytest.fixture(scope="module")
def years():
    top = {year: load_layouts().vintage(year).top_code for year in YEARS}
    return {
        year: OewsYear(
            is_post=year == YEARS[1],
            top_code_hourly_usd=top[year].hourly_usd,
            top_code_annual_usd=top[year].annual_usd,
            annual_mean_usd=ANNUAL_MEAN_USD,
            n_jobs=1e8,
        )
        for year in YEARS
    }


@pytest.fixture(scope="module")
def frame(economy, occupations, years):
    return oews_like(
        economy,
        years,
        occupations,
        annual_only=[occupations[TEACHER][0]],
        not_available=[occupations[UNKNOWN_WAGE][0]],
    )


@pytest.fixture(scope="module")
def read_back(frame, tmp_path_factory):
    folder = tmp_path_factory.mktemp("oews")
    for year in YEARS:
        write_national_workbook(
            frame.filter(pl.col("year") == year), folder / f"national_M{year}_dl.xlsx", year
        )
    return harmonize(folder).wages.sort("year", "o_group", "occ_code")


def test_values_bounds_and_marks_come_back_from_a_workbook(frame, read_back):
    written = frame.sort("year", "o_group", "occ_code")
    assert read_back.height == written.height
    assert read_back["is_synthetic"].all()
    for name in (
        "tot_emp",
        *(c for c in frame.columns if c[:2] in ("h_", "a_") and "_" not in c[2:]),
    ):
        found, expected = read_back[name], written[name]
        assert found.is_null().to_list() == expected.is_null().to_list(), name
        assert found.drop_nulls().to_list() == pytest.approx(
            expected.drop_nulls().to_list(), rel=1e-12
        ), name
        if name != "tot_emp":
            bounds = read_back[f"{name}_bound"].cast(pl.String)
            assert bounds.to_list() == written[f"{name}_bound"].to_list(), name


def test_some_high_percentiles_are_top_coded_and_no_low_one(frame):
    assert (frame["a_pct90_status"] == "top_coded").sum() > 0
    assert (frame["a_pct10_status"] == "top_coded").sum() == 0
    capped = frame.filter(pl.col("a_pct90_status") == "top_coded")
    assert set(capped["a_pct90"]) == {239_200.0}
    assert set(capped["a_pct90_bound"]) == {">="}


def test_annual_only_occupations_have_no_hourly_wage(frame, occupations):
    rows = frame.filter(pl.col("occ_code") == occupations[TEACHER][0])
    assert rows["h_mean"].null_count() == rows.height
    assert set(rows["h_mean_status"]) == {"annual_only"}
    assert rows["a_mean"].null_count() == 0
    assert rows["is_annual_only"].all()


def test_occupations_without_wages_say_so(frame, occupations):
    rows = frame.filter(pl.col("occ_code") == occupations[UNKNOWN_WAGE][0])
    assert set(rows["a_median_status"]) == {"not_available"}
    assert rows["a_median"].null_count() == rows.height


def test_mean_pay_before_ai_is_the_mean_asked_for(frame, years):
    total = frame.filter(pl.col("o_group") == "total", pl.col("year") == YEARS[0])
    # Rounded to ten dollars; the joint points differ from exact means by quadrature, under one part in a thousand.
    assert total["a_mean"].item() == pytest.approx(years[YEARS[0]].annual_mean_usd, rel=1e-3)


def test_ai_narrows_pay_in_exposed_occupations_by_this_table(economy, frame, occupations):
    exposed = (economy.population.exposure > 0).any(axis=1)
    ratio = (
        frame.filter(pl.col("o_group") == "detailed")
        .with_columns(ratio=pl.col("a_pct75") / pl.col("a_pct25"))
        .pivot("year", index="occ_code", values="ratio")
        .drop_nulls()
    )
    is_exposed = {code: bool(flag) for (code, _), flag in zip(occupations, exposed, strict=True)}
    for code, before, after in ratio.iter_rows():
        if is_exposed[code]:
            assert after < before, code


@pytest.mark.parametrize("n", [0, 39, 41])
def test_the_number_of_occupations_must_be_the_economys(economy, years, occupations, n):
    with pytest.raises(ParameterError, match="expected 40"):
        oews_like(economy, years, [*occupations, ("99-9999", "More")][:n])


def test_all_wrong_codes_are_named_at_once(economy, years, occupations):
    doubled = [*occupations[:-1], occupations[0]]
    with pytest.raises(ParameterError) as error:
        oews_like(economy, years, doubled, annual_only=["00-1111"])
    assert "2 problems" in str(error.value)
