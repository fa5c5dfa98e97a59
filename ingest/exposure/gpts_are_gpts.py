"""GPTs are GPTs: exposure of O*NET occupations and tasks (Eloundou, Manning, Mishkin and Rock)."""

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.schema import EXPOSURE_OCCUPATION, EXPOSURE_TASK
from withintask.ingest.exposure.to_soc import add_soc2018
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.text_tables import read_table

_SOURCE, _RELEASE, _CODES = "gpts_are_gpts", "2023", "onet2019"
_OCCUPATION_MEASURES = tuple(
    f"{rater}_rating_{rule}" for rater in ("dv", "human") for rule in ("alpha", "beta", "gamma")
)
_TASK_MEASURES = ("alpha", "beta", "gamma", "automation")
_TASK_LABELS = (
    "human_exposure_agg",
    "gpt4_exposure",
    "gpt4_exposure_alt_rubric",
    "gpt4_automation",
)
_CODE, _TITLE, _TASK, _TASK_ID = "o*net-soc_code", "title", "task", "task_id"


def read_occupations(publication: Publication) -> pl.DataFrame:
    """Read ``occ_level.csv`` into rows of `exposure_occupation`.

    Raises
    ------
    SourceError
        If a column is missing or a rating is no number.
    """
    table = read_table(publication.path, publication.name, [_CODE, _TITLE, *_OCCUPATION_MEASURES])
    rows = parse_numbers(table.rows, _OCCUPATION_MEASURES, table.where)
    long = rows.unpivot(_OCCUPATION_MEASURES, index=[_CODE, _TITLE], variable_name="measure")
    named = long.rename({_CODE: "source_code", _TITLE: "source_title"}).with_columns(
        *_labels(publication), pl.lit("mean").alias("aggregation")
    )
    return EXPOSURE_OCCUPATION.conform(add_soc2018(named, _CODES))


def read_tasks(publication: Publication) -> pl.DataFrame:
    """Read ``full_labelset.tsv`` into rows of `exposure_task`.

    Raises
    ------
    SourceError
        If a column is missing or a score is no number.
    """
    required = [_CODE, _TASK_ID, _TASK, *_TASK_MEASURES, *_TASK_LABELS]
    table = read_table(publication.path, publication.name, required)
    rows = parse_numbers(table.rows, [*_TASK_MEASURES, _TASK_ID], table.where)
    index = [_CODE, _TASK_ID, _TASK]
    numbers = rows.unpivot(_TASK_MEASURES, index=index, variable_name="measure")
    labels = rows.unpivot(_TASK_LABELS, index=index, variable_name="measure", value_name="label")
    named = (
        pl.concat([numbers, labels], how="diagonal")
        .rename({_CODE: "source_code"})
        .with_columns(*_labels(publication), pl.col(_TASK_ID).cast(pl.Int64))
    )
    return EXPOSURE_TASK.conform(add_soc2018(named, _CODES))


def _labels(publication: Publication) -> tuple[pl.Expr, ...]:
    return (
        pl.lit(_SOURCE).alias("source"),
        pl.lit(_RELEASE).alias("release"),
        pl.lit(publication.name).alias("source_file"),
    )


ADAPTERS = (
    Adapter(
        kind="gpts_are_gpts_occupation",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r"occ_level\.csv",
        signature=frozenset({_CODE, *_OCCUPATION_MEASURES}),
        read=read_occupations,
    ),
    Adapter(
        kind="gpts_are_gpts_task",
        table=EXPOSURE_TASK,
        name_pattern=r"full_labelset\.tsv",
        signature=frozenset({_CODE, _TASK_ID, *_TASK_LABELS}),
        read=read_tasks,
    ),
)
