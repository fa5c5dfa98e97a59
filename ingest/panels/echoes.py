"""Borg et al. 2025, Echoes of AI: one programming task with or without an AI assistant.

In phase 1 seventy-six developers add the same feature to the same program, about half of them
with an AI assistant. The panel allows the dispersion of speed with and without AI to be compared
between *different* people at one date; the authors call this phase observational. Nobody is
seen without and with AI, ability is not measured in a comparable unit, and there are no firms,
pay or postings, so no estimator that follows workers or tasks over time can run. Phase 2 has no
place here: nobody uses AI in it, only the code that was inherited differs.

Times are in seconds, though the codebook says minutes. Eight of the 76 records have no usable
time (``clean_time``) and thus no row in ``outputs``; their developers are in ``workers``. One
developer (anon126) handed in twice; the second record is the worker ``anon126#2``.

A second panel holds what each said of his productivity afterwards: ten statements that he agrees
with from 1 to 5. They are the only items of a developer, so that what is common to them (how
productive he felt) is told from what is particular to a statement.
"""

from pathlib import Path

import polars as pl

from withintask.ingest.panels.reading import read_columns
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import validate

FILE = "task1_preprocessed.csv"
OCCUPATION = "15-1252"
"""Software developers, SOC 2018."""

SECONDS_AN_HOUR = 3600
_SOURCE = (
    "Borg et al. (2025), Echoes of AI: Investigating the Downstream Effects of AI Assistants on "
    "Software Maintainability, arXiv:2507.00788; data under MIT"
)
_TYPES = {"github": pl.String(), "ai": pl.Boolean(), "clean_time": pl.Float64()}

STATEMENTS = tuple(f"exit-space-{number}" for number in range(1, 11))
"""The statements on productivity, in the order in which they were asked."""
REVERSED = ("exit-space-4", "exit-space-10")
"""Statements of frustration and of time lost in searching: to agree is to be less productive."""
LOWEST, HIGHEST = 1, 5


def echoes(source_dir: str | Path) -> Panel:
    """Read phase 1 as a panel of one task and one period.

    Parameters
    ----------
    source_dir
        The folder with ``task1_preprocessed.csv``.

    Returns
    -------
    Panel
        Task ``feature``, period 1; output is tasks an hour, the inverse of the time taken.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    times = echoes_times(source_dir)
    timed = times.filter(pl.col("clean_time").is_not_null())
    outputs = timed.select(
        "worker_id",
        task_id=pl.lit("feature"),
        period=pl.lit(1, dtype=pl.Int64),
        ai_access=pl.col("ai"),
        output=SECONDS_AN_HOUR / pl.col("clean_time"),
        unit=pl.lit("tasks an hour"),
    )
    n_untimed = times.height - timed.height
    note = f"{n_untimed} of {times.height} records have no usable time and no row in outputs"
    info = PanelInfo(name="echoes", source=_SOURCE, first_ai_period=1, note=note)
    return _panel(info, times, outputs)


def echoes_productivity(source_dir: str | Path) -> Panel:
    """Read what the developers of phase 1 said of their productivity, one item a statement.

    Parameters
    ----------
    source_dir
        The folder with ``task1_preprocessed.csv``.

    Returns
    -------
    Panel
        Task ``feature``, period 1; a score from 1 to 5, more is more productive; the developer who
        did not answer has no row in ``outputs``.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    answers = _records(source_dir, {**_TYPES, **dict.fromkeys(STATEMENTS, pl.Float64())})
    turned = [(LOWEST + HIGHEST - pl.col(name)).alias(name) for name in REVERSED]
    outputs = (
        answers.with_columns(turned)
        .unpivot(
            STATEMENTS, index=("worker_id", "ai"), variable_name="item_id", value_name="output"
        )
        .drop_nulls("output")
        .select(
            "worker_id",
            "item_id",
            "output",
            task_id=pl.lit("feature"),
            period=pl.lit(1, dtype=pl.Int64),
            ai_access=pl.col("ai"),
            unit=pl.lit("agreement"),
        )
        .sort("worker_id", "item_id")
    )
    info = PanelInfo(
        name="echoes-productivity",
        source=_SOURCE,
        first_ai_period=1,
        outcome="score",
        outcome_floor=LOWEST,
        outcome_ceiling=HIGHEST,
        note="ten statements on productivity after the task, two of them turned round; as felt, not as measured",
    )
    return _panel(info, answers, outputs)


def echoes_times(source_dir: str | Path) -> pl.DataFrame:
    """Read the 76 records; a developer's further records are told apart by ``#2``."""
    return _records(source_dir, _TYPES)


def _records(source_dir: str | Path, types: dict[str, pl.DataType]) -> pl.DataFrame:
    records = read_columns(source_dir, FILE, types)
    number = pl.int_range(1, pl.len() + 1).over("github")
    suffix = pl.when(number > 1).then(pl.format("#{}", number)).otherwise(pl.lit(""))
    return records.with_columns(worker_id=pl.col("github") + suffix)


def _panel(info: PanelInfo, records: pl.DataFrame, outputs: pl.DataFrame) -> Panel:
    tasks = {"task_id": ["feature"], "occupation_code": [OCCUPATION], "skill_type": ["cog"]}
    return validate(
        Panel(
            info=info,
            workers=records.select("worker_id", occupation_code=pl.lit(OCCUPATION)),
            tasks=pl.DataFrame(tasks),
            outputs=outputs,
        )
    )
