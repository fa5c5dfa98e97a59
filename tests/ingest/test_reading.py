"""Files that are read ahead in threads come out in their order, and a store's copies have the same bytes."""

import threading
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from withintask.ingest import reading
from withintask.ingest.adapters import Adapter
from withintask.ingest.oews.publications import FLAT
from withintask.ingest.oews.reference import load_codes
from withintask.ingest.onet.schema import ONET_JOB_ZONE
from withintask.ingest.publication import Publication
from withintask.ingest.store import build_store
from withintask.panel.errors import SourceError

N_FILES = 12
SERIES = "OEUN0000000000000{}01\t2025\tA01\t{}\t"


@pytest.fixture
def files(tmp_path):
    for number in range(N_FILES):
        (tmp_path / f"{number:02}.x").write_bytes(b"1234")
    return [
        Publication(kind="x", folder=tmp_path, path=path) for path in sorted(tmp_path.glob("*.x"))
    ]


def reader(monkeypatch, read):
    adapter = Adapter(kind="x", table=ONET_JOB_ZONE, name_pattern=".*", read=read)
    monkeypatch.setattr(reading, "ADAPTERS", (adapter,))


def frame(publication):
    return pl.DataFrame({"name": [publication.name]})


def handed_over(publications):
    stored = []
    for _, read in reading.read_ahead(publications, years=None, level="all"):
        assert read(lambda _, rows: stored.append(rows["name"].item())) == ""
    return stored


def test_rows_come_in_the_order_of_the_files(files, monkeypatch):
    """The first file is let go only when a later one was read: a reader one by one would not end."""
    second = threading.Event()

    def read(publication):
        if publication is files[0]:
            second.wait(timeout=20)
        if publication is files[1]:
            second.set()
        return frame(publication)

    reader(monkeypatch, read)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert [p.name for p in files] == handed_over(files)
    assert second.is_set()


def test_a_file_is_not_read_far_ahead_of_the_store(files, monkeypatch):
    begun = []
    reader(monkeypatch, lambda publication: begun.append(publication.name) or frame(publication))
    monkeypatch.setattr(reading, "_MOST_BYTES_AHEAD", 9)  # two files of four bytes
    readings = reading.read_ahead(files, years=None, level="all")
    next(readings)
    assert len(begun) <= 2
    readings.close()


def test_a_bad_file_stops_no_other(files, monkeypatch):
    def read(publication):
        if publication is files[3]:
            raise SourceError("torn")
        return frame(publication)

    reader(monkeypatch, read)
    bad = []
    for publication, hand_over in reading.read_ahead(files, years=None, level="all"):
        try:
            hand_over(lambda *_: None)
        except SourceError:
            bad.append(publication)
    assert [files[3]] == bad


def test_a_flat_file_is_read_only_as_it_is_handed_over(files, monkeypatch):
    flat = [replace(publication, kind=FLAT) for publication in files]
    begun = []
    monkeypatch.setattr(
        reading, "harmonize_publication", lambda publication, *_, **__: begun.append(publication)
    )
    for _ in reading.read_ahead(flat, years=None, level="all"):
        pass
    assert begun == []


def test_two_builds_give_the_same_bytes_of_parquet(tmp_path, tiny_book):
    source = tmp_path / "source"
    source.mkdir()
    for year in (2022, 2023, 2024):
        tiny_book(year).save(source)
    codes = load_codes().filter(classification="oews2021", o_group="detailed")["occ_code"]
    lines = [SERIES.format(code.replace("-", ""), row) for row, code in enumerate(codes)]
    head = "series_id\tyear\tperiod\tvalue\tfootnote_codes\n"
    (source / "oe.data.1.AllData").write_text(head + "\n".join(lines) + "\n")
    first, second = (bytes_of(source, tmp_path / name) for name in ("a", "b"))
    assert first == second
    assert any("year=2024" in name for name in first)


def bytes_of(source: Path, out: Path) -> dict[str, bytes]:
    build_store(source, out / "s.duckdb", parquet_dir=out / "p")
    files = (out / "p").rglob("*.parquet")
    return {str(path.relative_to(out)): path.read_bytes() for path in files}
