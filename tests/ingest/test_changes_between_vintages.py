"""What changes between releases of O*NET and years of OEWS is said, not found by accident."""

import pytest

from withintask.ingest.database import query
from withintask.ingest.store import build_store
from withintask.panel.errors import SourceError

TASKS = "O*NET-SOC Code\tTask ID\tTask\tTask Type\tIncumbents Responding\tDate\tDomain Source\n"


def statements(folder, rows, date="08/2022"):
    folder.mkdir(parents=True)
    lines = "".join(
        f"{c}\t{n}\t{text}\t{kind}\t50\t{date}\tIncumbent\n" for c, n, text, kind in rows
    )
    (folder / "Task Statements.txt").write_text(TASKS + lines)


BEFORE = [
    ("11-1011.00", 1, "Run things.", "Core"),
    ("11-1011.00", 2, "Sign things.", "Core"),
    ("11-1011.00", 3, "Direct things.", "Core"),
    ("11-2011.00", 4, "Sell things.", "Core"),
]
AFTER = [
    ("11-1011.00", 1, "Run all things.", "Core"),
    ("11-1011.00", 2, "Sign things.", "Supplemental"),
    ("11-2011.00", 4, "Sell things.", "Core"),
    ("11-2011.00", 5, "Promote things.", "Core"),
]


def test_task_changes_between_releases_are_listed_by_kind(tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    statements(tmp_path / "db_27_0_text", BEFORE)
    statements(tmp_path / "db_30_2_text", AFTER, date="12/2025")
    build_store(tmp_path, tmp_path / "s.duckdb")
    sql = "SELECT task_id, change, from_release, release FROM onet_task_change ORDER BY task_id"
    assert query(tmp_path / "s.duckdb", sql).rows() == [
        (1, "worded_anew", "27.0", "30.2"),
        (2, "new_type", "27.0", "30.2"),
        (3, "dropped", "27.0", "30.2"),
        (5, "added", "27.0", "30.2"),
    ]


def test_releases_of_two_classifications_are_not_compared(tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    statements(tmp_path / "db_18_1_text", BEFORE)
    statements(tmp_path / "db_30_2_text", AFTER)
    build_store(tmp_path, tmp_path / "s.duckdb")
    assert query(tmp_path / "s.duckdb", "FROM onet_task_change").is_empty()
    sql = "SELECT release, classification, n_occupations, n_rows FROM onet_vintage ORDER BY 1"
    assert query(tmp_path / "s.duckdb", sql).rows() == [
        ("18.1", "onet2010", 2, 4),
        ("30.2", "onet2019", 2, 4),
    ]


def test_employment_that_more_than_doubles_has_a_note(tmp_path, tiny_book):
    for year, jobs in ((2022, "2,010"), (2023, "30,810"), (2024, "31,000")):
        tiny_book(year).change(2, "tot_emp", jobs).save(tmp_path)
    build_store(tmp_path, tmp_path / "s.duckdb")
    sql = "SELECT from_year, year, comparable_code, round(ratio, 1), note FROM oews_jump"
    ((first, last, code, ratio, note),) = query(tmp_path / "s.duckdb", sql).rows()
    assert (first, last, code, ratio) == (2022, 2023, "11-1011", 15.3)
    assert "the same code in one segment" in note


def test_a_group_of_other_codes_says_so(tmp_path, tiny_book):
    # 31-1011 and 39-9021 of May 2018 became 31-1120.
    book = tiny_book(2018).change(2, "occ_code", "31-1011").change(3, "occ_code", "39-9021")
    book.change(2, "tot_emp", "1,000").change(3, "tot_emp", "1,000").save(tmp_path)
    later = tiny_book(2019).change(2, "occ_code", "31-1120").change(2, "tot_emp", "9,000")
    later.save(tmp_path)
    build_store(tmp_path, tmp_path / "s.duckdb", bridge="merged")
    sql = "SELECT codes_from, codes, note FROM oews_jump"
    ((before, after, note),) = query(tmp_path / "s.duckdb", sql).rows()
    assert (before, after) == ("31-1011 39-9021", "31-1120")
    assert note.startswith("other codes and another segment")


def test_postings_are_percent_of_days(tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    header = "date,jobcountry,AI_share_postings\n"
    path = tmp_path / "AI_posting.csv"
    path.write_text(header + "2024-01-01,NA,2.5\n")
    build_store(tmp_path, tmp_path / "s.duckdb")
    assert query(tmp_path / "s.duckdb", "SELECT country, ai_share FROM ai_posting").rows() == [
        ("NA", 2.5)
    ]
    for bad, reason in (
        ("01/02/2024,US,2", "no dates"),
        ("2024-01-01,US,250", "not from 0 to 100"),
        ("2024-01-01,,2", "names of a series are blank"),
    ):
        path.write_text(header + bad + "\n")
        with pytest.raises(SourceError, match=reason):
            build_store(tmp_path, tmp_path / "s.duckdb")
