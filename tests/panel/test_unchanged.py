"""A panel that changes while it is read is one message, whatever else comes of it."""

import os

import polars as pl
import pytest

from withintask.panel import report, store
from withintask.panel.errors import SourceError
from withintask.panel.store import read_panel
from withintask.panel.unchanged import files_of_panel, unchanged

MANIFEST = '[panel]\nschema = 2\nname = "x"\n[tables.workers]\nfile = "w.csv"\n'
CHANGED = r"w\.csv: changed while it was read(.|\n)*run again when nobody writes there"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "panel.toml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "w.csv").write_text("worker_id,educ_cog\na,1\nb,2\n", encoding="utf-8")
    return tmp_path


def changing(monkeypatch, module, name, change):
    function = getattr(module, name)

    def changed(*arguments, **options):
        change()
        return function(*arguments, **options)

    monkeypatch.setattr(module, name, changed)


def longer(folder):
    return lambda: (folder / "w.csv").write_text("worker_id,educ_cog\na,1\nb,2\nb,3\n")


def test_the_files_of_a_panel_are_its_manifest_and_tables(folder):
    expected = (folder / "panel.toml", folder / "w.csv")
    assert expected == files_of_panel(folder) == files_of_panel(folder / "panel.toml")


def test_a_report_is_not_made_of_two_states(folder, monkeypatch):
    changing(monkeypatch, report, "panel_violations", longer(folder))
    with pytest.raises(SourceError, match=CHANGED):
        report.violation_report(folder, with_outputs=False)


def test_a_panel_is_not_read_of_two_states(folder, monkeypatch):
    changing(monkeypatch, store, "panel_violations", longer(folder))
    with pytest.raises(SourceError, match=CHANGED):
        read_panel(folder)


def test_a_file_that_is_taken_away_was_changed(folder, monkeypatch):
    changing(monkeypatch, store, "panel_violations", (folder / "w.csv").unlink)
    with pytest.raises(SourceError, match=CHANGED):
        read_panel(folder)


def test_what_fails_because_of_the_change_is_not_what_is_said(folder):
    def torn():
        os.utime(folder / "w.csv", ns=(1, 1))
        raise pl.exceptions.ComputeError("a row is torn")

    with pytest.raises(SourceError, match=CHANGED), unchanged([folder / "w.csv"]):
        torn()


def test_a_panel_that_nobody_touches_is_read(folder):
    assert read_panel(folder).workers.height == 2
    assert report.violation_report(folder, with_outputs=False).violations.is_empty()


@pytest.mark.parametrize("name", ["/somewhere/*.parquet", "w\\u0000.csv", "w" * 300])
@pytest.mark.parametrize(
    "reader", [read_panel, lambda folder: report.violation_report(folder, with_outputs=False)]
)
def test_a_name_that_no_file_can_have_is_a_mistake_in_the_manifest(folder, name, reader):
    (folder / "panel.toml").write_text(MANIFEST.replace("w.csv", name), encoding="utf-8")
    with pytest.raises(SourceError, match=r"\[tables\.workers\] file .* is no name of a file"):
        reader(folder)
