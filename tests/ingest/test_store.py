"""One store of everything: incremental by hash, atomic, the same in DuckDB and Parquet."""

import os

import duckdb
import polars as pl
import pytest

from withintask.ingest.database import connect, query
from withintask.ingest.load import load_oews, scan_table
from withintask.ingest.registry import TABLES
from withintask.ingest.store import build_oews, build_store
from withintask.ingest.views import VIEWS
from withintask.panel.errors import ParameterError, SourceError

JOB_ZONES = "O*NET-SOC Code\tJob Zone\tDate\tDomain Source\n11-1011.00\t{}\t08/2023\tAnalyst\n"


@pytest.fixture
def source(tmp_path, tiny_book):
    folder = tmp_path / "source"
    (folder / "db_29_2_text").mkdir(parents=True)
    tiny_book(2023).save(folder)
    tiny_book(2024).save(folder)
    (folder / "db_29_2_text" / "Job Zones.txt").write_text(JOB_ZONES.format(5))
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.fixture
def db(tmp_path):
    return tmp_path / "out" / "store.duckdb"


def test_the_store_has_every_documented_table_and_view(source, db):
    build_store(source, db)
    names = set(query(db, "SELECT table_name FROM information_schema.tables")["table_name"])
    assert {table.name for table in TABLES} | {view.table.name for view in VIEWS} <= names


def test_stored_columns_are_the_documented_ones(source, db):
    build_store(source, db)
    for table in [*TABLES, *(view.table for view in VIEWS)]:
        assert query(db, f"SELECT * FROM {table.name} LIMIT 0").columns == table.names


def test_descriptions_are_comments_in_the_database(source, db):
    build_store(source, db)
    sql = (
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'oews' AND column_name = 'a_mean'"
    )
    assert query(db, sql)["comment"].to_list() == ["Mean annual wage [USD per year]"]


def test_every_file_is_listed_with_its_hash(source, db):
    import hashlib

    build_store(source, db)
    listed = query(db, "SELECT source_file, kind, sha256 FROM source ORDER BY source_file")
    assert dict(listed.select("source_file", "kind").rows()) == {
        "db_29_2_text/Job Zones.txt": "onet_job_zone",
        "national_M2023_dl.xlsx": "oews_workbook",
        "national_M2024_dl.xlsx": "oews_workbook",
        "notes.txt": "unrecognized",
    }
    expected = hashlib.sha256(b"mine").hexdigest()
    assert listed.filter(pl.col("source_file") == "notes.txt")["sha256"].to_list() == [expected]


def test_an_unchanged_folder_leaves_the_file_untouched(source, db):
    build_store(source, db)
    os.utime(db, ns=(1, 1))
    built = build_store(source, db)
    assert (built.n_read, built.n_unchanged) == (0, 3)
    assert db.stat().st_mtime_ns == 1


def test_only_a_changed_file_is_read_again(source, db, tiny_book):
    build_store(source, db)
    tiny_book(2024).change(0, "tot_emp", "77").save(source)
    seen = []
    built = build_store(source, db, on_progress=lambda name, *_: seen.append(name))
    assert seen == ["national_M2024_dl.xlsx"]
    assert (built.n_read, built.n_unchanged) == (1, 2)
    employment = query(db, "SELECT tot_emp FROM oews WHERE o_group = 'total' ORDER BY year")
    assert employment["tot_emp"].to_list() == [1000.0, 77.0]


def test_a_removed_file_takes_its_rows_along(source, db):
    build_store(source, db)
    (source / "national_M2023_dl.xlsx").unlink()
    assert build_store(source, db).n_removed == 1
    assert query(db, "SELECT DISTINCT year FROM oews")["year"].to_list() == [2024]
    assert query(db, "SELECT year FROM audit")["year"].to_list() == [2024]


