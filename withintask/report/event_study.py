"""An event study in words, as a table and as a figure; estimates that hang on one firm are shown without an interval."""

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from withintask.panel.errors import EstimationError
from withintask.report.style import FAINT, FALLS, FIRST, NEUTRAL, new_figure, save_figure
from withintask.report.tables import kind_of_rows, write_rows
from withintask.report.terminal import print_rows
from withintask.tests_of_model.hypotheses.event_averages import (
    CALENDAR,
    COHORT,
    EVENT_TIME,
    OVERALL,
    SETTLED,
)
from withintask.tests_of_model.hypotheses.event_study import EventStudy

OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "dispersion": "dispersion of output within tasks, log coefficient of variation",
        "dispersion_net": "spread of ability net of noise, log standard deviation",
        "gradient": "slope of log output on ability measured before AI",
        "mean": "mean output",
    }
)
"""What each outcome is, in words."""

_AVERAGES = {
    OVERALL: "overall",
    SETTLED: "settled",
    EVENT_TIME: "event time",
    COHORT: "cohort",
    CALENDAR: "period",
}


def print_study(study: EventStudy, sensitivity: pl.DataFrame | None = None) -> None:
    """Print what was found: the effects, the test of the leads and what was left out."""
    print(f"Effect of the roll-out on {OUTCOMES[study.outcome]}")
    rows = [
        row
        for row in study.effects.iter_rows(named=True)
        if row["average"] in _AVERAGES and row["estimate"] is not None
    ]
    print_rows(
        ("effect", "", "estimate", "error", "p", "interval", "band"),
        [_cells(row) for row in rows],
        title="overall: all periods with AI; settled: all but the first; event time: periods since AI came; "
        f"cohort: by the period in which it came.\n{100 * study.level:g} % intervals of each row alone, bands of all rows "
        "of a kind at once",
    )
    test = study.pre_trends
    print(
        f"Leads: F({test.dof[0]:g}, {test.dof[1]:.1f}) = {test.statistic:.2f}, p = {test.p_value:.3f}"
        + (f" ({test.note})" if test.note else "")
        if test.n_tested
        else f"Leads: {test.note}"
    )
    print(f"{study.n_obs:,} rows compared, {study.n_clusters} clusters; errors: {study.convention}")
    if study.message:
        print(study.message)
    if sensitivity is not None:
        _print_sensitivity(sensitivity)


def _cells(row: Mapping[str, object]) -> tuple[str, ...]:
    key = next(
        (row[name] for name in ("event_time", "cohort", "period") if row[name] is not None), ""
    )
    return (
        _AVERAGES[str(row["average"])],
        str(key),
        _number(row["estimate"]),
        _number(row["std_error"]),
        _number(row["p_value"], 3),
        _ends(row["conf_low"], row["conf_high"]),
        _ends(row["band_low"], row["band_high"]),
    )


def _number(value: object, digits: int = 4) -> str:
    if not isinstance(value, float) or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}"


def _ends(low: object, high: object) -> str:
    return "–" if _number(low) == "–" else f"{_number(low, 3)} to {_number(high, 3)}"


def _print_sensitivity(table: pl.DataFrame) -> None:
    restriction = str(table["restriction"][0])
    bound = {
        "relative": "largest change of trend after AI, times the largest before",
        "smooth": "largest change of slope from one period to the next",
    }[restriction]
    print_rows(
        (bound, "interval"),
        [
            (f"{row['bound']:.4g}", _ends(row["conf_low"], row["conf_high"]))
            for row in table.iter_rows(named=True)
        ],
        title="Where trends were not parallel",
    )
    breakdown = float(table["breakdown"][0])
    told = "any bound tried" if math.isinf(breakdown) else f"{breakdown:.3g}"
    print(
        f"Zero is left out up to {told}"
        if breakdown > 0
        else "Zero is inside even under parallel trends"
    )


def write_study(study: EventStudy, out: Path) -> Path:
    """Write all effects, those by cohort and period too, in the format of the file's suffix.

    Raises
    ------
    ParameterError
        If the suffix is not known, or that of a document.
    """
    write_rows(study.effects, kind_of_rows(out), out)
    return out


