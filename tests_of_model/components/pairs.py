"""Ability net of noise, by pairs of different items of one worker: equation (12).

Two items of a worker share his ability and nothing else, so that the mean product of what is left of them after the
effects of items or of task and period are out is the variance of ability, however large the noise.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.components.pair_sums import PairRows, pair_sums
from withintask.tests_of_model.regression.grouping import encode, first_rows, group_sums

_MOST_OVERLAPS = 20_000_000
"""Entries of the worker by worker matrix of shared cells above which complete overlap stands in for it; the cells are
then so large that it makes no difference."""
_SIDES = ((0, 0), (1, 1), (0, 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class SidedRows:
    """Rows of two sides, without AI and with it, (row,) each."""

    pairs: PairRows
    """Units, items, raters and positions."""
    cell: Codes
    """Whose mean is taken out: an item and side, or firm, task, period and side; a cell lies on one side."""
    side: Codes
    """0 without AI, 1 with it."""
    value: Array
    """Values."""

    @cached_property
    def place(self) -> Codes:
        """Code of the cell and unit of each row."""
        return encode(self.cell, self.pairs.unit)

    def at(self, distance: int) -> "SidedRows":
        """Return the rows with pairs at another distance."""
        return replace(self, pairs=replace(self.pairs, distance=distance))

    def take(self, chosen: Flags) -> "SidedRows":
        """Return some of the rows; units and cells keep their codes."""
        p = self.pairs
        pairs = PairRows(
            unit=p.unit[chosen],
            item=p.item[chosen],
            position=p.position[chosen],
            n_units=p.n_units,
            distance=p.distance,
            rater=None if p.rater is None else p.rater[chosen],
        )
        return SidedRows(
            pairs=pairs, cell=self.cell[chosen], side=self.side[chosen], value=self.value[chosen]
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitMoments:
    """Moments of each unit; NaN where it has no pair or row that tells, (unit,) each unless said otherwise."""

    product: Array
    """Mean product over pairs: both without AI, both with it, one of each, (3, unit)."""
    square: Array
    """Mean square of a single row, by side, (2, unit)."""
    mean: Array
    """Mean of what is left, by side, (2, unit)."""
    n_pairs: Array
    """Ordered pairs (unordered for one of each), (3, unit)."""
    n_rows: Array
    """Rows by side, (2, unit)."""
    cell_mean: Array
    """Mean of the unit's cells by side, on the scale of the values, (2, unit)."""
    poisson: Array
    """Mean over rows of value over its cell's mean squared: the variance of a relative count, were it Poisson, (2, unit)."""


def unit_moments(rows: SidedRows, *, relative: bool = False) -> UnitMoments:
    """Estimate every unit's products of pairs, unbiased for variance and covariance of ability.

    Parameters
    ----------
    rows
        Rows of the two sides.
    relative
        Divide what is left by the mean of its cell: variances become squared coefficients of variation, as counts need.

    Returns
    -------
    UnitMoments
        Of all units 0 to n_units - 1.

    Notes
    -----
    With r what is left of a row after its cell's mean over workers, s the worker's mean of r in the cell, a unit's moment
    is the mean over pairs of r_k r_l + s_k s_l (1/f - 1). f is the share of a variance that survives the removal of means
    over I workers, 1 - 1/I where all do the same cells, else 1 - 1/I_k - 1/I_l + I_kl/(I_k I_l) averaged over the unit's
    pairs. Then the mean over units is the U-statistic "products within a worker less products between workers", unbiased
    for any numbers of items, whatever the noise; for items that all share it is the factor I/(I - 1).
    """
    side = rows.side
    mean, size = cell_means(rows)
    left = rows.value - mean[rows.cell]
    if relative:
        left = left / mean[rows.cell]
    shared = _worker_means(rows, left)
    columns = np.column_stack(
        [np.where(side == s, x, 0.0) for x in (left, shared, np.ones(left.size)) for s in (0, 1)]
    )
    sums = pair_sums(
        rows.pairs, columns, [(2 * k + a, 2 * k + b) for k in range(3) for a, b in _SIDES]
    )
    kept = _kept_share(rows, size)
    n_rows = _by_side(rows, np.ones(left.size))
    with np.errstate(divide="ignore", invalid="ignore"):
        product = (sums[:3] + sums[3:6] * (1 / kept - 1)) / np.where(sums[6:] > 0.5, sums[6:], 0)
        single = left**2 + shared**2 / (size[rows.cell] - 1)
        return UnitMoments(
            product=np.where(np.isfinite(product), product, np.nan),
            square=_by_side(rows, single) / n_rows,
            mean=_by_side(rows, left) / n_rows,
            n_pairs=np.rint(sums[6:]),
            n_rows=n_rows,
            cell_mean=_by_side(rows, mean[rows.cell]) / n_rows,
            poisson=_by_side(rows, rows.value / mean[rows.cell] ** 2) / n_rows,
        )