def test_an_incremental_store_equals_one_built_anew(source, db, tmp_path, tiny_book):
    build_store(source, db)
    tiny_book(2024).change(0, "tot_emp", "77").save(source)
    (source / "db_29_2_text" / "Job Zones.txt").write_text(JOB_ZONES.format(4))
    build_store(source, db)
    fresh = tmp_path / "fresh.duckdb"
    build_store(source, fresh)
    for table in [*TABLES, *(view.table for view in VIEWS)]:
        sql = f"SELECT * FROM {table.name} ORDER BY ALL"
        assert query(db, sql).equals(query(fresh, sql)), table.name


def test_other_settings_build_the_store_anew(source, db):
    build_store(source, db)
    built = build_store(source, db, years=[2024])
    assert built.n_read == 2
    assert query(db, "SELECT DISTINCT year FROM oews")["year"].to_list() == [2024]


def test_a_failed_refresh_leaves_the_store_as_it_was(source, db, tiny_book):
    build_store(source, db)
    before = db.read_bytes()
    tiny_book(2024).rename("tot_emp", "JOBS").save(source)
    (source / "db_29_2_text" / "Job Zones.txt").write_text(JOB_ZONES.format("five"))
    with pytest.raises(SourceError) as caught:
        build_store(source, db)
    assert "JOBS" in str(caught.value)
    assert "'five'" in str(caught.value)
    assert db.read_bytes() == before
    assert [path.name for path in db.parent.iterdir()] == ["store.duckdb"]


def test_the_same_table_in_two_files_is_refused_with_both_places(source, db, tiny_book):
    tiny_book(2024).save(source, "all_data_M_2024.xlsx")
    with pytest.raises(SourceError) as caught:
        build_store(source, db)
    message = str(caught.value)
    assert "duplicate key 2024 00-0000 total" in message
    assert "all_data_M_2024.xlsx row 2" in message
    assert "national_M2024_dl.xlsx row 2" in message


def test_a_database_of_someone_else_is_not_replaced(source, db):
    db.parent.mkdir()
    with duckdb.connect(str(db)) as connection:
        connection.execute("CREATE TABLE mine (x INTEGER)")
    with pytest.raises(SourceError, match="holds tables that are not ours"):
        build_oews(source, db)
    assert query(db, "SELECT table_name FROM duckdb_tables()")["table_name"].to_list() == ["mine"]


def test_a_file_that_is_no_database_is_not_replaced(source, db):
    db.parent.mkdir()
    db.write_text("years of work")
    with pytest.raises(SourceError, match="not a readable DuckDB database"):
        build_oews(source, db)
    assert db.read_text() == "years of work"


def test_the_bridge_decides_how_occupations_are_compared(source, db, tiny_book):
    book = tiny_book(2020).change(2, "occ_code", "11-2030")
    book.save(source)
    for year in (2023, 2024):
        tiny_book(year).change(2, "occ_code", "11-2032").save(source)
    build_store(source, db, bridge="strict")
    strict = query(db, "SELECT DISTINCT comparable_code FROM oews_comparable")
    assert strict["comparable_code"].to_list() == ["25-2021"]
    with pytest.raises(ParameterError, match="strict, merged"):
        build_store(source, db, bridge="loose")


def test_parquet_holds_the_same_rows_as_the_database(source, db, tmp_path):
    folder = tmp_path / "parquet"
    build_store(source, db, parquet_dir=folder)
    for table in [*TABLES, *(view.table for view in VIEWS)]:
        stored = query(db, f"SELECT * FROM {table.name}").select(table.names)
        copied = scan_table(folder, table.name).select(table.names).collect()
        copied = copied.cast(stored.schema)
        assert copied.sort(table.names).equals(stored.sort(table.names)), table.name
    assert (folder / "oews" / "year=2024" / "level=national").is_dir()