def alternative_text(study: EventStudy) -> str:
    """Say in words what the figure of an event study shows."""
    rows = study.tidy(EVENT_TIME).iter_rows(named=True)
    values = [(row["event_time"], row["estimate"]) for row in rows]
    listed = ", ".join(f"{value:+.3f} at {time}" for time, value in values)
    overall = study.tidy(OVERALL).row(0, named=True)
    return (
        f"Event study of the effect of AI on {OUTCOMES[study.outcome]}, by periods since its start, relative to the last "
        f"period before it: {listed}. Overall {overall['estimate']:+.3f}, {100 * study.level:g} percent interval "
        f"{overall['conf_low']:+.3f} to {overall['conf_high']:+.3f}."
    )


def draw_study(study: EventStudy, path: Path) -> Path:
    """Draw effects by periods since the start, with intervals and the band that covers all.

    Parameters
    ----------
    study
        An event study.
    path
        File to write; its suffix is the format (pdf, svg, png). The text for readers who do not see is in its metadata.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    EstimationError
        If there is no effect to draw.
    """
    rows = study.tidy(EVENT_TIME).to_dicts()
    if not rows:
        raise EstimationError("no effect by periods since the start to draw")
    figure, axes = new_figure(width=7.5, height=4.2)
    ax = axes[0, 0]
    ax.axhline(0, color=NEUTRAL, lw=0.7)
    ax.axvline(-0.5, color=NEUTRAL, lw=0.7, ls=":")
    for row in rows:
        _draw_effect(ax, row)
    ax.plot(-1, 0, "s", color=NEUTRAL, ms=4, mfc="white")
    times = sorted({-1, *(row["event_time"] for row in rows)})
    ax.set_xticks(times)
    ax.set_xlim(min(times) - 0.6, max(times) + 0.6)
    _limit(ax, rows)
    ax.set_xlabel("periods since AI came (0 is the first with it; −1 is compared with)")
    ax.set_ylabel(_axis(study))
    ax.spines[["top", "right"]].set_visible(False)
    share = f"{100 * study.level:g} %"
    ax.set_title(
        f"Bars: {share} interval of each; shaded: {share} band of all; hollow: of one firm, no error",
        fontsize=9,
        loc="left",
    )
    suffix = path.suffix.removeprefix(".").lower()
    return save_figure(figure, path, metadata=_metadata(study, suffix))


def _draw_effect(ax: "object", row: Mapping[str, float]) -> None:
    """Draw one effect: a dot with its interval over its band, hollow where it has no error."""
    from matplotlib.axes import Axes

    assert isinstance(ax, Axes)
    time, is_known = row["event_time"], math.isfinite(row["std_error"])
    color = FALLS if time >= 0 else FIRST
    if is_known:
        low, high = row["band_low"], row["band_high"]
        ax.bar(time, high - low, bottom=low, width=0.55, color=FAINT, alpha=0.45, lw=0, zorder=1)
        ax.plot((time, time), (row["conf_low"], row["conf_high"]), color=color, lw=1.6)
    ax.plot(time, row["estimate"], "o", color=color, ms=5.5, mfc=color if is_known else "white")


_ROOM = 0.08
_MOST_BANDS = 6.0
"""Times the range of the estimates beyond which a band runs off the figure."""


def _limit(ax: "object", rows: list[dict[str, float]]) -> None:
    """Keep bands that are far wider than the effects from flattening them."""
    from matplotlib.axes import Axes

    assert isinstance(ax, Axes)
    estimates = [0.0, *(row["estimate"] for row in rows)]
    ends = [
        row[name] for row in rows for name in ("band_low", "band_high") if math.isfinite(row[name])
    ]
    spread = max(estimates) - min(estimates) or 1.0
    low = max(min([*estimates, *ends]), min(estimates) - _MOST_BANDS * spread)
    high = min(max([*estimates, *ends]), max(estimates) + _MOST_BANDS * spread)
    room = _ROOM * (high - low)
    ax.set_ylim(low - room, high + room)


def _axis(study: EventStudy) -> str:
    words = {
        "dispersion": "change of dispersion, log points",
        "dispersion_net": "change of the spread of ability, log points",
        "gradient": "change of the slope on ability",
        "mean": "change of mean output",
    }
    return words[study.outcome]


def _metadata(study: EventStudy, suffix: str) -> dict[str, str]:
    """Title and text for readers who do not see, by the names that the format has for them."""
    name = {"pdf": "Subject", "svg": "Description", "png": "Description"}.get(suffix)
    if name is None:
        return {}
    return {"Title": "Event study", name: alternative_text(study)}
