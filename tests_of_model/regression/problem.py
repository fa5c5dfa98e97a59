"""A regression as it enters the engines: checked, typed, variables as contiguous rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import (
    EstimationError,
    ParameterError,
    list_problems,
    some_examples,
)
from withintask.tests_of_model.regression.absorb import Projector, compact_codes
from withintask.tests_of_model.regression.conventions import CONVENTIONS, Convention
from withintask.tests_of_model.regression.fitted import CovarianceKind
from withintask.tests_of_model.regression.options import (
    NO_EFFECTS,
    ROBUST,
    Effects,
    Inference,
    Instruments,
)

_KINDS: tuple[str, ...] = get_args(CovarianceKind)
FEW_CLUSTER_KINDS = ("CR2", "CR3", "jackknife")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A checked regression; rows of the arrays are variables."""

    y: Array
    """Outcome (n_rows,)."""
    regressors: Array
    """All regressors (k, n_rows)."""
    names: tuple[str, ...]
    """Their names."""
    endogenous: tuple[int, ...]
    """Positions of the instrumented regressors."""
    instruments: Array
    """Excluded instruments (n_instruments, n_rows)."""
    projector: Projector | None
    """The absorbed effects."""
    weights: Array | None
    """Analytic weights (n_rows,)."""
    clusters: tuple[Codes, ...]
    """Cluster codes without gaps."""
    covariance: CovarianceKind
    """Which covariance."""
    convention: Convention
    """Whose small-sample factors."""
    n_obs: int
    """Observations behind the rows; more than rows if the data are compressed."""
    n_singletons: int = 0
    """Observations alone in an absorbed level."""
    pure_square: Array | None = None
    """Sum of squares of y around the row's mean (n_rows,), for compressed data."""

    @cached_property
    def n_clusters(self) -> tuple[int, ...]:
        """Clusters of each dimension."""
        return tuple(int(np.max(codes)) + 1 for codes in self.clusters)


def read_problem(
    y: npt.ArrayLike,
    X: npt.ArrayLike,
    *,
    names: Sequence[str],
    effects: Effects = NO_EFFECTS,
    instruments: Instruments | None = None,
    inference: Inference = ROBUST,
) -> Problem:
    """Check the arguments of ``fit``, all at once, and bring them into one shape."""
    projector, weights, cluster = effects.projector, effects.weights, inference.cluster
    endogenous = () if instruments is None else tuple(instruments.endogenous)
    excluded_given = None if instruments is None else instruments.excluded
    kind: CovarianceKind = inference.kind or ("cluster" if len(cluster) else "robust")
    _check_options(kind, inference.convention, len(cluster), is_iv=bool(endogenous))
    outcome, regressors = _floats(y), _variables(X)
    excluded = np.empty((0, len(outcome))) if excluded_given is None else _variables(excluded_given)
    given_weights = None if weights is None else _floats(weights)
    clusters = [np.asarray(codes) for codes in cluster]
    columns = {"y": outcome, "X": regressors, "instruments": excluded, "weights": given_weights}
    problems = _column_problems(columns) + _cluster_problems(clusters, outcome.shape[-1])
    problems += _projector_problems(projector, given_weights, outcome.shape[-1])
    problems += _name_problems(tuple(names), len(regressors), endogenous, len(excluded))
    if problems:
        raise EstimationError(list_problems("regression", problems))
    if projector is None and len(effects.absorb):
        projector = Projector(effects.absorb, weights=given_weights)
        if projector.n_obs != len(outcome):
            found = f"absorbed effects have {projector.n_obs} rows, expected {len(outcome)}"
            raise EstimationError(list_problems("regression", [found]))
    return Problem(
        y=outcome,
        regressors=regressors,
        names=tuple(names),
        endogenous=tuple(tuple(names).index(name) for name in endogenous),
        instruments=excluded,
        projector=projector,
        weights=projector.weights if projector is not None else given_weights,
        clusters=tuple(compact_codes(codes) for codes in clusters),
        covariance=kind,
        convention=inference.convention,
        n_obs=len(outcome) if effects.n_obs is None else effects.n_obs,
        n_singletons=_n_singletons(projector, effects.n_singletons),
        pure_square=None if effects.pure_square is None else _floats(effects.pure_square),
    )


def _n_singletons(projector: Projector | None, told: int | None) -> int:
    if told is not None:
        return told
    return projector.n_singletons if projector is not None else 0


