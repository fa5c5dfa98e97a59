"""Tables for files and documents: Markdown, LaTeX, and formats for programs."""

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.panel.errors import ParameterError
from withintask.panel.escape import in_latex, in_markdown, in_spreadsheet
from withintask.tests_of_model.hypotheses.hypothesis import OK


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown, one line a row."""
    cells = [[in_markdown(cell) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def write_table(frame: pl.DataFrame, kind: str, out: Path | None) -> None:
    """Write a frame as json, csv, parquet, latex or a plain table, to a file or to standard output.

    Raises
    ------
    ParameterError
        If parquet is asked for without a file.
    """
    if kind == "parquet":
        if out is None:
            raise ParameterError("--format parquet: expected --out FILE; Parquet is not text")
        save(out, frame.write_parquet)
        return
    if kind == "json":
        content = frame.write_json()
    elif kind == "csv":
        content = in_spreadsheet(frame).write_csv()
    else:
        content = _latex(frame) if kind == "latex" else str(frame)
    if out is None:
        print(content)
    else:
        save_text(out, content)


_LATEX = {"estimate": 4, "std_error": 4, "p_value": 3, "truth": 4}


def _latex(frame: pl.DataFrame) -> str:
    """Estimates as a booktabs table."""
    columns = ["hypothesis", "estimator", "term", *_LATEX, "n_obs"]
    lines = [
        r"\begin{tabular}{lllrrrrr}",
        r"\toprule",
        " & ".join(c.replace("_", r"\_") for c in columns) + r" \\",
        r"\midrule",
    ]
    for row in frame.filter(pl.col("status") == OK).iter_rows(named=True):
        cells = [_latex_cell(row[c], _LATEX.get(c)) for c in columns]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _latex_cell(value: object, digits: int | None) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "--"
    return f"{value:.{digits}f}" if digits is not None else in_latex(str(value))
