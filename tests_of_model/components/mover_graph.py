"""Prune a worker-firm panel to the part where no effect hangs on a single observation or match."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from withintask.panel.arrays import Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.regression.absorb import compact_codes, encode

LeaveOut = Literal["observation", "match"]

# Seed of the random labels by which bridges are found. A wrong answer needs a collision of 64-bit
# sums, so the result does not depend on it.
_LABEL_SEED = 20_240_229


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """Rows in the leave-out connected set."""

    rows: Flags
    """Which rows are kept (n_obs,)."""
    n_dropped_disconnected: int
    """Rows outside the largest connected set."""
    n_dropped_bridges: int
    """Rows of matches that alone tie two parts together, and of the smaller parts."""
    n_dropped_alone: int
    """Rows of workers left with one observation."""

    @property
    def n_known(self) -> int:
        """Rows that were looked at: kept or dropped for one of these reasons."""
        dropped = self.n_dropped_disconnected + self.n_dropped_bridges + self.n_dropped_alone
        return int(np.count_nonzero(self.rows)) + dropped


def leave_out_connected(worker: Codes, firm: Codes, *, leave_out: LeaveOut) -> Pruned:
    """Keep the largest set that stays connected when any one observation or match is left out.

    Parameters
    ----------
    worker, firm
        Codes (n_obs,).
    leave_out
        ``observation``: a match with two or more rows survives the loss of one. ``match``: all
        rows of a match go together; stayers are kept, as only their own effect hangs on theirs.

    Returns
    -------
    Pruned

    Raises
    ------
    EstimationError
        If nothing is left: no firms tied by two movers or more.

    Notes
    -----
    The leave-one-out connected set of Kline, Saggio and Sølvsten (2020, Computational Appendix),
    found on matches rather than on workers: a match whose leverage is one is a bridge of the
    bipartite graph of workers and firms. Bridges are the tree edges that no cycle covers; giving
    each other edge a random label, they are those below which the labels cancel (xor to zero). A
    worker is not dropped when only one of the matches is a bridge.
    """
    everything = np.ones(len(worker), dtype=bool)
    connected = _largest_component(worker, firm, everything)
    bridges = _bridge_rows(worker, firm, connected, leave_out)
    solid = _largest_component(worker, firm, connected & ~bridges)
    # A worker whose only tie to the set was cut has been left out with the smaller parts.
    n_rows = np.bincount(worker[solid], minlength=int(np.max(worker)) + 1)
    kept = solid & (n_rows[worker] > 1)
    if len(np.unique(firm[kept])) <= 1:
        raise EstimationError(f"two-way components: {_reason(worker, firm, leave_out)}")
    return Pruned(
        rows=kept,
        n_dropped_disconnected=int((~connected).sum()),
        n_dropped_bridges=int((connected & ~solid).sum()),
        n_dropped_alone=int((solid & ~kept).sum()),
    )


def _reason(worker: Codes, firm: Codes, leave_out: LeaveOut) -> str:
    """Say why no two firms stay connected."""
    if len(np.unique(firm)) == 1:
        return "all rows are of one firm, and firms are compared; it needs two or more"
    n_rows = np.bincount(worker)
    if np.max(n_rows) == 1:
        return (
            "every worker has a single row, so that none can be seen to move; it needs workers with rows in two "
            "periods or more (a change over time: two on each side)"
        )
    if not _is_mover(worker, firm).any():
        n_workers = np.count_nonzero(n_rows > 1)
        return f"none of {n_workers:,} workers with two rows or more is seen at two firms; it needs movers"
    return (
        f"no two firms stay connected when one {leave_out} is left out; the panel needs more "
        "movers between firms"
    )


def _is_mover(worker: Codes, firm: Codes) -> Flags:
    """Whether a row's worker is seen at a firm other than the worker's last one given, (n_obs,)."""
    last = np.empty(int(np.max(worker)) + 1, dtype=firm.dtype)
    last[worker] = firm
    moved: Flags = firm != last[worker]
    return moved


def _graph(worker: Codes, firm: Codes) -> sparse.csr_array:
    """Bipartite graph on workers, then firms."""
    n_workers = int(np.max(worker)) + 1
    size = n_workers + int(np.max(firm)) + 1
    ones = np.ones(len(worker), dtype=np.int8)
    half = sparse.coo_array((ones, (worker, firm + n_workers)), shape=(size, size))
    return (half + half.T).tocsr()


def _largest_component(worker: Codes, firm: Codes, rows: Flags) -> Flags:
    """Rows, among those given, in the connected set that holds most rows."""
    if not rows.any():
        return rows
    labels = csgraph.connected_components(_graph(worker[rows], firm[rows]), directed=False)[1]
    own = labels[worker[rows]]
    kept = np.zeros(len(rows), dtype=bool)
    kept[np.flatnonzero(rows)[own == np.argmax(np.bincount(own))]] = True
    return kept


def _bridge_rows(worker: Codes, firm: Codes, rows: Flags, leave_out: LeaveOut) -> Flags:
    """Rows of bridges: of matches of movers, or of single rows, that alone connect two parts."""
    match = encode(worker[rows], firm[rows])
    first = np.unique(match, return_index=True)[1]
    edge_worker = compact_codes(worker[rows][first])
    edge_firm = compact_codes(firm[rows][first])
    is_bridge = _bridges(edge_worker, edge_firm)
    if leave_out == "observation":
        is_bridge &= np.bincount(match) == 1
    else:
        is_bridge &= np.bincount(edge_worker)[edge_worker] > 1
    found = np.zeros(len(rows), dtype=bool)
    found[np.flatnonzero(rows)[is_bridge[match]]] = True
    return found


def _bridges(worker: Codes, firm: Codes) -> Flags:
    """Which edges of a connected bipartite graph, each given once, are bridges."""
    n_workers = int(np.max(worker)) + 1
    order, parent = csgraph.breadth_first_order(_graph(worker, firm), 0, directed=False)
    size = len(order)
    place = np.empty(size, dtype=np.intp)
    place[order] = np.arange(size)
    parent_place = np.zeros(size, dtype=np.intp)
    parent_place[1:] = place[parent[order[1:]]]
    ends = np.sort(np.stack([place[worker], place[firm + n_workers]]), axis=0)
    is_tree = parent_place[ends[1]] == ends[0]
    labels = _label_sums(ends[:, ~is_tree], size)
    _add_to_parents(labels, parent_place)
    bridges: Flags = is_tree & (labels[ends[1]] == 0)
    return bridges


def _label_sums(ends: Codes, size: int) -> npt.NDArray[np.uint64]:
    """Xor of the random labels of the edges at each node."""
    generator = np.random.default_rng(_LABEL_SEED)
    drawn = generator.integers(2**64, size=ends.shape[1], dtype=np.uint64)
    labels = np.zeros(size, dtype=np.uint64)
    for nodes in ends:
        np.bitwise_xor.at(labels, nodes, drawn)
    return labels


def _add_to_parents(labels: npt.NDArray[np.uint64], parent_place: Codes) -> None:
    """Sum labels up the tree; nodes are in breadth-first order, so level by level from the end."""
    bounds = [1]
    while bounds[-1] < len(labels):
        previous = bounds[-2] if len(bounds) > 1 else 0
        inside = parent_place[bounds[-1] :]
        bounds.append(bounds[-1] + int(np.searchsorted(inside, bounds[-1])))
        assert bounds[-1] > previous
    for start, stop in zip(bounds[-2::-1], bounds[:0:-1], strict=True):
        parents = parent_place[start:stop]
        firsts = np.flatnonzero(np.diff(parents, prepend=-1))
        labels[parents[firsts]] ^= np.bitwise_xor.reduceat(labels[start:stop], firsts)
