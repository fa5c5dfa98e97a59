"""H2: returns fall for codifiable-cognitive and rise for social-organizational education."""

from functools import partial

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.panel.transform import codes, eager
from withintask.tests_of_model.estimands import returns
from withintask.tests_of_model.hypotheses.estimates import from_fit
from withintask.tests_of_model.hypotheses.hypothesis import (
    ALL_ADJUSTMENTS,
    Estimate,
    Estimator,
    Hypothesis,
)
from withintask.tests_of_model.regression.errors import INSTRUMENTED, LEAST_SQUARES
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.fitted import Fit
from withintask.tests_of_model.regression.grouping import encode
from withintask.tests_of_model.regression.options import Effects, Inference, Instruments, Options
from withintask.tests_of_model.samples.pay_changes import WorkerChanges
from withintask.tests_of_model.samples.pay_rows import PayRows
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.unknown import joined, known_rows

CLAIM = (
    "Returns to education fall for codifiable cognitive skills and rise for social and organizational skills, "
    "if tasks are substitutes (σ > 1)."
)


_LEVEL = ("delta_return_cog", "delta_return_soc", "delta_return_gap")
_LOG = ("delta_log_return_cog", "delta_log_return_soc", "delta_log_return_gap")
_BY_EXPOSURE = ("delta_log_return_cog_by_exposure", "delta_log_return_soc_by_exposure")


def _change_in_returns(sample: Sample, *, ability: str) -> tuple[Estimate, ...]:
    """First differences of pay on schooling and ability: worker effects, period effects and ability x post."""
    # The unit of level returns is firms' human pay: where the panel tells it, the firm is asked for.
    changes = sample.pay_changes("occupation", "firm", *_asked(ability), with_unit=True)
    worker, note = changes.workers, changes.note
    if worker.log.size == 0:
        raise EstimationError(joined("no worker is seen before and after AI", note))
    fits = [
        _fit(sample.options, y, worker, ability) for y in (worker.level / changes.unit, worker.log)
    ]
    return (*_returns(fits[0], _LEVEL, note), *_returns(fits[1], _LOG, note))


def _asked(ability: str) -> tuple[str, ...]:
    """Fields of a worker that must be known, by how ability is taken into account."""
    of_ability = {"none": (), "ols": ("ability",), "iv": ("ability", "retest")}[ability]
    return ("educ_cog", "educ_soc", *of_ability)


def _returns(fitted: Fit, terms: tuple[str, ...], note: str) -> tuple[Estimate, ...]:
    gap = fitted.contrast({"educ_cog": 1.0, "educ_soc": -1.0}, name="gap")
    levels = from_fit(fitted, {terms[0]: "educ_cog", terms[1]: "educ_soc"}, message=note)
    return (*levels, *from_fit(gap, {terms[2]: "gap"}, message=note))


def _by_exposure(sample: Sample, *, ability: str) -> tuple[Estimate, ...]:
    """Change of log pay on schooling x exposure x post, with occupation x post effects."""
    changes = sample.pay_changes("occupation", "exposure", *_asked(ability))
    fitted = _fit(sample.options, changes.workers.log, changes.workers, ability, by_exposure=True)
    names = dict(zip(_BY_EXPOSURE, ("educ_cog_exposed", "educ_soc_exposed"), strict=True))
    return from_fit(fitted, names, message=changes.note)


def _fit(
    options: Options,
    change: Array,
    worker: WorkerChanges,
    ability: str,
    *,
    by_exposure: bool = False,
) -> Fit:
    rows = worker.rows
    columns = {"educ_cog": rows.educ_cog, "educ_soc": rows.educ_soc}
    if ability != "none":
        columns["ability"] = rows.ability
    columns |= {f"control {k}": column for k, column in enumerate(rows.controls.T)}
    instruments = {"ability": rows.retest} if ability == "iv" else {}
    if by_exposure:
        columns |= {f"{name}_exposed": values * rows.exposure for name, values in columns.items()}
        instruments |= {
            f"{name}_exposed": values * rows.exposure for name, values in instruments.items()
        }
    return fit(
        change,
        np.column_stack(list(columns.values())),
        names=list(columns),
        effects=Effects(
            absorb=[
                rows.occupation if by_exposure else np.zeros_like(rows.occupation),
                *map(encode, rows.effects.T),
            ],
            weights=rows.weight,
            n_obs=worker.n_workers,
        ),
        inference=Inference(cluster=[_cluster(rows)]),
        instruments=Instruments(
            endogenous=list(instruments),
            excluded=np.column_stack(list(instruments.values())) if instruments else None,
        ),
        options=options,
    )


def _cluster(rows: PayRows) -> Codes:
    """Occupations, or workers where the panel tells no occupation."""
    return rows.occupation if rows.has_occupations else rows.worker


