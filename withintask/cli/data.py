"""Commands of `withintask data`: build, dictionary."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import App

if TYPE_CHECKING:
    from withintask.ingest.store import BuiltStore

app = App(name="data", help="Build one store of OEWS, exposure measures and O*NET.")

Level = Literal["national", "industry", "state", "metro", "nonmetro", "all", "auto"]
Bridge = Literal["strict", "merged"]


@app.command
def build(
    source_dir: list[str] | None = None,
    *,
    db: Path,
    parquet: Path | None = None,
    years: str = "",
    level: Level = "all",
    bridge: Bridge = "strict",
    skip: list[str] | None = None,
) -> None:
    """Build or refresh a store of every recognized file of a folder and its subfolders.

    Files that have not changed since the last build are not read again.

    Parameters
    ----------
    source_dir
        Folders with OEWS publications, exposure measures and O*NET releases; those of WITHINTASK_DATA
        if left out.
    db
        DuckDB file to write; an existing one is replaced only if all goes well.
    parquet
        Folder for a copy in Parquet, OEWS partitioned by year and level.
    years
        OEWS years to keep, such as 2019-2024; all if left out.
    level
        Level of the OEWS estimates to keep.
    bridge
        How occupations are made comparable over years in oews_comparable.
    skip
        A file to leave out, by its name within the folder or a pattern; may be given again.
    """
    import os

    from withintask.ingest.options import parse_years
    from withintask.ingest.store import build_store
    from withintask.panel.errors import ParameterError
    from withintask.report.progress import stages

    folders = source_dir or [os.environ.get("WITHINTASK_DATA", "")]
    if not any(folders):
        raise ParameterError("give the folder of the published files, or set WITHINTASK_DATA")
    with stages() as report:
        built = build_store(
            folders,
            db,
            years=parse_years(years),
            level=level,
            bridge=bridge,
            skip=skip or (),
            parquet_dir=parquet,
            on_progress=lambda name, number, count: report("reading", number, count, name),
        )
    _print_summary(built, parquet)


@app.command
def dictionary(*, out: Path | None = None) -> None:
    """Print the data dictionary, made from the descriptions of the tables.

    Parameters
    ----------
    out
        Markdown file to write instead of printing.
    """
    from withintask.ingest.dictionary import data_dictionary
    from withintask.panel.atomic import save_text

    page = data_dictionary()
    if out is None:
        print(page, end="")
        return
    save_text(out, page)
    print(f"{out}: written")


@app.command
def describe(db: Path, *, out: Path | None = None) -> None:
    """Say what a store holds: rows and hash of each table, and what became of each file.

    Parameters
    ----------
    db
        Store of `data build`.
    out
        HTML page to write, to browse tables, columns, first rows and files.
    """
    from withintask.ingest.describe import describe_store
    from withintask.panel.atomic import save_text
    from withintask.report.store_page import store_page
    from withintask.report.terminal import print_frame

    found = describe_store(db)
    print_frame(found.tables.drop("description"))
    print_frame(found.files.with_columns(found.files["sha256"].str.slice(0, 12)))
    if out is not None:
        save_text(out, store_page(found))
        print(out)


def _print_summary(built: "BuiltStore", parquet: Path | None) -> None:
    from withintask.ingest.database import query
    from withintask.ingest.registry import TABLES
    from withintask.ingest.sources import UNRECOGNIZED
    from withintask.panel.errors import some_examples
    from withintask.report.terminal import print_frame

    sizes = " UNION ALL BY NAME ".join(
        f"SELECT '{table.name}' AS name, count(*) AS n_rows FROM {table.name}" for table in TABLES
    )
    print_frame(query(built.path, sizes))
    unread = built.sources.filter(built.sources["kind"] == UNRECOGNIZED)["source_file"].to_list()
    if unread:
        names = some_examples(unread)
        print(f"{len(unread)} files are not recognized ({names}); table source lists them")
    counts = f"{built.n_read} read, {built.n_unchanged} unchanged, {built.n_removed} removed"
    print(f"{counts}: {built.path}")
    if parquet is not None:
        print(f"Parquet copy: {parquet}")
