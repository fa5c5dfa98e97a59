"""Ability, noise and what AI changes of them, of several panels side by side: a figure and a table."""

import math
from pathlib import Path
from typing import Any

import polars as pl

from withintask.report.style import FAINT, FALLS, NEUTRAL, RISES, Axes, new_figure, save_figure

SHOWN = {
    "delta_log_sd": "ability: change of log sd",
    "ability_gradient_net": "gain on ability: gradient",
    "delta_log_noise": "noise: change of log sd",
    "average_effect_log": "average effect, log points",
}
"""Terms of the figure, a column each, and what stands above it."""

_TABLE = ("delta_log_sd", "delta_log_cv_net", "ability_gradient_net", "delta_log_noise")
_EFFECT = "average_effect_log"
HEADER = (
    *("panel (workers)", "comparison", "noise, without / with AI", "ability, without / with AI"),
    *("Δ ln sd", "Δ ln CV", "gradient", "Δ ln noise", "average effect"),
)
_REACH = 1.5
"""Where the axes end; what goes on beyond is drawn as an arrow."""
_LINE_HEIGHT, _MARGIN = 0.36, 1.3
"""Inches a line and around the lines."""


def ability_rows(frame: pl.DataFrame) -> list[tuple[str, ...]]:
    """Return the lines of a table under HEADER, one a panel and arm.

    Parameters
    ----------
    frame
        Of :func:`withintask.tests_of_model.evidence.published_ability.published_ability`.
    """
    return [_cells(label, rows) for label, rows in _groups(frame)]


def signs_in_words(frame: pl.DataFrame) -> str:
    """Say of ability's spread which sets exclude no change, which have no end, and where nothing can be told.

    Parameters
    ----------
    frame
        As for :func:`ability_rows`.
    """
    rows = [(label, terms["delta_log_sd"]) for label, terms in _groups(frame)]
    told = [(label, row) for label, row in rows if not math.isnan(row["conf_low"])]
    kinds = {
        "spreads, the set excludes none": [k for k, row in told if row["conf_low"] > 0],
        "narrows, the set excludes none": [k for k, row in told if row["conf_high"] < 0],
        "no value of the change is rejected, nor any sign": [
            k for k, row in told if math.isinf(row["conf_low"]) and math.isinf(row["conf_high"])
        ],
        "one output a worker, so that ability and noise cannot be told apart": [
            k for k, row in rows if math.isnan(row["conf_low"])
        ],
    }
    lines = [f"- {what}: {', '.join(labels) or 'none'}." for what, labels in kinds.items()]
    return "Ability with AI, panel by panel (people in brackets):\n\n" + "\n".join(lines) + "\n"


def draw_ability(frame: pl.DataFrame, path: Path) -> None:
    """Draw SHOWN with their 95 % sets, one line a panel and arm; red is a rise, blue a fall.

    Parameters
    ----------
    frame
        As for :func:`ability_rows`.
    path
        File to write: pdf, svg or png.
    """
    groups = _groups(frame)
    height = _MARGIN + _LINE_HEIGHT * len(groups)
    figure, axes = new_figure(1, len(SHOWN), width=12, height=height)
    for column, (ax, (term, title)) in enumerate(zip(axes[0], SHOWN.items(), strict=True)):
        for place, (_, rows) in enumerate(groups):
            _draw(ax, place, rows.get(term))
        _dress(ax, title, [label for label, _ in groups] if column == 0 else [])
        ax.set_ylim(len(groups) - 0.4, -0.6)
    figure.supxlabel(
        "estimate and 95 % set; an arrow goes on beyond the axis, an arrow to both sides with no dot has no estimate",
        fontsize=8,
    )
    save_figure(figure, path)


def _groups(frame: pl.DataFrame) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    """Rows by term of each panel and arm, with their label."""
    groups = []
    for (name, arm), rows in frame.group_by("dataset", "arm", maintain_order=True):
        several = frame.filter(dataset=name)["arm"].n_unique() > 1
        label = f"{name}{f', {arm}' if several else ''} ({rows['n_workers'][0]})"
        groups.append((label, {row["term"]: row for row in rows.iter_rows(named=True)}))
    return groups


def _cells(label: str, rows: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    head = next(iter(rows.values()))
    levels = [
        " / ".join(_number(head[f"{name}_{side}"], ".2f") for side in ("without", "with"))
        for name in ("noise", "ability")
    ]
    terms = [_set(rows.get(term)) for term in (*_TABLE, _EFFECT)]
    return (label, head["form"].replace("_", "-"), *levels, *terms)


def _set(row: dict[str, Any] | None) -> str:
    if row is None or (not math.isfinite(row["estimate"]) and math.isnan(row["conf_low"])):
        return "–"
    ends = f"[{_number(row['conf_low'], '+.2f')}, {_number(row['conf_high'], '+.2f')}]"
    return f"{_number(row['estimate'], '+.2f')} {ends}"


def _number(value: float, digits: str) -> str:
    return "–" if math.isnan(value) else format(value, digits).replace("inf", "∞")


def _draw(ax: Axes, place: int, row: dict[str, Any] | None) -> None:
    if row is None or math.isnan(row["conf_low"]):
        ax.text(0, place, "cannot be told", ha="center", va="center", fontsize=7, color=FAINT)
        return
    low, high = max(row["conf_low"], -_REACH), min(row["conf_high"], _REACH)
    excludes = row["conf_low"] > 0 or row["conf_high"] < 0
    color = NEUTRAL if not excludes else RISES if row["conf_low"] > 0 else FALLS
    ax.plot((low, high), (place, place), color=color, lw=1.6, solid_capstyle="butt")
    for end, marker, goes_on in (
        (low, "<", row["conf_low"] < -_REACH),
        (high, ">", row["conf_high"] > _REACH),
    ):
        if goes_on:
            ax.plot(end, place, marker, color=color, ms=6, clip_on=False)
    if math.isfinite(row["estimate"]):
        ax.plot(row["estimate"], place, "o", color=RISES if row["estimate"] > 0 else FALLS, ms=5)


def _dress(ax: Axes, title: str, labels: list[str]) -> None:
    ax.set_title(title, fontsize=9)
    ax.axvline(0, color=NEUTRAL, lw=0.7, ls=":")
    ax.set_xlim(-_REACH, _REACH)
    ax.set_yticks(range(len(labels)), labels, fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
