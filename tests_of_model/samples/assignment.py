"""How access to AI was assigned: units, strata and starts, read from a panel, and assignments that might have been."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import inf, log

import numpy as np
import polars as pl
from scipy import special

from withintask.panel.arrays import Array, Codes, Flags, floats
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, optional
from withintask.tests_of_model.regression.grouping import compact_codes, encode, first_rows

MOST_LISTED = 500
"""Assignments up to which all are listed instead of drawn."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Assignment:
    """Who was assigned what, (unit,) each unless said otherwise."""

    unit: Codes
    """Unit of each row of outputs; -1 for rows whose access no assignment changes, (row,)."""
    start: Array
    """First period with access; inf for never, -inf where no row without access was seen."""
    label: Codes
    """Named arm, -1 where none is recorded."""
    stratum: Codes
    """Stratum within which was assigned."""
    words: str
    """Units and strata, for a reader."""

    @property
    def treatment(self) -> Codes:
        """Code of start and named arm together."""
        starts = np.unique(self.start, return_inverse=True)[1]
        return encode(starts, self.label)

    @property
    def log_count(self) -> float:
        """Log of the number of different assignments with as many units of each kind in every stratum."""
        cells = np.unique(
            np.column_stack([self.stratum, self.treatment]), axis=0, return_counts=True
        )
        sizes = np.bincount(self.stratum)
        return float(special.gammaln(sizes + 1).sum() - special.gammaln(cells[1] + 1).sum())


def read_assignment(panel: Panel) -> Assignment:
    """Read how access was assigned.

    Parameters
    ----------
    panel
        With outputs and access, in memory.

    Returns
    -------
    Assignment
        Units are what the panel records as assigned as one; else the largest of firm, worker, worker and task, and item,
        within which access only begins. Strata are those recorded; else firms that hold units of several kinds, or
        workers where their tasks or items were assigned.

    Raises
    ------
    EstimationError
        If access ends within what was assigned, nothing was assigned, or no stratum holds units of two kinds.
    """
    assert panel.outputs is not None
    frame = eager(panel.outputs)
    access = floats(optional(frame, "ai_access", pl.Boolean).cast(pl.Boolean))
    unit, name, outer = _units(panel, frame, access)
    first = first_rows(compact_codes(unit[unit >= 0]))
    rows = np.flatnonzero(unit >= 0)
    place = np.full(unit.size, -1)
    place[rows] = compact_codes(unit[rows])
    start = _starts(place[rows], frame["period"].to_numpy()[rows], access[rows])
    stratum, within = _strata(frame, place, outer, start)
    label = codes(optional(frame, "arm", pl.String))[rows][first]
    found = Assignment(unit=place, start=start, label=label, stratum=stratum, words="")
    if found.log_count <= 0:
        raise EstimationError(
            f"assignment: {start.size} {name} were assigned, and no stratum holds some with access and some without"
        )
    return replace(found, words=f"{start.size} {name}{within}")


def is_listed(assignment: Assignment) -> bool:
    """Whether all assignments are so few that they are listed instead of drawn."""
    return assignment.log_count <= log(MOST_LISTED)


def drawn(assignment: Assignment, random: np.random.Generator) -> Codes:
    """Draw an assignment: the unit whose treatment each unit takes, of its own stratum, (unit,)."""
    order = np.argsort(assignment.stratum, kind="stable")
    mixed = np.argsort(assignment.stratum + random.random(order.size))
    source = np.empty_like(order)
    source[order] = mixed
    return source


def listed(assignment: Assignment) -> Iterator[Codes]:
    """List all different assignments, each as in :func:`drawn`."""
    treatment = assignment.treatment
    members = [np.flatnonzero(assignment.stratum == s) for s in np.unique(assignment.stratum)]
    examples = np.unique(treatment, return_index=True)[1]
    ways = [list(_arrangements(sorted(treatment[m].tolist()))) for m in members]
    for choice in product(*ways):
        source = np.empty(treatment.size, dtype=np.int64)
        for inside, kinds in zip(members, choice, strict=True):
            source[inside] = examples[list(kinds)]
        yield source


def reassigned(panel: Panel, assignment: Assignment, source: Codes) -> Panel:
    """Return the panel as it would be recorded had each unit been given what its source was given."""
    assert panel.outputs is not None
    frame = eager(panel.outputs)
    moved = assignment.unit >= 0
    start = assignment.start[source][assignment.unit]
    before = panel.info.first_ai_period if panel.info.first_ai_period is not None else -inf
    has = frame["period"].to_numpy() >= np.maximum(start, before)
    known = frame["ai_access"].is_not_null().to_numpy() & moved
    columns = [pl.Series("ai_access", _merged(frame["ai_access"], has, known))]
    if (assignment.label >= 0).any():
        arms = frame["arm"].drop_nulls().unique().sort()
        label = assignment.label[source][assignment.unit]
        named = frame["arm"].is_not_null().to_numpy() & moved & (label >= 0)
        columns.append(pl.Series("arm", _merged(frame["arm"], arms.gather(label.clip(0)), named)))
    return replace(panel, outputs=frame.with_columns(columns))


