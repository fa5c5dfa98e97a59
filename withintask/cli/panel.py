"""Commands of `withintask panel`: template, validate, profile, pseudonymize, import."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    import polars as pl

app = App(name="panel", help="Prepare, check and describe within-task panels.")

Layout = Literal["parquet", "csv", "duckdb"]


@app.command
def template(folder: Path) -> None:
    """Write an empty set of tables with a manifest and a codebook.

    Parameters
    ----------
    folder
        A new or empty folder.
    """
    from withintask.panel.template import write_template

    print(f"{write_template(folder)}: fill in the tables, then run withintask panel validate")


@app.command
def validate(
    path: Path,
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
    show_keys: Annotated[bool, Parameter(negative="")] = False,
    without_outputs: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Report everything in a panel that breaks a rule, with counts; exit 1 if anything does.

    Parameters
    ----------
    path
        Folder with a panel.toml, the panel.toml itself, or a DuckDB file.
    json
        Print JSON instead of a table.
    show_keys
        Name keys of offending rows. They can identify people: off unless asked.
    without_outputs
        Accept a panel without the table outputs, such as a pay panel.
    """
    from withintask.panel.report import violation_report

    report = violation_report(path, with_outputs=not without_outputs)
    shown = report.violations if show_keys else report.violations.drop("examples")
    if json:
        print(_as_json(report.name, shown))
    elif shown.height:
        print(_as_table(shown))
        print(f"{path}: {shown.height} rules broken; nothing was changed")
    else:
        print(f"{path}: valid")
    if shown.height:
        raise SystemExit(1)


@app.command
def profile(
    path: Path,
    *,
    min_cell: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show coverage, balance, overlap of AI use, mobility and cell sizes of a panel.

    Parameters
    ----------
    path
        Folder with a panel.toml, the panel.toml itself, or a DuckDB file.
    min_cell
        Fewest people or firms behind a figure (10 if left out); others are suppressed.
    json
        Print JSON instead of a table.
    """
    from withintask.panel.profile import MIN_CELL
    from withintask.panel.profile import profile as profiled
    from withintask.panel.store import read_panel

    panel = read_panel(path, lazy=True)
    figures = profiled(panel, min_cell=MIN_CELL if min_cell is None else min_cell)
    print(figures.write_json() if json else _as_table(figures))


@app.command
def pseudonymize(
    path: Path,
    *,
    out: Path,
    key_file: Path | None = None,
    also: list[str] | None = None,
) -> None:
    """Write a copy of a panel with keyed hashes in place of the ids of people and firms.

    Parameters
    ----------
    path
        Folder with a panel.toml, the panel.toml itself, or a DuckDB file.
    out
        Folder (or .duckdb file) to write.
    key_file
        File with a secret of 16 to 64 bytes, kept apart from the data; without it, the secret
        is taken from the environment variable WITHINTASK_PANEL_KEY.
    also
        Further id columns to replace, such as task_id.
    """
    from withintask.panel.pseudonymize import PSEUDONYMIZED, read_key
    from withintask.panel.pseudonymize import pseudonymize as pseudonymized
    from withintask.panel.store import read_panel, write_panel

    folder = path if path.is_dir() else path.parent
    key = read_key(key_file, keep_out_of=(folder, out))
    columns = (*PSEUDONYMIZED, *(also or ()))
    panel = pseudonymized(read_panel(path, lazy=True), key, columns=columns)
    print(f"{write_panel(panel, out)}: written; the key is not stored")


@app.command(name="import")
def import_(name: str, source_dir: Path, *, out: Path, layout: Layout | None = None) -> None:
    """Turn a published panel into one of ours.

    Parameters
    ----------
    name
        radiology, radiology-cases, echoes, cps, nlsy or arellano-bond.
    source_dir
        Folder with the file as published.
    out
        Folder (or .duckdb file) to write.
    layout
        Parquet if left out, unless the path ends in .duckdb.
    """
    from withintask.ingest.panels.adapters import import_panel
    from withintask.panel.store import write_panel

    panel = import_panel(name, source_dir)
    write_panel(panel, out, layout=layout)
    sizes = ", ".join(
        f"{k} {frame.lazy().collect().height:,}" for k, frame in panel.tables().items()
    )
    print(f"{out}: {sizes}")
    print(panel.info.note)


def _as_json(name: str, violations: "pl.DataFrame") -> str:
    import json

    rows = violations.to_dicts()
    report = {"panel": name, "n_rules_broken": len(rows), "violations": rows}
    return json.dumps(report, ensure_ascii=False, indent=2)


def _as_table(frame: "pl.DataFrame") -> str:
    import polars as pl

    from withintask.report.terminal import frame_table

    return frame_table(frame.with_columns(pl.col(pl.List(pl.String)).list.join("; ")))
