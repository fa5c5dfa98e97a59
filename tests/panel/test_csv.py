"""A CSV folder with a mapping becomes a panel, or every mistake in it is named and counted."""

import polars as pl
import pytest

from withintask.panel.errors import SourceError
from withintask.panel.store import load_panel, read_panel

HEAD = """
[panel]
schema = 1
name = "calls"
first_ai_period = 2
[tables.outputs]
file = "calls.csv"
"""


def write(folder, text, mapping="", *, encoding="utf-8"):
    (folder / "calls.csv").write_bytes(text.encode(encoding))
    (folder / "panel.toml").write_text(HEAD + mapping, encoding="utf-8")
    return folder


def problems(folder):
    return dict(load_panel(folder).problems.select("rule", "n_rows").iter_rows())


PLAIN = "worker_id,task_id,period,output\n007,t,1,1.5\n007,t,2,2\n"


def test_leading_zeros_survive(tmp_path):
    panel = read_panel(write(tmp_path, PLAIN))
    assert panel.outputs["worker_id"].to_list() == ["007", "007"]


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_a_csv_in_our_names_needs_no_columns(tmp_path, start):
    panel = read_panel(write(tmp_path, start + PLAIN))
    assert panel.outputs["output"].to_list() == [1.5, 2.0]


def test_names_codes_units_and_constants_are_mapped(tmp_path):
    text = "Clerk;Month;Calls;Copilot;note\n01;2024-01;8,0;no;x\n01;2024-02;NA;yes;y\n"
    mapping = """
    separator = ";"
    decimal_comma = true
    null_values = ["", "NA"]
    ignore = ["note"]
    sorted = ["worker_id", "period"]
    columns = { worker_id = "Clerk", period = "Month", output = "Calls", ai_access = "Copilot" }
    scale = { output = 0.125 }
    constants = { task_id = "calls", unit = "calls an hour" }
    [tables.outputs.codes]
    ai_access = { yes = true, no = false }
    period = { "2024-01" = 1, "2024-02" = 2 }
    """
    found = read_panel(write(tmp_path, text, mapping), check=False).outputs
    assert found.to_dicts() == [
        {
            "worker_id": "01",
            "period": 1,
            "output": 1.0,
            "ai_access": False,
            "task_id": "calls",
            "unit": "calls an hour",
        },
        {
            "worker_id": "01",
            "period": 2,
            "output": None,
            "ai_access": True,
            "task_id": "calls",
            "unit": "calls an hour",
        },
    ]


INCHES = "worker_id,task_id,period,output,note\n" + "".join(
    f"{worker},t,2,1,x\n" for worker in range(1, 21)
)

CASES = {
    "date as period": (PLAIN.replace(",1,", ",2024-01-01,"), "", {"period|unreadable": 1}),
    "clock time as period": (
        PLAIN.replace(",1,", ",2024-01-01T00:00:00+02:00,"),
        "",
        {"period|unreadable": 1},
    ),
    "fraction as period": (PLAIN.replace(",1,", ",1.0,"), "", {"period|unreadable": 1}),
    "decimal comma": (PLAIN.replace("1.5", '"1,5"'), "", {"output|unreadable": 1}),
    "unit in the cell": (PLAIN.replace("1.5", "1.5 h"), "", {"output|unreadable": 1}),
    "unknown code": (
        PLAIN,
        "[tables.outputs.codes]\nperiod = { 1 = 1 }",
        {"period|unreadable": 1},
    ),
    "short row": (PLAIN + "008,t,1\n", "", {"shifted_rows": 1}),
    "long rows": (PLAIN + "008,t,1,1,1\n009,t,1,1,1\n", "", {"shifted_rows": 2}),
    "open quote": (PLAIN + '008,"t,1,1\n', "", {"shifted_rows": 1}),
    "endless quote": (PLAIN + '008,"' + "x" * 2**22, "", {"not_csv": 1}),
    "inch mark in an ignored column": (
        INCHES.replace("\n3,t,2,1,x", '\n3,t,2,1,5" pipe').replace(
            "\n5,t,2,1,x", '\n5,t,2,1,7" pipe'
        ),
        'ignore = ["note"]',
        {"stray_quote": 2},
    ),
    "text behind a quoted cell": (
        INCHES.replace("\n3,t,2,1,x", '\n3,t,2,1,"x" y'),
        'ignore = ["note"]',
        {"stray_quote": 1},
    ),
    "cell that swallows rows": (
        INCHES.replace("\n3,t,2,1,x", '\n3,t,2,1,"').replace("\n5,t,2,1,x", '\n5,t,2,1,"'),
        'ignore = ["note"]',
        {"swallowed_rows": 1},
    ),
    "blank lines": (PLAIN + "\n008,t,1,1\n\n", "", {"blank_line": 2}),
    "line ends of old": (PLAIN.replace("\n", "\r"), "", {"rows_lost": 2}),
    "shifted header": (PLAIN.replace("worker_id,", ""), "", {"shifted_rows": 2}),
    "column named twice": (PLAIN.replace("task_id", "worker_id"), "", {"header_twice": 1}),
    "nothing": ("", "", {"header_missing": 1}),
    "column of no meaning": (
        PLAIN.replace("output\n", "output,mood\n").replace("5\n", "5,x\n").replace("2\n", "2,y\n"),
        "",
        {"unmapped_columns": 1},
    ),
    "column not in the file": (
        PLAIN,
        'ignore = ["output"]\n'
        'columns = { worker_id = "worker_id", task_id = "task_id", period = "period", '
        'output = "x" }',
        {"output|not_in_file": 1},
    ),
    "rows not sorted as said": (
        PLAIN + "001,t,1,1\n007,t,0,1\n006,t,9,1\n",
        'sorted = ["worker_id", "period"]',
        {"not_sorted": 2},
    ),
    "rows lost": (PLAIN, "n_rows = 5", {"n_rows": 3}),
}


