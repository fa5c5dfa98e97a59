"""Turn text columns into numbers and dates without losing a value unnoticed."""

from collections.abc import Sequence

import polars as pl

from withintask.panel.errors import SourceError, list_problems, quoted, some_examples

_NO_VALUE = ("", "n/a", "NA")
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"


def parse_numbers(rows: pl.DataFrame, names: Sequence[str], where: str) -> pl.DataFrame:
    """Read text columns as numbers; blank, ``n/a`` and ``NA`` are null. Digits are 0 to 9.

    Raises
    ------
    SourceError
        If any other cell is no finite number, with examples by row.
    """
    numbers = rows.with_columns(_number(name) for name in names)
    _refuse_losses(rows, numbers, names, where, "numbers")
    return numbers


def parse_months(rows: pl.DataFrame, names: Sequence[str], where: str) -> pl.DataFrame:
    """Read text columns such as ``08/2023`` as the first day of the month.

    Raises
    ------
    SourceError
        If a cell that is not blank or ``n/a`` is no month, with examples by row.
    """
    dates = rows.with_columns(
        ("01/" + _text(name)).str.to_date("%d/%m/%Y", strict=False).alias(name) for name in names
    )
    _refuse_losses(rows, dates, names, where, "months MM/YYYY")
    return dates


def _number(name: str) -> pl.Expr:
    text = _text(name)
    is_number = text.str.contains(_NUMBER)
    return pl.when(is_number).then(text.cast(pl.Float64, strict=False)).alias(name)


def _text(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars()
    return pl.when(~text.is_in(_NO_VALUE)).then(text).alias(name)


def _refuse_losses(
    before: pl.DataFrame, after: pl.DataFrame, names: Sequence[str], where: str, wanted: str
) -> None:
    is_good = after.select(
        (
            c.is_finite() if after.schema[c.meta.output_name()].is_float() else c.is_not_null()
        ).fill_null(value=False)
        for c in map(pl.col, names)
    )
    is_lost = before.select(_text(name).is_not_null() for name in names)
    is_lost = is_lost.select(pl.col(name) & ~is_good[name] for name in names)
    problems = []
    for name in (name for name in names if is_lost[name].any()):
        bad = before.filter(is_lost[name]).select("source_row", name).rows()
        cells = some_examples([f"row {row} {quoted(text)}" for row, text in bad])
        problems.append(f"column {quoted(name)}: {len(bad):,} cells are no {wanted}: {cells}")
    if problems:
        raise SourceError(list_problems(where, problems))
