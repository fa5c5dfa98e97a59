"""Tables for files and documents: LaTeX, Typst, Markdown, HTML, Word, and formats for programs."""

from collections.abc import Callable, Collection, Sequence
from html import escape
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.panel.errors import ParameterError, nearest, quoted
from withintask.panel.escape import in_latex, in_markdown, in_spreadsheet, in_typst
from withintask.report.estimate_table import EstimateTable, estimate_table
from withintask.report.latex_signs import SIGNS
from withintask.report.page import Page, Table, Text, render_page
from withintask.report.word import WordRow, write_word

KINDS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".json": "json",
    ".tex": "latex",
    ".typ": "typst",
    ".md": "markdown",
    ".html": "html",
    ".docx": "word",
    ".xlsx": "excel",
    ".dta": "stata",
}
"""Format by the suffix of a file."""


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown, one line a row."""
    cells = [[in_markdown(cell) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def kind_of(out: Path | None, kind: str | None, *, force: bool = False) -> str:
    """Return the format to write: that of the file's suffix, or the one asked for where nothing is written.

    Raises
    ------
    ParameterError
        If the suffix is not known or not that of the format, the file is there and not to be replaced, or
        a binary format is asked for without a file.
    """
    if out is None:
        if kind in _BINARY:
            raise ParameterError(f"--format {kind}: expected --out FILE; it is not text")
        return kind or "table"
    of_suffix = KINDS.get(out.suffix.lower())
    problems = []
    if of_suffix is None:
        hint = nearest(out.suffix.lower(), KINDS)
        problems.append(
            f"suffix {quoted(out.suffix)} is not known; known are {', '.join(KINDS)}{hint}"
        )
    elif kind not in (None, of_suffix):
        problems.append(f"suffix {out.suffix} means {of_suffix}, not {kind}; leave out --format")
    if out.is_dir():
        problems.append("is a folder; expected a file")
    elif out.exists() and not force:
        problems.append("is there already; --force replaces it")
    if problems:
        raise ParameterError("\n".join(f"--out {out}: {problem}" for problem in problems))
    return str(of_suffix)


def write_estimates(
    frame: pl.DataFrame, kind: str, out: Path | None, *, recommended: Collection[str] = ()
) -> None:
    """Write estimates to a file, or as text to standard output.

    Parameters
    ----------
    frame
        Of :func:`withintask.estimate`: in full to formats for programs, in words to documents.
    kind
        Of :func:`kind_of`.
    out
        The file.
    recommended
        Names of the estimators that documents show first.
    """
    frame = with_recommended(frame, recommended)
    if kind in _BINARY and out is not None:
        save(out, lambda path: _BINARY[kind](frame, path))
        return
    table = estimate_table(frame, recommended, stars=True)
    if kind == "word" and out is not None:
        write_table(table, out, force=True)
        return
    content = document(table, kind) if kind in DOCUMENTS else _data_text(frame, kind)
    if out is None:
        print(content)
    else:
        save_text(out, content)


def kind_of_rows(out: Path | None) -> str:
    """Return the format of a table that is none of estimates, as :func:`kind_of`, before it is computed.

    Whether a file that is there may be replaced was settled when the command was read.

    Raises
    ------
    ParameterError
        As :func:`kind_of`, or if the format is a document's.
    """
    known = [suffix for suffix, kind in KINDS.items() if kind not in (*DOCUMENTS, "word")]
    if out is not None and out.suffix.lower() not in known:
        hint = nearest(out.suffix.lower(), known)
        raise ParameterError(
            f"--out {out}: expected a table for programs, so a suffix of {', '.join(known)}{hint}"
        )
    return kind_of(out, None, force=True)


def write_rows(frame: pl.DataFrame, kind: str, out: Path) -> None:
    """Write a table that is none of estimates, in a format of :func:`kind_of_rows`."""
    if kind in _BINARY:
        save(out, lambda path: _BINARY[kind](frame, path))
    else:
        save_text(out, _data_text(frame, kind))


def _data_text(frame: pl.DataFrame, kind: str) -> str:
    return frame.write_json() if kind == "json" else in_spreadsheet(frame).write_csv()


def with_recommended(frame: pl.DataFrame, recommended: Collection[str]) -> pl.DataFrame:
    """Add ``is_recommended``, so that what is recommended is known of a file too."""
    return frame.with_columns(is_recommended=pl.col("estimator").is_in(list(recommended)))


def document(table: EstimateTable, kind: str) -> str:
    """Lay a table out as text of a kind in DOCUMENTS."""
    return DOCUMENTS[kind](table)


def write_table(table: EstimateTable, out: Path, *, force: bool = False) -> Path:
    """Write a table in words to a document in the format of its suffix.

    Raises
    ------
    ParameterError
        As :func:`kind_of`, and for a suffix of data.
    """
    kind = kind_of(out, None, force=force)
    if kind == "word":
        save(out, lambda path: write_word(_word_rows(table), _notes(table), path))
    elif kind in DOCUMENTS:
        save_text(out, document(table, kind))
    else:
        known = ", ".join(suffix for suffix, k in KINDS.items() if k in ("word", *DOCUMENTS))
        raise ParameterError(f"{out}: expected a document ({known}); frame holds the rows")
    return out


def write_result(
    frame: pl.DataFrame, table: EstimateTable, out: Path, *, force: bool = False
) -> Path:
    """Write a result in the format of the file's suffix: the rows to data, the table in words to documents.

    Raises
    ------
    ParameterError
        As :func:`kind_of`.
    """
    kind = kind_of(out, None, force=force)
    if kind == "word" or kind in DOCUMENTS:
        return write_table(table, out, force=force)
    write_rows(frame if kind in ("parquet", "json") else _without_lists(frame), kind, out)
    return out


def _without_lists(frame: pl.DataFrame) -> pl.DataFrame:
    """Join lists of words, which text and spreadsheets have no cell for."""
    return frame.with_columns(pl.col(pl.List(pl.String)).list.join("; "))


def html_fragment(table: EstimateTable) -> str:
    """Write a table that scrolls in its place, and its notes, as part of a page."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    body = []
    for group in table.groups:
        title = escape(group.title)
        body.append(
            f'<tr><th colspan="{len(table.header)}" scope="colgroup" style="text-align:left">{title}</th></tr>'
        )
        body += [
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in group.rows
        ]
    notes = [f"<p>{escape(note)}</p>" for note in _notes(table)]
    return "\n".join(
        [
            '<div style="overflow-x:auto" tabindex="0" role="region" aria-label="'
            + escape(table.title)
            + '">',
            f"<table><thead><tr>{head}</tr></thead><tbody>",
            *body,
            "</tbody></table></div>",
            *notes,
        ]
    )


