"""Policies and axes in every draw of a posterior: effects on ΔGini with their intervals, and whether an axis turns its sign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Flags
from withintask.sim.params import Params
from withintask.sim.policies import Policy
from withintask.sim.regime import PROPRIETARY_SHARE
from withintask.tests_of_model.evidence.sign import OTHER_PRIORS
from withintask.tests_of_model.moments.many_ginis import many_ginis
from withintask.tests_of_model.moments.mixture import AS_GIVEN
from withintask.tests_of_model.moments.moments import params_with
from withintask.tests_of_model.moments.reweight import GINI_WORKERS, Posterior
from withintask.tests_of_model.moments.weights import weighted_quantile

N_LEVER_DRAWS = 800
"""Draws in which policies and axes are computed."""


def policy_intervals(
    after: Posterior,
    base: Params,
    policies: Sequence[Policy],
    *,
    n_draws: int = N_LEVER_DRAWS,
    seed: int = 0,
) -> pl.DataFrame:
    """Effect of each policy on ΔGini of income and of pay: posterior medians, 90 percent intervals and signs.

    Parameters
    ----------
    after
        Posterior.
    base
        Values of the parameters that are not drawn.
    policies
        Levers; each sets an axis to a value in every draw.
    n_draws
        Draws to compute, chosen by their weight under the mixture of the three priors.
    seed
        Seed of that choice.
    """
    drawn = after.drawn(n_draws, seed)
    known = params_with(base, tuple(after.fixed), tuple(after.fixed.values()))
    names, values = after.prior.names, drawn.values
    without = many_ginis(known, names, values, n_workers=GINI_WORKERS)
    rows = []
    for policy in policies:
        changed_names, changed = _under(policy, names, values, known)
        effect = many_ginis(known, changed_names, changed, n_workers=GINI_WORKERS) - without
        low, middle, high = np.column_stack(
            [weighted_quantile(column, drawn.weight, [0.05, 0.5, 0.95]) for column in effect.T]
        )
        rows.append(
            {
                "policy": policy.name,
                "income_low": low[0],
                "income_median": middle[0],
                "income_high": high[0],
                **_by_prior(drawn, "income_lowers", effect[:, 0] < 0),
                "pay_low": low[1],
                "pay_median": middle[1],
                "pay_high": high[1],
                "pay_lowers": drawn.probability(effect[:, 1] < 0),
            }
        )
    return pl.DataFrame(rows)


def _by_prior(after: Posterior, name: str, holds: Flags) -> dict[str, float]:
    """Probability of what holds under each prior."""
    suffix = {AS_GIVEN: "", **{prior: f"_{short}" for prior, short in OTHER_PRIORS.items()}}
    return {
        f"{name}{suffix[prior]}": other.probability(holds)
        for prior, other in after.variants().items()
    }


def _under(
    policy: Policy, names: tuple[str, ...], values: Array, base: Params
) -> tuple[tuple[str, ...], Array]:
    """Parameters and their values under a policy."""
    if policy.axis == PROPRIETARY_SHARE:
        bought, own = (_column(name, names, values, base) for name in ("commodity", "proprietary"))
        total = bought + own
        changes = {"commodity": total * (1 - policy.value), "proprietary": total * policy.value}
    else:
        changes = {policy.axis: np.full(len(values), policy.value)}
    return _replaced(names, values, changes)


def _column(name: str, names: tuple[str, ...], values: Array, base: Params) -> Array:
    return (
        values[:, names.index(name)] if name in names else np.full(len(values), getattr(base, name))
    )


def _replaced(
    names: tuple[str, ...], values: Array, changes: Mapping[str, Array]
) -> tuple[tuple[str, ...], Array]:
    kept = [k for k, name in enumerate(names) if name not in changes]
    columns = [values[:, kept], *(column[:, None] for column in changes.values())]
    return (*(names[k] for k in kept), *changes), np.hstack(columns)


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """An axis taken from one end to the other in every draw."""

    axis: str
    """Parameter, or proprietary_share."""
    low: float
    """One end."""
    high: float
    """The other."""


CROSSINGS = (
    Crossing(axis=PROPRIETARY_SHARE, low=0.0, high=1.0),
    Crossing(axis="asset_gini", low=0.4, high=0.9),
    Crossing(axis="own_gini", low=0.5, high=0.95),
    Crossing(axis="rent_sharing", low=0.05, high=0.4),
)
"""Axes that are said to cross or to move the boundary; ends are the plausible ranges."""


def crossing_probabilities(
    after: Posterior,
    base: Params,
    crossings: Sequence[Crossing] = CROSSINGS,
    *,
    n_draws: int = N_LEVER_DRAWS,
    seed: int = 0,
) -> pl.DataFrame:
    """Posterior probability that ΔGini of income changes its sign as an axis goes from one end to the other, all else equal."""
    drawn = after.drawn(n_draws, seed)
    known = params_with(base, tuple(after.fixed), tuple(after.fixed.values()))
    names, values = after.prior.names, drawn.values
    rows = []
    for crossing in crossings:
        ends = []
        for value in (crossing.low, crossing.high):
            lever = Policy(name=crossing.axis, summary="", axis=crossing.axis, value=value)
            ends.append(
                many_ginis(known, *_under(lever, names, values, known), n_workers=GINI_WORKERS)[
                    :, 0
                ]
            )
        rows.append(
            {
                "axis": crossing.axis,
                "low": crossing.low,
                "high": crossing.high,
                "turns_up": drawn.probability((ends[0] < 0) & (ends[1] > 0)),
                "turns_down": drawn.probability((ends[0] > 0) & (ends[1] < 0)),
                **_by_prior(drawn, "turns", ends[0] * ends[1] < 0),
                "median_change": float(
                    weighted_quantile(ends[1] - ends[0], drawn.weight, [0.5])[0]
                ),
            }
        )
    return pl.DataFrame(rows)
