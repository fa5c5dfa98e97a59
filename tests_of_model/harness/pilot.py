"""A design takes from a pilot panel what the pilot shows."""

import math
from dataclasses import replace

import polars as pl

from withintask.panel.panel import Panel
from withintask.panel.transform import eager
from withintask.sim.design import Design
from withintask.sim.designs import change_design


def calibrate(design: Design, pilot: Panel) -> Design:
    """Take from a pilot panel what it shows of noise, firm sizes, mobility and firm premia.

    Parameters
    ----------
    design
        The design to be powered.
    pilot
        A panel with outputs or pay.

    Returns
    -------
    Design
        With ``output_noise`` from the change over two periods before AI of a worker's log output on a task,
        ``n_firms`` from workers per firm, ``mobility`` from changes of firm, where the pilot shows them.
    """
    changes: dict[str, object] = {}
    first = pilot.info.first_ai_period
    if pilot.outputs is not None:
        changes |= _from_outputs(design, eager(pilot.outputs), first)
    if pilot.pay is not None and "firm_id" in eager(pilot.pay).columns:
        changes |= _from_pay(eager(pilot.pay))
    return replace(change_design(design, **changes), name=design.name)


def _from_outputs(design: Design, frame: pl.DataFrame, first: int | None) -> dict[str, object]:
    shown: dict[str, object] = {}
    before = frame if first is None else frame.filter(pl.col("period") < first)
    spread = (
        before.group_by("worker_id", "task_id")
        .agg(pl.col("output").log().var().alias("variance"))
        .drop_nulls("variance")
    )
    if spread.height:
        shown["output_noise"] = math.sqrt(float(spread["variance"].mean()))  # type: ignore[arg-type]
    if "firm_id" in frame.columns and frame["firm_id"].n_unique() > 1:
        by_firm = frame["worker_id"].n_unique() / frame["firm_id"].n_unique()
        shown["n_firms"] = max(1, round(design.n_workers / by_firm))
    return shown


def _from_pay(frame: pl.DataFrame) -> dict[str, object]:
    moved = (
        frame.sort("worker_id", "period")
        .with_columns(is_move=(pl.col("firm_id") != pl.col("firm_id").shift(1).over("worker_id")))
        .get_column("is_move")
        .drop_nulls()
    )
    return {"mobility": float(moved.mean())} if moved.len() else {}  # type: ignore[arg-type]
