"""Write a workbook in the layout of BLS: our own numbers can be read like published ones."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from withintask.ingest.oews.vintages import (
    MEANS,
    WAGE_KINDS,
    ColumnSpec,
    Layouts,
    Vintage,
    load_layouts,
)
from withintask.panel.atomic import replacing
from withintask.panel.errors import SchemaError, list_problems

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

_MARK_OF_BOUND = {"top_coded": "#", "below_half_percent": "~"}
_NO_WAGE, _NO_ESTIMATE = "*", "**"
_REQUIRED = ("occ_code", "occ_title", "o_group", "tot_emp")


def write_national_workbook(
    frame: pl.DataFrame, path: str | Path, year: int, *, is_synthetic: bool = True
) -> Path:
    """Write harmonized columns as a workbook in the layout of that year's national file.

    Percentiles at or above the year's top code are written as ``#``; means are not, for BLS
    publishes national means above it. A measure's
    `_status` column, where there is one, chooses the mark; without it, numbers are published and
    nulls are not available. Columns that the frame lacks are left blank, area and industry are
    national.

    Parameters
    ----------
    frame
        Columns of the table `oews`; at least `occ_code`, `occ_title`, `o_group` and `tot_emp`.
    path
        File to write, ``national_M<year>_dl.xlsx`` by custom; it appears only when complete.
    year
        Year of the layout and of the top code.
    is_synthetic
        Say in the workbook that it was written from a model; the reader carries this on as
        `is_synthetic`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SchemaError
        If a required column is missing.
    ParameterError
        If the year is unknown.
    """
    import xlsxwriter  # type: ignore[import-untyped]

    layouts = load_layouts()
    vintage = layouts.vintage(year)
    missing = [name for name in _REQUIRED if name not in frame.columns]
    if missing:
        raise SchemaError(list_problems("workbook rows", [f"no column {name}" for name in missing]))
    columns = [column for column in layouts.columns if year in column.headers]
    cells = frame.select(_cells(c, frame, vintage, layouts).alias(c.name) for c in columns)
    with replacing(Path(path)) as temporary, xlsxwriter.Workbook(str(temporary)) as book:
        data = book.add_worksheet(f"national_M{year}_dl")
        _write_table(data, [column.headers[year].upper() for column in columns], columns, cells)
        _write_notes(book.add_worksheet("Field Descriptions"), vintage, is_synthetic=is_synthetic)
    return Path(path)


def _cells(column: ColumnSpec, frame: pl.DataFrame, vintage: Vintage, layouts: Layouts) -> pl.Expr:
    """Text of the cells of one column; null for a blank cell."""
    if column.name not in frame.columns:
        return pl.lit(layouts.fill.get(column.name), dtype=pl.String)
    if column.kind == "flag":
        return pl.when(pl.col(column.name)).then(pl.lit("TRUE"))
    if not column.is_measure:
        return pl.col(column.name).cast(pl.String)
    number = pl.col(column.name)
    status = _status(column, frame, vintage)
    no_value = _NO_WAGE if column.kind in WAGE_KINDS or column.name == "mean_prse" else _NO_ESTIMATE
    return (
        pl.when(status == "published")
        .then(number.cast(pl.String).str.strip_suffix(".0"))
        .when(status.is_not_null())
        .then(status.replace_strict(_MARK_OF_BOUND, default=no_value, return_dtype=pl.String))
    )


def _status(column: ColumnSpec, frame: pl.DataFrame, vintage: Vintage) -> pl.Expr:
    number = pl.col(column.name)
    by_value = (
        pl.when(number.is_null()).then(pl.lit("not_available")).otherwise(pl.lit("published"))
    )
    name = f"{column.name}_status"
    status = pl.col(name).cast(pl.String) if name in frame.columns else by_value
    if column.kind not in WAGE_KINDS or column.name in MEANS:
        return status
    is_hourly = column.kind == "hourly_wage"
    cap = vintage.top_code.hourly_usd if is_hourly else vintage.top_code.annual_usd
    return (
        pl.when((status == "published") & (number >= cap))
        .then(pl.lit("top_coded"))
        .otherwise(status)
    )


def _write_table(
    sheet: "Worksheet", header: list[str], columns: list[ColumnSpec], cells: pl.DataFrame
) -> None:
    sheet.write_row(0, 0, header)
    for position, column in enumerate(columns):
        texts = cells[column.name].to_list()
        # BLS stores measures as numbers and marks, codes and flags as text; so do we.
        write = sheet.write if column.is_measure else sheet.write_string
        for row, text in enumerate(texts, start=1):
            if text is not None:
                number = _as_number(text) if column.is_measure else None
                write(row, position, text if number is None else number)


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _write_notes(sheet: "Worksheet", vintage: Vintage, *, is_synthetic: bool) -> None:
    top = vintage.top_code
    lines = [f"May {vintage.year} OEWS Estimates"]
    if is_synthetic:
        lines.append(
            "SYNTHETIC: computed from a model in the layout of BLS; these are not BLS estimates"
        )
    lines += [
        "Notes:",
        "*  = indicates that a wage estimate is not available",
        "**  = indicates that an employment estimate is not available",
        "#  = indicates a wage equal to or greater than "
        f"${top.hourly_usd:,.2f} per hour or ${top.annual_usd:,.0f} per year",
        "~ = indicates that less than 0.5% of establishments report the occupation",
    ]
    sheet.write_column(0, 0, lines)
