"""The regression after projecting out the effects and dropping collinear terms."""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError, some_examples
from withintask.tests_of_model.regression.identified import UNSPANNED, smallest_correlation
from withintask.tests_of_model.regression.origin import (
    HIDDEN_SHARE,
    ROUNDING_SHARE,
    Shift,
    WayBack,
    centre,
    project_settled,
    shifted,
    square_of,
    way_back,
)
from withintask.tests_of_model.regression.problem import Problem

# Residual over total sum of squares below which a fit is perfect: rounding of a projection leaves about 1e-30.
PERFECT_SHARE = 1e-24
# Share of the outcome's sum of squares that its sum of squares around the mean is taken to be at least, as less is
# rounding of the values.
_CENTRED_SHARE = 1e-4
# Share of a variable's within sum of squares left by earlier variables below which it is collinear
# (the tolerance of R's fixest, there on the Cholesky pivot).
_COLLINEAR_SHARE = 1e-10


@dataclass(frozen=True, kw_only=True)
class Within:
    """Projected variables times the square root of the weights; rows are variables."""

    y: Array
    """Outcome (n_rows,)."""
    regressors: Array
    """Regressors that are kept (k, n_rows)."""
    fitted: Array
    """Regressors projected on the instruments (k, n_rows); the regressors themselves for OLS."""
    instruments: Array
    """Exogenous regressors and excluded instruments that are kept (m, n_rows)."""
    kept: Codes
    """Positions of the kept regressors among all."""
    n_excluded: int
    """Excluded instruments that are kept, the last of ``instruments``."""
    bread: Array
    """Inverse cross-product of the fitted regressors (k, k)."""
    total_square: float
    """Weighted sum of squares of the outcome before projection; around its mean where its origin hides its variation."""
    messages: tuple[str, ...]
    """Which terms were dropped, and why."""
    smallest_correlation: float
    """Smallest canonical correlation of the endogenous regressors with the excluded instruments; 1 for least squares."""
    back: WayBack
    """To the coefficients of the variables as given, where origins were taken off."""

    @property
    def is_identified(self) -> bool:
        """Whether the instruments move each endogenous regressor apart from the others."""
        return self.smallest_correlation > UNSPANNED


def project(problem: Problem, *, as_given: bool = False) -> Within:
    """Project the variables off the effects, weight them, and drop what is collinear.

    Variables whose origin hides their variation are centred, unless ``as_given``; ``back`` undoes it.
    """
    stacked = np.concatenate([problem.y[None], problem.regressors, problem.instruments])
    weighted_square = _squares(stacked, problem.weights)
    projected, shift = _projected(problem, stacked, weighted_square, as_given=as_given)
    moments = np.array([projected @ row for row in projected])
    n_regressors = len(problem.names)
    exists = np.diagonal(moments) > ROUNDING_SHARE * weighted_square
    columns = np.arange(1, 1 + n_regressors)
    kept, messages = _kept_regressors(problem, moments, columns, exists)
    correlation = 1.0
    if len(problem.endogenous) == 0:
        place = columns[kept]
        is_whole = len(kept) == n_regressors
        rows = projected[1:] if is_whole else projected[place]
        bread = inverse(moments[1:, 1:] if is_whole else moments[np.ix_(place, place)])
        fitted = instruments = rows
        n_excluded = 0
    else:
        place = columns[kept]
        rows = projected[place]
        chosen, n_excluded, dropped = _kept_instruments(problem, moments, kept, exists)
        messages += dropped
        instruments = projected[chosen]
        slopes = inverse(moments[np.ix_(chosen, chosen)]) @ moments[np.ix_(chosen, place)]
        fitted = slopes.T @ instruments
        is_endogenous = np.isin(kept, problem.endogenous)
        correlation = smallest_correlation(rows[is_endogenous], instruments, n_excluded)
        is_identified = correlation > UNSPANNED
        bread = inverse(fitted @ fitted.T) if is_identified else np.full((len(kept),) * 2, np.nan)
    return Within(
        y=projected[0],
        regressors=rows,
        fitted=fitted,
        instruments=instruments,
        kept=kept,
        n_excluded=n_excluded,
        bread=bread,
        total_square=_total_square(problem, float(weighted_square[0]), float(moments[0, 0])),
        messages=tuple(messages),
        smallest_correlation=correlation,
        back=way_back(shift, rows, kept, _ones(problem)),
    )


