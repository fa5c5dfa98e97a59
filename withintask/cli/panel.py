"""Commands of `withintask panel`: from, template, validate, describe, items, profile, pseudonymize, sql, import."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    import polars as pl

app = App(name="panel", help="Prepare, check and describe within-task panels.")

Layout = Literal["parquet", "csv", "duckdb"]
Outcome = Literal["positive", "time", "count", "binary", "score", "log"]
Step = Literal["day", "week", "month", "quarter", "year"]
Dialect = Literal["snowflake", "bigquery", "databricks", "postgres", "duckdb", "sqlite"]
CellUnit = Literal["firm", "worker"]
Aggregate = Literal["mean", "median", "sum", "min", "max"]


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


@app.command(name="from")
def from_(
    file: Path,
    *,
    out: Path | None = None,
    column: Annotated[list[str] | None, Parameter(negative="")] = None,
    ignore: Annotated[list[str] | None, Parameter(negative="")] = None,
    covariate: Annotated[list[str] | None, Parameter(negative="")] = None,
    outcome: Outcome | None = None,
    task: str | None = None,
    by: Step | None = None,
    start: date | None = None,
    first_ai_period: int | None = None,
    control_arm: str | None = None,
    leave_out_zeros: Annotated[bool, Parameter(negative="")] = False,
    items: Annotated[bool, Parameter(negative="")] = False,
    aggregate: Aggregate | None = None,
    sheet: str = "",
    labels: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Propose a manifest for a file as it is, with every guess marked; the file is not changed.

    Parameters
    ----------
    file
        CSV, Parquet, Stata, SPSS, Excel or R, with a row an observation.
    out
        Folder for the panel.toml; named after the file if left out.
    column
        What you know: ours=theirs, such as worker_id=Agent. Give it several times.
    ignore
        A column that is not used.
    covariate
        A column that is kept as a covariate of rows, such as the hour or the site.
    outcome
        Kind of outcome: positive, time (less is better), count, binary, score or log.
    task
        Name of the one task, if no column tells tasks apart.
    by, start
        Length of a period and a date in the first, for files with dates.
    first_ai_period
        First period in which AI exists, in the count of periods.
    control_arm
        The arm with which the others are compared.
    leave_out_zeros
        Leave rows out whose output is zero, where a zero is no value; they are counted.
    items
        Every row is an item of its own.
    aggregate
        One row a worker, task and period, with this value of its outputs.
    sheet
        Excel: the sheet; an .RData file: the data frame.
    labels
        Stata, SPSS: take value labels in place of values.
    """
    from withintask.panel.proposal import write_proposal
    from withintask.panel.propose import propose
    from withintask.panel.statements import Statements

    folder = out or file.with_suffix("")
    says = Statements(
        columns=_pairs(column or []),
        ignore=tuple(ignore or ()),
        covariates=tuple(covariate or ()),
        outcome=outcome,
        by=by,
        start=start,
        first_ai_period=first_ai_period,
        control_arm=control_arm,
        task=task,
        leave_out_zeros=leave_out_zeros,
        items=items,
        aggregate=aggregate,
        sheet=sheet,
        labels=labels,
    )
    proposal = propose(file, folder=folder, stated=says)
    manifest = write_proposal(proposal, folder)
    print(proposal.text)
    print(f"{manifest}: written, {len(proposal.doubts)} guesses marked with `?`")
    for doubt in proposal.doubts:
        print(f"  ? {doubt}")
    print(f"Next: withintask panel validate {folder}")


@app.command
def items(path: Path, *, out: Path, aggregate: Aggregate | None = None) -> None:
    """Write a copy of a panel whose rows share keys: every row an item, or one value of each cell.

    Parameters
    ----------
    path
        Folder with a panel.toml, the panel.toml itself, or a DuckDB file.
    out
        Folder (or .duckdb file) to write.
    aggregate
        Take one value of the outputs of a worker, task and period instead.
    """
    from withintask.panel.items import aggregate_items, declare_items
    from withintask.panel.store import read_panel, write_panel

    panel = read_panel(path, lazy=True, check=False)
    changed = aggregate_items(panel, aggregate) if aggregate else declare_items(panel)
    print(f"{write_panel(changed, out)}: written; next: withintask panel validate {out}")


@app.command
def describe(
    path: Path, *, json: Annotated[bool, Parameter(negative="")] = False, verify: bool = True
) -> None:
    """Say what kind of design a panel is, which estimators fit and which one is recommended.

    Parameters
    ----------
    path
        Folder with a panel.toml, the panel.toml itself, or a DuckDB file.
    json
        Print JSON instead of sentences.
    verify
        As for validate.
    """
    from withintask.panel.store import read_panel
    from withintask.report.design import describe_design

    print(describe_design(read_panel(path, verify=verify), as_json=json))


@app.command
def calibrate(path: Path, *, design: str, out: Path | None = None, verify: bool = True) -> None:
    """Take items, noise, ability tests, firms and mobility from a panel, as a design file.

    Parameters
    ----------
    path
        Folder with a panel.toml, the panel.toml itself, or a DuckDB file.
    design
        Design that the panel is like, such as rct-ability; what the panel does not show stays as it is there.
    out
        File to write, usable wherever a design is named; printed if none is given.
    verify
        As for validate.
    """
    from withintask.panel.atomic import save_text
    from withintask.panel.store import read_panel
    from withintask.sim.designs import load_design
    from withintask.tests_of_model.harness.pilot import as_design_file, taken
    from withintask.tests_of_model.harness.pilot import calibrate as calibrated

    like = load_design(design)
    text = as_design_file(design, taken(like, calibrated(like, read_panel(path, verify=verify))))
    if 'outcome = "binary"' in text:
        text += "# noise of single answers is not told from chance: it stays as in the design\n"
    if out is None:
        print(text, end="")
        return
    save_text(out, text)
    print(f"{out}: written; next: withintask power --hypothesis H1 --design {out}")


