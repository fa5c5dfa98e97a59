"""What happens to signs as one parameter moves: sweeps, and the boundary between regimes."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, vary
from withintask.sim.regime import PROPRIETARY_SHARE, boundary, change_axis, regime
from withintask.tests_of_model.estimands.figures import FIGURES

N_WORKERS = 2**14
"""Points of the population in sweeps; quadrature error of ΔGini there is about 1e-5."""


def sweep(
    params: Params,
    changes: Sequence[dict[str, float]],
    figures: Sequence[str],
    *,
    n_workers: int = N_WORKERS,
) -> pl.DataFrame:
    """Solve the economy at several parameter values.

    Parameters
    ----------
    params
        The others.
    changes
        Parameters to change, one dictionary a row.
    figures
        Keys of FIGURES.

    Returns
    -------
    polars.DataFrame
        The changed parameters and the figures, one row each.
    """
    rows = []
    for change in changes:
        economy = solve_economy(vary(params, **change), n_workers=n_workers)
        rows.append({**change, **{name: float(FIGURES[name](economy)) for name in figures}})
    return pl.DataFrame(rows)


def structure(params: Params, proprietary_share: float) -> Params:
    """Move AI between commodity and proprietary, η0 + η1 fixed."""
    return change_axis(params, PROPRIETARY_SHARE, proprietary_share)


def structure_boundary(params: Params, *, n_workers: int = N_WORKERS) -> float:
    """Share η1/(η0+η1) at which ΔGini of income is zero; NaN if its sign is the same at 0 and at 1.

    Parameters
    ----------
    params
        Parameters; η0 + η1 stays what it is.
    """
    ends = [regime(structure(params, s), n_workers=n_workers).delta_gini_income for s in (0.0, 1.0)]
    if ends[0] * ends[1] >= 0:
        return float("nan")
    return boundary(params, along=PROPRIETARY_SHARE, bracket=(0.0, 1.0), n_workers=n_workers)


def crossings(x: Array, y: Array) -> list[float]:
    """Values of x at which y, piecewise linear, changes sign."""
    between = np.flatnonzero(np.sign(y[:-1]) * np.sign(y[1:]) < 0)
    at = 1 + np.flatnonzero((y[1:-1] == 0) & (y[:-2] * y[2:] < 0))
    inside = [float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k])) for k in between]
    return sorted([*inside, *(float(x[k]) for k in at)])
