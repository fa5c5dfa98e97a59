"""Read task statements, job zones and education requirements of any O*NET release.

Text and Excel releases have the same columns; the Excel ones add titles. A release is a rolling
panel: most occupations carry an older survey forward, so `survey_date` matters, not the release.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.to_soc import add_soc2018
from withintask.ingest.onet.schema import ONET_JOB_ZONE, ONET_RATING, ONET_TASK
from withintask.ingest.parse import parse_months, parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.tables import Table
from withintask.ingest.text_tables import read_table
from withintask.panel.errors import SourceError, some_examples

_RELEASE = re.compile(r"(?:db_|v|onet[_ ]?)(\d\d)[._](\d)", re.IGNORECASE | re.ASCII)
_CLASSIFICATIONS = (((25, 1), "onet2019"), ((15, 1), "onet2010"))
"""First release of each classification, newest first (O*NET taxonomy pages)."""
_MOST_UNMATCHED = 0.05
"""Share of codes that may be unmatched; of 1,016 codes of O*NET-SOC 2019 all but the military are."""
_README = re.compile(r"O\*NET (\d+\.\d+) Database")
_TASKS = {
    "o*net-soc_code": "onetsoc_code",
    "task_id": "task_id",
    "task": "task",
    "task_type": "task_type",
    "incumbents_responding": "n_incumbents",
    "date": "survey_date",
    "domain_source": "domain_source",
}
_JOB_ZONES = {
    "o*net-soc_code": "onetsoc_code",
    "job_zone": "job_zone",
    "date": "survey_date",
    "domain_source": "domain_source",
}
_RATINGS = {
    "o*net-soc_code": "onetsoc_code",
    "element_id": "element_id",
    "element_name": "element_name",
    "scale_id": "scale_id",
    "category": "category",
    "data_value": "value",
    "n": "n_answers",
    "standard_error": "std_error",
    "lower_ci_bound": "ci_low",
    "upper_ci_bound": "ci_high",
    "recommend_suppress": "is_suppress_recommended",
    "date": "survey_date",
    "domain_source": "domain_source",
}


def read_tasks(publication: Publication) -> pl.DataFrame:
    """Read ``Task Statements`` into rows of `onet_task`.

    Raises
    ------
    SourceError
        If a column is missing, a cell has the wrong type or the release is not known.
    """
    rows = _rows(publication, _TASKS, ["task_id", "n_incumbents"])
    task_type = pl.when(pl.col("task_type") != "n/a").then("task_type")
    return _conform(ONET_TASK, rows.with_columns(task_type.alias("task_type")), publication)


def read_job_zones(publication: Publication) -> pl.DataFrame:
    """Read ``Job Zones`` into rows of `onet_job_zone`.

    Raises
    ------
    SourceError
        As :func:`read_tasks`.
    """
    return _conform(ONET_JOB_ZONE, _rows(publication, _JOB_ZONES, ["job_zone"]), publication)


def read_ratings(publication: Publication) -> pl.DataFrame:
    """Read ``Education, Training, and Experience`` into rows of `onet_rating`.

    Raises
    ------
    SourceError
        As :func:`read_tasks`.
    """
    numbers = ["category", "value", "n_answers", "std_error", "ci_low", "ci_high"]
    rows = _rows(publication, _RATINGS, numbers)
    flag = pl.col("is_suppress_recommended")
    is_suppressed = pl.when(flag.is_in(["Y", "N"])).then(flag == "Y")
    return _conform(ONET_RATING, rows.with_columns(is_suppressed), publication)


def _rows(
    publication: Publication, names: Mapping[str, str], numbers: Sequence[str]
) -> pl.DataFrame:
    table = read_table(publication.path, publication.name, list(names))
    rows = table.rows.select(*names, "source_row").rename(dict(names))
    return parse_months(parse_numbers(rows, numbers, table.where), ["survey_date"], table.where)


def _conform(table: Table, rows: pl.DataFrame, publication: Publication) -> pl.DataFrame:
    release = release_of(publication.path)
    classification = classification_of(release, publication.name)
    labelled = rows.with_columns(
        pl.lit(release).alias("release"),
        pl.lit(classification).alias("classification"),
        pl.lit(publication.name).alias("source_file"),
    )
    mapped = add_soc2018(labelled, classification, code="onetsoc_code")
    _refuse_other_codes(mapped, release, classification, publication.name)
    return table.conform(mapped)


def _refuse_other_codes(
    mapped: pl.DataFrame, release: str, classification: str, where: str
) -> None:
    """Refuse a file of which more codes are unmatched than either classification leaves."""
    codes = mapped.group_by("onetsoc_code").agg(
        (pl.col("match_quality") == "unmatched").all().alias("is_lost")
    )
    lost = codes.filter("is_lost")["onetsoc_code"].drop_nulls().sort().to_list()
    if len(lost) > _MOST_UNMATCHED * codes.height and len(lost) > 1:
        raise SourceError(
            f"{where}: {len(lost):,} of {codes.height:,} codes are in no list of {classification}, "
            f"the classification of O*NET {release}: {some_examples(lost)}. Is the release right?"
        )


def classification_of(release: str, where: str) -> str:
    """Return the O*NET-SOC classification that a release is published in.

    Raises
    ------
    SourceError
        If it is older than the links that are shipped: O*NET-SOC 2009 and before.
    """
    major, minor = (int(part) for part in release.split("."))
    for first, classification in _CLASSIFICATIONS:
        if (major, minor) >= first:
            return classification
    raise SourceError(
        f"{where}: O*NET {release} has codes of O*NET-SOC 2009 or before, of which no links to "
        "SOC 2018 are shipped; 15.1 is the first release of O*NET-SOC 2010"
    )


def release_of(path: Path) -> str:
    """Return the release that the name or folder states, or else the Read Me beside the file."""
    said = {
        ".".join(match.groups())
        for name in (path.name, path.parent.name)
        if (match := _RELEASE.search(name))
    }
    if len(said) > 1:
        raise SourceError(
            f"{path}: its name and folder say two releases: {', '.join(sorted(said))}"
        )
    if said:
        return said.pop()
    readme = path.with_name("Read Me.txt")
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    if match := _README.search(text):
        return match[1]
    raise SourceError(f"{path}: O*NET release unknown; keep the folder name, such as db_29_2_text")


ADAPTERS = (
    Adapter(
        kind="onet_task",
        table=ONET_TASK,
        name_pattern=r"task[ _]statements.*\.(txt|xlsx|csv)",
        read=read_tasks,
    ),
    Adapter(
        kind="onet_job_zone",
        table=ONET_JOB_ZONE,
        name_pattern=r"job[ _]zones.*\.(txt|xlsx|csv)",
        read=read_job_zones,
    ),
    Adapter(
        kind="onet_rating",
        table=ONET_RATING,
        name_pattern=r"education, training, and experience\.(txt|xlsx|csv)",
        read=read_ratings,
    ),
)
