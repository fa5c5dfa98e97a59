"""H1: on exposed tasks, dispersion across workers falls, and the least able gain most."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.panel.transform import eager, lookup
from withintask.tests_of_model.estimands import ability, average, compression
from withintask.tests_of_model.hypotheses.access_by_ability import ACCESS_ESTIMATORS
from withintask.tests_of_model.hypotheses.adoption import (
    dispersion_paths,
    two_way_effect,
)
from withintask.tests_of_model.hypotheses.average_effect import EFFECT_ESTIMATORS
from withintask.tests_of_model.hypotheses.dispersion import (
    Cells,
    fit_effects,
    group_effects,
    make_cells,
)
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit
from withintask.tests_of_model.hypotheses.gradients import gradient_of_ability, gradient_of_output
from withintask.tests_of_model.hypotheses.hypothesis import (
    ALL_ADJUSTMENTS,
    Estimate,
    Estimator,
    Hypothesis,
)
from withintask.tests_of_model.hypotheses.pairs import PAIR_ESTIMATORS
from withintask.tests_of_model.hypotheses.repeated import variance_net_of_noise
from withintask.tests_of_model.hypotheses.staggered import STAGGERED_ESTIMATORS
from withintask.tests_of_model.regression.absorb import compact_codes
from withintask.tests_of_model.regression.errors import INSTRUMENTED, LEAST_SQUARES
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Options
from withintask.tests_of_model.samples.arms import find_arms
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.task_rows import TaskRows, firm_task, is_exposed, usable
from withintask.tests_of_model.samples.unknown import joined

CLAIM = "On AI-exposed tasks the within-task coefficient of variation of output falls; the least able gain most."


_POOLED = "delta_log_cv_pooled"
_MEASURE = {
    "delta_log_cv": "log_cv",
    "delta_log_variance": "log_variance",
    "delta_log_iqr": "log_iqr",
    _POOLED: "log_cv",
}


def _dispersion_by_arm(
    sample: Sample, *, treatment: str, terms: tuple[str, ...], measure: str = ""
) -> tuple[Estimate, ...]:
    """Difference in differences of log dispersion within firm and task, between arms."""
    rows, arm, note = _exposed_in_arms(sample, treatment)
    in_cells = {
        pooled: _in_cells(rows, rows.task if pooled else firm_task(rows), arm, note)
        for pooled in {term == _POOLED for term in terms}
    }
    return tuple(
        _effect(term, in_cells[term == _POOLED], sample.options, arms=(0, 1), measure=measure)
        for term in terms
    )


def _exposed_in_arms(sample: Sample, treatment: str = "access") -> tuple[TaskRows, Codes, str]:
    """Rows of exposed tasks and known arms, their arms, and what was left out.

    A worker lost before AI's arrival is in no known arm; counting him as untreated would select the arms.
    """
    rows, note = usable(sample.task_rows, "firm", "exposure", "time_share", treatment)
    arms = find_arms(rows, getattr(rows, treatment))
    if arms.problem:
        raise EstimationError(arms.problem)
    chosen = is_exposed(rows) & (arms.arm >= 0)
    return rows.take(chosen), arms.arm[chosen], note


def _dispersion_between_arms(sample: Sample, *, terms: tuple[str, ...]) -> tuple[Estimate, ...]:
    """Log dispersion within firm and task, rows with access minus rows without, after AI's arrival alone."""
    rows, note = usable(sample.task_rows, "firm", "exposure", "time_share", "access")
    rows = rows.take(rows.is_post & is_exposed(rows) & np.isfinite(rows.access))
    arm = (rows.access > 0).astype(np.int64)
    in_cells = _in_cells(rows, firm_task(rows), arm, note)
    options, arms, sides = sample.options, (0, 1), (1,)
    return tuple(_effect(term, in_cells, options, arms=arms, sides=sides) for term in terms)


def _dispersion_before_after(sample: Sample, *, terms: tuple[str, ...]) -> tuple[Estimate, ...]:
    """Log dispersion within firm and task, after minus before, of those who got access; nobody to compare with."""
    rows, arm, note = _exposed_in_arms(sample)
    rows = rows.take(arm == 1)
    in_cells = _in_cells(rows, firm_task(rows), _one_arm(rows), note)
    return tuple(_effect(term, in_cells, sample.options, arms=(0,)) for term in terms)


def _dispersion_by_exposure(sample: Sample, *, terms: tuple[str, ...]) -> tuple[Estimate, ...]:
    """Log dispersion after minus before, exposed minus unexposed tasks, within firms."""
    rows, note = usable(sample.task_rows, "firm", "exposure", "time_share", "access")
    if np.isfinite(rows.access).any():
        arms = find_arms(rows, rows.access)
        if arms.problem:
            raise EstimationError(arms.problem)
        is_control = ~is_exposed(rows) & (arms.unit == "worker and task")
        rows = rows.take((arms.arm == 1) | is_control)
    treated = is_exposed(rows).astype(np.float64)
    if treated.all():
        raise EstimationError("no unexposed task to compare with")
    in_cells = _in_cells(rows, firm_task(rows), _one_arm(rows), note)
    options = sample.options
    return tuple(_effect(t, in_cells, options, arms=(0,), treated=treated) for t in terms)


