"""Brodeur et al. 2025, AI Replication Games: teams that reproduce a published paper.

137 teams in nine games were randomized within game and software to work alone (Human-Only), with
ChatGPT (AI-Assisted) or through it (AI-Led), and each was given one of 17 papers. A team is seen
once and has one paper, so that its two counts of errors found, minor and major, are the only
items that could tell ability from noise; ability was not measured before.
"""

from pathlib import Path

import polars as pl

from withintask.panel.errors import SourceError, list_problems, some_examples
from withintask.panel.foreign import read_foreign
from withintask.panel.mapping import TableMapping
from withintask.panel.outcome import OutcomeKind
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import validate

FILE = "AI games.dta"
CONTROL = "Human-Only"
STUDY_II = "Virtual 2025"
"""The game that the authors' second study adds."""

_SOURCE = (
    "Brodeur et al. (2025), Comparing Human-Only, AI-Assisted, and AI-Led Teams on Assessing "
    "Research Reproducibility in Quantitative Social Science; data under CC BY 4.0"
)
_COLUMNS = (
    *("game", "branch", "team", "software", "paper", "number_teammates", "attendance"),
    *("max_skill", "min_skill", "reproduction", "minor_errors", "major_errors"),
)
_COVARIATES = ("number_teammates", "max_skill", "min_skill", "attendance")


def ai_games_errors(source_dir: str | Path) -> Panel:
    """Read the panel of teams: minor and major errors that each found in its paper.

    Parameters
    ----------
    source_dir
        The folder with ``AI games.dta``.

    Returns
    -------
    Panel
        Two tasks, ``minor errors`` and ``major errors``, one period, three arms; counts.

    Raises
    ------
    SourceError
        If the file is missing, cannot be read, or its layout has changed.
    """
    teams = ai_games_teams(source_dir)
    counts = [
        _outputs(teams, task_id=pl.lit(name.replace("_", " ")), output=name, unit="errors found")
        for name in ("minor_errors", "major_errors")
    ]
    note = "errors that a team found in its paper: more are better"
    info = _info("ai-games-errors", "count", note)
    return _panel(info, teams, pl.concat(counts))


def ai_games_reproduction(source_dir: str | Path) -> Panel:
    """Read the panel of teams: whether each reproduced its paper.

    Parameters
    ----------
    source_dir
        The folder with ``AI games.dta``.

    Returns
    -------
    Panel
        One task and period, three arms; 0 or 1.

    Raises
    ------
    SourceError
        If the file is missing, cannot be read, or its layout has changed.
    """
    teams = ai_games_teams(source_dir)
    outputs = _outputs(
        teams, task_id=pl.lit("reproduction"), output="reproduction", unit="reproduced"
    )
    note = "whether a team reproduced its paper; one answer a team"
    info = _info("ai-games-reproduction", "binary", note)
    return _panel(info, teams, outputs)


def ai_games_teams(source_dir: str | Path) -> pl.DataFrame:
    """Read the 137 teams, codes as their labels, with our ids beside the source's columns."""
    path = Path(source_dir) / FILE
    if not path.is_file():
        raise SourceError(f"{path}: no such file; name the folder that holds {FILE}")
    teams = read_foreign(path, TableMapping(name="outputs", file=FILE, labels=True))
    absent = [name for name in _COLUMNS if name not in teams.columns]
    if absent:
        problem = f"no column {some_examples(absent)}; found {', '.join(teams.columns)}"
        raise SourceError(list_problems(str(path), [problem]))
    return teams.select(_COLUMNS).with_columns(
        worker_id=pl.concat_str("game", "team", separator=" "),
        paper=pl.col("paper").str.replace_all(r"\s+", " ").str.strip_chars(),
        stratum_id=pl.concat_str("game", "software", separator=", "),
        number_teammates=pl.col("number_teammates").cast(pl.Float64),
        reproduction=(pl.col("reproduction").cast(pl.String) == "yes").cast(pl.Float64),
    )


def _info(name: str, outcome: OutcomeKind, note: str) -> PanelInfo:
    return PanelInfo(
        name=name,
        source=_SOURCE,
        first_ai_period=1,
        outcome=outcome,
        note=note,
        control_arm=CONTROL,
        covariates=tuple(f"workers.{column}" for column in _COVARIATES),
    )


def _outputs(teams: pl.DataFrame, *, task_id: pl.Expr, output: str, unit: str) -> pl.DataFrame:
    return teams.select(
        "worker_id",
        "stratum_id",
        task_id=task_id,
        period=pl.lit(1, dtype=pl.Int64),
        item_id=pl.col("paper"),
        arm=pl.col("branch"),
        ai_access=pl.col("branch") != CONTROL,
        assignment_id=pl.col("worker_id"),
        output=pl.col(output).cast(pl.Float64),
        unit=pl.lit(unit),
    )


def _panel(info: PanelInfo, teams: pl.DataFrame, outputs: pl.DataFrame) -> Panel:
    tasks = outputs.select("task_id").unique().sort("task_id")
    return validate(
        Panel(
            info=info,
            workers=teams.select("worker_id", *_COVARIATES).sort("worker_id"),
            tasks=tasks.with_columns(skill_type=pl.lit("cog")),
            outputs=outputs.sort("worker_id", "task_id"),
        )
    )
