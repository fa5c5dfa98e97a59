"""The page of a study of power, in one file that needs no network."""

from importlib.resources import files

from withintask.report.power_paragraph import latex, paragraph
from withintask.report.power_words import (
    DESIGN_HEADER,
    FRONTIER_HEADER,
    ROBUST_HEADER,
    VALIDITY_HEADER,
    answer_lines,
    design_rows,
    first_line,
    frontier_rows,
    held_lines,
    limits_words,
    robust_rows,
    validity_rows,
)
from withintask.tests_of_model.harness.power_run import PowerReport


def power_page(report: PowerReport, curves: str, frontier: str) -> str:
    """Write the page, as HTML.

    Parameters
    ----------
    report
        What was found.
    curves, frontier
        Figures as SVG; left out where empty.
    """
    from jinja2 import Environment, StrictUndefined

    shown = report.shown
    text = paragraph(report)
    template = files("withintask.report").joinpath("power.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(template).render(
        first=first_line(report),
        lines=answer_lines(report),
        limits=limits_words(),
        tables=[
            (
                "Is the test valid on that design",
                VALIDITY_HEADER,
                validity_rows(shown) if shown else [],
            ),
            ("Designs with new replicates", DESIGN_HEADER, design_rows(report)),
            ("What real panels show", ROBUST_HEADER, robust_rows(report)),
            ("What a budget can find", FRONTIER_HEADER, frontier_rows(report)),
        ],
        curves=curves,
        frontier=frontier,
        held=held_lines(report),
        paragraph=text,
        latex=latex(text),
    )
