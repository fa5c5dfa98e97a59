"""The query whose answer is all that a dispersion estimator needs: sums by cell, in the SQL of many databases.

Rows are read three times: for the mean of each cell, its squared deviations, and the sum over rows of its log spread without
each (see samples/cell_sums.py). Which rows are used and in which arm follows from the rows themselves, as in
samples/task_rows.py and samples/arms.py, so one query serves any panel with these columns.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from withintask.panel.errors import ParameterError, list_problems, quoted
from withintask.panel.escape import in_sql
from withintask.panel.outcome import OutcomeKind
from withintask.tests_of_model.samples.cell_arms import Form, Treatment
from withintask.tests_of_model.samples.cell_sums import CellMeasure

Dialect = Literal["snowflake", "bigquery", "databricks", "postgres", "duckdb", "sqlite"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
CellUnit = Literal["firm", "worker"]
"""What sums are by, within cells: firms that hold whole workers, or workers, whose sums are data about people."""

COUNTS = (
    *(
        "n_outputs",
        "n_known",
        "no_firm",
        "no_exposure",
        "no_time_share",
        "no_treatment",
        "no_weight",
    ),
    *("mixed_workers", "mixed_pairs", "split_workers", "split_assignments", "split_teams"),
    "n_parts",
)
"""Columns that are true of the whole, the same in each row of the answer; `n_parts` is how many rows it has."""

_FLOAT = {"bigquery": "FLOAT64", "postgres": "DOUBLE PRECISION", "sqlite": "REAL"}
_TEXT = {"bigquery": "STRING", "databricks": "STRING", "postgres": "TEXT", "sqlite": "TEXT"}
_VALUE = {"positive": "{0}", "time": "1.0 / {0}", "log": "EXP({0})"}
_TABLE = r"[A-Za-z_][\w$-]*(\.[A-Za-z_][\w$-]*){0,3}"
_ROUNDING_SQUARED = "3.155443620884047e-30"
"""(8 ε)²: the share of its squared mean below which a cell's variance is rounding."""


@dataclass(frozen=True, kw_only=True)
class CellQuery:
    """What is asked of a database."""

    estimator: str
    """Name of the estimator, for whoever reads the answer."""
    term: str
    """Name of its term."""
    form: Form
    """Which rows are compared."""
    measure: CellMeasure
    """Which dispersion."""
    first_ai_period: int
    """First period in which AI exists."""
    columns: frozenset[str]
    """Columns of outputs and tasks that are there, as ``table.column``."""
    treatment: Treatment = "access"
    """What tells the arms."""
    control_arm: str = ""
    """The control among ``outputs.arm``, where access is told by arms."""
    is_pooled: bool = False
    """Whether a cell holds all firms."""
    unit: CellUnit = "firm"
    """What sums are by within cells."""
    outcome: OutcomeKind = "positive"
    """Kind of the outcome: positive, time or log."""
    outputs: str = "outputs"
    """Table of outputs, as the database names it."""
    tasks: str = "tasks"
    """Table of tasks."""
    fewest: int = 0
    """Workers below which a cell's figures are withheld; 0 for none."""
    dialect: Dialect = "duckdb"
    """SQL of which database."""

    @property
    def is_weighted(self) -> bool:
        """Whether spreads take sampling weights; means of log deviations take none."""
        return "outputs.weight" in self.columns and self.measure != "log_deviation"


def cells_sql(query: CellQuery) -> str:
    """Write the query: one SELECT, whose rows are cells (by worker, if that is asked).

    Raises
    ------
    ParameterError
        If names are no names of tables, or small cells are to be withheld from sums by worker.
    """
    _fail_if_impossible(query)
    parts = {
        "source_rows": _source(query),
        "told": _told(),
        "known": _known(),
        "worker_arms": _arms("worker_id"),
        "pair_arms": _arms("worker_id, task_id"),
        "mixed": _mixed(),
        "chosen": _chosen(query),
        "split": _split(),
        "means": _means(query),
        "cells": _cells(query),
        "sums": _sums(query),
    }
    text = ",\n".join(f"{name} AS (\n{body}\n)" for name, body in parts.items())
    return f"WITH {text}\n{_shown(query)}\n"


def _fail_if_impossible(query: CellQuery) -> None:
    problems = [
        f"{quoted(name)} is no name of a table; expected one such as schema.outputs"
        for name in (query.outputs, query.tasks)
        if not re.fullmatch(_TABLE, name)
    ]
    if query.fewest and query.unit == "worker":
        problems.append("small cells cannot be withheld from sums by worker: each is of one person")
    if problems:
        raise ParameterError(list_problems("query of sums", problems))


