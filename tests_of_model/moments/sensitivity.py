"""How estimates, and the change in inequality that they imply, depend on each moment."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.panel.notation import symbol
from withintask.sim.economy import Economy, solve_economy
from withintask.tests_of_model.estimands.figures import delta_gini_income
from withintask.tests_of_model.moments.fit import MsmFit
from withintask.tests_of_model.moments.problem import MsmProblem, central_jacobian, fail_if_singular

DELTA_GINI = "delta_gini_income"
"""Name of the row of ΔGini among the parameters."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivity:
    """Local sensitivity of a fit; rows are parameters, then ΔGini; columns are moments."""

    rows: tuple[str, ...]
    """Names of the parameters, then ``delta_gini_income``."""
    moments: tuple[str, ...]
    """Names of the moments."""
    gradient: Array
    """Λ = d(value)/d(target), natural units, (row, moment)."""
    std_error: Array
    """Standard errors of the targets, (moment,); NaN where not known."""
    row_variance: Array
    """Variance of each row's estimate at the fit's weights, (row,)."""
    noise_optimal: Array
    """Elasticity of the variance to a moment's variance, weights re-optimized, (row, moment)."""
    noise: Array
    """The same at the fit's weights."""
    removal: Array
    """Relative rise of the variance when a moment's weight is set to zero; NaN where that leaves it unidentified."""
    removal_optimal: Array
    """The same under optimal weights of the others."""
    weighting: Array
    """Elasticity of the variance to a moment's weight."""

    @property
    def per_std_error(self) -> Array:
        """Change of each row when a target rises by its standard error, (row, moment)."""
        return np.asarray(self.gradient * self.std_error)

    def table(self) -> pl.DataFrame:
        """One row a parameter (or ΔGini) and moment, all measures."""
        shape = (len(self.rows), len(self.moments))
        columns = {
            "gradient": self.gradient,
            "per_std_error": self.per_std_error,
            "noise_optimal": self.noise_optimal,
            "noise": self.noise,
            "removal": self.removal,
            "removal_optimal": self.removal_optimal,
            "weighting": self.weighting,
        }
        names = {"row": np.repeat(self.rows, shape[1]), "moment": np.tile(self.moments, shape[0])}
        signs = [symbol(one).symbol if one != DELTA_GINI else "ΔGini" for one in names["row"]]
        return pl.DataFrame(
            {**names, "symbol": signs, **{name: values.ravel() for name, values in columns.items()}}
        )


def sensitivity(fit: MsmFit) -> Sensitivity:
    """Compute the sensitivity of a fit at its minimum.

    Parameters
    ----------
    fit
        From :func:`withintask.tests_of_model.moments.fit.fit_msm`.

    Returns
    -------
    Sensitivity
        For the parameters in natural units and for ΔGini of income.

    Raises
    ------
    ParameterError
        If the targets have no errors, or a parameter is at a bound, where no derivative exists.
    EstimationError
        If the Jacobian at the fit is singular; the direction is named.

    Notes
    -----
    Λ = (G'WG)⁻¹G'W, the derivative of the estimate with respect to the target (Andrews, Gentzkow and Shapiro 2017,
    whose moment is target less model; a moment defined as model less target has the opposite sign). The others are
    M2 to M6 of Honoré, Jørgensen and de Paula (2020), in elasticities. For ΔGini = d(θ) each is computed with
    ∇d' in front of the parameters' covariance, M_k = ∇d' (∂Σ) ∇d.
    """
    if fit.problem.target.covariance is None:
        raise ParameterError("sensitivity: the targets have no standard errors; give them")
    if fit.bound:
        raise ParameterError(
            f"sensitivity: {', '.join(fit.bound)} at a bound of the search, where no derivative exists"
        )
    fail_if_singular(fit.problem, fit.errors.jacobian, "at the fit")
    free, point = fit.problem.free, fit.best.point
    selector = np.vstack([np.diag(free.slope(point)), gini_gradient(fit.problem, point)])
    return measures(
        jacobian=fit.errors.jacobian,
        weight=fit.problem.weight,
        covariance=fit.problem.target.covariance + fit.errors.quadrature,
        selector=selector,
        rows=(*fit.names, DELTA_GINI),
        moments=fit.problem.target.names,
    )


