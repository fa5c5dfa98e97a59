"""Ruffle et al. 2026: radiologists who read brain scans without and with AI support.

Eleven radiologists, each with 100 scans out of 564, say of each scan whether the tumour enhances
with contrast: once alone, once with the segmentation of a model. The task is the same and every
reader is seen on both sides, so the dispersion across readers can be compared with and without
AI. What the panel cannot tell: the file has no dates and lists each reader's unaided readings
first, so support and practice cannot be told apart; there is no measure of ability before the study; there are
no firms, pay or postings. It speaks to H1a only, with eleven readers.
"""

from pathlib import Path

import polars as pl

from withintask.ingest.panels.reading import read_columns
from withintask.panel.outcome import OutcomeKind
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import validate

FILE = "radiologist_df.csv"
OCCUPATION = "29-1224"
"""Radiologists, SOC 2018."""

SECONDS_AN_HOUR = 3600
_SOURCE = (
    "Ruffle et al. (2026), Bidirectional human-AI collaboration in brain tumour imaging, "
    "arXiv:2512.19707; data under Apache-2.0"
)
_TYPES = {
    "radiologist": pl.String(),
    "case_id": pl.String(),
    "response_time": pl.Float64(),
    "with_segmentation": pl.Boolean(),
    "correct_prediction": pl.Int64(),
}


def radiology(source_dir: str | Path) -> Panel:
    """Read the panel of readers: accuracy and speed of each, without and with AI.

    Parameters
    ----------
    source_dir
        The folder with ``radiologist_df.csv``.

    Returns
    -------
    Panel
        Two tasks: ``accuracy`` (share of a reader's scans that were right) and ``speed`` (scans
        an hour of reading time); period 0 is without, period 1 with AI.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    by_reader = radiology_readings(source_dir).group_by("worker_id", "period", "ai_access")
    seconds = pl.col("response_time").sum()
    accuracy = by_reader.agg(output=pl.col("correct_prediction").mean())
    speed = by_reader.agg(output=pl.len() * SECONDS_AN_HOUR / seconds)
    ceiling = pl.lit(1.0)
    outputs = pl.concat(
        [
            accuracy.with_columns(
                task_id=pl.lit("accuracy"), unit=pl.lit("share correct"), rating_ceiling=ceiling
            ),
            speed.with_columns(task_id=pl.lit("speed"), unit=pl.lit("scans an hour")),
        ],
        how="diagonal",
    )
    note = "task accuracy or speed of 100 scans a reader; period 0 without, 1 with AI"
    return _panel("radiology", outputs, note)


def radiology_cases(source_dir: str | Path) -> Panel:
    """Read the panel of single readings: the speed of each reader on each scan.

    Parameters
    ----------
    source_dir
        The folder with ``radiologist_df.csv``.

    Returns
    -------
    Panel
        One task a scan (564), read by one to nine of the eleven readers; output is scans an hour.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    outputs = radiology_readings(source_dir).select(
        "worker_id",
        "period",
        "ai_access",
        task_id=pl.col("case_id"),
        output=SECONDS_AN_HOUR / pl.col("response_time"),
        unit=pl.lit("scans an hour"),
    )
    note = "one task a scan; speed only, since right or wrong is not a positive output"
    return _panel("radiology-cases", outputs, note)


def radiology_times(source_dir: str | Path) -> Panel:
    """Read the panel of single readings as items: seconds that each took.

    Parameters
    ----------
    source_dir
        The folder with ``radiologist_df.csv``.

    Returns
    -------
    Panel
        One task, an item a scan; a time.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    return _readings("radiology-times", source_dir, "response_time", "time", "seconds")


def radiology_answers(source_dir: str | Path) -> Panel:
    """Read the panel of single readings as items: whether each was right.

    Parameters
    ----------
    source_dir
        The folder with ``radiologist_df.csv``.

    Returns
    -------
    Panel
        One task, an item a scan; 0 or 1.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.

    Notes
    -----
    The spread of readers' shares of right answers holds the binomial noise of a hundred scans each; that of this panel's
    pairs does not.
    """
    return _readings("radiology-answers", source_dir, "correct_prediction", "binary", "right")


def _readings(
    name: str, source_dir: str | Path, column: str, outcome: OutcomeKind, unit: str
) -> Panel:
    outputs = radiology_readings(source_dir).select(
        "worker_id",
        "period",
        "ai_access",
        task_id=pl.lit("reading"),
        item_id=pl.col("case_id"),
        output=pl.col(column).cast(pl.Float64),
        unit=pl.lit(unit),
    )
    note = "one item a scan; period 0 without, 1 with AI"
    return _panel(name, outputs, note, outcome)


def radiology_readings(source_dir: str | Path) -> pl.DataFrame:
    """Read the 2,200 readings with our ids and periods beside the source's columns."""
    readings = read_columns(source_dir, FILE, _TYPES)
    return readings.with_columns(
        worker_id=pl.col("radiologist"),
        period=pl.col("with_segmentation").cast(pl.Int64),
        ai_access=pl.col("with_segmentation"),
    )


def _panel(
    name: str, outputs: pl.DataFrame, note: str, outcome: OutcomeKind | None = None
) -> Panel:
    keys = ("worker_id", "task_id", "item_id", "period")
    order = [key for key in keys if key in outputs.columns]
    info = PanelInfo(name=name, source=_SOURCE, first_ai_period=1, note=note, outcome=outcome)
    workers = outputs.select("worker_id").unique().sort("worker_id")
    tasks = outputs.select("task_id").unique().sort("task_id")
    return validate(
        Panel(
            info=info,
            workers=workers.with_columns(occupation_code=pl.lit(OCCUPATION)),
            tasks=tasks.with_columns(occupation_code=pl.lit(OCCUPATION), skill_type=pl.lit("cog")),
            outputs=outputs.sort(order),
        )
    )
