"""Few rows that stand in for many: the same count, means and second moments, so that least squares cannot tell them apart."""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes


@dataclass(frozen=True, kw_only=True, eq=False)
class StandIns:
    """Rows that stand in for blocks of rows, (row,) each."""

    block: Codes
    """Block of each."""
    values: Array
    """Variables, (row, variable)."""
    weight: Array
    """Rows that each stands for, not always a whole number."""


def stand_ins(n_rows: Array, means: Array, squares: Array) -> StandIns:
    """Make rows with given first and second moments.

    Parameters
    ----------
    n_rows
        Rows of each block, (block,).
    means
        Their means, (block, variable).
    squares
        Sums of squares and products around the means, (block, variable, variable).

    Returns
    -------
    StandIns
        Of a block of one row that row; else two for each variable.

    Notes
    -----
    Let M hold a block's rows (1, x, y). Coefficients, clustered scores, leverage corrections (CR2, CR3) and the wild bootstrap
    of a regression whose effects and clusters are constant within blocks depend on M through M'M alone: two matrices with
    the same M'M differ by a rotation of rows, which all of these undo. With S = Σ r_j r_j' the squares of a block of n rows
    and v variables, the rows are m ± √(v/n) r_j, each of weight n/2v.
    """
    n_variables = means.shape[1]
    roots = _roots(squares) * np.sqrt(n_variables / n_rows)[:, None, None]
    single, several = np.flatnonzero(n_rows == 1), np.flatnonzero(n_rows > 1)
    pairs = np.concatenate([means[:, None] + roots, means[:, None] - roots], axis=1)[several]
    size = 2 * n_variables
    return StandIns(
        block=np.concatenate([single, np.repeat(several, size)]),
        values=np.concatenate([means[single], pairs.reshape(-1, n_variables)]),
        weight=np.concatenate(
            [np.ones(single.size), np.repeat(n_rows[several] / size, size).astype(np.float64)]
        ),
    )


def _roots(squares: Array) -> Array:
    """Vectors r_j, as rows, with Σ r_j r_j' the squares, (block, variable, variable)."""
    scale = np.sqrt(np.maximum(np.diagonal(squares, axis1=1, axis2=2), 0))
    unit = np.where(scale > 0, scale, 1.0)
    correlation = squares / (unit[:, :, None] * unit[:, None, :])
    values, vectors = np.linalg.eigh(correlation)
    roots = np.swapaxes(vectors, 1, 2) * np.sqrt(np.maximum(values, 0))[:, :, None]
    return np.asarray(roots * scale[:, None, :])


def squares_around_means(n_rows: Array, sums: Array, products: Array) -> tuple[Array, Array]:
    """Turn sums and sums of products into means and sums of squares around them.

    Parameters
    ----------
    n_rows
        Rows of each block, (block,).
    sums
        (block, variable), of variables near zero next to their spread: the more so, the fewer digits are lost.
    products
        (block, variable, variable).

    Returns
    -------
    tuple of arrays
        Means (block, variable), and squares (block, variable, variable), zero for a variable whose squares are rounding.
    """
    means = sums / n_rows[:, None]
    squares = products - sums[:, :, None] * means[:, None, :]
    raw = np.diagonal(products, axis1=1, axis2=2)
    left = np.diagonal(squares, axis1=1, axis2=2)
    varies = (left > _ROUNDING * raw) & (n_rows > 1)[:, None]
    return means, np.where(varies[:, :, None] & varies[:, None, :], squares, 0.0)


_ROUNDING = 64 * np.finfo(float).eps
