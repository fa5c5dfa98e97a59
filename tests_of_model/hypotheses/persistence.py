"""How far the estimates by pairs hang on noise that lasts from one item to the next."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.tests_of_model.components.pair_sums import pair_sums
from withintask.tests_of_model.components.pairs import SidedRows, UnitMoments
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate
from withintask.tests_of_model.hypotheses.pair_terms import NOISE, Ability, estimate_term, terms_of
from withintask.tests_of_model.hypotheses.pairs import ability_by_pairs
from withintask.tests_of_model.samples.comparisons import Form
from withintask.tests_of_model.samples.sample import Sample

GRID = tuple(k / 20 for k in range(17))
"""Persistence 0 to .8."""
_LARGEST = 0.95
"""Persistence up to which the sign is followed."""
_STEPS, _HALVINGS = 20, 7
"""Steps of the search for the value at which a sign is lost, then halvings: to a two-thousandth."""
_NEGLIGIBLE = 1e-4
"""Share of noise in common below which a pair is taken to share none."""
_SIDES = ((0, 0), (1, 1), (0, 1))

SCHEMA = {
    "term": pl.String,
    "persistence": pl.Float64,
    "estimate": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "breakdown": pl.Float64,
}


def persistence_curve(
    sample: Sample,
    form: Form,
    *,
    persistence: Sequence[float] = GRID,
    distance: int = 1,
    arm: int | None = None,
) -> pl.DataFrame:
    """Estimate by pairs under assumed persistence of noise, for workers with too few items to skip neighbours.

    Parameters
    ----------
    sample
        Of a panel with several items a worker.
    form
        What is compared.
    persistence
        Correlations of the noise of neighbouring items, from 0 to below 1.
    distance
        Smallest distance of a pair; neighbours are used at 1, and their common noise taken off.
    arm
        Number of the arm compared with the control; 0 for all together, None for the sample's.

    Returns
    -------
    polars.DataFrame
        SCHEMA, one row a term and value. ``breakdown`` is the smallest persistence, up to .95, at which the sign is lost:
        the set holds no effect, or so much is taken for noise that no ability is left. 0 if it is lost without any, null
        if it never is.

    Raises
    ------
    EstimationError
        If no pair is left.
    ParameterError
        If a value is outside [0, 1).

    Notes
    -----
    With AR(1) noise a pair shares ρ^|distance| of it, on average a of the unit's noise, so that E U = V + a N and the mean
    square of a row is V + N: V = (U - a T)/(1 - a). Between sides the noises' standard deviations are multiplied. All that
    is left of a row counts as noise that lasts, difficulty too where it is not taken out, so the correction errs on the
    large side. Items whose order is not recorded count as neighbours.
    """
    wrong = [value for value in persistence if not 0 <= value < 1]
    if wrong:
        raise ParameterError(f"persistence {wrong}: expected values from 0 to below 1")
    number = sample.arm_number if arm is None else arm
    ability = ability_by_pairs(sample.item_rows, form, distance=distance, arm=number)
    at = cache(partial(assuming, ability))
    terms = [t for t in terms_of(form) if not (t == NOISE and ability.design.spans_tasks)]
    rows = []
    for term in terms:
        lost = _breakdown(at, term)
        for value in persistence:
            row = estimate_term(at(value), term)
            rows.append((term, value, row.estimate, row.conf_low, row.conf_high, lost))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def assuming(ability: Ability, persistence: float) -> Ability:
    """Take off what pairs share if noise has this persistence, between 0 and 1."""
    if persistence == 0:
        return ability
    shared = _shared_noise(ability.design.rows, persistence)
    moments = _corrected(ability.moments, shared, ability.design.weight)
    return replace(ability, moments=moments)


def _shared_noise(rows: SidedRows, persistence: float) -> Array:
    """Mean share of noise that a unit's pairs have in common, (3, unit)."""
    length = math.ceil(math.log(_NEGLIGIBLE) / math.log(persistence)) + 1
    kernel = persistence ** np.maximum(np.arange(length), 1.0)
    sides = np.column_stack([(rows.side == s).astype(np.float64) for s in (0, 1)])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            pair_sums(rows.pairs, sides, _SIDES, kernel=kernel)
            / pair_sums(rows.pairs, sides, _SIDES)
        )


def _corrected(moments: UnitMoments, shared: Array, weight: Array) -> UnitMoments:
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = (moments.square - moments.product[:2]) / (1 - shared[:2])
    levels = [_mean(row, weight) for row in noise]
    between = math.sqrt(max(levels[0], 0.0) * max(levels[1], 0.0))
    product = moments.product.copy()
    product[:2] -= shared[:2] * noise
    product[2] -= shared[2] * between
    return replace(moments, product=product)


def _mean(values: Array, weight: Array) -> float:
    known = np.isfinite(values)
    return float(np.average(values[known], weights=weight[known])) if known.any() else 0.0


def breakdown(ability: Ability, term: str) -> float | None:
    """Find the smallest persistence of noise at which a term's sign is lost; None if it holds up to .95.

    Parameters
    ----------
    ability
        Moments at distance 1.
    term
        One of the form's terms.

    Returns
    -------
    float or None
        0 if the sign is lost without any persistence.
    """
    return _breakdown(cache(partial(assuming, ability)), term)


def _breakdown(at: Callable[[float], Ability], term: str) -> float | None:
    if _is_lost(estimate_term(at(0.0), term)):
        return 0.0
    steps = (float(step) for step in np.linspace(0, _LARGEST, _STEPS + 1)[1:])
    high = next((k for k in steps if _is_lost(estimate_term(at(k), term))), None)
    if high is None:
        return None
    low = high - _LARGEST / _STEPS
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _is_lost(estimate_term(at(middle), term)):
            high = middle
        else:
            low = middle
    return high


def _is_lost(row: Estimate) -> bool:
    """Whether the sign cannot be told: no effect is in the set, or there is no estimate or no set."""
    if row.status != OK or math.isnan(row.estimate) or math.isnan(row.conf_low):
        return True
    return row.conf_low <= 0 <= row.conf_high
