"""Measures of one's own: any classification of the bridge, any range, refused by name if unclear."""

import numpy as np
import polars as pl
import pytest

from withintask.ingest.database import query
from withintask.ingest.exposure.isco import exposure_by_isco
from withintask.ingest.exposure.own import add_measure
from withintask.ingest.store import build_store
from withintask.ingest.tables import Table, column
from withintask.panel.errors import ParameterError, SchemaError, SourceError

ROWS = "soc,score,title\n11-1011,-3.5,a\n15-1252,2.25,b\n29-1141,,c\n15-1251,0.5,d\n"


@pytest.fixture
def table(tmp_path):
    def write(text=ROWS, name="mine.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def values(rows, measure):
    chosen = rows.filter(pl.col("measure") == measure)
    return dict(chosen.select("source_code", "value").rows())


def test_a_table_becomes_a_measure_with_negative_values_and_blanks_unknown(table):
    added = add_measure(table(), code="soc2018", value="score")
    assert values(added.rows, "score") == {
        "11-1011": -3.5,
        "15-1252": 2.25,
        "29-1141": None,
        "15-1251": 0.5,
    }
    assert added.unmatched == []


@pytest.mark.parametrize(
    ("scale", "expected"),
    [("minmax", [0.0, 1.0, 4 / 5.75]), ("rank", [0.0, 1.0, 0.5])],
)
def test_the_same_on_another_scale_stands_beside_it(table, scale, expected):
    added = add_measure(table(), code="soc2018", value="score", scale=scale)
    found = values(added.rows, f"score_{scale}")
    assert found["29-1141"] is None
    np.testing.assert_allclose(
        [found["11-1011"], found["15-1252"], found["15-1251"]], expected, rtol=1e-12
    )


def test_a_z_score_has_mean_zero_and_standard_deviation_one(table):
    added = add_measure(table(), code="soc2018", value="score", scale="zscore")
    found = pl.Series(list(values(added.rows, "score_zscore").values())).drop_nulls()
    assert abs(found.mean()) < 1e-12
    assert abs(found.std() - 1) < 1e-12


@pytest.mark.parametrize(
    ("code", "cell", "soc"),
    [
        ("soc2018", "111011", "11-1011"),
        ("soc2018", "13-1020", "13-1021"),
        ("soc2010", "15-1133", "15-1252"),
        ("onet2019", "11-1011.03", "11-1011"),
        ("onet2010", "15-1133.00", "15-1253"),
        ("oes2018", "25-3098", "25-3031"),
        ("hybrid2019", "31-1120", "31-1121"),
    ],
)
def test_any_classification_of_the_bridge_will_do(table, code, cell, soc):
    other = "11-2011.00" if code.startswith("onet") else "11-2011"
    rows = add_measure(table(f"c,v\n{cell},1\n{other},2\n"), code=code, value="v").rows
    assert soc in rows["soc2018_code"].to_list()


def test_isco_goes_through_the_crosswalk_beside_the_table(table, tmp_path):
    path = table("isco,v\n1120,1\n2512,2\n")
    with pytest.raises(SourceError, match="isco_soc_crosswalk"):
        add_measure(path, code="isco08", value="v")
    (tmp_path / "isco_soc_crosswalk.csv").write_text(
        "ISCO-08 Code,2010 SOC Code\n1120,11-1011\n2512,15-1132\n"
    )
    rows = add_measure(path, code="isco08", value="v").rows
    assert {"11-1011", "15-1252"} <= set(rows["soc2018_code"])


@pytest.mark.parametrize(
    ("text", "asked", "fault", "reason"),
    [
        (ROWS, {"code": "isco88"}, ParameterError, "classification 'isco88' is not one of"),
        (ROWS, {"scale": "log"}, ParameterError, "scale 'log' is not one of"),
        (ROWS, {"name": "My Score"}, ParameterError, "name 'My Score'"),
        (ROWS, {"value": "absent"}, SourceError, "no column 'absent'"),
        (ROWS, {"code_column": "x"}, SourceError, "no column 'x'"),
        (ROWS, {"code": "onet2019"}, SourceError, "which column has the onet2019 codes"),
        ("a,b,score\n11-1011,11-1011,1\n15-1252,15-1252,2\n", {}, SourceError, "a, b. Say it"),
        ("soc,score\n11-1011,1\n11-1011,2\n", {}, SourceError, "1 codes stand twice: 11-1011"),
        ("soc,score\n11-1011,high\n15-1252,2\n", {}, SourceError, "row 2 'high'"),
        ("soc,score\n11-1011,1\n15-1252,1\n", {}, SourceError, "values are all the same"),
        (
            "soc,score\n15-1131,1\n15-1132,2\n15-1133,3\n",
            {},
            SourceError,
            "100% of the codes are not of soc2018.*Of soc2010 100% are",
        ),
    ],
)
def test_what_is_unclear_is_refused_by_name(table, text, asked, fault, reason):
    with pytest.raises(fault, match=reason):
        add_measure(table(text), **{"code": "soc2018", "value": "score", **asked})


def test_a_measure_of_a_name_that_another_table_has_is_refused(table):
    add_measure(table(), code="soc2018", value="score")
    with pytest.raises(ParameterError, match="describes another file already"):
        add_measure(table(name="other.csv"), code="soc2018", value="score")


def test_a_store_reads_it_again_only_if_table_or_description_change(table, tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    path = table()
    texts = {"unit": "points", "citation": "me"}
    add_measure(path, code="soc2018", value="score", scale="rank", texts=texts)
    db = tmp_path.parent / f"{tmp_path.name}.duckdb"
    assert build_store(tmp_path, db).n_read == 2
    assert build_store(tmp_path, db).n_read == 0
    described = query(db, "SELECT measure, unit, citation, n_rows FROM exposure_measure ORDER BY 1")
    assert described.rows() == [("score", "points", "me", 3), ("score_rank", "rank", "me", 3)]
    path.write_text(ROWS.replace("2.25", "9"))
    assert build_store(tmp_path, db).n_read == 1
    top = query(db, "SELECT max(value) FROM exposure_by_soc WHERE measure = 'score'").item()
    assert top == 9.0


def test_a_description_without_its_table_is_named(table, tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    path = table()
    add_measure(path, code="soc2018", value="score")
    path.unlink()
    with pytest.raises(SourceError, match=r"mine\.csv is not beside it"):
        build_store(tmp_path, tmp_path / "s.duckdb")
    build_store(tmp_path, tmp_path / "s.duckdb", skip=["*.exposure.toml"])


def test_soc_measures_go_to_isco_through_the_same_crosswalk(table, tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    add_measure(table("soc,v\n11-1011,1\n11-1021,3\n11-2011,5\n"), code="soc2018", value="v")
    build_store(tmp_path, tmp_path / "s.duckdb")
    crosswalk = tmp_path / "isco_soc_crosswalk.csv"
    crosswalk.write_text("ISCO-08 Code,2010 SOC Code\n1120,11-1011\n1120,11-1021\n1222,11-2011\n")
    rows = exposure_by_isco(tmp_path / "s.duckdb", crosswalk)
    assert rows.select("isco_code", "value", "n_soc_codes").rows() == [
        ("1120", 2.0, 2),
        ("1222", 5.0, 1),
    ]


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"absent\.csv: no such file"):
        add_measure(tmp_path / "absent.csv", code="soc2018", value="v")


@pytest.mark.parametrize("value", [1.5, 2.0**60])
def test_a_number_that_a_whole_one_cannot_hold_is_refused_not_cut(value):
    frame = pl.DataFrame({"year": [value]})
    whole = Table(name="t", description="", columns=(column("year", pl.Int64, ""),), key=("year",))
    with pytest.raises(SchemaError, match="year: 1 values are no whole numbers"):
        whole.conform(frame)
