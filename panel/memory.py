"""A panel from whatever a user holds: a path, a panel, or frames in memory; checked alike."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.apply import apply_mapping
from withintask.panel.errors import ParameterError, SchemaError, list_problems, unknown_name
from withintask.panel.mapping import TableMapping, our_types
from withintask.panel.outcome import OutcomeKind
from withintask.panel.panel import TABLES, Frame, Panel, PanelInfo
from withintask.panel.references import Breach
from withintask.panel.store import read_panel
from withintask.panel.transform import with_categories
from withintask.panel.validate import breach_frame, validate, violation_message

Data = Panel | str | Path | Mapping[str, Any]
"""What stands for a panel."""

ACCEPTED = "Polars, pandas and Arrow tables, DuckDB relations, anything with __arrow_c_stream__"


def as_panel(
    data: Data,
    *,
    first_ai_period: int | None = None,
    outcome: OutcomeKind | None = None,
    control_arm: str | None = None,
    info: PanelInfo | None = None,
    categories: bool = False,
) -> Panel:
    """Return a valid panel, in memory.

    Parameters
    ----------
    data
        A panel; a folder or DuckDB file of one; or frames by the name of their table, with our columns: Polars, pandas or
        Arrow tables, DuckDB relations.
    first_ai_period, outcome, control_arm
        First period in which AI exists, kind of ``outputs.output`` and the control among the arms; as the panel (or
        ``info``) says if None.
    info
        The head of a panel made of frames: its name, the limits of a score, covariates. Covariates are kept as they
        are: numbers, truth values or text.
    categories
        Whether ids that are read from disk become categories where many rows share one, see
        :func:`withintask.panel.store.read_panel`; tables in memory stay as they are.

    Returns
    -------
    Panel
        Checked as strictly as one that is read from disk.

    Raises
    ------
    ParameterError
        If the data are of another kind: what is accepted is named.
    SchemaError
        If the panel breaks a rule: all broken rules with their counts.
    """
    statements = {
        "first_ai_period": first_ai_period,
        "outcome": outcome,
        "control_arm": control_arm,
    }
    stated = {name: value for name, value in statements.items() if value is not None}
    if isinstance(data, str | Path) and not stated and info is None:
        return read_panel(data, categories=categories)
    if isinstance(data, Mapping):
        head = replace(info or PanelInfo(name="panel in memory"), **stated)  # type: ignore[arg-type]
        return validate(_from_frames(data, head)).collect()
    if isinstance(data, str | Path):
        data = read_panel(data, check=False, categories=categories)
    panel = data
    if not isinstance(panel, Panel):
        raise ParameterError(
            f"panel: expected a path, a Panel or frames by table, found {type(data).__name__}"
        )
    head = replace(info or panel.info, **stated)  # type: ignore[arg-type]
    panel = validate(replace(panel, info=head))
    return (with_categories(panel) if categories and _is_lazy(panel) else panel).collect()


def _is_lazy(panel: Panel) -> bool:
    return all(isinstance(frame, pl.LazyFrame) for frame in panel.tables().values())


def _from_frames(frames: Mapping[str, Any], info: PanelInfo) -> Panel:
    problems = [unknown_name(name, TABLES) for name in frames if name not in TABLES]
    problems += [
        f"{name}: {type(frame).__module__}.{type(frame).__qualname__} is no table; expected {ACCEPTED}"
        for name, frame in frames.items()
        if not _is_table(frame)
    ]
    if problems:
        raise ParameterError(list_problems("panel", problems))
    tables: dict[str, Frame] = {}
    breaches: list[Breach] = []
    for name, frame in frames.items():
        lazy = frame if isinstance(frame, pl.LazyFrame) else pl.DataFrame(frame).lazy()
        mapping = TableMapping(name=name, covariates=_kinds(lazy, name, info))
        mapped = apply_mapping(_typed(lazy, our_types(mapping)), mapping)
        tables[name] = mapped.frame
        breaches += mapped.problems
    if breaches:
        raise SchemaError(violation_message(info.name, breach_frame(breaches)))
    return Panel(info=info).with_tables(**tables)


def _kinds(frame: pl.LazyFrame, table: str, info: PanelInfo) -> dict[str, str]:
    """Kinds of the declared covariates that a frame has, by their type."""
    types = frame.collect_schema()
    return {
        name: "flag"
        if types[name] == pl.Boolean
        else "number"
        if types[name].is_numeric()
        else "category"
        for name in info.covariates_of(table)
        if name in types
    }


def _is_table(frame: object) -> bool:
    return isinstance(frame, pl.DataFrame | pl.LazyFrame) or hasattr(frame, "__arrow_c_stream__")


def _typed(frame: pl.LazyFrame, types: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Take categories as their text, whole numbers as ids and numbers, and nothing else for anything."""
    casts = []
    for name, found in frame.collect_schema().items():
        wanted = types.get(name)
        is_category = isinstance(found, pl.Categorical | pl.Enum)
        is_whole = found.is_integer() or (isinstance(found, pl.Decimal) and found.scale == 0)
        is_id = wanted == pl.String and (is_category or is_whole)
        is_number = wanted is not None and wanted.is_float() and found.is_numeric()
        is_count = wanted is not None and wanted.is_integer() and found.is_integer()
        if wanted is not None and (is_id or is_number or is_count):
            casts.append(pl.col(name).cast(wanted))
    return frame.with_columns(casts)
