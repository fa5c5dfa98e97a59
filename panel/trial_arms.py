"""Arms of a trial: access that they imply where a panel names no access, and one arm beside the control."""

import polars as pl

from withintask.panel.errors import ParameterError, nearest, quoted
from withintask.panel.escape import in_sql
from withintask.panel.panel import Panel


def with_access(panel: Panel) -> Panel:
    """Return a panel whose rows say who has access, from the arms where no row says it.

    Parameters
    ----------
    panel
        Any panel; one without arms, or in which some row has ``ai_access``, is returned as it is.

    Returns
    -------
    Panel
        With ``outputs.ai_access``: true in every arm but the control, from AI's arrival on; null where the arm is.
    """
    control, first = panel.info.control_arm, panel.info.first_ai_period
    if panel.outputs is None or control is None:
        return panel
    rows = panel.outputs.lazy()
    columns = rows.collect_schema().names()
    if "arm" not in columns or _is_stated(rows, columns):
        return panel
    has_ai = pl.col("arm") != control
    if first is not None:
        has_ai = has_ai & (pl.col("period") >= first)
    return panel.with_tables(outputs=panel.outputs.with_columns(ai_access=has_ai))


def _is_stated(rows: pl.LazyFrame, columns: list[str]) -> bool:
    if "ai_access" not in columns:
        return False
    stated = rows.select(pl.col("ai_access").is_not_null().any())
    return bool(stated.collect(engine="streaming").item())


def access_of_arm(panel: Panel) -> str:
    """Return access as SQL of a row's arm and period, as :func:`with_access` has it; empty where it is stated itself."""
    control, first = panel.info.control_arm, panel.info.first_ai_period
    if panel.outputs is None or control is None:
        return ""
    rows = panel.outputs.lazy()
    columns = rows.collect_schema().names()
    if "arm" not in columns or _is_stated(rows, columns):
        return ""
    since = "" if first is None else f" AND period >= {first}"
    return f"(arm <> {in_sql(control)}{since})"


def arms_of(panel: Panel) -> tuple[str, ...]:
    """Return the names of a panel's arms, the control first; empty where it has none."""
    control = panel.info.control_arm
    if panel.outputs is None or control is None:
        return ()
    rows = panel.outputs.lazy()
    if "arm" not in rows.collect_schema().names():
        return ()
    names = rows.select(pl.col("arm").drop_nulls().unique().sort()).collect(engine="streaming")
    return (control, *(str(name) for name in names["arm"] if name != control))


def of_arm(panel: Panel, arm: str) -> Panel:
    """Return the rows of one arm and of the control.

    Parameters
    ----------
    panel
        With arms.
    arm
        Name of an arm other than the control.

    Raises
    ------
    ParameterError
        If the panel has no such arm.
    """
    names = arms_of(panel)
    if arm not in names[1:]:
        listed = f"arms are {', '.join(names)}" if names else "the panel has no arms"
        control = " (it is the control)" if names and arm == names[0] else ""
        raise ParameterError(
            f"arm {quoted(arm)}{control}: {listed}; name one beside the control{nearest(arm, names[1:])}"
        )
    assert panel.outputs is not None
    return panel.with_tables(outputs=panel.outputs.filter(pl.col("arm").is_in([names[0], arm])))
