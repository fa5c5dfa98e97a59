"""From a comparison of items to pairs: within what they are formed, whose means are taken out, and how far apart."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.components.pair_sums import PairRows, pair_sums
from withintask.tests_of_model.components.pairs import SidedRows, cell_sizes, has_pair
from withintask.tests_of_model.regression.grouping import (
    compact_codes,
    encode,
    first_rows,
    group_sums,
)
from withintask.tests_of_model.samples.comparisons import Comparison
from withintask.tests_of_model.samples.item_rows import UNKNOWN, ItemRows
from withintask.tests_of_model.samples.unknown import earliest

_ENOUGH = 0.9
"""Share of rows that must have a second worker in their cell for its mean to be taken out."""
_MOST_ROUNDS = 20
"""Rounds of leaving out rows without a pair or a second worker; each can leave further ones without."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairDesign:
    """Pairs of a comparison, and what is known of each unit within which they are formed."""

    rows: SidedRows
    """The rows that have a pair and a second worker in their cell."""
    worker: Codes
    """Worker of each unit, (unit,)."""
    task: Codes
    """Task of each unit; of one of its rows where it spans tasks, (unit,)."""
    firm: Codes
    """Firm of each unit, (unit,)."""
    assignment: Codes
    """What was assigned as one; the worker where that is finer than a worker, (unit,)."""
    group: Codes
    """1 for units of workers with access, 0 for others, (unit,)."""
    weight: Array
    """Mean weight of its rows, (unit,)."""
    spans_tasks: bool
    """Whether pairs are of different tasks."""
    is_single: bool
    """Whether counts have one item a worker and side, on like tasks too, so that factorial moments stand in for pairs."""
    notes: tuple[str, ...]
    """What was decided and left out, for a reader."""

    @property
    def n_rows(self) -> int:
        """Rows used."""
        return int(self.rows.value.size)


@dataclass(frozen=True, kw_only=True, eq=False)
class FormedRows:
    """Rows of a comparison with their units and cells, which do not depend on how far apart pairs are."""

    comparison: Comparison
    """Rows of two sides."""
    sided: SidedRows
    """The same with units and cells, at distance 1."""
    known: Flags
    """Rows that can be in a pair, (row,)."""
    removed: str
    """What the means are taken out by."""
    spans_tasks: bool
    """Whether pairs are of different tasks."""
    is_single: bool
    """Whether counts have one item a worker and side, on like tasks too."""


def pair_design(
    comparison: Comparison, *, distance: int = 1, is_crossed: bool = False
) -> PairDesign:
    """Form units and cells of a comparison and leave out what no pair can use.

    Parameters
    ----------
    comparison, is_crossed
        As for :func:`form_rows`.
    distance
        As for :func:`pairs_at`.

    Raises
    ------
    EstimationError
        What either raises.
    """
    return pairs_at(form_rows(comparison, is_crossed=is_crossed), distance)


def form_rows(comparison: Comparison, *, is_crossed: bool = False) -> FormedRows:
    """Form units and cells of a comparison.

    Parameters
    ----------
    comparison
        Rows of two sides.
    is_crossed
        Whether means are taken out by item, and items of one worker left out.

    Raises
    ------
    EstimationError
        If no item is shared where they must be.
    """
    rows = comparison.rows
    if is_crossed:
        _fail_if_nested(comparison)
    known = np.ones(rows.worker.size, dtype=np.bool_)
    if rows.has_raters:
        known = rows.rater != UNKNOWN
    unit = encode(rows.worker, rows.task)
    like = encode(rows.worker, rows.measure)
    has_second = _has_second(comparison, unit)
    is_single = rows.kind == "count" and not has_second and not _has_second(comparison, like)
    spans_tasks = not has_second and not is_single
    if spans_tasks:
        unit = like
    cell, removed = _item_cells(comparison) if is_crossed else _cells(comparison, unit)
    if rows.kind == "count":
        # A cell in which nobody has any says nothing of shares of its mean.
        known = known & (np.bincount(cell, rows.value) > 0)[cell]
    pairs = PairRows(
        unit=unit,
        item=rows.item,
        position=rows.position,
        n_units=int(unit.max()) + 1,
        rater=rows.rater if rows.has_raters else None,
    )
    return FormedRows(
        comparison=comparison,
        sided=SidedRows(pairs=pairs, cell=cell, side=comparison.side, value=rows.value),
        known=known,
        removed=removed,
        spans_tasks=spans_tasks,
        is_single=is_single,
    )


