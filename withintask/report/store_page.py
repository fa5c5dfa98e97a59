"""A store as a page to browse: tables, columns, first rows, files and what became of them."""

from html import escape
from typing import TYPE_CHECKING

import polars as pl

from withintask.ingest.registry import TABLES
from withintask.ingest.views import VIEWS

if TYPE_CHECKING:
    from withintask.ingest.describe import StoreDescription

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 76em; padding: 0 1em; }
table { border-collapse: collapse; margin: .6em 0 1.2em; font-size: 13px; }
th, td { border: 1px solid #ccc; padding: 2px 7px; text-align: left; vertical-align: top; }
th { background: #f1f1f1; } details { margin: .4em 0; } summary { cursor: pointer; }
.wide { overflow-x: auto; } code { font-size: 13px; } input { font-size: 15px; width: 24em; }
"""
_FIND = """
const box = document.querySelector('input');
box.addEventListener('input', () => {
  const wanted = box.value.toLowerCase();
  for (const part of document.querySelectorAll('details')) {
    part.hidden = !part.textContent.toLowerCase().includes(wanted);
  }
});
"""


def store_page(description: "StoreDescription") -> str:
    """Write one page without anything from elsewhere; a box finds tables by any word in them."""
    counts = {row["name"]: row for row in description.tables.iter_rows(named=True)}
    tables = [*TABLES, *(view.table for view in VIEWS)]
    parts = []
    for table in tables:
        row = counts[table.name]
        columns = pl.DataFrame(
            [(c.name, str(c.dtype), c.unit, c.description) for c in table.columns],
            schema=["column", "type", "unit", "meaning"],
            orient="row",
        )
        key = ", ".join(table.key)
        parts.append(
            f"<details><summary><code>{table.name}</code> ({row['kind']}), {row['n_rows']:,} rows: "
            f"{escape(table.description)}</summary><p>Key: <code>{escape(key)}</code>. Hash of the "
            f"content: <code>{row['content_hash']}</code>.</p>{_table(columns)}"
            f"<p>First rows:</p>{_table(description.samples[table.name])}</details>"
        )
    read = description.files.filter(pl.col("reason").is_null())
    unread = description.files.filter(pl.col("reason").is_not_null())
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{escape(description.path.name)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(description.path.name)}</h1><p><input placeholder='find a table or column' "
        f"aria-label='find'></p>{''.join(parts)}"
        f"<details open><summary>{read.height} files that were read</summary>{_table(read)}</details>"
        f"<details><summary>{unread.height} files that were not, and why</summary>{_table(unread)}"
        f"</details><script>{_FIND}</script></html>\n"
    )


def _table(frame: pl.DataFrame) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape('' if c is None else str(c))}</td>" for c in row) + "</tr>"
        for row in frame.iter_rows()
    )
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"
