"""The reference engine: the same regression by linearmodels and statsmodels, on explicit dummies.

Slow, and only for small samples; it exists to hold the fast engine to. Raw sandwiches come from
``linearmodels.IV2SLS`` (which is least squares without instruments), the conventions of the two
packages from their own small-sample options, those of fixest and withintask from counts made here
without the projector.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy import linalg

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.regression.fitted import Fit
from withintask.tests_of_model.regression.problem import FEW_CLUSTER_KINDS, Problem
from withintask.tests_of_model.regression.within import project

# Entries of the explicit design above which this engine is not the tool.
_ENTRIES_MAX = 100_000_000

# linearmodels absorbs to 1e-8 unless told otherwise.
_LSMR_TOLERANCE = 1e-15


def fit_reference(problem: Problem) -> Fit:
    """Solve a checked regression with linearmodels and statsmodels; see ``regression.fit``.

    Raises
    ------
    ParameterError
        A few-cluster covariance, which neither package has for absorbed effects, or a design too
        large for explicit dummies.
    EstimationError
        Collinear regressors: this engine doesn't drop any. Instruments that do not identify the endogenous ones.
    """
    if problem.covariance in FEW_CLUSTER_KINDS:
        raise ParameterError(
            f"reference engine: covariance {problem.covariance} is not in linearmodels or "
            "statsmodels with absorbed effects; use engine='fast'"
        )
    dummies = _dummies(problem)
    _check_rank(problem, dummies)
    if problem.endogenous and not project(problem).is_identified:
        names = ", ".join(problem.names[place] for place in problem.endogenous)
        raise EstimationError(
            f"reference engine: the instruments do not identify {names} given the other terms; use other instruments"
        )
    is_ols = not problem.endogenous
    if problem.convention == "statsmodels" and is_ols and len(problem.clusters) <= 2:
        return _by_statsmodels(problem, dummies)
    if problem.convention == "linearmodels" and is_ols and problem.projector is not None:
        return _by_absorbing(problem, dummies)
    return _by_sandwich(problem, dummies)


def _by_statsmodels(problem: Problem, dummies: Array) -> Fit:
    import statsmodels.api as sm

    exog = np.column_stack([problem.regressors.T, dummies])
    weights = np.ones(len(problem.y)) if problem.weights is None else problem.weights
    result = sm.WLS(problem.y, exog, weights=weights).fit()
    if problem.covariance == "robust":
        result = result.get_robustcov_results("HC1")
    elif problem.covariance == "cluster":
        result = result.get_robustcov_results(
            "cluster", groups=np.column_stack(problem.clusters), use_t=True
        )
    k = len(problem.names)
    dof = result.df_resid_inference if problem.covariance == "cluster" else result.df_resid
    return _fit(problem, dummies, result.params, result.cov_params()[:k, :k], dof)


def _by_absorbing(problem: Problem, dummies: Array) -> Fit:
    import pandas as pd
    from linearmodels.iv.absorbing import AbsorbingLS

    effects = pd.DataFrame(
        {f"f{f}": pd.Categorical(codes) for f, codes in enumerate(_factors(problem))}
    )
    model = AbsorbingLS(problem.y, problem.regressors.T, absorb=effects, weights=problem.weights)
    options: dict[str, Any] = {
        "cov_type": problem.covariance,
        "debiased": True,
        "method": "lsmr",
        "use_cache": False,
        "absorb_options": {"atol": _LSMR_TOLERANCE, "btol": _LSMR_TOLERANCE},
    }
    if problem.covariance == "cluster":
        options |= {"cov_type": "clustered", "clusters": np.column_stack(problem.clusters)}
    result = model.fit(**options)
    return _fit(problem, dummies, result.params.to_numpy(), result.cov.to_numpy(), result.df_resid)


def _by_sandwich(problem: Problem, dummies: Array) -> Fit:
    """Raw sandwiches of IV2SLS, times the factor of the convention."""
    model = _iv_model(problem, dummies)
    order = _iv_order(problem, dummies)
    n_obs, k = len(problem.y), len(problem.names)
    n_parameters = k + _n_absorbed(problem, dummies)
    dof: float = n_obs - n_parameters
    if problem.covariance != "cluster":
        result = model.fit(cov_type=problem.covariance, debiased=False)
        matrix = result.cov.to_numpy()[np.ix_(order, order)] * n_obs / dof
        return _fit(problem, dummies, result.params.to_numpy()[order], matrix, dof)
    left = n_obs - (n_parameters - _n_nested(problem, dummies))
    smallest = min(problem.n_clusters)
    matrix = np.zeros((k, k))
    for size in range(1, len(problem.clusters) + 1):
        for members in combinations(problem.clusters, size):
            codes = _labels(members)
            result = model.fit(cov_type="clustered", clusters=codes, debiased=False)
            own = len(np.unique(codes))
            groups = smallest if problem.convention in ("withintask", "fixest") else own
            factor = groups / (groups - 1) * (n_obs - 1) / left
            term = result.cov.to_numpy()[np.ix_(order, order)]
            matrix += (-1) ** (size + 1) * factor * term
    if problem.convention == "withintask" and len(problem.clusters) > 1:
        values, vectors = np.linalg.eigh(matrix)
        matrix = (vectors * np.clip(values, 0, None)) @ vectors.T
    if problem.convention != "linearmodels":
        dof = smallest - 1
    return _fit(problem, dummies, result.params.to_numpy()[order], matrix, dof)


def _iv_model(problem: Problem, dummies: Array) -> Any:
    from linearmodels.iv import IV2SLS

    X = problem.regressors
    exogenous = [p for p in range(len(X)) if p not in problem.endogenous]
    exog = np.column_stack([X[exogenous].T, dummies])
    endog = X[list(problem.endogenous)].T if problem.endogenous else None
    instruments = problem.instruments.T if problem.endogenous else None
    return IV2SLS(
        problem.y, exog if exog.shape[1] else None, endog, instruments, weights=problem.weights
    )


def _iv_order(problem: Problem, dummies: Array) -> Codes:
    """Place of each of our regressors among IV2SLS's: exogenous, dummies, endogenous."""
    k = len(problem.names)
    exogenous = [p for p in range(k) if p not in problem.endogenous]
    place = {p: i for i, p in enumerate(exogenous)}
    first = len(exogenous) + dummies.shape[1]
    place |= {p: first + i for i, p in enumerate(problem.endogenous)}
    return np.array([place[p] for p in range(k)], dtype=np.intp)