def pairs_at(formed: FormedRows, distance: int) -> PairDesign:
    """Leave out what no pair at a distance can use.

    Parameters
    ----------
    formed
        Rows with units and cells.
    distance
        Smallest distance between the items of a pair in the worker's own order.

    Raises
    ------
    EstimationError
        If the order is needed and not known, the distance is longer than any worker's sequence, or no pair is left.
    """
    comparison = formed.comparison
    _fail_if_too_far(comparison.rows, distance)
    sided = formed.sided.at(distance)
    needs = _Needs(both_sides=comparison.form != "between", pair=not formed.is_single)
    kept = _pairable(sided, formed.known, needs)
    if not kept.any():
        raise EstimationError(_no_pair(comparison, distance))
    notes = (comparison.message, *_notes(kept, formed.known, formed.removed, distance))
    kinds = (_SPANS if formed.spans_tasks else "", _SINGLE if formed.is_single else "")
    return replace(
        _finish(comparison, sided, kept),
        spans_tasks=formed.spans_tasks,
        is_single=formed.is_single,
        notes=tuple(note for note in (*notes, *kinds) if note),
    )


def _finish(comparison: Comparison, sided: SidedRows, kept: Flags) -> PairDesign:
    rows = comparison.rows.take(kept)
    sided = sided.take(kept)
    unit = compact_codes(sided.pairs.unit)
    n_units = int(unit.max()) + 1
    pairs = replace(sided.pairs, unit=unit, n_units=n_units)
    first = earliest(unit, rows.period, rows.firm, rows.assignment, rows.stratum)
    weight = group_sums(unit, rows.weight, n_units) / np.bincount(unit)
    return PairDesign(
        rows=replace(sided, pairs=pairs, cell=compact_codes(sided.cell)),
        worker=rows.worker[first],
        task=rows.task[first],
        firm=rows.firm[first],
        assignment=_assignment(rows)[first],
        group=comparison.group[kept][first],
        weight=weight,
        spans_tasks=False,
        is_single=False,
        notes=(),
    )


def _has_second(comparison: Comparison, unit: Codes) -> bool:
    """Whether most rows have a second item on their side in their unit."""
    rows = comparison.rows
    place = encode(unit, comparison.side)
    item = (
        first_rows(encode(place, rows.item)) if _has_repeats(rows.item) else np.arange(place.size)
    )
    n_items = np.bincount(place[item], minlength=int(place.max()) + 1)
    return bool(np.mean(n_items[place] > 1) >= 1 / 2)


def _cells(comparison: Comparison, unit: Codes) -> tuple[Codes, str]:
    """Cells whose means are taken out: the finest in which most rows have a second worker."""
    arm = encode(comparison.group, comparison.side)
    coarsest: tuple[Codes, str] | None = None
    for keys, name in _candidates(comparison.rows):
        cell = encode(arm, *keys)
        coarsest = cell, name
        # Rows are counted first: a cell of one row cannot have two workers.
        if np.mean(np.bincount(cell)[cell] > 1) < _ENOUGH:
            continue
        if np.mean(cell_sizes(unit, cell)[cell] > 1) >= _ENOUGH:
            return coarsest
    assert coarsest is not None
    return coarsest


def _item_cells(comparison: Comparison) -> tuple[Codes, str]:
    """Cells of an item, and rater where raters are named, whether or not most items have a second worker."""
    rows = comparison.rows
    raters = (rows.rater,) if rows.has_raters else ()
    by_rater = " and rater" if raters else ""
    return encode(comparison.group, comparison.side, *raters, rows.item), f"item{by_rater}"


def _fail_if_nested(comparison: Comparison) -> None:
    """Refuse items whose difficulty cannot be told from the one worker who did them."""
    rows = comparison.rows
    if not rows.has_items:
        raise EstimationError(
            "crossed items: the panel names none; state outputs.item_id, the same for all who did an item, or do without"
        )
    cell = encode(comparison.group, comparison.side, rows.item)
    n_workers = cell_sizes(rows.worker, cell)
    if not (n_workers > 1).any():
        n_items = np.unique(rows.item).size
        raise EstimationError(
            f"crossed items: each of {n_items:,} items was done by one worker on a side, so that its difficulty cannot be told "
            "from that worker's ability; give an item one id for all who did it, or take difficulty for noise"
        )


def _has_repeats(code: Codes) -> bool:
    return bool(np.bincount(code).max(initial=0) > 1)


def _candidates(rows: ItemRows) -> Iterator[tuple[tuple[Codes, ...], str]]:
    """Keys of cells from fine to coarse, and their names."""
    for raters in ((rows.rater,), ()) if rows.has_raters else ((),):
        by_rater = " and rater" if raters else ""
        if rows.has_items:
            yield (*raters, rows.item, rows.firm, rows.period), f"item, firm, period{by_rater}"
            yield (*raters, rows.item, rows.period), f"item, period{by_rater}"
            yield (*raters, rows.item), f"item{by_rater}"
        yield (*raters, rows.task, rows.firm, rows.period), f"task, firm, period{by_rater}"
        yield (*raters, rows.task, rows.period), f"task, period{by_rater}"
        yield (*raters, rows.task), f"task{by_rater}"


@dataclass(frozen=True, kw_only=True)
class _Needs:
    """What a row's unit must have."""

    both_sides: bool
    pair: bool


