"""The passes of DuckDB over a panel's outputs: moments of cells, then sums over rows left out one at a time.

Sums of logs are logs of products: of n factors 1 − u_i the sum of u_i is n/(n − 1), so no product underflows, and DuckDB
multiplies ten times as fast as it takes logs.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError
from withintask.panel.escape import in_sql
from withintask.tests_of_model.samples.cell_arms import Form, KnownRows
from withintask.tests_of_model.samples.cell_codes import CellCodes
from withintask.tests_of_model.samples.cell_source import CellSource
from withintask.tests_of_model.samples.cell_sums import (
    AVERAGES,
    ROUNDING,
    SMALLEST_CELL,
    CellMeasure,
    merged,
)


@dataclass(frozen=True, kw_only=True)
class FormRows:
    """The rows that an estimator compares, as SQL."""

    select: str
    """SELECT of ``cell, value`` and, where they are there, ``worker_id, assignment_id, weight``."""
    codes: CellCodes
    """What the numbers of cells say."""
    is_weighted: bool
    """Whether rows have weights."""


ROWS = "held"
"""Table, or view, of the cell, value and weight of the rows that are compared."""


def form_rows(source: CellSource, rows: KnownRows, form: Form, unit: str) -> FormRows:
    """Select the rows that an estimator compares; the table ``arms`` must be there unless arms are those of rows.

    Parameters
    ----------
    form
        Which rows.
    unit
        What is in one arm: ``worker``, ``worker and task``, or empty where no arm is told.
    """
    on = "worker_id, task_id" if unit == "worker and task" else "worker_id"
    unexposed = list(map(in_sql, rows.tasks.filter(~pl.col("is_exposed"))["task_id"]))
    joined, arm, more = f"{rows.rows} JOIN arms USING ({on})", "arm", [_ARM_IS[form]]
    if form == "between_arms":
        joined, arm = rows.rows, "CAST(treated AS TINYINT)"
    elif form == "by_exposure":
        arm = "0"
        controls = unexposed if unit == "worker and task" else []
        if controls:
            joined = joined.replace(" JOIN ", " LEFT JOIN ")
            more = [f"(arms.arm = 1 OR task_id IN ({', '.join(controls)}))"]
        if not unit:
            joined, more = rows.rows, []
    others = ["assignment_id"] if "assignment_id" in source.columns else []
    others += ["weight"] if rows.is_weighted else []
    columns = ", ".join(["worker_id", "value", *others])
    where = rows.conditions(*(test for test in more if test))
    return FormRows(
        select=f"SELECT {rows.codes.of_row(arm)} AS cell, {columns} FROM {joined}{rows.codes.joins} {where}",
        codes=rows.codes,
        is_weighted=rows.is_weighted,
    )


def hold(source: CellSource, rows: FormRows, n_rows: int) -> None:
    """Hold rows as ``held``, so that several passes do not read and number them anew, where memory suffices for it."""
    numbers = ["value", *(["weight"] if rows.is_weighted else [])]
    select = f"SELECT cell, {', '.join(numbers)} FROM ({rows.select})"
    source.hold(ROWS, select, n_rows * (rows.codes.n_bytes + 8 * len(numbers)))


_ARM_IS = {
    "by_arm": "",
    "before_after": "arms.arm = 1",
    "between_arms": "is_post AND treated IS NOT NULL",
    "by_exposure": "arms.arm = 1",
}


def cell_moments(source: CellSource, rows: FormRows, measure: CellMeasure) -> pl.DataFrame:
    """Count, mean and squared deviations of each part of the rows that are held: one pass.

    Returns
    -------
    polars.DataFrame
        ``cell`` and what it says, ``n_rows, mean, squares``; with weights, the weighted mean and the sum of ``weights``.

    Raises
    ------
    EstimationError
        If outputs are missing or not positive.
    """
    # A logarithm of nothing is an error of the database; what is not positive is seen by its limits below.
    value = "ln(CASE WHEN value > 0 THEN value END)" if measure == "log_variance" else "value"
    moments = f"avg({value}) AS mean, var_pop({value}) * count(*) AS squares"
    if rows.is_weighted:
        moments = f"sum(weight) AS weights, sum(weight * {value}) / sum(weight) AS mean"
    limits = "count(value) AS n_value, min(value) AS low, max(value) AS high"
    frame = source.frame(
        f"SELECT cell, count(*) AS n_rows, {limits}, {moments} FROM {ROWS} GROUP BY cell"
    )
    is_whole = (
        (pl.col("n_value") == pl.col("n_rows"))
        & (pl.col("low") > 0)
        & (pl.col("high") < float("inf"))
    )
    if not frame.select(is_whole.all()).item():
        raise EstimationError(
            "outputs are not all positive numbers; run withintask panel validate to see which"
        )
    return rows.codes.decoded(frame.drop("n_value", "low", "high"))


def whole_cells(
    source: CellSource, rows: FormRows, moments: pl.DataFrame, measure: CellMeasure, *, pooled: bool
) -> pl.DataFrame:
    """Put parts together into cells: ``part, n_cell, center, square, scale`` (of weights) beside the keys."""
    keys = ["task_id", "arm", "period"] if pooled else ["cell"]
    if not rows.is_weighted:
        return merged(moments, keys).with_columns(scale=pl.lit(1.0)).with_row_index("part")
    weights, n = pl.col("weights"), pl.col("n_rows")
    cells = moments.with_columns(
        n_cell=n.sum().over(keys),
        scale=(n.sum() / weights.sum()).over(keys),
        center=((weights * pl.col("mean")).sum() / weights.sum()).over(keys),
    ).with_row_index("part")
    source.keep("cells", cells.select("part", "cell", "center", "scale"))
    squares = source.frame(
        f"SELECT part, sum(weight * scale * ({_value(measure)} - center) ** 2) AS squares "
        f"FROM {ROWS} JOIN cells USING (cell) GROUP BY part"
    )
    joined = cells.join(squares, on="part", how="left").sort("part")
    return joined.with_columns(square=pl.col("squares").sum().over(keys))


def leave_out(
    source: CellSource, rows: FormRows, cells: pl.DataFrame, measure: CellMeasure
) -> pl.DataFrame:
    """Add ``left``, as :class:`withintask.tests_of_model.samples.cell_sums.CellSums` has it: one more pass."""
    usable = cells.filter((pl.col("n_cell") >= SMALLEST_CELL) & (pl.col("square") > 0))
    _keep_constants(source, usable)
    first, second = _factors(measure, rows.is_weighted)
    if measure == "log_deviation":
        totals = f"sum({first}) AS left, count({first}) AS n_there"
    else:
        totals = f"product({first}) AS first, min({first}) AS least"
        totals += f", product({second}) AS second" if second else ", 1.0 AS second"
    sums = source.frame(
        f"SELECT part, {totals} FROM ({_with_factors(ROWS, rows, measure)}) GROUP BY part"
    )
    joined = cells.join(sums, on="part", how="left").sort("part")
    if measure == "log_deviation":
        is_whole = pl.col("n_there") == pl.col("n_rows")
        return joined.with_columns(left=pl.when(is_whole).then("left"))
    return joined.with_columns(left=pl.Series(_log_left(joined, measure, rows.is_weighted)))


def moved_by_unit(
    source: CellSource, rows: FormRows, cells: pl.DataFrame, measure: CellMeasure
) -> pl.DataFrame:
    """Sum rows' influences by group and unit: a third pass, where errors are not clustered by firm.

    Parameters
    ----------
    cells
        Parts that are used, with ``mean_left`` (mean of the log spread without a row, less the cell's), ``factor`` (what a
        row's deviation from it counts) and codes ``group, firm, task`` beside what :func:`leave_out` returned.

    Returns
    -------
    polars.DataFrame
        ``group, firm, task, worker_id, assignment_id, n_rows, moved``.
    """
    _keep_constants(source, cells, "mean_left", "factor", "group", "firm", "task")
    first, second = _factors(measure, rows.is_weighted)
    one = {
        "log_cv": f"ln({first}) / 2 - ln({second})",
        "log_variance": f"ln({first})",
        "log_deviation": first,
        "log_iqr": "mean_left",
    }[measure]
    assignment = "assignment_id" if "assignment_id" in source.columns else "NULL AS assignment_id"
    kept = 'worker_id, mean_left, factor, "group", firm, task'
    inner = _with_factors(f"({rows.select})", rows, measure, f"{kept}, {assignment}")
    return source.frame(
        'SELECT "group", firm, task, worker_id, assignment_id, count(*) AS n_rows, '
        f"sum(factor * ({one} - mean_left)) AS moved FROM ({inner}) GROUP BY ALL"
    )


def constant_left(cells: pl.DataFrame, measure: CellMeasure, *, is_weighted: bool) -> Array:
    """The part of the log spread without a row that is the same for all rows of a cell and not in the factors."""
    if is_weighted or measure in AVERAGES:
        return np.zeros(cells.height)
    n = cells["n_cell"].to_numpy().astype(float)
    constant = np.log1p(1 / np.maximum(n - 2, 1))
    return np.asarray(constant / 2 if measure == "log_cv" else constant)


def _log_left(cells: pl.DataFrame, measure: CellMeasure, is_weighted: bool) -> Array:
    """Logs of the products; NaN where the cell or some cell without a row has no spread."""
    n_rows = cells["n_rows"].to_numpy().astype(float)
    n, square, center = (
        cells[name].to_numpy().astype(float) for name in ("n_cell", "square", "center")
    )
    first, least, second = (
        np.asarray(cells[name].fill_null(float("nan")).to_numpy())
        for name in ("first", "least", "second")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        is_spread = (
            square * least / np.maximum(n - 1 - (not is_weighted), 1) > (ROUNDING * center) ** 2
        )
        logs = np.log(first) / 2 - np.log(second) if measure == "log_cv" else np.log(first)
    logs = logs + n_rows * constant_left(cells, measure, is_weighted=is_weighted)
    return np.where(is_spread, logs, np.nan)


def _value(measure: CellMeasure) -> str:
    return "ln(value)" if measure == "log_variance" else "value"


def _factors(measure: CellMeasure, is_weighted: bool) -> tuple[str, str]:
    """Of a row: one less its share of the cell's squares, and one less its share of the mean."""
    if measure == "log_deviation":
        return "CASE WHEN d <> 0 THEN ln(abs(d / center)) END", ""
    if is_weighted:
        first = (
            "(1 - w * d * d * n_cell / ((n_cell - w) * square)) * (n_cell - 1) / (n_cell - w - 1)"
        )
        second = "1 - w * d / ((n_cell - w) * center)"
    else:
        first, second = "1 - d * d * of_square", "1 - d * of_mean"
    return first, second if measure == "log_cv" else ""


def _keep_constants(source: CellSource, cells: pl.DataFrame, *more: str) -> None:
    """Keep what the factors of a row need of its cell as the table ``cells``."""
    n = pl.col("n_cell").cast(pl.Float64)
    constants = cells.select(
        "part",
        "cell",
        "center",
        "square",
        "scale",
        *more,
        n_cell=n,
        of_square=n / ((n - 1) * pl.col("square")),
        of_mean=1 / ((n - 1) * pl.col("center")),
    )
    source.keep("cells", constants)


def _with_factors(source: str, rows: FormRows, measure: CellMeasure, more: str = "") -> str:
    """Each row's deviation from its cell's mean, and its cell's constants."""
    columns = ["part", f"{_value(measure)} - center AS d", "center"]
    columns += (
        ["weight * scale AS w", "n_cell", "square"]
        if rows.is_weighted
        else ["of_square", "of_mean"]
    )
    columns += [more] if more else []
    return f"SELECT {', '.join(columns)} FROM {source} JOIN cells USING (cell)"
