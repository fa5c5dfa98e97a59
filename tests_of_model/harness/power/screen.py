"""Where an estimator is likely to be valid: surfaces of coverage and bias over sizes, so that a search does not try in vain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri

from withintask.panel.arrays import Array, Flags
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.power.lab import Results
from withintask.tests_of_model.harness.power.surface import Features
from withintask.tests_of_model.harness.rule import BIAS_SHARE, COVERAGE_LIMIT

_SLOPE = 0.4
"""Prior spread of the probit of coverage per log size, around none."""
_LEVEL = 0.3
"""Prior spread of the probit of coverage around the nominal, in the middle of the space."""
_BIAS_SLOPE, _BIAS_LEVEL = 0.05, 0.2
"""Prior spreads of the relative bias per log size, and of its level."""
_HALFWAY = (COVERAGE_LIMIT + 1 - LEVEL) / 2
"""Coverage from which on a thousand replicates are likely to show that it is above the limit."""
_TOLERATED = 0.75 * BIAS_SHARE
"""Bias up to which a thousand replicates are likely to show that it is below the limit."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What replicates at one candidate say of one term."""

    n: int
    """Replicates."""
    n_covering: int
    """Intervals that hold the truth."""
    bias: float
    """Mean error over the absolute truth; 0 without estimates."""
    error: float
    """Its standard error; infinite without two estimates."""


def tally(results: Results) -> tuple[Tally, ...]:
    """Count coverage and bias of every term."""
    tallies = []
    for k, truth in enumerate(results.truth):
        covers = (results.conf_low[k] <= truth) & (truth <= results.conf_high[k])
        usable = results.estimate[k][np.isfinite(results.estimate[k])]
        is_known = usable.size > 1 and truth != 0
        tallies.append(
            Tally(
                n=results.n,
                n_covering=int(covers.sum()),
                bias=float((usable.mean() - truth) / abs(truth)) if is_known else 0.0,
                error=float(usable.std(ddof=1) / np.sqrt(usable.size) / abs(truth))
                if is_known
                else np.inf,
            )
        )
    return tuple(tallies)


def likely_valid(features: Features, seen: Mapping[int, Sequence[tuple[Tally, ...]]]) -> Flags:
    """Say of every candidate whether coverage and bias of all terms are likely to be shown adequate, (candidate,).

    Parameters
    ----------
    features
        Of the space.
    seen
        Candidate to the tallies of its visits, by term.
    """
    is_linear = np.array([not name.endswith("²") for name in features.names])
    X = features.X[:, is_linear]
    visits = [(number, one) for number, many in seen.items() for one in many]
    rows = X[[number for number, _ in visits]]
    kept = np.ones(X.shape[0], dtype=np.bool_)
    for term in range(len(visits[0][1])):
        tallies = [one[term] for _, one in visits]
        kept &= X @ _coverage(rows, tallies) >= ndtri(_HALFWAY)
        kept &= np.abs(X @ _bias(rows, tallies)) <= _TOLERATED
    return kept


def _coverage(X: Array, tallies: Sequence[Tally]) -> Array:
    """Coefficients of the probit of coverage, at the mode."""
    hits = np.array([t.n_covering for t in tallies], dtype=np.float64)
    misses = np.array([t.n - t.n_covering for t in tallies], dtype=np.float64)
    mean = np.zeros(X.shape[1])
    mean[0] = ndtri(1 - LEVEL)
    precision = np.full(X.shape[1], _SLOPE**-2)
    precision[0] = _LEVEL**-2
    b = mean.copy()
    for _ in range(30):
        index = np.clip(X @ b, -6, 6)
        density = -(index**2) / 2 - np.log(2 * np.pi) / 2
        up, down = np.exp(density - log_ndtr(index)), np.exp(density - log_ndtr(-index))
        score = X.T @ (hits * up - misses * down) - precision * (b - mean)
        weight = (hits + misses) * up * down
        step = np.linalg.solve((X * weight[:, None]).T @ X + np.diag(precision), score)
        b = b + step / max(1.0, float(np.abs(step).max()))
    return b


def _bias(X: Array, tallies: Sequence[Tally]) -> Array:
    """Coefficients of the relative bias, posterior means."""
    weight = np.array([t.error**-2 if 0 < t.error < np.inf else 0.0 for t in tallies])
    precision = np.full(X.shape[1], _BIAS_SLOPE**-2)
    precision[0] = _BIAS_LEVEL**-2
    information = (X * weight[:, None]).T @ X + np.diag(precision)
    return np.asarray(
        np.linalg.solve(information, X.T @ (weight * np.array([t.bias for t in tallies])))
    )
