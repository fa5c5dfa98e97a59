"""The commands of `withintask panel`, called as the command line calls them."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from withintask.cli.panel import app
from withintask.panel.codebook import codebook
from withintask.panel.errors import SourceError
from withintask.panel.panel import TABLES, Panel, PanelInfo
from withintask.panel.store import read_panel, write_panel

DOCS = Path(__file__).resolve().parents[2] / "docs"


def run(*words):
    app([str(word) for word in words], exit_on_error=False, result_action="return_value")


@pytest.fixture
def bad(tmp_path):
    outputs = pl.DataFrame(
        {"worker_id": ["secret"], "task_id": ["t"], "period": [1], "output": [-1.0]}
    )
    return write_panel(Panel(info=PanelInfo(name="bad"), outputs=outputs), tmp_path / "bad")


def test_the_template_is_a_valid_panel_with_every_table(tmp_path, capsys):
    run("template", tmp_path / "new")
    assert tuple(read_panel(tmp_path / "new").tables()) == TABLES
    assert (tmp_path / "new" / "CODEBOOK.md").read_text() == codebook()
    run("validate", tmp_path / "new")
    assert capsys.readouterr().out.endswith("valid\n")


def test_a_template_that_was_filled_in_is_read(tmp_path):
    run("template", tmp_path / "new")
    cells = {"worker_id": "w1", "task_id": "t1", "period": "1", "ai_use": "0.5", "output": "2.5"}
    for table in ("workers", "tasks", "outputs"):
        file = tmp_path / "new" / f"{table}.csv"
        header = file.read_text().strip().split(",")
        row = ",".join(cells.get(column, "") for column in header)
        file.write_text(f"{','.join(header)}\n{row}\n")
    assert read_panel(tmp_path / "new").outputs["output"].to_list() == [2.5]


def test_the_template_is_not_written_over_other_files(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SourceError, match="is not empty"):
        run("template", tmp_path)


def test_validate_names_rules_and_counts_but_no_key(bad, capsys):
    with pytest.raises(SystemExit) as caught:
        run("validate", bad)
    shown = capsys.readouterr().out
    assert caught.value.code == 1
    assert "output|min_exclusive" in shown
    assert "secret" not in shown


def test_validate_names_keys_when_asked(bad, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        run("validate", bad, "--show-keys")
    assert "worker_id=secret task_id=t period=1" in capsys.readouterr().out


@pytest.mark.parametrize("show", [False, True])
def test_validate_prints_json(bad, capsys, show):
    with pytest.raises(SystemExit):
        run("validate", bad, "--json", *(["--show-keys"] if show else []))
    report = json.loads(capsys.readouterr().out)
    assert report["n_rules_broken"] == 1
    broken = report["violations"][0]
    assert (broken["table"], broken["rule"], broken["n_rows"]) == (
        "outputs",
        "output|min_exclusive",
        1,
    )
    assert ("examples" in broken) == show


def test_validate_reports_unreadable_files_and_broken_rules_together(bad, capsys):
    (bad / "pay.csv").write_text("worker_id,period,pay\nw\n")
    with (bad / "panel.toml").open("a") as file:
        file.write('[tables.pay]\nfile = "pay.csv"\n')
    with pytest.raises(SystemExit):
        run("validate", bad)
    shown = capsys.readouterr().out
    assert "shifted_rows" in shown
    assert "output|min_exclusive" in shown


def test_a_panel_without_outputs_is_valid_only_when_asked(tmp_path, capsys):
    pay = pl.DataFrame({"worker_id": ["w"], "period": [1], "pay": [1.0]})
    folder = write_panel(Panel(info=PanelInfo(name="pay"), pay=pay), tmp_path / "pay")
    run("validate", folder, "--without-outputs")
    assert "valid" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run("validate", folder)
    assert "required" in capsys.readouterr().out


def test_profile_prints_its_figures(tmp_path, capsys):
    outputs = pl.DataFrame({"worker_id": ["w"], "task_id": ["t"], "period": [1], "output": [1.0]})
    folder = write_panel(Panel(info=PanelInfo(name="p"), outputs=outputs), tmp_path / "p")
    run("profile", folder, "--json", "--min-cell", 1)
    figures = json.loads(capsys.readouterr().out)
    assert {row["section"] for row in figures} == {"coverage", "balance", "mobility", "cells"}


def test_pseudonymize_writes_a_valid_copy_without_the_key(tmp_path, capsys):
    outputs = pl.DataFrame({"worker_id": ["w"], "task_id": ["t"], "period": [1], "output": [1.0]})
    folder = write_panel(Panel(info=PanelInfo(name="p"), outputs=outputs), tmp_path / "p")
    key = tmp_path / "keys" / "key"
    key.parent.mkdir()
    key.write_text("a secret of more than 16 bytes")
    key.chmod(0o600)
    run("pseudonymize", folder, "--out", tmp_path / "q", "--key-file", key)
    written = b"".join(file.read_bytes() for file in (tmp_path / "q").iterdir())
    assert b"a secret" not in written
    assert read_panel(tmp_path / "q").outputs["worker_id"][0] != "w"


@pytest.mark.real_data
def test_import_writes_a_published_panel(data_dir, tmp_path, capsys):
    source = data_dir / "panels" / "ruffle_radiology"
    run("import", "radiology", source, "--out", tmp_path / "r")
    assert read_panel(tmp_path / "r").outputs.height == 44
    assert "outputs 44" in capsys.readouterr().out


def test_the_codebook_in_the_docs_is_that_of_the_schemas():
    assert (DOCS / "codebook.md").read_text(encoding="utf-8") == codebook()


def test_every_published_panel_is_documented():
    from withintask.ingest.panels.adapters import ADAPTERS

    page = (DOCS / "published_panels.md").read_text(encoding="utf-8")
    assert [name for name in ADAPTERS if f"`{name}`" not in page] == []


def test_help_loads_no_heavy_package():
    heavy = "{'polars', 'dataframely', 'duckdb', 'numpy'}"
    code = f"import sys, withintask.cli.panel; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
