"""Anthropic Economic Index: use of Claude by O*NET task, and how people work with it.

The tasks are texts in the wording of O*NET 20.1, in lower case. A text may belong to several
occupations; its share is then divided equally among them, as the index itself does. The row
``none`` and any text without an occupation stay, unmatched.
"""

import re
from collections.abc import Sequence

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
_INTERACTIONS = (
    "feedback_loop",
    "directive",
    "task_iteration",
    "validation",
    "learning",
    "filtered",
)
_STATEMENTS = r"onet_task_statements\.csv"
_SHARES = r"onet_task_mappings\.csv|task_pct_v\d+\.csv"
_RELEASE = re.compile(r"release_(\d{4})_(\d\d)_(\d\d)")


def read_task_shares(publication: Publication) -> pl.DataFrame:
    """Read the share of conversations by task into rows of `exposure_task`.

    Raises
    ------
    SourceError
        If the task statements are not in the folder, or a share is no number.
    """
    return EXPOSURE_TASK.conform(_tasks(publication, [_SHARE]))


def read_interactions(publication: Publication) -> pl.DataFrame:
    """Read the shares of interaction types by task into rows of `exposure_task`.

    Raises
    ------
    SourceError
        As :func:`read_task_shares`.
    """
    return EXPOSURE_TASK.conform(_tasks(publication, _INTERACTIONS))


def read_occupation_shares(publication: Publication) -> pl.DataFrame:
    """Sum the shares of conversations over the tasks of each occupation; they add up to 100.

    Raises
    ------
    SourceError
        As :func:`read_task_shares`.
    """
    tasks = _with_occupations(publication, [_SHARE])
    shares = tasks.group_by("source", "release", "measure", "source_code", "source_file").agg(
        (pl.col("value") * pl.col("text_weight")).sum().alias("value"),
        pl.col("source_title").first(),
    )
    named = shares.with_columns(pl.lit("sum").alias("aggregation")).sort("source_code")
    return EXPOSURE_OCCUPATION.conform(add_soc2018(named, _CODES))


def _tasks(publication: Publication, measures: Sequence[str]) -> pl.DataFrame:
    mapped = add_soc2018(_with_occupations(publication, measures), _CODES)
    is_shared = (pl.col("text_weight") < 1) & (pl.col("match_quality") != "unmatched")
    quality = pl.when(is_shared).then(pl.lit("shared_text")).otherwise("match_quality")
    return mapped.with_columns(
        quality.alias("match_quality"), pl.col("weight") * pl.col("text_weight")
    )


def _with_occupations(publication: Publication, measures: Sequence[str]) -> pl.DataFrame:
    """Return one row a measure, task and occupation; `text_weight` adds up to one over the last."""
    table = read_table(publication.path, publication.name, [_TEXT, *measures])
    rows = parse_numbers(table.rows, measures, table.where).with_columns(
        _normal(_TEXT).alias("text")
    )
    long = rows.unpivot(measures, index=[_TEXT, "text"], variable_name="measure")
    joined = long.join(_occupations_of_texts(publication), on="text", how="left")
    return joined.with_columns(
        pl.lit(_SOURCE).alias("source"),
        pl.lit(_release(publication)).alias("release"),
        pl.lit(publication.name).alias("source_file"),
        pl.lit(None, dtype=pl.Int64).alias("task_id"),
        pl.lit(None, dtype=pl.String).alias("label"),
        pl.col("text_weight").fill_null(1.0),
    ).rename({_TEXT: "task"})


def _occupations_of_texts(publication: Publication) -> pl.DataFrame:
    """Return `text, source_code, source_title, text_weight` of the statements in the folder."""
    if not publication.companions:
        raise SourceError(
            f"{publication.name}: its tasks are texts; put onet_task_statements.csv of the release "
            "of February 2025 into the folder, which says whose tasks they are"
        )
    path = publication.companions[0]
    table: TextTable = read_table(
        path, publication.relative(path), ["o*net-soc_code", "title", "task"]
    )
    pairs = table.rows.select(
        _normal("task").alias("text"),
        pl.col("o*net-soc_code").alias("source_code"),
        pl.col("title").alias("source_title"),
    ).unique(["text", "source_code"], maintain_order=True)
    return pairs.with_columns((1 / pl.len().over("text")).alias("text_weight"))


def _normal(name: str) -> pl.Expr:
    return pl.col(name).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def _release(publication: Publication) -> str:
    match = _RELEASE.search(publication.path.as_posix())
    return "-".join(match.groups()) if match else publication.path.stem


ADAPTERS = (
    Adapter(
        kind="anthropic_index_task",
        table=EXPOSURE_TASK,
        name_pattern=_SHARES,
        companion_pattern=_STATEMENTS,
        read=read_task_shares,
    ),
    Adapter(
        kind="anthropic_index_occupation",
        table=EXPOSURE_OCCUPATION,
        name_pattern=_SHARES,
        companion_pattern=_STATEMENTS,
        read=read_occupation_shares,
    ),
    Adapter(
        kind="anthropic_index_interaction",
        table=EXPOSURE_TASK,
        name_pattern=r"automation_vs_augmentation_by_task\.csv",
        companion_pattern=_STATEMENTS,
        read=read_interactions,
    ),
)
