"""Sums over pairs of a worker's different items, without walking the pairs.

The sum over all ordered pairs is the square of the sum. From it are taken, by inclusion and exclusion, the pairs of one
item, of one rater, and of items nearer than a distance in the worker's own order; each of these is again a square of a
sum, or a sum over neighbouring positions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.regression.grouping import encode, group_sums


@dataclass(frozen=True, kw_only=True, eq=False)
class PairRows:
    """Rows whose pairs are summed, (row,) each."""

    unit: Codes
    """Within what pairs are formed, 0 to n_units - 1: a worker, or a worker and task."""
    item: Codes
    """Pairs of one item are left out."""
    position: Codes
    """Place in the worker's own order."""
    n_units: int
    """Units."""
    distance: int = 1
    """Smallest distance in that order; at 1 the order plays no part."""
    rater: Codes | None = None
    """Pairs of one rater are left out; None where raters play no part."""


def pair_sums(
    rows: PairRows,
    columns: Array,
    pairs: Sequence[tuple[int, int]],
    *,
    kernel: Array | None = None,
) -> Array:
    """Sum x_k y_l over the ordered pairs (k, l) of a unit's rows that differ in item and rater and lie far enough apart.

    Parameters
    ----------
    rows
        The rows and what tells them apart.
    columns
        (row, column); zero for rows outside the set that a column is about.
    pairs
        Columns x and y of each sum wanted.
    kernel
        Weight of a pair by its distance 0, 1, …; zero beyond its length. None for one everywhere.

    Returns
    -------
    array (len(pairs), n_units)

    Notes
    -----
    Σ over S ⊆ {same item, same rater, near} of (-1)^|S| Σ of the pairs that are all of S.
    """
    total = np.zeros((len(pairs), rows.n_units))
    is_far = np.arange(0 if kernel is None else kernel.size) >= _nearest(rows)
    for group, sign in _exclusions(rows):
        if kernel is not None:
            total += sign * _near_products(rows, group, columns, pairs, kernel * is_far)
            continue
        total += sign * _products(rows, group, columns, pairs)
        if rows.distance > 1:
            near = np.ones(rows.distance)
            total -= sign * _near_products(rows, group, columns, pairs, near)
    return total


def _nearest(rows: PairRows) -> int:
    """Smallest distance in position that counts; at 1 items whose order is not known count too."""
    return rows.distance if rows.distance > 1 else 0


def _exclusions(rows: PairRows) -> Iterator[tuple[Codes, int]]:
    """Groups within which pairs are added or taken off, and the sign."""
    keys = [rows.item] if rows.rater is None else [rows.item, rows.rater]
    for chosen in product((False, True), repeat=len(keys)):
        picked = [key for key, is_chosen in zip(keys, chosen, strict=True) if is_chosen]
        group = _group(rows, picked)
        yield group, -1 if len(picked) % 2 else 1


def _group(rows: PairRows, keys: list[Codes]) -> Codes:
    """Code of the unit and keys of each row; where each item is one row alone, of the row."""
    if not keys:
        return rows.unit
    if keys[0] is rows.item and np.bincount(rows.item).max(initial=0) == 1:
        return np.arange(rows.unit.size)
    return encode(rows.unit, *keys)


def _products(
    rows: PairRows, group: Codes, columns: Array, pairs: Sequence[tuple[int, int]]
) -> Array:
    """Σ over groups of a unit of (Σ x)(Σ y)."""
    n_groups = int(group.max(initial=-1)) + 1
    sums = [group_sums(group, column, n_groups) for column in columns.T]
    if group is rows.unit:
        padded = [np.pad(total, (0, rows.n_units - n_groups)) for total in sums]
        return np.array([padded[x] * padded[y] for x, y in pairs])
    owner = _owner(rows.unit, group, n_groups)
    return np.array([group_sums(owner, sums[x] * sums[y], rows.n_units) for x, y in pairs])


def _near_products(
    rows: PairRows,
    group: Codes,
    columns: Array,
    pairs: Sequence[tuple[int, int]],
    kernel: Array,
) -> Array:
    """Σ over pairs of positions of a group nearer than the kernel's length of its weight times their sums' product."""
    place = encode(group, rows.position)
    n_places = int(place.max(initial=-1)) + 1
    sums = [group_sums(place, column, n_places) for column in columns.T]
    owner, own_group, position = (
        _owner(code, place, n_places) for code in (rows.unit, group, rows.position)
    )
    same = [kernel[0] * sums[x] * sums[y] for x, y in pairs]
    total = np.array([group_sums(owner, products, rows.n_units) for products in same])
    for shift in range(1, min(kernel.size, n_places)):
        # Places are sorted by group and position, so a near pair is never more places apart than positions.
        gap = position[shift:] - position[:-shift]
        near = np.flatnonzero((own_group[shift:] == own_group[:-shift]) & (gap < kernel.size))
        weight = kernel[gap[near]]
        for number, (x, y) in enumerate(pairs):
            both = sums[x][near] * sums[y][near + shift] + sums[y][near] * sums[x][near + shift]
            total[number] += group_sums(owner[near], weight * both, rows.n_units)
    return total


def _owner(outer: Codes, inner: Codes, n_inner: int) -> Codes:
    """Outer code of each inner one, (n_inner,)."""
    owner = np.zeros(n_inner, dtype=np.int64)
    owner[inner] = outer
    return owner
