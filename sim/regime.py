"""Regimes: the sign of ΔGini(income), its boundary along a parameter, and maps of both measures, equation (10)."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from scipy.optimize import brentq

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, unknown_name
from withintask.panel.notation import parameter_names, symbol
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, load_sources, make_params

PROPRIETARY_SHARE = "proprietary_share"
"""Axis η1/(η0 + η1), the total held fixed."""
CONCENTRATION = "concentration"
"""Axis that sets the Gini of assets and of ownership alike."""
MEASURES = ("income", "pay")

_DERIVED = (PROPRIETARY_SHARE, CONCENTRATION)
_N_WORKERS = 2**15
_N_WORKERS_OF_MAP = 2**13
_N_VALUES = 21
_PRECISION = 1e-6
_SHARE_RANGE = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Regime:
    """What AI does to inequality at given parameters."""

    delta_gini_income: float
    """Change in the Gini of income, the primary measure."""
    delta_gini_pay: float
    """Change in the Gini of pay."""

    @property
    def name(self) -> str:
        """``concentrating`` if income inequality rises, ``equalizing`` if it falls, else ``neutral``."""
        if self.delta_gini_income == 0:
            return "neutral"
        return "concentrating" if self.delta_gini_income > 0 else "equalizing"


@dataclass(frozen=True, kw_only=True, eq=False)
class RegimeMap:
    """Both measures over a grid of two axes."""

    x: str
    """Name of the first axis."""
    y: str
    """Name of the second axis."""
    points: pl.DataFrame
    """Columns ``x, y, delta_gini_income, delta_gini_pay``, y outermost."""

    def grid(self, measure: str) -> tuple[Array, Array, Array]:
        """Return values of x, values of y and the measure, (y, x)."""
        x, y = (self.points[axis].unique(maintain_order=True).to_numpy() for axis in ("x", "y"))
        return x, y, self.points[f"delta_gini_{measure}"].to_numpy().reshape(y.size, x.size)


def regime(params: Params, *, n_workers: int = _N_WORKERS, scramble: int = 0) -> Regime:
    """Return the change of inequality that AI brings, eq. (10).

    Parameters
    ----------
    params
        Parameters of the economy.
    n_workers, scramble
        The quadrature; see :func:`withintask.sim.economy.solve_economy`.

    Returns
    -------
    Regime
        Changes of the Gini of income and of pay, and the name of the regime.

    Examples
    --------
    >>> import withintask as wt
    >>> change = wt.regime(wt.load_params(), n_workers=2**10)
    >>> change.name
    'concentrating'
    """
    economy = solve_economy(params, n_workers=n_workers, scramble=scramble)
    return Regime(
        delta_gini_income=economy.delta_gini_income, delta_gini_pay=economy.delta_gini_pay
    )


def boundary(
    params: Params,
    *,
    along: str,
    bracket: tuple[float, float] | None = None,
    measure: str = "income",
    n_workers: int = _N_WORKERS,
    scramble: int = 0,
) -> float:
    """Return the value of a parameter at which the change of inequality is zero.

    Parameters
    ----------
    params
        The other parameters.
    along
        A parameter, ``proprietary_share`` (η1/(η0+η1), total fixed) or ``concentration``.
    bracket
        Two values between which the sign changes; the axis's plausible range if None.
    measure
        ``income`` or ``pay``.
    n_workers, scramble
        The quadrature.

    Returns
    -------
    float
        Value of the parameter, or of the share of proprietary AI, at which the change is zero.

    Raises
    ------
    ParameterError
        If the axis or the measure is unknown, a value is out of its domain, or the sign is the same
        at both ends.

    Examples
    --------
    >>> import withintask as wt
    >>> share = wt.boundary(wt.load_params(), along="proprietary_share", n_workers=2**10)
    >>> 0.4 < share < 0.7
    True
    """
    low, high = axis_range(along) if bracket is None else bracket
    if measure not in MEASURES:
        raise ParameterError(
            f"measure {unknown_name(measure, MEASURES)}; expected one of {MEASURES}"
        )

    def change(value: float) -> float:
        found = regime(change_axis(params, along, value), n_workers=n_workers, scramble=scramble)
        return found.delta_gini_income if measure == "income" else found.delta_gini_pay

    ends = change(low), change(high)
    if ends[0] * ends[1] > 0:
        raise ParameterError(
            f"boundary along {along}: expected ΔGini({measure}) to change sign between {low:g} and {high:g}; "
            f"found {ends[0]:+.5f} and {ends[1]:+.5f}; choose another bracket or parameter"
        )
    return float(brentq(change, low, high, xtol=_PRECISION))


def regime_map(
    params: Params,
    *,
    x: str,
    y: str,
    x_values: Sequence[float] | None = None,
    y_values: Sequence[float] | None = None,
    n_workers: int = _N_WORKERS_OF_MAP,
    n_threads: int | None = None,
) -> RegimeMap:
    """Return both measures over a grid of two axes.

    Parameters
    ----------
    params
        The other parameters.
    x, y
        Axes: parameters, ``proprietary_share`` or ``concentration``.
    x_values, y_values
        Values; 21 over the plausible range if None.
    n_workers
        Points of the population of every economy.
    n_threads
        Threads; one a core if None. The result does not depend on it.

    Raises
    ------
    ParameterError
        If an axis is unknown or a value out of its domain; all are listed by axis.
    """
    if x == y:
        raise ParameterError(f"regime_map: x and y are both {x}; name two axes")
    x_list = list(axis_values(x) if x_values is None else x_values)
    y_list = list(axis_values(y) if y_values is None else y_values)
    cells = [(u, v) for v in y_list for u in x_list]
    variants = [change_axis(change_axis(params, x, u), y, v) for u, v in cells]
    with ThreadPoolExecutor(n_threads or os.cpu_count()) as pool:
        found = list(pool.map(lambda one: regime(one, n_workers=n_workers), variants))
    points = pl.DataFrame(
        {
            "x": [u for u, _ in cells],
            "y": [v for _, v in cells],
            "delta_gini_income": [one.delta_gini_income for one in found],
            "delta_gini_pay": [one.delta_gini_pay for one in found],
        }
    )
    return RegimeMap(x=x, y=y, points=points)


def change_axis(params: Params, axis: str, value: float) -> Params:
    """Return params with an axis set to a value.

    Raises
    ------
    ParameterError
        If the axis is unknown or the value out of its domain.
    """
    if axis == PROPRIETARY_SHARE:
        total = params.commodity + params.proprietary
        changes = {"commodity": total * (1 - value), "proprietary": total * value}
    elif axis == CONCENTRATION:
        changes = {"asset_gini": value, "own_gini": value}
    elif axis in parameter_names():
        changes = {axis: value}
    else:
        raise ParameterError(f"axis {unknown_name(axis, (*parameter_names(), *_DERIVED))}")
    return make_params({**asdict(params), **changes}, where=f"{axis} = {value:g}")


def axis_range(axis: str) -> tuple[float, float]:
    """Return the plausible range of an axis.

    Raises
    ------
    ParameterError
        If the axis is unknown.
    """
    if axis == PROPRIETARY_SHARE:
        return _SHARE_RANGE
    sources = load_sources()
    name = "own_gini" if axis == CONCENTRATION else axis
    if name not in sources:
        raise ParameterError(f"axis {unknown_name(axis, (*parameter_names(), *_DERIVED))}")
    return sources[name].range


def axis_values(axis: str) -> Array:
    """Return 21 values over the plausible range of an axis."""
    return np.linspace(*axis_range(axis), _N_VALUES)


def axis_label(axis: str) -> str:
    """Return an axis's symbol and name for a figure."""
    if axis == PROPRIETARY_SHARE:
        return "share of proprietary AI, η1/(η0+η1)"
    if axis == CONCENTRATION:
        return "Gini(K) = Gini(ω), concentration of assets and ownership"
    row = symbol(axis)
    return f"{row.symbol}, {row.meaning}" if row.symbol else row.meaning