def _factors(problem: Problem) -> Sequence[Codes]:
    return () if problem.projector is None else problem.projector.codes


def _dummies(problem: Problem) -> Array:
    """Independent dummies of all effects (n_obs, rank), by QR with pivoting."""
    factors = _factors(problem)
    n_levels = sum(int(np.max(codes)) + 1 for codes in factors)
    if n_levels * len(problem.y) > _ENTRIES_MAX:
        raise ParameterError(
            f"reference engine: {len(problem.y)} rows × {n_levels} dummies are more than "
            f"{_ENTRIES_MAX} entries; use engine='fast'"
        )
    if not factors:
        return np.empty((len(problem.y), 0))
    blocks = [codes[:, None] == np.arange(np.max(codes) + 1) for codes in factors]
    design = np.column_stack(blocks).astype(float)
    triangle, pivots = linalg.qr(design, mode="r", pivoting=True)
    diagonal = np.abs(np.diagonal(triangle))
    rank = int((diagonal > diagonal[0] * np.sqrt(np.finfo(float).eps)).sum())
    return design[:, np.sort(pivots[:rank])]


def _check_rank(problem: Problem, dummies: Array) -> None:
    design = np.column_stack([problem.regressors.T, dummies])
    missing = design.shape[1] - int(np.linalg.matrix_rank(design))
    if missing:
        raise EstimationError(
            f"reference engine: {missing} of the regressors {', '.join(problem.names)} are "
            "collinear, alone or with the effects; drop them, or use engine='fast'"
        )


def _n_absorbed(problem: Problem, dummies: Array) -> int:
    if problem.convention not in ("fixest", "linearmodels"):
        return int(dummies.shape[1])
    factors = _factors(problem)
    return sum(len(np.unique(codes)) for codes in factors) - max(len(factors) - 1, 0)


def _n_nested(problem: Problem, dummies: Array) -> int:
    """Parameters of nested effects that the convention does not count."""
    factors = _factors(problem)
    inside = [
        [len(np.unique(_labels((codes, way)))) == len(np.unique(codes)) for way in problem.clusters]
        for codes in factors
    ]
    if problem.convention == "statsmodels":
        return 0
    if problem.convention == "linearmodels":
        return int(dummies.shape[1]) if len(factors) == 1 and all(inside[0]) else 0
    nested = [codes for codes, ways in zip(factors, inside, strict=True) if any(ways)]
    if problem.convention == "fixest":
        return sum(len(np.unique(codes)) - 1 for codes in nested)
    blocks = [codes[:, None] == np.arange(np.max(codes) + 1) for codes in nested]
    return int(np.linalg.matrix_rank(np.column_stack(blocks).astype(float))) - 1 if nested else 0


def _labels(members: Sequence[Codes]) -> Codes:
    rows = np.column_stack(members)
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.intp)


def _fit(problem: Problem, dummies: Array, params: Array, covariance: Array, dof: float) -> Fit:
    k = len(problem.names)
    slopes = params[:k]
    partial = problem.y - slopes @ problem.regressors
    root = np.ones(len(partial)) if problem.weights is None else np.sqrt(problem.weights)
    effects = np.linalg.lstsq(dummies * root[:, None], partial * root, rcond=None)[0]
    return Fit(
        names=problem.names,
        params=slopes,
        covariance=covariance,
        dof=np.full(k, float(dof)),
        n_obs=len(problem.y),
        n_clusters=min(problem.n_clusters, default=0),
        n_absorbed=dummies.shape[1],
        n_singletons=0 if problem.projector is None else problem.projector.n_singletons,
        residuals=partial - dummies @ effects,
        status="ok",
        messages=(),
        covariance_kind=problem.covariance,
        convention=problem.convention,
    )
