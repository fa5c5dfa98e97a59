"""The page of a study of power, in one file that needs no network."""

from collections.abc import Iterator

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
from withintask.report.power_frames import designs_frame, frontier_frame
from withintask.report.power_paragraph import latex, paragraph
from withintask.report.power_tables import (
    FRONTIER_HEADER,
    VALIDITY_HEADER,
    design_header,
    design_rows,
    frontier_rows,
    robust_header,
    robust_rows,
    validity_rows,
)
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
    shown = report.shown
    validity = rows_block(
        "Bias, coverage and size", VALIDITY_HEADER, validity_rows(shown) if shown else []
    )
    designs = rows_block("Designs with new replicates", design_header(report), design_rows(report))
    robust = rows_block("What real panels show", robust_header(report), robust_rows(report))
    budgets = rows_block("What a budget can find", FRONTIER_HEADER, frontier_rows(report))
    titles = (
        "Is the test valid on that design",
        "Designs",
        "What real panels show",
        "What a budget can find",
    )
    for title, table in zip(titles, (validity, designs, robust, budgets), strict=True):
        if table.rows:
            yield Heading(text=title)
            yield _with_data(report, table)


def _with_data(report: PowerReport, table: Table) -> Table:
    frames = {
        "Designs with new replicates": designs_frame,
        "What a budget can find": frontier_frame,
    }
    if table.label not in frames:
        return table
    return Table(
        label=table.label,
        header=table.header,
        rows=table.rows,
        numbers=table.numbers,
        data_href=csv_link(frames[table.label](report)),
        data_name=f"{table.label.lower().replace(' ', '_')}.csv",
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
