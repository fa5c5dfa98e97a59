"""Leverages of worker-firm matches by random projections, for more firms than exact algebra pays for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from withintask.panel.arrays import Array
from withintask.tests_of_model.components.leverages import Leverages, assembled
from withintask.tests_of_model.components.matches import Matches
from withintask.tests_of_model.regression.grouping import group_sums
from withintask.tests_of_model.regression.laplacian import GroundedSolver, factor_laplacian

# Projections solved at once: bounds memory, and is wide enough for the sparse product.
_AT_ONCE = 32
# Residual of a projection's solution relative to its right-hand side: far below the projections' own error.
_RESIDUAL = 1e-4
# The same of the firm effects; a step of refinement follows.
_ROUNDING = 1e-12
# Iterations after which a factorization is tried.
_ITERATIONS = 400

Solve = Callable[[Array], Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Projected:
    """Estimated leverages, and what is needed for their simulation error."""

    leverages: Leverages
    """Estimates."""
    solve: Solve
    """Solve the firm Laplacian to rounding."""
    taken: Array
    """Mean of n (f'v)² of each match, (n_matches,)."""
    left: Array
    """Mean of the squared residuals of the signs, (n_matches,)."""
    drawn: tuple[tuple[Array, Array], ...]
    """Solutions v and u of each batch, (n_firms, width) each."""
    seed: int
    """Of the projections."""

    def errors(self, matches: Matches, variance: Array, elasticity: Array, n_obs: int) -> Array:
        """Simulation errors of the bias of the variances of firms and workers and of their covariance, (3,).

        Parameters
        ----------
        matches
            The matches.
        variance
            Error variance of each match times its weight in rows, (n_matches,).
        elasticity
            By how much it moves, relatively, with that of 1/(1 - leverage), (n_matches,).
        n_obs
            Rows.

        Notes
        -----
        The bias is Σ B_m σ_m², and each projection gives B_m and, by the delta method, σ_m² anew; the error is the standard
        deviation over projections over the root of their number.
        """
        incidence, mix = matches.incidence(), _mixes(matches)
        ratio = self.taken / np.where(self.left > 0, self.left, 1.0)
        share = _share_left(matches)
        free = share / (1 + ratio)
        total = np.where(share > 0, self.taken + self.left, 1.0)
        weights = self.leverages
        biases = []
        for batch, (v, u) in enumerate(self.drawn):
            signs = _match_signs(self.seed, batch, (len(matches.firm), v.shape[1]))
            along = incidence @ v
            taken = matches.n_rows[:, None] * along**2
            left = _residual_signs(matches, signs, along) ** 2
            relative = (taken - ratio[:, None] * left) / total[:, None]
            own = (free / matches.n_rows * variance) @ relative / n_obs
            mixed = variance @ (along * mix(v)) / n_obs
            spread = variance @ (incidence @ u) ** 2 / n_obs
            moved = (
                np.stack([weights.firm, weights.worker, weights.covariance])
                * (variance * elasticity)
            ) @ relative
            parts = np.stack([spread, spread - 2 * mixed - own, mixed - spread + own])
            biases.append(parts + moved)
        each = np.hstack(biases)
        return np.asarray(each.std(axis=1, ddof=1) / np.sqrt(each.shape[1]))


def projected_leverages(
    matches: Matches, n_obs: int, *, n_projections: int, seed: int
) -> Projected:
    """Estimate leverages and bias weights by random projections.

    Parameters
    ----------
    matches
        Matches of a connected set.
    n_obs
        Rows.
    n_projections
        Projections, two systems each.
    seed
        Of the projections.

    Notes
    -----
    With f the firm of a match less the mix p of its worker's, L = Σ n f f' the firm Laplacian and G its inverse: v = G Σ √n r f
    for signs r has E(f'v)² = f'Gf and E(f'v)(p'v) = f'Gp; u = G √D r has E(f'u)² = f'GDGf (Johnson and Lindenstrauss; Kline,
    Saggio and Sølvsten 2020, computational appendix). v is centred by the rows of firms, and D replaced by D - dd'/n, d the
    rows of firms, so that what the means of effects take away is not drawn. One over one minus the leverage of a match is (1 + P/M)/a, with a what
    the worker's mean leaves, P the mean of n (f'v)² and M that of the squared residuals of r; it cannot pass its bounds, and
    the bias of the ratio is taken off to the first order.
    """
    incidence, mix = matches.incidence(), _mixes(matches)
    solver = LaplacianSolver(matches.laplacian())
    firm_rows = group_sums(matches.firm, matches.n_rows, matches.n_firms)
    sums, drawn = np.zeros((6, len(matches.firm))), []
    generator = np.random.default_rng([seed, 1])
    for batch, start in enumerate(range(0, n_projections, _AT_ONCE)):
        width = min(_AT_ONCE, n_projections - start)
        signs = _match_signs(seed, batch, (len(matches.firm), width))
        v = solver.solve(incidence.T @ (np.sqrt(matches.n_rows)[:, None] * signs), _RESIDUAL)
        v -= firm_rows @ v / n_obs
        spread = np.sqrt(firm_rows)[:, None] * _signs(generator, (matches.n_firms, width))
        spread -= firm_rows[:, None] * (spread.sum(axis=0) / n_obs)
        u = solver.solve(spread, _RESIDUAL)
        along = incidence @ v
        taken = matches.n_rows[:, None] * along**2
        left = _residual_signs(matches, signs, along) ** 2
        squares = (taken, left, left**2, taken * left, along * mix(v), (incidence @ u) ** 2)
        sums += np.stack([square.sum(axis=1) for square in squares])
        drawn.append((v, u))
    taken, left, left_square, product, mixed, spread = sums / n_projections
    ratio = _unbiased_ratio(taken, left, left_square, product, n_projections)
    own = _share_left(matches) * ratio / (1 + ratio) / matches.n_rows
    return Projected(
        leverages=assembled(matches, own, mixed, spread, np.zeros_like(own), n_obs),
        solve=lambda right: solver.solve(right, _ROUNDING),
        taken=taken,
        left=left,
        drawn=tuple(drawn),
        seed=seed,
    )


def _unbiased_ratio(
    taken: Array, left: Array, left_square: Array, product: Array, n_projections: int
) -> Array:
    """P/M less its bias of the first order in the number of projections; zero where there is nothing left, (n_matches,)."""
    safe = np.where(left > 0, left, 1.0)
    spread = (left_square - left**2) / safe**2 - (product - taken * left) / (
        np.where(taken > 0, taken, 1.0) * safe
    )
    ratio: Array = taken / safe * (1 - spread / n_projections)
    return ratio


def _share_left(matches: Matches) -> Array:
    """What the worker's mean leaves of a match's leverage, (n_matches,)."""
    share: Array = 1 - matches.n_rows / matches.by_worker(matches.n_rows)
    return share


def _residual_signs(matches: Matches, signs: Array, along: Array) -> Array:
    """Signs less their projection on workers and firms, (n_matches, width)."""
    root = np.sqrt(matches.n_rows)[:, None]
    residual: Array = signs - root * (along + _worker_part(matches, root[:, 0], signs))
    return residual


def _match_signs(seed: int, batch: int, shape: tuple[int, int]) -> Array:
    return _signs(np.random.default_rng([seed, 0, batch]), shape)


def _worker_part(matches: Matches, root: Array, signs: Array) -> Array:
    """Worker means of rows with r spread over each match's rows, (n_matches, n_projections)."""
    n_workers = int(matches.worker[-1]) + 1
    place = (matches.worker, np.arange(len(root)))
    total = group_sums(matches.worker, matches.n_rows)
    mean = sparse.coo_array(
        (root / total[matches.worker], place), shape=(n_workers, len(root))
    ).tocsr()
    means: Array = (mean @ signs)[matches.worker]
    return means


def _mixes(matches: Matches) -> Callable[[Array], Array]:
    """Map from firms to the mix of each match's worker."""
    n_workers = int(matches.worker[-1]) + 1
    shape = (n_workers, matches.n_firms)
    mix = sparse.coo_array((matches.share, (matches.worker, matches.firm)), shape=shape).tocsr()

    def of(values: Array) -> Array:
        mixed: Array = (mix @ values)[matches.worker]
        return mixed

    return of


def _signs(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    return np.asarray(generator.integers(0, 2, shape, dtype=np.int8) * 2.0 - 1.0, dtype=np.float64)


class LaplacianSolver:
    """Solve the singular firm Laplacian for right-hand sides that sum to zero.

    Conjugate gradients on many right-hand sides at once, with the diagonal as preconditioner; a direct factorization where
    they do not end soon, as where few movers tie long chains of firms.

    Parameters
    ----------
    laplacian
        Of a connected graph of firms, (n_firms, n_firms).
    """

    def __init__(self, laplacian: sparse.csr_array) -> None:
        self._laplacian = laplacian
        self._direct: GroundedSolver | None = None

    def solve(self, right: Array, residual: float) -> Array:
        """Solve (n_firms, m) systems up to a constant, to a residual relative to the right-hand side."""
        if self._direct is None:
            solution = _conjugate_gradients(self._laplacian, right, residual)
            if solution is not None:
                return solution
            self._direct = factor_laplacian(self._laplacian, np.array([0]), full_rank=True)
        return self._direct.solve(right)


def _conjugate_gradients(matrix: sparse.csr_array, right: Array, share: float) -> Array | None:
    """Solutions (n, m), or None where they take too many iterations."""
    inverse = 1 / matrix.diagonal()[:, None]
    solution, residual = np.zeros(right.shape), right.copy()
    goal = share**2 * np.einsum("nm,nm->m", right, right)
    direction = inverse * residual
    length = np.einsum("nm,nm->m", residual, direction)
    for _ in range(_ITERATIONS):
        image = matrix @ direction
        along = np.einsum("nm,nm->m", direction, image)
        step = np.divide(length, along, out=np.zeros_like(length), where=along > 0)
        solution += step * direction
        image *= step
        residual -= image
        if np.all(np.einsum("nm,nm->m", residual, residual) <= goal):
            return solution
        np.multiply(inverse, residual, out=image)
        previous, length = length, np.einsum("nm,nm->m", residual, image)
        direction *= np.divide(length, previous, out=np.zeros_like(length), where=previous > 0)
        direction += image
    return None
