"""A panel goes to disk and comes back without loss, and bad files are refused by name."""

import math

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from polars.testing import assert_frame_equal
from strategies import panels

from withintask.panel.consent import remember_outside
from withintask.panel.errors import SchemaError, SourceError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.store import load_panel, read_panel, read_sections, write_panel
from withintask.panel.validate import panel_violations


def assert_same_panel(found, expected):
    assert found.info == expected.info
    assert list(found.tables()) == list(expected.tables())
    for name, frame in expected.tables().items():
        assert_frame_equal(found.tables()[name], frame, check_exact=True)


@pytest.mark.parametrize("target", ["folder", "folder_csv", "file.duckdb"])
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(panel=panels())
def test_round_trip_loses_nothing(panel, target, tmp_path_factory):
    path = tmp_path_factory.mktemp("panels") / target
    layout = "csv" if target.endswith("csv") else None
    assert panel_violations(panel).is_empty()
    write_panel(panel, path, layout=layout)
    assert_same_panel(read_panel(path), panel)
    assert_same_panel(read_panel(path, lazy=True).collect(), panel)


@pytest.fixture
def panel():
    outputs = pl.DataFrame(
        {"worker_id": ["007", "007"], "task_id": ["t", "t"], "period": [1, 2], "output": [1.5, 2.0]}
    )
    return Panel(info=PanelInfo(name="small", first_ai_period=2), outputs=outputs)


@pytest.mark.parametrize("layout", ["parquet", "csv"])
def test_writing_again_replaces_the_panel_and_leaves_other_files(panel, layout, tmp_path):
    for _ in range(3):
        write_panel(panel, tmp_path / "p", layout=layout)
        (tmp_path / "p" / "synthetic").mkdir(exist_ok=True)
        (tmp_path / "p" / "synthetic" / "outputs.parquet").write_bytes(b"not ours")
    assert_same_panel(read_panel(tmp_path / "p"), panel)
    tables = [file for file in (tmp_path / "p").iterdir() if file.suffix == f".{layout}"]
    assert len(tables) == 1
    assert (tmp_path / "p" / "synthetic" / "outputs.parquet").read_bytes() == b"not ours"


def test_a_panel_can_be_written_over_itself_while_scanned(panel, tmp_path):
    write_panel(panel, tmp_path / "p")
    write_panel(read_panel(tmp_path / "p", lazy=True), tmp_path / "p")
    assert_same_panel(read_panel(tmp_path / "p"), panel)


def test_a_failed_write_leaves_the_old_panel(panel, tmp_path):
    write_panel(panel, tmp_path / "p")
    broken = panel.with_tables(
        pay=pl.LazyFrame({"pay": ["x"]}).select(pl.col("pay").cast(pl.Int64))
    )
    with pytest.raises(pl.exceptions.InvalidOperationError):
        write_panel(broken, tmp_path / "p")
    assert_same_panel(read_panel(tmp_path / "p"), panel)
    assert not [file for file in (tmp_path / "p").iterdir() if file.name.startswith(".")]