def _pooled_mincer(sample: Sample) -> tuple[Estimate, ...]:
    """Log pay on schooling by period, without ability or worker effects; clustered by occupation, else worker."""
    usable = sample.usable_pay("occupation", "educ_cog", "educ_soc")
    rows, note = usable.rows, usable.note
    years = {"educ_cog": rows.educ_cog, "educ_soc": rows.educ_soc}
    columns = {name: values for name, values in years.items() if np.isfinite(values).any()}
    columns |= {f"control {k}": column for k, column in enumerate(rows.controls.T)}
    post = rows.is_post.astype(np.float64)
    columns |= {f"{name}_post": values * post for name, values in columns.items()}
    fitted = fit(
        np.log(rows.pay),
        np.column_stack(list(columns.values())),
        names=list(columns),
        effects=Effects(
            absorb=[encode(rows.period), *map(encode, rows.effects.T)],
            weights=rows.weight,
            n_obs=usable.n_obs,
        ),
        inference=Inference(cluster=[_cluster(rows)]),
        options=sample.options,
    )
    wanted = {"delta_log_return_cog": "educ_cog_post", "delta_log_return_soc": "educ_soc_post"}
    terms = {term: name for term, name in wanted.items() if name in columns}
    gap = _gap_of(fitted, note) if len(terms) == len(wanted) else ()
    return (*from_fit(fitted, terms, message=note), *gap)


def _gap_of(fitted: Fit, note: str) -> tuple[Estimate, ...]:
    gap = fitted.contrast({"educ_cog_post": 1.0, "educ_soc_post": -1.0}, name="gap")
    return from_fit(gap, {"delta_log_return_gap": "gap"}, message=note)


def _education_cells(sample: Sample) -> tuple[Estimate, ...]:
    """Cell means of log pay on schooling by period, weighted by workers."""
    panel = sample.panel
    assert panel.education_pay is not None
    asked = ("occupation_code", "educ_cog", "educ_soc", "pay_log_mean", "n_workers")
    frame, note = known_rows(eager(panel.education_pay), *asked)
    post = (frame["period"] >= (panel.info.first_ai_period or 0)).cast(pl.Float64).to_numpy()
    years = {name: frame[name].to_numpy() for name in ("educ_cog", "educ_soc")}
    columns = years | {f"{name}_post": values * post for name, values in years.items()}
    fitted = fit(
        frame["pay_log_mean"].to_numpy(),
        np.column_stack(list(columns.values())),
        names=list(columns),
        effects=Effects(absorb=[codes(frame["period"])], weights=frame["n_workers"].to_numpy()),
        inference=Inference(cluster=[codes(frame["occupation_code"])]),
        options=sample.options,
    )
    wanted = {"delta_log_return_cog": "educ_cog_post", "delta_log_return_soc": "educ_soc_post"}
    return (*from_fit(fitted, wanted, message=note), *_gap_of(fitted, note))


_PAY = (
    "pay.pay",
    "info.first_ai_period",
    "pay.period spans first_ai_period",
    "pay.worker_id->workers.worker_id",
)
_SCHOOLING = (*_PAY, "pay.worker_id repeats over period", "workers.educ_cog", "workers.educ_soc")
_ABILITY = (*_SCHOOLING, "workers.ability_log")
_RETEST = (*_ABILITY, "workers.ability_retest_log")

HYPOTHESIS = Hypothesis(
    name="H2",
    claim=CLAIM,
    scope=returns.scope,
    estimands=returns.TRUTHS,
    primary="delta_return_gap",
    predicted_sign=-1,
    preferred=("mincer_iv", "mincer", "mincer_no_ability"),
    estimators=(
        Estimator(
            name="mincer",
            summary="change of pay on schooling and measured ability, least squares",
            needs=_ABILITY,
            terms=(*_LEVEL, *_LOG),
            run=partial(_change_in_returns, ability="ols"),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="mincer_iv",
            summary="the same, ability instrumented by its second measurement",
            needs=_RETEST,
            terms=(*_LEVEL, *_LOG),
            run=partial(_change_in_returns, ability="iv"),
            adjusts=ALL_ADJUSTMENTS,
            errors=INSTRUMENTED,
            version=2,
        ),
        Estimator(
            name="mincer_no_ability",
            summary="the same without ability: biased, since AI helps the less able who have less schooling",
            needs=_SCHOOLING,
            terms=(*_LEVEL, *_LOG),
            run=partial(_change_in_returns, ability="none"),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="exposure_triple_iv",
            summary="change of log pay on schooling x exposure, ability instrumented, occupation x post effects",
            needs=(
                *_RETEST,
                "occupations.exposure varies",
                "pay.occupation_code->occupations.occupation_code",
            ),
            terms=_BY_EXPOSURE,
            run=partial(_by_exposure, ability="iv"),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=INSTRUMENTED,
        ),
        Estimator(
            name="exposure_triple_no_ability",
            summary="the same without ability",
            needs=(
                *_SCHOOLING,
                "occupations.exposure varies",
                "pay.occupation_code->occupations.occupation_code",
            ),
            terms=_BY_EXPOSURE,
            run=partial(_by_exposure, ability="none"),
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="mincer_pooled",
            summary="log pay on schooling by period, repeated cross-sections, without ability",
            needs=(*_PAY, "workers.educ_cog"),
            terms=_LOG,
            run=_pooled_mincer,
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="education_cells",
            summary="cell means of log pay on schooling by period, without ability",
            needs=(
                "education_pay.pay_log_mean",
                "info.first_ai_period",
                "education_pay.period spans first_ai_period",
            ),
            terms=_LOG,
            run=_education_cells,
            version=2,
            errors=LEAST_SQUARES,
        ),
    ),
)
