"""Commands of `withintask exposure`: add a measure of your own, list measures, compare them."""

from pathlib import Path
from typing import Literal

from cyclopts import App

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
    from withintask.report.terminal import frame_table

    print(frame_table(scan_table(db, "exposure_measure").collect()))


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
def timing(*, db: Path, since: str = "2022-01") -> None:
    """Date AI's arrival by country from the share of job postings that mention it.

    Parameters
    ----------
    db
        Store of `data build` with Indeed's AI postings.
    since
        First month to use, such as 2022-01.
    """
    from datetime import date

    from withintask.ingest.load import scan_table
    from withintask.panel.errors import ParameterError
    from withintask.report.terminal import frame_table
    from withintask.tests_of_model.evidence.timing import arrivals

    try:
        first = date.fromisoformat(f"{since}-01")
    except ValueError:
        raise ParameterError(f"since {since!r} is no month; write 2022-01") from None
    postings = scan_table(db, "ai_posting").collect()
    if postings.is_empty():
        raise ParameterError(
            f"{db}: no AI postings; build it from a folder that has AI_posting.csv"
        )
    print(frame_table(arrivals(postings, since=first)))