def test_files_that_their_owner_described_are_not_overwritten(panel, tmp_path):
    (tmp_path / "calls.csv").write_text("Employee,Calls\na,1.5\n")
    (tmp_path / "panel.toml").write_text(
        """
        [panel]
        schema = 1
        name = "mine"
        [tables.outputs]
        file = "calls.csv"
        columns = { worker_id = "Employee", output = "Calls" }
        constants = { task_id = "t", period = 1 }
        """
    )
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert read_panel(tmp_path).outputs.height == 1
    with pytest.raises(SourceError, match="withintask did not write"):
        write_panel(panel, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_panel_in_parts_is_replaced_with_all_its_parts(panel, tmp_path):
    manifest = write_panel(panel, tmp_path / "p") / "panel.toml"
    (tmp_path / "p" / "outputs").mkdir()
    (tmp_path / "p" / "outputs.parquet").rename(tmp_path / "p" / "outputs" / "part-00000.parquet")
    text = manifest.read_text().partition("[sha256]")[0]
    manifest.write_text(text.replace("outputs.parquet", "outputs/*.parquet"))
    assert_same_panel(read_panel(tmp_path / "p"), panel)
    write_panel(panel, tmp_path / "p")
    assert_same_panel(read_panel(tmp_path / "p"), panel)
    names = {file.name for file in (tmp_path / "p").iterdir()}
    assert names == {"outputs.parquet", "panel.toml"}


@pytest.mark.parametrize("target", ["p", "p.duckdb"])
def test_further_sections_are_kept_and_go_when_the_panel_is_replaced(panel, tmp_path, target):
    sections = {"recipe": {"seed": 1, "params": {"alpha": 0.1, "sigma": math.inf}}}
    write_panel(panel, tmp_path / target, sections=sections)
    assert read_sections(tmp_path / target) == sections
    assert_same_panel(read_panel(tmp_path / target), panel)
    write_panel(panel, tmp_path / target)
    assert read_sections(tmp_path / target) == {}


def test_a_panel_in_the_working_directory_is_replaced(panel, tmp_path, monkeypatch):
    write_panel(panel, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    write_panel(panel, ".")
    assert_same_panel(read_panel("."), panel)
    assert (tmp_path / "p" / "panel.toml").is_file()


def test_a_table_outside_the_folder_is_read_only_when_asked(panel, tmp_path):
    write_panel(panel, tmp_path / "other")
    for name in ("up", "link"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / "outputs.parquet").symlink_to(tmp_path / "other" / "outputs.parquet")
    named = {"up": "../other/outputs.parquet", "link": "outputs.parquet"}
    named |= {"up": str(tmp_path / "other" / "outputs.parquet")}
    for name, file in (*named.items(), ("up", "../other/*.parquet")):
        (tmp_path / name / "panel.toml").write_text(
            f'[panel]\nschema = 1\nname = "small"\nfirst_ai_period = 2\n'
            f'[tables.outputs]\nfile = "{file}"\n'
        )
        with pytest.raises(SourceError, match="lies outside the folder"):
            read_panel(tmp_path / name)
        assert_same_panel(read_panel(tmp_path / name, allow_outside=True), panel)


def test_whoever_described_a_file_outside_reads_it_and_whoever_gets_the_folder_does_not(
    panel, tmp_path
):
    write_panel(panel, tmp_path / "other")
    (tmp_path / "mine").mkdir()
    file = "../other/outputs.parquet"
    text = f'[panel]\nschema = 1\nname = "p"\n[tables.outputs]\nfile = "{file}"\n'
    (tmp_path / "mine" / "panel.toml").write_text(text)
    remember_outside(tmp_path / "mine", [file])
    assert read_panel(tmp_path / "mine").outputs.equals(panel.outputs)
    (tmp_path / "mine").rename(tmp_path / "sent")
    with pytest.raises(SourceError, match="lies outside the folder"):
        read_panel(tmp_path / "sent")


def test_a_database_outside_the_folder_is_read_only_when_asked(panel, tmp_path):
    write_panel(panel, tmp_path / "other.duckdb")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "panel.toml").write_text(
        '[panel]\nschema = 1\nname = "small"\nfirst_ai_period = 2\nformat = "duckdb"\n'
        'file = "../other.duckdb"\n[tables.outputs]\n'
    )
    with pytest.raises(SourceError, match="lies outside the folder"):
        read_panel(tmp_path / "p")
    assert_same_panel(read_panel(tmp_path / "p", allow_outside=True), panel)


def test_a_view_in_a_database_reads_no_other_file(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    (tmp_path / "secret.csv").write_text("worker_id,task_id,period,output\na,t,1,2.0\n")
    with duckdb.connect(str(tmp_path / "evil.duckdb")) as connection:
        connection.execute(
            f"CREATE VIEW outputs AS SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')"
        )
    (tmp_path / "panel.toml").write_text(
        '[panel]\nschema = 1\nname = "evil"\nformat = "duckdb"\nfile = "evil.duckdb"\n'
        "[tables.outputs]\n"
    )
    with pytest.raises(SourceError, match="cannot be read from the DuckDB file"):
        read_panel(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "outputs = 5",
        "[tables.outputs]\nfile = 5",
        '[tables.outputs]\nseparator = ";;"',
        '[tables.outputs]\nseparator = ""',
        "[tables.outputs]\ncolumns = 5",
        "[tables.outputs]\ncolumns = { worker_id = 5 }",
        "[tables.outputs]\nnull_values = [5]",
        '[tables.outputs]\nscale = { output = "two" }',
        "[tables.outputs]\ncodes = { ai_access = 5 }",
        '[tables.outputs]\nn_rows = "many"',
        '[tables.outputs]\nsorted = "worker_id"',
    ],
)
def test_a_value_of_the_wrong_type_in_a_manifest_is_one_error(tmp_path, line):
    section = "" if line.startswith("[") else "[tables]\n"
    text = f'[panel]\nschema = 1\nname = "p"\n{section}{line}\n'
    (tmp_path / "panel.toml").write_text(text)
    with pytest.raises(SourceError, match="1 problem\n.*expected"):
        read_panel(tmp_path)


@pytest.mark.parametrize(
    "head",
    ["5", '{ schema = "one", name = 5 }', '{ schema = 1, name = "p", is_synthetic = "yes" }'],
)
def test_a_head_of_the_wrong_type_is_one_error(tmp_path, head):
    (tmp_path / "panel.toml").write_text(f"panel = {head}\n")
    with pytest.raises(SourceError, match="expected"):
        read_panel(tmp_path)


def test_a_folder_that_is_no_panel_is_not_overwritten(panel, tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(SourceError, match=r"holds files but no panel\.toml"):
        write_panel(panel, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_database_that_is_no_panel_is_not_overwritten(panel, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "mine.duckdb")) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS one")
    with pytest.raises(SourceError, match="it has no table panel_info"):
        write_panel(panel, tmp_path / "mine.duckdb")


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"no panel\.toml"):
        read_panel(tmp_path)


def test_rows_lost_since_writing_are_counted(panel, tmp_path):
    write_panel(panel, tmp_path)
    panel.outputs.head(1).write_parquet(tmp_path / "outputs.parquet")
    with pytest.raises(SourceError, match="outputs: n_rows: 1 row"):
        read_panel(tmp_path, verify=False)


def test_a_missing_file_is_named(panel, tmp_path):
    write_panel(panel, tmp_path)
    (tmp_path / "outputs.parquet").unlink()
    with pytest.raises(SourceError, match=r"'outputs\.parquet' is in the folder"):
        read_panel(tmp_path)


def test_every_mistake_in_a_manifest_is_named_at_once(tmp_path):
    (tmp_path / "panel.toml").write_text(
        """
        [panel]
        schema = 99
        frist_ai_period = 1
        [tables.outpots]
        [tables.outputs]
        files = "a.csv"
        columns = { worker = "w", task_id = "t" }
        constants = { task_id = "t", period = "may" }
        """
    )
    with pytest.raises(SourceError) as caught:
        read_panel(tmp_path)
    message = str(caught.value)
    assert "7 problems" in message
    for part in ("schema 99", "frist_ai_period", "no name", "outpots", "did you mean file?"):
        assert part in message
    assert "worker is not known; did you mean worker_id?" in message
    assert "task_id is both a column and a constant" in message


def test_an_invalid_panel_is_refused_unless_asked(panel, tmp_path):
    bad = panel.with_tables(outputs=panel.outputs.with_columns(output=-pl.col("output")))
    write_panel(bad, tmp_path)
    with pytest.raises(SchemaError, match=r"output\|min_exclusive: 2 rows"):
        read_panel(tmp_path)
    assert load_panel(tmp_path).problems.is_empty()
    assert_same_panel(read_panel(tmp_path, check=False), bad)
