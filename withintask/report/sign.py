"""Tables and figures of the sign of ΔGini, and the forest plot of published estimates."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from withintask.panel.atomic import save_text
from withintask.panel.escape import save_csv
from withintask.report.tables import markdown_table
from withintask.report.terminal import print_rows
from withintask.tests_of_model.moments.moments import moment

if TYPE_CHECKING:
    from withintask.tests_of_model.evidence.pooled import Pooled

_TITLES = {
    "sizes": "What a panel says of ΔGini, by its size",
    "measurements": "With one further measurement at its true value",
    "values": "What one further measurement is expected to take of the sign's entropy, bits",
    "policies": "Policies: effect on ΔGini, medians and 90 percent intervals",
    "crossings": "Probability that ΔGini of income turns its sign along an axis",
    "worlds": "Posterior probability of rival worlds",
    "priors": "The same under other priors",
}


def print_tables(tables: Mapping[str, pl.DataFrame]) -> None:
    """Print the answers, one table each."""
    for name, title in _TITLES.items():
        if name in tables:
            print_rows(*_readable(tables[name]), title=title)


def write_tables(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write every table as CSV, with all columns, and all of them as one Markdown page."""
    parts = []
    for name, title in _TITLES.items():
        if name in tables:
            save_csv(folder / f"{name}.csv", tables[name])
            parts.append(f"## {title}\n\n{markdown_table(*_readable(tables[name]))}")
    save_text(folder / "sign.md", "\n\n".join(parts) + "\n")


def _readable(frame: pl.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and cells for readers: ends of intervals in one cell, what is technical left out."""
    columns: dict[str, list[str]] = {}
    for name in frame.columns:
        stem, _, end = name.rpartition("_")
        if name in _TECHNICAL or (end == "high" and f"{stem}_low" in frame.columns):
            continue
        if end == "low" and f"{stem}_high" in frame.columns:
            ends = zip(frame[name], frame[f"{stem}_high"], strict=True)
            columns[_INTERVALS.get(stem, stem)] = [f"{a:+.4f} to {b:+.4f}" for a, b in ends]
        else:
            columns[_NAMES.get(name, name)] = [_cell(value) for value in frame[name]]
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


_TECHNICAL = (
    "least_distance",
    "is_thin",
    "income_median",
    "pay_median",
    "log_odds_wide",
    "log_odds_flat",
)
_INTERVALS = {
    "income": "ΔGini of income",
    "pay": "ΔGini of pay",
    "profile": "profile set",
    "projection": "projection set",
}
_NAMES = {
    "income_rises": "P(income rises)",
    "pay_rises": "P(pay rises)",
    "income_lowers": "P(income lower)",
    "pay_lowers": "P(pay lower)",
    "n_effective": "draws that count",
    "n_bank": "of the bank",
    "std_error": "std. error",
    "entropy_before": "before",
    "entropy_after": "expected after",
    "mc_error": "MC error",
    "income_rises_wide": "under the wide prior",
    "income_rises_flat": "the flat one",
    "fall_wide": "under the wide prior",
    "fall_flat": "the flat one",
    "income_lowers_wide": "under the wide prior",
    "income_lowers_flat": "the flat one",
    "turns": "either",
    "turns_wide": "under the wide prior",
    "turns_flat": "the flat one",
    "probability_wide": "under the wide prior",
    "probability_flat": "the flat one",
    "log_odds": "log odds",
}


def print_pooled(pooled: "tuple[Pooled, ...]") -> None:
    """Print pooled moments with the spread between studies."""
    rows = [
        (
            p.moment,
            str(p.n),
            f"{p.mean:+.4f}",
            f"{p.std_error:.4f}",
            f"{p.spread:.4f}",
            f"{p.predictive_error:.4f}",
        )
        for p in pooled
    ]
    header = (
        "moment",
        "studies",
        "mean",
        "std. error",
        "spread between studies",
        "error in a new setting",
    )
    print_rows(header, rows, title="Pooled by random effects")


def forest_plot(table: pl.DataFrame, pooled: "tuple[Pooled, ...]", path: Path) -> None:
    """Draw every estimate with its 95 percent interval; pale: moves nothing; a diamond: pooled."""
    from withintask.report.style import new_figure, save_figure

    rows = table.drop_nulls("value")
    names = sorted(rows["moment"].unique(), key=lambda name: int(name.removeprefix("m")))
    marks = {name: _marks(rows.filter(pl.col("moment") == name), name, pooled) for name in names}
    heights = [_MARGIN + _LINE * len(of_moment) for of_moment in marks.values()]
    figure, axes = new_figure(
        len(names), width=9, height=_MARGIN + sum(heights), height_ratios=heights
    )
    for ax, (name, of_moment) in zip(axes.ravel(), marks.items(), strict=True):
        _forest(ax, of_moment)
        ax.set_xlabel(f"{name}, {moment(name).meaning}", fontsize=9)
        ax.spines[["top", "right", "left"]].set_visible(False)
    figure.suptitle(
        "Published estimates with 95 % intervals. Grey: moves no target. Diamond: pooled.",
        fontsize=9,
    )
    save_figure(figure, path)


_MARGIN, _LINE = 0.7, 0.3
"""Inches around the estimates of a moment, and of an estimate."""
_Mark = tuple[str, float, float | None, str, str]
"""Name, value, error, marker and colour."""


def _marks(rows: pl.DataFrame, name: str, pooled: "tuple[Pooled, ...]") -> list[_Mark]:
    published: list[_Mark] = [
        (
            str(row["name"]).replace("_", " "),
            row["value"],
            row["std_error"],
            "s",
            "black" if row["moves"] else "silver",
        )
        for row in rows.iter_rows(named=True)
    ]
    means = [p for p in pooled if p.moment == name]
    return [*published, *(("pooled", p.mean, p.std_error, "D", "black") for p in means)]


def _forest(ax: Any, marks: list[_Mark]) -> None:
    """Draw estimates below each other: name, value, error, marker and colour each."""
    for y, (_, value, error, marker, color) in enumerate(marks):
        ax.plot(value, y, marker, color=color)
        if error is not None:
            reach = 1.96 * error
            ax.plot([value - reach, value + reach], [y, y], color=color)
    ax.set_yticks(range(len(marks)), [mark[0] for mark in marks])
    ax.set_ylim(len(marks) - 1 / 2, -1 / 2)
    ax.axvline(0, color="grey", linewidth=0.5)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "0" if abs(value) < _NOTHING else f"{value:.3g}"
    return "" if value is None else str(value)


_NOTHING = 1e-4
"""Below it a figure of these tables is nothing."""
