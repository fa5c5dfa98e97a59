"""One cell of a data owner's file as one of our values; null where it cannot be read."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import polars as pl

from withintask.panel.mapping import TableMapping
from withintask.panel.periods import as_date, as_moment, as_period

_TRUTH = {"true": True, "false": False}
_WHOLE = 2.0**53
"""From here on floats skip whole numbers."""

FUNCTIONS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = MappingProxyType(
    {
        "reciprocal": lambda value: 1 / value,
        "log": lambda value: value.log(),
        "exp": lambda value: value.exp(),
        "negate": lambda value: -value,
    }
)
"""Functions that a mapping can apply to a number, after its scale and shift."""


def cell_value(
    name: str, ours: str, mapping: TableMapping, theirs: pl.DataType, dtype: pl.DataType
) -> pl.Expr:
    """Read their column as ours.

    Parameters
    ----------
    name
        Their column.
    ours
        Our column.
    mapping
        Codes, dates, scale, shift and function of our column, if any.
    theirs, dtype
        The types of the two columns.
    """
    raw = pl.col(name)
    if ours in mapping.strip and theirs == pl.String:
        raw = raw.str.replace_all(r"\s+", " ").str.strip_chars()
    if ours in mapping.since:
        return _since(raw, theirs, mapping, ours)
    if ours in mapping.dates:
        rule = mapping.dates[ours]
        return as_period(as_date(raw, theirs, rule.format), rule)
    if ours in mapping.ranked:
        moment = as_moment(raw, theirs, mapping.ranked[ours])
        return moment.rank("dense").over(mapping.columns["worker_id"]).cast(dtype)
    if ours in mapping.codes:
        return _coded(raw, mapping.codes[ours], theirs, dtype)
    is_text = theirs == pl.String
    if is_text and dtype != pl.String and mapping.is_text:
        value = _parsed(raw, dtype, mapping)
    elif ours in mapping.convert:
        value = _converted(raw, theirs, dtype)
    else:
        value = raw
    if ours in mapping.null_if:
        value = pl.when(~value.is_in(list(map(float, mapping.null_if[ours])))).then(value)
    return _changed(value, ours, mapping)


def _coded(
    raw: pl.Expr, codes: Mapping[str, object], theirs: pl.DataType, dtype: pl.DataType
) -> pl.Expr:
    """Look their value up; a whole number in a file of numbers is written without point."""
    text = raw.cast(pl.Int64, strict=False) if theirs.is_float() else raw
    found = text.cast(pl.String).replace_strict(
        list(codes), list(codes.values()), default=None, return_dtype=dtype
    )
    return pl.when(raw == raw.floor()).then(found) if theirs.is_float() else found


def _since(raw: pl.Expr, theirs: pl.DataType, mapping: TableMapping, ours: str) -> pl.Expr:
    """Whether the row's date has reached the date in another of their columns."""
    rule = mapping.since[ours]
    pattern = str(rule.get("format", "%Y-%m-%d"))
    start = as_date(pl.col(str(rule["from"])), theirs, pattern)
    reached = as_date(raw, theirs, pattern) >= start
    if rule.get("never_if_null"):
        never = pl.col(str(rule["from"])).is_null()
        return pl.when(never).then(pl.lit(False)).otherwise(reached)
    return reached


def _parsed(text: pl.Expr, dtype: pl.DataType, mapping: TableMapping) -> pl.Expr:
    if dtype == pl.Boolean:
        return text.replace_strict(
            list(_TRUTH), list(_TRUTH.values()), default=None, return_dtype=pl.Boolean
        )
    if dtype.is_float():
        return _number(text, mapping)
    return text.cast(dtype, strict=False)


def _number(text: pl.Expr, mapping: TableMapping) -> pl.Expr:
    """Read a number as the mapping says it is written; a number too large for a float is null."""
    written_out = text.str.contains(r"(?i)^[+-]?(nan|inf|infinity)$")
    if not mapping.thousands and not mapping.decimal_comma:
        plain_number = text.cast(pl.Float64, strict=False)  # reads these forms and no other
        return pl.when(written_out | plain_number.is_finite()).then(plain_number)
    point = "," if mapping.decimal_comma else "."
    plain = rf"^[+-]?([0-9]+[{point}]?[0-9]*|[{point}][0-9]+)([eE][+-]?[0-9]+)?$"
    is_number = text.str.contains(plain)
    digits = text
    if mapping.thousands:
        groups = rf"^[+-]?[0-9]{{1,3}}([{mapping.thousands}][0-9]{{3}})+([{point}][0-9]*)?$"
        is_grouped = text.str.contains(groups)
        bare = text.str.replace_all(mapping.thousands, "", literal=True)
        digits, is_number = pl.when(is_grouped).then(bare).otherwise(text), is_number | is_grouped
    if mapping.decimal_comma:
        digits = digits.str.replace(",", ".", literal=True)
    number = digits.cast(pl.Float64, strict=False)
    return pl.when(written_out | (is_number & number.is_finite())).then(number)


def _converted(raw: pl.Expr, theirs: pl.DataType, dtype: pl.DataType) -> pl.Expr:
    """Change the type where no value is lost; null where one would be."""
    if theirs == dtype:
        return raw
    if theirs.is_float() and not dtype.is_float():
        is_whole = (raw == raw.floor()) & (raw.abs() < _WHOLE)
        return pl.when(is_whole).then(_of_whole(raw.cast(pl.Int64, strict=False), dtype))
    if dtype.is_float():
        number = raw.cast(pl.Float64, strict=False)
        kept = number.cast(theirs, strict=False) == raw
        return pl.when(kept).then(number) if theirs.is_numeric() else number
    return _of_whole(raw, dtype)


def _of_whole(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Boolean:
        return pl.when(value.is_in([0, 1])).then(value == 1)
    return value.cast(dtype, strict=False)


def _changed(value: pl.Expr, ours: str, mapping: TableMapping) -> pl.Expr:
    """Ours = f(theirs x scale + shift); null where that is no finite number."""
    if ours in mapping.scale:
        value = value * mapping.scale[ours]
    if ours in mapping.shift:
        value = value + mapping.shift[ours]
    if ours in mapping.functions:
        value = FUNCTIONS[mapping.functions[ours]](value)
        return pl.when(value.is_finite()).then(value)
    return value
