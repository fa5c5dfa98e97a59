"""Which rows sums by cell are of: those of which all is known, and the arm of each, as SQL; see samples/arms.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from withintask.panel.errors import EstimationError
from withintask.panel.escape import in_sql
from withintask.tests_of_model.samples.arms import ACCESS_BEGINS, ACCESS_VARIES, Unit
from withintask.tests_of_model.samples.cell_codes import CellCodes, number_cells
from withintask.tests_of_model.samples.cell_source import CellSource
from withintask.tests_of_model.samples.unknown import left_out_counts

Treatment = Literal["access", "use"]
Form = Literal["by_arm", "between_arms", "before_after", "by_exposure"]
"""Which rows are compared: those of the same names among the estimators of H1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownRows:
    """The rows of a panel of which all is known that some row tells."""

    where: tuple[str, ...]
    """Conditions on the view ``outputs``, with its treatment as ``treated``."""
    note: str
    """How many rows were left out, and why."""
    treatment: Treatment
    """Which column ``treated`` is."""
    is_treatment_told: bool
    """Whether some row tells the treatment."""
    is_weighted: bool
    """Whether rows have weights."""
    met: frozenset[str]
    """Needs of estimators that are known to be met, in the words of panel/capabilities.py."""
    tasks: pl.DataFrame
    """``task_id, is_exposed, time_share`` of the tasks that are used."""
    codes: CellCodes
    """What cells are numbered by."""
    n_rows: int
    """Rows of the panel."""

    @property
    def rows(self) -> str:
        """SELECT of these rows, ``treated`` among their columns."""
        return f"(SELECT *, {self.treated} AS treated FROM outputs)"

    @property
    def treated(self) -> str:
        """The treatment in the view."""
        return self.treatment if self.is_treatment_told else "CAST(NULL AS BOOLEAN)"

    def conditions(self, *more: str) -> str:
        """WHERE clause of these rows, with further conditions."""
        parts = (*self.where, *more)
        return f"WHERE {' AND '.join(parts)}" if parts else ""


def known_rows(source: CellSource, treatment: Treatment) -> KnownRows:
    """Find the rows of which all is known that some row tells, counting units on the way.

    The table ``who`` is kept: rows by worker, firm, what was assigned, before or after, treatment.
    """
    is_told = treatment in source.columns
    treated = treatment if is_told else "CAST(NULL AS BOOLEAN)"
    ids = [name for name in ("firm_id", "assignment_id") if name in source.columns]
    weighted = ["weight > 0 AS is_weighted"] if "weight" in source.columns else []
    keys = ", ".join(["worker_id", *ids, "is_post", f"{treated} AS treated", *weighted])
    source.run(
        f"CREATE OR REPLACE TEMP TABLE who AS SELECT {keys}, count(*) AS n FROM outputs GROUP BY ALL"
    )
    seen = source.frame(
        "SELECT task_id, min(period) AS first, max(period) AS last FROM outputs GROUP BY task_id"
    )
    tasks, bad = _tasks(source, seen["task_id"])
    told = _told(source)
    where = _conditions(told, bad)
    note = _note(source, where, treated) if where else ""
    return KnownRows(
        where=tuple(where.values()),
        note=note,
        treatment=treatment,
        is_treatment_told=bool(told["after"][0] or told["before"][0]),
        is_weighted=bool(told["weight"][0]),
        met=_met(source, treatment),
        tasks=tasks,
        codes=number_cells(source, seen, has_firms=told["firm"][0] > 0),
        n_rows=sum(told["firm"]),
    )


def _met(source: CellSource, treatment: Treatment) -> frozenset[str]:
    """What sums by worker tell of a panel, so that its rows need not be read for it."""
    both = (
        "SELECT count(*) FROM (SELECT worker_id FROM who GROUP BY worker_id "
        "HAVING bool_or(is_post) AND bool_or(NOT is_post))"
    )
    row = source.frame(
        f"SELECT count(DISTINCT treated) AS treated, count(DISTINCT is_post) AS sides, ({both}) AS again FROM who"
    ).row(0, named=True)
    tests = {
        f"outputs.ai_{treatment} varies": row["treated"] > 1,
        "outputs.period spans first_ai_period": row["sides"] > 1,
        "outputs.worker_id repeats over period": row["again"] > 0,
        "outputs.output": True,
    }
    return frozenset(need for need, is_met in tests.items() if is_met)


def _tasks(source: CellSource, seen: pl.Series) -> tuple[pl.DataFrame, Mapping[str, list[str]]]:
    """Exposure and share of the tasks that occur, and those of which one is not known though others tell it."""
    table = source.tasks
    names = ("exposure", "time_share")
    if table is None:
        joined = seen.to_frame().with_columns(
            pl.lit(None, dtype=pl.Float64).alias(name) for name in names
        )
    else:
        absent = [pl.lit(None, dtype=pl.Float64).alias(n) for n in names if n not in table.columns]
        joined = seen.to_frame().join(
            table.with_columns(absent).select("task_id", *names), on="task_id", how="left"
        )
    bad = {
        name: joined.filter(pl.col(name).is_null())["task_id"].to_list()
        for name in names
        if 0 < joined[name].null_count() < joined.height
    }
    share = pl.col("time_share")
    return joined.select(
        "task_id",
        is_exposed=(pl.col("exposure") == 0).not_().fill_null(value=True),
        time_share=share if joined["time_share"].null_count() < joined.height else pl.lit(1.0),
    ), bad


