"""A study of power, run and written: the page, its paragraphs in Markdown and LaTeX, and all tables."""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.panel.errors import ParameterError
from withintask.panel.escape import save_csv
from withintask.panel.profile import few_people
from withintask.panel.store import read_panel
from withintask.report.power_frames import designs_frame, frontier_frame, robust_frame
from withintask.report.power_page import power_page
from withintask.report.power_paragraph import latex, paragraph
from withintask.report.power_tables import AnswerTable, answer_tables
from withintask.report.power_words import (
    answer_lines,
    effect_line,
    first_line,
    held_lines,
    limits_words,
)
from withintask.report.progress import stages
from withintask.report.tables import markdown_table
from withintask.report.terminal import paragraphs, print_rows, terminal_width
from withintask.tests_of_model.harness.parallel import open_executor
from withintask.tests_of_model.harness.power.run import PowerReport, run_power_study
from withintask.tests_of_model.harness.power.study import PowerStudy
from withintask.tests_of_model.harness.replicate import Study, replicate


@dataclass(frozen=True, kw_only=True)
class HowToRun:
    """How a study of power is run."""

    out: Path
    """Folder; ``out/ledger`` holds finished blocks, so that a killed run goes on."""
    engine: str = "processes"
    """serial, threads or processes; results do not depend on it."""
    n_workers: int = 2
    """Threads or processes."""
    dask: str = ""
    """Address of a running scheduler, instead of the engine."""
    is_robust: bool = True
    """Whether the answer is given again under what real panels show."""
    has_frontier: bool = True
    """Whether the smallest effects of budgets are found."""
    command: str = "withintask power"
    """The command, at the foot of the page."""


def run_and_write(study: PowerStudy, how: HowToRun) -> PowerReport:
    """Answer a study of power, print the answer and write page, paragraphs and tables.

    Parameters
    ----------
    study
        What is asked; checked before anything is drawn.
    how
        How it is run.
    """
    study.check()
    print(paragraphs([f"Test: {_tests(study)}.", *_effect(study), *_few(study)]))
    with ExitStack() as open_things:
        report_progress = open_things.enter_context(stages())
        executor = open_things.enter_context(
            open_executor(how.engine, how.n_workers, dask=how.dask)
        )
        done: dict[str, int] = {}

        def run(part: Study, stage: str) -> pl.DataFrame:
            before = done.get(stage, 0)
            done[stage] = before + part.n_replicates
            return replicate(
                part,
                executor=executor,
                ledger=how.out / "ledger",
                on_progress=lambda n, _: report_progress(stage, before + n, None),
            )

        report = run_power_study(
            study,
            run,
            is_robust=how.is_robust,
            has_frontier=how.has_frontier,
            on_note=lambda words: print(words, file=sys.stderr, flush=True),
        )
    write_power(report, how.out, command=how.command)
    return report


def write_power(report: PowerReport, out: Path, *, command: str = "withintask power") -> None:
    """Write page, paragraphs, figures and tables, and print the answer."""
    write_files(report, out, command=command)
    _print(report)
    files = "index.html, power.md, methods.md, methods.tex, designs.csv, robust.csv, frontier.csv, study.json"
    print(paragraphs([f"{out}: {files}"]))


def write_files(report: PowerReport, out: Path, *, command: str) -> None:
    """Write page, paragraphs, figures and tables.

    Parameters
    ----------
    report
        What was found.
    out
        Folder.
    command
        What made it, at the foot of the page.
    """
    text = paragraph(report)
    save_text(out / "index.html", power_page(report, command=command))
    save_text(out / "methods.md", text + "\n")
    save_text(out / "methods.tex", latex(text))
    save_text(out / "power.md", _markdown(report))
    save_csv(out / "designs.csv", designs_frame(report))
    save(out / "designs.parquet", designs_frame(report).write_parquet)
    save_csv(out / "frontier.csv", frontier_frame(report))
    save_csv(out / "robust.csv", robust_frame(report))
    save_text(out / "study.json", json.dumps(_plain(report), indent=1) + "\n")


def _tests(study: PowerStudy) -> str:
    from withintask.report.estimate_words import estimator_words, term_words

    seen = dict.fromkeys(
        f"{term_words(t.term)} ({t.term}) by {estimator_words(t.estimator)} ({t.estimator}): {t.why}"
        for tests in study.tests.values()
        for t in tests
    )
    return "; ".join(seen)


def _effect(study: PowerStudy) -> list[str]:
    return [] if study.solved is None else [effect_line(study.solved)]


def _few(study: PowerStudy) -> Sequence[str]:
    """What must be said of a pilot of few people."""
    if study.pilot is None:
        return ()
    return few_people(read_panel(study.pilot, lazy=True, check=False, verify=study.verify))


def _print(report: PowerReport) -> None:
    for line in answer_lines(report):
        print(f"\n{paragraphs([line])}")
    for table in answer_tables(report):
        print_rows(*_that_fit(table), title=table.title)
    print(f"\n{paragraphs(held_lines(report))}\n\n{paragraphs([paragraph(report)])}\n")


_WIDE = 150
"""Width from which a terminal shows all columns."""


def _that_fit(table: AnswerTable) -> tuple[list[str], list[list[str]]]:
    """Columns for the width of the terminal."""
    kept = [terminal_width() >= _WIDE or name not in table.wide for name in table.header]
    return list(compress(table.header, kept)), [list(compress(row, kept)) for row in table.rows]


def _markdown(report: PowerReport) -> str:
    parts = ["# Power", f"{first_line(report)}.", *answer_lines(report), limits_words()]
    for table in answer_tables(report):
        parts += [f"## {table.title}", markdown_table(table.header, table.rows)]
    parts += ["## What was held", *(f"- {line}" for line in held_lines(report))]
    return "\n\n".join(parts) + "\n"


def _plain(report: PowerReport) -> dict[str, Any]:
    """All that was asked, with seeds, for whoever runs it again."""
    study = report.study
    asked = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(study).items()
        if name in PowerStudy.__dataclass_fields__
    }
    return {
        **asked,
        "budget": study.budget if study.budget < float("inf") else None,
        "vary": {name: list(values) for name, values in study.axes.items()},
        "costs": dict(study.costs),
        "limits": {name: list(pair) for name, pair in study.limits.items()},
        "tests": [asdict(test) for test in report.tests],
        "truths": list(report.truths),
        "seeds": {"explore": study.seed, "confirm": study.seed + 1, "neighbours": study.seed + 2},
        "surface": dict(
            zip(
                report.answer.surface.features.names,
                map(float, report.answer.surface.coef),
                strict=True,
            )
        ),
    }


def check_out(out: Path) -> None:
    """Refuse a folder that is a file."""
    if out.exists() and not out.is_dir():
        raise ParameterError(f"--out {out}: expected a folder")
