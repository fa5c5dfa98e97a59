"""Files as they are become panels by a mapping: dates, functions, wide files, items, other formats."""

from datetime import date, datetime

import polars as pl
import pytest

from withintask.panel.errors import SchemaError, SourceError
from withintask.panel.store import load_panel, read_panel, write_panel
from withintask.panel.validate import panel_violations

HEAD = '[panel]\nschema = 2\nname = "trial"\n'


def write(folder, frame, section, *, suffix="csv", table="outputs", head=HEAD):
    file = folder / f"rows.{suffix}"
    if isinstance(frame, str):
        file.write_text(frame, encoding="utf-8")
    elif suffix == "csv":
        frame.write_csv(file)
    else:
        frame.write_parquet(file)
    (folder / "panel.toml").write_text(
        f'{head}[tables.{table}]\nfile = "rows.{suffix}"\n{section}', encoding="utf-8"
    )
    return folder


def outputs(folder):
    return read_panel(folder).outputs


def problems(folder):
    return dict(load_panel(folder).problems.select("rule", "n_rows").iter_rows())


ROWS = pl.DataFrame(
    {
        "who": ["a", "a", "b"],
        "day": ["2024-01-01", "2024-01-09", "2024-02-01"],
        "speed": ["50", "100", "200"],
        "Live": ["2024-01-09", "2024-01-09", ""],
    }
)
COLUMNS = 'constants = { task_id = "t" }\ncolumns = { worker_id = "who", period = "day", '


# Dates ---------------------------------------------------------------------------------------------

STEPS = {
    "day": [1, 9, 32],
    "week": [1, 2, 5],
    "month": [1, 1, 2],
    "quarter": [1, 1, 1],
    "year": [1, 1, 1],
}


@pytest.mark.parametrize(("by", "expected"), STEPS.items(), ids=STEPS.keys())
def test_dates_become_periods_that_count(by, expected, tmp_path):
    section = f"""ignore = ["Live"]
    items = "row"
    {COLUMNS}output = "speed" }}
    [tables.outputs.dates]
    period = {{ by = "{by}", start = "2024-01-01" }}
    """
    assert outputs(write(tmp_path, ROWS, section))["period"].to_list() == expected


@pytest.mark.parametrize("by", STEPS)
def test_a_period_before_the_start_counts_down(by, tmp_path):
    rows = ROWS.head(1).with_columns(day=pl.lit("2023-12-31"))
    section = f"""ignore = ["Live"]
    {COLUMNS}output = "speed" }}
    [tables.outputs.dates]
    period = {{ by = "{by}", start = "2024-01-01" }}
    """
    assert outputs(write(tmp_path, rows, section))["period"].to_list() == [0]


def test_dates_of_a_typed_file_need_no_format(tmp_path):
    rows = pl.DataFrame(
        {"who": ["a", "a"], "day": [datetime(2024, 1, 1, 23), datetime(2024, 4, 1)], "y": [1.0, 2]}
    )
    section = f"""{COLUMNS}output = "y" }}
    [tables.outputs.dates]
    period = {{ by = "quarter", start = 2024-02-29, first = 10 }}
    """
    folder = write(tmp_path, rows, section, suffix="parquet")
    assert outputs(folder)["period"].to_list() == [10, 11]


def test_a_date_in_another_format_is_named_by_row(tmp_path):
    section = f"""ignore = ["Live"]
    {COLUMNS}output = "speed" }}
    [tables.outputs.dates]
    period = {{ by = "day", start = "2024-01-01", format = "%d.%m.%Y" }}
    """
    assert problems(write(tmp_path, ROWS, section)) == {"period|unreadable": 3}


def test_access_begins_at_a_date_of_each_row(tmp_path):
    section = f"""{COLUMNS}output = "speed", ai_access = "day" }}
    [tables.outputs.dates]
    period = {{ by = "day", start = "2024-01-01" }}
    [tables.outputs.since]
    ai_access = {{ from = "Live", NEVER }}
    """
    never = write(tmp_path, ROWS, section.replace("NEVER", "never_if_null = true"))
    assert outputs(never)["ai_access"].to_list() == [False, True, False]
    unknown = write(tmp_path, ROWS, section.replace(", NEVER", ""))
    assert outputs(unknown)["ai_access"].to_list() == [False, True, None]