def _told(source: CellSource) -> Mapping[str, tuple[int, int]]:
    """Rows that tell a field and rows that do not, treatment apart before and after AI's arrival."""
    fields = {
        "firm": ("firm_id IS NOT NULL", "true"),
        "after": ("treated IS NOT NULL", "is_post"),
        "before": ("treated IS NOT NULL", "NOT is_post"),
        "weight": ("is_weighted", "true"),
    }
    if "firm_id" not in source.columns:
        fields["firm"] = ("false", "true")
    if "weight" not in source.columns:
        fields["weight"] = ("false", "true")
    sums = [
        f"coalesce(sum(n) FILTER ({side} AND coalesce({test}, false) = {flag}), 0) AS {name}_{flag}"
        for name, (test, side) in fields.items()
        for flag in ("true", "false")
    ]
    row = source.frame(f"SELECT {', '.join(sums)} FROM who").row(0, named=True)
    return {name: (int(row[f"{name}_true"]), int(row[f"{name}_false"])) for name in fields}


def _conditions(
    told: Mapping[str, tuple[int, int]], bad: Mapping[str, list[str]]
) -> dict[str, str]:
    """What a row must tell, by field; fields that every row tells or none are not asked of rows."""
    asked = {name for name, (n_told, n_not) in told.items() if n_told and n_not}
    where = {}
    if "firm" in asked:
        where["firm"] = "firm_id IS NOT NULL"
    for name, tasks in bad.items():
        where[name] = f"task_id NOT IN ({', '.join(map(in_sql, tasks))})"
    sides = {"after": "NOT is_post", "before": "is_post"}
    tests = [f"(treated IS NOT NULL OR {sides[side]})" for side in sides if side in asked]
    if tests:
        where["treatment"] = " AND ".join(tests)
    if "weight" in asked:
        where["the weight"] = "coalesce(weight > 0, false)"
    return where


def _note(source: CellSource, where: Mapping[str, str], treated: str) -> str:
    """Count the rows left out, in the words of samples/unknown.py."""
    name = "use" if treated == "use" else "access"
    counts = ", ".join(f"count(*) FILTER (NOT ({test}))" for test in where.values())
    everything = " AND ".join(f"({test})" for test in where.values())
    row = source.frame(
        f"SELECT count(*), count(*) FILTER (NOT ({everything})), {counts} "
        f"FROM (SELECT *, {treated} AS treated FROM outputs)"
    ).row(0)
    fields = [name if field == "treatment" else field for field in where]
    return left_out_counts(dict(zip(fields, row[2:], strict=True)), row[1], row[0])


def place_in_arms(source: CellSource, rows: KnownRows) -> Unit:
    """Keep the table ``arms``: the arm of each worker, or of each of his tasks; rows after AI's arrival tell it.

    Raises
    ------
    EstimationError
        If treatment varies within a worker's task after AI's arrival, in the words of samples/arms.py.
    """
    of_who = " AND ".join(
        test.replace("coalesce(weight > 0, false)", "coalesce(is_weighted, false)")
        for test in rows.where
        if not test.startswith("task_id")
    )
    if not any(test.startswith("task_id") for test in rows.where):
        who = f"(SELECT * FROM who {f'WHERE {of_who}' if of_who else ''})"
        if not _mixed(source, who, "worker_id"):
            return "worker"
    known = f"(SELECT * FROM {rows.rows} {rows.conditions()})"
    for keys, unit in (("worker_id", "worker"), ("worker_id, task_id", "worker and task")):
        if not _mixed(source, known, keys):
            return unit  # type: ignore[return-value]
    raise EstimationError(_variation(source, known))


def _mixed(source: CellSource, rows: str, keys: str) -> bool:
    """Make the table of arms of units, and tell whether some unit is in both."""
    source.run(
        f"CREATE OR REPLACE TEMP TABLE arms AS SELECT {keys}, max(CAST(treated AS TINYINT)) AS arm, "
        f"min(CAST(treated AS TINYINT)) AS lowest FROM {rows} "
        f"WHERE is_post AND treated IS NOT NULL GROUP BY {keys}"
    )
    return bool(
        source.frame("SELECT coalesce(bool_or(arm <> lowest), false) AS x FROM arms")["x"][0]
    )


def _variation(source: CellSource, known: str) -> str:
    """Say how treatment varies within a worker's task after AI's arrival."""
    after = f"(SELECT * FROM {known} WHERE is_post AND treated IS NOT NULL)"
    n_mixed = source.frame(
        f"SELECT count(*) AS n FROM (SELECT 1 FROM {after} GROUP BY worker_id, task_id, period "
        "HAVING bool_or(treated) AND bool_or(NOT treated))"
    )["n"][0]
    if n_mixed:
        return ACCESS_VARIES
    n_ended = source.frame(
        f"SELECT count(DISTINCT worker_id) AS n FROM (SELECT worker_id FROM {after} GROUP BY worker_id, task_id "
        "HAVING max(period) FILTER (NOT treated) > min(period) FILTER (treated))"
    )["n"][0]
    if n_ended:
        return f"access ends for {n_ended} workers after it began, which is not modelled"
    return ACCESS_BEGINS
