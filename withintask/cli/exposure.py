"""Commands of `withintask exposure`: add a measure of your own, list measures, compare them."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import App

if TYPE_CHECKING:
    import datetime as dt

    import polars as pl

    from withintask.panel.periods import PeriodRule

app = App(name="exposure", help="Measures of exposure to AI: add your own, list, compare.")

Scale = Literal["", "zscore", "rank", "minmax"]


@app.command
def add(
    file: Path,
    *,
    code: str,
    value: str,
    code_column: str = "",
    name: str = "",
    scale: Scale = "",
    unit: str = "",
    population: str = "",
    period: str = "",
    citation: str = "",
) -> None:
    """Describe a table of your own, so that `data build` reads it as a measure.

    Parameters
    ----------
    file
        Table as csv, tsv, txt or xlsx; one row a code.
    code
        Classification of the codes: soc2018, soc2010, onet2019, onet2010, oes2018, hybrid2019, oews2021 or isco08.
    value
        Column of the values; any range. A blank is unknown.
    code_column
        Column of the codes, if their form does not say which it is.
    name
        Name of the measure; that of the column if left out.
    scale
        Add the measure on this scale as well.
    unit, population, period, citation
        What the measure is, for the table exposure_measure.
    """
    from withintask.ingest.exposure.own import add_measure
    from withintask.panel.errors import some_examples

    texts = {"unit": unit, "population": population, "period": period, "citation": citation}
    added = add_measure(
        file,
        code=code,
        value=value,
        code_column=code_column,
        name=name,
        scale=scale,
        texts={key: text for key, text in texts.items() if text},
    )
    rows = added.rows
    names = ", ".join(rows["measure"].unique().sort())
    n_codes = rows["source_code"].n_unique()
    unknown = rows.filter(rows["value"].is_null())["source_code"].n_unique()
    print(
        f"{names}: {n_codes:,} codes, {unknown:,} without a value; described in {added.description}"
    )
    if added.unmatched:
        shown = some_examples(added.unmatched)
        print(f"{len(added.unmatched):,} codes lead to no SOC 2018 code: {shown}")
    print(f"`withintask data build {file.parent} --db STORE` reads it")


@app.command(name="list")
def list_measures(*, db: Path) -> None:
    """List the measures of a store: whose work, when, unit, range, match.

    Parameters
    ----------
    db
        Store of `data build`.
    """
    from withintask.ingest.load import scan_table
    from withintask.report.terminal import print_frame

    print_frame(scan_table(db, "exposure_measure").collect())


@app.command
def compare(*, db: Path, year: int | None = None, out: Path | None = None) -> None:
    """Hold measures against each other: coverage, rank correlations, disagreement.

    Parameters
    ----------
    db
        Store of `data build` with OEWS and measures.
    year
        May of this year; the last of the store if left out.
    out
        Markdown file to write instead of printing.
    """
    from withintask.ingest.exposure.compare import compare_measures
    from withintask.panel.atomic import save_text
    from withintask.report.exposure_page import exposure_page

    page = exposure_page(compare_measures(db, year=year))
    if out is None:
        print(page, end="")
        return
    save_text(out, page)
    print(f"{out}: written")


@app.command
def trends(
    *, db: Path, out: Path, years: str = "", draws: int = 1999, seed: int = 1, replicates: int = 40
) -> None:
    """Regress occupation outcomes on every measure of exposure by year, beside the simulator.

    Parameters
    ----------
    db
        Store of `data build` with national OEWS and measures.
    out
        Folder for the page, its figures and tables.
    years
        Years such as 2019-2025; all of the store if left out.
    draws, seed
        Draws for p-values of many questions, and their seed.
    replicates
        Panels of the simulator's oews design.
    """
    from withintask.ingest.occupation_years import occupation_panel
    from withintask.ingest.options import parse_years
    from withintask.report.occupations import write_occupations
    from withintask.sim.params import load_params
    from withintask.tests_of_model.evidence.occupation_trends import occupation_evidence
    from withintask.tests_of_model.evidence.occupation_truth import shown_compression

    panel = occupation_panel(db, years=parse_years(years))
    evidence = occupation_evidence(panel.outcomes, panel.exposure, n_draws=draws, seed=seed)
    shown = shown_compression(load_params(), n_replicates=replicates, seed=seed)
    for path in write_occupations(evidence, shown, out):
        print(path)


@app.command
def timing(
    *,
    db: Path | None = None,
    file: Path | None = None,
    btos: Path | None = None,
    date: str = "date",
    share: str = "share",
    by: str = "sector",
    since: str = "2022-01",
    every: Literal["", "day", "week", "month", "quarter", "year"] = "",
    start: str = "",
    first: int = 1,
) -> None:
    """Date AI's arrival by country, or by sector, from a series that tells how far it has spread.

    Parameters
    ----------
    db
        Store of `data build` with Indeed's AI postings.
    file
        A series of your own instead (csv, tsv, xlsx): one row a series and day, such as the use of AI by sector in a survey of firms.
    btos
        A table of the Census Bureau's Business Trends and Outlook Survey instead, such as Sector.xlsx.
    date, share, by
        Columns of the file: day, share in percent, and what tells the series apart.
    since
        First month to use, such as 2022-01.
    every, start, first
        Periods of your panel: their length, a day of the first one, and its number. Prints the first_ai_period that the series suggests.
    """
    from withintask.report.terminal import print_frame
    from withintask.tests_of_model.evidence.timing import arrivals, with_first_period

    rule = _periods(every, start, first)
    series = _series(db, file, btos, {"date": date, "share": share, "by": by})
    found = arrivals(series, since=_month(since), is_daily=db is not None)
    if db is None:
        found = found.rename({"country": by})
    print_frame(found if rule is None else with_first_period(found, rule), digits=3)


def _series(
    db: Path | None, file: Path | None, btos: Path | None, columns: dict[str, str]
) -> "pl.DataFrame":
    """Read the one series that was named."""
    from withintask.ingest.btos import read_btos
    from withintask.ingest.load import scan_table
    from withintask.ingest.postings import read_series
    from withintask.panel.errors import ParameterError

    if sum(path is not None for path in (db, file, btos)) != 1:
        raise ParameterError(
            "give one of --db, a store with AI postings, --file, a series of your own, and --btos"
        )
    if file is not None:
        return read_series(file, **columns)
    if btos is not None:
        return read_btos(btos)
    series = scan_table(db or "", "ai_posting").collect()
    if series.is_empty():
        raise ParameterError(
            f"{db}: no AI postings; build it from a folder that has AI_posting.csv"
        )
    return series


def _month(text: str) -> "dt.date":
    from datetime import date as day

    from withintask.panel.errors import ParameterError, quoted

    try:
        return day.fromisoformat(f"{text}-01")
    except ValueError:
        raise ParameterError(f"since {quoted(text)} is no month; write 2022-01") from None


def _periods(every: str, start: str, first: int) -> "PeriodRule | None":
    from withintask.panel.errors import ParameterError, list_problems
    from withintask.panel.periods import period_rule

    if not every and not start:
        return None
    given = {key: text for key, text in (("by", every), ("start", start)) if text}
    rule, problems = period_rule({**given, "first": first})
    if problems:
        raise ParameterError(list_problems("--every and --start", problems))
    return rule