def _merged(old: pl.Series, new: Flags | pl.Series, chosen: Flags) -> pl.Series:
    return pl.Series(new).cast(old.dtype).zip_with(pl.Series(chosen), old)


def _units(panel: Panel, frame: pl.DataFrame, access: Array) -> tuple[Codes, str, str]:
    """Code of the unit of each row, its name, and the column within which such units were assigned."""
    known = np.isfinite(access)
    if not known.any() or np.unique(access[known]).size < 2:
        raise EstimationError("assignment: access to AI does not vary")
    period = frame["period"].to_numpy()
    recorded = codes(optional(frame, "assignment_id", pl.String))
    if (recorded >= 0).any():
        unit = np.where(known & (recorded >= 0), recorded, -1)
        _fail_if_ending(unit, period, access, "assigned units")
        return unit, "assigned units", "firm_id"
    for column, names, outer in _CANDIDATES:
        parts = [codes(optional(frame, part, pl.String)) for part in column]
        there = np.logical_and.reduce([part >= 0 for part in parts]) & known
        if not there[known].all():
            continue
        unit = np.full(known.size, -1)
        unit[there] = encode(*(part[there] for part in parts))
        if names == "items":
            first = panel.info.first_ai_period
            unit[period < (-inf if first is None else first)] = -1
        if not _ends(unit, period, access).any():
            starts = (
                _starts(compact_codes(unit[there]), period[there], access[there])
                if names != "items"
                else unit
            )
            if np.unique(starts).size > 1:
                return unit, names, outer
    worker = np.where(known, codes(frame["worker_id"]), -1)
    _fail_if_ending(worker, period, access, "workers")
    raise EstimationError("assignment: nothing within which access only begins varies in it")


_CANDIDATES = (
    (("firm_id",), "firms", ""),
    (("worker_id",), "workers", "firm_id"),
    (("worker_id", "task_id"), "tasks of workers", "worker_id"),
    (("worker_id", "item_id"), "items", "worker_id"),
)


def _ends(unit: Codes, period: Codes, access: Array) -> Flags:
    """Rows without access in or after a period in which their unit had it, (row,)."""
    chosen = unit >= 0
    first = np.full(int(unit.max(initial=-1)) + 1, inf)
    has = chosen & (access > 0)
    np.minimum.at(first, unit[has], period[has])
    ends = np.zeros(unit.size, dtype=np.bool_)
    ends[chosen] = (access[chosen] == 0) & (period[chosen] >= first[unit[chosen]])
    return ends


def _fail_if_ending(unit: Codes, period: Codes, access: Array, name: str) -> None:
    ends = _ends(unit, period, access)
    if ends.any():
        raise EstimationError(
            f"assignment: in {np.unique(unit[ends]).size} {name} access ends, or varies in one period; record what was "
            "assigned as one in assignment_id"
        )


def _starts(unit: Codes, period: Codes, access: Array) -> Array:
    """First period with access of each unit: inf for never; -inf where no row is without, if all others begin together."""
    start = np.full(int(unit.max()) + 1, inf)
    np.minimum.at(start, unit[access > 0], period[access > 0])
    without = np.bincount(unit, access == 0, start.size) > 0
    begun = np.unique(start[without & np.isfinite(start)])
    if begun.size <= 1:
        start[~without] = -inf
        start[np.isfinite(start)] = -inf
    return start


def _strata(frame: pl.DataFrame, place: Codes, outer: str, start: Array) -> tuple[Codes, str]:
    """Stratum of each unit: as recorded, else the outer units where they hold units of several kinds."""
    rows = np.flatnonzero(place >= 0)
    first = rows[first_rows(place[rows])]
    recorded = codes(optional(frame, "stratum_id", pl.String))
    # Items and tasks stay within their worker, whatever the stratum.
    inner = codes(frame["worker_id"])[first] if outer == "worker_id" else np.zeros_like(first)
    if (recorded >= 0).any():
        stratum = encode(recorded[first] + 1, inner)
        return stratum, f" within {np.unique(stratum).size} strata"
    if not outer:
        return np.zeros_like(first), ""
    around = codes(optional(frame, outer, pl.String))
    is_nested = np.unique(encode(place[rows], around[rows])).size == first.size
    stratum = compact_codes(around[first] + 1)
    kinds = np.unique(np.column_stack([stratum, np.unique(start, return_inverse=True)[1]]), axis=0)
    if is_nested and len(kinds) > np.unique(stratum).size:
        name = {"firm_id": "firms", "worker_id": "workers"}[outer]
        return stratum, f" within {np.unique(stratum).size} {name}"
    return np.zeros_like(first), ""


def _arrangements(kinds: list[int]) -> Iterator[tuple[int, ...]]:
    """All different orders of a sorted list."""
    if not kinds:
        yield ()
        return
    for place, kind in enumerate(kinds):
        if place and kind == kinds[place - 1]:
            continue
        for rest in _arrangements(kinds[:place] + kinds[place + 1 :]):
            yield (kind, *rest)
