"""What a database answered to a query of sums: read, typed and checked before anything is estimated from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.arrays import Codes
from withintask.panel.errors import EstimationError, SourceError, list_problems, quoted
from withintask.panel.transform import codes
from withintask.tests_of_model.samples.arms import ACCESS_VARIES
from withintask.tests_of_model.samples.cell_sums import CellSums, as_cell_sums
from withintask.tests_of_model.samples.cells_sql import COUNTS
from withintask.tests_of_model.samples.unknown import joined, left_out_counts

_TEXTS = ("estimator", "term", "unit", "task_id", "firm_id")
_WHOLE = ("fewest", "first_ai_period", "arm", "period", "is_exposed", *COUNTS)
_NUMBERS = ("n_rows", "n_cell", "time_share", "center", "square", "left_sum")
_OF_WORKERS = ("worker_id", "assignment_id")
_MAY_BE_NULL = {*_NUMBERS, "assignment_id"}


@dataclass(frozen=True, kw_only=True, eq=False)
class CellsAnswer:
    """The answer to one query."""

    estimator: str
    """Name of the estimator it was written for."""
    term: str
    """Name of its term."""
    unit: str
    """What its sums are by: firm or worker."""
    sums: CellSums
    """Its sums; those of cells withheld are NaN."""
    worker: Codes
    """Code of the worker, (part,); empty where sums are by firm."""
    assignment: Codes
    """Code of what was assigned, -1 where nothing was, (part,); empty where sums are by firm."""
    note: str
    """How many outputs were left out and cells withheld."""
    counts: Mapping[str, int]
    """What is true of the whole, by name."""


def read_cells(file: Path) -> tuple[CellsAnswer, ...]:
    """Read the answer to one query or several, one after the other in a CSV or Parquet file.

    Raises
    ------
    SourceError
        If the file is absent, cannot be read, lacks columns or holds something else in them: all of it.
    """
    if not file.is_file():
        raise SourceError(f"{file}: no such file")
    is_parquet = file.suffix.lower() == ".parquet"
    try:
        table = pl.read_parquet(file) if is_parquet else _read_csv(file)
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{file}: cannot be read ({type(error).__name__})") from error
    typed = _typed(table.rename(str.lower), file)
    parts = typed.partition_by("estimator", "term", maintain_order=True)
    return tuple(_answer(part) for part in parts)


def _read_csv(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, infer_schema=False, null_values=["", "NULL", "null", "\\N"])


def _typed(table: pl.DataFrame, file: Path) -> pl.DataFrame:
    """Bring columns to their types; an empty text is the one firm where none is told."""
    wanted: dict[str, type[pl.DataType]] = {
        **dict.fromkeys(_TEXTS, pl.String),
        **dict.fromkeys(_WHOLE, pl.Int64),
        **dict.fromkeys(_NUMBERS, pl.Float64),
    }
    if "no_weight" not in table.columns:
        # An answer to a query of before weights were taken.
        table = table.with_columns(no_weight=pl.lit(0))
    if "worker_id" in table.columns:
        wanted |= dict.fromkeys(_OF_WORKERS, pl.String)
    problems = [f"no column {name}" for name in wanted if name not in table.columns]
    if "firm_id" in table.columns and table["firm_id"].null_count() == table.height:
        table = table.with_columns(firm_id=pl.lit(""))
    there = {name: dtype for name, dtype in wanted.items() if name in table.columns}
    typed = table.select(pl.col(name).cast(dtype, strict=False) for name, dtype in there.items())
    for name, dtype in there.items():
        n_lost = typed[name].null_count() - table[name].null_count()
        n_null = table[name].null_count()
        if n_lost:
            problems.append(f"{name}: {n_lost:,} cells are no {dtype}")
        elif n_null and name not in _MAY_BE_NULL:
            problems.append(f"{name}: {n_null:,} cells are empty")
    if typed.is_empty() and not problems:
        problems.append("no row; the query found no exposed task and known arm")
    if not problems:
        problems += _cut_off(typed)
    if problems:
        advice = "Write the query with `withintask panel sql`, and keep all columns and rows of its answer."
        raise SourceError(list_problems(f"{file}: sums by cell", problems, advice=advice))
    return typed


def _cut_off(table: pl.DataFrame) -> list[str]:
    """Name answers with other rows than the database gave: many show or save the first rows alone."""
    found = table.group_by("estimator", "term", maintain_order=True).agg(
        pl.len(), pl.col("n_parts").first()
    )
    return [
        f"{estimator} {term}: {n_rows:,} rows, the database answered {n_parts:,}"
        for estimator, term, n_rows, n_parts in found.rows()
        if n_rows != n_parts
    ]


def _answer(table: pl.DataFrame) -> CellsAnswer:
    first = table.row(0, named=True)
    withheld = table["n_rows"].is_null()
    frame = table.rename({"left_sum": "left"}).with_columns(
        pl.col("n_rows", "n_cell").fill_null(1.0),
        pl.col("time_share").fill_null(1.0),
        is_exposed=pl.col("is_exposed") > 0,
    )
    by_worker = first["unit"] == "worker"
    empty = np.zeros(0, dtype=np.int64)
    return CellsAnswer(
        estimator=first["estimator"],
        term=first["term"],
        unit=first["unit"],
        sums=as_cell_sums(frame, first["first_ai_period"]),
        worker=codes(table["worker_id"]) if by_worker else empty,
        assignment=codes(table["assignment_id"]) if by_worker else empty,
        note=joined(_left_out(first), _withheld(withheld, first["fewest"])),
        counts={name: first[name] for name in COUNTS},
    )


def _left_out(first: Mapping[str, int]) -> str:
    fields = {"firm": "no_firm", "exposure": "no_exposure", "time_share": "no_time_share"}
    fields |= {"access": "no_treatment", "the weight": "no_weight"}
    missing = {name: first[column] for name, column in fields.items()}
    n_all = first["n_outputs"]
    return left_out_counts(missing, n_all - first["n_known"], n_all)


def _withheld(withheld: pl.Series, fewest: int) -> str:
    n = int(withheld.sum())
    return (
        f"{n:,} of {withheld.len():,} cells withheld, of fewer than {fewest} workers" if n else ""
    )


def fail_if_not_answered(answer: CellsAnswer, *, treatment_tells_arms: bool) -> None:
    """Refuse an answer whose arms or units are not those that the estimator needs.

    Raises
    ------
    EstimationError
        If access varies within a worker's task.
    SourceError
        If errors are to be clustered by workers, and the sums are by firm.
    """
    counts = answer.counts
    if treatment_tells_arms and counts["mixed_workers"] and counts["mixed_pairs"]:
        raise EstimationError(
            ACCESS_VARIES.replace(
                "between items of one worker, task and period", "within a worker's task"
            )
        )
    split = {name: counts[name] for name in ("split_workers", "split_assignments", "split_teams")}
    if answer.unit == "firm" and any(split.values()):
        problems = [_SPLIT[name].format(n) for name, n in split.items() if n]
        advice = "Write the query anew with --unit worker."
        raise SourceError(list_problems("sums by firm", problems, advice=advice))


_SPLIT = {
    "split_workers": "{:,} workers are in several firms, so that errors are clustered by worker",
    "split_assignments": "{:,} of what was assigned as one are in several firms, so that errors are clustered by it",
    "split_teams": "{:,} workers are in several assignments, so that errors are clustered by these",
}


def fail_if_unknown_names(
    answers: tuple[CellsAnswer, ...], known: Mapping[str, Mapping[str, object]], file: Path
) -> None:
    """Refuse answers to queries of estimators that sums do not serve.

    Raises
    ------
    SourceError
        Names them.
    """
    problems = [
        f"{quoted(a.estimator)}, {quoted(a.term)}: no term that sums by cell serve"
        for a in answers
        if a.term not in known.get(a.estimator, {})
    ]
    if problems:
        raise SourceError(list_problems(str(file), problems))
