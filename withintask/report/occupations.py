"""Occupations: the trend page, its figure of real and simulated slopes and its specification curve."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from withintask.panel.atomic import save_text
from withintask.panel.escape import save_csv
from withintask.report.exposure_page import grid
from withintask.report.style import legends_outside, save_figure
from withintask.tests_of_model.evidence.occupation_slopes import POST_MINUS_PRE

if TYPE_CHECKING:
    from withintask.tests_of_model.evidence.occupation_trends import OccupationEvidence

_OUTCOME = "log_p90_p10"
_COLORS = ("#1b7837", "#2166ac", "#b35806", "#762a83", "#01665e", "#8c510a", "#c51b7d", "#4d4d4d")
_MODEL, _MUTED, _SIGNIFICANT = "#b2182b", "#999999", "#222222"

_INTRO = """# Occupations: what their data can bear

Made by `withintask exposure trends`; do not edit. Outcomes of detailed occupations on exposure x year, with effects of occupations
and years, each segment of the series by itself, errors clustered by minor group. Slopes are in log points for a standard deviation
of exposure (`sd`) or from the lowest rank to the highest (`rank`). OEWS pools six half-yearly panels: of May 2023 one in six is from
after the release of ChatGPT, of May 2024 three, of May 2025 five; neighbouring years share four of six, which clusters leave free.
*Post minus pre* compares years that AI is in with years that it is not; *full effect* is the slope on the share of panels from after.
Shares of use are skewed: by standard deviations a few occupations decide, and only their slopes by rank compare with other measures.
Nothing here is a test of the model: an occupation mixes tasks, firms and prices, and the second figure shows what choices do.
"""
_SHOWN = """## How much of a known compression would such data have shown?

The simulator's `oews` design through the same regression: within tasks, dispersion falls by {truth:.3f} in logs. The slope on
exposure gives the average job a change of {implied:.3f}, that is {share:.0%} (simulation error {se:.0%}) of what happens within tasks.
"""
_BOUNDS = """## Top codes as bounds

