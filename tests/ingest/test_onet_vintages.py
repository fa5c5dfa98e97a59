"""O*NET releases in the codes of their own time."""

import polars as pl
import pytest

from withintask.ingest.onet.read import classification_of, read_job_zones
from withintask.ingest.publication import Publication
from withintask.panel.errors import SourceError

HEADER = "O*NET-SOC Code\tJob Zone\tDate\tDomain Source\n"


def job_zones(folder, codes):
    folder.mkdir(parents=True)
    path = folder / "Job Zones.txt"
    path.write_text(HEADER + "".join(f"{code}\t3\t07/2013\tAnalyst\n" for code in codes))
    return read_job_zones(Publication(kind="x", folder=folder, path=path))


@pytest.mark.parametrize(
    ("release", "classification"),
    [("15.1", "onet2010"), ("18.1", "onet2010"), ("25.0", "onet2010"), ("25.1", "onet2019")],
)
def test_a_release_has_the_codes_of_its_time(release, classification):
    assert classification_of(release, "x") == classification


def test_an_older_code_is_linked_not_taken_for_one_of_today(tmp_path):
    # In O*NET-SOC 2010, 15-1133.00 is system software developers: gone in 2019.
    rows = job_zones(tmp_path / "db_18_1", ["15-1133.00", "11-1011.00"])
    assert rows["classification"].unique().to_list() == ["onet2010"]
    found = set(rows.select("onetsoc_code", "soc2018_code").rows())
    assert ("15-1133.00", "15-1252") in found
    assert ("11-1011.00", "11-1011") in found


def test_the_parts_of_a_code_that_was_split_are_one_row_together(tmp_path):
    rows = job_zones(tmp_path / "db_20_1", ["15-1133.00", "29-1069.00", "11-1011.00"])
    total = rows.group_by("onetsoc_code").agg(pl.col("weight").sum())["weight"]
    assert (total - 1).abs().max() < 1e-12


def test_today_s_codes_under_an_old_release_are_refused(tmp_path):
    codes = ["15-1252.00", "15-1253.00", "15-1254.00", "11-1011.00"]
    with pytest.raises(SourceError, match="3 of 4 codes are in no list of onet2010"):
        job_zones(tmp_path / "db_18_1", codes)


def test_a_release_before_the_links_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"O\*NET 14\.0 has codes of O\*NET-SOC 2009"):
        job_zones(tmp_path / "db_14_0", ["11-1011.00"])


def test_a_name_and_a_folder_that_say_two_releases_are_refused(tmp_path):
    folder = tmp_path / "db_29_2_text"
    folder.mkdir()
    path = folder / "job_zones_v30.1.txt"
    path.write_text(HEADER + "11-1011.00\t3\t07/2013\tAnalyst\n")
    with pytest.raises(SourceError, match=r"two releases: 29\.2, 30\.1"):
        read_job_zones(Publication(kind="x", folder=folder, path=path))
