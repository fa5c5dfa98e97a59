"""Estimates on panels larger than memory: which panels are, and their estimates from sums by cell."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import polars as pl

from withintask.panel.errors import ParameterError, list_problems
from withintask.panel.own_files import largest_table, own_files, scan_panel
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.unchanged import files_of_panel, unchanged
from withintask.panel.validate import validate
from withintask.results import Estimates
from withintask.tests_of_model.harness.synthetic import with_truth
from withintask.tests_of_model.hypotheses.estimate_cells import estimate_cells
from withintask.tests_of_model.hypotheses.stream import estimate_streamed
from withintask.tests_of_model.regression.errors import Errors

BYTES_A_ROW = 650
"""What all of H1 takes in memory for a row of outputs, measured (docs/scale.md); single estimators take less."""


class StreamedEstimates(Estimates):
    """Estimates of a panel that was not read into memory; what draws or recommends would read it."""

    is_in_memory: ClassVar[bool] = False

    @cached_property
    def recommended(self) -> tuple[str, ...]:
        """No estimator: recommending one would read the panel; `withintask panel describe` does."""
        return ()


def memory_bytes() -> int | None:
    """Return the memory of this machine; None where the system does not tell."""
    if not hasattr(os, "sysconf"):
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def why_streamed(path: Path) -> str:
    """Say why a panel is to be estimated from sums by cell; empty if it fits into half of the machine's memory.

    Only the numbers of rows that its manifest states are looked at.
    """
    (table, rows), memory = largest_table(path), memory_bytes()
    if memory is None or rows * BYTES_A_ROW <= memory / 2:
        return ""
    return (
        f"{table}: {rows:,} rows would take about {rows * BYTES_A_ROW / 1e9:.0f} GB, more than half of the {memory / 1e9:.0f} GB "
        "of this machine: estimated from sums (--engine stream); --engine fast reads them all the same"
    )


def estimate_larger(
    path: str | Path,
    *,
    hypotheses: str | Sequence[str] = (),
    estimators: str | Sequence[str] = (),
    errors: Errors = "auto",
    arm: str = "",
    verify: bool = True,
    allow_outside: bool = False,
) -> StreamedEstimates:
    """Estimate on a panel from sums of its rows.

    Parameters
    ----------
    path
        Where the panel is.
    hypotheses, estimators, errors, arm
        As for :func:`withintask.tests_of_model.hypotheses.stream.estimate_streamed`.
    verify, allow_outside
        As for :func:`withintask.panel.store.read_panel`.

    Raises
    ------
    ParameterError
        If a name is not known, or what is asked for needs rows: all of it.
    SourceError
        If a disk is too small for what spills, or a file changed while it was read.
    SchemaError
        If the table of tasks breaks a rule.

    Returns
    -------
    StreamedEstimates
        As :func:`withintask.estimate` returns them; equal to those to 1e-10.

    Examples
    --------
    >>> import tempfile
    >>> import withintask as wt
    >>> folder = wt.write_panel(wt.draw_panel("rct-ability", seed=1), tempfile.mkdtemp())
    >>> from_sums = wt.estimate_larger(folder, estimators="dispersion_by_access")
    >>> in_memory = wt.estimate(folder, estimators="dispersion_by_access")
    >>> bool(abs(from_sums["estimate"][0] - in_memory["estimate"][0]) < 1e-10)
    True
    """
    path = Path(path)
    panel = scan_panel(path, verify=verify, allow_outside=allow_outside)
    if panel.tasks is not None:
        validate(Panel(info=panel.info, tasks=panel.tasks.lazy().collect()))
    with unchanged(files_of_panel(path)):
        frame: pl.DataFrame = estimate_streamed(
            panel,
            files=own_files(path, "outputs"),
            hypotheses=hypotheses,
            estimators=estimators,
            errors=errors,
            arm=arm,
        )
    return StreamedEstimates(with_truth(frame, panel), panel)


def estimate_from_cells(
    file: str | Path,
    *,
    estimators: str | Sequence[str] = (),
    errors: Errors = "auto",
) -> StreamedEstimates:
    """Estimate from what a database answered.

    Parameters
    ----------
    file, estimators, errors
        As for :func:`withintask.tests_of_model.hypotheses.estimate_cells.estimate_cells`.

    Raises
    ------
    SourceError
        If the file lacks what an estimator needs: all of it.
    ParameterError
        If an estimator is named that sums do not serve or the file does not have.

    Returns
    -------
    StreamedEstimates
        As :func:`withintask.estimate` returns them.

    Examples
    --------
    ``withintask panel sql`` writes the query; here DuckDB answers it.

    >>> import tempfile
    >>> import duckdb
    >>> import withintask as wt
    >>> from withintask.tests_of_model.hypotheses.estimate_cells import query_of
    >>> from withintask.tests_of_model.samples.cells_sql import cells_sql
    >>> panel = wt.draw_panel("rct-ability", seed=1).collect()
    >>> outputs, tasks = panel.outputs, panel.tasks
    >>> cells = duckdb.sql(cells_sql(query_of(panel, "dispersion_by_access"))).pl()
    >>> file = f"{tempfile.mkdtemp()}/cells.parquet"
    >>> cells.write_parquet(file)
    >>> wt.estimate_from_cells(file)["estimator"].to_list()
    ['dispersion_by_access']
    """
    frame = estimate_cells(file, estimators=estimators, errors=errors)
    panel = Panel(info=PanelInfo(name=Path(file).name))
    return StreamedEstimates(with_truth(frame, panel), panel)


def fail_if_not_served(options: Sequence[str], beside: Sequence[str] = ()) -> None:
    """Refuse options that need rows, and those that a file of cells decides itself, all at once.

    Raises
    ------
    ParameterError
        Names them.
    """
    problems = [f"{name}: needs every row, in memory (--engine fast)" for name in options]
    problems += [f"{name}: the file of cells says what it is of; leave it out" for name in beside]
    if problems:
        raise ParameterError(list_problems("estimates from sums by cell", problems))
