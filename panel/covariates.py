"""Further columns that a panel declares: kept, checked for use as covariates, and described."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import SchemaError, all_named, list_problems, shortened
from withintask.panel.mapping import COVARIATE_TYPES
from withintask.panel.panel import Frame, Panel, PanelInfo
from withintask.panel.references import Breach

COLLINEAR = 1e-10
"""Share of a column's variance that is left once the columns before it are known."""

COVARIATE_KINDS: Mapping[object, str] = MappingProxyType(
    {dtype: kind for kind, dtype in COVARIATE_TYPES.items()}
)
"""What a covariate of a type is called in a manifest."""


def covariate_section(info: PanelInfo, table: str, frame: Frame) -> dict[str, Any]:
    """Render the covariates of a table as a manifest holds them; empty if there are none."""
    types = frame.lazy().collect_schema()
    kinds = {
        name: COVARIATE_KINDS[types[name]]
        for name in info.covariates_of(table)
        if types.get(name) in COVARIATE_KINDS
    }
    return {"covariates": kinds} if kinds else {}


def fail_if_not_written(panel: Panel) -> None:
    """Refuse declared covariates that a manifest has no type for, so that no panel is written that nobody can read.

    Raises
    ------
    SchemaError
        Names each of them.
    """
    problems = [
        f"{table}: {breach.meaning}"
        for table, frame in panel.tables().items()
        for name, dtype in frame.lazy().collect_schema().items()
        if name in panel.info.covariates_of(table)
        and (breach := _of_other_type(table, name, dtype)) is not None
    ]
    if problems:
        raise SchemaError(list_problems("panel", problems, advice="Nothing was written."))


def _of_other_type(table: str, name: str, dtype: pl.DataType) -> Breach | None:
    if dtype in COVARIATE_KINDS:
        return None
    meaning = (
        f"the covariate {shortened(name)} is Float64, Boolean or String, found {dtype}; cast it"
    )
    return Breach(table=table, rule=f"{shortened(name)}|dtype", n_rows=1, meaning=meaning)


def covariate_breaches(panel: Panel) -> Iterator[Breach]:
    """Check each declared covariate: it is there, of a type that can be used, varies and is new.

    Parameters
    ----------
    panel
        Any panel; lazy tables are streamed.
    """
    tables = panel.tables()
    for name in panel.info.covariates:
        table, _, column = name.partition(".")
        if table not in tables or column not in tables[table].lazy().collect_schema():
            meaning = f"the declared covariate {shortened(name)} is a column of a table"
            yield Breach(
                table=table, rule=f"{shortened(column)}|missing", n_rows=1, meaning=meaning
            )
    for table, frame in tables.items():
        types = frame.lazy().collect_schema()
        present = [name for name in panel.info.covariates_of(table) if name in types]
        usable = []
        for name in present:
            breach = _unusable(table, frame.lazy(), name, types[name])
            if breach is None:
                usable.append(name)
            else:
                yield breach
        yield from _collinear(table, frame.lazy(), [n for n in usable if types[n] != pl.String])


def _unusable(table: str, frame: pl.LazyFrame, name: str, dtype: pl.DataType) -> Breach | None:
    """Name a covariate of another type, without finite values or without variation."""
    from withintask.panel.schema import SCHEMAS

    column = pl.col(name)
    if name in SCHEMAS[table].column_names():
        meaning = (
            f"{shortened(name)} is a column of the table already; give the covariate another name"
        )
        return Breach(table=table, rule=f"{shortened(name)}|twice", n_rows=1, meaning=meaning)
    if (breach := _of_other_type(table, name, dtype)) is not None:
        return breach
    if dtype.is_float():
        n_bad = _value(frame, (~column.is_finite()).fill_null(False).sum())
        if n_bad:
            meaning = f"{shortened(name)} is finite"
            return Breach(table=table, rule=f"{shortened(name)}|inf", n_rows=n_bad, meaning=meaning)
    if _value(frame, column.drop_nulls().n_unique()) < 2:
        meaning = f"the covariate {shortened(name)} varies; one of a single value explains nothing: drop it"
        n_rows = max(1, _value(frame, pl.len()))
        return Breach(
            table=table, rule=f"{shortened(name)}|constant", n_rows=n_rows, meaning=meaning
        )
    return None


def _collinear(table: str, frame: pl.LazyFrame, names: list[str]) -> Iterator[Breach]:
    """Name covariates that are a linear combination of those declared before them."""
    if len(names) < 2:
        return
    numbers = [pl.col(name).cast(pl.Float64) for name in names]
    rows = frame.select(numbers).drop_nulls().collect(engine="streaming").to_numpy()
    for k, rest in enumerate(_left_over(rows)):
        if rest < COLLINEAR:
            meaning = f"{shortened(names[k])} is no combination of {all_named(names[:k])}; drop one of them"
            rule = f"{shortened(names[k])}|collinear"
            yield Breach(table=table, rule=rule, n_rows=max(1, len(rows)), meaning=meaning)


def _left_over(rows: Array) -> Array:
    """Share of each column's variance that the columns before it leave, (column,)."""
    if len(rows) <= rows.shape[1]:
        return np.ones(rows.shape[1])
    centred = rows - rows.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    scaled = centred / np.where(spread > 0, spread, 1)
    triangle = np.linalg.qr(scaled, mode="r")
    return np.asarray(np.diag(triangle) ** 2 / len(rows))


def _value(frame: pl.LazyFrame, expression: pl.Expr) -> int:
    return int(frame.select(expression).collect(engine="streaming").item())
