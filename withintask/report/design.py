"""A panel's design in words, with the estimators that fit it."""

import json
import textwrap
from dataclasses import asdict

import polars as pl

from withintask.panel.design_kind import design_kind
from withintask.panel.design_words import design_sentences
from withintask.panel.panel import Panel
from withintask.report.terminal import terminal_width
from withintask.tests_of_model.hypotheses.recommend import LACKS, RECOMMENDED, recommendations


def describe_design(panel: Panel, *, as_json: bool = False) -> str:
    """Describe what a panel lets one compare and which estimators fit it.

    Parameters
    ----------
    panel
        Any panel.
    as_json
        Whether to write JSON: ``design``, ``sentences`` and ``estimators``.
    """
    sentences, design = design_text(panel)
    verdicts = recommendations(panel)
    if as_json:
        whole = {"design": design, "sentences": sentences, "estimators": verdicts.to_dicts()}
        return json.dumps(whole, ensure_ascii=False, indent=2)
    blocks = [f"{panel.info.name}", *(f"  {sentence}" for sentence in sentences), ""]
    for (hypothesis,), group in verdicts.group_by("hypothesis", maintain_order=True):
        blocks += _of_hypothesis(str(hypothesis), group)
    return "\n".join(map(_filled, blocks))


def _filled(line: str) -> str:
    """Break a line at the width of the terminal, what follows indented below it."""
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.fill(
        line,
        terminal_width(),
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def design_text(panel: Panel) -> tuple[list[str], dict[str, object] | None]:
    """Return the sentences on a panel's design and the facts behind them; none without outputs."""
    if panel.outputs is None:
        return [
            "No task outputs: pay and other tables are described by withintask panel profile."
        ], None
    kind = design_kind(panel)
    return list(design_sentences(panel, kind)), asdict(kind)


def _of_hypothesis(name: str, verdicts: pl.DataFrame) -> list[str]:
    recommended = verdicts.filter(pl.col("verdict") == RECOMMENDED)["estimator"].to_list()
    reasons = dict(verdicts.select("estimator", "why").iter_rows())
    lines = [
        f"{name}: {recommended[0]} is recommended: {reasons[recommended[0]]}"
        if recommended
        else f"{name}: no estimator that could stand for it fits"
    ]
    for row in verdicts.filter(pl.col("verdict") != RECOMMENDED).iter_rows(named=True):
        lacks = row["verdict"] == LACKS
        reason = f"does not fit: {_briefly(row['why'])}" if lacks else f"fits, but {row['why']}"
        lines.append(f"  {row['estimator']}: {reason}")
    return lines


def _briefly(why: str) -> str:
    """Name each reason once: of ``need: reason; need: reason`` the reasons."""
    reasons = [part.partition(": ")[2] or part for part in why.split("; ")]
    return ", ".join(dict.fromkeys(reasons))
