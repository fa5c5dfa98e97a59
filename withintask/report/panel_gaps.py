"""What a panel leaves open, hypothesis by hypothesis, and what data would settle it."""

import math
from collections.abc import Mapping

import polars as pl

from withintask.panel.panel import Panel
from withintask.report.estimate_table import interval_words
from withintask.report.estimate_words import estimator_words, term_words
from withintask.tests_of_model.hypotheses.hypothesis import Hypothesis
from withintask.tests_of_model.hypotheses.recommend import LACKS, RECOMMENDED, recommendations
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

_Row = Mapping[str, object]


def open_questions(panel: Panel, frame: pl.DataFrame | None) -> list[tuple[str, str, str]]:
    """Say what is open.

    Parameters
    ----------
    panel
        Any panel.
    frame
        Its estimates; None if there are none.

    Returns
    -------
    list
        ``(hypothesis, what is open, what would settle it)``, one each.
    """
    verdicts = recommendations(panel)
    return [(h.name, *_of_hypothesis(h, verdicts, frame)) for h in HYPOTHESES]


def _of_hypothesis(
    hypothesis: Hypothesis, verdicts: pl.DataFrame, frame: pl.DataFrame | None
) -> tuple[str, str]:
    of_it = verdicts.filter(pl.col("hypothesis") == hypothesis.name)
    first = of_it.filter(pl.col("verdict") == RECOMMENDED)["estimator"].to_list()
    if not first:
        return "it cannot be estimated on this panel", _missing(hypothesis, of_it)
    if frame is None:
        return "it was not estimated", "a panel that meets every rule"
    rows = frame.filter((pl.col("estimator") == first[0]) & pl.col("estimate").is_finite())
    if rows.is_empty():
        reason = frame.filter(pl.col("estimator") == first[0])["message"].to_list()
        return f"{estimator_words(first[0])} gave no estimate", "; ".join(dict.fromkeys(reason))
    primary = rows.filter(pl.col("term") == hypothesis.primary)
    return _of_estimate((primary if primary.height else rows).row(0, named=True))


def _missing(hypothesis: Hypothesis, verdicts: pl.DataFrame) -> str:
    """What the most trusted estimator that could stand for the claim lacks, or why it does not fit."""
    why = dict(verdicts.select("estimator", "why").iter_rows())
    lacking = set(verdicts.filter(pl.col("verdict") == LACKS)["estimator"])
    trusted = [e.name for e in hypothesis.estimators_of(hypothesis.primary)]
    name = next((n for n in trusted if n in lacking), trusted[0])
    return f"for {estimator_words(name)}: {why[name]}"


def _of_estimate(row: _Row) -> tuple[str, str]:
    low, high = float(str(row["conf_low"])), float(str(row["conf_high"]))
    what = f"{term_words(str(row['term']))} {interval_words(row)}"
    if math.isinf(low) or math.isinf(high):
        return (
            f"{what}: the set has no end, since ability is hardly told from noise",
            "more items a worker on both sides, then more workers",
        )
    if low <= 0 <= high:
        half, size = (high - low) / 2, abs(float(str(row["estimate"])))
        times = (half / size) ** 2 if size else math.inf
        more = (
            f"about {math.ceil(times)} times as many clusters"
            if times < _MANY
            else "far more clusters"
        )
        return (
            f"{what}: the sign is open",
            f"{more} of the same kind would show an effect as large as the estimate; withintask power says how many",
        )
    return (
        f"{what}: the sign is settled, if the design is what the panel says",
        "a second panel, to see whether it holds",
    )


_MANY = 1000
