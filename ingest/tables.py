"""Describe the tables of the store: their columns, units and keys.

The DuckDB tables, their comments and the data dictionary are all made from these descriptions.
"""

from dataclasses import dataclass

import polars as pl

from withintask.panel.errors import SchemaError, list_problems, some_examples

_LARGEST_EXACT = 2.0**53
"""From here on a float skips whole numbers."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a stored table."""

    name: str
    dtype: pl.DataType
    description: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One stored table."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that identify a row; no two rows agree on all of them."""

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> pl.Schema:
        """Polars schema."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def empty(self) -> pl.DataFrame:
        """Return the table without rows."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame with exactly these columns and types.

        Raises
        ------
        SchemaError
            If a column is missing or its values do not fit the type.
        """
        missing = [name for name in self.names if name not in frame.columns]
        if missing:
            raise SchemaError(
                list_problems(f"table {self.name}", [f"no column {m}" for m in missing])
            )
        self._refuse_fractions(frame)
        try:
            return frame.select(self.names).cast(self.schema)
        except pl.exceptions.PolarsError as fault:
            raise SchemaError(f"table {self.name}: {str(fault).splitlines()[0]}") from fault

    def _refuse_fractions(self, frame: pl.DataFrame) -> None:
        """Refuse numbers with a fraction, or too large to be exact, where whole ones are kept."""
        problems = []
        for col in self.columns:
            if not col.dtype.is_integer() or not frame[col.name].dtype.is_float():
                continue
            values = frame[col.name].drop_nulls()
            lost = values.filter((values != values.round()) | (values.abs() >= _LARGEST_EXACT))
            if lost.len():
                shown = some_examples([f"{value:g}" for value in lost.to_list()])
                problems.append(f"{col.name}: {lost.len():,} values are no whole numbers: {shown}")
        if problems:
            raise SchemaError(list_problems(f"table {self.name}", problems))


@dataclass(frozen=True, kw_only=True)
class View:
    """A stored query."""

    table: Table
    """Name, description and columns."""
    sql: str


def column(
    name: str, dtype: type[pl.DataType] | pl.DataType, description: str, unit: str = ""
) -> Column:
    """Describe a column in one line."""
    exact = dtype if isinstance(dtype, pl.DataType) else dtype()
    return Column(name=name, dtype=exact, description=description, unit=unit)
