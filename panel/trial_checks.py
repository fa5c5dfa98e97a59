"""Rules between the rows of a trial: arms and their control, order of items, strata."""

from collections.abc import Iterator

import polars as pl

from withintask.panel.errors import quoted, some_examples
from withintask.panel.panel import Panel
from withintask.panel.references import Breach
from withintask.panel.uniqueness import duplicated_keys

_TEXT = ("worker_id", "task_id", "item_id", "arm", "assignment_id", "stratum_id")
_COUNTS = ("period", "sequence")


def trial_breaches(panel: Panel) -> Iterator[Breach]:
    """Check what rows of outputs say of each other.

    Parameters
    ----------
    panel
        Any panel; lazy tables are streamed. Columns of a wrong type are left to the schema.
    """
    rows, usable = pl.LazyFrame(), set[str]()
    if panel.outputs is not None:
        types = panel.outputs.lazy().collect_schema()
        usable = {name for name in _TEXT if types.get(name) == pl.String}
        usable |= {name for name in _COUNTS if types.get(name) == pl.Int64}
        rows = panel.outputs.lazy()
    yield from _arms(rows, usable, panel.info.control_arm)
    if {"worker_id", "task_id", "period", "sequence"} <= usable:
        yield _order(rows, usable)
    if {"assignment_id", "stratum_id"} <= usable:
        meaning = "what was assigned as one is in one stratum"
        yield _divided(rows, "assignment_id", "stratum_id", meaning)


def _arms(rows: pl.LazyFrame, usable: set[str], control: str | None) -> Iterator[Breach]:
    if "arm" not in usable:
        if control is not None:
            meaning = f"control_arm is {quoted(control)}, but outputs has no arm"
            yield Breach(table="panel", rule="control_arm", n_rows=1, meaning=meaning)
        return
    known = rows.select("arm").drop_nulls().group_by("arm").agg(n=pl.len()).sort("arm")
    counts = known.collect(engine="streaming")
    arms = counts["arm"].to_list()
    if not arms or control in arms:
        return
    stated = "no control_arm is stated" if control is None else f"control_arm is {quoted(control)}"
    meaning = f"one arm is the control: {stated}, arms are {some_examples(arms)}; without it no "
    meaning += "arm is compared with another"
    n_rows = int(counts["n"].sum())
    yield Breach(table="outputs", rule="arm|no_control", n_rows=n_rows, meaning=meaning)


def _order(rows: pl.LazyFrame, usable: set[str]) -> Breach:
    """Count places in a worker's order that two items hold."""
    place, item = ["worker_id", "sequence"], ["task_id", "period", *({"item_id"} & usable)]
    known = rows.drop_nulls("sequence")
    shared = duplicated_keys(known, place).lazy()
    places = known.join(shared, on=place, how="semi").group_by(place)
    counts = places.agg(n_items=pl.struct(item).n_unique(), n=pl.len())
    twice = counts.filter(pl.col("n_items") > 1).select(pl.col("n").sum())
    meaning = "an item has a place of its own among those of its worker"
    n_rows = twice.collect(engine="streaming").item() or 0
    return Breach(table="outputs", rule="sequence|twice", n_rows=n_rows, meaning=meaning)


def _divided(rows: pl.LazyFrame, part: str, whole: str, meaning: str) -> Breach:
    """Count rows of a part that lies in two wholes."""
    parts = rows.drop_nulls([part, whole]).group_by(part)
    counts = parts.agg(wholes=pl.col(whole).n_unique(), n=pl.len())
    several = counts.filter(pl.col("wholes") > 1).select(pl.col("n").sum())
    n_rows = several.collect(engine="streaming").item() or 0
    return Breach(table="outputs", rule=f"{whole}|varies", n_rows=n_rows, meaning=meaning)
