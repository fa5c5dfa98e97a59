"""O*NET releases: survey dates matter, most occupations are carried forward."""

from datetime import date

import pytest

from withintask.ingest.onet.read import read_job_zones, read_ratings, read_tasks
from withintask.ingest.publication import Publication
from withintask.panel.errors import SourceError

JOB_ZONES = "O*NET-SOC Code\tJob Zone\tDate\tDomain Source\n11-1011.00\t{zone}\t{date}\tAnalyst\n"


def job_zones(folder, *, zone="5", date="08/2023"):
    folder.mkdir(exist_ok=True)
    path = folder / "Job Zones.txt"
    path.write_text(JOB_ZONES.format(zone=zone, date=date))
    return Publication(kind="onet_job_zone", folder=folder, path=path)


def test_a_job_zone_has_release_date_and_soc_code(tmp_path):
    (row,) = read_job_zones(job_zones(tmp_path / "db_29_2_text")).to_dicts()
    assert (row["release"], row["job_zone"], row["soc2018_code"]) == ("29.2", 5, "11-1011")
    assert row["survey_date"] == date(2023, 8, 1)


def test_the_release_is_read_from_the_read_me_if_the_folder_does_not_say(tmp_path):
    (tmp_path / "onet").mkdir()
    (tmp_path / "onet" / "Read Me.txt").write_text("O*NET 27.0 Database\n")
    assert read_job_zones(job_zones(tmp_path / "onet"))["release"].to_list() == ["27.0"]


def test_an_unknown_release_is_refused(tmp_path):
    with pytest.raises(SourceError, match="release unknown"):
        read_job_zones(job_zones(tmp_path / "onet"))


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"zone": "five"}, "column 'job_zone': 1 cells are no numbers: row 2 'five'"),
        ({"date": "August"}, "column 'survey_date': 1 cells are no months"),
    ],
)
def test_a_cell_of_the_wrong_type_is_named(tmp_path, cells, reason):
    with pytest.raises(SourceError, match=reason):
        read_job_zones(job_zones(tmp_path / "db_29_2", **cells))


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "Job Zones.txt"
    path.write_text("O*NET-SOC Code\tDate\n11-1011.00\t08/2023\n")
    with pytest.raises(SourceError, match="no column 'job_zone'"):
        read_job_zones(Publication(kind="x", folder=tmp_path, path=path))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "suffix", "n_tasks", "n_ratings"),
    [("db_27_0_text", "txt", 19_265, 35_723), ("db_29_2_excel", "xlsx", 18_796, 36_209)],
)
def test_every_published_row_of_a_release_is_kept(data_dir, folder, suffix, n_tasks, n_ratings):
    home = data_dir / "onet" / folder
    names = (f"Task Statements.{suffix}", f"Education, Training, and Experience.{suffix}")
    tasks, ratings = (Publication(kind="x", folder=home, path=home / name) for name in names)
    assert read_tasks(tasks).height == n_tasks
    assert read_ratings(ratings).height == n_ratings
