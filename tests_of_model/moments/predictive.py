"""What the prior predicts of the moments, and whether given targets can come out of it."""

import numpy as np
import polars as pl
from scipy.special import chdtrc

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems
from withintask.tests_of_model.moments.bank import Bank, place
from withintask.tests_of_model.moments.priors import Prior
from withintask.tests_of_model.moments.reweight import fail_if_without_errors, with_quadrature
from withintask.tests_of_model.moments.targets import MomentTarget
from withintask.tests_of_model.moments.weights import normalized, weighted_quantile

OUT_OF_REACH = 0.001
"""Prior-predictive p-value below which targets are refused."""

_ENDS = (0.025, 0.975)


def prior_predictive(bank: Bank, target: MomentTarget, prior: Prior | None = None) -> pl.DataFrame:
    """Hold every target against what the prior predicts of it, error included.

    Returns
    -------
    polars.DataFrame
        One row a moment: target, error, central 95 percent of the prediction, two-sided p-value, and the gap to the
        nearest draw (least squares over all moments) in standard errors.
    """
    fail_if_without_errors(target)
    drawn, weight = _predicted(bank, target, prior)
    low, high = np.array([weighted_quantile(column, weight, _ENDS) for column in drawn.T]).T
    below = weight @ (drawn < target.value)
    smallest = 1 / (weight.size + 1)
    gap, _ = nearest_draw(bank, target)
    return pl.DataFrame(
        {
            "moment": target.names,
            "target": target.value,
            "std_error": target.std_error,
            "prior_low": low,
            "prior_high": high,
            "p_value": np.clip(2 * np.minimum(below, 1 - below), smallest, 1.0),
            "gap_of_nearest_draw": gap,
        }
    )


def joint_p_value(bank: Bank, target: MomentTarget, prior: Prior | None = None) -> float:
    """Share of the prior's predictions that lie as far from their mean as the targets, in Mahalanobis distance."""
    drawn, weight = _predicted(bank, target, prior)
    mean = weight @ drawn
    spread = (drawn - mean) * np.sqrt(weight)[:, None]
    inverse = np.linalg.inv(spread.T @ spread)
    distance = np.einsum("ik,kl,il->i", drawn - mean, inverse, drawn - mean)
    own = (target.value - mean) @ inverse @ (target.value - mean)
    return float(max(weight @ (distance >= own), 1 / (weight.size + 1)))


def nearest_draw(bank: Bank, target: MomentTarget) -> tuple[Array, float]:
    """Gaps of the draw nearest to the targets in standard errors (moment,), and the p-value of its distance."""
    at = [place(name) for name in target.names]
    gap = bank.features[:, at] - target.value
    covariance = with_quadrature(bank, target)
    distance = np.einsum("ik,ik->i", gap, np.linalg.solve(covariance, gap.T).T)
    nearest = int(np.argmin(distance))
    scaled = gap[nearest] / np.sqrt(np.diagonal(covariance))
    return np.asarray(scaled), float(chdtrc(len(at), distance[nearest]))


def fail_if_out_of_reach(bank: Bank, target: MomentTarget, prior: Prior | None = None) -> None:
    """Refuse targets that the prior does not predict, before anything is fitted.

    Raises
    ------
    ParameterError
        Names every moment whose prior-predictive p-value is below OUT_OF_REACH, or, where all are possible one by one, the
        joint p-value and the moment with the widest gap.
    """
    table = prior_predictive(bank, target, prior)
    lines = [
        f"{row['moment']} = {row['target']:.4g}: p = {row['p_value']:.2g}; the prior predicts "
        f"{row['prior_low']:.4g} to {row['prior_high']:.4g} (95 percent)"
        for row in table.filter(pl.col("p_value") < OUT_OF_REACH).iter_rows(named=True)
    ]
    joint = joint_p_value(bank, target, prior)
    if not lines and joint < OUT_OF_REACH:
        worst = table.sort(pl.col("gap_of_nearest_draw").abs(), descending=True).row(0, named=True)
        lines = [
            f"together: p = {joint:.2g}; the nearest draw misses {worst['moment']} by {worst['gap_of_nearest_draw']:+.2g} "
            "standard errors"
        ]
    if lines:
        advice = "Widen the prior or the errors, or leave the moment out."
        raise ParameterError(
            list_problems("targets that the prior does not predict", lines, advice=advice)
        )


def _predicted(bank: Bank, target: MomentTarget, prior: Prior | None) -> tuple[Array, Array]:
    """Draws of the targets as the prior predicts them, with errors, and their weights."""
    weight = normalized(bank.log_weight(prior))
    kept = weight > 0
    at = [place(name) for name in target.names]
    errors = np.random.default_rng(0).multivariate_normal(
        np.zeros(len(at)), with_quadrature(bank, target), size=int(kept.sum())
    )
    return bank.features[kept][:, at] + errors, weight[kept]