def _occupation_percentiles(sample: Sample) -> tuple[Estimate, ...]:
    """The occupation regression: change of ln(p90/p10) of pay on exposure, at the mean exposure of exposed ones.

    Pay mixes tasks, firms and prices, so this does not estimate the compression of task output; top-coded
    occupations drop out.
    """
    panel = sample.panel
    assert panel.occupation_pay is not None
    frame = eager(panel.occupation_pay)
    post = pl.col("period") >= (panel.info.first_ai_period or 0)
    exact = pl.all_horizontal(
        pl.col(f"{name}_bound").is_null()
        for name in ("pay_p10", "pay_p90")
        if f"{name}_bound" in frame.columns
    )
    spread = (pl.col("pay_p90") / pl.col("pay_p10")).log()
    change = (
        frame.filter(exact)
        .group_by("occupation_code", maintain_order=True)
        .agg((spread.filter(post).mean() - spread.filter(~post).mean()).alias("change"))
        .drop_nulls("change")
    )
    exposure = lookup(change, "occupation_code", panel.occupations, ("exposure",))["exposure"].cast(
        pl.Float64
    )
    known = exposure.is_not_null().to_numpy()
    x = exposure.to_numpy()[known]
    dose = x / x[x > 0].mean()
    fitted = fit(
        change["change"].to_numpy()[known],
        dose[:, None],
        names=["dose"],
        effects=Effects(absorb=[np.zeros(x.size, dtype=np.int64)]),
        options=sample.options,
    )
    left = frame["occupation_code"].n_unique() - x.size
    said = f"{left} occupations left out: a top-coded or missing percentile" if left else ""
    return from_fit(fitted, {"delta_log_cv": "dose"}, message=said)


@dataclass(frozen=True, eq=False)
class _InCells:
    """Rows sorted into cells, once for all dispersions that are taken of them."""

    rows: TaskRows
    cells: Cells | None
    """None where there is no row."""
    note: str


def _in_cells(rows: TaskRows, group: Codes, arm: Codes, note: str) -> _InCells:
    if rows.output.size == 0:
        return _InCells(rows, None, note)
    return _InCells(rows, make_cells(compact_codes(group), arm, rows.period, rows.is_post), note)


def _one_arm(rows: TaskRows) -> Codes:
    return np.broadcast_to(np.int64(0), rows.task.shape)


def _effect(
    term: str,
    in_cells: _InCells,
    options: Options,
    *,
    arms: tuple[int, ...],
    sides: tuple[int, ...] = (0, 1),
    treated: Array | None = None,
    measure: str = "",
) -> Estimate:
    rows, cells = in_cells.rows, in_cells.cells
    if cells is None:
        reason = joined("no row of an exposed task and a known arm", in_cells.note)
        return failure(term, "unusable", reason)
    effects = group_effects(
        cells,
        rows.output,
        measure or _MEASURE[term],
        arms=arms,
        sides=sides,
        weight=rows.weight,
        controls=rows.controls,
    )
    try:
        fitted = fit_effects(rows, cells, effects, treated, options=options)
    except EstimationError as error:
        return failure(term, "unusable", joined(str(error), in_cells.note))
    message = joined(in_cells.note, effects.message)
    return from_fit(fitted, {term: "effect"}, message=message)[0]


def _two_way_effects(sample: Sample) -> tuple[Estimate, ...]:
    """Coefficient of adoption on cell log dispersion, firms adopting at different times."""
    rows, note = usable(sample.task_rows, "firm", "exposure", "access")
    paths = dispersion_paths(sample, rows.take(is_exposed(rows)), note)
    return (two_way_effect(paths, sample.options),)


_OUTPUTS = ("outputs.output", "info.first_ai_period", "outputs.period spans first_ai_period")
_ACCESS = (*_OUTPUTS, "outputs.ai_access varies", "outputs.worker_id repeats over period")
_USE = (*_OUTPUTS, "outputs.ai_use varies", "outputs.worker_id repeats over period")
_PAIRS = "outputs.worker_id,task_id repeats over period"
_EXPOSURE = (*_OUTPUTS, "tasks.exposure varies", "outputs.task_id->tasks.task_id")
_OTHER = ("delta_log_variance", "delta_log_iqr", _POOLED)
_ONE_SAMPLE = ("delta_log_cv", "delta_log_variance")

