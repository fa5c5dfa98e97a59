"""Anthropic Economic Index: use of Claude by O*NET task, and how people work with it.

The tasks are texts in the wording of O*NET 20.1, in lower case. A text may belong to several
occupations; its share is then divided equally among them, as the index itself does. The rows
``none`` and ``not_classified`` and any text without an occupation stay, unmatched. A cell that is
absent is unknown, not zero: too few conversations showed it. Traffic of the programming interface
has measures of its own, ``api_…``.
"""

import re
from functools import lru_cache
from pathlib import Path

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.schema import EXPOSURE_OCCUPATION, EXPOSURE_TASK
from withintask.ingest.exposure.to_soc import add_soc2018
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.text_tables import TextTable, read_table
from withintask.panel.errors import SourceError

_SOURCE, _CODES = "anthropic_economic_index", "onet2010"
_TEXT, _SHARE = "task_name", "pct"
INTERACTIONS = (
    "feedback_loop",
    "directive",
    "task_iteration",
    "validation",
    "learning",
    "filtered",
    "none",
    "not_classified",
)
"""Ways of working together, in any release; some write a space for the line."""
_REQUIRED_INTERACTIONS = INTERACTIONS[:2]
_STATEMENTS = r"onet_task_statements\.csv"
_SHARES = r"onet_task_mappings\.csv|task_pct_(api_)?v\d+\.csv"
_RELEASE = re.compile(r"release_(\d{4})_(\d\d)_(\d\d)", re.ASCII)
_VERSION = re.compile(r"_v(\d+)\.csv$", re.ASCII)
RELEASES = {
    "1": "2025-02-10",
    "2": "2025-03-27",
    "3": "2025-09-15",
    "4": "2026-01-15",
    "5": "2026-03-24",
}
"""Date of each version's release, where the folder does not say it."""
_WHOLE, _TOLERANCE = 100.0, 0.5
"""Percent that shares add up to, and what rounding may take or add."""


def read_task_shares(publication: Publication) -> pl.DataFrame:
    """Read the share of conversations by task into rows of `exposure_task`.

    Raises
    ------
    SourceError
        If the task statements are not in the folder, or a share is no number.
    """
    return EXPOSURE_TASK.conform(_tasks(publication, _read_shares(publication)))


def read_interactions(publication: Publication) -> pl.DataFrame:
    """Read the shares of interaction types by task into rows of `exposure_task`.

    Raises
    ------
    SourceError
        As :func:`read_task_shares`.
    """
    return EXPOSURE_TASK.conform(_tasks(publication, _read_interactions(publication)))


def read_occupation_shares(publication: Publication) -> pl.DataFrame:
    """Sum the shares of conversations over the tasks of each occupation; they add up to 100.

    Raises
    ------
    SourceError
        As :func:`read_task_shares`.
    """
    tasks = with_occupations(publication, _read_shares(publication))
    return occupation_shares(tasks)


def occupation_shares(tasks: pl.DataFrame) -> pl.DataFrame:
    """Sum shares by task into rows of `exposure_occupation`; what is unknown adds nothing.

    Parameters
    ----------
    tasks
        Of :func:`with_occupations`.
    """
    known = pl.when(pl.col("value").is_not_null().any()).then(
        (pl.col("value") * pl.col("text_weight")).sum()
    )
    keys = ("source", "release", "measure", "source_code", "source_file")
    shares = tasks.group_by(keys).agg(known.alias("value"), pl.col("source_title").first())
    named = shares.with_columns(pl.lit("sum").alias("aggregation")).sort("measure", "source_code")
    return EXPOSURE_OCCUPATION.conform(add_soc2018(named, _CODES))


def _read_shares(publication: Publication) -> pl.DataFrame:
    """Return `task, measure, value` of a file of shares, in percent."""
    table = read_table(publication.path, publication.name, [_TEXT, _SHARE])
    rows = parse_numbers(table.rows, [_SHARE], table.where)
    refuse_other_than_percent(rows[_SHARE], table.where)
    return rows.select(
        pl.col(_TEXT).alias("task"),
        pl.lit(_prefix(publication) + _SHARE).alias("measure"),
        pl.col(_SHARE).alias("value"),
    )


def _read_interactions(publication: Publication) -> pl.DataFrame:
    """Return `task, measure, value` of a file of interaction types, shares of one."""
    table = read_table(publication.path, publication.name, list(_REQUIRED_INTERACTIONS))
    texts = [name for name in (_TEXT, "task") if name in table.rows.columns]
    if not texts:
        raise SourceError(f"{table.where}: no column 'task_name' or 'task'")
    there = [name for name in INTERACTIONS if name in table.rows.columns]
    rows = parse_numbers(table.rows, there, table.where)
    total = max(rows.select(pl.sum_horizontal(there)).to_series().to_list(), default=0.0)
    if total > 1 + _TOLERANCE / _WHOLE:
        raise SourceError(
            f"{table.where}: interaction types of a task add up to {total:.4g}; they are "
            "shares of one: is the file in percent?"
        )
    long = rows.unpivot(there, index=texts[0], variable_name="measure")
    prefix = _prefix(publication)
    return long.rename({texts[0]: "task"}).with_columns(
        (pl.lit(prefix) + pl.col("measure")).alias("measure")
    )


