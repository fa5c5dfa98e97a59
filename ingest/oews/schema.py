"""The harmonized OEWS table and the audit: columns, units, keys, allowed codes."""

from functools import cache

import polars as pl

from withintask.ingest.oews.clean import Bound, Status
from withintask.ingest.oews.reference import load_codes
from withintask.ingest.oews.vintages import ColumnSpec, load_layouts
from withintask.ingest.tables import Column, Table, column
from withintask.panel.errors import list_problems, some_examples

LEVELS = ("national", "industry", "state", "metro", "nonmetro")
O_GROUPS = ("total", "major", "minor", "broad", "detailed")
KEY = ("year", "area", "naics", "i_group", "own_code", "occ_code", "o_group")

_TOTAL, _MAJOR = "00-0000", "11"
_CODE_FORM = r"^[0-9]{2}-[0-9]{4}$"
_NAICS_FORM = r"^([0-9]{2}|[0-9]{2}-[0-9]{2}|[0-9]{4}[0-9A-Z][0-9])$"
"""Sectors of two digits or two of them, industries of six; some of BLS's own have a letter."""
_AREA_FORM = r"^[0-9]{2}$|^[0-9]{5}$|^[0-9]{7}$"
_LEADING = (
    column("year", pl.Int16, "May of this year"),
    column("segment", pl.String, "Years with the same segment may be compared"),
    column("level", pl.String, f"One of {', '.join(LEVELS)}"),
)
_TRAILING = (
    column(
        "is_collapsed_hourly", pl.Boolean, "Neighbouring hourly percentiles are published and equal"
    ),
    column(
        "is_collapsed_annual", pl.Boolean, "Neighbouring annual percentiles are published and equal"
    ),
    column(
        "top_code_hourly_usd",
        pl.Float64,
        "Hourly wages at or above this are shown as a bound",
        "USD per hour",
    ),
    column(
        "top_code_annual_usd",
        pl.Float64,
        "Annual wages at or above this are shown as a bound",
        "USD per year",
    ),
    column("is_synthetic", pl.Boolean, "The file says that it was written from a model"),
    column("source_file", pl.String, "File the row was read from"),
    column("source_row", pl.Int64, "Row in that file, counted as a spreadsheet counts"),
)


def _columns_of(spec: ColumnSpec) -> tuple[Column, ...]:
    if not spec.is_measure:
        dtype = pl.Boolean if spec.kind == "flag" else pl.String
        return (column(spec.name, dtype, spec.description, spec.unit),)
    return (
        column(spec.name, pl.Float64, spec.description, spec.unit),
        column(f"{spec.name}_bound", Bound, f"Null, or {spec.name} is only a bound: >= or <"),
        column(
            f"{spec.name}_status",
            Status,
            f"Why {spec.name} is what it is; null where the cell is blank",
        ),
    )


OEWS = Table(
    name="oews",
    description="Occupational Employment and Wage Statistics: one row an occupation, area and year",
    columns=(
        *_LEADING,
        *(c for spec in load_layouts().columns for c in _columns_of(spec)),
        *_TRAILING,
    ),
    key=KEY,
)


def code_problems(wages: pl.DataFrame, where: str, classification: str) -> str:
    """Describe rows whose codes are outside the classification; empty if there are none.

    Parameters
    ----------
    wages
        Harmonized rows of one table.
    where
        File and sheet, for the message.
    classification
        Classification of its year.
    """
    rules = {
        "occ_code is not of the form 12-3456": ~pl.col("occ_code").str.contains(_CODE_FORM),
        f"occ_code is in no list of {classification}": _is_outside(classification),
        f"o_group is not one of {', '.join(O_GROUPS)}": ~pl.col("o_group").is_in(O_GROUPS),
        "area_type is not 1, 2, 3, 4 or 6": pl.col("level").is_null(),
        "naics, i_group or area is blank": pl.any_horizontal(
            pl.col("naics", "i_group", "area").is_null()
        ),
        "naics is no sector and no industry of six digits (a lost zero?)": _is_not("naics"),
        "area has not 2, 5 or 7 digits (a lost zero?)": _is_not("area"),
        "naics is 000000, i_group is not cross-industry, or the other way round": _contradicts(),
    }
    strict = {claim: rule.fill_null(value=True) for claim, rule in rules.items()}
    counts = wages.select(rule.sum().alias(claim) for claim, rule in strict.items())
    problems = []
    for claim, count in counts.row(0, named=True).items():
        if count:
            code = pl.col("occ_code").fill_null("blank")
            row = pl.col("source_row").cast(pl.String).fill_null("?")
            shown = wages.filter(strict[claim]).select(pl.format("row {} {}", row, code))
            problems.append(
                f"{claim}: {count:,} rows: {some_examples(shown.to_series().to_list())}"
            )
    return list_problems(where, problems) if problems else ""


def _is_not(name: str) -> pl.Expr:
    form = {"naics": _NAICS_FORM, "area": _AREA_FORM}[name]
    return pl.col(name).is_not_null() & ~pl.col(name).str.contains(form)


def _contradicts() -> pl.Expr:
    """Tell whether a row of all industries says that it is of one; unknown codes do not."""
    is_all = pl.col("naics").str.contains(r"^00000[0-9]$")
    is_said = pl.col("i_group").str.starts_with("cross-industry")
    return (is_all != is_said).fill_null(value=False)


@cache
def _is_outside(classification: str) -> pl.Expr:
    """Tell whether a well-formed code is outside the classification.

    The lists of 2019 on are complete. Those of 2014-2018 hold detailed codes only, so there a code
    counts as known if its major group is.
    """
    codes = load_codes().filter(pl.col("classification") == classification)
    is_complete = (codes["o_group"] == "total").any()
    width = len(_TOTAL if is_complete else _MAJOR)
    known = {code[:width] for code in [*codes["occ_code"], _TOTAL]}
    code = pl.col("occ_code")
    return code.str.contains(_CODE_FORM) & ~code.str.slice(0, width).is_in(sorted(known))
