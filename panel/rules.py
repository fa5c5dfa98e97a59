"""The rules of a schema as named Boolean expressions over one row, with a sentence each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import dataframely as dy

_COLUMN_MEANINGS = {
    "nullability": "is never null",
    "min_length": "is not empty text; leave it null if not known",
    "min": "is at least {column.min}",
    "min_exclusive": "is above {column.min_exclusive}",
    "max": "is at most {column.max}",
    "inf": "is finite",
    "nan": "is a number, not NaN",
    "check__one_of": "is one of {column.metadata[values]}",
}


@dataclass(frozen=True, kw_only=True)
class RowRule:
    """A rule that every row of a table keeps."""

    name: str
    """``column|rule`` for a rule of one column, else the name of the rule"""
    valid: pl.Expr
    """true where the row keeps the rule; never null"""
    meaning: str
    """what the rule says, in words"""

    @property
    def columns(self) -> frozenset[str]:
        """The columns the rule reads."""
        return frozenset(self.valid.meta.root_names())


def row_rules(schema: "type[dy.Schema]") -> tuple[RowRule, ...]:
    """Return the rules of a schema, those of columns first, without that of the primary key.

    Notes
    -----
    A column's rule holds where the column is null; whether it may be null is the rule
    ``column|nullability``. A rule over several columns says itself what null means, so that null
    counts as broken there.
    """
    of_columns = [
        RowRule(
            name=f"{name}|{rule}",
            valid=valid if rule == "nullability" else valid.fill_null(True),
            meaning=f"{name} {_COLUMN_MEANINGS.get(rule, rule).format(column=column)}",
        )
        for name, column in schema.columns().items()
        for rule, valid in column.validation_rules(pl.col(name)).items()
    ]
    of_rows = [
        RowRule(name=name, valid=rule.expr.fill_null(False), meaning=_sentence(schema, name))
        for name, rule in schema._schema_validation_rules().items()
    ]
    return tuple(of_columns + of_rows)


def with_absent_columns(
    frame: pl.LazyFrame, schema: "type[dy.Schema]", present: Mapping[str, pl.DataType]
) -> pl.LazyFrame:
    """Add the optional columns that a table leaves out, null in every row."""
    absent = [
        pl.lit(None, dtype=column.dtype).alias(name)
        for name, column in schema.columns().items()
        if name not in present and column.nullable
    ]
    return frame.with_columns(absent) if absent else frame


def _sentence(schema: "type[dy.Schema]", rule: str) -> str:
    factory = next(vars(c)[rule] for c in schema.__mro__ if rule in vars(c))
    return (factory.validation_fn.__doc__ or rule).strip().splitlines()[0].rstrip(".")