def refuse_other_than_percent(shares: pl.Series, where: str) -> None:
    """Refuse shares of a file that add up to one, or to more than a hundred percent.

    Raises
    ------
    SourceError
        With the sum.
    """
    total = float(shares.sum())
    if shares.len() > 1 and total <= 1 + _TOLERANCE / _WHOLE:
        raise SourceError(f"{where}: shares add up to {total:.4g}, not to 100: they are no percent")
    if total > _WHOLE + _TOLERANCE:
        raise SourceError(f"{where}: shares add up to {total:.4g} percent; are two releases mixed?")
    if shares.drop_nulls().lt(0).any():
        raise SourceError(f"{where}: a share is negative")


def _tasks(publication: Publication, long: pl.DataFrame) -> pl.DataFrame:
    return task_rows(with_occupations(publication, long))


def task_rows(tasks: pl.DataFrame) -> pl.DataFrame:
    """Map tasks with occupations to SOC 2018; a shared text divides its weight."""
    mapped = add_soc2018(tasks, _CODES)
    is_shared = (pl.col("text_weight") < 1) & (pl.col("match_quality") != "unmatched")
    quality = pl.when(is_shared).then(pl.lit("shared_text")).otherwise("match_quality")
    return mapped.with_columns(
        quality.alias("match_quality"), pl.col("weight") * pl.col("text_weight")
    )


def with_occupations(publication: Publication, long: pl.DataFrame) -> pl.DataFrame:
    """Return one row a measure, task and occupation; `text_weight` adds up to one over the last.

    Parameters
    ----------
    publication
        With the task statements among its companions.
    long
        `task, measure, value`, and `release` if the file has several.
    """
    texts = long.with_columns(_normal("task").alias("text"))
    joined = texts.join(
        _occupations_of_texts(publication), on="text", how="left", maintain_order="left"
    )
    if "release" not in joined.columns:
        joined = joined.with_columns(pl.lit(release_of(publication)).alias("release"))
    return joined.with_columns(
        pl.lit(_SOURCE).alias("source"),
        pl.lit(publication.name).alias("source_file"),
        pl.lit(None, dtype=pl.Int64).alias("task_id"),
        pl.lit(None, dtype=pl.String).alias("label"),
        pl.col("text_weight").fill_null(1.0),
    )


def _occupations_of_texts(publication: Publication) -> pl.DataFrame:
    """Return `text, source_code, source_title, text_weight` of the statements in the folder."""
    if not publication.companions:
        raise SourceError(
            f"{publication.name}: its tasks are texts; put onet_task_statements.csv of the release "
            "of February 2025 into the folder, which says whose tasks they are"
        )
    path = publication.companions[0]
    status = path.stat()
    return _statements(path, publication.relative(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1)
def _statements(path: Path, name: str, _size: int, _changed: int) -> pl.DataFrame:
    """Read task statements once for all files of a release that need them."""
    table: TextTable = read_table(path, name, ["o*net-soc_code", "title", "task"])
    pairs = table.rows.select(
        _normal("task").alias("text"),
        pl.col("o*net-soc_code").alias("source_code"),
        pl.col("title").alias("source_title"),
    ).unique(["text", "source_code"], maintain_order=True)
    return pairs.with_columns((1 / pl.len().over("text")).alias("text_weight"))


def _normal(name: str) -> pl.Expr:
    return pl.col(name).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def release_of(publication: Publication) -> str:
    """Return the date of a release: as the folder says, or by the version in the file name.

    Raises
    ------
    SourceError
        If the two disagree.
    """
    folder = _RELEASE.search(publication.path.as_posix())
    version = _VERSION.search(publication.path.name.lower())
    by_folder = "-".join(folder.groups()) if folder else None
    by_name = RELEASES.get(version[1]) if version else None
    if by_folder and by_name and by_folder != by_name:
        raise SourceError(
            f"{publication.name}: its folder says release {by_folder}, its name version "
            f"{version[1] if version else ''} of {by_name}: two releases are mixed"
        )
    return by_folder or by_name or publication.path.stem


def _prefix(publication: Publication) -> str:
    return "api_" if re.search(r"(^|_)(1p_)?api(_|\.)", publication.path.name.lower()) else ""


ADAPTERS = (
    Adapter(
        kind="anthropic_index_task",
        table=EXPOSURE_TASK,
        name_pattern=_SHARES,
        companion_pattern=_STATEMENTS,
        signature=frozenset({_TEXT, _SHARE}),
        read=read_task_shares,
    ),
    Adapter(
        kind="anthropic_index_occupation",
        table=EXPOSURE_OCCUPATION,
        name_pattern=_SHARES,
        companion_pattern=_STATEMENTS,
        signature=frozenset({_TEXT, _SHARE}),
        read=read_occupation_shares,
    ),
    Adapter(
        kind="anthropic_index_interaction",
        table=EXPOSURE_TASK,
        name_pattern=r"automation_vs_augmentation_by_task(_(api_)?v\d+)?\.csv",
        companion_pattern=_STATEMENTS,
        signature=frozenset({"feedback_loop", "directive", "task_iteration", "validation"}),
        read=read_interactions,
    ),
)
