"""Text from files as it may stand in a spreadsheet, Markdown, LaTeX or Typst: read as text, never obeyed."""

import re
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save
from withintask.panel.errors import printable

_FORMULA = r"^[=+\-@\t\r]"
"""How a cell begins that a spreadsheet takes for a formula (OWASP, CSV injection)."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}
_TYPST = re.compile(r"([\\#$*_`<>@\[\]~/]|^[=+-](?= ))")
_BAR = re.compile(r"(?<!\\)\|")


def in_spreadsheet(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before text that a spreadsheet would take for a formula; numbers stay numbers."""
    text = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA))
        .then(pl.concat_str(pl.lit("'"), name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in text
    )


def in_sql(text: str) -> str:
    """Write text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def save_csv(path: Path, frame: pl.DataFrame) -> None:
    """Write a table as CSV for a spreadsheet, in one step; whatever looks like a formula stays text."""
    save(path, in_spreadsheet(frame).write_csv)


def in_markdown(text: str) -> str:
    """Keep a cell in its place of a table, and markup of HTML from being one."""
    return _BAR.sub(r"\|", " ".join(text.splitlines())).replace("<", "&lt;")


def in_latex(text: str) -> str:
    """Write out the characters that are commands."""
    return "".join(_LATEX.get(c, c) for c in printable(text))


def in_typst(text: str) -> str:
    """Write out the characters that are markup."""
    return _TYPST.sub(r"\\\1", printable(text).replace("\n", " "))