def with_inference(problem: Problem, inference: Inference, checked: Mapping[int, Codes]) -> Problem:
    """Return a regression that was checked with other clusters and errors, which alone are checked.

    Clusters that are arrays of ``checked``, by their identity, are known to be codes without gaps.
    """
    kind: CovarianceKind = inference.kind or ("cluster" if len(inference.cluster) else "robust")
    is_iv = bool(problem.endogenous)
    _check_options(kind, inference.convention, len(inference.cluster), is_iv=is_iv)
    clusters = [np.asarray(codes) for codes in inference.cluster]
    new = [codes for codes in clusters if id(codes) not in checked]
    problems = _cluster_problems(new, problem.y.shape[-1])
    if problems:
        raise EstimationError(list_problems("regression", problems))
    return replace(
        problem,
        clusters=tuple(c if id(c) in checked else compact_codes(c) for c in clusters),
        covariance=kind,
        convention=inference.convention,
    )


def _floats(values: npt.ArrayLike) -> Array:
    return np.asarray(values, dtype=float)


def _variables(columns: npt.ArrayLike) -> Array:
    array = _floats(columns)
    return np.ascontiguousarray(array.T if array.ndim > 1 else array[None])


def _check_options(kind: str, convention: str, n_ways: int, *, is_iv: bool) -> None:
    problems = []
    if kind not in _KINDS:
        problems.append(f"covariance is {kind!r}, expected one of {', '.join(_KINDS)}")
    if convention not in CONVENTIONS:
        problems.append(f"convention is {convention!r}, expected one of {', '.join(CONVENTIONS)}")
    if kind == "cluster" and n_ways == 0:
        problems.append("covariance is 'cluster' but no clusters are given")
    if kind in FEW_CLUSTER_KINDS and n_ways != 1:
        problems.append(f"covariance {kind} takes one clustering dimension, found {n_ways}")
    if kind == "jackknife" and is_iv:
        problems.append(
            "covariance jackknife is for least squares; use CR2 or CR3 with instruments"
        )
    if problems:
        raise ParameterError(list_problems("regression", problems))


def _column_problems(columns: dict[str, Array | None]) -> list[str]:
    y, weights = columns["y"], columns["weights"]
    if y is None or y.ndim != 1 or len(y) == 0:
        return ["y must have one dimension and some rows"]
    problems = []
    for label, values in columns.items():
        if values is None:
            continue
        if values.shape[-1] != len(y):
            problems.append(f"{label} has {values.shape[-1]} rows, expected {len(y)}")
        elif not np.isfinite(values).all():
            n_bad = int((~np.isfinite(values)).sum())
            problems.append(f"{label} has {n_bad} missing or infinite values; drop the rows first")
    if weights is not None and np.any(weights <= 0):
        problems.append(f"weights have {int((weights <= 0).sum())} values that are not positive")
    return problems


def _cluster_problems(clusters: list[npt.NDArray[Any]], n_rows: int) -> list[str]:
    return [
        f"cluster {way} has shape {codes.shape} and type {codes.dtype}, expected ({n_rows},) "
        "non-negative integers; see encode()"
        for way, codes in enumerate(clusters)
        if codes.shape != (n_rows,) or codes.dtype.kind not in "iu" or np.min(codes) < 0
    ]


def _projector_problems(
    projector: Projector | None, weights: Array | None, n_rows: int
) -> list[str]:
    problems = []
    if projector is not None:
        if projector.n_obs != n_rows:
            problems.append(f"the kept projector has {projector.n_obs} rows, expected {n_rows}")
        if weights is not None and weights is not projector.weights:
            problems.append("weights differ from those of the kept projector; give them to it")
    return problems


def _name_problems(
    names: tuple[str, ...], n_regressors: int, endogenous: tuple[str, ...], n_instruments: int
) -> list[str]:
    problems = []
    if len(names) != n_regressors:
        problems.append(f"{len(names)} names for {n_regressors} regressors")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        problems.append(f"names are repeated: {some_examples(repeated)}")
    unknown = [name for name in endogenous if name not in names]
    if unknown:
        problems.append(f"endogenous regressors not among the names: {some_examples(unknown)}")
    if n_instruments < len(endogenous):
        problems.append(f"{n_instruments} instruments for {len(endogenous)} endogenous regressors")
    if n_instruments and not endogenous:
        problems.append("instruments are given but no endogenous regressor")
    return problems
