"""The one design of all pages: readable on a phone, in the dark, on paper and without a mouse; no network.

A page is either a list of blocks (:class:`Page`, rendered by :func:`render_page`), or a template of its own that begins with
``{% extends "base.html" %}`` and fills the blocks ``title``, ``content`` and, if it must, ``style`` and ``script``
(:func:`render_template`). Tables stand in ``<div class="wide" tabindex="0" role="region" aria-label="…">`` so that they scroll
in their place; marks have the classes ``good``, ``mixed``, ``bad`` and ``neutral``, each with a word, so that no colour is
needed.
"""

import base64
import io
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from withintask.panel.escape import in_spreadsheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from withintask.report.estimate_table import EstimateTable

Look = Literal["", "lead", "note", "warn"]
_LONG = 10_000
"""Whole numbers below it, years among them, need no commas."""
_VERSIONS_OF = ("withintask", "numpy", "polars", "duckdb")


@dataclass(frozen=True, kw_only=True)
class Heading:
    """The title of a section."""

    text: str
    """Title."""
    kind: str = field(default="heading", init=False)
    """For the template."""

    @property
    def anchor(self) -> str:
        """What links to it end in."""
        return re.sub(r"[^a-z0-9]+", "-", self.text.lower()).strip("-")


@dataclass(frozen=True, kw_only=True)
class Text:
    """Sentences: a paragraph each, or a list."""

    sentences: tuple[str, ...]
    """In their order."""
    look: Look = ""
    """How they look."""
    as_list: bool = False
    """Whether they are points of a list."""
    kind: str = field(default="text", init=False)
    """For the template."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """Commands to copy."""

    text: str
    """Lines."""
    label: str = "Commands"
    """What they are, for who does not see them."""
    kind: str = field(default="code", init=False)
    """For the template."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table that scrolls in its place."""

    label: str
    """What it shows."""
    header: tuple[str, ...]
    """Names of columns."""
    rows: tuple[tuple[str, ...], ...]
    """Cells; a row of one cell spans the table as a title."""
    numbers: tuple[bool, ...]
    """Which columns are aligned right."""
    data_href: str = ""
    """Link to the rows as data; empty for none."""
    data_name: str = "data.csv"
    """Name of that file."""
    kind: str = field(default="table", init=False)
    """For the template."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with words for who does not see it, and the data behind it."""

    href: str
    """The image, as a data address or a file beside the page."""
    alt: str
    """What is to be seen, in a sentence."""
    caption: str
    """What stands below."""
    data_href: str = ""
    """Link to the data behind it."""
    data_name: str = "data.csv"
    """Name of that file."""
    kind: str = field(default="figure", init=False)
    """For the template."""


Block = Heading | Text | Code | Table | Figure


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as blocks."""

    title: str
    """What it is about."""
    command: str
    """The command that makes it, at its foot."""
    blocks: tuple[Block, ...]
    """In their order; a list of sections is made of the headings."""
    lead: str = ""
    """The answer, before everything."""


def render_page(page: Page) -> str:
    """Write a page of blocks as HTML."""
    return render_template("page.html", {"page": page}, command=page.command)


def render_template(name: str, values: Mapping[str, Any], *, command: str) -> str:
    """Write a page by a template of the package, with the command and the versions at its foot.

    Parameters
    ----------
    name
        File beside this module.
    values
        What the template names.
    command
        The command that makes the page.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("withintask.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    template = environment.get_template(name)
    return template.render({**values, "command": command, "versions": versions_in_words()})


def versions_in_words() -> str:
    """Name the versions that a page rests on."""
    return ", ".join(
        [
            *(f"{name} {_version(name)}" for name in _VERSIONS_OF),
            f"Python {platform.python_version()}",
        ]
    )


def csv_link(frame: pl.DataFrame) -> str:
    """Return a frame as an address that holds it, so that a page carries its own data."""
    text = in_spreadsheet(frame).write_csv()
    return f"data:text/csv;base64,{base64.b64encode(text.encode()).decode()}"


def image_link(figure: "Drawing") -> str:
    """Return a figure of Matplotlib as an address that holds it as SVG, its letters as outlines."""
    from matplotlib import rc_context

    from withintask.report.style import VECTOR

    buffer = io.BytesIO()
    with rc_context(VECTOR):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def frame_block(frame: pl.DataFrame, label: str, *, name: str = "data.csv") -> Table:
    """Lay a frame out as a table with a link to it as data; whole numbers stay whole, others have four digits."""
    rows = tuple(tuple(_shown(value) for value in row) for row in frame.iter_rows())
    return Table(
        label=label,
        header=tuple(column.replace("_", " ") for column in frame.columns),
        rows=rows,
        numbers=tuple(dtype.is_numeric() for dtype in frame.dtypes),
        data_href=csv_link(frame),
        data_name=name,
    )


def rows_block(label: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Lay rows of words out as a table."""
    cells = tuple(tuple(row) for row in rows)
    return Table(label=label, header=tuple(header), rows=cells, numbers=(False,) * len(header))


def estimates_block(table: "EstimateTable", label: str, frame: pl.DataFrame) -> Table:
    """Lay estimates in words out as a table, with a link to all of their columns."""
    rows = tuple(row for group in table.groups for row in ((group.title,), *group.rows))
    numbers = tuple(place > 0 for place in range(len(table.header)))
    return Table(
        label=label,
        header=table.header,
        rows=rows,
        numbers=numbers,
        data_href=csv_link(frame),
        data_name="estimates.csv",
    )


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}"
    is_count = isinstance(value, int) and abs(value) >= _LONG
    return f"{value:,}" if is_count else str(value)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
