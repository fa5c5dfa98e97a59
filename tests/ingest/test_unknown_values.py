"""What is not known stays unknown in the views: no blank counts as a zero."""

import duckdb
import polars as pl
import pytest

from withintask.ingest.database import create_table, insert
from withintask.ingest.exposure.anthropic_index import occupation_shares
from withintask.ingest.exposure.schema import EXPOSURE_OCCUPATION
from withintask.ingest.oews.reference import SOC_BRIDGE, load_bridge
from withintask.ingest.oews.schema import OEWS
from withintask.ingest.onet.schema import ONET_RATING
from withintask.ingest.registry import TABLES
from withintask.ingest.views import VIEWS

SHARED = {"source": "s", "release": "1", "measure": "m", "source_title": None, "source_file": "f"}


def rating(code, soc, value, *, aggregation="mean", weight=1.0):
    return {
        **SHARED,
        "source_code": code,
        "soc2018_code": soc,
        "value": value,
        "aggregation": aggregation,
        "weight": weight,
        "match_quality": "exact",
    }


def store(*, exposure=(), codes=(), ratings=()):
    connection = duckdb.connect()
    for table in TABLES:
        create_table(connection, table)
    insert(connection, SOC_BRIDGE, load_bridge())
    insert(connection, EXPOSURE_OCCUPATION, frame(EXPOSURE_OCCUPATION, exposure))
    insert(connection, OEWS, frame(OEWS, codes))
    insert(connection, ONET_RATING, frame(ONET_RATING, ratings))
    for view in VIEWS:
        connection.execute(f"CREATE VIEW {view.table.name} AS {view.sql}")
    return connection


def frame(table, rows):
    return pl.DataFrame(
        [{name: row.get(name) for name in table.names} for row in rows], schema=table.schema
    )


def published(code, year=2023):
    return {"year": year, "occ_code": code, "o_group": "detailed"}


def values(connection, view, columns="value"):
    return connection.sql(f"SELECT {columns} FROM {view} ORDER BY ALL").fetchall()


def test_a_blank_rating_is_left_out_of_the_mean_and_counted():
    rows = [rating("11-1011.00", "11-1011", 0.8), rating("11-1011.03", "11-1011", None)]
    found = values(store(exposure=rows), "exposure_by_soc", "value, n_source_codes, n_unknown")
    assert found == [(0.8, 1, 1)]


def test_blanks_equal_rows_that_are_not_there():
    rows = [rating(f"11-1011.0{n}", "11-1011", v) for n, v in enumerate([0.2, 0.6, 0.7])]
    blank = [rating("11-1011.08", "11-1011", None), rating("11-1011.09", "11-1011", None)]
    assert values(store(exposure=rows), "exposure_by_soc") == values(
        store(exposure=rows + blank), "exposure_by_soc"
    )


@pytest.mark.parametrize("aggregation", ["mean", "sum"])
def test_an_occupation_of_blanks_alone_has_no_value(aggregation):
    rows = [rating("11-1011.00", "11-1011", None, aggregation=aggregation)]
    connection = store(exposure=rows, codes=[published("11-1011")])
    assert values(connection, "exposure_by_soc") == [(None,)]
    assert values(connection, "exposure_by_oews") == []


def test_a_published_code_is_the_mean_of_the_parts_that_are_known():
    # 13-1020 of May 2023 is 13-1021, 13-1022 and 13-1023.
    rows = [rating("13-1021.00", "13-1021", 0.9), rating("13-1022.00", "13-1022", None)]
    connection = store(exposure=rows, codes=[published("13-1020")])
    ((value, covered),) = values(connection, "exposure_by_oews", "value, covered_share")
    assert value == pytest.approx(0.9, rel=1e-12)
    assert covered == pytest.approx(1 / 3, rel=1e-12)


def test_shares_of_all_published_codes_add_up_to_what_the_source_has():
    # Of 2014-2016 several codes became one of SOC 2018; none of its share is counted twice.
    old = load_bridge().filter(pl.col("classification") == "soc2010")
    parts = old.filter(pl.col("soc2018_code").is_in(["39-1013", "15-2099", "15-2051"]))
    codes = [published(code, 2015) for code in parts["occ_code"].unique()]
    soc = parts["soc2018_code"].unique().to_list()
    rows = [rating(code, code, 10.0, aggregation="sum") for code in soc]
    connection = store(exposure=rows, codes=codes)
    total = connection.sql("SELECT sum(value) FROM exposure_by_oews").fetchall()[0][0]
    assert total == pytest.approx(10.0 * len(soc), rel=1e-12)


def test_an_index_share_that_is_blank_adds_nothing_and_is_no_zero():
    task = {"source_code": "11-1011.00", "source_title": "Chiefs", "text_weight": 1.0, **SHARED}
    tasks = pl.DataFrame([{**task, "value": 3.0}, {**task, "value": None}])
    assert occupation_shares(tasks)["value"].to_list() == [3.0]
    assert occupation_shares(tasks.filter(pl.col("value").is_null()))["value"].to_list() == [None]


def education(category, value):
    return {
        "release": "29.2",
        "onetsoc_code": "11-1011.00",
        "classification": "onet2019",
        "soc2018_code": "11-1011",
        "element_id": "2.D.1",
        "scale_id": "RL",
        "category": category,
        "value": value,
    }


@pytest.mark.parametrize(
    ("answers", "share"),
    [
        ({1: 40.0, 6: 60.0}, 60.0),
        ({1: 100.0}, 0.0),
        ({1: 40.0, 6: None}, None),
        ({1: None, 6: 60.0}, 60.0),
        ({1: None}, None),
    ],
)
def test_the_share_of_degrees_is_unknown_where_one_of_its_categories_is(answers, share):
    rows = [education(category, value) for category, value in answers.items()]
    found = values(store(ratings=rows), "onet_education", "bachelor_share")
    assert found == [(share,)]
