"""One page on a user's panel: what it is, its quality, what can be estimated, results, figures, and what would settle the rest."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save_text
from withintask.panel.errors import EstimationError, ModelError, ParameterError, quoted
from withintask.panel.panel import Panel
from withintask.panel.profile import few_people, profile
from withintask.panel.validate import panel_violations
from withintask.report.design import design_text
from withintask.report.estimate_table import estimate_table, failed
from withintask.report.estimate_words import estimator_words
from withintask.report.page import (
    Block,
    Code,
    Figure,
    Heading,
    Page,
    Text,
    csv_link,
    estimates_block,
    frame_block,
    image_link,
    render_page,
    rows_block,
)
from withintask.report.panel_figures import figure_data
from withintask.report.panel_gaps import open_questions
from withintask.results import Estimates, estimate
from withintask.tests_of_model.hypotheses.recommend import (
    LACKS,
    RECOMMENDED,
    recommendations,
    recommended_estimators,
)
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

_DRAWN = {
    "dispersion": (
        "Spread of single outputs within tasks by arm and period",
        "Spread of single outputs within tasks, with 95 % intervals over tasks. Noise of items is in it, so it is no estimate of "
        "what AI did to workers.",
    ),
    "periods": (
        "Mean output of workers with AI less that of workers without, by period",
        "Mean output with AI less without, against the last period before AI, with 95 % intervals. Before AI it should be flat.",
    ),
    "gains": (
        "Effect of AI on output by groups of workers ranked by their output without it",
        "Effect of AI by groups of workers, ranked by their other items without AI so that luck does not decide the group; 95 % "
        "intervals.",
    ),
}


def write_panel_page(
    panel: Panel,
    out: Path,
    *,
    source: str,
    recommended_only: bool = False,
    force: bool = False,
) -> Path:
    """Write the page.

    Parameters
    ----------
    panel
        Any panel, lazy or in memory; one that breaks rules is described, and not estimated on.
    out
        The page (.html).
    source
        The panel as the command names it.
    recommended_only
        Run the recommended estimators alone.
    force
        Whether a page that is there is replaced.

    Raises
    ------
    ParameterError
        If the path is a folder, not .html, or a page is there and not to be replaced.
    """
    problem = _problem(out, force=force)
    if problem:
        raise ParameterError(f"--out {out}: {problem}")
    save_text(out, panel_page(panel, source=source, recommended_only=recommended_only))
    return out


def panel_page(panel: Panel, *, source: str, recommended_only: bool = False) -> str:
    """Return the page as HTML; parameters as for :func:`write_panel_page`."""
    broken = panel_violations(panel)
    result = None if broken.height else _estimated(panel, recommended_only=recommended_only)
    blocks: list[Block] = [*_what(panel), *_quality(panel, broken), *_capable(panel)]
    if result is not None:
        blocks += [*_results(result), *_figures(result)]
    blocks += _rest(panel, result, source)
    option = " --recommended" if recommended_only else ""
    return render_page(
        Page(
            title=f"Panel {panel.info.name}",
            lead=_lead(panel, result),
            command=f"withintask report {shlex.quote(source)}{option}",
            blocks=tuple(blocks),
        )
    )


def _problem(out: Path, *, force: bool) -> str:
    if out.is_dir():
        return "is a folder; expected a file, such as report.html"
    if out.suffix.lower() != ".html":
        return f"suffix {quoted(out.suffix)}; expected .html"
    return "is there already; --force replaces it" if out.exists() and not force else ""


def _estimated(panel: Panel, *, recommended_only: bool) -> Estimates | None:
    """All estimates, or those recommended; None where no estimator that could stand fits."""
    if not recommended_only:
        return estimate(panel)
    try:
        names = recommended_estimators(panel)
    except EstimationError:
        return None
    return estimate(panel, estimators=names)


def _lead(panel: Panel, result: Estimates | None) -> str:
    if result is None:
        return "No estimate: what must be repaired or is missing is said below."
    names = ", ".join(dict.fromkeys(_hypothesis_of(name) for name in result.recommended))
    truth = (
        " It is synthetic: the truth stands beside each estimate."
        if panel.info.is_synthetic
        else ""
    )
    if not names:
        return f"The panel has no estimator that could stand for one of H1 to H4.{truth}"
    return f"The panel speaks to {names}.{truth}"


def _hypothesis_of(estimator: str) -> str:
    return next(h.name for h in HYPOTHESES if estimator in {e.name for e in h.estimators})


def _what(panel: Panel) -> Iterator[Block]:
    yield Heading(text="What it is")
    info = panel.info
    notes = [text for text in (info.source, info.note) if text]
    yield Text(sentences=(*notes, *design_text(panel)[0]), as_list=True)
    rows = []
    for name, frame in panel.tables().items():
        lazy = frame.lazy()
        n_rows = lazy.select(pl.len()).collect().item()
        rows.append((name, f"{n_rows:,}", ", ".join(lazy.collect_schema().names())))
    yield rows_block("Tables", ("table", "rows", "columns"), rows)


def _quality(panel: Panel, broken: pl.DataFrame) -> Iterator[Block]:
    yield Heading(text="Its quality")
    if broken.height:
        yield Text(
            sentences=(
                f"{broken.height} rules are broken; nothing is estimated until they are met.",
            ),
            look="warn",
        )
        shown = broken.select("table", "rule", "n_rows", "meaning")
        yield frame_block(shown, "Rules that are broken", name="violations.csv")
        return
    yield Text(sentences=("Every rule of a panel is met.", *few_people(panel)))
    figures = profile(panel).filter(~pl.col("is_suppressed")).drop("is_suppressed")
    is_complete = pl.col("item").str.ends_with(" known") & (pl.col("value") == 1)
    figures = figures.filter(~is_complete)
    note = (
        "Figures rest on ten people or more and are rounded, so that the page can be shown. Columns that are not listed are known "
        "in every row, or too few rows lack them to say so."
    )
    yield Text(sentences=(note,), look="note")
    yield frame_block(figures, "Coverage, balance, overlap and cells", name="profile.csv")


def _capable(panel: Panel) -> Iterator[Block]:
    yield Heading(text="What can be estimated")
    verdicts = recommendations(panel)
    rows: list[tuple[str, ...]] = []
    for hypothesis in HYPOTHESES:
        of_it = verdicts.filter(pl.col("hypothesis") == hypothesis.name)
        first = of_it.filter(pl.col("verdict") == RECOMMENDED)
        n_fit = of_it.filter(pl.col("verdict") != LACKS).height
        name = estimator_words(first["estimator"][0]) if first.height else "none"
        why = first["why"][0] if first.height else "see the last section for what is missing"
        rows.append((hypothesis.name, hypothesis.claim, name, f"{n_fit} of {of_it.height}", why))
    header = ("hypothesis", "claim", "recommended", "estimators that fit", "why")
    yield rows_block("Hypotheses and the estimator recommended for each", header, rows)


def _results(result: Estimates) -> Iterator[Block]:
    yield Heading(text="Results")
    frame = result.frame
    if frame["estimate"].is_finite().any():
        yield Code(text=result.summary(width=88), label="Results in sentences")
        table = estimate_table(frame, result.recommended, stars=True)
        yield estimates_block(table, "Estimates, the recommended first", frame)
        notes = tuple(f"({i}) {note}" for i, note in enumerate(table.notes, 1))
        yield Text(sentences=notes, look="note")
    reasons = tuple(failed(frame))
    if reasons:
        yield Text(sentences=("Could not be run:",))
        yield Text(sentences=reasons, as_list=True)


def _figures(result: Estimates) -> Iterator[Block]:
    yield Heading(text="Figures")
    if result.frame["estimate"].is_finite().any():
        words = "Estimates with their 95 % sets, the recommended first and filled"
        yield _figure(result, "estimates", words, f"{words}; one axis a unit.", result.frame)
    missing = []
    for what, (alt, caption) in _DRAWN.items():
        try:
            yield _figure(result, what, alt, caption, figure_data(result.panel, what))
        except ModelError as error:
            missing.append(f"{alt}: {' '.join(str(error).split())}")
    if missing:
        yield Text(sentences=("Not drawn:",))
        yield Text(sentences=tuple(missing), as_list=True)


def _figure(result: Estimates, what: str, alt: str, caption: str, data: pl.DataFrame) -> Figure:
    return Figure(
        href=image_link(result.plot(what)),  # type: ignore[arg-type]
        alt=alt,
        caption=caption,
        data_href=csv_link(data),
        data_name=f"{what}.csv",
    )


def _rest(panel: Panel, result: Estimates | None, source: str) -> Iterator[Block]:
    yield Heading(text="What data would settle the rest")
    yield rows_block(
        "By hypothesis, what is open and what would close it",
        ("hypothesis", "what is open", "what would settle it"),
        open_questions(panel, result.frame if result is not None else None),
    )
    quoted = shlex.quote(source)
    yield Text(sentences=("Next:",))
    yield Code(
        text="\n".join(
            (
                f"withintask panel describe {quoted}    # which estimator fits, and why not the others",
                f"withintask estimate {quoted} --recommended --out table.tex --plot figure.pdf",
                f"withintask power --hypothesis H1 --design rct-ability --pilot {quoted} --vary workers=100,200,400",
                "withintask matrix --quick    # which data would identify which hypothesis",
            )
        )
    )