def _latex(table: EstimateTable) -> str:
    """Lay out with booktabs, notes below."""
    n_columns = len(table.header)
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (n_columns - 1)}}}",
        r"\toprule",
        " & ".join(map(_in_latex, table.header)) + r" \\",
    ]
    for group in table.groups:
        lines += [
            r"\midrule",
            rf"\multicolumn{{{n_columns}}}{{l}}{{\emph{{{_in_latex(group.title)}}}}} \\",
        ]
        lines += [" & ".join(map(_in_latex, row)) + r" \\" for row in group.rows]
    notes = [rf"\par\footnotesize {_in_latex(note)}" for note in _notes(table)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *notes]) + "\n"


def _in_latex(text: str) -> str:
    # braces keep a bracket that begins a cell from being an argument of the line break before it
    cell = in_latex(text).translate(SIGNS)
    return f"{{{cell}}}" if cell.startswith(("[", "*")) else cell


def _typst(table: EstimateTable) -> str:
    """Lay out as a table of Typst, notes below."""
    n_columns = len(table.header)
    align = ", ".join(["left", *["right"] * (n_columns - 1)])
    lines = [
        f"#table(columns: {n_columns}, align: ({align}), stroke: none,",
        "  table.hline(),",
        f"  table.header({_typst_cells(table.header)}),",
    ]
    for group in table.groups:
        title = in_typst(group.title)
        lines += [
            "  table.hline(stroke: 0.5pt),",
            f"  table.cell(colspan: {n_columns})[#emph[{title}]],",
        ]
        lines += [f"  {_typst_cells(row)}," for row in group.rows]
    notes = [f"#text(size: 0.85em)[{in_typst(note)}]\n" for note in _notes(table)]
    return "\n".join([*lines, "  table.hline(),", ")", *notes])


def _typst_cells(cells: Sequence[str]) -> str:
    return ", ".join(f"[{in_typst(cell)}]" for cell in cells)


def _word_rows(table: EstimateTable) -> list[WordRow]:
    rows = [WordRow(cells=table.header, is_head=True)]
    for group in table.groups:
        rows += [WordRow(cells=(group.title,)), *(WordRow(cells=row) for row in group.rows)]
    return rows


def _markdown(table: EstimateTable) -> str:
    blocks = [
        f"**{in_markdown(group.title)}**\n\n"
        + markdown_table(
            table.header, [[cell.replace("*", r"\*") for cell in row] for row in group.rows]
        )
        for group in table.groups
    ]
    notes = [in_markdown(note).replace("*", r"\*") + "\n" for note in _notes(table)]
    return "\n".join([*blocks, *notes])


def _html(table: EstimateTable) -> str:
    """Lay out as a page in the one design of pages."""
    rows = tuple(row for group in table.groups for row in ((group.title,), *group.rows))
    numbers = tuple(place > 0 for place in range(len(table.header)))
    blocks = (
        Table(label=table.title, header=table.header, rows=rows, numbers=numbers),
        Text(sentences=tuple(_notes(table)), look="note"),
    )
    return render_page(Page(title=table.title, command=table.command, blocks=blocks))


def _notes(table: EstimateTable) -> list[str]:
    numbered = [f"({i}) {note}" for i, note in enumerate(table.notes, 1)]
    return [table.key, *numbered] if table.key else numbered


def _stata(frame: pl.DataFrame, path: Path) -> None:
    """Write for Stata, which knows neither null text, nor null flags, nor infinity."""
    numbers = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    nothing = [name for name, dtype in frame.schema.items() if dtype == pl.Null]
    flags = frame.select(pl.col(pl.Boolean))
    unknown = [column.name for column in flags if column.null_count()]
    clean = frame.with_columns(
        *(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in numbers),
        *(pl.col(name).cast(pl.Float64) for name in [*nothing, *unknown]),
        pl.col(pl.String).fill_null(""),
    )
    clean.to_pandas().to_stata(path, write_index=False, version=118)


_BINARY: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "parquet": lambda frame, path: frame.write_parquet(path),
    "excel": lambda frame, path: in_spreadsheet(frame).write_excel(path),
    "stata": _stata,
}
DOCUMENTS: dict[str, Callable[[EstimateTable], str]] = {
    "latex": _latex,
    "typst": _typst,
    "markdown": _markdown,
    "html": _html,
}
"""Writers of text by the name of the format."""
