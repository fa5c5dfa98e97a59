"""The one table of the terminal: plain text that fits the width, numbers aligned right."""

import re
import shutil
import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from withintask.panel.errors import one_line

if TYPE_CHECKING:
    import polars as pl

    from withintask.report.estimate_table import EstimateTable

_GAP = "  "
_NUMBER = re.compile(r"[\d\s.,:±+\-−–×%<>()\[\]e∞]*")
_SHORTEST = 12
"""Characters below which a column of words is not squeezed."""
_WITHOUT_TERMINAL = 160
_ALL_COLUMNS = 100
"""Characters below which the number of clusters gives way; it is in every file."""


def terminal_width() -> int:
    """Characters in a line: ``$COLUMNS``, else the terminal's, else 160."""
    return shutil.get_terminal_size((_WITHOUT_TERMINAL, 0)).columns


def paragraphs(sentences: Sequence[str], width: int | None = None) -> str:
    """Lay sentences out, each from a line of its own, within a width; the terminal's if None."""
    width = width or terminal_width()
    return "\n".join(
        textwrap.fill(s, width, subsequent_indent=_GAP, break_on_hyphens=False) for s in sentences
    )


def print_rows(header: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Print a table that fits the terminal."""
    if title:
        print(f"\n{title}\n")
    print(text_table(header, rows, width=terminal_width()))


def print_fields(
    header: Sequence[str], rows: Sequence[tuple[str, str, str, str]], *, title: str
) -> None:
    """Print fields with value, unit and meaning: a table where it fits, else as they are set, their meaning below."""
    width = terminal_width()
    if width >= _WITHOUT_TERMINAL:
        print_rows(header, rows, title=title)
        return
    print(f"\n{title}\n")
    for name, value, unit, meaning in rows:
        print(textwrap.fill(f"{name}={value} ({unit})", width, subsequent_indent=_GAP))
        lines = textwrap.wrap(meaning, width - 2 * len(_GAP), break_on_hyphens=False)
        print(textwrap.indent("\n".join(lines), 2 * _GAP))


def text_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    is_number: Sequence[bool] | None = None,
) -> str:
    """Lay cells out as plain text.

    Parameters
    ----------
    header, rows
        Cells, one string a column.
    width
        Characters in a line: columns of words wrap to fit, and where even that does not do, each row becomes
        a list of its cells. No limit if None.
    is_number
        Which columns are aligned right; those whose cells all look like numbers if None.
    """
    columns = list(zip(header, *rows, strict=True))
    right = [_is_number(c[1:]) for c in columns] if is_number is None else list(is_number)
    widths = _widths(columns, right, width)
    if widths is None:
        return "\n\n".join(_record(header, row, width or 0) for row in rows)
    rule = tuple("-" * w for w in widths)
    lines = [_lines(cells, widths, right) for cells in (header, rule, *rows)]
    return "\n".join(line for block in lines for line in block)


def frame_table(frame: "pl.DataFrame", *, digits: int = 10, width: int | None = None) -> str:
    """Lay a frame out as plain text, all rows and columns, numbers with so many significant digits; no limit of width if None."""
    rows = [[_shown(value, digits) for value in row] for row in frame.iter_rows()]
    is_number = [dtype.is_numeric() for dtype in frame.dtypes]
    return text_table(frame.columns, rows, width=width, is_number=is_number)


def print_frame(frame: "pl.DataFrame", *, digits: int = 10) -> None:
    """Print a frame that fits the terminal, as :func:`frame_table`."""
    print(frame_table(frame, digits=digits, width=terminal_width()))


def estimates_text(frame: "pl.DataFrame", recommended: Collection[str] = (), *, width: int) -> str:
    """Lay estimates out as text that fits a width, with their notes and what could not be run and why."""
    from withintask.report.estimate_table import estimate_table, failed

    table = estimate_table(frame, recommended)
    blocks = [grouped_text(table.without("clusters") if width < _ALL_COLUMNS else table, width)]
    reasons = failed(frame)
    if reasons:
        filled = [
            textwrap.fill(reason, width, subsequent_indent=_GAP, break_on_hyphens=False)
            for reason in reasons
        ]
        blocks.append("\n".join(["Could not be run\n", *filled]))
    return "\n\n".join(block for block in blocks if block)


def grouped_text(table: "EstimateTable", width: int) -> str:
    """Lay a table of groups out as text, its notes below."""
    blocks = []
    for group in table.groups:
        rows = text_table(table.header, group.rows, width=width)
        blocks.append(f"{textwrap.fill(group.title, width)}\n\n{rows}")
    notes = [
        textwrap.fill(f"({i}) {note}", width, subsequent_indent="    ")
        for i, note in enumerate(table.notes, 1)
    ]
    return "\n\n".join([*blocks, *(["\n".join(notes)] if notes else [])])


def _is_number(cells: Sequence[str]) -> bool:
    return any(re.search(r"\d", cell) for cell in cells) and all(map(_NUMBER.fullmatch, cells))


def _widths(
    columns: Sequence[Sequence[str]], right: Sequence[bool], width: int | None
) -> list[int] | None:
    """Width of each column: its longest cell, or less where words can wrap; None if the line is too short."""
    natural = [max(1, *map(len, column)) for column in columns]
    if width is None:
        return natural
    room = width - len(_GAP) * (len(columns) - 1)
    least = [_least(c, n, r) for c, n, r in zip(columns, natural, right, strict=True)]
    for cap in range(max(natural), 0, -1):
        widths = [max(low, min(n, cap)) for low, n in zip(least, natural, strict=True)]
        if sum(widths) <= room:
            return widths
    return None


def _least(column: Sequence[str], natural: int, is_number: bool) -> int:
    """Narrowest width of a column: numbers never break, nor do words of the header."""
    header, *cells = column
    word = max(map(len, header.split()), default=0)
    if is_number:
        return max(word, *map(len, cells))
    return min(natural, max(word, _SHORTEST))


def _lines(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """Lines of a row of the table."""
    wrapped = [textwrap.wrap(c, w) or [""] for c, w in zip(cells, widths, strict=True)]
    height = max(map(len, wrapped), default=0)
    padded = [lines + [""] * (height - len(lines)) for lines in wrapped]
    return [
        _GAP.join(
            cell.rjust(w) if is_right else cell.ljust(w)
            for cell, w, is_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in zip(*padded, strict=True)
    ]


def _record(header: Sequence[str], row: Sequence[str], width: int) -> str:
    """A row as lines of a name and its cell, for terminals too narrow for the table."""
    named = [
        f"{name}: {cell}" if name else cell for name, cell in zip(header, row, strict=True) if cell
    ]
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent=_GAP, break_long_words=False) for line in named
    )


def _shown(value: object, digits: int) -> str:
    if value is None:
        return ""
    return f"{value:,.{digits}g}" if isinstance(value, float) else one_line(str(value))
