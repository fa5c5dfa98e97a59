"""What the page of the demonstration shows: pay by occupation, a published panel, a simulated trial, what each design gives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.errors import ModelError
from withintask.report.estimate_table import decimals, estimate_table
from withintask.report.estimate_words import estimator_words
from withintask.report.page import (
    Block,
    Code,
    Figure,
    Heading,
    Text,
    csv_link,
    estimates_block,
    frame_block,
    image_link,
    rows_block,
)
from withintask.report.style import FALLS, FIRST, NEUTRAL, SECOND, new_figure
from withintask.results import Estimates
from withintask.sim.worlds import NO_AI, REFERENCE

BREAK, CAP_RAISED = 2021, 2025
"""Mays in which BLS changed the method and codes of OEWS, and from which percentiles stand above the old cap."""
_WORLDS = {REFERENCE: "with AI", NO_AI: "AI switched off"}


def oews_blocks(frame: pl.DataFrame, label: str) -> Iterator[Block]:
    """Pay by occupation: a figure with its break and what is top-coded, and the table behind it."""
    yield Heading(text="What there is: pay by occupation")
    yield Text(
        sentences=(
            "OEWS gives percentiles of pay for whole occupations. An occupation mixes many tasks, firms and workers, so a change in "
            "its spread may come from any of them. It cannot say whether AI levels workers at one task.",
            f"Data: {label}.",
        )
    )
    years = frame["year"].to_list()
    caption = (
        "Mean over detailed occupations of ln(p90/p10) of yearly pay. Occupations whose 90th percentile is top-coded (their number stands "
        "by each point) are left out: they are the best paid."
    )
    if BREAK in years and BREAK - 1 in years:
        caption += f" The dashed line is the break of May {BREAK}: a new method and new codes, no effect of AI."
    if CAP_RAISED in years:
        caption += f" May {CAP_RAISED} is published above the old cap, so that the best paid come in: its rise is no finding either."
    yield Figure(
        href=image_link(draw_oews(frame)),
        alt=f"Mean log ratio of the 90th to the 10th percentile of pay, {years[0]} to {years[-1]}, with the number of top-coded occupations",
        caption=caption,
        data_href="oews_dispersion.csv",
        data_name="oews_dispersion.csv",
    )
    yield frame_block(frame, "Detailed occupations by year", name="oews_dispersion.csv")


def draw_oews(frame: pl.DataFrame) -> Any:
    """Draw dispersion by year, the break, and the number of occupations that are top-coded."""
    figure, axes = new_figure(width=7, height=3.4)
    ax = axes[0, 0]
    years, values = frame["year"].to_list(), frame["mean_log_p90_p10"].to_list()
    for side in (frame.filter(pl.col("year") < BREAK), frame.filter(pl.col("year") >= BREAK)):
        ax.plot(side["year"], side["mean_log_p90_p10"], "o-", color=FALLS)
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for year, value, n in zip(years, values, frame["top_coded_p90"], strict=True):
        ax.annotate(
            f"{n} top-coded",
            (year, value),
            (0, -14),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            bbox=paper,
        )
    if min(years) < BREAK <= max(years):
        ax.axvline(BREAK - 0.5, color=NEUTRAL, ls="--", lw=0.9)
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        ax.annotate("new method, new codes", (BREAK - 0.5, 1), xytext=(4, 3), fontsize=8, **place)
    ax.margins(x=0.08, y=0.25)
    ax.set_xticks(years)
    ax.set_xlabel("May of the year")
    ax.set_ylabel("mean ln(p90/p10) of yearly pay")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def panel_blocks(result: Estimates, source: str) -> Iterator[Block]:
    """A panel of workers and tasks: what is recommended, with its set, and a figure."""
    info = result.panel.info
    yield Heading(text="What a within-task panel says")
    notes = [text for text in (info.source, info.note) if text]
    yield Text(sentences=(f"Panel {info.name}. {'. '.join(notes)}.",))
    yield Code(text=result.summary(width=88), label="Results in sentences")
    table = estimate_table(result.frame, result.recommended, stars=True)
    yield estimates_block(table, f"Estimates on {info.name}, the recommended first", result.frame)
    try:
        yield Figure(
            href=image_link(result.plot()),
            alt=f"Estimates on panel {info.name} with their 95 % sets",
            caption="Estimates with their 95 % sets; recommended ones are filled.",
            data_href=csv_link(result.frame),
            data_name="estimates.csv",
        )
    except ModelError as error:
        yield Text(sentences=(str(error),))
    yield Text(
        sentences=(f"The same on a panel of your own: withintask report {source}.",), look="note"
    )


def trial_blocks(
    replicated: pl.DataFrame, diagnosis: pl.DataFrame, design: str, n: int
) -> Iterator[Block]:
    """Replicates of a simulated trial: which estimators find the truth."""
    yield Heading(text="Which estimator finds the truth")
    yield Text(
        sentences=(
            f"Synthetic: {n} replicates of {design}, from the model, so the truth is known; and the same with AI switched off. Outputs are as "
            "noisy as those of real trials. Compared as it is, the spread of single outputs shows part of what AI did to workers; pairs of "
            "different items of one worker are free of noise.",
        )
    )
    yield Figure(
        href=image_link(draw_trial(replicated)),
        alt="Histograms of estimates over replicates with and without AI, and the truth as a line in each",
        caption="Estimates over replicates, with AI (orange) and without (grey, hatched). Lines: the truth, dashed where there is no AI.",
        data_href="h1_replicates.csv",
        data_name="h1_replicates.csv",
    )
    rows = tuple(_of_diagnosis(row) for row in diagnosis.iter_rows(named=True))
    header = (
        "estimator",
        "world",
        "truth",
        "bias ± error",
        "coverage ± error",
        "rejects",
        "failed",
    )
    yield rows_block("Over replicates, each with its Monte-Carlo error", header, rows)
    yield Text(
        sentences=(
            "Where AI is switched off, a sound test rejects in about 5 percent of replicates. Least squares on ability measured with noise "
            "is pulled toward zero; a second measurement as an instrument removes that.",
        ),
        look="note",
    )


_SHOWN = (
    ("dispersion_by_access", "delta_log_cv", "Spread of single outputs"),
    ("pairs_difference", "delta_log_sd", "Spread of ability, by pairs"),
    ("gradient_iv", "ability_gradient", "Gain on ability, IV"),
)


def draw_trial(replicated: pl.DataFrame) -> Any:
    """Draw estimates over replicates, with AI and without, one axis an estimator."""
    figure, axes = new_figure(1, len(_SHOWN), width=10, height=3.2)
    for ax, (estimator, term, title) in zip(axes[0], _SHOWN, strict=True):
        rows = replicated.filter((pl.col("estimator") == estimator) & (pl.col("term") == term))
        looks = ((REFERENCE, SECOND, "", "-"), (NO_AI, "#9a9a9a", "///", "--"))
        for world, color, hatch, line in looks:
            usable = rows.filter((pl.col("world") == world) & (pl.col("status") == "ok"))
            if usable.height:
                values = usable["estimate"].to_numpy()
                ax.hist(values, bins=24, color=color, hatch=hatch, alpha=0.75)
                ax.axvline(usable["truth"][0], color=FIRST, lw=1.4, ls=line)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel(
            "log points" if "gradient" not in term else "log points per log point", fontsize=9
        )
        ax.set_yticks([])
        ax.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _of_diagnosis(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        estimator_words(row["estimator"]),
        _WORLDS[row["world"]],
        decimals(round(row["truth"], 4) + 0.0),
        f"{row['bias']:+.4f} ± {row['bias_mc_se']:.4f}",
        f"{row['coverage']:.3f} ± {row['coverage_mc_se']:.3f}",
        f"{row['power']:.3f}",
        f"{row['n_failed']} of {row['n_replicates']}",
    )


def design_blocks(cells: pl.DataFrame) -> Iterator[Block]:
    """Which design lets one estimate which hypothesis: what the matrix then judges."""
    yield Heading(text="Which data would identify the mechanism")
    yield Text(
        sentences=(
            "Twelve kinds of data, and the estimator that each allows for each hypothesis. A dash means that no estimator of the hypothesis "
            "can run. That one can run does not make it right: withintask matrix simulates each design in rival worlds and judges bias, "
            "coverage, size and power.",
        )
    )
    hypotheses = [name for name in cells.columns if name not in ("design", "what it is")]
    rows = [
        (row["design"], row["what it is"], *(row[name] or "–" for name in hypotheses))
        for row in cells.iter_rows(named=True)
    ]
    yield rows_block(
        "Estimators by design and hypothesis", ("design", "what it is", *hypotheses), rows
    )


def next_blocks(command: str, db: Path) -> Iterator[Block]:
    """What to do next, as commands that work from here."""
    yield Heading(text="Next steps")
    lines = (
        f"{command} panel from FILE                      # a file of your own: a proposal of what each column is",
        f"{command} report PANEL                         # one page on it: quality, estimates, figures, what is missing",
        f"{command} estimate PANEL --recommended --out table.tex --plot figure.pdf",
        f"{command} power --hypothesis H1 --design rct-ability@typical --vary workers=50,100,200",
        f"{command} matrix --quick                       # which data would identify which hypothesis",
        f'{command} oews query --db {db} "select * from oews limit 5"',
    )
    yield Code(text="\n".join(lines))
