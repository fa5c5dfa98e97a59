"""A panel: what one data design lets an analyst see, as an immutable set of tables."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import polars as pl

from withintask.panel.errors import ParameterError, some_examples
from withintask.panel.outcome import OutcomeKind

Frame = pl.DataFrame | pl.LazyFrame


@dataclass(frozen=True, kw_only=True)
class PanelInfo:
    """What a panel is and where it comes from."""

    name: str
    """a short name, used in reports"""
    source: str = ""
    """citation or description of the source"""
    first_ai_period: int | None = None
    """first period in which AI exists; None if not known or not in the panel"""
    is_synthetic: bool = False
    """whether the rows were simulated"""
    note: str = ""
    """anything a reader must know"""
    outcome: OutcomeKind | None = None
    """kind of `outputs.output`; None if not stated, which is read as ``positive``"""
    outcome_floor: float | None = None
    """lowest value of a score; None if there is none"""
    outcome_ceiling: float | None = None
    """highest value of a score; None if there is none"""
    control_arm: str | None = None
    """the value of `outputs.arm` with which the others are compared; None if there are no arms"""
    covariates: tuple[str, ...] = ()
    """further columns that are kept and checked, each ``table.column``"""
    is_pseudonymized: bool = False
    """whether ids of people and firms are keyed hashes"""

    @property
    def outcome_kind(self) -> OutcomeKind:
        """The kind of outcome: as stated, else ``positive``."""
        return self.outcome or "positive"

    def covariates_of(self, table: str) -> tuple[str, ...]:
        """Return the declared covariates of a table, by their column."""
        split = (name.partition(".") for name in self.covariates)
        return tuple(column for owner, _, column in split if owner == table)


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """An immutable collection of tables, each eager or lazy, or absent.

    Construction does not validate: call :func:`withintask.panel.validate.validate`. The columns of
    each table are those of :mod:`withintask.panel.schema`; an optional column may be left out,
    which means null in every row. The order of rows never carries information.
    """

    info: PanelInfo
    """name, source and the period in which AI arrives"""
    workers: Frame | None = None
    """one row a worker"""
    tasks: Frame | None = None
    """one row a task"""
    items: Frame | None = None
    """one row an item"""
    occupations: Frame | None = None
    """one row an occupation"""
    outputs: Frame | None = None
    """one row a worker, task and period; where they are declared, also item and rater"""
    abilities: Frame | None = None
    """one row a worker and measure of ability"""
    pay: Frame | None = None
    """one row a worker and period"""
    firms: Frame | None = None
    """one row a firm and period"""
    industries: Frame | None = None
    """one row an industry"""
    postings: Frame | None = None
    """one row a vacancy"""
    screening: Frame | None = None
    """one row an applicant"""
    occupation_pay: Frame | None = None
    """one row an occupation and period"""
    education_pay: Frame | None = None
    """one row an occupation, schooling cell and period"""
    origin: object = None
    """where it comes from: its path, or the recipe by which it was drawn; None if that is not known"""

    def tables(self) -> Mapping[str, Frame]:
        """Return the tables that are present, by name, in the order of the schema."""
        present = {name: getattr(self, name) for name in TABLES}
        return MappingProxyType({k: frame for k, frame in present.items() if frame is not None})

    def with_tables(self, **tables: Frame | None) -> "Panel":
        """Return a panel in which these tables are replaced; None takes a table away.

        Raises
        ------
        ParameterError
            If a name is not the name of a table.
        """
        unknown = sorted(set(tables) - set(TABLES))
        if unknown:
            message = f"Panel.with_tables: no such table: {some_examples(unknown)}"
            raise ParameterError(f"{message}; tables are {', '.join(TABLES)}")
        return replace(self, **tables)  # type: ignore[arg-type]

    def collect(self) -> "Panel":
        """Return the panel with every table in memory (``pl.DataFrame``)."""
        lazy = {k: frame for k, frame in self.tables().items() if isinstance(frame, pl.LazyFrame)}
        if not lazy:
            return self
        frames = pl.collect_all(list(lazy.values()))
        # In one piece, so that columns become arrays without a copy.
        whole = {name: frame.rechunk() for name, frame in zip(lazy, frames, strict=True)}
        return self.with_tables(**whole)

    def lazy(self) -> "Panel":
        """Return the panel with every table as ``pl.LazyFrame``."""
        return self.with_tables(**{name: frame.lazy() for name, frame in self.tables().items()})


def panel_info(values: Mapping[str, Any]) -> PanelInfo:
    """Make a panel's head of what a file holds: lists become tuples, nulls the default."""
    stated = {name: value for name, value in values.items() if value is not None}
    fields_of: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in stated.items()
    }
    return PanelInfo(**fields_of)


_NO_TABLES = ("info", "origin")

TABLES: tuple[str, ...] = tuple(f.name for f in fields(Panel) if f.name not in _NO_TABLES)
"""Names of the tables a panel can have."""