TIMES = """who,started,y
a,01.02.2024 10:00:00,1
a,01.02.2024 09:00:00,2
b,03.02.2024 08:00:00,3
a,31.01.2024 23:00:00,4
"""
RANKED = """items = "row"
constants = { task_id = "t" }
columns = { worker_id = "who", period = "started", sequence = "started", output = "y" }
[tables.outputs.dates]
period = { by = "day", start = "2024-01-31", format = "%d.%m.%Y %H:%M:%S" }
[tables.outputs.ranked]
sequence = "%d.%m.%Y %H:%M:%S"
"""


def test_times_put_the_rows_of_each_worker_in_order(tmp_path):
    found = outputs(write(tmp_path, TIMES, RANKED))
    assert found["sequence"].to_list() == [3, 2, 1, 1]
    assert found["period"].to_list() == [2, 2, 4, 1]


def test_two_rows_at_one_time_have_no_order(tmp_path):
    text = TIMES.replace("09:00", "10:00")
    found = load_panel(write(tmp_path, text, RANKED))
    assert dict(panel_violations(found.panel).select("rule", "n_rows").iter_rows()) == {
        "sequence|twice": 2
    }


# Numbers -------------------------------------------------------------------------------------------


def test_a_scale_a_shift_and_a_function_apply_in_this_order(tmp_path):
    section = f"""ignore = ["Live"]
    {COLUMNS}output = "speed" }}
    scale = {{ output = 0.01 }}
    shift = {{ output = 0.5 }}
    functions = {{ output = "reciprocal" }}
    [tables.outputs.dates]
    period = {{ by = "day", start = "2024-01-01" }}
    """
    assert outputs(write(tmp_path, ROWS, section))["output"].to_list() == [1.0, 1 / 1.5, 1 / 2.5]


@pytest.mark.parametrize(("function", "cell"), [("reciprocal", "0"), ("log", "0"), ("exp", "1e4")])
def test_a_function_without_finite_value_is_named_by_row(function, cell, tmp_path):
    text = f"worker_id,task_id,period,output\na,t,1,1\nb,t,1,{cell}\n"
    folder = write(tmp_path, text, f'functions = {{ output = "{function}" }}')
    found = load_panel(folder).problems
    assert found.select("rule", "examples").rows() == [("output|unreadable", ["row 2"])]


NUMBERS = {
    "comma": ("1,5", 1.5),
    "whole": ("12", 12.0),
    "exponent": ("1,5e3", 1500.0),
    "point where the comma is the sign": ("1.234", None),
    "both": ("1.234,5", None),
    "two commas": ("1,2,3", None),
    "digits of another script": ("１２", None),
    "too large for a float": ("1" * 400, None),
}


@pytest.mark.parametrize(("cell", "expected"), NUMBERS.values(), ids=NUMBERS.keys())
def test_a_decimal_comma_is_read_as_such_or_the_cell_is_refused(cell, expected, tmp_path):
    folder = write(
        tmp_path,
        f"worker_id;task_id;period;output\na;t;1;{cell}\n",
        'separator = ";"\ndecimal_comma = true',
    )
    if expected is None:
        assert problems(folder) == {"output|unreadable": 1}
    else:
        assert outputs(folder)["output"].to_list() == [expected]


@pytest.mark.parametrize(("cell", "expected"), [("1.234,5", 1234.5), ("12.34", None), ("7", 7.0)])
def test_groups_of_thousands_are_read_where_they_are_declared(cell, expected, tmp_path):
    folder = write(
        tmp_path,
        f"worker_id;task_id;period;output\na;t;1;{cell}\n",
        'separator = ";"\ndecimal_comma = true\nthousands = "."',
    )
    if expected is None:
        assert problems(folder) == {"output|unreadable": 1}
    else:
        assert outputs(folder)["output"].to_list() == [expected]


