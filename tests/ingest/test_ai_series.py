"""Series that tell how far AI has spread: one's own, and tables of the Census Bureau's survey of firms."""

from datetime import date

import polars as pl
import pytest
import xlsxwriter
from command_line import run

from withintask.ingest.btos import read_btos
from withintask.ingest.postings import read_series
from withintask.panel.errors import SourceError
from withintask.tests_of_model.evidence.timing import arrivals

NOW = "Between MMM DD - MMM DD, did this business use Artificial Intelligence (AI) in producing goods or services?"
LATER = "During the next six months, do you think this business will be using Artificial Intelligence (AI)?"


def workbook(path, rows, cycles=("202319", "202320")):
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Notes").write_row(0, 0, ["Notes of the Bureau"])
        sheet = book.add_worksheet("Response Estimates")
        header = ["Sector", "Question ID", "Question", "Answer ID", "Answer", *cycles]
        for n, row in enumerate([header, *rows]):
            sheet.write_row(n, 0, row)
    return path


def test_present_use_is_read_by_sector_and_what_is_not_published_is_left_out(tmp_path):
    rows = [
        ["51", 7, NOW, 1, "Yes", "13.8%", "S"],
        ["51", 7, NOW, 2, "No", "80.0%", "79.0%"],
        ["51", 24, LATER, 1, "Yes", "20.0%", "21.0%"],
        ["72", 7, NOW, 1, "Yes", "1.2%", "1.3%"],
    ]
    expected = [
        ("51", date(2023, 9, 10), 13.8),
        ("72", date(2023, 9, 10), 1.2),
        ("72", date(2023, 9, 24), 1.3),
    ]
    assert read_btos(workbook(tmp_path / "Sector.xlsx", rows)).rows() == expected


@pytest.mark.parametrize(
    ("rows", "cycles", "reason"),
    [
        ([["51", 24, LATER, 1, "Yes", "1%"]], ["202319"], "no answer Yes"),
        ([["51", 7, NOW, 1, "Yes", "1%"]], ["cycle"], "no column of a cycle"),
        ([["51", 7, NOW, 1, "Yes", "1%"]], ["202399"], "column 202399: a year has cycles"),
        ([["51", 7, NOW, 1, "Yes", "few"]], ["202319"], "few"),
        ([["51", 7, NOW, 1, "Yes", "1%"]] * 2, ["202319"], "rows 2, 3 answer the same question"),
    ],
)
def test_a_table_that_is_not_what_it_should_be_is_refused(tmp_path, rows, cycles, reason):
    with pytest.raises(SourceError, match=reason):
        read_btos(workbook(tmp_path / "Sector.xlsx", rows, cycles))


def test_a_series_of_ones_own_has_its_own_names(tmp_path):
    path = tmp_path / "use.csv"
    path.write_text("Industry,Day,Use %\nretail,2024-02-01,3\nretail,2024-01-01,2.5\n")
    rows = read_series(path, date="Day", share="Use %", by="Industry").rows()
    assert rows == [("retail", date(2024, 1, 1), 2.5), ("retail", date(2024, 2, 1), 3.0)]


def test_every_fault_of_a_series_is_listed_with_its_row(tmp_path):
    path = tmp_path / "use.csv"
    path.write_text("sector,date,share\na,1.2.2024,3\n,2024-01-01,2\na,2024-01-01,200\n")
    with pytest.raises(SourceError) as caught:
        read_series(path, date="date", share="share", by="sector")
    assert [line.split(":")[1].strip() for line in str(caught.value).splitlines()[1:]] == [
        "row 2", "row 3", "row 4",
    ]  # fmt: skip
    path.write_text("sector,date,share\na,2024-01-01,3\na,2024-01-01,4\n")
    with pytest.raises(SourceError, match="there twice: a 2024-01-01"):
        read_series(path, date="date", share="share", by="sector")


def test_the_command_dates_sectors_and_suggests_a_first_period(tmp_path):
    days = pl.date_range(date(2022, 1, 1), date(2025, 12, 1), "1mo", eager=True)
    share = [1 + max(n - 24, 0) * 0.5 for n in range(len(days))]
    path = tmp_path / "use.csv"
    pl.DataFrame({"sector": "retail", "date": days, "share": share}).write_csv(path)
    done = run(
        "exposure",
        "timing",
        "--file",
        path,
        "--every",
        "quarter",
        "--start",
        "2022-01-01",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    # Eighty columns do not hold a row, so that it is written as lines of name and value.
    shown = dict(line.split(": ") for line in done.stdout.splitlines() if ": " in line)
    assert shown["month"] == "2024-01-01"
    assert [value for name, value in shown.items() if name.startswith("first_ai")] == ["9"] * 3


def test_series_of_which_none_can_be_dated_still_have_every_column():
    days = pl.date_range(date(2024, 1, 1), date(2024, 5, 1), "1mo", eager=True)
    series = pl.DataFrame({"country": "A", "date": days, "ai_share": 1.0})
    found = arrivals(series, is_daily=False)
    assert found.select("country", "month").rows() == [("A", None)]
    assert "message" in found.columns


def test_the_command_wants_one_series(tmp_path):
    done = run("exposure", "timing", "--db", tmp_path, "--btos", tmp_path, cwd=tmp_path)
    assert done.returncode != 0
    assert "give one of --db" in done.stderr
