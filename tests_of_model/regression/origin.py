"""Variables whose origin hides their variation: centred first, and projected until nothing more goes."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from withintask.panel.arrays import Array, Codes, Flags
from withintask.tests_of_model.regression.absorb import Projector

# Share of a variable's sum of squares, left by its mean or the effects, below which squares and cross-products have lost
# half their digits to the origin: such a variable is centred and projected again.
HIDDEN_SHARE = 1e-6
# Share below which what is left is the rounding of the values themselves (about 45 units in the last place).
ROUNDING_SHARE = 1e-28
# A further projection that leaves more than this share of the square has nothing more to take.
_SETTLED = 0.5
_PASSES = 5
# Residual share of the constant below which the regressors span it.
_SPANNED_SHARE = 1e-16
# Part of the constant below which a regressor has none of it.
_NOT_ALONG = 1e-8


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Origins taken off the variables of a regression whose regressors span a constant."""

    outcome: float
    """Origin taken off the outcome."""
    regressors: Array
    """Origins taken off the regressors (k,)."""


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """From coefficients of shifted variables to those of the variables as given: matrix · b + vector."""

    matrix: Array
    """(k, k)."""
    vector: Array
    """(k,)."""
    along: Array
    """Coefficients that a shift moves (k,): where not zero, the constant is made of the regressor."""


def way_back(shift: Shift | None, regressors: Array, kept: Codes, constant: Array) -> WayBack:
    """Find the way back from a shift.

    Parameters
    ----------
    shift
        What was taken off; None for nothing.
    regressors
        The kept regressors, shifted (k, n_rows).
    kept
        Their positions among all.
    constant
        Ones, weighted as the regressors are (n_rows,).

    Notes
    -----
    With m the origins of the regressors, m_y that of the outcome, and a'x̃ the constant: b = b̃ + (m_y − m'b̃) a/(1 + a'm).
    """
    if shift is None:
        nothing = np.zeros(len(kept))
        return WayBack(matrix=np.eye(len(kept)), vector=nothing, along=nothing)
    origins = shift.regressors[kept]
    slopes = linalg.lstsq(regressors.T, constant, check_finite=False)[0]
    slopes[
        np.abs(slopes) * np.linalg.norm(regressors, axis=1) <= _NOT_ALONG * np.linalg.norm(constant)
    ] = 0.0
    along = slopes / (1 + slopes @ origins)
    matrix = np.eye(len(kept)) - np.outer(along, origins)
    return WayBack(matrix=matrix, vector=shift.outcome * along, along=along)


def shifted(
    stacked: Array, squares: Array, n_regressors: int, weights: Array | None
) -> tuple[Array, Shift | None]:
    """Centre the variables whose origin hides them, where the regressors span a constant.

    Parameters
    ----------
    stacked
        Outcome, regressors and instruments (1 + k + m, n_rows).
    squares
        Their sums of squares (1 + k + m,).
    n_regressors
        k.
    weights
        (n_rows,), or None.

    Returns
    -------
    The variables, and what was taken off; None if nothing was.
    """
    origins, moved = np.zeros(len(stacked)), stacked
    for place in np.flatnonzero(_is_mostly_mean(stacked, squares, weights)):
        origin, deviations = centre(stacked[place])
        if square_of(deviations, weights) > ROUNDING_SHARE * squares[place]:
            moved = stacked.copy() if moved is stacked else moved
            origins[place], moved[place] = origin, deviations
    if not origins.any() or not _spans_constant(moved[1 : 1 + n_regressors]):
        return stacked, None
    return moved, Shift(outcome=float(origins[0]), regressors=origins[1 : 1 + n_regressors])


def _is_mostly_mean(rows: Array, squares: Array, weights: Array | None) -> Flags:
    total = rows.shape[1] if weights is None else float(weights.sum())
    sums = rows.sum(axis=1) if weights is None else rows @ weights
    flags: Flags = sums**2 / total > (1 - HIDDEN_SHARE) * squares
    return flags


def centre(row: Array) -> tuple[float, Array]:
    """Mean of a variable and its deviations from it, in two passes: the second takes off the first's rounding."""
    mean = float(row.mean())
    deviations = row - mean
    rest = float(deviations.mean())
    deviations -= rest
    return mean + rest, deviations


def project_settled(
    projector: Projector, rows: Array, projected: Array, squares: Array, weights: Array | None
) -> Array:
    """Project again the variables of which the effects seem to leave little, centred, until nothing more goes.

    Parameters
    ----------
    projector
        The effects, which span a constant.
    rows, projected
        Variables and what a first projection left of them (m, n_rows).
    squares
        Sums of squares of the variables (m,).
    weights
        (n_rows,), or None.

    Returns
    -------
    ``projected``, with the variables that had little left replaced.
    """
    left = np.array([square_of(row, weights) for row in projected])
    for place in np.flatnonzero(left < HIDDEN_SHARE * squares):
        row = centre(rows[place])[1]
        before = square_of(row, weights)
        for _ in range(_PASSES):
            row = projector.residuals(row)
            after = square_of(row, weights)
            if after > _SETTLED * before or after <= ROUNDING_SHARE * squares[place]:
                break
            before = after
        projected[place] = row
    return projected


def square_of(row: Array, weights: Array | None) -> float:
    """Weighted sum of squares of a variable (n_rows,)."""
    return float(row @ row) if weights is None else float(row @ (row * weights))


def _spans_constant(regressors: Array) -> bool:
    """Whether a combination of the regressors (k, n_rows) is constant."""
    scale = np.sqrt(np.einsum("kn,kn->k", regressors, regressors))
    rows = (regressors / np.where(scale > 0, scale, 1.0)[:, None]).T
    ones = np.ones(len(rows))
    slopes = linalg.lstsq(rows, ones, check_finite=False)[0]
    missed = ones - rows @ slopes
    return float(missed @ missed) <= _SPANNED_SHARE * len(ones)
