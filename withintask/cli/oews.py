"""Commands of `withintask oews`: build, query, download."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    import polars as pl

app = App(name="oews", help="Read, query and download Occupational Employment and Wage Statistics.")

Level = Literal["national", "industry", "state", "metro", "nonmetro", "all", "auto"]
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
    source_dir: list[str],
    *,
    db: Path,
    years: str = "",
    level: Level = "auto",
    bridge: Bridge = "strict",
    skip: list[str] | None = None,
) -> None:
    """Harmonize the published files of a folder into a DuckDB database and print the audit.

    Parameters
    ----------
    source_dir
        Folders with workbooks, BLS zips, CSV copies or flat files.
    db
        Database to write; an existing one is replaced only if all goes well.
    years
        Years to keep, such as 2019-2024 or 2019,2021; all if left out.
    level
        Level of the estimates to keep; auto is national where there is any, else the one there is.
    bridge
        How occupations are made comparable over years in oews_comparable.
    skip
        A file to leave out, by its name within the folder or a pattern; may be given again.
    """
    from withintask.ingest.options import parse_years
    from withintask.ingest.store import build_oews
    from withintask.report.progress import stages
    from withintask.report.terminal import print_frame

    with stages() as report:
        built = build_oews(
            source_dir,
            db,
            years=parse_years(years),
            level=level,
            bridge=bridge,
            skip=skip or (),
            on_progress=lambda name, number, count: report("reading", number, count, name),
        )
    print_frame(built.audit.select(AUDIT_SHOWN))
    print(f"{built.audit['n_kept'].sum():,} rows of {built.audit.height} tables: {db}")
    print(f"{built.n_read} read, {built.n_unchanged} unchanged, {built.n_removed} removed")


@app.command
def query(
    sql: str,
    *,
    db: Path,
    file_format: Annotated[Format | None, Parameter("--format")] = None,
    out: Path | None = None,
    allow_files: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run a SQL query on a database, which it only reads, and print the rows or write them to a file.

    Parameters
    ----------
    sql
        For example "SELECT year, count(*) FROM oews GROUP BY year".
    db
        Database written by `oews build` or `data build`.
    file_format
        How to print: a table (as if left out), csv or json; parquet needs --out.
    out
        File to write instead of printing; its suffix is the format: csv, json, parquet, xlsx, dta, or txt for a table.
    allow_files
        Let the query read and write other files and load extensions; closed unless you say so.
    """
    from withintask.ingest.database import query as run_query
    from withintask.panel.atomic import save_text
    from withintask.panel.errors import ParameterError
    from withintask.report.tables import kind_of, kind_of_rows, write_rows
    from withintask.report.terminal import frame_table

    if out is None:
        if file_format == "parquet":
            raise ParameterError("--format parquet is binary: give the file to write with --out")
        rows = run_query(db, sql, allow_files=allow_files)
        print({"csv": _csv, "json": _json}.get(file_format or "", frame_table)(rows))
    elif out.suffix.lower() == ".txt" and file_format in (None, "table"):
        save_text(out, frame_table(run_query(db, sql, allow_files=allow_files)) + "\n")
    else:
        kind_of(out, file_format, force=True)
        kind = kind_of_rows(out)
        write_rows(run_query(db, sql, allow_files=allow_files), kind, out)


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
    limit: float = 3600.0,
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
    limit
        Longest time for one archive, in seconds.
    """
    from withintask.ingest.oews.download import Settings, default_base_url
    from withintask.ingest.options import parse_years
    from withintask.report.download import run_download

    settings = Settings(
        base_url=base_url or default_base_url(),
        email=email,
        n_attempts=attempts,
        timeout_seconds=timeout,
        limit_seconds=limit,
    )
    run_download(to, years=parse_years(years) or (), settings=settings, level=level)


def _csv(frame: "pl.DataFrame") -> str:
    from withintask.panel.escape import in_spreadsheet

    return in_spreadsheet(frame).write_csv().rstrip("\n")


def _json(frame: "pl.DataFrame") -> str:
    return frame.write_json()
