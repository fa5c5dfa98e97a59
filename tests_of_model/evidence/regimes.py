"""The two regimes in numbers: maps, boundaries, rent sharing and policies, with their quadrature error."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import polars as pl
import polars.selectors as cs

from withintask.sim.params import Params, vary
from withintask.sim.policies import load_policies, policy_effects
from withintask.sim.regime import (
    PROPRIETARY_SHARE,
    RegimeMap,
    axis_range,
    boundary,
    change_axis,
    regime,
    regime_map,
)

MAPS = ("rent_sharing", "own_gini", "asset_gini")
"""Second axes of the maps; the first is the share of proprietary AI."""
BOUNDARIES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "baseline": {},
        "rent_sharing = 0.05": {"rent_sharing": 0.05},
        "rent_sharing = 0.4": {"rent_sharing": 0.40},
        "own_gini = 0.6": {"own_gini": 0.60},
        "own_gini = 0.9": {"own_gini": 0.90},
        "asset_gini = 0.4": {"asset_gini": 0.40},
        "asset_gini = 0.9": {"asset_gini": 0.90},
    }
)
"""Settings at which the boundary is reported: name to changes of the parameters."""
_SHARES = (0.25, 0.5, 0.75, 1.0)
_FULL_RANGE = ("rent_sharing",)
"""Axes shown over their whole domain [0, 1], since their effect turns outside the plausible range."""
_SCRAMBLES = 4


def regime_maps(params: Params, n_values: int) -> dict[str, RegimeMap]:
    """Map both measures over the share of proprietary AI and each axis of MAPS, by the second axis."""
    return {axis: _map(params, axis, n_values) for axis in MAPS}


def map_points(maps: Mapping[str, RegimeMap]) -> pl.DataFrame:
    """Lay all maps out in one frame: ``x_axis, y_axis, x, y, delta_gini_income, delta_gini_pay``."""
    return pl.concat(
        m.points.select(pl.lit(m.x).alias("x_axis"), pl.lit(m.y).alias("y_axis"), pl.all())
        for m in maps.values()
    )


def boundaries(params: Params) -> pl.DataFrame:
    """Boundary in the share of proprietary AI at some settings, with its quadrature error.

    Returns
    -------
    polars.DataFrame
        ``setting, boundary, quadrature_se``: the mean over scrambles and its standard error.
    """
    rows = []
    for setting, changes in BOUNDARIES.items():
        variant = vary(params, **changes)
        roots = [boundary(variant, along=PROPRIETARY_SHARE, scramble=s) for s in range(_SCRAMBLES)]
        rows.append(
            {
                "setting": setting,
                "boundary": float(np.mean(roots)),
                "quadrature_se": float(np.std(roots, ddof=1) / np.sqrt(len(roots))),
            }
        )
    return pl.DataFrame(rows)


def policies(params: Params) -> pl.DataFrame:
    """What AI does to both measures under each policy, with its quadrature error.

    Returns
    -------
    polars.DataFrame
        Columns of :func:`withintask.sim.policies.policy_effects`, means over scrambles of the population, and
        ``quadrature_se``, the standard error of `delta_gini_income`. The regime is ``undecided`` within
        twice that error of zero.
    """
    levers = load_policies()
    runs = [policy_effects(params, levers, scramble=s) for s in range(_SCRAMBLES)]
    income = pl.col("delta_gini_income")
    error = income.std() / _SCRAMBLES**0.5
    mean = (
        pl.concat(runs)
        .group_by("policy", "summary", maintain_order=True)
        .agg(cs.numeric().mean(), error.alias("quadrature_se"))
    )
    return mean.with_columns(
        pl.when(income.abs() <= 2 * pl.col("quadrature_se"))
        .then(pl.lit("undecided"))
        .when(income > 0)
        .then(pl.lit("concentrating"))
        .otherwise(pl.lit("equalizing"))
        .alias("regime")
    )


def rent_sharing_effects(params: Params, n_values: int) -> pl.DataFrame:
    """Both measures over rent sharing in [0, 1], at some shares of proprietary AI."""
    rows = []
    for share in _SHARES:
        for sharing in np.linspace(0, 1, n_values):
            effect = regime(
                vary(change_axis(params, PROPRIETARY_SHARE, share), rent_sharing=float(sharing))
            )
            rows.append(
                {
                    "proprietary_share": share,
                    "rent_sharing": float(sharing),
                    "delta_gini_income": effect.delta_gini_income,
                    "delta_gini_pay": effect.delta_gini_pay,
                }
            )
    return pl.DataFrame(rows)


def _map(params: Params, axis: str, n_values: int) -> RegimeMap:
    x_low, x_high = axis_range(PROPRIETARY_SHARE)
    y_low, y_high = (0.0, 1.0) if axis in _FULL_RANGE else axis_range(axis)
    return regime_map(
        params,
        x=PROPRIETARY_SHARE,
        y=axis,
        x_values=np.linspace(x_low, x_high, n_values).tolist(),
        y_values=np.linspace(y_low, y_high, n_values).tolist(),
    )
