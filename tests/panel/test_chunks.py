"""Text is cut at line ends only where every reader sees the same rows; numbers read at once are those read from text."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from withintask.panel import chunks
from withintask.panel.apply import apply_mapping
from withintask.panel.chunks import each_chunk, plain_lines
from withintask.panel.csv_source import scan_text_csv
from withintask.panel.mapping import TableMapping
from withintask.panel.spill import Spill

CELLS = st.text(alphabet="ab01.,-\t é\u3042\u00a0", max_size=4)
NUMBERS = (
    *("5", "+5", "-.5", "5.", "1e3", "1E-3", "007", "1e-400", "123456789012345678", "", "NA"),
    *("1e400", "-1e400", "nan", "NaN", "-inf", "Infinity", " 5", "5 ", "1_0", "0x1", "1e", "."),
    *("--5", "1,5", "5e5e5", "\u0665", "five", "9223372036854775807", "9223372036854775808"),
)


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 16)


def write(folder, text, *, bom=False):
    file = folder / "x.csv"
    file.write_bytes(text.encode("utf-8-sig" if bom else "utf-8"))
    return file


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=9), bom=st.booleans())
def test_plain_lines_are_the_rows_that_polars_reads(tmp_path_factory, rows, bom):
    text = "".join("\t".join(cell.replace("\t", "") for cell in row) + "\n" for row in rows)
    file = write(tmp_path_factory.mktemp("plain"), "x\ty\tz\n" + text, bom=bom)
    lines = plain_lines(file, "\t")
    read = pl.read_csv(file, separator="\t", infer_schema=False)
    assert (len(rows) + 1, ["x", "y", "z"]) == (lines.n_lines, read.columns)
    assert len(rows) == read.height


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n"1",2\n',
        "a,b\r\n1,2\r\n",
        "a,b\n1,2,3\n",
        "a,b\n1\n",
        "a,b\n1,2\n\n",
        "a,b\n1,2\n3\n4,5,6\n",
        "a\n1\n",
        "a,b\n1,2\0\n",
    ],
)
def test_a_doubt_leaves_the_file_to_the_other_readers(tmp_path, text):
    assert plain_lines(write(tmp_path, text), ",") is None


def test_text_that_is_not_utf8_is_a_doubt(tmp_path):
    file = tmp_path / "x.csv"
    file.write_bytes(b"a,b\n\xff,2\n")
    assert plain_lines(file, ",") is None


def test_pieces_end_with_a_line_and_make_up_the_file(tmp_path, small_pieces):
    text = "".join(f"{row},{'x' * (row % 40)}\n" for row in range(200)) + "end,y"
    parts = each_chunk(write(tmp_path, text, bom=True), lambda number, piece: (number, piece))
    assert list(range(len(parts))) == [number for number, _ in parts]
    assert text == b"".join(piece for _, piece in parts).decode()
    assert all(piece.endswith(b"\n") for _, piece in parts[:-1])


def test_a_fault_in_one_piece_ends_the_work(tmp_path, small_pieces):
    def work(number, _):
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"^\d$"):
        each_chunk(write(tmp_path, "a,b\n" * 1000), work)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"null_values": ("", "NA")},
        {"null_if": {"output": [5]}},
        {"scale": {"output": 2.0}, "functions": {"output": "log"}},
        {"header": False, "columns": {"worker_id": "column_1", "period": "column_3"}},
        {"columns": {"worker_id": "worker_id", "output": "period", "period": "period"}},
        {"decimal_comma": True},
    ],
)
def test_what_is_spilled_is_what_is_read_from_text(tmp_path, small_pieces, options, separator):
    numbers = [number.replace(separator, "") for number in NUMBERS]
    head = ["worker_id", "output", "period", "ai_access"]
    rows = [
        head,
        *([f"w{k}", number, number, "true"] for k, number in enumerate(numbers)),
        *([f"v{k}", str(k), str(k), "x"] for k in range(40)),
    ]
    file = write(tmp_path, "\n".join(map(separator.join, rows)) + "\n")
    mapping = TableMapping(name="outputs", file="x.csv", separator=separator, **options)
    raw, problems = scan_text_csv(file, mapping)
    assert problems == []
    expected = apply_mapping(raw, mapping)
    spill = Spill(folder=tmp_path / "spill", file=file)
    mapped = apply_mapping(raw, mapping, spill=spill)
    assert expected.problems == mapped.problems
    assert expected.frame.collect().equals(mapped.frame.collect())
    assert len(list(spill.folder.iterdir())) > len(rows) / 4


def test_padded_numbers_are_not_read_at_once(tmp_path):
    file = write(tmp_path, "worker_id,output\na, 5\nb,6\n")
    mapping = TableMapping(name="outputs", file="x.csv")
    raw, _ = scan_text_csv(file, mapping)
    mapped = apply_mapping(raw, mapping, spill=Spill(folder=tmp_path / "spill", file=file))
    assert mapped.frame.collect()["output"].to_list() == [None, 6.0]
    assert [(p.rule, p.n_rows) for p in mapped.problems] == [("output|unreadable", 1)]