def factorial_moments(moments: UnitMoments) -> UnitMoments:
    """Put factorial moments in the place of pairs: E[y(y - 1)] = E λ² for a Poisson count of mean λ.

    Parameters
    ----------
    moments
        Relative to cells' means, of units with one count a side.

    Returns
    -------
    UnitMoments
        Products of one side are mean squares less the Poisson's variance; what else counts vary by is taken for ability.
    """
    product = moments.product.copy()
    product[:2] = moments.square - moments.poisson
    return replace(moments, product=product)


def cell_sizes(unit: Codes, cell: Codes) -> Array:
    """Number of units in each cell, (cell,)."""
    pair = first_rows(encode(cell, unit))
    return group_sums(cell[pair], np.ones(pair.size), int(cell.max(initial=-1)) + 1)


def has_pair(rows: SidedRows) -> Flags:
    """Rows of a unit that has two different items on the row's side, far enough apart, (row,)."""
    columns = np.column_stack([(rows.side == s).astype(np.float64) for s in (0, 1)])
    counts = pair_sums(rows.pairs, columns, [(0, 0), (1, 1)])
    return counts[rows.side, rows.pairs.unit] > 0.5


def cell_means(rows: SidedRows) -> tuple[Array, Array]:
    """Mean over units of the units' means, and number of units, of each cell, (cell,)."""
    place = rows.place
    n_places, n_cells = int(place.max()) + 1, int(rows.cell.max()) + 1
    cell = np.zeros(n_places, dtype=np.int64)
    cell[place] = rows.cell
    by_unit = group_sums(place, rows.value, n_places) / group_sums(
        place, np.ones(place.size), n_places
    )
    size = group_sums(cell, np.ones(n_places), n_cells)
    with np.errstate(invalid="ignore"):
        return group_sums(cell, by_unit, n_cells) / size, size


def _worker_means(rows: SidedRows, left: Array) -> Array:
    """Mean over a unit's rows of a cell of what is left, (row,)."""
    return (group_sums(rows.place, left) / np.bincount(rows.place))[rows.place]


def _by_side(rows: SidedRows, values: Array) -> Array:
    """Sum over a unit's rows of each side, (2, unit)."""
    code = rows.side * rows.pairs.n_units + rows.pairs.unit
    return group_sums(code, values, 2 * rows.pairs.n_units).reshape(2, -1)


def _kept_share(rows: SidedRows, size: Array) -> Array:
    """Share of the variance of ability that a unit's pairs keep after means are out, (3, unit)."""
    inverse = 1 / size[rows.cell]
    n_rows = _by_side(rows, np.ones(inverse.size))
    lost = _by_side(rows, inverse)
    overlap = _overlaps(rows, size)
    kept = np.empty((3, rows.pairs.n_units))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = lost / n_rows
        for number, (a, b) in enumerate(_SIDES):
            if overlap is None:
                kept[number] = 1 - (mean[a] + mean[b]) / 2
                continue
            own = lost[a] if a == b else 0.0
            n_pairs = n_rows[a] * n_rows[b] - (n_rows[a] if a == b else 0.0)
            kept[number] = 1 - mean[a] - mean[b] + (overlap[number] - own) / n_pairs
    return kept


def _overlaps(rows: SidedRows, size: Array) -> Array | None:
    """Σ over other units j, and over pairs of a unit's rows, of 1/(I_k I_l) where j is in both cells, (3, unit)."""
    if float((size**2).sum()) > _MOST_OVERLAPS:
        return None
    n_units, n_cells = rows.pairs.n_units, size.size
    place = first_rows(rows.place)
    cell, unit = rows.cell[place], rows.pairs.unit[place]
    members = sparse.csr_array((1 / size[cell], (cell, unit)), shape=(n_cells, n_units))
    shared = []
    for s in (0, 1):
        on_side = rows.side == s
        place_of = (rows.pairs.unit[on_side], rows.cell[on_side])
        counts = sparse.coo_array((np.ones(on_side.sum()), place_of), shape=(n_units, n_cells))
        shared.append(counts.tocsr() @ members)
    return np.array([shared[a].multiply(shared[b]).sum(axis=1) for a, b in _SIDES])