@pytest.mark.parametrize(("text", "mapping", "expected"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_named_and_counted(tmp_path, text, mapping, expected):
    folder = write(tmp_path, text, mapping)
    assert problems(folder) == expected
    with pytest.raises(SourceError, match=next(iter(expected)).replace("|", r"\|")):
        read_panel(folder)


@pytest.mark.parametrize(("encoding", "n_lines"), [("latin-1", 2), ("utf-16", 1)])
def test_text_that_is_not_utf8_is_named_and_counted(tmp_path, encoding, n_lines):
    text = PLAIN.replace("007", "é")
    assert problems(write(tmp_path, text, encoding=encoding)) == {"not_utf8": n_lines}


def test_problems_of_all_tables_come_together(tmp_path):
    folder = write(tmp_path, PLAIN + "008\n", '[tables.pay]\nfile = "pay.csv"')
    assert problems(folder) == {"shifted_rows": 1, "no_file": 1}


def test_unreadable_cells_are_named_by_row_not_by_content(tmp_path):
    folder = write(tmp_path, PLAIN.replace("1.5", "private"))
    found = load_panel(folder).problems
    assert found["examples"].to_list() == [["row 1"]]
    assert "private" not in str(found.to_dicts())


def test_a_mapped_parquet_file_is_read_without_coercion(tmp_path):
    frame = pl.DataFrame({"id": ["1", "2"], "t": [1, 2], "y": [1, 2]})
    frame.write_parquet(tmp_path / "calls.parquet")
    mapping = (
        'constants = { task_id = "t" }\ncolumns = { worker_id = "id", period = "t", output = "y" }'
    )
    text = HEAD.replace(".csv", ".parquet") + mapping
    (tmp_path / "panel.toml").write_text(text)
    with pytest.raises(ValueError, match=r"output is Float64, found Int64"):
        read_panel(tmp_path)


def test_a_foreign_database_is_read_through_a_mapping(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "hr.duckdb")) as connection:
        connection.execute(
            """CREATE TABLE "our ""calls"
            AS SELECT '01' AS who, 2::BIGINT AS m, 1.5::DOUBLE AS y"""
        )
    (tmp_path / "panel.toml").write_text(
        """
        [panel]
        schema = 1
        name = "calls"
        format = "duckdb"
        file = "hr.duckdb"
        [tables.outputs]
        table = 'our "calls'
        columns = { worker_id = "who", period = "m", output = "y" }
        constants = { task_id = "calls" }
        """
    )
    assert read_panel(tmp_path).outputs.rows() == [("01", 2, 1.5, "calls")]


def test_a_quoted_cell_may_hold_quotes_separators_and_line_ends(tmp_path):
    text = INCHES.replace("\n3,t,2,1,x", '\n3,t,2,1,"5"" pipe, long\nand wide"')
    panel = read_panel(write(tmp_path, text, 'ignore = ["note"]'))
    assert panel.outputs.height == 20


def test_a_cell_with_whole_rows_is_text_where_the_rows_are_counted(tmp_path):
    text = INCHES.replace("\n3,t,2,1,x", '\n3,t,2,1,"a,b,c,d\ne,f,g,h,i"')
    assert problems(write(tmp_path, text, 'ignore = ["note"]')) == {"swallowed_rows": 1}
    assert problems(write(tmp_path, text, 'ignore = ["note"]\nn_rows = 20')) == {}


def test_rows_with_stray_quotes_are_named(tmp_path):
    text = INCHES.replace("\n3,t,2,1,x", '\n3,t,2,1,5" pipe')
    found = load_panel(write(tmp_path, text, 'ignore = ["note"]')).problems
    assert found["examples"].to_list() == [["row 3"]]


def test_a_file_without_header_is_read_by_position(tmp_path):
    mapping = """header = false
    columns = { worker_id = "column_1", task_id = "column_2", period = "column_3", output = "column_4" }
    """
    text = PLAIN.partition("\n")[2]
    assert read_panel(write(tmp_path, text, mapping)).outputs["output"].to_list() == [1.5, 2.0]


NAMED = {
    "seconds": ("HandleSeconds", 1),
    "a log": ("log_speed", 1),
    "a rate": ("calls per hour", 0),
    "neither": ("Calls", 0),
}


@pytest.mark.parametrize(("name", "asked"), NAMED.values(), ids=NAMED.keys())
def test_a_column_named_after_a_time_or_a_log_is_questioned(name, asked, tmp_path):
    text = PLAIN.replace("output", name)
    mapping = f"""[tables.outputs.columns]
    worker_id = "worker_id"
    task_id = "task_id"
    period = "period"
    output = "{name}"
    """
    assert problems(write(tmp_path, text, mapping)) == ({"output|question": 1} if asked else {})
    stated = HEAD.replace("first_ai_period", 'outcome = "time"\nfirst_ai_period')
    (tmp_path / "panel.toml").write_text(stated + mapping)
    assert problems(tmp_path) == {}
