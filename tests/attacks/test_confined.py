"""Formats whose size a reader takes on trust, and compressed text, are read under limits."""

import gzip
import io
import struct
import zipfile
import zlib

import pytest

from withintask.ingest.oews.harmonize import harmonize
from withintask.panel.archives import Limits, check_gzip
from withintask.panel.confined import Room, read_confined
from withintask.panel.errors import SourceError
from withintask.panel.foreign import CONFINED, read_foreign
from withintask.panel.mapping import TableMapping
from withintask.panel.propose import propose
from withintask.panel.store import load_panel

OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
LISTED = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry '
    'manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>'
)
ROOM = Room(max_bytes=3 << 30, max_seconds=60)


def ods(rows):
    """A spreadsheet of OpenDocument with these rows."""
    content = (
        f'<office:document-content xmlns:office="{OFFICE}" xmlns:table="{TABLE}" xmlns:text="{TEXT}"><office:body>'
        f'<office:spreadsheet><table:table table:name="s">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", LISTED)
        archive.writestr("content.xml", content)
    return buffer.getvalue()


def row(*cells, times=1):
    inside = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{c}</text:p></table:table-cell>'
        for c in cells
    )
    return f'<table:table-row table:number-rows-repeated="{times}">{inside}</table:table-row>'


def record(kind, content):
    return struct.pack("<HH", kind, len(content)) + content


def xls(*cells):
    """A workbook of Excel 5 as a bare stream of records in a compound file, one number a cell (row, column)."""
    begin = record(0x0809, struct.pack("<HHHH", 0x0500, 0x0005, 0, 0))
    sheet = record(0x0809, struct.pack("<HHHH", 0x0500, 0x0010, 0, 0))
    body = b"".join(record(0x0203, struct.pack("<HHHd", r, c, 0, 1.0)) for r, c in cells)
    end = record(0x000A, b"")
    place = len(begin) + len(record(0x0085, b"\0" * 8)) + len(end)
    bound = record(0x0085, struct.pack("<IHB", place, 0, 1) + b"s")
    return compound(begin + bound + end + sheet + body + end)


def compound(stream):
    """The smallest compound file with one stream, Book."""
    size = 512
    padded = stream.ljust(max(4096, -(-len(stream) // size) * size), b"\0")
    n = len(padded) // size
    free, end, fat_mark = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    fat = [fat_mark, end, *range(3, 2 + n), end]
    fat += [free] * (128 - len(fat))

    def entry(name, kind, child, start, length):
        text = name.encode("utf-16-le") + b"\0\0"
        head = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, free, free, child)
        return (head + b"\0" * 36 + struct.pack("<IQ", start, length)).ljust(128, b"\0")

    directory = entry("Root Entry", 5, 1, end, 0) + entry("Book", 2, free, 2, len(padded))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    head += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0)
    head += struct.pack("<109I", 0, *[free] * 108)
    return (
        head.ljust(size, b"\0") + struct.pack("<128I", *fat) + directory.ljust(size, b"\0") + padded
    )


def test_a_sound_sheet_of_open_document_is_read(tmp_path):
    (tmp_path / "a.ods").write_bytes(ods(row("x", "y") + row("1", "2", times=3)))
    frame = read_foreign(tmp_path / "a.ods", TableMapping(name="outputs", file="a.ods"))
    assert frame.rows() == [("1", "2")] * 3


def test_a_sound_old_workbook_is_read(tmp_path):
    (tmp_path / "a.xls").write_bytes(xls((0, 0), (1, 1)))
    mapping = TableMapping(name="outputs", file="a.xls", header=False)
    assert read_foreign(tmp_path / "a.xls", mapping).shape == (2, 2)


BOMBS = {
    "rows that repeat": ("a.ods", ods(row(*"x" * 200) + row(*["1" * 50] * 200, times=1_000_000))),
    "the last cell of an old workbook": ("a.xls", xls((0, 0), (65_535, 65_535))),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_file_that_asks_for_too_much_is_one_error_and_this_process_lives(tmp_path, bomb):
    name, content = BOMBS[bomb]
    assert len(content) < 50_000
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=f"{name}: cannot be read"):
        read_confined(tmp_path / name, room=ROOM)


def test_a_file_that_takes_too_long_is_one_error(tmp_path):
    (tmp_path / "a.ods").write_bytes(ods(row("x")))
    with pytest.raises(SourceError, match="0.01 seconds"):
        read_confined(tmp_path / "a.ods", room=Room(max_seconds=0.01))


@pytest.mark.parametrize("suffix", CONFINED)
def test_a_damaged_file_is_one_error(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    file.write_bytes(b"not what it says")
    with pytest.raises(SourceError, match=f"a{suffix}: "):
        read_foreign(file, TableMapping(name="outputs", file=file.name))


def test_an_open_document_that_is_a_zip_bomb_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "a.ods").write_bytes(ods("<!--" + "0" * 30_000_000 + "-->"))
    with pytest.raises(SourceError, match="zip bomb"):
        read_foreign(tmp_path / "a.ods", TableMapping(name="outputs", file="a.ods"))


def test_packed_text_that_unpacks_to_too_much_is_refused(tmp_path):
    path = tmp_path / "oe.data.0.Current.gz"
    path.write_bytes(gzip.compress(b"\0" * 50_000_000))
    with pytest.raises(SourceError, match="a bomb"):
        check_gzip(path)
    with pytest.raises(SourceError, match="a bomb"):
        harmonize(tmp_path)


def test_packed_text_that_is_long_or_cut_is_refused(tmp_path):
    path = tmp_path / "a.gz"
    content = b"".join(
        zlib.crc32(bytes([k % 256, k // 256])).to_bytes(4, "big") for k in range(50_000)
    )
    path.write_bytes(gzip.compress(content))
    check_gzip(path)
    with pytest.raises(SourceError, match="a bomb"):
        check_gzip(path, limits=Limits(max_bytes=100_000))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="not a complete gzip file"):
        check_gzip(path)


WIDE = "," * 524_000 + "\n"


def test_a_panel_with_half_a_million_columns_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "outputs.csv").write_text(WIDE)
    (tmp_path / "panel.toml").write_text(
        '[panel]\nschema = 1\nname = "p"\n[tables.outputs]\nfile = "outputs.csv"\n'
    )
    problems = load_panel(tmp_path).problems
    assert problems["rule"].to_list() == ["too_wide"]
    assert "524,001 columns" in problems["meaning"][0]


@pytest.mark.parametrize("text", [WIDE, "x" * (1 << 21)], ids=["columns", "a line without end"])
def test_a_file_with_too_wide_a_first_line_is_not_described(tmp_path, text):
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(SourceError, match="the first line has at most 16,384 columns"):
        propose(tmp_path / "data.csv", folder=tmp_path / "panel")