def _source(query: CellQuery) -> str:
    """One row an output, with what the task and the analyst tell of it."""
    number = _FLOAT.get(query.dialect, "DOUBLE")
    text = _TEXT.get(query.dialect, "VARCHAR")

    def told(column: str, of: str, kind: str) -> str:
        name = column.partition(".")[2]
        value = f"{of}.{name}" if column in query.columns else "NULL"
        return f"CAST({value} AS {kind}) AS {name}"

    has_tasks = bool({"tasks.exposure", "tasks.time_share"} & query.columns)
    join = f"\n  LEFT JOIN {query.tasks} t ON o.task_id = t.task_id" if has_tasks else ""
    value = _VALUE[query.outcome].format(f"CAST(o.output AS {number})")
    value = f"LN({value})" if query.measure == "log_variance" else value
    return f"""  SELECT CAST(o.worker_id AS {text}) AS worker_id, CAST(o.task_id AS {text}) AS task_id, o.period,
    {told("outputs.firm_id", "o", text)}, {told("outputs.assignment_id", "o", text)},
    {told("outputs.weight", "o", number)},
    {told("tasks.exposure", "t", number)}, {told("tasks.time_share", "t", number)},
    {_treated(query)} AS treated,
    CASE WHEN o.period >= {query.first_ai_period} THEN 1 ELSE 0 END AS is_post,
    {value} AS v
  FROM {query.outputs} o{join}"""


def _treated(query: CellQuery) -> str:
    """1 treated, 0 not, null where not known."""
    if query.treatment == "use":
        is_told = "outputs.ai_use" in query.columns
        return (
            "CASE WHEN o.ai_use > 0 THEN 1 WHEN o.ai_use <= 0 THEN 0 END" if is_told else _NOTHING
        )
    if query.control_arm:
        control = in_sql(query.control_arm)
        return (
            f"CASE WHEN o.period < {query.first_ai_period} OR o.arm = {control} THEN 0 "
            f"WHEN o.arm <> {control} THEN 1 END"
        )
    if "outputs.ai_access" in query.columns:
        return "CASE WHEN o.ai_access THEN 1 WHEN NOT o.ai_access THEN 0 END"
    return _NOTHING


_NOTHING = "CAST(NULL AS INTEGER)"


def _told() -> str:
    """What the panel tells at all: a field that no row tells is not asked of any."""
    return """  SELECT COUNT(*) AS n_outputs, COUNT(firm_id) AS n_firm, COUNT(exposure) AS n_exposure,
    COUNT(time_share) AS n_time_share, COUNT(assignment_id) AS n_assignment,
    COUNT(CASE WHEN weight > 0 THEN 1 END) AS n_weight,
    COUNT(CASE WHEN is_post = 1 THEN treated END) AS n_after,
    COUNT(CASE WHEN is_post = 0 THEN treated END) AS n_before,
    COUNT(CASE WHEN is_post = 1 AND treated IS NULL THEN 1 END) AS n_unknown_after,
    COUNT(CASE WHEN is_post = 0 AND treated IS NULL THEN 1 END) AS n_unknown_before
  FROM source_rows"""


def _known() -> str:
    """Rows of which all that the panel tells is known."""
    return """  SELECT s.worker_id, s.task_id, s.period, s.is_post, s.v, s.treated, s.assignment_id,
    CASE WHEN f.n_firm = 0 THEN '' ELSE s.firm_id END AS firm_id,
    CASE WHEN s.exposure = 0 THEN 0 ELSE 1 END AS is_exposed,
    CASE WHEN f.n_time_share = 0 THEN 1.0 ELSE s.time_share END AS time_share,
    CASE WHEN f.n_weight = 0 THEN 1.0 ELSE s.weight END AS weight
  FROM source_rows s CROSS JOIN told f
  WHERE (s.firm_id IS NOT NULL OR f.n_firm = 0)
    AND (s.exposure IS NOT NULL OR f.n_exposure = 0)
    AND (s.time_share IS NOT NULL OR f.n_time_share = 0)
    AND (s.weight > 0 OR f.n_weight = 0)
    AND (s.treated IS NOT NULL OR (s.is_post = 1 AND f.n_after = 0) OR (s.is_post = 0 AND f.n_before = 0))"""


def _arms(keys: str) -> str:
    return f"""  SELECT {keys}, MAX(treated) AS arm, MIN(treated) AS lowest
  FROM known WHERE is_post = 1 AND treated IS NOT NULL GROUP BY {keys}"""


