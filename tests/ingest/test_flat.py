"""BLS flat files: one line a value, joined with lookups where there are any."""

import gzip

import polars as pl
import pytest

from withintask.ingest.oews.harmonize import harmonize
from withintask.panel.errors import SourceError

HEADER = "series_id\tyear\tperiod\tvalue\tfootnote_codes"
DATATYPES = [f"{number:02d}" for number in range(1, 18)]


def series(datatype, *, letter="N", area="0000000", industry="000000", occupation="111011"):
    return f"OEU{letter}{area}{industry}{occupation}{datatype}"


def lines(cells=None, **place):
    """Return the lines of one occupation; `cells` maps datatypes to (value, footnote)."""
    chosen = dict.fromkeys(DATATYPES, ("10", "")) | (cells or {})
    return [f"{series(d, **place)}\t2025\tA01\t{v}\t{f}" for d, (v, f) in chosen.items()]


def write(folder, rows, name="oe.data.0.Current"):
    (folder / name).write_text("\n".join([HEADER, *rows]) + "\n")


def read(folder, level="all"):
    return harmonize(folder, level=level)


def test_one_occupation_becomes_one_row_without_lookups(tmp_path):
    write(tmp_path, lines({"01": ("211230", ""), "15": ("742310", "")}))
    (row,) = read(tmp_path).wages.to_dicts()
    assert (row["occ_code"], row["o_group"], row["level"]) == ("11-1011", "detailed", "national")
    assert (row["tot_emp"], row["a_pct90"], row["occ_title"]) == (211_230.0, 742_310.0, None)


def test_lookups_beside_the_file_give_titles_and_the_top_code(tmp_path):
    write(tmp_path, lines({"15": ("-", "5")}))
    (tmp_path / "oe.occupation").write_text("occupation_code\toccupation_name\n111011\tChiefs\n")
    (tmp_path / "oe.area").write_text("state_code\n")
    note = "5\tThis wage is equal to or greater than $120.00 per hour or $249,600 per year."
    (tmp_path / "oe.footnote").write_text(f"footnote_code\tfootnote_text\n{note}\n")
    (tmp_path / "oe.area").write_text("area_code\tarea_name\n0000000\tNational\n")
    (row,) = read(tmp_path).wages.to_dicts()
    assert (row["occ_title"], row["area_title"], row["a_pct90"]) == (
        "Chiefs",
        "National",
        249_600.0,
    )


def test_padded_columns_and_gzip_give_the_same_row(tmp_path):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.mkdir()
    packed.mkdir()
    write(plain, lines())
    padded = "\n".join(
        [HEADER.replace("\t", "   \t  ")] + [r.replace("\t", "  \t  ") for r in lines()]
    )
    (packed / "oe.data.0.Current.gz").write_bytes(gzip.compress(padded.encode()))
    one, two = (read(folder).wages.drop("source_file") for folder in (plain, packed))
    assert one.equals(two)


def test_footnotes_become_the_marks_of_the_workbooks(tmp_path):
    hourly = {f"{n:02d}": ("-", "4") for n in (3, 6, 7, 8, 9, 10)}
    write(tmp_path, lines({"01": ("-", "8"), "15": ("-", "5"), "14": ("-", "8"), **hourly}))
    (row,) = read(tmp_path).wages.to_dicts()
    found = {n: row[f"{n}_status"] for n in ("tot_emp", "a_pct90", "a_pct75", "h_mean", "a_mean")}
    assert found == {
        "tot_emp": "not_available",
        "a_pct90": "top_coded",
        "a_pct75": "not_available",
        "h_mean": "annual_only",
        "a_mean": "published",
    }
    assert row["is_annual_only"]


@pytest.mark.parametrize(
    ("letter", "area", "expected"),
    [
        ("N", "0000000", ("99", "1", "national")),
        ("S", "0100000", ("01", "2", "state")),
        ("S", "7200000", ("72", "3", "state")),
        ("M", "0010180", ("10180", "4", "metro")),
        ("M", "0100001", ("0100001", "6", "nonmetro")),
    ],
)
def test_areas_are_named_as_in_the_workbooks(tmp_path, letter, area, expected):
    write(tmp_path, lines(letter=letter, area=area))
    assert read(tmp_path).wages.select("area", "area_type", "level").row(0) == expected


