"""The average effect of AI on output: what a study reports first, in log points, percent and levels."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.estimates import LEVEL, failure
from withintask.tests_of_model.hypotheses.hypothesis import ALL_ADJUSTMENTS, OK, Estimate, Estimator
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.alone import n_alone
from withintask.tests_of_model.regression.errors import LEAST_SQUARES
from withintask.tests_of_model.regression.fitted import Fit
from withintask.tests_of_model.regression.grouping import (
    compact_codes,
    encode,
    group_sums,
    is_nested,
)
from withintask.tests_of_model.regression.options import Effects, Options
from withintask.tests_of_model.regression.two_way_errors import fit_two_way
from withintask.tests_of_model.samples.comparisons import (
    ENOUGH_SHARED,
    Comparison,
    Form,
    compare,
)
from withintask.tests_of_model.samples.item_rows import ItemRows
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.task_rows import ENOUGH_CLUSTERS, units_or_firms

LOG, PERCENT, LEVELS = "average_effect_log", "average_effect_percent", "average_effect_level"
TERMS = (LOG, PERCENT, LEVELS)
"""Log points; percent of output without AI; units of output, shares of the range of a score with known limits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EffectRows:
    """Rows of a regression of output on access, (row,) each."""

    rows: ItemRows
    """Rows of the comparison of which covariates are known."""
    has_ai: Array
    """1 for rows with access (after, for workers with access), else 0."""
    absorb: tuple[Codes, ...]
    """Effects taken out."""
    clusters: tuple[Codes, ...]
    """Clusters of errors."""
    message: str
    """What was left out and taken out."""
    arm: int = 0
    """Number of the arm whose effect is reported, beside those of the other arms; 0 for all together."""

    def take(self, chosen: Flags, note: str) -> "EffectRows":
        """Return some of the rows, and say why."""
        return replace(
            self,
            rows=self.rows.take(chosen),
            has_ai=self.has_ai[chosen],
            absorb=tuple(compact_codes(code[chosen]) for code in self.absorb),
            clusters=tuple(code[chosen] for code in self.clusters),
            message="; ".join(part for part in (self.message, note) if part),
        )

    @property
    def treated(self) -> Array:
        """1 for rows with access in the arm reported, else 0."""
        return self.has_ai * (self._arm == self.arm) if self.arm else self.has_ai

    @property
    def other_arms(self) -> Array:
        """1 for rows with access in each other arm, else 0, (row, arm); none where all are together."""
        if not self.arm:
            return np.empty((self.has_ai.size, 0))
        others = np.setdiff1d(self._arm[self.has_ai > 0], self.arm)
        columns = [self.has_ai * (self._arm == other) for other in others]
        return np.column_stack(columns) if columns else np.empty((self.has_ai.size, 0))

    @property
    def _arm(self) -> Codes:
        """Arm of each row; of its worker where the row's own is not known to be one with AI."""
        return np.where(self.rows.arm > 0, self.rows.arm, self.rows.treatment)

    @property
    def levels(self) -> Array:
        """Output in its own unit; a score in shares of its range."""
        if self.rows.level is not None:
            return self.rows.level
        if not self.rows.is_log:
            return self.rows.value
        sign = -1 if self.rows.kind == "time" else 1
        return np.asarray(np.exp(sign * self.rows.value))


def average_effect(sample: Sample, *, form: Form, arm: int | None = None) -> tuple[Estimate, ...]:
    """Estimate the average effect of AI on output by least squares.

    Parameters
    ----------
    sample
        Of a panel with outputs and access.
    form
        What is compared.
    arm
        Number of the arm compared with the control; 0 for all together, None for the sample's. The other arms stay in the
        regression with effects of their own, so that all rows tell the effects taken out.

    Returns
    -------
    tuple of Estimate
        Rows of TERMS; or why they could not be estimated. More is better: the effect on a time is that on speed, except in
        levels, where it is that on the time.

    Notes
    -----
    Workers' effects are taken out where they are compared with themselves, and those of the finest cells of stratum, item,
    firm, task and period that hold both sides. Errors are clustered by what was assigned; where that is not recorded by
    firm or worker, and by task, as in H1's other estimators. Declared covariates are controls. Log points of counts,
    answers and scores are the log of a ratio of means, whose denominator is taken as given.
    """
    try:
        number = sample.arm_number if arm is None else arm
        chosen = effect_rows(sample.item_rows, form, reported=number)
        rows, options = chosen.rows, sample.options
        effects = effects_of(rows, chosen.absorb)
        levels = _fit(chosen, chosen.levels, _around(effects, rows, rows.level_square), options)
        logs = None
        if rows.is_log:
            logs = _fit(chosen, rows.value, _around(effects, rows, rows.value_square), options)
    except EstimationError as error:
        return tuple(failure(term, "unusable", str(error)) for term in TERMS)
    return _estimates(chosen, logs, levels)