def _projected(
    problem: Problem, stacked: Array, squares: Array, *, as_given: bool
) -> tuple[Array, Shift | None]:
    """Variables off the effects and times the root of the weights, and the origins taken off."""
    shift = None
    if problem.projector is not None:
        projected = problem.projector.residuals(stacked)
        projected = project_settled(problem.projector, stacked, projected, squares, problem.weights)
    elif as_given:
        projected = stacked
    else:
        projected, shift = shifted(stacked, squares, len(problem.names), problem.weights)
    if problem.weights is not None:
        projected = projected * np.sqrt(problem.weights)
    return projected, shift


def _ones(problem: Problem) -> Array:
    return np.ones(len(problem.y)) if problem.weights is None else np.sqrt(problem.weights)


def _total_square(problem: Problem, square: float, left: float) -> float:
    """Sum of squares of the outcome; around the mean where the fit leaves so little that its origin matters."""
    if left >= HIDDEN_SHARE * square:
        return square
    centred = square_of(centre(problem.y)[1], problem.weights)
    return max(centred, _CENTRED_SHARE * square)


def independent_rows(moments: Array) -> Codes:
    """Positions of rows independent of the earlier ones, from their cross-products (m, m)."""
    remaining = moments.copy()
    original = np.diagonal(moments).copy()
    kept = []
    for row, square in enumerate(original):
        pivot = remaining[row, row]
        if pivot <= _COLLINEAR_SHARE * square:
            continue
        kept.append(row)
        remaining = remaining - np.outer(remaining[:, row], remaining[row]) / pivot
    return np.array(kept, dtype=np.intp)


def _squares(rows: Array, weights: Array | None) -> Array:
    weighted = rows if weights is None else rows * weights
    return np.array([row @ other for row, other in zip(rows, weighted, strict=True)])


def _kept_regressors(
    problem: Problem, moments: Array, columns: Codes, exists: Flags
) -> tuple[Codes, list[str]]:
    varying = np.flatnonzero(exists[columns])
    place = columns[varying]
    kept = varying[independent_rows(moments[np.ix_(place, place)])]
    if len(kept) == 0:
        raise EstimationError(
            "regression: no regressor varies within the absorbed effects "
            f"({some_examples(problem.names)}); absorb less or use other regressors"
        )
    if len(kept) == len(columns):
        return kept, []
    flat = [problem.names[position] for position in np.flatnonzero(~exists[columns])]
    linear = [problem.names[position] for position in np.setdiff1d(varying, kept)]
    messages = []
    if flat:
        messages.append(f"no variation within the absorbed effects, dropped: {', '.join(flat)}")
    if linear:
        messages.append(f"collinear with earlier terms, dropped: {', '.join(linear)}")
    return kept, messages


def _kept_instruments(
    problem: Problem, moments: Array, kept: Codes, exists: Flags
) -> tuple[Codes, int, list[str]]:
    """Exogenous regressors first, then the excluded instruments that add to them."""
    exogenous = np.array([1 + p for p in kept if p not in problem.endogenous], dtype=np.intp)
    first = 1 + len(problem.names)
    excluded = first + np.flatnonzero(exists[first:])
    candidates = np.concatenate([exogenous, excluded])
    chosen = candidates[independent_rows(moments[np.ix_(candidates, candidates)])]
    n_excluded = int((chosen >= first).sum())
    n_endogenous = len(kept) - len(exogenous)
    if n_excluded < n_endogenous:
        raise EstimationError(
            f"regression: {n_excluded} usable instruments for {n_endogenous} endogenous "
            "regressors; the others are collinear or do not vary within the absorbed effects"
        )
    n_lost = len(problem.instruments) - n_excluded
    messages = [f"{n_lost} instruments are collinear, dropped"] if n_lost else []
    return chosen, n_excluded, messages


def inverse(matrix: Array) -> Array:
    """Invert a positive definite matrix, scaled to a unit diagonal first."""
    scale = 1 / np.sqrt(np.diagonal(matrix))
    both = scale[:, None] * scale
    inverted: Array = np.linalg.inv(matrix * both) * both
    return inverted