@pytest.mark.parametrize(
    ("industry", "expected"),
    [
        ("000000", ("000000", "cross-industry", "national")),
        ("000001", ("000001", "cross-industry, ownership", "industry")),
        ("31--34", ("31-33", "sector", "industry")),
        ("11--12", ("11", "sector", "industry")),
        ("99-100", ("99", "sector", "industry")),
        ("113000", ("113000", "3-digit", "industry")),
        ("113300", ("113300", "4-digit", "industry")),
        ("221118", ("221118", "6-digit", "industry")),
    ],
)
def test_industries_are_named_as_in_the_workbooks(tmp_path, industry, expected):
    write(tmp_path, lines(industry=industry))
    assert read(tmp_path).wages.select("naics", "i_group", "level").row(0) == expected


def test_other_area_types_are_not_read_when_a_level_is_asked_for(tmp_path):
    write(tmp_path, [*lines(), *lines(letter="S", area="0100000")])
    assert read(tmp_path, "state").wages["area"].to_list() == ["01"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("OEUN00000000000001110110\t2025\tA01\t1\t", "series id is not OE"),
        (f"{series('99')}\t2025\tA01\t1\t", "datatype is unknown"),
        (f"{series('01', occupation='111021')}\t2025\tM05\t1\t", "period is not A01"),
        (f"{series('01', occupation='111021')}\t25\tA01\t1\t", "year is not a number"),
        (f"{series('01', occupation='111021')}\t2025\tA01\tmany\t", "neither a number nor '-'"),
        (f"{series('01', occupation='111021')}\t2025\tA01\t-\t", "neither a number nor '-'"),
        (f"{series('15', occupation='111021')}\t2025\tA01\t-\t7", "neither a number nor '-'"),
        (f"{series('01')}\t2025\tA01\t11\t", "1 series stand twice"),
        (f"{series('01', occupation='999999')}\t2025\tA01\t1\t", "in no list of oews2021"),
        (f"{series('01', occupation='111021')}\t2031\tA01\t1\t", "year 2031 is not known"),
    ],
)
def test_a_bad_line_is_refused_by_its_kind(tmp_path, line, reason):
    write(tmp_path, [*lines(), line])
    with pytest.raises(SourceError) as caught:
        read(tmp_path)
    assert reason in str(caught.value)
    assert "oe.data.0.Current" in str(caught.value)


def test_a_file_with_other_columns_is_refused(tmp_path):
    (tmp_path / "oe.data.0.Current").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"oe\.data\.0\.Current: not a flat file"):
        read(tmp_path)


def test_a_truncated_gzip_is_refused(tmp_path):
    content = gzip.compress("\n".join([HEADER, *lines()]).encode())
    (tmp_path / "oe.data.0.Current.gz").write_bytes(content[:-20])
    with pytest.raises(SourceError, match="not a complete gzip file"):
        read(tmp_path)


@pytest.mark.real_data
def test_every_value_of_the_state_file_is_counted(data_dir):
    audit = harmonize(data_dir / "bls_oews", level="state").audit
    assert audit.select("n_kept", "n_cells", "year").rows() == [(37_408, 635_936, 2025)]


@pytest.mark.real_data
def test_marks_of_the_state_file_are_all_kept(data_dir):
    wages = harmonize(data_dir / "bls_oews", level="state").wages
    counts = {"top_coded": 0, "not_available": 0, "annual_only": 0, "hourly_only": 0}
    for name in (n for n in wages.columns if n.endswith("_status")):
        for status, n in wages[name].drop_nulls().value_counts().rows():
            counts[status] = counts.get(status, 0) + n
    # Lines with "-" in the file, by footnote: 5 in 1,114, 8 in 11,993, 4 in 15,870.
    assert counts["top_coded"] == 1_114
    assert counts["not_available"] == 11_993
    assert counts["annual_only"] + counts["hourly_only"] == 15_870


@pytest.mark.real_data
def test_the_2025_national_percentiles_stand_above_the_old_cap(data_dir):
    wages = harmonize(data_dir / "bls_oews", [2025]).wages
    assert wages["a_pct90"].max() == 742_310
    assert wages.filter(pl.col("o_group") == "detailed").height == 830


@pytest.mark.real_data
def test_levels_of_occupations_agree_with_the_published_list(data_dir):
    folder = data_dir / "bls_oews"
    listed = pl.read_csv(
        folder / "flat_2025A01" / "oe.occupation.tsv", separator="\t", infer_schema=False
    ).filter(pl.col("display_level") == "3")
    wages = harmonize(folder, [2025]).wages.filter(pl.col("o_group") == "detailed")
    assert set(wages["occ_code"].str.replace("-", "")) == set(listed["occupation_code"])