def effect_rows(rows: ItemRows, form: Form, *, arm: int = 0, reported: int = 0) -> EffectRows:
    """Choose rows, effects and clusters of the average effect.

    Parameters
    ----------
    rows, form
        Items, and what is compared.
    arm
        Number of the arm to which, and to the control, rows are restricted; 0 for all.
    reported
        Number of the arm whose effect is reported beside those of the others; 0 for all together.

    Raises
    ------
    EstimationError
        If a side is empty or no row has all covariates.
    """
    comparison = compare(rows, form, arm=arm, together=not reported)
    known: Flags = np.asarray(np.isfinite(comparison.rows.covariates).all(axis=1))
    if not known.any():
        raise EstimationError("average effect: no row of which all covariates are known")
    has_ai = _has_ai(comparison)[known]
    chosen = comparison.rows.take(known)
    own = () if form == "between" else (chosen.worker,)
    contrast = comparison.group if form == "difference" else comparison.side
    cell, name = _cells(chosen, contrast[known] > 0, form)
    n_left = int(comparison.rows.count[~known].sum())
    left_out = f"{n_left} rows left out, a covariate not known" if n_left else ""
    removed = f"effects taken out: {'worker; ' if own else ''}{name}"
    notes = (comparison.message, left_out, _beside(rows, reported), removed)
    if reported and not (comparison.rows.arm == reported).any():
        raise EstimationError(f"average effect: no row of arm {rows.arm_names[reported]}")
    return EffectRows(
        rows=chosen,
        has_ai=has_ai,
        absorb=(*own, cell, *chosen.effects.T),
        clusters=_clusters(chosen),
        message="; ".join(note for note in notes if note),
        arm=reported,
    )


def _beside(rows: ItemRows, reported: int) -> str:
    if not reported:
        return ""
    return f"{rows.arm_names[reported]} against {rows.arm_names[0]}, other arms with effects of their own"


def _has_ai(comparison: Comparison) -> Array:
    side = comparison.side.astype(np.float64)
    return side * comparison.group if comparison.form == "difference" else side


def _cells(rows: ItemRows, contrast: Flags, form: Form) -> tuple[Codes, str]:
    """The finest cells in most of whose rows both sides (both groups of workers) are seen."""
    candidates = _candidates(rows, with_period=form != "before_after")
    coarsest: tuple[Codes, str] = (np.zeros_like(rows.task), "none")
    for keys, name in candidates:
        coarsest = encode(*keys), name
        if _share_with_both(coarsest[0], contrast, rows.count) >= ENOUGH_SHARED:
            return coarsest
    return coarsest


def _candidates(rows: ItemRows, *, with_period: bool) -> Iterator[tuple[tuple[Codes, ...], str]]:
    period, named = ((rows.period,), ", period") if with_period else ((), "")
    if rows.has_items:
        yield (rows.stratum, rows.item, *period), f"stratum, item{named}"
        yield (rows.item, *period), f"item{named}"
    yield (rows.stratum, rows.firm, rows.task, *period), f"stratum, firm, task{named}"
    yield (rows.stratum, rows.task, *period), f"stratum, task{named}"
    yield (rows.task, *period), f"task{named}"


def _share_with_both(cell: Codes, has_ai: Flags, count: Array) -> float:
    n = np.bincount(cell, count)
    n_with = group_sums(cell, has_ai * count, n.size)
    return float(np.average(((n_with > 0) & (n_with < n))[cell], weights=count))


def _clusters(rows: ItemRows) -> tuple[Codes, ...]:
    if not _is_by_worker(rows):
        return (rows.assignment,)
    unit = units_or_firms(rows.worker, rows.firm)
    return (unit, rows.task) if np.unique(rows.task).size >= ENOUGH_CLUSTERS else (unit,)


def _is_by_worker(rows: ItemRows) -> bool:
    """Whether workers were assigned one by one, whatever the names of what was assigned."""
    return is_nested(rows.worker, rows.assignment) and is_nested(rows.assignment, rows.worker)


def effects_of(rows: ItemRows, absorb: tuple[Codes, ...]) -> Effects:
    """Return effects, weights and counts of a regression on rows that may stand for several.

    Parameters
    ----------
    rows
        The rows.
    absorb
        Effects taken out, (row,) each.
    """
    if rows.n_rows is None:
        return Effects(projector=Projector(absorb, weights=rows.weight), weights=rows.weight)
    weight = rows.weight * rows.n_rows
    return Effects(
        projector=Projector(absorb, weights=weight),
        weights=weight,
        n_obs=int(rows.n_rows.sum()),
        n_singletons=n_alone(absorb, [rows.n_rows] * len(absorb), rows.n_rows),
    )


