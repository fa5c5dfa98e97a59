"""Estimates from what a database answered to a query of sums, and the query that a panel's estimator needs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.arrays import Codes
from withintask.panel.errors import EstimationError, ParameterError, list_problems
from withintask.panel.panel import Panel
from withintask.panel.trial_arms import with_access
from withintask.tests_of_model.hypotheses.dispersion_of_cells import (
    SUM_TERMS,
    CellTerm,
    GroupedCells,
    average,
    group_cells,
    parts_as_rows,
)
from withintask.tests_of_model.hypotheses.estimate import UNUSABLE, as_frame, choose
from withintask.tests_of_model.hypotheses.estimates import failure
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.hypotheses.stream import fail_if_rows_are_needed
from withintask.tests_of_model.regression.errors import Errors
from withintask.tests_of_model.regression.options import Options
from withintask.tests_of_model.samples.cells_file import (
    CellsAnswer,
    fail_if_not_answered,
    fail_if_unknown_names,
    read_cells,
)
from withintask.tests_of_model.samples.cells_sql import CellQuery, CellUnit, Dialect
from withintask.tests_of_model.samples.task_rows import ENOUGH_FIRMS, clusters_of, with_tasks
from withintask.tests_of_model.samples.unknown import joined


def query_of(
    panel: Panel,
    estimator: str,
    term: str = "",
    *,
    unit: CellUnit = "firm",
    dialect: Dialect = "duckdb",
    outputs: str = "outputs",
    tasks: str = "tasks",
    fewest: int = 0,
) -> CellQuery:
    """Say what is asked of a database for a term of an estimator, given a panel's columns, kind of outcome and periods.

    Parameters
    ----------
    panel
        With the columns that the database has; a few rows do.
    estimator, term
        Names; the estimator's first term that sums serve, if empty.
    unit, dialect, outputs, tasks, fewest
        As in :class:`withintask.tests_of_model.samples.cells_sql.CellQuery`.

    Raises
    ------
    ParameterError
        If sums do not serve the term, or the panel does not say when AI arrived or has another kind of outcome.
    """
    choose((), estimator)
    terms = SUM_TERMS.get(estimator, {})
    if not terms:
        raise ParameterError(
            f"{estimator}: no query of sums serves it; there are queries for {', '.join(SUM_TERMS)}"
        )
    name = term or next(iter(terms))
    problems = [] if name in terms else [f"{name}: sums serve {', '.join(terms)} of {estimator}"]
    if panel.info.first_ai_period is None:
        problems.append("first_ai_period is not stated, so there is no before and after")
    if panel.info.outcome_kind not in ("positive", "time", "log"):
        problems.append(
            f"the outcome is a {panel.info.outcome_kind}: dispersion of its log is not defined"
        )
    if problems:
        raise ParameterError(list_problems(f"query of sums for {estimator}", problems))
    asked = terms[name]
    is_of_arms = with_access(panel) is not panel
    return CellQuery(
        estimator=estimator,
        term=name,
        form=asked.form,
        measure=asked.measure,
        treatment=asked.treatment,
        is_pooled=asked.is_pooled,
        first_ai_period=panel.info.first_ai_period or 0,
        columns=_columns(panel),
        control_arm=(panel.info.control_arm or "") if is_of_arms else "",
        outcome=panel.info.outcome_kind,
        unit=unit,
        dialect=dialect,
        outputs=outputs,
        tasks=tasks,
        fewest=fewest,
    )


def _columns(panel: Panel) -> frozenset[str]:
    """Columns of outputs and tasks that some row of them tells."""
    names = []
    for table in ("outputs", "tasks"):
        frame = getattr(panel, table)
        if frame is not None:
            told = frame.lazy().select(pl.all().is_not_null().any()).collect(engine="streaming")
            names += [f"{table}.{name}" for name in told.columns if told[name][0]]
    return frozenset(names)


def estimate_cells(
    file: str | Path,
    *,
    estimators: str | Sequence[str] = (),
    errors: Errors = "auto",
) -> pl.DataFrame:
    """Estimate from what a database answered to queries of sums, one after the other in one file.

    Parameters
    ----------
    file
        CSV or Parquet, with all columns that the queries name.
    estimators
        Those to keep; all that the file is of if empty.
    errors
        As for :func:`withintask.tests_of_model.hypotheses.stream.estimate_streamed`.

    Returns
    -------
    polars.DataFrame
        As :func:`withintask.tests_of_model.hypotheses.estimate.estimate`, a row a query.

    Raises
    ------
    SourceError
        If the file lacks what an estimator needs: what, before anything is estimated.
    ParameterError
        If an estimator is named that sums do not serve or the file does not have.
    """
    chosen = [e for _, e in choose((), estimators)] if estimators else []
    fail_if_rows_are_needed(chosen, errors)
    answers = read_cells(Path(file))
    fail_if_unknown_names(answers, SUM_TERMS, Path(file))
    names = {e.name for e in chosen} or {a.estimator for a in answers}
    absent = sorted(names - {a.estimator for a in answers})
    if absent:
        raise ParameterError(f"{file}: no sums of {', '.join(absent)}")
    options = Options(errors=errors)
    return as_frame(
        (*choose((), answer.estimator)[0], "", _estimate(answer, options))
        for answer in answers
        if answer.estimator in names
    ).drop("arm")


def _estimate(answer: CellsAnswer, options: Options) -> Estimate:
    """The row of one answer; whatever its cells do not allow becomes a row with a reason."""
    asked = SUM_TERMS[answer.estimator][answer.term]
    try:
        fail_if_not_answered(answer, treatment_tells_arms=asked.form != "between_arms")
        return _effect(answer, asked, options)
    except EstimationError as error:
        return failure(answer.term, UNUSABLE, joined(str(error), answer.note))


def _effect(answer: CellsAnswer, asked: CellTerm, options: Options) -> Estimate:
    if asked.form == "by_exposure" and answer.sums.is_exposed.all():
        raise EstimationError("no unexposed task to compare with")
    grouped = group_cells(answer.sums, asked)
    rows = parts_as_rows(grouped, _clusters(answer, grouped))
    return average(answer.term, asked, grouped, rows, options, answer.note)


def _clusters(answer: CellsAnswer, grouped: GroupedCells) -> tuple[Codes, ...]:
    """Clusters of the parts that are used, (used part,) each."""
    sums, used = answer.sums, grouped.is_used
    firm, task = sums.firm[used], sums.task[used]
    if answer.unit == "worker":
        return clusters_of(answer.worker[used], task, firm, answer.assignment[used])
    if np.unique(firm).size < ENOUGH_FIRMS:
        raise EstimationError(
            f"fewer than {ENOUGH_FIRMS} firms are usable, so that errors are clustered by worker; write the query anew "
            "with --unit worker"
        )
    return with_tasks(firm, task)
