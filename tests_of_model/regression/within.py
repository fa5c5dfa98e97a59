"""The regression after projecting out the effects and dropping collinear terms."""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError, some_examples
from withintask.tests_of_model.regression.problem import Problem

# Share of a variable's sum of squares left by the effects below which nothing but rounding is left.
_ABSORBED_SHARE = 1e-18
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
    """Weighted sum of squares of the outcome before projection."""
    messages: tuple[str, ...]
    """Which terms were dropped, and why."""


def project(problem: Problem) -> Within:
    """Project the variables off the effects, weight them, and drop what is collinear."""
    stacked = np.concatenate([problem.y[None], problem.regressors, problem.instruments])
    weighted_square = _squares(stacked, problem.weights)
    projected = stacked if problem.projector is None else problem.projector.residuals(stacked)
    if problem.weights is not None:
        projected = projected * np.sqrt(problem.weights)
    moments = np.array([projected @ row for row in projected])
    n_regressors = len(problem.names)
    exists = np.diagonal(moments) > _ABSORBED_SHARE * weighted_square
    columns = np.arange(1, 1 + n_regressors)
    kept, messages = _kept_regressors(problem, moments, columns, exists)
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
        bread = inverse(fitted @ fitted.T)
    return Within(
        y=projected[0],
        regressors=rows,
        fitted=fitted,
        instruments=instruments,
        kept=kept,
        n_excluded=n_excluded,
        bread=bread,
        total_square=float(weighted_square[0]),
        messages=tuple(messages),
    )


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