def _pairable(sided: SidedRows, known: Flags, needs: _Needs) -> Flags:
    """Rows with a pair on their side, a second worker in their cell and, where needed, a unit of both sides."""
    kept = known.copy()
    for _ in range(_MOST_ROUNDS):
        now = sided.take(kept)
        if now.value.size == 0:
            break
        keeps: Flags = cell_sizes(now.pairs.unit, now.cell)[now.cell] > 1
        if needs.pair:
            keeps &= has_pair(now)
        if needs.both_sides:
            sides = np.zeros((2, now.pairs.n_units), dtype=np.bool_)
            sides[now.side[keeps], now.pairs.unit[keeps]] = True
            has_both: Flags = np.logical_and(sides[0], sides[1])
            keeps &= has_both[now.pairs.unit]
        if keeps.all():
            break
        kept[np.flatnonzero(kept)[~keeps]] = False
    return kept


def _assignment(rows: ItemRows) -> Codes:
    """What was assigned as one, where it holds whole workers; else the worker."""
    low = np.full(int(rows.worker.max()) + 1, np.iinfo(np.int64).max)
    high = np.full_like(low, -1)
    np.minimum.at(low, rows.worker, rows.assignment)
    np.maximum.at(high, rows.worker, rows.assignment)
    holds_workers = bool((low[rows.worker] == high[rows.worker]).all())
    return encode(rows.assignment if holds_workers else rows.worker)


def _fail_if_too_far(rows: ItemRows, distance: int) -> None:
    if distance < 1:
        raise EstimationError(f"pairs: distance is {distance}, expected 1 or more")
    if distance > 1 and not rows.has_order and np.unique(rows.period).size == 1:
        raise EstimationError(
            f"pairs: distance {distance} needs the order of each worker's items; state outputs.sequence, or take distance 1"
        )
    longest = int(rows.position.max()) + 1
    if distance > 1 and distance >= longest:
        raise EstimationError(
            f"pairs: distance {distance}, but no worker has more than {longest} places in order; take a shorter distance"
        )


def _no_pair(comparison: Comparison, distance: int) -> str:
    apart = f" at distance {distance}" if distance > 1 else ""
    raters = " of different raters" if comparison.rows.has_raters else ""
    return f"{comparison.form.replace('_', '-')}: no worker has two different items{raters}{apart} on each side that it is compared on"


_SPANS = (
    "one item a worker, task and side: pairs are of different tasks, so ability is what they share"
)
_SINGLE = "one count a worker and side, on like tasks too: what is beyond a Poisson's variance counts as ability"


def _notes(kept: Flags, known: Flags, removed: str, distance: int) -> Iterator[str]:
    n_raters, n_left = (int(np.count_nonzero(x)) for x in (~known, known & ~kept))
    if n_raters:
        yield f"{n_raters} rows left out, rater not known or a cell without any count"
    if n_left:
        yield f"{n_left} rows left out, without a pair or a second worker in their cell"
    yield f"means taken out by {removed}"
    if distance > 1:
        yield f"pairs at least {distance} places apart"


def persistence_of_noise(rows: SidedRows, *, n_lags: int) -> tuple[float, float]:
    """Estimate how much of its noise an item shares with the worker's next one.

    Parameters
    ----------
    rows
        Rows of two sides, at distance 1.
    n_lags
        Distance from which on items are taken to share none.

    Returns
    -------
    tuple of float
        Mean product of neighbours over that of a row with itself, ability taken off both, and its standard error over
        workers; zeros where nothing is left over.
    """
    ones = np.ones(rows.value.size)
    left = rows.value - (group_sums(rows.cell, rows.value) / group_sums(rows.cell, ones))[rows.cell]
    # Units of one side each, so that two columns do for the pairs of both.
    n_units = rows.pairs.n_units
    pairs = replace(
        rows.pairs, unit=rows.pairs.unit * 2 + rows.side, n_units=2 * n_units, distance=1
    )
    columns = np.column_stack([left, ones])
    moments = [(0, 0), (1, 1)]
    next_to_each = pair_sums(pairs, columns, moments, kernel=np.ones(2))
    far_apart = pair_sums(replace(pairs, distance=n_lags), columns, moments)
    near, far = (x.reshape(2, n_units, 2).sum(axis=2) for x in (next_to_each, far_apart))
    square = group_sums(rows.pairs.unit, left**2, rows.pairs.n_units)
    count = group_sums(rows.pairs.unit, ones, rows.pairs.n_units)
    sums = np.array([*near, *far, square, count])
    totals = sums.sum(axis=1)
    if totals[1] < 1 or totals[3] < 1:
        return 0.0, 0.0
    next_to, apart, alone = totals[::2] / totals[1::2]
    if alone <= apart:
        return 0.0, 0.0
    share = (next_to - apart) / (alone - apart)
    deviations = [
        (x - m * n) / t
        for x, n, m, t in zip(
            sums[::2], sums[1::2], (next_to, apart, alone), totals[1::2], strict=True
        )
    ]
    influence = (deviations[0] - deviations[1] - share * (deviations[2] - deviations[1])) / (
        alone - apart
    )
    return float(share), float(np.sqrt((influence**2).sum()))
