"""Variance between and within groups, corrected for the noise of group means.

The decomposition by worker and firm effects is in :mod:`withintask.tests_of_model.components.two_way`;
:func:`two_way_components` is offered here too.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError, list_problems
from withintask.tests_of_model.components.two_way import (
    Components,
    VarianceComponents,
    two_way_components,
)
from withintask.tests_of_model.regression.grouping import compact_codes, group_sums
from withintask.tests_of_model.regression.identifiers import known_codes

__all__ = [
    "BetweenWithin",
    "Components",
    "VarianceComponents",
    "between_within",
    "two_way_components",
]

Groups = Literal["sampled", "fixed"]


@dataclass(frozen=True, kw_only=True)
class BetweenWithin:
    """Variance between and within groups, with leave-one-group-out values for standard errors."""

    between: float
    """Variance of group means, corrected; can be negative if it is small."""
    within: float
    """Mean variance inside groups."""
    between_plug_in: float
    """Variance of the estimated means, biased upwards by their noise."""
    leave_out: Array
    """Between and within variance without each group (n_groups, 2)."""
    n_obs: int
    """Rows used."""
    n_groups: int
    """Groups used."""
    n_alone: int
    """Rows left out because their group has no second one to estimate its variance from."""
    n_unknown: int = 0
    """Rows left out because their group is not known (null or NaN)."""

    @property
    def share(self) -> float:
        """Between variance as a share of the total."""
        return self.between / (self.between + self.within)

    @property
    def log_ratio(self) -> float:
        """Log of between over within variance; NaN if the between variance is not positive."""
        return float(np.log(self.between / self.within)) if self.between > 0 else float("nan")

    @property
    def covariance(self) -> Array:
        """Jackknife covariance of (between, within) over groups (2, 2)."""
        return self._jackknife(self.leave_out)

    @property
    def between_std_error(self) -> float:
        """Standard error of the between variance."""
        return float(np.sqrt(self.covariance[0, 0]))

    @property
    def within_std_error(self) -> float:
        """Standard error of the within variance."""
        return float(np.sqrt(self.covariance[1, 1]))

    @property
    def share_std_error(self) -> float:
        """Standard error of the between share."""
        shares = self.leave_out[:, :1] / self.leave_out.sum(axis=1, keepdims=True)
        return float(np.sqrt(self._jackknife(shares)[0, 0]))

    @property
    def log_ratio_std_error(self) -> float:
        """Standard error of the log ratio, by the delta method."""
        slope = np.array([1 / self.between, -1 / self.within])
        return float(np.sqrt(slope @ self.covariance @ slope))

    def _jackknife(self, values: Array) -> Array:
        deviations = values - values.mean(axis=0)
        covariance: Array = (self.n_groups - 1) / self.n_groups * (deviations.T @ deviations)
        return covariance


def between_within(
    values: npt.ArrayLike,
    groups: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    groups_are: Groups = "sampled",
) -> BetweenWithin:
    """Split a variance into between and within groups, unbiased with few rows and few groups.

    Parameters
    ----------
    values
        (n_obs,), finite.
    groups
        Group of each row (n_obs,), anything that sorts; rows whose group is not known (null, NaN) are left out and
        counted.
    weights
        Positive weights (n_obs,); a group counts by its sum. None for ones.
    groups_are
        ``sampled``: unbiased for the population the groups come from (a variance with the
        degrees of freedom of the group weights). ``fixed``: for these groups, each with its weight.

    Returns
    -------
    BetweenWithin
        Standard errors by leaving out each group in turn.

    Raises
    ------
    EstimationError
        Bad data, or fewer than three groups with two rows.
    ParameterError
        An unknown option.

    Notes
    -----
    With group shares ω_j, means m_j and unbiased variances s_j²: within = Σ ω_j s_j²; between =
    Σ ω_j (m_j − m)² − Σ ω_j (1 − ω_j) s_j² Σ_i w_ij²/W_j², and for sampled groups over 1 − Σ ω_j²
    (Searle, Casella and McCulloch 1992, section 3.6, the ANOVA estimator with weights).

    Examples
    --------
    >>> import numpy as np
    >>> import withintask as wt
    >>> firm = np.repeat(np.arange(50), 20)
    >>> draws = np.random.default_rng(1)
    >>> parts = wt.between_within(draws.normal(size=50)[firm] + draws.normal(size=1000), firm)
    >>> parts.between > 0.4, parts.within > 0.8
    (True, True)
    """
    y, codes, w = _read(values, groups, weights, groups_are)
    known = codes >= 0
    n_unknown = int(np.count_nonzero(~known))
    y, codes, w = y[known], codes[known], w[known]
    counts = np.bincount(codes)
    usable = counts[codes] > 1
    n_alone = int((~usable).sum())
    y, w, codes = y[usable], w[usable], compact_codes(codes[usable])
    n_groups = int(np.max(codes, initial=-1)) + 1
    if n_groups <= 2:
        raise EstimationError(
            f"between_within: {n_groups} groups have two rows or more, expected at least three"
        )
    sums = _sums(y - np.average(y, weights=w), codes, w)
    total = sums.sum(axis=0)
    return BetweenWithin(
        between=float(_between(total, groups_are)),
        within=float(_within(total)),
        between_plug_in=float(_plug_in(total)),
        leave_out=np.column_stack([_between(total - sums, groups_are), _within(total - sums)]),
        n_obs=len(y),
        n_groups=n_groups,
        n_alone=n_alone,
        n_unknown=n_unknown,
    )


def _sums(y: Array, codes: Codes, w: Array) -> Array:
    """Sum up each group (n_groups, 7); every estimate is a function of the groups' total."""
    weight = group_sums(codes, w)
    mean = group_sums(codes, w * y) / weight
    square = group_sums(codes, w**2)
    variance = group_sums(codes, w * (y - mean[codes]) ** 2) / (weight - square / weight)
    noise = variance * square / weight**2
    return np.column_stack(
        [
            weight,
            weight**2,
            weight * mean,
            weight * mean**2,
            weight * variance,
            weight * noise,
            weight**2 * noise,
        ]
    )


