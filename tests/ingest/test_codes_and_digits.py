"""Numbers and codes that a spreadsheet, another script or another country changed."""

import polars as pl
import pytest

from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.oews.reference import load_bridge
from withintask.ingest.parse import parse_numbers
from withintask.panel.errors import SourceError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "oews"


@pytest.fixture
def saved(folder, tiny_book):
    def save(year=2024, *, row=0, **cells):
        folder.mkdir(exist_ok=True)
        book = tiny_book(year)
        for name, text in cells.items():
            book.change(row, name, text)
        book.save(folder)
        return folder

    return save


@pytest.mark.parametrize(
    "text", ["１２", "١٢٣", "१२", "1" * 400, "1e400", "inf", "nan", "0x10", "1_000", "½", "²", "−5"]
)
def test_only_the_digits_0_to_9_of_a_finite_number_are_read(saved, text):
    names = ("tot_emp", "a_mean", "h_mean", "emp_prse")
    with pytest.raises(SourceError) as caught:
        harmonize(saved(**dict.fromkeys(names, text)))
    for name in names:
        assert f"'{name.upper()}': 1 cells are no number" in str(caught.value)


@pytest.mark.parametrize("text", ["211.850", "211.85", "1.234.567", "0.5", "1.000"])
def test_jobs_with_a_point_are_another_country_s_thousands(saved, text):
    with pytest.raises(SourceError, match="'TOT_EMP': 1 cells"):
        harmonize(saved(tot_emp=text))


@pytest.mark.parametrize(
    ("text", "jobs"),
    [("211850", 211850.0), ("211,850", 211850.0), ("211850.0", 211850.0), ("1,234,567", 1234567.0)],
)
def test_whole_jobs_are_read_however_they_are_written(saved, text, jobs):
    wages = harmonize(saved(tot_emp=text)).wages
    assert wages.filter(pl.col("o_group") == "total")["tot_emp"].to_list() == [jobs]


@pytest.mark.parametrize("text", ["98.350", "1.234.567"])
def test_annual_wages_with_points_between_thousands_are_refused(saved, text):
    with pytest.raises(SourceError, match="'A_MEAN': 1 cells"):
        harmonize(saved(a_mean=text))


def test_the_zeros_of_all_industries_are_given_back(folder, tiny_book):
    folder.mkdir()
    book = tiny_book(2024)
    for row in range(len(book.rows)):
        book.change(row, "naics", "0")
    book.save(folder)
    found = harmonize(folder)
    assert found.wages["naics"].unique().to_list() == ["000000"]
    assert found.audit.select("n_kept", "n_repaired_naics").row(0) == (4, 4)


@pytest.mark.parametrize(
    ("place", "restored"),
    [
        ({"area": "1", "area_type": "2"}, "01"),
        ({"area": "100001", "area_type": "6"}, "0100001"),
    ],
)
def test_the_zero_of_an_area_is_given_back(saved, place, restored):
    wages = harmonize(saved(**place), level="all").wages
    assert restored in wages["area"].to_list()


@pytest.mark.parametrize("naics", ["0", "11300", "311", "1130000", "３１１０００", "31 33"])
def test_an_industry_that_lost_a_digit_is_refused_not_made_one_of_its_own(saved, naics):
    with pytest.raises(SourceError, match="naics is"):
        harmonize(saved(naics=naics, i_group="4-digit"), level="all")


def test_all_industries_that_call_themselves_one_are_refused(saved):
    with pytest.raises(SourceError, match="naics is 000000, i_group is not cross-industry"):
        harmonize(saved(naics="000000", i_group="sector"), level="all")


@pytest.mark.parametrize("area", ["1", "101", "10180000"])
def test_an_area_that_lost_a_digit_is_refused(saved, area):
    with pytest.raises(SourceError, match="area has not 2, 5 or 7 digits"):
        harmonize(saved(area=area, area_type="4"), level="all")


def test_codes_in_digits_of_another_script_are_refused(saved):
    with pytest.raises(SourceError, match="not of the form"):
        harmonize(saved(row=2, occ_code="１１-１０１１"))


@pytest.mark.parametrize("text", ["１２", "1" * 400, "inf", "1,5", "0x1F"])
def test_measures_take_only_finite_numbers_of_these_digits(text):
    rows = pl.DataFrame({"x": [text], "source_row": [2]})
    with pytest.raises(SourceError, match="1 cells are no numbers"):
        parse_numbers(rows, ["x"], "here")


def test_the_substitute_teachers_of_2014_to_2016_are_in_the_bridge(saved):
    bridge = load_bridge().filter(pl.col("classification") == "soc2010")
    found = bridge.filter(pl.col("occ_code").is_in(["25-3097", "25-3098"]))
    assert set(found["soc2018_code"]) == {"25-3031", "25-3041", "25-3099"}


def test_every_code_of_the_bridge_is_divided_among_its_parts_as_a_whole():
    total = load_bridge().group_by("classification", "occ_code").agg(pl.col("weight").sum())
    assert (total["weight"] - 1).abs().max() < 1e-12
