"""Use of AI by firms, by sector or state, from tables of the Census Bureau's Business Trends and Outlook Survey.

The Bureau publishes one workbook a breakdown (``Sector.xlsx``, ``State.xlsx``, ``National.xlsx``): a row a question and answer,
a column a cycle of two weeks, named by the year and the number of the cycle in it (``202319``), percent of firms in the cells and
``S`` where a figure does not meet publication standards. The question on present use asks whether the business did use artificial
intelligence in producing goods or services; that on the next six months is another one. No such file is among those that the
project is developed with: the layout is the one that the Bureau documents and users of the files describe.
"""

import re
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from withintask.ingest.parse import parse_numbers
from withintask.ingest.text_tables import TextTable, read_table
from withintask.panel.errors import SourceError, list_problems

_CYCLE = re.compile(r"20[0-9]{4}")
_CYCLES_A_YEAR = 27
_DAYS_A_CYCLE = 14
_BREAKDOWNS = ("sector", "state", "subsector", "metro", "cbsa", "employment_size_class", "naics2")
_ASKED = r"(?i)artificial intelligence"
_LATER = r"(?i)six months|will this business|next"
_SUPPRESSED = "S"


def read_btos(path: Path) -> pl.DataFrame:
    """Read the share of firms that use AI now, by whatever the table is broken down by.

    Parameters
    ----------
    path
        A table of estimates as xlsx or csv.

    Returns
    -------
    polars.DataFrame
        `country, date, ai_share`: the name of the sector or state (``all`` without one), the first
        day of the cycle and percent of firms; figures that are not published are left out.

    Raises
    ------
    SourceError
        If there is no question on present use of AI, no cycle, or a cell is no percent.
    """
    table = read_table(path, path.name, ["question", "answer"])
    cycles = [name for name in table.rows.columns if _CYCLE.fullmatch(name)]
    asked = table.rows.filter(
        pl.col("question").str.contains(_ASKED),
        ~pl.col("question").str.contains(_LATER),
        pl.col("answer").str.to_lowercase().str.starts_with("yes"),
    )
    problems = [] if cycles else ["no column of a cycle, such as 202319"]
    problems += (
        []
        if asked.height
        else ["no answer Yes to a question on present use of artificial intelligence"]
    )
    problems += _wrong_cycles(cycles)
    if problems:
        raise SourceError(list_problems(table.where, problems))
    named = asked.with_columns(country=_breakdown(table))
    long = named.unpivot(
        cycles, index=["country", "source_row"], variable_name="cycle", value_name="ai_share"
    )
    text = pl.col("ai_share").str.strip_chars().str.strip_suffix("%")
    known = long.with_columns(text).filter(pl.col("ai_share") != _SUPPRESSED)
    rows = parse_numbers(known, ["ai_share"], table.where).drop_nulls("ai_share")
    days = {cycle: _first_day(cycle) for cycle in cycles}
    dated = rows.with_columns(date=pl.col("cycle").replace_strict(days, return_dtype=pl.Date))
    _refuse_twice(dated, table)
    return dated.select("country", "date", "ai_share").sort("country", "date")


def _breakdown(table: TextTable) -> pl.Expr:
    name = next((name for name in _BREAKDOWNS if name in table.rows.columns), None)
    return pl.lit("all") if name is None else pl.col(name)


def _wrong_cycles(cycles: list[str]) -> list[str]:
    return [
        f"column {cycle}: a year has cycles 01 to {_CYCLES_A_YEAR}"
        for cycle in cycles
        if not 1 <= int(cycle[4:]) <= _CYCLES_A_YEAR
    ]


def _first_day(cycle: str) -> date:
    """First day of a cycle, to within days: cycles last two weeks and are numbered from January."""
    return date(int(cycle[:4]), 1, 1) + timedelta(days=_DAYS_A_CYCLE * (int(cycle[4:]) - 1))


def _refuse_twice(rows: pl.DataFrame, table: TextTable) -> None:
    twice = rows.filter(pl.struct("country", "date").is_duplicated())
    if twice.height:
        lines = sorted(set(twice["source_row"].to_list()))
        raise SourceError(
            f"{table.where}: rows {', '.join(map(str, lines[:5]))} answer the same question for the same group"
        )