def _plug_in(sums: Array) -> Array:
    weight, _, first, second, *_ = np.moveaxis(sums, -1, 0)
    plug_in: Array = second / weight - (first / weight) ** 2
    return plug_in


def _between(sums: Array, groups_are: Groups) -> Array:
    weight, weight_square, _, _, _, noise, noise_square = np.moveaxis(sums, -1, 0)
    corrected: Array = _plug_in(sums) - (noise / weight - noise_square / weight**2)
    if groups_are == "fixed":
        return corrected
    sampled: Array = corrected / (1 - weight_square / weight**2)
    return sampled


def _within(sums: Array) -> Array:
    weight, _, _, _, within, *_ = np.moveaxis(sums, -1, 0)
    mean: Array = within / weight
    return mean


def _read(
    values: npt.ArrayLike, groups: npt.ArrayLike, weights: npt.ArrayLike | None, groups_are: str
) -> tuple[Array, Codes, Array]:
    if groups_are not in get_args(Groups):
        raise ParameterError(
            f"between_within: groups_are is {groups_are!r}, expected 'sampled' or 'fixed'"
        )
    y = np.asarray(values, dtype=float)
    w = np.ones(y.shape) if weights is None else np.asarray(weights, dtype=float)
    labels, _ = known_codes(groups)
    problems = [] if y.ndim == 1 and len(y) else [f"values have shape {y.shape}"]
    if labels.shape != y.shape or w.shape != y.shape:
        problems.append(f"groups {labels.shape} and weights {w.shape}, expected {y.shape}")
    if not np.isfinite(y).all():
        problems.append(f"{int((~np.isfinite(y)).sum())} values are missing or infinite")
    if not (np.isfinite(w) & (w > 0)).all():
        problems.append("weights must be finite and positive")
    if problems:
        raise EstimationError(list_problems("between_within", problems))
    return y, labels, w
