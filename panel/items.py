"""Rows that share worker, task and period: made items, or one value of each cell."""

import polars as pl

from withintask.panel.errors import ParameterError, quoted
from withintask.panel.panel import Panel
from withintask.panel.reshape import AGGREGATES, number_items, one_a_key, varying
from withintask.panel.schema import FURTHER_KEYS, SCHEMAS


def declare_items(panel: Panel) -> Panel:
    """Return the panel with every row of outputs an item of its own.

    Parameters
    ----------
    panel
        A panel with outputs, whose rows may share their keys; not validated.

    Raises
    ------
    ParameterError
        If it has no outputs, or items already.
    """
    rows = _outputs(panel)
    if "item_id" in rows.collect_schema().names():
        raise ParameterError(f"panel {panel.info.name}: outputs has item_id already")
    return panel.with_tables(outputs=number_items(rows))


def aggregate_items(panel: Panel, how: str = "mean") -> Panel:
    """Return the panel with one row a worker, task and period.

    Parameters
    ----------
    panel
        A panel with outputs, whose rows may share their keys; not validated.
    how
        ``mean``, ``median``, ``sum``, ``min`` or ``max`` of output; AI use is averaged.

    Raises
    ------
    ParameterError
        If it has no outputs, ``how`` is unknown or the rows of a key disagree in a column, such
        as access to AI that varies by item: then a mean mixes what is to be compared.
    """
    if how not in AGGREGATES:
        raise ParameterError(f"aggregate is {quoted(how)}, not one of {', '.join(AGGREGATES)}")
    rows = _outputs(panel)
    dropped = (*FURTHER_KEYS["outputs"], "sequence")
    rows = rows.drop(dropped, strict=False)
    key = SCHEMAS["outputs"].primary_key()
    functions = {"output": how, "ai_use": "mean"}
    functions = {k: v for k, v in functions.items() if k in rows.collect_schema()}
    wrong = [f"{b.rule}: {b.n_rows}" for b in varying(rows, "outputs", key, functions) if b.n_rows]
    if wrong:
        raise ParameterError(
            f"panel {panel.info.name}: rows of one worker, task and period disagree "
            f"({', '.join(wrong)} cells); declare items instead, or drop the columns"
        )
    return panel.with_tables(outputs=one_a_key(rows, key, functions))


def _outputs(panel: Panel) -> pl.LazyFrame:
    if panel.outputs is None:
        raise ParameterError(f"panel {panel.info.name}: no table outputs")
    return panel.outputs.lazy()