BASE = 9 * 10**17
WIDE_IDS = {
    "Int64": pl.Int64,
    "Decimal": pl.Decimal(38, 0),
    "Int128": pl.Int128,
    "UInt64": pl.UInt64,
}


@pytest.mark.parametrize("dtype", WIDE_IDS.values(), ids=WIDE_IDS.keys())
def test_large_numbers_become_ids_without_losing_a_digit(dtype, tmp_path):
    ids = pl.Series([BASE + k for k in range(24)]).cast(dtype)
    rows = pl.DataFrame({"worker_id": ids, "task_id": "t", "period": 1, "output": 1.0})
    folder = write(tmp_path, rows, 'convert = ["worker_id", "period"]', suffix="parquet")
    assert outputs(folder)["worker_id"].to_list() == [str(BASE + k) for k in range(24)]


def test_ids_that_are_floats_without_all_digits_are_refused(tmp_path):
    rows = pl.DataFrame({"worker_id": [1.0, 2.5, 1e17], "task_id": "t", "period": 1, "output": 1.0})
    folder = write(tmp_path, rows, 'convert = ["worker_id"]', suffix="parquet")
    assert problems(folder) == {"worker_id|unreadable": 2}


def test_nothing_is_converted_unless_it_is_asked(tmp_path):
    rows = pl.DataFrame({"worker_id": ["a"], "task_id": ["t"], "period": [1], "output": [3]})
    with pytest.raises(ValueError, match="output is Float64, found Int64"):
        outputs(write(tmp_path, rows, "", suffix="parquet"))
    folder = write(tmp_path, rows, 'convert = ["output"]', suffix="parquet")
    assert outputs(folder)["output"].to_list() == [3.0]


# Rows ----------------------------------------------------------------------------------------------


def test_columns_side_by_side_become_rows(tmp_path):
    text = "who,group,before,after\na,x,1,2\nb,y,3,\n"
    section = """leave_out = ["output"]
    columns = { worker_id = "who", arm = "group" }
    constants = { task_id = "t" }
    [tables.outputs.wide]
    by = "period"
    into = "output"
    columns = { before = 0, after = 1 }
    """
    panel = read_panel(
        write(tmp_path, text, section, head=HEAD + 'first_ai_period = 1\ncontrol_arm = "x"\n')
    )
    found = panel.outputs.select("worker_id", "arm", "period", "output").sort("worker_id", "period")
    assert found.rows() == [("a", "x", 0, 1.0), ("a", "x", 1, 2.0), ("b", "y", 0, 3.0)]
    assert panel.info.note == "outputs: 1 of 4 rows without output left out"


TWO_TABLES = """
[tables.outputs]
file = "rows.csv"
columns = { worker_id = "who", period = "wave", output = "y" }
constants = { task_id = "t" }
[tables.workers]
file = "rows.csv"
one_a_key = true
columns = { worker_id = "who", age = "age" }
covariates = { age = "number" }
"""


def test_one_file_feeds_several_tables(tmp_path):
    (tmp_path / "rows.csv").write_text("who,wave,y,age\na,1,1,30\na,2,2,\nb,1,3,40\n")
    (tmp_path / "panel.toml").write_text(HEAD + TWO_TABLES)
    panel = read_panel(tmp_path)
    assert panel.workers.rows() == [("a", 30.0), ("b", 40.0)]
    assert panel.info.covariates == ("workers.age",)


def test_rows_of_a_key_that_disagree_are_counted(tmp_path):
    (tmp_path / "rows.csv").write_text("who,wave,y,age\na,1,1,30\na,2,2,31\nb,1,3,40\n")
    (tmp_path / "panel.toml").write_text(HEAD + TWO_TABLES)
    assert problems(tmp_path) == {"age|varies": 1}


CALLS = "worker_id,task_id,period,output\na,t,1,1\na,t,1,3\nb,t,1,5\n"


def test_rows_that_share_a_key_look_like_items_and_the_ways_out_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"look like items.*--aggregate mean"):
        outputs(write(tmp_path, CALLS, ""))