@app.command
def validate(
    path: Path,
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
    show_keys: Annotated[bool, Parameter(negative="")] = False,
    without_outputs: Annotated[bool, Parameter(negative="")] = False,
    verify: bool = True,
    allow_outside: Annotated[bool, Parameter(negative="")] = False,
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
    verify
        Compare each file with its SHA-256, where the manifest has it; --no-verify is for those in a hurry.
    allow_outside
        Read files outside the folder of the manifest, if it names some.
    """
    from withintask.panel.report import violation_report

    report = violation_report(
        path, with_outputs=not without_outputs, verify=verify, allow_outside=allow_outside
    )
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
    verify: bool = True,
    allow_outside: Annotated[bool, Parameter(negative="")] = False,
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
    verify, allow_outside
        As for validate.
    """
    from withintask.panel.profile import MIN_CELL
    from withintask.panel.profile import profile as profiled
    from withintask.panel.store import read_panel

    panel = read_panel(path, lazy=True, verify=verify, allow_outside=allow_outside)
    figures = profiled(panel, min_cell=MIN_CELL if min_cell is None else min_cell)
    print(figures.write_json() if json else _as_table(figures))


@app.command
def pseudonymize(
    path: Path,
    *,
    out: Path,
    key_file: Path | None = None,
    also: list[str] | None = None,
    verify: bool = True,
) -> None:
    """Write a copy of a panel with keyed hashes in place of the ids of people and firms.

    Parameters
    ----------
    path
        Folder with a panel.toml, the panel.toml itself, or a DuckDB file.
    out
        Folder (or .duckdb file) to write.
    key_file
        File with a secret of 16 to 64 bytes that only you can read, neither in a panel nor beside
        it; without it, the secret is taken from the environment variable WITHINTASK_PANEL_KEY.
    also
        Further id columns to replace, such as task_id.
    verify
        As for validate.
    """
    from withintask.panel.keys import read_key
    from withintask.panel.pseudonymize import PSEUDONYMIZED, pseudonymize_to

    key = read_key(key_file, keep_out_of=(path if path.is_dir() else path.parent, out))
    written = pseudonymize_to(
        path, out, key, columns=(*PSEUDONYMIZED, *(also or ())), verify=verify
    )
    print(f"{written}: written; the key is not stored")


@app.command
def sql(
    path: Path,
    *,
    estimator: str,
    term: str = "",
    dialect: Dialect = "duckdb",
    unit: CellUnit = "firm",
    outputs: str = "outputs",
    tasks: str = "tasks",
    suppress: int = 0,
    out: Path | None = None,
) -> None:
    """Write the query of sums by cell that an estimator needs, to be run where the data are.

    Parameters
    ----------
    path
        Folder with a panel.toml, the panel.toml itself, or a DuckDB file: a few rows with the columns that the database has.
    estimator
        One of those of docs/scale.md, such as dispersion_by_access.
    term
        What it is to estimate; its first term if left out.
    dialect
        The SQL of which database.
    unit
        What sums are by: firm, or worker where firms are fewer than six or do not hold whole workers.
    outputs, tasks
        Names of the tables in the database, such as lab.outputs.
    suppress
        Withhold the figures of cells of fewer workers than this.
    out
        File to write; printed if left out.
    """
    from withintask.panel.atomic import save_text
    from withintask.panel.own_files import scan_panel
    from withintask.tests_of_model.hypotheses.estimate_cells import query_of
    from withintask.tests_of_model.samples.cells_sql import cells_sql

    query = query_of(
        scan_panel(path, verify=False),
        estimator,
        term,
        unit=unit,
        dialect=dialect,
        outputs=outputs,
        tasks=tasks,
        fewest=suppress,
    )
    if out is None:
        print(cells_sql(query), end="")
        return
    save_text(out, cells_sql(query))
    print(f"{out}: written; run it there, then: withintask estimate --cells ANSWER.csv")


@app.command(name="import")
def import_(name: str, source_dir: Path, *, out: Path, layout: Layout | None = None) -> None:
    """Turn a published panel into one of ours.

    Parameters
    ----------
    name
        One of the published panels, such as radiology-times; withintask panel published lists them.
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


@app.command
def published() -> None:
    """List the published panels that import can read."""
    from withintask.ingest.panels.adapters import ADAPTERS
    from withintask.report.terminal import print_rows

    first = {name: (adapter.__doc__ or "").partition("\n")[0] for name, adapter in ADAPTERS.items()}
    print_rows(("name", "what it is"), list(first.items()))


def _pairs(stated: list[str]) -> dict[str, str]:
    """Read ours=theirs."""
    from withintask.panel.errors import ParameterError

    pairs = [pair.partition("=") for pair in stated]
    wrong = [ours for ours, sign, theirs in pairs if not sign or not theirs]
    if wrong:
        raise ParameterError(f"--column {', '.join(wrong)}: expected ours=theirs, worker_id=Agent")
    return {ours: theirs for ours, _, theirs in pairs}


def _as_json(name: str, violations: "pl.DataFrame") -> str:
    import json

    rows = violations.to_dicts()
    report = {"panel": name, "n_rules_broken": len(rows), "violations": rows}
    return json.dumps(report, ensure_ascii=False, indent=2)


def _as_table(frame: "pl.DataFrame") -> str:
    import polars as pl

    from withintask.report.terminal import frame_table, terminal_width

    joined = frame.with_columns(pl.col(pl.List(pl.String)).list.join("; "))
    return frame_table(joined, width=terminal_width())
