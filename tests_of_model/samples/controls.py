"""Covariates, fixed effects and weights that a user names: found in a panel, checked at once, and brought to rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, floats
from withintask.panel.errors import EstimationError, ParameterError, list_problems, nearest
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup

_KEYS = {
    "workers": ("worker_id",),
    "tasks": ("task_id",),
    "items": ("item_id",),
    "occupations": ("occupation_code",),
    "firms": ("firm_id", "period"),
}
"""Tables whose columns rows of another table can have, and the keys by which they are found."""
_ROWS = ("outputs", "pay", "postings")
"""Tables whose rows estimators regress."""
_MOST_LEVELS = 200
"""Levels of a category above which indicators are not written out; absorb it instead."""


@dataclass(frozen=True, kw_only=True)
class Adjust:
    """What a user asks to be taken into account."""

    controls: tuple[str, ...] = ()
    """Columns, ``tenure`` or ``workers.tenure``; ``C(site)`` for a category. Declared covariates if empty."""
    absorb: tuple[str, ...] = ()
    """Columns whose levels are fixed effects."""
    weight: str = ""
    """Column of sampling weights, beside ``outputs.weight``."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.controls or self.absorb or self.weight)


NOTHING = Adjust()


def check_adjust(panel: Panel, adjust: Adjust) -> tuple[str, ...]:
    """Check all names at once, and say which controls AI may have moved.

    Parameters
    ----------
    panel
        In memory.
    adjust
        What was asked for.

    Returns
    -------
    tuple of str
        A warning for each control that changes within workers (or firms) after AI's arrival.

    Raises
    ------
    ParameterError
        Names every column that is not there, has one value, or more levels than can be written out, and weights that are
        zero or negative.
    """
    problems, warnings = [], []
    for name in (*adjust.controls, *adjust.absorb, *((adjust.weight,) if adjust.weight else ())):
        column, is_category = _bare(name)
        places = _places(panel, column)
        if not places:
            known = [c for table in panel.tables().values() for c in table.lazy().collect_schema()]
            problems.append(f"no column {column!r} in any table{nearest(column, known)}")
            continue
        table, short = places[0]
        values = eager(getattr(panel, table))[short]
        problems.extend(_faults(name, values, name == adjust.weight, is_category))
        if name in adjust.controls and _moves(panel, table, short):
            warnings.append(
                f"{name} changes after AI's arrival: where AI moves it, controlling for it hides a part of the effect"
            )
    if problems:
        raise ParameterError(list_problems("controls", problems))
    return tuple(warnings)


def _bare(name: str) -> tuple[str, bool]:
    category = re.fullmatch(r"C\((.+)\)", name.strip())
    return (category[1].strip(), True) if category else (name.strip(), False)


def _places(panel: Panel, column: str) -> list[tuple[str, str]]:
    """Tables that have a column, those of rows first."""
    table, _, short = column.rpartition(".")
    tables = panel.tables()
    order = [*(t for t in _ROWS if t in tables), *(t for t in _KEYS if t in tables)]
    return [
        (name, short)
        for name in order
        if table in ("", name) and short in tables[name].lazy().collect_schema()
    ]


def _faults(name: str, values: pl.Series, is_weight: bool, is_category: bool) -> list[str]:
    if is_weight:
        n_bad = int(np.count_nonzero(floats(values.cast(pl.Float64)) <= 0))
        return [f"weights {name}: {n_bad} rows are zero or negative"] if n_bad else []
    n_levels = values.drop_nulls().n_unique()
    if n_levels < 2:
        return [f"{name} has one value, and explains nothing; leave it out"]
    written = is_category or values.dtype == pl.String
    if written and n_levels > _MOST_LEVELS:
        return [f"{name} has {n_levels:,} levels; absorb it"] if is_category else []
    return []


