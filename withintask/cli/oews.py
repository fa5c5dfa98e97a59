"""Commands of `withintask oews`: build, query, download."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import TaskID

app = App(name="oews", help="Read, query and download Occupational Employment and Wage Statistics.")

Level = Literal["national", "industry", "state", "metro", "nonmetro", "all"]
Bridge = Literal["strict", "merged"]
Format = Literal["table", "csv", "json", "parquet"]

AUDIT_SHOWN = [
    "source_file",
    "year",
    "n_rows",
    "n_kept",
    "n_detailed",
    "n_top_coded_a_pct90",
    "n_no_employment",
    "n_no_wage",
    "n_annual_only",
    "n_hourly_only",
    "top_code_annual_usd",
]


@app.command
def build(
    source_dir: Path,
    *,
    db: Path,
    years: str = "",
    level: Level = "national",
    bridge: Bridge = "strict",
) -> None:
    """Harmonize the published files of a folder into a DuckDB database and print the audit.

    Parameters
    ----------
    source_dir
        Folder with workbooks, BLS zips, CSV copies or flat files.
    db
        Database to write; an existing one is replaced only if all goes well.
    years
        Years to keep, such as 2019-2024 or 2019,2021; all if left out.
    level
        Level of the estimates to keep.
    bridge
        How occupations are made comparable over years in oews_comparable.
    """
    from withintask.ingest.options import parse_years
    from withintask.ingest.store import build_oews

    with reporting_progress() as report:
        built = build_oews(
            source_dir,
            db,
            years=parse_years(years),
            level=level,
            bridge=bridge,
            on_progress=report,
        )
    print(render(built.audit.select(AUDIT_SHOWN)))
    print(f"{built.audit['n_kept'].sum():,} rows of {built.audit.height} tables: {db}")
    print(f"{built.n_read} read, {built.n_unchanged} unchanged, {built.n_removed} removed")


@app.command
def query(
    sql: str,
    *,
    db: Path,
    file_format: Annotated[Format, Parameter("--format")] = "table",
    out: Path | None = None,
) -> None:
    """Run a SQL query on a database and print the rows or write them to a file.

    Parameters
    ----------
    sql
        For example "SELECT year, count(*) FROM oews GROUP BY year".
    db
        Database written by `oews build` or `data build`.
    file_format
        Form of the answer; parquet needs --out.
    out
        File to write instead of printing.
    """
    from withintask.ingest.database import query as run_query
    from withintask.ingest.database import write_rows
    from withintask.panel.atomic import save_text
    from withintask.panel.errors import ParameterError

    if file_format == "parquet" and out is None:
        raise ParameterError("--format parquet is binary: give the file to write with --out")
    rows = run_query(db, sql)
    if out is None:
        print({"table": render, "csv": _csv, "json": _json}[file_format](rows))
    elif file_format == "table":
        save_text(out, render(rows) + "\n")
    else:
        write_rows(rows, out, file_format)


@app.command
def download(
    *,
    email: str,
    years: str = "2019-2024",
    level: Literal["national", "industry", "state", "metro", "all"] = "national",
    to: Path = Path("data/bls_oews"),
    base_url: str = "",
    attempts: int = 4,
    timeout: float = 60.0,
) -> None:
    """Download the archives of BLS; complete ones are kept, interrupted ones resumed.

    Parameters
    ----------
    email
        Your e-mail address, sent in the User-Agent, as BLS asks.
    years
        Years such as 2019-2024 or 2019,2021.
    level
        Which archive of each year.
    to
        Folder for the archives.
    base_url
        Another server with the same files; BLS if left out.
    attempts
        Attempts for each archive.
    timeout
        Longest silence of the server, in seconds.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from withintask.ingest.oews.download import Settings, default_base_url, download_oews
    from withintask.ingest.options import parse_years

    settings = Settings(
        base_url=base_url or default_base_url(),
        email=email,
        n_attempts=attempts,
        timeout_seconds=timeout,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, total=total)

        found = download_oews(
            to, years=parse_years(years) or (), settings=settings, level=level, on_progress=report
        )
    for item in found:
        how = "already there" if item.was_there else f"downloaded in {item.n_attempts} attempt(s)"
        print(f"{item.path}: {item.n_bytes:,} bytes, {how}")


@contextmanager
def reporting_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show on the terminal which file is being read; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = (TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def report(name: str, number: int, count: int) -> None:
            progress.update(task, description=name, completed=number, total=count)

        yield report


def render(frame: "pl.DataFrame") -> str:
    """Lay a frame out as plain text, all rows and columns, numbers aligned right."""
    cells = [frame.columns, *([_shown(value) for value in row] for row in frame.iter_rows())]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_number = [dtype.is_numeric() for dtype in frame.dtypes]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def _csv(frame: "pl.DataFrame") -> str:
    return frame.write_csv().rstrip("\n")


def _json(frame: "pl.DataFrame") -> str:
    return frame.write_json()