def test_parquet_never_replaces_a_folder_of_someone_else(source, db, tmp_path):
    folder = tmp_path / "parquet"
    folder.mkdir()
    (folder / "thesis.docx").write_text("years of work")
    with pytest.raises(ParameterError, match="holds other files"):
        build_store(source, db, parquet_dir=folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.docx"]


@pytest.mark.parametrize("kind", ["duckdb", "parquet", "source"])
def test_oews_loads_lazily_from_any_form(source, db, tmp_path, kind):
    build_store(source, db, parquet_dir=tmp_path / "parquet")
    (source / "notes.txt").unlink()
    store = {"duckdb": db, "parquet": tmp_path / "parquet", "source": source}[kind]
    rows = load_oews(store, years=[2024], recensor=2021)
    assert isinstance(rows, pl.LazyFrame)
    found = rows.select("occ_code", "year", "a_pct90").sort("occ_code").collect()
    assert found.rows() == [("11-1011", 2024, 208_000.0), ("25-2021", 2024, 10.0)]


def test_a_missing_store_or_table_is_named(tmp_path, source, db):
    with pytest.raises(SourceError, match="no such database"):
        connect(tmp_path / "absent.duckdb")
    with pytest.raises(ParameterError, match="table 'wages' is not one of oews"):
        scan_table(tmp_path, "wages")
    text = tmp_path / "text.duckdb"
    text.write_text("not a database")
    with pytest.raises(SourceError, match="not a readable DuckDB database"):
        connect(text)
    with pytest.raises(ParameterError, match="o_group 'fine'"):
        load_oews(source, o_group="fine")


def test_a_directory_in_place_of_the_database_is_refused(source, tmp_path):
    with pytest.raises(ParameterError, match="is a directory"):
        build_store(source, tmp_path)


@pytest.mark.real_data
def test_164_of_852_occupations_were_resurveyed_between_27_0_and_29_2(real_store):
    sql = """SELECT count(*) AS n, sum(CAST(is_resurveyed AS INTEGER)) AS resurveyed
             FROM onet_education WHERE release = '29.2' AND previous_survey_date IS NOT NULL"""
    assert query(real_store, sql).row(0) == (852, 164)


@pytest.mark.real_data
def test_education_categories_add_up_to_about_100(real_store):
    sums = query(real_store, "SELECT value_sum FROM onet_education")["value_sum"]
    # Twelve percentages with two decimals: at most 12 x 0.005 away.
    assert sums.is_between(99.94, 100.06).all()


@pytest.mark.real_data
def test_no_documented_key_stands_twice_in_the_real_store(real_store):
    for table in [*TABLES, *(view.table for view in VIEWS)]:
        key = ", ".join(table.key)
        sql = f"SELECT {key} FROM {table.name} GROUP BY ALL HAVING count(*) > 1"
        assert query(real_store, sql).is_empty(), table.name


@pytest.mark.real_data
def test_exposure_reaches_published_codes_through_the_bridge(real_store):
    sql = """SELECT count(*) AS n FROM exposure_by_oews
             WHERE year = 2023 AND measure = 'dv_rating_beta'"""
    # 772 codes match directly; the others are aggregates of matched SOC codes.
    assert query(real_store, sql)["n"].item() > 772


@pytest.mark.parametrize("years", [2024, "2024", [2024], "2023-2024", (2023, 2024)])
def test_years_are_one_several_or_a_text(source, db, years):
    build_oews(source, db)
    expected = {2024} if years in (2024, "2024", [2024]) else {2023, 2024}
    assert set(load_oews(db, years=years).collect()["year"]) == expected


@pytest.mark.parametrize("years", [2019, "2019-2020", [2019]])
def test_years_that_a_store_does_not_hold_are_named(source, db, years):
    build_oews(source, db)
    with pytest.raises(SourceError, match="no OEWS of 2019"):
        load_oews(db, years=years)


def test_a_year_that_is_no_number_is_refused(source, db):
    build_oews(source, db)
    with pytest.raises(ParameterError, match="whole numbers such as 2024"):
        load_oews(db, years=[2024.5])
