"""Worker-firm matches of a pruned panel, and the Laplacian of firms that movers tie."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.regression.grouping import encode, group_sums, sorting_order

# Entries gathered at once.
_ENTRIES_AT_ONCE = 2**22


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Worker-firm matches, sorted by worker."""

    worker: Codes
    firm: Codes
    n_rows: Codes
    mean: Array
    square: Array
    """Sum of squares of y around the match mean."""
    share: Array
    """Rows of the match among the worker's."""
    of_row: Codes
    """Match of each row."""
    n_firms: int
    """Firms."""

    def by_worker(self, values: Array | Codes) -> Array:
        """Sum over a worker's matches, repeated for each of them, (n_matches,)."""
        return group_sums(self.worker, values)[self.worker]

    def incidence(self) -> sparse.csr_array:
        """Each match's firm less the mix of firms of its worker, f, (n_matches, n_firms)."""
        n_matches, n_workers = len(self.firm), int(self.worker[-1]) + 1
        ones, places = np.ones(n_matches), np.arange(n_matches)
        firm = sparse.coo_array((ones, (places, self.firm)), shape=(n_matches, self.n_firms))
        worker = sparse.coo_array((ones, (places, self.worker)), shape=(n_matches, n_workers))
        mix = sparse.coo_array(
            (self.share, (self.worker, self.firm)), shape=(n_workers, self.n_firms)
        )
        f = (firm.tocsr() - worker.tocsr() @ mix.tocsr()).tocsr()
        f.sum_duplicates()
        return f

    def laplacian(self) -> sparse.csr_array:
        """Cross-products of the firms with worker effects eliminated, Σ n f f', (n_firms, n_firms)."""
        shape = (int(self.worker[-1]) + 1, self.n_firms)
        place = (self.worker, self.firm)
        rows = sparse.coo_array((self.n_rows.astype(float), place), shape=shape).tocsr()
        mix = sparse.coo_array((self.share, place), shape=shape).tocsr()
        total = sparse.diags_array(group_sums(self.firm, self.n_rows, self.n_firms))
        return (total - rows.T.tocsr() @ mix).tocsr()

    def pulls(self, values: Array) -> Array:
        """Sum over each firm's rows of match means less the worker's, (n_firms,)."""
        pulled = self.n_rows * (values - self.by_worker(self.share * values))
        return group_sums(self.firm, pulled, self.n_firms)

    def equal_sizes(self) -> Iterator[Codes]:
        """Places of the matches of workers with equally many (n_matches, n_workers), in batches."""
        counts = np.bincount(self.worker)
        ends = np.cumsum(counts)
        by_size = sorting_order(counts)
        bounds = np.concatenate([[0], np.cumsum(np.bincount(counts))])
        for size in np.flatnonzero(np.diff(bounds)):
            same = by_size[bounds[size] : bounds[size + 1]]
            step = max(_ENTRIES_AT_ONCE // int(size) ** 2, 1)
            for start in range(0, len(same), step):
                yield (ends[same[start : start + step]] - size) + np.arange(size)[:, None]


def make_matches(y: Array, worker: Codes, firm: Codes) -> Matches:
    """Collect rows by match.

    Parameters
    ----------
    y
        Outcome (n_obs,).
    worker, firm
        Codes without gaps (n_obs,).
    """
    of_row = encode(worker, firm)
    first = np.unique(of_row, return_index=True)[1]
    n_rows = np.bincount(of_row)
    mean = group_sums(of_row, y) / n_rows
    deviations = y - mean[of_row]
    workers = worker[first]
    return Matches(
        worker=workers,
        firm=firm[first],
        n_rows=n_rows,
        mean=mean,
        square=group_sums(of_row, deviations**2),
        share=n_rows / group_sums(workers, n_rows)[workers],
        of_row=of_row,
        n_firms=int(np.max(firm)) + 1,
    )
