"""A store as a page to browse: tables, columns, first rows, files and what became of them."""

from typing import TYPE_CHECKING, Any

import polars as pl

from withintask.ingest.registry import TABLES
from withintask.ingest.views import VIEWS
from withintask.report.page import csv_link, render_template

if TYPE_CHECKING:
    from withintask.ingest.describe import StoreDescription
    from withintask.ingest.tables import Table


def store_page(description: "StoreDescription") -> str:
    """Write one page without anything from elsewhere; a box finds tables by any word in them.

    Parameters
    ----------
    description
        Of :func:`withintask.describe_store`.

    Returns
    -------
    str
        HTML.
    """
    files = description.files
    read = files.filter(pl.col("reason").is_null())
    unread = files.filter(pl.col("reason").is_not_null())
    values = {
        "name": description.path.name,
        "tables": [_entry(t, description) for t in (*TABLES, *(view.table for view in VIEWS))],
        "read": read,
        "unread": unread,
        "read_link": csv_link(read),
        "unread_link": csv_link(unread),
    }
    command = f"withintask data describe {description.path} --out PAGE"
    return render_template("store.html", values, command=command)


def _entry(table: "Table", description: "StoreDescription") -> dict[str, Any]:
    """What the page shows of one table."""
    columns = pl.DataFrame(
        [(c.name, str(c.dtype), c.unit, c.description) for c in table.columns],
        schema=["column", "type", "unit", "meaning"],
        orient="row",
    )
    counted = description.tables.row(by_predicate=pl.col("name") == table.name, named=True)
    return {
        **{name: counted[name] for name in ("kind", "n_rows", "content_hash")},
        "name": table.name,
        "description": table.description,
        "key": ", ".join(table.key),
        "columns": columns,
        "sample": description.samples[table.name],
    }