def _around(effects: Effects, rows: ItemRows, square: Array | None) -> Effects:
    """Effects of a regression of means, with what the values behind them vary around them."""
    return effects if square is None else replace(effects, pure_square=rows.weight * square)


def _fit(chosen: EffectRows, y: Array, effects: Effects, options: Options) -> Fit:
    others = chosen.other_arms
    arms = (f"other arm {k}" for k in range(others.shape[1]))
    names = ("has_ai", *arms, *chosen.rows.covariate_names)
    return fit_two_way(
        y,
        np.column_stack([chosen.treated, others, chosen.rows.covariates]),
        names=names,
        clusters=chosen.clusters,
        effects=effects,
        options=options,
    )


def _estimates(chosen: EffectRows, logs: Fit | None, levels: Fit) -> tuple[Estimate, ...]:
    level = _row(chosen, levels, LEVELS)
    if logs is not None:
        log = _row(chosen, logs, LOG)
    else:
        weight = chosen.rows.weight * chosen.rows.count * chosen.treated
        without = float(np.average(chosen.levels, weights=weight)) - level.estimate
        log = _mapped(level, LOG, lambda effect: _log_share(effect / without), 1 / without)
    percent = _mapped(
        log, PERCENT, lambda effect: 100 * math.expm1(effect), 100 * math.exp(log.estimate)
    )
    return (
        log,
        replace(
            percent, message="; ".join(m for m in (percent.message, _of_time(chosen, log)) if m)
        ),
        level,
    )


def _of_time(chosen: EffectRows, log: Estimate) -> str:
    if chosen.rows.kind != "time" or not math.isfinite(log.estimate):
        return ""
    return f"time changes by {100 * math.expm1(-log.estimate):+.1f} percent"


def _log_share(effect: float) -> float:
    return math.log1p(effect) if effect > -1 else -math.inf


def _row(chosen: EffectRows, fit: Fit, term: str) -> Estimate:
    low, high = fit.conf_int(LEVEL)[0]
    is_usable = math.isfinite(fit.params[0]) and math.isfinite(fit.std_error[0])
    return Estimate(
        term=term,
        estimate=float(fit.params[0]),
        std_error=float(fit.std_error[0]),
        dof=float(fit.dof[0]),
        statistic=float(fit.statistic[0]),
        p_value=float(fit.p_value[0]),
        conf_low=float(low),
        conf_high=float(high),
        n_obs=fit.n_obs,
        n_clusters=fit.n_clusters,
        status=OK if is_usable else "no_variance",
        message="; ".join((chosen.message, *fit.messages)),
        convention=f"{fit.covariance_kind}, {fit.convention}",
    )


def _mapped(row: Estimate, term: str, scale: Callable[[float], float], slope: float) -> Estimate:
    """Carry an estimate and the ends of its interval to another scale; the error by its slope."""
    return replace(
        row,
        term=term,
        estimate=scale(row.estimate),
        std_error=abs(slope) * row.std_error,
        conf_low=scale(row.conf_low),
        conf_high=scale(row.conf_high),
    )


_ITEMS = ("outputs.output", "outputs.ai_access varies")
_SPANS = (*_ITEMS, "info.first_ai_period", "outputs.period spans first_ai_period")
_FOLLOWED = (*_SPANS, "outputs.worker_id repeats over period")
_NEEDS: dict[Form, tuple[str, ...]] = {
    "within": (*_ITEMS, "outputs.worker_id repeats over ai_access"),
    "between": _ITEMS,
    "before_after": _FOLLOWED,
    "difference": _FOLLOWED,
}
_SUMMARIES: dict[Form, str] = {
    "within": "average effect: a worker's items with AI against those without, after its arrival",
    "between": "average effect: workers with AI against workers without, after its arrival",
    "before_after": "average effect: after against before, of workers with AI; takes practice for AI",
    "difference": "average effect: the change of workers with AI less that of workers without",
}

EFFECT_ESTIMATORS = tuple(
    Estimator(
        name=f"effect_{form}",
        summary=_SUMMARIES[form],
        needs=_NEEDS[form],
        terms=TERMS,
        run=partial(average_effect, form=form),
        version=2,
        adjusts=ALL_ADJUSTMENTS,
        errors=LEAST_SQUARES,
    )
    for form in _NEEDS
)
"""Estimators of the average effect, one a form."""
