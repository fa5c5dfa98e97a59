"""The system that remains when the largest of several effects is eliminated."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.regression.grouping import group_sums, sorting_order
from withintask.tests_of_model.regression.laplacian import (
    DENSE_SIZE,
    GroundedSolver,
    factor_laplacian,
)

# Pairs summed at once: bounds the memory of their indices to some 100 MB.
_PAIRS_AT_ONCE = 2**23
# Pairs per row up to which listing them beats a sparse product.
_PAIRS_PER_ROW = 16
# Multiply-adds of a matrix product in the time of one pair, measured on one core.
_PRODUCTS_PER_PAIR = 300


class Remainder:
    """The weighted Laplacian of all factors but the largest, given the largest.

    Parameters
    ----------
    largest
        Codes of the factor to be eliminated (n_obs,).
    rest
        Codes of the other factors.
    weights
        (n_obs,), or None for ones.
    total
        Weight of each level of the largest factor.

    Notes
    -----
    D'WD − N' diag(1/total) N, with D the dummies of the other factors and N the weight each level
    of the largest factor shares with each other level: the Schur complement of the normal
    equations.
    """

    def __init__(
        self,
        largest: Codes,
        rest: Sequence[Codes],
        weights: Array | None,
        total: Array,
    ) -> None:
        sizes = [int(np.max(codes)) + 1 for codes in rest]
        self.offsets: Codes = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        self._largest = largest
        self._rest = [codes + start for codes, start in zip(rest, self.offsets, strict=False)]
        self._weights = weights
        self._total = total
        self._size = int(self.offsets[-1])

    def factor(self) -> GroundedSolver:
        """Factor it, one level grounded for each connected component of each factor's graph."""
        is_small = self._size <= DENSE_SIZE
        linked = self._linked_dense() if is_small else self._linked_sparse()
        grounded = np.concatenate(
            [
                start + _first_of_component(linked[start:stop, start:stop])
                for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True)
            ]
        )
        own = self._own()
        laplacian = own - linked if sparse.issparse(linked) else _minus(own, linked)
        return factor_laplacian(laplacian, grounded, full_rank=len(self._rest) == 1)

    def _own(self) -> sparse.csr_array:
        """D'WD (size, size)."""
        shape = (self._size, self._size)
        weights = np.ones(len(self._largest)) if self._weights is None else self._weights
        total = np.bincount(np.concatenate(self._rest), np.tile(weights, len(self._rest)))
        own = sparse.diags_array(total).tocsr()
        for f, first in enumerate(self._rest):
            for second in self._rest[f + 1 :]:
                block = sparse.coo_array((weights, (first, second)), shape=shape).tocsr()
                own = own + block + block.T
        return own

    def _linked_sparse(self) -> sparse.csr_array:
        shared = self._shared()
        scaled = sparse.diags_array(1 / self._total) @ shared
        return (shared.T.tocsr() @ scaled).tocsr()

    def _shared(self) -> sparse.csr_array:
        """N (levels of the largest factor, size)."""
        weights = np.ones(len(self._largest)) if self._weights is None else self._weights
        place = (np.tile(self._largest, len(self._rest)), np.concatenate(self._rest))
        shape = (len(self._total), self._size)
        return sparse.coo_array((np.tile(weights, len(self._rest)), place), shape=shape).tocsr()

    def _linked_dense(self) -> Array:
        """N' diag(1/total) N, by the cheapest of three ways."""
        rows = np.bincount(self._largest).astype(float) * len(self._rest)
        n_pairs = float(rows @ rows) / 2
        is_thin = n_pairs < _PAIRS_PER_ROW * rows.sum()
        if is_thin and np.max(rows) ** 2 < 2 * _PAIRS_AT_ONCE:
            return self._linked_by_pairs()
        if len(rows) * self._size**2 < n_pairs * _PRODUCTS_PER_PAIR:
            return self._linked_by_products()
        linked: Array = self._linked_sparse().toarray()
        return linked

    def _linked_by_products(self) -> Array:
        shared = self._shared()
        scale = 1 / np.sqrt(self._total)
        linked = np.zeros((self._size, self._size))
        step = max(_PAIRS_AT_ONCE // self._size, 1)
        for start in range(0, len(scale), step):
            block = shared[start : start + step].toarray()
            block *= scale[start : start + step, None]
            linked += block.T @ block
        return linked

    def _linked_by_pairs(self) -> Array:
        """Sum over the pairs of rows of each level; levels of equal size are handled together."""
        codes, weights, n_entries = self._sorted_entries()
        n_pairs = int((n_entries * (n_entries - 1) // 2).sum())
        places = np.empty(min(n_pairs, _PAIRS_AT_ONCE), dtype=np.intp)
        values = np.empty(len(places))
        linked, filled = np.zeros(self._size**2), 0
        for entries, levels, (first, second) in _equal_levels(n_entries, len(places)):
            n_new = len(first) * len(levels)
            if filled + n_new > len(places):
                linked += group_sums(places[:filled], values[:filled], len(linked))
                filled = 0
            shape, span = (len(first), len(levels)), slice(filled, filled + n_new)
            found, value = codes[entries], values[span].reshape(shape)
            np.add((found * self._size)[first], found[second], out=places[span].reshape(shape))
            value[:] = 1 / self._total[levels]
            if weights is not None:
                weight = weights[entries]
                value *= weight[first]
                value *= weight[second]
            filled += n_new
        linked += group_sums(places[:filled], values[:filled], len(linked))
        upper = linked.reshape(self._size, self._size)
        both = upper + upper.T
        both[np.diag_indices(self._size)] += self._squares()
        return both

    def _squares(self) -> Array:
        """Sum the pairs of each row with itself (size,)."""
        value = (1 / self._total)[self._largest]
        if self._weights is not None:
            value = value * self._weights**2
        squares = np.zeros(self._size)
        for codes in self._rest:
            squares += group_sums(codes, value, self._size)
        return squares

    def _sorted_entries(self) -> tuple[Codes, Array | None, Codes]:
        """Other codes and weights in the order of the largest factor, and its level sizes."""
        times = len(self._rest)
        levels = self._largest if times == 1 else np.tile(self._largest, times)
        codes = self._rest[0] if times == 1 else np.concatenate(self._rest)
        weights = self._weights
        if weights is not None and times > 1:
            weights = np.tile(weights, times)
        n_entries = np.bincount(levels).astype(np.intp, copy=False)
        if np.all(levels[1:] >= levels[:-1]):
            return codes, weights, n_entries
        order = sorting_order(levels)
        return codes[order], None if weights is None else weights[order], n_entries


def _equal_levels(
    n_entries: Codes, at_once: int
) -> Iterator[tuple[Codes, Codes, tuple[Codes, Codes]]]:
    """Entries of the levels with equally many (n, n_levels), the levels, and the pairs of n.

    Batches are of at most ``at_once`` pairs, which no level alone exceeds.
    """
    ends = np.cumsum(n_entries)
    by_size = sorting_order(n_entries)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(n_entries))])
    for size in np.flatnonzero(np.diff(bounds)):
        if size < 2:
            continue
        same = by_size[bounds[size] : bounds[size + 1]]
        first, second = np.triu_indices(int(size), 1)
        step = max(at_once // len(first), 1)
        for levels in (same[start : start + step] for start in range(0, len(same), step)):
            yield (ends[levels] - size) + np.arange(size)[:, None], levels, (first, second)


def _minus(own: sparse.csr_array, linked: Array) -> Array:
    """Subtract in place of the dense matrix, whose memory is touched once."""
    np.negative(linked, out=linked)
    entries = own.tocoo()
    linked[entries.row, entries.col] += entries.data
    return linked


def _first_of_component(linked: Array | sparse.csr_array) -> Codes:
    if isinstance(linked, np.ndarray):
        return _first_of_dense_component(linked > 0)
    labels = csgraph.connected_components(linked, directed=False)[1]
    return np.unique(labels, return_index=True)[1].astype(np.intp, copy=False)


def _first_of_dense_component(linked: Flags) -> Codes:
    """First level of each component, by breadth-first search on a dense pattern."""
    unseen = np.ones(len(linked), dtype=bool)
    first = []
    while unseen.any():
        start = int(np.argmax(unseen))
        first.append(start)
        frontier = np.array([start])
        unseen[start] = False
        while len(frontier):
            reached = linked[frontier].any(axis=0) & unseen
            unseen &= ~reached
            frontier = np.flatnonzero(reached)
    return np.array(first, dtype=np.intp)