def test_every_row_can_be_an_item(tmp_path):
    found = outputs(write(tmp_path, CALLS, 'items = "row"'))
    assert found["item_id"].to_list() == ["row 1", "row 2", "row 3"]


@pytest.mark.parametrize(("how", "expected"), [("mean", 2.0), ("sum", 4.0), ("max", 3.0)])
def test_rows_of_a_key_can_be_aggregated(how, expected, tmp_path):
    found = outputs(write(tmp_path, CALLS, f'aggregate = {{ output = "{how}" }}'))
    assert dict(found.select("worker_id", "output").iter_rows()) == {"a": expected, "b": 5.0}


def test_an_empty_cell_has_a_meaning_only_where_it_is_stated(tmp_path):
    text = "worker_id,task_id,period,output,ai_access\na,t,1,1,\nb,t,1,3,true\n"
    assert outputs(write(tmp_path, text, ""))["ai_access"].to_list() == [None, True]
    filled = outputs(write(tmp_path, text, "fill = { ai_access = false }"))
    assert filled["ai_access"].to_list() == [False, True]


def test_every_wrong_word_of_a_mapping_is_named_at_once(tmp_path):
    section = """functions = { output = "sqrt" }
    aggregate = { output = "mode" }
    covariates = { age = "numeric", period = "number" }
    items = "cell"
    thousands = "."
    [tables.outputs.dates]
    period = { by = "fortnight", start = "January", every = 2 }
    [tables.outputs.since]
    ai_access = { to = "x" }
    [tables.outputs.wide]
    by = "period"
    """
    with pytest.raises(SourceError) as caught:
        read_panel(write(tmp_path, CALLS, section))
    message = str(caught.value)
    assert "11 problems" in message
    for word in ("sqrt", "mode", "numeric", "cell", "fortnight", "January", "every", "thousands"):
        assert word in message


# Formats -------------------------------------------------------------------------------------------

SECTION = """convert = ["worker_id", "output", "period"]
columns = { worker_id = "who", period = "wave", output = "y" }
constants = { task_id = "t" }
"""


def foreign(folder, suffix, section=SECTION):
    (folder / "panel.toml").write_text(
        f'{HEAD}[tables.outputs]\nfile = "rows.{suffix}"\n{section}', encoding="utf-8"
    )
    return folder


