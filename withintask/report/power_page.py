"""The page of a study of power, in one file that needs no network."""

from collections.abc import Iterator
from dataclasses import replace

from withintask.report.page import (
    Block,
    Code,
    Figure,
    Heading,
    Page,
    Table,
    Text,
    csv_link,
    image_link,
    render_page,
    rows_block,
)
from withintask.report.power_figures import draw_curves, draw_frontier
from withintask.report.power_paragraph import latex, paragraph
from withintask.report.power_tables import AnswerTable, answer_tables
from withintask.report.power_words import answer_lines, first_line, held_lines, limits_words
from withintask.tests_of_model.harness.power.run import PowerReport


def power_page(report: PowerReport, *, command: str) -> str:
    """Write the page, as HTML.

    Parameters
    ----------
    report
        What was found.
    command
        The command that made it.
    """
    answer, *others = answer_lines(report)
    blocks = (
        Text(sentences=(f"{first_line(report)}.",), look="note"),
        Text(sentences=(*others, limits_words())),
        *_tables(report),
        *_figures(report),
        Heading(text="What was held, and what varied"),
        Text(sentences=tuple(held_lines(report)), as_list=True),
        Heading(text="For the methods section"),
        Text(sentences=(paragraph(report),)),
        Code(text=latex(paragraph(report)), label="The same in LaTeX"),
    )
    return render_page(Page(title="Power", command=command, blocks=blocks, lead=answer))


def _tables(report: PowerReport) -> Iterator[Block]:
    for table in answer_tables(report):
        yield Heading(text=table.title)
        yield _with_data(report, table)


def _with_data(report: PowerReport, table: AnswerTable) -> Table:
    """Lay a table out, with a link to its numbers."""
    return replace(
        rows_block(table.title, table.header, table.rows),
        data_href=csv_link(table.frame(report)),
        data_name=f"{table.title.lower().replace(' ', '_')}.csv",
    )


def _figures(report: PowerReport) -> Iterator[Block]:
    curves, frontier = draw_curves(report), draw_frontier(report)
    if curves is not None:
        yield Heading(text="Power along each size")
        yield Figure(
            href=image_link(curves),
            alt="Power rises along each size; a band shows the 95 percent interval of the fitted surface",
            caption="All else as in the design above. Line and band: the fitted surface and its 95 % interval; dots: new "
            "replicates with theirs; dashed: what was asked for.",
        )
    if frontier is not None:
        yield Heading(text="The frontier")
        yield Figure(
            href=image_link(frontier),
            alt="The smallest effect that a study finds, by its budget",
            caption="Of each budget the design with most power, and the smallest effect that it finds, with its 95 % "
            "interval; dashed: the effect of this study.",
        )
