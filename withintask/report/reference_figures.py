"""The model's reference figures as a table and as a page of the documentation."""

from pathlib import Path

import polars as pl

from withintask.panel.atomic import save_text
from withintask.report.terminal import print_rows
from withintask.tests_of_model.evidence.reference_figures import reference_figures

_PAGE = """# Reference figures of the model

Made by `withintask regime figures --out docs/reference_figures.md`; do not edit. Every figure is the mean over {n}
scrambles of the population's 2^15 points. *Quadrature s.d.* is its standard deviation over scrambles: the error of one
solved economy. What other exposure draws would change is not in it (parameter `exposure_seed`).

{tables}
"""


def run_reference_figures(*, n_scrambles: int, out: Path | None) -> pl.DataFrame:
    """Print the figures, and write them as a page if a file is given."""
    figures = reference_figures(n_scrambles=n_scrambles)
    for (part,), rows in figures.group_by("part", maintain_order=True):
        print_rows(("figure", "value", "quadrature s.d."), _cells(rows), title=str(part))
    if out is not None:
        save_text(out, _page(figures, n_scrambles))
    return figures


def _cells(rows: pl.DataFrame) -> list[tuple[str, str, str]]:
    return [
        (figure, f"{value:+.5f}", f"{sd:.1e}")
        for figure, value, sd in rows.select("figure", "value", "quadrature_sd").iter_rows()
    ]


def _page(figures: pl.DataFrame, n_scrambles: int) -> str:
    blocks = []
    for (part,), rows in figures.group_by("part", maintain_order=True):
        lines = [f"| {a} | {b} | {c} |" for a, b, c in _cells(rows)]
        head = ["| figure | value | quadrature s.d. |", "|---|---:|---:|"]
        blocks.append("\n".join([f"## {part}", "", *head, *lines]))
    return _PAGE.format(n=n_scrambles, tables="\n\n".join(blocks))
