"""Access to AI by measured ability, after AI's arrival alone."""

from functools import partial

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError
from withintask.panel.transform import lookup
from withintask.tests_of_model.hypotheses.average_effect import (
    EffectRows,
    effect_rows,
    effects_of,
)
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit
from withintask.tests_of_model.hypotheses.hypothesis import ALL_ADJUSTMENTS, Estimate, Estimator
from withintask.tests_of_model.regression.errors import INSTRUMENTED, LEAST_SQUARES
from withintask.tests_of_model.regression.grouping import compact_codes
from withintask.tests_of_model.regression.options import Instruments
from withintask.tests_of_model.regression.two_way_errors import fit_two_way
from withintask.tests_of_model.samples.measured_ability import measured_ability
from withintask.tests_of_model.samples.sample import Sample

GRADIENT = "ability_gradient"


def access_by_ability(sample: Sample, *, instrumented: bool) -> tuple[Estimate, ...]:
    """Regress output after AI's arrival on access, ability and their product: a gradient without a period before.

    Parameters
    ----------
    sample
        Of a panel in which some workers have access and others not, with a measure of their ability before AI.
    instrumented
        Use the second measure as the instrument of the first.

    Returns
    -------
    tuple of Estimate
        Coefficient of access x ability, in log points of output (levels of counts, answers and scores) a log point of ability,
        or a standard deviation where the measure is not in logs; or why it could not be estimated.

    Notes
    -----
    Least squares is attenuated by the noise of the measure. The panel's covariates, and schooling with log ability, enter alone
    and times access; cells and clusters are those of the average effect.
    """
    try:
        chosen = effect_rows(sample.item_rows, "between", arm=sample.arm_number)
        return (_interaction(sample, chosen, instrumented=instrumented),)
    except EstimationError as error:
        return (failure(GRADIENT, "unusable", str(error)),)


def _interaction(sample: Sample, chosen: EffectRows, *, instrumented: bool) -> Estimate:
    ability = measured_ability(sample.panel, chosen.rows.worker_ids)
    controls = _controls(sample, chosen)
    known = np.isfinite(ability.first) & (np.isfinite(ability.second) | (not instrumented))
    known &= np.isfinite(controls).all(axis=1)
    if not known.any():
        needed = "two measures" if instrumented else "a measure"
        raise EstimationError(f"ability: no worker compared has {needed}")
    has_ai = chosen.has_ai[known]
    controls = controls[known]
    own = np.column_stack([ability.first[known], controls])
    count = chosen.rows.count[known]
    own = own - np.average(own, axis=0, weights=count)
    names = ["access_ability", "access", "ability"]
    names += [f"control {k}" for k in range(2 * controls.shape[1])]
    other = ability.second[known]
    fitted = fit_two_way(
        chosen.rows.value[known],
        np.column_stack(
            [has_ai * own[:, 0], has_ai, own[:, 0], own[:, 1:], has_ai[:, None] * own[:, 1:]]
        ),
        names=names,
        clusters=tuple(code[known] for code in chosen.clusters),
        effects=effects_of(
            chosen.rows.take(known),
            tuple(compact_codes(code[known]) for code in chosen.absorb),
        ),
        instruments=Instruments(
            endogenous=["access_ability", "ability"],
            excluded=np.column_stack([has_ai * (other - np.average(other, weights=count)), other]),
        )
        if instrumented
        else None,
        options=sample.options,
    )
    n_left = int(chosen.rows.count[~known].sum())
    left_out = f"{n_left} rows left out, ability or schooling not known" if n_left else ""
    notes = (f"ability in {ability.unit}", left_out, chosen.message)
    message = "; ".join(note for note in notes if note)
    return from_fit(fitted, {GRADIENT: "access_ability"}, message=message)[0]


def _controls(sample: Sample, chosen: EffectRows) -> Array:
    """Covariates, and years of schooling in the task's skill where the panel tells any, NaN where not known, (row, control)."""
    rows = chosen.rows
    years = lookup(rows.worker_ids, "worker_id", sample.panel.workers, ("educ_cog", "educ_soc"))
    schooling = years.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if np.isfinite(schooling).any():
        return np.column_stack(
            [rows.covariates, np.where(rows.is_soc, schooling[:, 1], schooling[:, 0])]
        )
    return rows.covariates


_TABLE = "abilities.ability"

ACCESS_ESTIMATORS = tuple(
    Estimator(
        name=f"access_by_ability{suffix}",
        summary=summary,
        needs=needs,
        terms=(GRADIENT,),
        run=partial(access_by_ability, instrumented=instrumented),
        version=3 if instrumented else 2,
        adjusts=ALL_ADJUSTMENTS,
        errors=INSTRUMENTED if instrumented else LEAST_SQUARES,
    )
    for suffix, summary, needs, instrumented in (
        (
            "",
            "access x measured ability after AI's arrival, least squares; for trials without a period before",
            ("outputs.output", "outputs.ai_access varies", f"workers.ability_log or {_TABLE}"),
            False,
        ),
        (
            "_iv",
            "the same, instrumented by a second measurement of ability",
            (
                "outputs.output",
                "outputs.ai_access varies",
                f"workers.ability_log or {_TABLE}",
                f"workers.ability_retest_log or {_TABLE}",
            ),
            True,
        ),
    )
)
"""Estimators of the gradient from the period after AI's arrival alone."""
