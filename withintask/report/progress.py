"""The one progress bar: on standard error, one line a stage; a line at each end where there is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from withintask.report.verbosity import is_quiet

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import ProgressColumn, TaskID

    from withintask.tests_of_model.harness.replicate import Study


class Report(Protocol):
    """Told of each step: the stage, what is done, what there is in all if known, and what is at work."""

    def __call__(self, stage: str, done: int, total: int | None, detail: str = "", /) -> None:
        """Show a step."""


@contextmanager
def stages(*, in_bytes: bool = False) -> Iterator[Report]:
    """Show one bar a stage, with what is done, the time it took and what remains.

    Parameters
    ----------
    in_bytes
        Counts are bytes, as of downloads.

    Yields
    ------
    Report
        To be called at each step; a stage gets its bar when it is first named.
    """
    if is_quiet():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(*_columns(in_bytes), console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int | None, detail: str = "", /) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total, detail=detail)
            progress.update(tasks[stage], completed=done, total=total, detail=detail)
            if done == total and not (progress.console.is_terminal or in_bytes):
                print(f"{stage}: {done:,} done", file=sys.stderr, flush=True)

        yield report


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """Show the bar of a single stage, called with what is done and what there is in all."""
    with stages() as report:
        report(label, 0, total or None)
        yield lambda done, n: report(label, done, n)


def run_study(
    study: "Study", ledger: Path | None, *, engine: str, n_workers: int, dask: str = ""
) -> "pl.DataFrame":
    """Run a study with progress and remaining time."""
    from withintask.tests_of_model.harness.parallel import open_executor
    from withintask.tests_of_model.harness.replicate import replicate

    with (
        progress("replicates", study.n_replicates) as report,
        open_executor(engine, n_workers, dask=dask) as executor,
    ):
        return replicate(study, executor=executor, ledger=ledger, on_progress=report)


def _columns(in_bytes: bool) -> "tuple[ProgressColumn, ...]":
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        DownloadColumn() if in_bytes else MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )


def _silent(stage: str, done: int, total: int | None, detail: str = "", /) -> None:
    """Show nothing."""