def _moves(panel: Panel, table: str, column: str) -> bool:
    """Whether a column changes within workers or firms from before AI's arrival to after it."""
    first, frame = panel.info.first_ai_period, eager(getattr(panel, table))
    owner = next((k for k in ("worker_id", "firm_id") if k in frame.columns and k != column), None)
    if first is None or owner is None or "period" not in frame.columns:
        return False
    after = frame.filter(pl.col("period") >= first).drop_nulls(column)
    before = frame.filter(pl.col("period") < first).drop_nulls(column)
    seen = before.group_by(owner).agg(pl.col(column).unique().alias("seen"))
    return bool(
        after.join(seen, on=owner, how="inner")
        .select((~pl.col(column).is_in(pl.col("seen"))).any())
        .item()
        if seen.height
        else False
    )


def control_columns(
    panel: Panel, table: str, frame: pl.DataFrame, names: Sequence[str]
) -> pl.DataFrame:
    """Bring named controls to the rows of a table, categories as indicators.

    Parameters
    ----------
    panel
        In memory.
    table
        Name of the table of which ``frame`` holds the rows.
    frame
        Rows with the table's keys.
    names
        Controls.

    Returns
    -------
    polars.DataFrame
        Float64 columns named ``table.column`` or ``table.column=value``, NaN where not known.

    Raises
    ------
    EstimationError
        Names the controls that rows of this table cannot have.
    """
    columns, absent = [], []
    for name in names:
        column, is_category = _bare(name)
        found = _column(panel, table, frame, column)
        if found is None:
            absent.append(column)
        else:
            columns.extend(_as_numbers(*found, is_category=is_category))
    if absent:
        reason = f"{', '.join(absent)} cannot be told for rows of {table}"
        raise EstimationError(f"controls: {reason}; leave it out for this estimator")
    return pl.DataFrame(columns) if columns else pl.DataFrame(np.empty((frame.height, 0)))


def level_codes(panel: Panel, table: str, frame: pl.DataFrame, names: Sequence[str]) -> list[Codes]:
    """Codes of the levels of columns to absorb, (row,) each; what is not known is a level of its own."""
    found = []
    for name in names:
        column = _column(panel, table, frame, _bare(name)[0])
        if column is None:
            raise EstimationError(f"fixed effects: {name} cannot be told for rows of {table}")
        found.append(codes(column[1].cast(pl.String)) + 1)
    return found


def level_columns(panel: Panel, table: str, frame: pl.DataFrame, names: Sequence[str]) -> Codes:
    """:func:`level_codes` side by side, (row, effect)."""
    found = level_codes(panel, table, frame, names)
    return np.array(found, dtype=np.int64).reshape(len(found), frame.height).T


def weights_of(panel: Panel, table: str, frame: pl.DataFrame, name: str) -> Array:
    """Named weights of rows, NaN where not known; ones if no name is given or the rows have none, (row,)."""
    column = _column(panel, table, frame, name) if name else None
    return np.ones(frame.height) if column is None else floats(column[1].cast(pl.Float64))


def _column(
    panel: Panel, table: str, frame: pl.DataFrame, column: str
) -> tuple[str, pl.Series] | None:
    """A column of the table itself, or of one whose keys its rows have; with its full name."""
    for owner, short in _places(panel, column):
        if owner == table:
            return f"{owner}.{short}", frame[short]
        keys = _KEYS.get(owner, ())
        if keys and all(key in frame.columns for key in keys):
            if len(keys) == 1:
                return f"{owner}.{short}", lookup(frame, keys[0], getattr(panel, owner), (short,))[
                    short
                ]
            parent = eager(getattr(panel, owner)).select(*keys, short)
            joined = frame.select(keys).join(
                parent, on=list(keys), how="left", maintain_order="left"
            )
            return f"{owner}.{short}", joined[short]
    return None


def _as_numbers(name: str, column: pl.Series, *, is_category: bool) -> list[pl.Series]:
    if not is_category and (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        return [pl.Series(name, floats(column.cast(pl.Float64)))]
    text = column.cast(pl.String)
    values = text.drop_nulls().unique().sort()
    return [
        pl.Series(f"{name}={value}", floats((text == value).cast(pl.Float64)))
        for value in values[1:]
    ]
