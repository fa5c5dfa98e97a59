"""No writer publishes in more than one step, and every table for a spreadsheet keeps formulas from being one."""

import ast
import os
from pathlib import Path

import polars as pl
import pytest

import withintask.panel as panel_package
from withintask.panel import atomic
from withintask.panel.escape import save_csv

ROOT = Path(panel_package.__file__).parents[1]
PACKAGES = ("panel", "ingest", "sim", "tests_of_model", "withintask")
WRITES = {
    *("write_text", "write_bytes", "write_parquet", "write_csv", "write_json", "write_excel"),
    *("write_ipc", "sink_parquet", "sink_csv", "savefig", "to_stata", "to_csv", "to_parquet"),
    *("dump", "rename", "replace"),
}
IN_ONE_STEP = {"save", "save_text", "replacing", "replacing_folder", "staging_beside"}
"""What gives or takes a temporary name."""

MAY = {
    "atomic.py": "the one way itself",
    "download.py:_append": "a part that is resumed; it gets its name when it is complete",
    "folder.py:_write_table": "into a staging folder",
    "folder.py:_write_inside": "a journal in a staging folder",
    "stream.py:_write": "into a staging folder",
    "tables.py:": "given to save",
    "tables.py:_stata": "given to save",
    "page.py:image_link": "into memory",
    "confined.py:_main": "into a folder of its own that is removed",
    "main.py:_kept": "a log with a name of its own",
    "cell_source.py:_copied": "into a temporary folder that is removed",
    "spill.py:_write": "into a temporary folder that is removed",
}


def unsafe_writes(file):
    """Yield file:function of each call that writes at a path and stands in no one-step writer."""
    tree = ast.parse(file.read_text())

    def walk(node, function, is_safe):
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.With):
            is_safe = is_safe or any(
                name_of(item.context_expr) in IN_ONE_STEP for item in node.items
            )
        if isinstance(node, ast.Call):
            name = name_of(node)
            is_safe = is_safe or name in IN_ONE_STEP
            if not is_safe and (writes_to_path(node) or opens_for_writing(node)):
                yield f"{file.name}:{function}"
        for child in ast.iter_child_nodes(node):
            yield from walk(child, function, is_safe)

    yield from walk(tree, "", file.name == "atomic.py")


def name_of(node):
    called = node.func if isinstance(node, ast.Call) else node
    return getattr(called, "attr", getattr(called, "id", ""))


def writes_to_path(call):
    name = name_of(call)
    if name in (
        "rename",
        "replace",
        "dump",
    ):  # of os and json; frames and text have methods of these names
        module = getattr(getattr(call.func, "value", None), "id", "")
        return module in ("os", "shutil", "json", "pickle", "toml")
    return name in WRITES and bool(call.args or call.keywords)


def opens_for_writing(call):
    if name_of(call) != "open":
        return False
    texts = [
        n.value
        for a in (*call.args, *call.keywords)
        for n in ast.walk(a)
        if isinstance(n, ast.Constant)
    ]
    return any(
        isinstance(t, str) and t and set(t) <= set("abwx+t") and set(t) & set("awx") for t in texts
    )


def test_every_writer_publishes_in_one_step():
    found = {
        place
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for place in unsafe_writes(file)
    }
    assert found - set(MAY) == set()
    assert set(MAY) - found - {"atomic.py"} == set()


def test_every_csv_for_people_is_written_by_the_writer_that_escapes():
    calls = [
        f"{file.name}: {line.strip()}"
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for line in file.read_text().splitlines()
        if "write_csv" in line and "in_spreadsheet" not in line
    ]
    assert {call.partition(":")[0] for call in calls} <= {"make_reference.py"}


def test_a_formula_in_a_table_stays_text(tmp_path):
    frame = pl.DataFrame({"name": ["=1+1", "@x", "plain"], "value": [-1.0, 2.0, 3.0]})
    save_csv(tmp_path / "table.csv", frame)
    assert (tmp_path / "table.csv").read_text() == "name,value\n'=1+1,-1.0\n'@x,2.0\nplain,3.0\n"


@pytest.fixture
def steps(monkeypatch):
    """What is flushed and renamed, in order."""
    taken = []
    flush, rename = os.fsync, os.replace

    def fsync(descriptor):
        taken.append(("flush", os.path.realpath(f"/proc/self/fd/{descriptor}")))
        flush(descriptor)

    def replace(old, new):
        taken.append(("rename", str(new)))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    return taken


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="looks at /proc")
def test_a_file_is_on_disk_before_it_gets_its_name_and_the_name_afterwards(tmp_path, steps):
    atomic.save_text(tmp_path / "page", "text")
    (content, written), renamed, folder = steps
    assert content == "flush"
    assert Path(written).name.endswith(".tmp")
    assert renamed == ("rename", str(tmp_path / "page"))
    assert folder == ("flush", str(tmp_path))


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="looks at /proc")
def test_all_that_a_folder_holds_is_on_disk_before_it_gets_its_name(tmp_path, steps):
    with atomic.replacing_folder(tmp_path / "target") as staging:
        (staging / "sub").mkdir()
        (staging / "sub" / "file").write_text("text")
    flushed = [
        Path(place).name
        for kind, place in steps[: steps.index(("rename", str(tmp_path / "target")))]
    ]
    assert flushed[:2] == ["file", "sub"]
    assert steps[-1] == ("flush", str(tmp_path))
