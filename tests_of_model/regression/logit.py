"""The logit by Newton's steps, of rows that each stand for several, with clustered errors."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.regression.covariance import cluster_sums

_STEPS = 60
_TOLERANCE = 1e-10


@dataclass(frozen=True, kw_only=True, eq=False)
class LogitFit:
    """Coefficients of a logit."""

    params: Array
    """(k,)."""
    covariance: Array
    """(k, k), clustered."""
    is_converged: bool
    """Whether the last step was negligible."""


def fit_logit(share: Array, X: Array, *, n_rows: Array, cluster: Codes) -> LogitFit:
    """Fit a logit by maximum likelihood.

    Parameters
    ----------
    share
        Share of ones among the rows that a row stands for, (row,).
    X
        Regressors, (row, k), the same for them all.
    n_rows
        How many they are, (row,).
    cluster
        Clusters, codes without gaps, (row,).

    Returns
    -------
    LogitFit
        The likelihood, its derivatives and the scores by cluster are those of all rows. Covariance H⁻¹(Σ_g s_g s_g')H⁻¹ times
        G/(G−1) · (n−1)/(n−k).
    """
    params = np.zeros(X.shape[1])
    is_converged = False
    for _ in range(_STEPS):
        chance = expit(X @ params)
        information = (X * (n_rows * chance * (1 - chance))[:, None]).T @ X
        try:
            step = np.linalg.solve(information, X.T @ (n_rows * (share - chance)))
        except np.linalg.LinAlgError:
            break
        params = params + step
        is_converged = bool(np.abs(step).max() < _TOLERANCE)
        if is_converged:
            break
    bread = np.linalg.pinv(information)
    scores = X * (n_rows * (share - expit(X @ params)))[:, None]
    sums = cluster_sums(np.ascontiguousarray(scores.T), cluster)
    groups, n = sums.shape[1], float(n_rows.sum())
    factor = groups / (groups - 1) * (n - 1) / (n - params.size) if groups > 1 else np.nan
    covariance = bread @ (sums @ sums.T) @ bread * factor
    return LogitFit(params=params, covariance=covariance, is_converged=is_converged)