def _mixed() -> str:
    """Workers, and their tasks, seen with and without AI after its arrival."""
    return """  SELECT (SELECT COUNT(*) FROM worker_arms WHERE arm <> lowest) AS mixed_workers,
    (SELECT COUNT(*) FROM pair_arms WHERE arm <> lowest) AS mixed_pairs"""


def _chosen(query: CellQuery) -> str:
    """The rows that are compared, and their arm: that of the worker, or of his task where workers are in both."""
    unit = "CASE WHEN k.assignment_id IS NULL THEN 'w' || k.worker_id ELSE 'a' || k.assignment_id END AS unit_id"
    columns = f"k.worker_id, k.task_id, k.firm_id, k.period, k.is_exposed, k.time_share, k.assignment_id, k.weight, {unit}, k.v"
    if query.form == "between_arms":
        return f"""  SELECT {columns}, k.treated AS arm
  FROM known k WHERE k.is_post = 1 AND k.is_exposed = 1 AND k.treated IS NOT NULL"""
    arm = "CASE WHEN m.mixed_workers = 0 THEN w.arm ELSE p.arm END"
    shown, where = {
        "by_arm": (arm, f"k.is_exposed = 1 AND {arm} IS NOT NULL"),
        "before_after": ("0", f"k.is_exposed = 1 AND {arm} = 1"),
        "by_exposure": (
            "0",
            f"({arm} = 1 OR f.n_after + f.n_before = 0 OR (m.mixed_workers > 0 AND k.is_exposed = 0))",
        ),
    }[query.form]
    return f"""  SELECT {columns}, {shown} AS arm
  FROM known k CROSS JOIN mixed m CROSS JOIN told f
  LEFT JOIN worker_arms w ON k.worker_id = w.worker_id
  LEFT JOIN pair_arms p ON k.worker_id = p.worker_id AND k.task_id = p.task_id
  WHERE {where}"""


def _split() -> str:
    """Workers and what was assigned in several firms, and workers in several assignments."""

    def n_split(inner: str, outer: str) -> str:
        return (
            f"(SELECT COUNT(*) FROM (SELECT {inner} FROM chosen GROUP BY {inner} "
            f"HAVING MIN({outer}) <> MAX({outer})) x)"
        )

    return f"""  SELECT {n_split("worker_id", "firm_id")} AS split_workers,
    {n_split("unit_id", "firm_id")} AS split_assignments,
    {n_split("worker_id", "unit_id")} AS split_teams"""


def _keys(query: CellQuery) -> tuple[str, ...]:
    return (
        ("task_id", "arm", "period") if query.is_pooled else ("task_id", "firm_id", "arm", "period")
    )