def gini_gradient(problem: MsmProblem, point: Array) -> Array:
    """∂ΔGini/∂point by central differences, (parameter,)."""
    return central_jacobian(
        lambda x: np.array([_of_economy(problem, x, delta_gini_income)]), point
    )[0]


def measures(
    *,
    jacobian: Array,
    weight: Array,
    covariance: Array,
    selector: Array,
    rows: tuple[str, ...],
    moments: tuple[str, ...],
) -> Sensitivity:
    """Compute every measure from the matrices.

    Parameters
    ----------
    jacobian
        G = ∂m/∂θ, (moment, parameter).
    weight
        W, (moment, moment).
    covariance
        V of the targets, (moment, moment).
    selector
        Derivatives of the reported rows with respect to θ, (row, parameter); the identity for the parameters themselves.
    rows, moments
        Names.
    """
    G, W, V, D = jacobian, weight, covariance, selector
    gain: Array = np.linalg.solve(G.T @ W @ G, G.T @ W).astype(np.float64)
    best = np.linalg.inv(V)
    gain_best: Array = np.linalg.solve(G.T @ best @ G, G.T @ best).astype(np.float64)
    variance = _variance(D, gain, V)
    variance_best = _variance(D, gain_best, V)
    own = np.diagonal(V)
    return Sensitivity(
        rows=rows,
        moments=moments,
        gradient=D @ gain,
        std_error=np.asarray(np.sqrt(own)),
        row_variance=variance,
        noise_optimal=(D @ gain_best) ** 2 * own / variance_best[:, None],
        noise=(D @ gain) ** 2 * own / variance[:, None],
        removal=_relative(variance, [_removed(G, W, V, D, k) for k in range(len(moments))]),
        removal_optimal=_relative(
            variance_best, [_dropped(G, V, D, k) for k in range(len(moments))]
        ),
        weighting=_weighting(G, W, V, D) * np.diagonal(W) / variance[:, None],
    )


def _variance(selector: Array, gain: Array, covariance: Array) -> Array:
    rows = selector @ gain
    return np.asarray(np.einsum("ik,kl,il->i", rows, covariance, rows))


def _relative(variance: Array, without: list[Array]) -> Array:
    return np.column_stack(without) / variance[:, None] - 1


def _removed(G: Array, W: Array, V: Array, D: Array, k: int) -> Array:
    """Variance with the weights of one moment set to zero; NaN if the others do not identify the parameters."""
    kept = W.copy()
    kept[k, :] = kept[:, k] = 0
    return _unless_singular(G, kept, lambda gain: _variance(D, gain, V), D.shape[0])


def _dropped(G: Array, V: Array, D: Array, k: int) -> Array:
    rest = np.delete(np.arange(len(V)), k)
    inner = V[np.ix_(rest, rest)]
    return _unless_singular(
        G[rest],
        np.linalg.inv(inner).astype(np.float64),
        lambda gain: _variance(D, gain, inner),
        D.shape[0],
    )


def _unless_singular(G: Array, W: Array, variance: Callable[[Array], Array], n_rows: int) -> Array:
    bread = G.T @ W @ G
    unit = np.sqrt(np.diagonal(bread))
    if not (unit > 0).all() or np.linalg.matrix_rank(
        bread / np.outer(unit, unit), hermitian=True
    ) < len(bread):
        return np.full(n_rows, np.nan)
    return variance(np.linalg.solve(bread, G.T @ W).astype(np.float64))


def _weighting(G: Array, W: Array, V: Array, D: Array) -> Array:
    """Derivative of the variance with respect to W_kk, (row, moment).

    With A = (G'WG)⁻¹G'W, dA/dW_kk = (G'WG)⁻¹ G'e_k (e_k'(I - G A)), so dΣ = 2 D dA V A' D' on the diagonal.
    """
    bread = np.linalg.inv(G.T @ W @ G)
    gain = bread @ G.T @ W
    residual = np.eye(len(V)) - G @ gain
    own = D @ bread @ G.T
    cross = residual @ V @ gain.T @ D.T
    return np.asarray(2 * own * cross.T)


def _of_economy(problem: MsmProblem, point: Array, function: Callable[[Economy], float]) -> float:
    return function(solve_economy(problem.free.params(point), n_workers=problem.n_workers))
