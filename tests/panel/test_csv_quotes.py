"""Every CSV file is read as the csv module reads it, or refused by row."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from withintask.panel.csv_quotes import check_quotes
from withintask.panel.csv_source import scan_text_csv
from withintask.panel.mapping import TableMapping

HEADER = ["a", "b", "c"]
# Anything but line feeds, which inside a quoted cell can look like rows and then need n_rows.
CELLS = st.text(st.sampled_from('xé", ;\t'), min_size=1, max_size=5)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8)


def written(rows, separator, quoting):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator="\n").writerows(rows)
    return text.getvalue()


def mapping(separator=",", n_rows=None):
    return TableMapping(name="outputs", file="x.csv", separator=separator, n_rows=n_rows)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=ROWS,
    separator=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_a_well_formed_file_comes_back_cell_by_cell(rows, separator, quoting, tmp_path_factory):
    file = tmp_path_factory.mktemp("csv") / "x.csv"
    file.write_text(written([HEADER, *rows], separator, quoting), encoding="utf-8")
    frame, problems = scan_text_csv(file, mapping(separator))
    assert problems == []
    assert frame.collect().rows() == rows


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, row=st.integers(0, 7), column=st.integers(0, 2))
def test_a_quote_inside_an_unquoted_cell_is_refused_in_its_row(rows, row, column, tmp_path_factory):
    file = tmp_path_factory.mktemp("csv") / "x.csv"
    row %= len(rows)
    lines = written([HEADER, *rows], ",", csv.QUOTE_ALL).splitlines()
    cells = ["x", "y", "z"]
    cells[column] = '5" pipe'
    lines[row + 1] = ",".join(cells)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    frame, problems = scan_text_csv(file, mapping())
    assert frame is None
    assert [(b.rule, b.examples) for b in problems] == [("stray_quote", (f"row {row + 1}",))]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_where_a_file_is_cut_into_chunks_changes_nothing(size, monkeypatch, tmp_path):
    good = written([HEADER, ["1", 'a "b", c', "2"], ["3", "x", 'y"']], ",", csv.QUOTE_MINIMAL)
    bad = good + '4,5" pipe,6\n7,8,9\n'
    monkeypatch.setattr("withintask.panel.csv_quotes.CHUNK_BYTES", size)
    for text, expected in ((good, ()), (bad, (3,))):
        (tmp_path / "x.csv").write_text(text, encoding="utf-8-sig")
        assert check_quotes(tmp_path / "x.csv", ",", 3, has_header=True).stray == expected


def test_text_with_line_ends_is_no_row_of_its_own(tmp_path):
    rows = [("1", "two\nlines", "x"), ("2", "y", "z")]
    (tmp_path / "x.csv").write_text(written([HEADER, *rows], ",", csv.QUOTE_MINIMAL))
    frame, problems = scan_text_csv(tmp_path / "x.csv", mapping())
    assert problems == []
    assert frame.collect().rows() == rows