def _listed(of: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{of}.{name}" for name in names)


def _same(query: CellQuery, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{key} = {other}.{key}" for key in _keys(query))


def _means(query: CellQuery) -> str:
    number, keys = _FLOAT.get(query.dialect, "DOUBLE"), ", ".join(_keys(query))
    center = "AVG(v) AS center, 1.0 AS scale"
    if query.is_weighted:
        center = "SUM(weight * v) / SUM(weight) AS center, COUNT(*) / SUM(weight) AS scale"
    return f"""  SELECT {keys}, CAST(COUNT(*) AS {number}) AS n_cell, {center}
  FROM chosen GROUP BY {keys}"""


def _cells(query: CellQuery) -> str:
    keys = _listed("m", _keys(query))
    weight = f"{_W} * " if query.is_weighted else ""
    return f"""  SELECT {keys}, m.n_cell, m.center, m.scale, SUM({weight}{_D} * {_D}) AS square
  FROM chosen c JOIN means m ON {_same(query, "c", "m")}
  GROUP BY {keys}, m.n_cell, m.center, m.scale"""


def _sums(query: CellQuery) -> str:
    """By part of a cell, the sum over rows of the log spread without the row, less that of the cell."""
    by: tuple[str, ...] = ("task_id", "firm_id", "arm", "period", "is_exposed", "time_share")
    by += ("worker_id", "assignment_id") if query.unit == "worker" else ()
    kept = "m.n_cell, m.center, m.square"
    number = _FLOAT.get(query.dialect, "DOUBLE")
    return f"""  SELECT {", ".join(by)}, n_cell, center, square, COUNT(*) AS n_rows, COUNT(DISTINCT person) AS n_people,
    CASE WHEN COUNT(one_left) = COUNT(*) THEN CAST(SUM(one_left) AS {number}) END AS left_sum
  FROM (
    SELECT {_listed("c", by)}, c.worker_id AS person, {kept},
      {(_WEIGHTED_LEFT if query.is_weighted else _LEFT)[query.measure]} AS one_left
    FROM chosen c JOIN cells m ON {_same(query, "c", "m")}
  ) r
  GROUP BY {", ".join(by)}, n_cell, center, square"""


_D = "(c.v - m.center)"
_W = "c.weight * m.scale"
"""Weight of a row, one on average in its cell."""
_U = f"(1.0 - {_D} * {_D} * m.n_cell / NULLIF((m.n_cell - 1) * m.square, 0))"
_IS_SPREAD = (
    f"m.n_cell >= 4 AND m.square * {_U} / NULLIF(m.n_cell - 2, 0) > "
    f"{_ROUNDING_SQUARED} * m.center * m.center"
)
_LN_LEFT = f"LN({_U} * (m.n_cell - 1) / NULLIF(m.n_cell - 2, 0))"
_LEFT: dict[str, str] = {
    "log_cv": f"CASE WHEN {_IS_SPREAD}\n        THEN {_LN_LEFT} / 2 - LN(1.0 - {_D} / NULLIF((m.n_cell - 1) * m.center, 0)) END",
    "log_variance": f"CASE WHEN {_IS_SPREAD}\n        THEN {_LN_LEFT} END",
    "log_deviation": f"CASE WHEN m.n_cell >= 4 AND {_D} <> 0\n        THEN LN(ABS({_D} / m.center)) END",
}
_SHARE_LEFT = (
    f"((1.0 - {_W} * {_D} * {_D} * m.n_cell / NULLIF((m.n_cell - {_W}) * m.square, 0))"
    f" * (m.n_cell - 1) / NULLIF(m.n_cell - {_W} - 1, 0))"
)
"""Variance of the cell without the row, over that of the cell."""
_IS_WEIGHTED_SPREAD = (
    f"m.n_cell >= 4 AND m.square * {_SHARE_LEFT} / NULLIF(m.n_cell - 1, 0) > "
    f"{_ROUNDING_SQUARED} * m.center * m.center"
)
_WEIGHTED_LEFT: dict[str, str] = {
    "log_cv": f"CASE WHEN {_IS_WEIGHTED_SPREAD}\n        THEN LN({_SHARE_LEFT}) / 2"
    f" - LN(1.0 - {_W} * {_D} / NULLIF((m.n_cell - {_W}) * m.center, 0)) END",
    "log_variance": f"CASE WHEN {_IS_WEIGHTED_SPREAD}\n        THEN LN({_SHARE_LEFT}) END",
}


def _shown(query: CellQuery) -> str:
    """All columns and what is true of the whole; figures of cells of few people are withheld."""
    keys: tuple[str, ...] = ("task_id", "firm_id", "arm", "period", "is_exposed")
    keys += ("worker_id", "assignment_id") if query.unit == "worker" else ()
    figures = ("n_rows", "n_cell", "time_share", "center", "square", "left_sum")
    form = f"CASE WHEN s.n_people >= {query.fewest} THEN s.{{0}} END AS {{0}}"
    shown = form if query.fewest else "s.{0} AS {0}"
    columns = ",\n  ".join(shown.format(name) for name in figures)
    return f"""SELECT '{query.estimator}' AS estimator, '{query.term}' AS term, '{query.unit}' AS unit,
  {query.fewest} AS fewest, {query.first_ai_period} AS first_ai_period,
  {_listed("s", keys)},
  {columns},
  f.n_outputs, (SELECT COUNT(*) FROM known) AS n_known,
  CASE WHEN f.n_firm = 0 THEN 0 ELSE f.n_outputs - f.n_firm END AS no_firm,
  CASE WHEN f.n_exposure = 0 THEN 0 ELSE f.n_outputs - f.n_exposure END AS no_exposure,
  CASE WHEN f.n_time_share = 0 THEN 0 ELSE f.n_outputs - f.n_time_share END AS no_time_share,
  CASE WHEN f.n_after = 0 THEN 0 ELSE f.n_unknown_after END
    + CASE WHEN f.n_before = 0 THEN 0 ELSE f.n_unknown_before END AS no_treatment,
  CASE WHEN f.n_weight = 0 THEN 0 ELSE f.n_outputs - f.n_weight END AS no_weight,
  m.mixed_workers, m.mixed_pairs, p.split_workers, p.split_assignments, p.split_teams,
  (SELECT COUNT(*) FROM sums) AS n_parts
FROM sums s CROSS JOIN told f CROSS JOIN mixed m CROSS JOIN split p"""
