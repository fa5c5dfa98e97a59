"""Zhang 2023, Taking advice from ChatGPT: students' answers before and after a machine's advice.

118 students answer questions with four choices by putting probabilities on them, see the advice of
a language model, and answer the same question again. Output is the probability put on the right
choice. All advice is the model's; half of the students are told that it is an expert's. Nobody is
without advice, so AI and a second look at a question are not told apart. An item after advice
holds what its student happened to know of the question, so pairs are of different questions.
"""

from pathlib import Path

import polars as pl

from withintask.ingest.panels.reading import read_columns
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import validate

FILE = "responses.csv"
CHOICES = "ABCD"
SIDES = ("init", "adjusted")
"""Before and after advice, as the columns are named."""

_SOURCE = "Zhang (2023), Taking Advice from ChatGPT, arXiv:2305.11888; data under MIT"
_NUMBERS = (
    *(f"{side}_choice{choice}" for side in SIDES for choice in CHOICES),
    *(f"{side}_time" for side in SIDES),
    *("weight_on_advice", "init_advice_confidence", "advice_confidence"),
)
_TYPES = {
    "participant_id": pl.String(),
    "question_id": pl.String(),
    "question_num": pl.Int64(),
    "correct_answer": pl.String(),
    "advice_answer": pl.String(),
    "topic": pl.String(),
    "advisor": pl.String(),
    "advice_is_correct": pl.Int64(),
    **dict.fromkeys(_NUMBERS, pl.Float64()),
}


def advice(source_dir: str | Path) -> Panel:
    """Read the panel of students and questions: probability on the right choice.

    Parameters
    ----------
    source_dir
        The folder with ``responses.csv``.

    Returns
    -------
    Panel
        One task, an item a question; period 0 is before and period 1 after advice; a score from 0
        to 1.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    answers = advice_answers(source_dir)
    sides = [
        answers.select(
            "worker_id",
            "item_id",
            task_id=pl.lit("question"),
            period=pl.lit(period, dtype=pl.Int64),
            sequence=len(SIDES) * (pl.col("question_num") - 1) + period,
            ai_access=pl.lit(period == 1),
            output=_on_right_choice(side),
            unit=pl.lit("probability"),
        )
        for period, side in enumerate(SIDES)
    ]
    outputs = pl.concat(sides).sort("worker_id", "item_id", "period")
    info = PanelInfo(
        name="advice",
        source=_SOURCE,
        first_ai_period=1,
        outcome="score",
        outcome_floor=0,
        outcome_ceiling=1,
        note="probability on the right choice; period 0 before, 1 after a language model's advice",
    )
    return validate(
        Panel(
            info=info,
            workers=outputs.select("worker_id").unique().sort("worker_id"),
            tasks=pl.DataFrame({"task_id": ["question"], "skill_type": ["cog"]}),
            outputs=outputs,
        )
    )


def advice_answers(source_dir: str | Path) -> pl.DataFrame:
    """Read the 2,828 answers with our ids beside the source's columns."""
    answers = read_columns(source_dir, FILE, _TYPES)
    return answers.with_columns(worker_id=pl.col("participant_id"), item_id=pl.col("question_id"))


def _on_right_choice(side: str) -> pl.Expr:
    return pl.coalesce(
        pl.when(pl.col("correct_answer") == choice).then(pl.col(f"{side}_choice{choice}"))
        for choice in CHOICES
    )