A top-coded percentile lies between the top code and what the published mean allows. `bound_low` and `bound_high` are the slopes that
all outcomes within their bounds allow, of the occupations with and without top codes together; `estimate` is of those without.
"""


def write_occupations(
    evidence: "OccupationEvidence", shown: pl.DataFrame, out: Path
) -> tuple[Path, ...]:
    """Write the page, its figures and its tables.

    Parameters
    ----------
    evidence
        Of :func:`withintask.tests_of_model.evidence.occupation_trends.occupation_evidence`.
    shown
        Of :func:`withintask.tests_of_model.evidence.occupation_truth.shown_compression`.
    out
        Folder to write.
    """
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        "occupation_trends": evidence.trends,
        "occupation_pre_trends": evidence.pre_trends,
        "occupation_adjusted": evidence.adjusted,
        "occupation_shown": shown,
    }
    for name, frame in tables.items():
        save_csv(out / f"{name}.csv", frame)
    figures = {
        "occupations": draw_trends(evidence.trends, shown),
        "specification_curve": draw_curve(evidence.trends),
    }
    for name, figure in figures.items():
        save_figure(figure, out / f"{name}.svg")
    page = out / "occupations.md"
    save_text(page, _page(evidence, shown))
    return (page, *(out / f"{name}.svg" for name in figures))


def draw_trends(trends: pl.DataFrame, shown: pl.DataFrame) -> Figure:
    """Draw slopes by year for every measure beside the slope that the simulator gives."""
    rows = trends.filter(
        pl.col("outcome") == _OUTCOME,
        pl.col("scale") == "sd",
        ~pl.col("weighted"),
        pl.col("term").str.contains(" minus 2"),
    ).with_columns(year=pl.col("term").str.slice(0, 4).cast(pl.Int64))
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    measures = rows["measure"].unique().sort().to_list()
    width = 0.7 / max(len(measures), 1)
    for n, measure in enumerate(measures):
        part = rows.filter(pl.col("measure") == measure).sort("year")
        at = part["year"].to_numpy() + (n - (len(measures) - 1) / 2) * width
        _points(axes, at, part, color=_COLORS[n % len(_COLORS)], label=measure)
    model = shown.filter(pl.col("outcome") == _OUTCOME).row(0, named=True)
    axes.axhline(0, color=_MUTED, linewidth=0.8)
    label = f"simulator, dispersion within tasks {model['truth']:+.2f} in logs"
    axes.axhline(model["slope_by_sd"], color=_MODEL, label=label)
    reach = 2 * model["slope_sd"]
    axes.axhspan(
        model["slope_by_sd"] - reach, model["slope_by_sd"] + reach, color=_MODEL, alpha=0.12
    )
    axes.set_xticks(sorted(rows["year"].unique().to_list()))
    axes.set_xlabel("May, against the last year of the segment without AI")
    axes.set_ylabel("slope of ln(p90/p10) on a standard deviation of exposure")
    axes.set_title(
        "Dispersion of pay by occupation on exposure: as found, and of a known compression"
    )
    legends_outside(figure, n_columns=3, fontsize=7)
    return figure


def _points(
    axes: Any, at: np.ndarray[Any, Any], part: pl.DataFrame, *, color: str, label: str
) -> None:
    estimate = part["estimate"].to_numpy()
    reach = np.abs(part.select("conf_low", "conf_high").to_numpy().T - estimate)
    axes.errorbar(
        at, estimate, yerr=reach, fmt="o", markersize=4, color=color, label=label, elinewidth=1
    )


def draw_curve(trends: pl.DataFrame) -> Figure:
    """Draw every estimate of after minus before, sorted, with the choices behind each below it."""
    rows = trends.filter(pl.col("term") == POST_MINUS_PRE, pl.col("status") == "ok")
    rows = rows.filter(pl.col("outcome").str.starts_with("log_p"), pl.col("scale") == "rank")
    rows = rows.sort("estimate")
    choices = {
        "outcome": rows["outcome"].unique().sort().to_list(),
        "measure": rows["measure"].unique().sort().to_list(),
        "weighted": [False, True],
    }
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1.6))
    at = np.arange(rows.height)
    is_clear = (rows["p_value"] < 1 - 0.95).to_numpy()
    reach = np.abs(rows.select("conf_low", "conf_high").to_numpy().T - rows["estimate"].to_numpy())
    for mask, color in ((is_clear, _SIGNIFICANT), (~is_clear, _MUTED)):
        above.errorbar(
            at[mask], rows["estimate"].to_numpy()[mask], yerr=reach[:, mask], fmt="o",
            markersize=4, color=color, elinewidth=1,
        )  # fmt: skip
    above.axhline(0, color=_MUTED, linewidth=0.8)
    above.set_ylabel("after minus before, log points\nfrom lowest to highest rank")
    above.set_title("Every specification (dark: p < .05, not adjusted for asking many)")
    _choices(below, rows, choices)
    return figure


def _choices(axes: Any, rows: pl.DataFrame, choices: Mapping[str, Sequence[object]]) -> None:
    labels = [(name, option) for name, options in choices.items() for option in options]
    for line, (name, option) in enumerate(labels):
        chosen = np.flatnonzero((rows[name] == option).to_numpy())
        axes.plot(chosen, np.full(chosen.size, -line), "|", color=_SIGNIFICANT, markersize=7)
    shown = {True: "weighted by jobs", False: "occupations alike"}
    axes.set_yticks(
        [-line for line in range(len(labels))],
        [shown.get(option, str(option)) if isinstance(option, bool) else str(option) for _, option in labels],
        fontsize=7,
    )  # fmt: skip
    axes.set_xticks([])


def _page(evidence: "OccupationEvidence", shown: pl.DataFrame) -> str:
    model = shown.filter(pl.col("outcome") == _OUTCOME).row(0, named=True)
    keys = ["segment", "outcome", "measure", "scale", "weighted"]
    main = evidence.trends.filter(
        pl.col("term") == POST_MINUS_PRE, pl.col("scale") == "sd", pl.col("status") == "ok"
    ).join(evidence.adjusted.select(*keys, "p_adjusted"), on=keys, how="left")
    shape = ["outcome", "measure", "weighted", "estimate", "std_error", "p_value", "p_adjusted"]
    bounds = main.filter(pl.col("outcome").str.starts_with("log_p"), ~pl.col("weighted"))
    tests = evidence.pre_trends.filter(pl.col("scale") == "sd")
    parts = [
        _INTRO,
        "![Slopes by year, as found and simulated](occupations.svg)",
        _SHOWN.format(
            truth=model["truth"],
            implied=model["implied"],
            share=model["shown_share"],
            se=model["shown_mc_se"],
        ),
        grid(shown),
        "## After minus before\n\n`p_adjusted`: over all outcomes and measures of a weight (Romano and Wolf).",
        grid(main.select(shape)),
        "![Specification curve](specification_curve.svg)",
        "## Years without AI, jointly\n\nA small p-value: outcomes moved with exposure before AI.",
        grid(tests.drop("scale")),
        _BOUNDS,
        grid(
            bounds.select(
                "outcome", "measure", "estimate", "bound_low", "bound_high", "n_obs", "n_bounded"
            )
        ),
        "## What a year is of",
        grid(evidence.pooling),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"
