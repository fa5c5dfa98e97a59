"""Factor the reduced Laplacian of a set of effects: dense, sparse, or conjugate gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg as sparse_linalg

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import ConvergenceError
from withintask.tests_of_model.regression.threads import threads_for

# Sizes at which one method overtakes the next, from benchmarks/bench_regression.py.
DENSE_SIZE = 2_000  # up to here dense Cholesky is fastest whatever the pattern
_DENSE_SIZE_MAX = 8_000  # above, a dense matrix takes over half a gigabyte
_PROFILE_MAX = 40_000_000  # entries of a sparse factor that still fit comfortably

# A pivot below this share of its diagonal entry marks a dependent level. Pivots of a connected
# chain of m levels are at least 1/m of the diagonal; rounding leaves about m times 1e-16.
_PIVOT_SHARE = 1e-8
# Share of the diagonal added before searching a sparse matrix: m levels lift a zero pivot to m
# times this, still below _PIVOT_SHARE, and above rounding.
_LIFT = 1e-14
# Conjugate gradients aim at this residual relative to the right-hand side, near rounding, and
# are refused above the second.
_CG_RESIDUAL = 1e-14
_CG_ACCEPTED = 1e-11
_CG_ITERATIONS = 5_000


_Factor = Callable[[Array], Array]


class GroundedSolver:
    """Solve a singular Laplacian system with the dependent levels held at zero.

    Attributes
    ----------
    rank : int
        Levels that are free, the rank of the Laplacian.
    method : str
        ``dense``, ``sparse`` or ``cg``.
    is_rank_exact : bool
        False only for three or more factors too large for a direct factorization, where ``rank``
        is an upper bound.
    """

    def __init__(
        self, factor: _Factor, free: Codes, size: int, *, method: str, is_rank_exact: bool = True
    ) -> None:
        self._factor = factor
        self._free = free
        self._size = size
        self.rank = len(free)
        self.method = method
        self.is_rank_exact = is_rank_exact

    def solve(self, right: Array) -> Array:
        """Level effects (size, n_right) for the right-hand sides (size, n_right)."""
        effects = np.zeros((self._size, right.shape[1]))
        if self.rank:
            effects[self._free] = self._factor(right[self._free])
        return effects


def factor_laplacian(
    laplacian: Array | sparse.csr_array, grounded: Codes, *, full_rank: bool
) -> GroundedSolver:
    """Factor a positive semi-definite Laplacian once.

    Parameters
    ----------
    laplacian
        Symmetric (size, size), dense or sparse.
    grounded
        Levels known to be redundant, held at zero.
    full_rank
        True if nothing else is redundant (two factors); otherwise dependencies are searched.

    Returns
    -------
    GroundedSolver
        Dense Cholesky for small systems, sparse LU where a narrow profile promises little
        fill-in (low mobility), conjugate gradients for what is large and well mixed.
    """
    size = laplacian.shape[0]
    free = np.setdiff1d(np.arange(size), grounded)
    if len(free) == 0:
        return GroundedSolver(lambda right: right, free, size, method="dense")
    if isinstance(laplacian, np.ndarray):
        return _factor_dense(laplacian, free, full_rank=full_rank)
    inner = laplacian[free][:, free].tocsc()
    if _profile(inner) <= _PROFILE_MAX:
        independent = free if full_rank else free[_independent_sparse(inner)]
        kept = inner if full_rank else laplacian[independent][:, independent].tocsc()
        return GroundedSolver(_superlu(kept).solve, independent, size, method="sparse")
    if size <= _DENSE_SIZE_MAX:
        return _factor_dense(laplacian.toarray(), free, full_rank=full_rank)
    return GroundedSolver(_cg_factor(inner), free, size, method="cg", is_rank_exact=full_rank)


def _factor_dense(laplacian: Array, free: Codes, *, full_rank: bool) -> GroundedSolver:
    if not full_rank:
        free = free[_independent_dense(laplacian[np.ix_(free, free)])]
    first, last = free[0], free[-1] + 1
    is_block = len(free) == last - first
    block = laplacian[first:last, first:last] if is_block else laplacian[np.ix_(free, free)]
    factor = _dense_factor(block)
    return GroundedSolver(factor, free, len(laplacian), method="dense")


def _dense_factor(matrix: Array) -> _Factor:
    with threads_for(len(matrix)):
        lower = linalg.cholesky(matrix, lower=True, check_finite=False)
    solve = linalg.lapack.dpotrs

    def factor(right: Array) -> Array:
        with threads_for(len(lower)):
            solution: Array = solve(lower, right, lower=True)[0]
        return solution

    return factor


def _superlu(matrix: sparse.csc_array) -> Any:
    return sparse_linalg.splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def _profile(matrix: sparse.csc_array) -> int:
    """Entries inside the envelope after reverse Cuthill-McKee: a bound on the fill-in."""
    order = csgraph.reverse_cuthill_mckee(matrix.tocsr(), symmetric_mode=True)
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    entries = matrix.tocoo()
    rows, columns = place[entries.row], place[entries.col]
    width = np.zeros(len(order), dtype=np.intp)
    np.maximum.at(width, rows, rows - columns)
    return int(width.sum())


def _independent_dense(matrix: Array) -> Codes:
    """Positions of a maximal independent set of levels, by Cholesky with diagonal pivoting."""
    scale = np.sqrt(np.diagonal(matrix))
    _, pivots, rank, _ = linalg.lapack.dpstrf(matrix / np.outer(scale, scale), tol=_PIVOT_SHARE)
    return np.sort(np.asarray(pivots[:rank], dtype=np.intp) - 1)


def _independent_sparse(matrix: sparse.csc_array) -> Codes:
    """Find the same in a sparse matrix, by the vanishing pivots of a slightly lifted copy.

    Lifting the diagonal by a share ε turns exactly zero pivots into ones of order ε, which are
    told from true pivots as both are scaled by the diagonal.
    """
    diagonal = matrix.diagonal()
    lifted = (matrix + sparse.diags_array(_LIFT * diagonal)).tocsc()
    factored = _superlu(lifted)
    pivots = np.abs(factored.U.diagonal())[factored.perm_c]
    return np.flatnonzero(pivots > _PIVOT_SHARE * diagonal)


def _cg_factor(matrix: sparse.csc_array) -> _Factor:
    rows = matrix.tocsr()
    preconditioner = sparse.diags_array(1 / rows.diagonal()).tocsr()

    def factor(right: Array) -> Array:
        return np.column_stack([_cg_solution(rows, preconditioner, column) for column in right.T])

    return factor


def _cg_solution(matrix: sparse.csr_array, preconditioner: sparse.csr_array, right: Array) -> Array:
    solution: Array = sparse_linalg.cg(
        matrix, right, rtol=_CG_RESIDUAL, atol=0.0, maxiter=_CG_ITERATIONS, M=preconditioner
    )[0]
    missed = float(np.linalg.norm(right - matrix @ solution))
    allowed = float(np.linalg.norm(right)) * _CG_ACCEPTED
    if missed > allowed:
        raise ConvergenceError(
            f"conjugate gradients over {len(right)} levels: residual {missed:.1e} after at most "
            f"{_CG_ITERATIONS} iterations, expected {allowed:.1e}; absorb fewer levels, or drop "
            "levels that few rows connect"
        )
    return solution
