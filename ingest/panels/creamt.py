"""Guerberof-Arenas and Toral 2022, CREAMT: a short story translated with and without a machine draft.

Four literary translators, two into Catalan and two into Dutch, translate half of a story from
scratch and post-edit a machine's draft of the other half, each the half that the other does
without. Reviewers then say of 185 places that ask for creativity whether the translation is a
creative shift. Halves were assigned, so access varies within translators by paragraph; four
translators settle nothing about people.
"""

from pathlib import Path

import polars as pl

from withintask.ingest.panels.reading import read_columns
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import validate

TIMES_FILE = "per2csv.csv"
SHIFTS_FILE = "CreativeShifts_all.csv"
OCCUPATION = "27-3091"
"""Interpreters and translators, SOC 2018."""
LEFT_OPEN_MS = 3_600_000
"""An hour: the seven paragraphs above it were left open on the screen; the authors leave such
lines out (readmepet.txt)."""
MACHINE = "mt"
"""The machine alone."""

_MS_A_SECOND = 1000
_SOURCE = (
    "Guerberof-Arenas and Toral (2022), Translation Spaces 11(2), doi:10.1075/ts.21025.gue; "
    "data (CREAMT) under CC BY 4.0"
)
_TIMES = {
    "paragraph": pl.String(),
    "subject": pl.String(),
    "tasktype": pl.String(),
    "Language": pl.String(),
    "len_sl_wrd": pl.Int64(),
    "ev_time_ms": pl.Float64(),
}
_SHIFTS = {
    **dict.fromkeys(("ucp", "modality", "reviewer", "translator", "Language"), pl.String()),
    "creative_shift": pl.Int64(),
}


def creamt_times(source_dir: str | Path) -> Panel:
    """Read the panel of translators and paragraphs: seconds a word.

    Parameters
    ----------
    source_dir
        The folder with ``per2csv.csv``.

    Returns
    -------
    Panel
        One task and period, an item a paragraph and language; a time.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    times = creamt_paragraphs(source_dir)
    kept = times.filter(pl.col("ev_time_ms") < LEFT_OPEN_MS)
    outputs = kept.select(
        "worker_id",
        "item_id",
        ai_access=pl.col("tasktype") == "pe",
        output=pl.col("ev_time_ms") / pl.col("len_sl_wrd") / _MS_A_SECOND,
        unit=pl.lit("seconds a word"),
    )
    note = f"{times.height - kept.height} of {times.height} paragraphs were left open for over an hour and have no row"
    info = PanelInfo(
        name="creamt-times", source=_SOURCE, first_ai_period=1, outcome="time", note=note
    )
    return _panel(info, outputs)


def creamt_shifts(source_dir: str | Path) -> Panel:
    """Read the panel of translators, places and reviewers: creative shift or not.

    Parameters
    ----------
    source_dir
        The folder with ``CreativeShifts_all.csv``.

    Returns
    -------
    Panel
        One task and period, an item a place and language, rated by two or three reviewers; 0 or 1.
        The machine alone is nobody's work and not in it.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    outputs = creamt_ratings(source_dir).filter(pl.col("modality") != MACHINE)
    outputs = outputs.select(
        "worker_id",
        "item_id",
        "rater_id",
        ai_access=pl.col("modality") == "mtpe",
        output=pl.col("creative_shift").cast(pl.Float64),
        unit=pl.lit("creative shift"),
    )
    note = "creative shift as each reviewer says; access is a machine's draft to post-edit"
    info = PanelInfo(
        name="creamt-shifts", source=_SOURCE, first_ai_period=1, outcome="binary", note=note
    )
    return _panel(info, outputs)


def creamt_paragraphs(source_dir: str | Path) -> pl.DataFrame:
    """Read the 492 paragraphs with our ids beside the source's columns."""
    times = read_columns(source_dir, TIMES_FILE, _TIMES)
    return times.with_columns(worker_id=_in_language("subject"), item_id=_in_language("paragraph"))


def creamt_ratings(source_dir: str | Path) -> pl.DataFrame:
    """Read the 2,775 ratings, the machine's too, with our ids beside the source's columns."""
    ratings = read_columns(source_dir, SHIFTS_FILE, _SHIFTS)
    return ratings.with_columns(
        worker_id=_in_language("translator"),
        item_id=_in_language("ucp"),
        rater_id=_in_language("reviewer"),
    )


def _in_language(column: str) -> pl.Expr:
    """Ids of two languages, each of which counts from 1."""
    return pl.concat_str("Language", column, separator="-")


def _panel(info: PanelInfo, outputs: pl.DataFrame) -> Panel:
    workers = outputs.select("worker_id", occupation_code=pl.lit(OCCUPATION)).unique()
    outputs = outputs.with_columns(task_id=pl.lit("translation"), period=pl.lit(1, dtype=pl.Int64))
    tasks = {"task_id": ["translation"], "occupation_code": [OCCUPATION], "skill_type": ["cog"]}
    return validate(
        Panel(
            info=info,
            workers=workers.sort("worker_id"),
            tasks=pl.DataFrame(tasks),
            outputs=outputs.sort(
                [k for k in ("worker_id", "item_id", "rater_id") if k in outputs.columns]
            ),
        )
    )
