"""Absorb any number of categorical effects exactly: eliminate the largest, factor the rest once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, list_problems, some_examples
from withintask.tests_of_model.regression.alone import n_alone
from withintask.tests_of_model.regression.grouping import (
    compact_codes,
    encode,
    group_sums,
    is_nested,
)
from withintask.tests_of_model.regression.laplacian import GroundedSolver
from withintask.tests_of_model.regression.schur import Remainder

__all__ = ["Projector", "compact_codes", "encode", "is_nested"]


class Projector:
    """Residuals on a set of categorical effects, without iterations or a tolerance.

    The factor with most levels is eliminated by its group means; what remains is the weighted
    Laplacian of the other factors (the Schur complement), which is factored once and serves any
    number of right-hand sides. With two factors one level is grounded in each connected component
    of their graph, so the absorbed degrees of freedom are exact: levels minus components (Abowd,
    Creecy and Kramarz 2002). With three or more the remaining dependencies are found while
    factoring.

    Keep the projector when only outcomes or regressors change, as in Monte-Carlo replicates.

    Parameters
    ----------
    absorb
        One array (n_obs,) of non-negative integers a factor. See :func:`encode`.
    weights
        Positive analytic weights (n_obs,); None for equal weights.

    Attributes
    ----------
    codes : tuple of arrays (n_obs,)
        The factors, recoded to 0, 1, … without gaps, in the order given.
    n_levels : tuple of int
        Levels of each factor.
    rank : int
        Dimension of the space spanned by the effects: the degrees of freedom absorbed.
    n_singletons : int
        Rows that some level has to itself, found repeatedly (dropping one can make another).

    Raises
    ------
    EstimationError
        If codes or weights have the wrong shape, type or sign.
    """

    def __init__(self, absorb: Sequence[npt.ArrayLike], *, weights: Array | None = None) -> None:
        given = [np.asarray(codes) for codes in absorb]
        _check_factors(given, weights)
        self.codes: tuple[Codes, ...] = tuple(compact_codes(codes) for codes in given)
        self.weights = weights
        self.n_obs = len(self.codes[0])
        counts = [np.bincount(codes) for codes in self.codes]
        self.n_levels = tuple(len(count) for count in counts)
        self.n_singletons = 0
        if any(np.min(count) == 1 for count in counts):
            ones = np.ones(self.n_obs)
            self.n_singletons = n_alone(self.codes, [ones] * len(counts), ones)
        order = sorted(range(len(counts)), key=lambda f: -self.n_levels[f])
        self._largest, *self._rest = (self.codes[f] for f in order)
        self._total: Array = (
            counts[order[0]].astype(float)
            if weights is None
            else group_sums(self._largest, weights)
        )
        self._offsets: Codes = np.zeros(1, dtype=np.intp)
        self._solver: GroundedSolver | None = None
        self.rank = len(self._total)
        if self._rest:
            remainder = Remainder(self._largest, self._rest, weights, self._total)
            self._offsets, self._solver = remainder.offsets, remainder.factor()
            self.rank += self._solver.rank

    def residuals(self, values: Array) -> Array:
        """Project one variable (n_obs,), or several as rows (n_variables, n_obs).

        Returns
        -------
        array, same shape
            What the effects do not explain, in the weighted least-squares sense.
        """
        rows = self._residuals(np.atleast_2d(values))
        return rows.reshape(values.shape)

    def _residuals(self, rows: Array) -> Array:
        out = np.empty(rows.shape)
        for row, target in zip(rows, out, strict=True):
            np.subtract(row, self._means(row)[self._largest], out=target)
        if self._solver is None:
            return out
        effects = self._solver.solve(self._sums_rest(out))
        for row, column in enumerate(effects.T):
            explained = self._spread_rest(np.ascontiguousarray(column))
            out[row] -= explained
            out[row] += self._means(explained)[self._largest]
        return out

    def _means(self, row: Array) -> Array:
        weighted = row if self.weights is None else row * self.weights
        return group_sums(self._largest, weighted, len(self._total)) / self._total

    def _sums_rest(self, rows: Array) -> Array:
        sums = np.empty((self._offsets[-1], len(rows)))
        for column, row in enumerate(rows):
            weighted = row if self.weights is None else row * self.weights
            for f, codes in enumerate(self._rest):
                start, stop = self._offsets[f], self._offsets[f + 1]
                sums[start:stop, column] = np.bincount(codes, weighted, stop - start)
        return sums

    def _spread_rest(self, effects: Array) -> Array:
        spread: Array = effects[: self._offsets[1]][self._rest[0]]
        for f, codes in enumerate(self._rest[1:], start=1):
            spread += effects[self._offsets[f] : self._offsets[f + 1]][codes]
        return spread


def _check_factors(absorb: list[npt.NDArray[Any]], weights: Array | None) -> None:
    problems = [] if absorb else ["no factor was given"]
    n_obs = len(absorb[0]) if absorb and absorb[0].ndim else 0
    for position, codes in enumerate(absorb):
        if codes.shape != (n_obs,) or n_obs == 0:
            problems.append(f"factor {position} has shape {codes.shape}, expected ({n_obs},)")
        elif codes.dtype.kind not in "iu":
            problems.append(f"factor {position} has type {codes.dtype}, expected integers")
        elif np.min(codes) < 0:
            found = some_examples(codes[codes < 0].tolist())
            problems.append(f"factor {position} has negative codes: {found}")
    if weights is not None:
        if weights.shape != (n_obs,):
            problems.append(f"weights have shape {weights.shape}, expected ({n_obs},)")
        elif not (np.isfinite(weights) & (weights > 0)).all():
            problems.append("weights must be finite and positive; drop rows of zero weight")
    if problems:
        advice = "Number the levels with encode()."
        raise EstimationError(list_problems("Projector", problems, advice=advice))