HYPOTHESIS = Hypothesis(
    name="H1",
    claim=CLAIM,
    scope=compression.scope,
    estimands={**compression.TRUTHS, **ability.TRUTHS, **average.TRUTHS},
    primary="delta_log_cv",
    predicted_sign=-1,
    preferred=(
        "dispersion_by_access",
        "dispersion_staggered",
        "dispersion_staggered_imputed",
        "dispersion_by_exposure",
        "dispersion_by_use",
        "dispersion_between_arms",
        "dispersion_before_after",
        "gradient_iv",
        "gradient_staggered",
        "gradient",
        "gradient_of_output",
    ),
    estimators=(
        Estimator(
            name="dispersion_by_access",
            summary="cell ln CV, workers with access to AI minus workers without, after minus before",
            needs=_ACCESS,
            terms=("delta_log_cv",),
            run=partial(_dispersion_by_arm, treatment="access", terms=("delta_log_cv",)),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="other_measures_by_access",
            summary="the same for log variance and interquartile range (ceilings and floors bend the CV), and pooled",
            needs=_ACCESS,
            terms=_OTHER,
            run=partial(_dispersion_by_arm, treatment="access", terms=_OTHER),
            version=3,
            adjusts=("control", "absorb"),
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="dispersion_by_use",
            summary="cell ln CV by observed use of AI; biased where use is chosen",
            needs=_USE,
            terms=("delta_log_cv",),
            run=partial(_dispersion_by_arm, treatment="use", terms=("delta_log_cv",)),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="dispersion_between_arms",
            summary="cell dispersion, rows with access minus rows without, after AI's arrival alone",
            needs=("outputs.output", "info.first_ai_period", "outputs.ai_access varies"),
            terms=_ONE_SAMPLE,
            run=partial(_dispersion_between_arms, terms=_ONE_SAMPLE),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="dispersion_before_after",
            summary="cell dispersion of workers who got access, after minus before; takes practice for AI",
            needs=_ACCESS,
            terms=_ONE_SAMPLE,
            run=partial(_dispersion_before_after, terms=_ONE_SAMPLE),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="dispersion_by_exposure",
            summary="cell ln CV after minus before, exposed minus unexposed tasks",
            needs=_EXPOSURE,
            terms=("delta_log_cv",),
            run=partial(_dispersion_by_exposure, terms=("delta_log_cv",)),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="other_measures_by_exposure",
            summary="the same for log variance and interquartile range",
            needs=_EXPOSURE,
            terms=_OTHER[:2],
            run=partial(_dispersion_by_exposure, terms=_OTHER[:2]),
            version=3,
            adjusts=("control", "absorb"),
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="occupation_percentiles",
            summary="the occupation regression: change of ln(p90/p10) of pay on exposure; another estimand",
            needs=(
                "occupation_pay.pay_p10",
                "occupation_pay.pay_p90",
                "info.first_ai_period",
                "occupation_pay.period spans first_ai_period",
                "occupations.exposure varies",
                "occupation_pay.occupation_code->occupations.occupation_code",
            ),
            terms=("delta_log_cv",),
            run=_occupation_percentiles,
            can_stand=False,
            version=2,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="deviation_regression",
            summary="log absolute deviation from the cell mean, over that mean, on access x post with cell effects",
            needs=_ACCESS,
            terms=("delta_log_cv",),
            run=partial(
                _dispersion_by_arm,
                treatment="access",
                terms=("delta_log_cv",),
                measure="log_deviation",
            ),
            can_stand=False,
            version=2,
            adjusts=("control", "absorb"),
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="variance_net_of_noise",
            summary="within-firm variance of log output by access, less the noise that a worker's own periods show",
            needs=(*_ACCESS, _PAIRS),
            terms=("delta_log_mean_variance",),
            run=variance_net_of_noise,
            version=2,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="dispersion_two_way_effects",
            summary="cell log dispersion on access with firm-task and period effects; biased under staggered adoption",
            needs=(*_OUTPUTS, "outputs.ai_access varies", "outputs.firm_id repeats over period"),
            terms=("delta_log_cv",),
            run=_two_way_effects,
            can_stand=False,
            version=2,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="gradient",
            summary="gain in log output on measured ability, least squares",
            needs=(*_ACCESS, _PAIRS, "workers.ability_log", "workers.educ_cog", "workers.educ_soc"),
            terms=("ability_gradient",),
            run=partial(gradient_of_ability, instrumented=False),
            version=3,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="gradient_iv",
            summary="the same, instrumented by a second measurement of ability",
            needs=(
                *_ACCESS,
                _PAIRS,
                "workers.ability_log",
                "workers.ability_retest_log",
                "workers.educ_cog",
                "workers.educ_soc",
            ),
            terms=("ability_gradient",),
            run=partial(gradient_of_ability, instrumented=True),
            version=3,
            adjusts=ALL_ADJUSTMENTS,
            errors=INSTRUMENTED,
        ),
        Estimator(
            name="gradient_of_output",
            summary="gain in log output on output before AI in other tasks, split-sample instrument",
            needs=(*_ACCESS, _PAIRS),
            terms=("ability_gradient",),
            run=gradient_of_output,
            version=3,
            adjusts=ALL_ADJUSTMENTS,
            errors=INSTRUMENTED,
        ),
        *PAIR_ESTIMATORS,
        *EFFECT_ESTIMATORS,
        *ACCESS_ESTIMATORS,
        *STAGGERED_ESTIMATORS,
    ),
)