@pytest.mark.parametrize("suffix", ["dta", "sav"])
def test_stata_and_spss_files_are_read(suffix, tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    rows = pl.DataFrame({"who": [7.0, 8.0], "wave": [1.0, 2.0], "y": [1.5, 2.0]})
    getattr(pyreadstat, {"dta": "write_dta", "sav": "write_sav"}[suffix])(
        rows, str(tmp_path / f"rows.{suffix}")
    )
    found = outputs(foreign(tmp_path, suffix))
    assert found.rows() == [("7", 1, 1.5, "t"), ("8", 2, 2.0, "t")]


def test_value_labels_are_read_where_they_are_asked_for(tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    rows = pl.DataFrame({"who": [1.0, 2.0], "wave": [1.0, 1.0], "y": [1.5, 2.0], "g": [0.0, 1.0]})
    labels = {"g": {0: "Human", 1: "Machine"}}
    pyreadstat.write_dta(rows, str(tmp_path / "rows.dta"), variable_value_labels=labels)
    section = SECTION.replace("output = ", 'arm = "g", output = ') + "labels = true\n"
    text = HEAD + 'control_arm = "Human"\n'
    folder = foreign(tmp_path, "dta", section)
    manifest = (folder / "panel.toml").read_text().replace(HEAD, text)
    (folder / "panel.toml").write_text(manifest)
    assert outputs(folder)["arm"].to_list() == ["Human", "Machine"]


def test_a_workbook_is_read_and_a_sheet_must_be_named_among_several(tmp_path):
    xlsxwriter = pytest.importorskip("xlsxwriter")
    rows = pl.DataFrame({"who": [7, 8], "wave": [1, 2], "y": [1.5, 2.0]})
    with xlsxwriter.Workbook(tmp_path / "rows.xlsx") as book:
        rows.write_excel(book, worksheet="data")
        book.add_worksheet("notes")
    with pytest.raises(SourceError, match="name one sheet of data, notes"):
        outputs(foreign(tmp_path, "xlsx"))
    found = outputs(foreign(tmp_path, "xlsx", SECTION + 'sheet = "data"\n'))
    assert found.rows() == [("7", 1, 1.5, "t"), ("8", 2, 2.0, "t")]


def test_a_damaged_file_is_a_named_problem(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 is not enough")
    folder = foreign(tmp_path, "parquet")
    assert problems(folder) == {"unreadable": 1}
    (tmp_path / "rows.xlsx").write_bytes(b"not a workbook")
    assert problems(foreign(tmp_path, "xlsx")) == {"unreadable": 1}


def test_covariates_survive_the_disk(tmp_path):
    (tmp_path / "rows.csv").write_text("who,wave,y,age\na,1,1,30\na,2,2,\nb,1,3,40\n")
    (tmp_path / "panel.toml").write_text(HEAD + TWO_TABLES)
    panel = read_panel(tmp_path)
    for layout, name in (("csv", "c"), ("parquet", "p"), ("duckdb", "d.duckdb")):
        (tmp_path / "out").mkdir(exist_ok=True)
        write_panel(panel, tmp_path / "out" / name, layout=layout)
        again = read_panel(tmp_path / "out" / name)
        assert again.info == panel.info
        assert again.workers.equals(panel.workers)


@pytest.mark.parametrize("layout", ["csv", "parquet", "duckdb"])
@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int8, pl.Date, pl.Categorical])
def test_a_covariate_that_no_manifest_states_is_refused_and_nothing_written(
    tmp_path, dtype, layout
):
    (tmp_path / "rows.csv").write_text("who,wave,y,age\na,1,1,30\na,2,2,\nb,1,3,40\n")
    (tmp_path / "panel.toml").write_text(HEAD + TWO_TABLES)
    panel = read_panel(tmp_path)
    number = pl.col("age").cast(pl.Int32)
    age = number.cast(pl.String).cast(dtype) if dtype == pl.Categorical else number.cast(dtype)
    other = panel.with_tables(workers=panel.workers.with_columns(age))
    with pytest.raises(SchemaError, match="workers: the covariate age is Float64, Boolean or"):
        write_panel(other, tmp_path / "out.duckdb", layout=layout)
    assert not (tmp_path / "out.duckdb").exists()


def test_a_date_is_a_python_date_too():
    from withintask.panel.periods import period_rule

    rule, wrong = period_rule({"by": "day", "start": date(2024, 1, 1)})
    assert wrong == []
    assert rule.start == date(2024, 1, 1)


def test_a_data_frame_of_r_is_read(tmp_path):
    rdata = pytest.importorskip("rdata")
    pandas = pytest.importorskip("pandas")
    rows = {"who": [7.0, 8.0], "wave": [1.0, 2.0], "y": [1.5, 2.0]}
    rdata.write_rds(tmp_path / "rows.rds", pandas.DataFrame(rows))
    assert outputs(foreign(tmp_path, "rds")).rows() == [("7", 1, 1.5, "t"), ("8", 2, 2.0, "t")]


@pytest.mark.parametrize("dtype", ["HUGEINT", "DECIMAL(38, 0)", "UBIGINT", "BIGINT"])
def test_large_ids_of_a_database_keep_every_digit(dtype, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "hr.duckdb")) as connection:
        connection.execute(
            f"""CREATE TABLE outputs AS SELECT ({BASE} + i)::{dtype} AS worker_id, 't' AS task_id,
            1::BIGINT AS period, 1.25::DECIMAL(10, 2) AS output FROM range(24) AS r(i)"""
        )
    (tmp_path / "panel.toml").write_text(
        '[panel]\nschema = 2\nname = "hr"\nformat = "duckdb"\nfile = "hr.duckdb"\n'
        '[tables.outputs]\nconvert = ["worker_id", "output"]\n'
    )
    found = outputs(tmp_path).sort("worker_id")
    assert found["worker_id"].to_list() == [str(BASE + k) for k in range(24)]
    assert set(found["output"]) == {1.25}
