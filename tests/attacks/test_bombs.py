"""Small files that ask for a great deal of room are refused before a reader makes it."""

import io
import tracemalloc
import zipfile

import polars as pl
import pytest

from withintask.ingest.files import check_archive
from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.text_tables import read_delimited, read_workbook
from withintask.panel.archives import Limits
from withintask.panel.errors import SourceError
from withintask.panel.foreign import read_foreign
from withintask.panel.mapping import TableMapping
from withintask.panel.workbooks import check_workbook

MEMORY = 200e6
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def book(*bodies, strings=(), sheets=()):
    """A workbook of sheets with these texts between <sheetData> and its end."""
    frame = io.BytesIO()
    pl.DataFrame({"a": ["x"]}).write_excel(frame)
    with zipfile.ZipFile(frame) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = [f"xl/worksheets/sheet{k}.xml" for k in range(1, len(bodies) + 1)]
    for name, body in zip(names, bodies, strict=True):
        members[name] = (
            f'<worksheet xmlns="{MAIN}" xmlns:x="{MAIN}"><sheetData>{body}</sheetData></worksheet>'
        )
    if strings:
        texts = "".join(f"<si><t>{text}</t></si>" for text in strings)
        members["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{texts}</sst>'
    if len(bodies) > 1:
        more = "".join(
            f'<sheet name="s{k}" sheetId="{k}" r:id="rId1"/>' for k in range(2, len(bodies) + 1)
        )
        text = members["xl/workbook.xml"].decode().replace("</sheets>", f"{more}</sheets>")
        members["xl/workbook.xml"] = text
    return zipped(members)


FAR = {
    "the last cell of all": '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    "a row that lies about itself": '<row r="1"><c r="A1"/><c r="XFD1048576"><v>1</v></c></row>',
    "attributes in another order": '<row r="1"><c r="A1"/></row><row r="1048576"><c t="n" r="XFD1048576"><v>1</v></c></row>',
    "small letters": '<row r="1"><c r="a1"/></row><row r="1048576"><c r="xfd1048576"><v>1</v></c></row>',
    "single quotes": "<row r='1'><c r='A1'/></row><row r='1048576'><c r='XFD1048576'><v>1</v></c></row>",
    "names with a prefix": '<x:row r="1"><x:c r="A1"/></x:row><x:row r="1048576"><x:c r="XFD1048576"/></x:row>',
    "a line within a tag": '<row r="1"><c r="A1"/></row><row r="1048576"><c\nr="XFD1048576"><v>1</v></c></row>',
    "cells without names": "<row/>" * 60_000 + "<row>" + "<c><v>1</v></c>" * 9_000 + "</row>",
    "a small size that is declared": '<dimension ref="A1"/><row r="1"><c r="A1"/></row><row r="900000"><c r="ABC900000"/></row>',
}


@pytest.mark.parametrize("body", FAR.values(), ids=FAR)
def test_a_sheet_that_reaches_far_is_refused_before_it_is_read(body):
    content = book(body)
    assert len(content) < 200_000
    tracemalloc.start()
    with pytest.raises(SourceError, match="reaches over"):
        read_workbook(content, "bomb.xlsx")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY


def test_every_sheet_is_looked_at():
    sound = '<row r="1"><c r="A1"><v>1</v></c></row>'
    with pytest.raises(SourceError, match=r"sheet2\.xml: reaches over"):
        read_workbook(book(sound, FAR["the last cell of all"]), "bomb.xlsx")


def test_a_panel_is_not_read_from_such_a_workbook(tmp_path):
    (tmp_path / "bomb.xlsx").write_bytes(book(FAR["the last cell of all"]))
    with pytest.raises(SourceError, match="reaches over"):
        read_foreign(tmp_path / "bomb.xlsx", TableMapping(name="outputs", file="bomb.xlsx"))


def test_a_long_text_that_many_cells_share_is_refused():
    cells = "".join(f'<row r="{k}"><c r="A{k}" t="s"><v>0</v></c></row>' for k in range(1, 40_001))
    content = book(cells, strings=["x" * 30_000])
    with pytest.raises(SourceError, match="repeats 1,2.* characters"):
        check_workbook(content, "bomb.xlsx", limits=Limits(max_ratio=10**6))


@pytest.mark.parametrize("n_columns", [3, 30, 16_384])
def test_a_sound_sheet_passes_whatever_its_form(n_columns):
    frame = pl.DataFrame({f"c{k}": ["x", "y"] for k in range(n_columns)})
    buffer = io.BytesIO()
    frame.write_excel(buffer)
    sheet = read_workbook(buffer.getvalue(), "wide.xlsx")[0]
    assert sheet.cells.shape == (3, n_columns)


def test_a_header_of_half_a_million_columns_is_refused(tmp_path):
    content = b"," * 524_000 + b"\n"
    with pytest.raises(SourceError, match="524,001 columns in the first line"):
        read_delimited(content, "wide.csv")
    (tmp_path / "wide.csv").write_bytes(content)
    with pytest.raises(SourceError, match="524,001 columns in the first line"):
        read_delimited(tmp_path / "wide.csv", "wide.csv")


def test_a_table_of_too_many_cells_is_refused():
    content = b"," * 9_999 + b"\n" * 5_000
    with pytest.raises(SourceError, match=r"lines x 10,000 columns"):
        read_delimited(content, "large.csv")


def test_a_line_without_end_is_refused():
    with pytest.raises(SourceError, match="in the first line"):
        read_delimited(b"x" * (1 << 21), "line.csv")


def test_many_small_members_that_unpack_to_much_are_refused():
    content = zipped({f"{k}.csv": b"\0" * 100_000 for k in range(300)})
    with pytest.raises(SourceError, match="times its size"):
        check_archive(content, "many.zip")


def test_thousands_of_members_are_refused():
    content = zipped({f"{k}.csv": b"a" for k in range(3_900)})
    with pytest.raises(SourceError, match="3,900 members; at most 1,000"):
        check_archive(content, "many.zip")


@pytest.mark.parametrize(
    "body",
    [
        '<row r="1"><c r="A1"><v>1</v></c>',
        '<row r="1"><c r="A1"><v><![CDATA[7]]></v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>9</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>0--></v></c></row>',
        '<row r="1"><c r="A1" t="s">"B5"><v>0.5</v></c></row>',
        '<row r="1"><c r="A1" t="s"><f>1</f><v>9</v></c></row>',
    ],
    ids=[
        *("cut", "CDATA", "a text that is not there", "no number of a text"),
        *("no whole number after text", "a text that is not there after a formula"),
    ],
)
def test_a_sheet_whose_cells_a_reader_would_pass_over_is_refused(body):
    with pytest.raises(SourceError, match=r"sheet1\.xml: "):
        read_workbook(book(body, strings=["only"]), "damaged.xlsx")


def test_a_workbook_that_declares_entities_is_refused():
    content = book('<row r="1"><c r="A1"><v>1</v></c></row>')
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    members["xl/worksheets/sheet1.xml"] = laughs + sheet
    with pytest.raises(SourceError, match="declares entities"):
        read_workbook(zipped(members), "laughs.xlsx")


def test_a_bomb_in_a_folder_of_oews_is_one_error(tmp_path):
    (tmp_path / "national_M2023_dl.xlsx").write_bytes(book(FAR["the last cell of all"]))
    with pytest.raises(SourceError, match="reaches over"):
        harmonize(tmp_path)
