"""Compare two periods, and refuse to do so across a break in the series unless told to.

May 2021 is the first year of full SOC 2018 codes and of model-based estimates. Dispersion measured
in published percentiles falls in that year for reasons that are not economic, so a difference
across the break is a difference of methods as well.
"""

from dataclasses import dataclass

import polars as pl

from withintask.ingest.oews.comparable import CELL
from withintask.ingest.oews.vintages import load_layouts
from withintask.panel.errors import ParameterError, list_problems, quoted

_CODES = ("comparable_code", "occ_code")


@dataclass(frozen=True, kw_only=True)
class PeriodComparison:
    """Change of a measure between two years, occupation by occupation."""

    changes: pl.DataFrame
    """Cell columns, code, `value_from, value_to, change_log, across_break`."""
    across_break: bool
    """The two years lie in different segments."""
    note: str
    """What a reader of the numbers must know; empty if nothing."""


def compare_periods(
    wages: pl.DataFrame, measure: str, *, from_year: int, to_year: int, across_break: bool = False
) -> PeriodComparison:
    """Return the change in logarithms of a measure between two years.

    Parameters
    ----------
    wages
        Rows of `oews_comparable`, or of `oews` with one row an occupation and year.
    measure
        Column of positive numbers. Rows where its value is only a bound have no change.
    from_year, to_year
        The years to compare.
    across_break
        Compare although the years lie in different segments; the result then says so.

    Raises
    ------
    ParameterError
        If the years lie in different segments and `across_break` is not set, or a column or year
        is missing.
    """
    layouts = load_layouts()
    first, last = (layouts.vintage(year).segment for year in (from_year, to_year))
    note = _note(from_year, first, to_year, last) if first != last else ""
    if note and not across_break:
        raise ParameterError(f"{note} Pass across_break=True to compare them nevertheless.")
    code = _CODES[0] if _CODES[0] in wages.columns else _CODES[1]
    keys = [*(name for name in CELL if name != "year"), code]
    _refuse_missing(wages, [*keys, "year", measure], [from_year, to_year])
    old, new = (_values(wages, measure, year, keys) for year in (from_year, to_year))
    changes = old.join(new, on=keys, suffix="_to", nulls_equal=True).select(
        *keys,
        pl.col("value").alias("value_from"),
        pl.col("value_to"),
        (pl.col("value_to") / pl.col("value")).log().alias("change_log"),
        pl.lit(bool(note)).alias("across_break"),
    )
    return PeriodComparison(changes=changes.sort(keys), across_break=bool(note), note=note)


def _note(from_year: int, first: str, to_year: int, last: str) -> str:
    segments = load_layouts().segments
    return (
        f"May {from_year} ({segments[first]}) and May {to_year} ({segments[last]}) lie on both "
        "sides of a break: a difference between them is also one of methods and classifications."
    )


def _refuse_missing(wages: pl.DataFrame, names: list[str], years: list[int]) -> None:
    problems = [f"no column {quoted(name)}" for name in names if name not in wages.columns]
    if not problems:
        there = set(wages["year"].unique())
        problems = [f"no rows of {year}" for year in years if year not in there]
    if problems:
        raise ParameterError(list_problems("the table to compare", problems))


def _values(wages: pl.DataFrame, measure: str, year: int, keys: list[str]) -> pl.DataFrame:
    value = pl.col(measure)
    if f"{measure}_bound" in wages.columns:
        value = pl.when(pl.col(f"{measure}_bound").is_null()).then(value)
    elif f"{measure}_status" in wages.columns:
        value = pl.when(pl.col(f"{measure}_status") != "top_coded").then(value)
    rows = wages.filter(pl.col("year") == year).select(*keys, value.cast(pl.Float64).alias("value"))
    if rows.select(keys).is_duplicated().any():
        raise ParameterError(
            f"May {year}: several rows an occupation; keep detailed rows of one level"
        )
    return rows
