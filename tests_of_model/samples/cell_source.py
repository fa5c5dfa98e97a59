"""A panel's task outputs as DuckDB reads them: the files as they are, or a copy of the columns that are needed."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from withintask.panel.errors import EstimationError, SourceError
from withintask.panel.escape import in_sql
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.transform import eager
from withintask.panel.trial_arms import access_of_arm, with_access
from withintask.panel.unchanged import files_of_panel, unchanged

MEMORY = 2_000_000_000
"""Bytes that the database takes unless told otherwise."""
OPTIONAL = ("firm_id", "assignment_id", "ai_access", "ai_use", "weight")
"""Columns of outputs that are read where they are there, beside those that always are."""
_ALWAYS = ("worker_id", "task_id", "period", "output")
_VALUE = {"positive": "output", "time": "1 / output", "log": "exp(output)"}
HELD = 0.7
"""Share of the memory that rows which are held may take."""
_BYTES_A_ROW = 60
"""What a row of the copy takes on disk at most, uncompressed ids aside."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellSource:
    """The outputs of one panel in a database, as the view ``outputs``.

    Its columns are ``worker_id, task_id, period, value`` (output on a scale where more is better) and ``is_post``; and,
    where the panel has them, ``firm_id, assignment_id, access, use`` (whether there is any) and ``weight``.
    """

    connection: duckdb.DuckDBPyConnection
    """Holds the view."""
    columns: frozenset[str]
    """Columns of the view."""
    tasks: pl.DataFrame | None
    """The table of tasks."""
    memory_bytes: int
    """What the database may take; beyond it spills."""

    def frame(self, sql: str) -> pl.DataFrame:
        """Return the answer to a query.

        Raises
        ------
        SourceError
            If the disk is too small for what does not fit into memory, or a file cannot be read.
        """
        with _readable():
            return pl.DataFrame(pl.from_arrow(self.connection.sql(sql).to_arrow_table()))

    def run(self, sql: str) -> None:
        """Run a statement; raises as :meth:`frame`."""
        with _readable():
            self.connection.execute(sql)

    def keep(self, name: str, frame: pl.DataFrame) -> None:
        """Keep a frame as a table."""
        self.connection.register("handed_over", frame.to_arrow())
        self.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM handed_over")
        self.connection.unregister("handed_over")

    def hold(self, name: str, select: str, n_bytes: int) -> None:
        """Keep the rows of a query as a table if their bytes leave room for the passes, else as a view, read anew each time."""
        kind = "TABLE" if n_bytes <= HELD * self.memory_bytes else "VIEW"
        self.run(f"DROP {kind} IF EXISTS {name}")
        self.run(f"CREATE TEMP {kind} {name} AS {select}")


@contextmanager
def open_cells(
    panel: Panel,
    files: Sequence[Path] = (),
    *,
    memory_bytes: int = MEMORY,
    spill: Path | None = None,
) -> Iterator[CellSource]:
    """Open the task outputs of a panel for sums by cell.

    Parameters
    ----------
    panel
        Lazy.
    files
        Parquet files that hold its outputs as they are; if there are none, the columns that are needed are copied.
    memory_bytes
        What the database may take; beyond it spills.
    spill
        Folder under which the database spills and copies; the system's temporary folder if None. What it holds is
        removed at the end.

    Raises
    ------
    SourceError
        If the disk is too small for a copy that is needed; at the end, if a file of the panel changed meanwhile, so that
        no estimate can be kept.
    EstimationError
        If the outcome is of a kind of which no log is taken, or the panel does not say when AI arrived.
    """
    _fail_if_no_log(panel)
    stated = access_of_arm(panel) if files else ""
    outputs = (panel if files else with_access(panel)).outputs
    assert outputs is not None
    with (
        unchanged(files),
        tempfile.TemporaryDirectory(prefix="withintask-", dir=spill) as scratch,
        duckdb.connect(config={"temp_directory": f"{scratch}/spill"}) as connection,
    ):
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"SET memory_limit = '{memory_bytes}B'")
        present = [n for n in (*_ALWAYS, *OPTIONAL) if n in outputs.lazy().collect_schema().names()]
        read = files or (_copied(panel, outputs.lazy(), present, Path(scratch)),)
        columns = _view(connection, _columns(panel.info, present, stated), read)
        tasks = None if panel.tasks is None else eager(panel.tasks)
        yield CellSource(
            connection=connection, columns=columns, tasks=tasks, memory_bytes=memory_bytes
        )


def _fail_if_no_log(panel: Panel) -> None:
    if panel.info.first_ai_period is None:
        raise EstimationError(
            "panel: first_ai_period is not stated, so there is no before and after"
        )
    kind = panel.info.outcome_kind
    if kind not in _VALUE:
        raise EstimationError(
            f"the outcome is a {kind}: dispersion of its log is not defined; estimators by pairs take it as it is"
        )


def _copied(panel: Panel, rows: pl.LazyFrame, columns: Sequence[str], scratch: Path) -> Path:
    """Write the columns that are needed to a file of ours, in one pass."""
    n_rows = int(rows.select(pl.len()).collect(engine="streaming").item())
    free = shutil.disk_usage(scratch).free
    if n_rows * _BYTES_A_ROW > free:
        raise SourceError(
            f"{scratch.parent}: {free / 1e9:.1f} GB are free, a copy of {n_rows:,} outputs may take "
            f"{n_rows * _BYTES_A_ROW / 1e9:.1f} GB; set TMPDIR to a larger disk"
        )
    file = scratch / "outputs.parquet"
    try:
        with unchanged(files_of_panel(panel.origin) if isinstance(panel.origin, Path) else ()):
            rows.select(columns).sink_parquet(file, compression="lz4")
    except OSError as error:
        raise SourceError(
            f"{scratch.parent}: cannot hold a copy of the outputs ({error}); set TMPDIR to a larger disk"
        ) from error
    return file


def _columns(info: PanelInfo, present: Sequence[str], stated: str) -> Mapping[str, str]:
    """Columns of the view and what they are made of; access as stated by arms, if it is."""
    columns = {
        "worker_id": "worker_id",
        "task_id": "task_id",
        "period": "period",
        "is_post": f"(period >= {info.first_ai_period})",
        "value": _VALUE[info.outcome_kind],
        **{name: name for name in ("firm_id", "assignment_id", "weight") if name in present},
    }
    if stated or "ai_access" in present:
        columns["access"] = stated or "ai_access"
    if "ai_use" in present:
        columns["use"] = "CASE WHEN NOT isnan(ai_use) THEN ai_use > 0 END"
    return columns


def _view(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[str, str], files: Sequence[Path]
) -> frozenset[str]:
    """Make the view ``outputs`` and return its columns."""
    chosen = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    listed = ", ".join(in_sql(str(file)) for file in files)
    with _readable():
        connection.execute(f"CREATE VIEW outputs AS SELECT {chosen} FROM read_parquet([{listed}])")
    return frozenset(columns)


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what DuckDB says into an error of ours."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error).splitlines()[0]
        if (
            "temp" in text.lower()
            or "No space" in text
            or isinstance(error, duckdb.OutOfMemoryException)
        ):
            raise SourceError(
                f"sums by cell: neither memory nor the disk for the spill suffices ({text}); set TMPDIR to a larger disk"
            ) from error
        raise SourceError(f"sums by cell: {text}") from error
