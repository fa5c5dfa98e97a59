"""Whether instruments identify the endogenous regressors, whatever their units."""

import numpy as np
from scipy import linalg

from withintask.panel.arrays import Array

# Canonical correlation below which nothing but rounding ties a direction of the endogenous regressors to the instruments.
# By chance alone, irrelevant instruments reach it in one sample of a million rows in a hundred thousand.
UNSPANNED = 1e-8


def smallest_correlation(endogenous: Array, instruments: Array, n_excluded: int) -> float:
    """Smallest canonical correlation of endogenous regressors and excluded instruments, given the exogenous regressors.

    Parameters
    ----------
    endogenous
        (p, n_rows), off the effects.
    instruments
        Exogenous regressors, then the excluded instruments (m, n_rows), independent.
    n_excluded
        Excluded instruments, at least p.

    Notes
    -----
    The singular values of Q_z'Q_x, Q_z and Q_x orthonormal bases of the variables net of the exogenous regressors. Their
    squares are the eigenvalues whose least is the statistic of Cragg and Donald (1993); it is zero where the rank
    condition fails, and does not depend on units.
    """
    n_exogenous = len(instruments) - n_excluded
    exogenous, excluded = instruments[:n_exogenous], instruments[n_exogenous:]
    left, right = (basis(net_of(exogenous, rows)) for rows in (excluded, endogenous))
    values = linalg.svd(left @ right.T, compute_uv=False, check_finite=False)
    return float(values[len(endogenous) - 1]) if len(endogenous) else 1.0


def net_of(others: Array, rows: Array) -> Array:
    """Variables (m, n_rows) less their projection on others (k, n_rows), in two passes."""
    if len(others) == 0:
        return rows
    span = basis(others)
    once = rows - (rows @ span.T) @ span
    twice: Array = once - (once @ span.T) @ span
    return twice


def basis(rows: Array) -> Array:
    """Orthonormal rows (m, n_rows) that span independent rows of any units."""
    scale = np.sqrt(np.einsum("kn,kn->k", rows, rows))
    scaled = rows / np.where(scale > 0, scale, 1.0)[:, None]
    orthonormal: Array = linalg.qr(scaled.T, mode="economic", check_finite=False)[0].T
    return orthonormal
