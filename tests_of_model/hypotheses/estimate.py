"""Run estimators on a panel: one tidy row an estimate, and a row for what could not be run."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import polars as pl

from withintask.panel.capabilities import missing
from withintask.panel.errors import (
    EstimationError,
    ParameterError,
    list_problems,
    nearest,
    quoted,
    several,
)
from withintask.panel.panel import Panel
from withintask.panel.trial_arms import arms_of, of_arm, with_access
from withintask.tests_of_model.hypotheses.estimates import failure
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate, Estimator, Hypothesis
from withintask.tests_of_model.hypotheses.options import refusal, replaced_by
from withintask.tests_of_model.hypotheses.randomize import randomized
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.regression.errors import Errors, check_errors
from withintask.tests_of_model.regression.options import Engine, Options
from withintask.tests_of_model.regression.simultaneous import holm
from withintask.tests_of_model.samples.controls import NOTHING, Adjust, check_adjust
from withintask.tests_of_model.samples.sample import Sample

NOT_ESTIMABLE = "not_estimable"
"""Status where the panel lacks a column or a link."""
UNUSABLE = "unusable"
"""Status where the panel has the columns, but not what the estimator compares."""
FAILED = "failed"
"""Status where an estimator raised an error."""

ESTIMATE_SCHEMA = {
    "hypothesis": pl.String,
    "estimator": pl.String,
    "term": pl.String,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "dof": pl.Float64,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "p_value_adjusted": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "n_obs": pl.Int64,
    "n_clusters": pl.Int64,
    "status": pl.String,
    "message": pl.String,
    "convention": pl.String,
}
"""Columns of an estimate, on any panel."""


def estimate(
    panel: Panel,
    *,
    hypotheses: str | Sequence[str] = (),
    estimators: str | Sequence[str] = (),
    engine: Engine = "fast",
    arm: str = "",
    each_arm: bool = False,
    errors: Errors = "auto",
    distance: int | None = None,
    crossed: bool = False,
    adjust: Adjust = NOTHING,
) -> pl.DataFrame:
    """Estimate hypotheses on a panel, real or synthetic.

    Parameters
    ----------
    panel
        Any panel; it is read into memory.
    hypotheses, estimators
        One name or several; all if empty.
    engine
        How regressions are fitted, see :class:`withintask.tests_of_model.regression.options.Options`.
    arm
        Name of the arm that is compared with the control, of several; all with AI together if empty.
    each_arm
        Compare every arm with the control in turn: the rows have a column ``arm``, and p-values are adjusted over the primary
        terms of all arms.
    errors
        ``auto`` (by the number of clusters), ``CR1``, ``CR2``, ``CR3``, ``jackknife``, ``wild``, or ``randomization``: the
        p-value of assigning access anew. What was chosen is in convention and message.
    distance, crossed
        Of estimators by pairs: smallest distance of a pair in the worker's own order, chosen from the panel if None; and
        whether items' difficulty must be taken out, with items of one worker left out.
    adjust
        Controls, fixed effects and weights by name. An estimator that cannot take one of these or the errors asked for is
        refused by name, before it begins.

    Returns
    -------
    polars.DataFrame
        One row an estimator and term: estimate, std_error, interval, p_value, p_value_adjusted (Holm, over the
        hypotheses' primary terms), n_obs, n_clusters, status, message, convention. A term that could not be estimated
        is a row that says why.

    Raises
    ------
    ParameterError
        If a name is not known, or the panel has no arms to compare in turn.

    Notes
    -----
    Where no row says who has access, it follows from the arms.
    """
    check_errors(errors)
    _check_engine(engine, errors)
    chosen = choose(hypotheses, estimators)
    options = Options(engine=engine, errors=errors)
    panel = with_access(panel.collect())
    if arm:
        of_arm(panel, arm)
    names = _arms(panel, arm) if each_arm else (arm,)
    warnings = check_adjust(panel, adjust)
    sample = Sample(panel, options, distance=distance, is_crossed=crossed, adjust=adjust)
    samples = {name: replace(sample, arm=name) for name in names}
    frame = as_frame(
        (hypothesis, estimator, name, row)
        for hypothesis, estimator in chosen
        for name in (names if _reads_outputs(estimator) else ("",))
        for row in _warned(estimator, run_estimator(estimator, samples.get(name, sample)), warnings)
    )
    return frame if each_arm else frame.drop("arm")


_WITH_ARM = {
    "hypothesis": pl.String,
    "estimator": pl.String,
    "arm": pl.String,
    **ESTIMATE_SCHEMA,
}


def _arms(panel: Panel, arm: str) -> tuple[str, ...]:
    """Names of the arms beside the control."""
    if arm:
        raise ParameterError(f"estimate: arm {quoted(arm)} or each arm in turn, not both")
    names = arms_of(panel)[1:]
    if not names:
        raise ParameterError(
            f"panel {panel.info.name}: no arms to compare in turn; state outputs.arm and control_arm, or leave each arm out"
        )
    return names


def _reads_outputs(estimator: Estimator) -> bool:
    """Whether it compares rows of outputs, which have arms."""
    return any(need.startswith("outputs.") for need in estimator.needs)


def _check_engine(engine: Engine, errors: Errors) -> None:
    if engine == "reference" and errors not in ("auto", "CR1", "randomization"):
        raise ParameterError(
            f"estimate: the reference engine has no errors {errors}; take CR1 or auto, or engine fast"
        )


def choose(
    hypotheses: str | Sequence[str] = (), estimators: str | Sequence[str] = ()
) -> tuple[tuple[Hypothesis, Estimator], ...]:
    """Return the hypotheses' estimators of the given names, all if no names are given.

    Raises
    ------
    ParameterError
        Names every unknown name and the known ones, or every estimator that none of the named hypotheses has.
    """
    hypotheses, estimators = several(hypotheses), several(estimators)
    gone = [f"{name} is gone: {advice}" for name in estimators if (advice := replaced_by(name))]
    if gone:
        raise ParameterError(list_problems("estimators", gone))
    known = {h.name for h in HYPOTHESES}, {e.name for h in HYPOTHESES for e in h.estimators}
    unknown = [
        (name, nearest(name, names))
        for given, names in zip((hypotheses, estimators), known, strict=True)
        for name in given
        if name not in names
    ]
    if unknown:
        raise ParameterError(_unknown(unknown))
    elsewhere = [
        f"{e.name} estimates {h.name}: {', '.join(e.terms)}"
        for h in HYPOTHESES
        for e in h.estimators
        if hypotheses and e.name in estimators and h.name not in hypotheses
    ]
    kept = {e.name for h in HYPOTHESES for e in h.estimators if h.name in hypotheses}
    if elsewhere and not kept >= set(estimators):
        where = f"estimators that {' and '.join(hypotheses)} does not have"
        raise ParameterError(list_problems(where, elsewhere))
    return tuple(
        (h, e)
        for h in HYPOTHESES
        for e in h.estimators
        if (not hypotheses or h.name in hypotheses) and (not estimators or e.name in estimators)
    )


def _unknown(names: Sequence[tuple[str, str]]) -> str:
    """Name the unknown with what is near; all known ones if nothing is near to one of them."""
    message = f"unknown hypothesis or estimator: {', '.join(name + near for name, near in names)}"
    if all(near for _, near in names):
        return message
    listed = "; ".join(f"{h.name}: {', '.join(e.name for e in h.estimators)}" for h in HYPOTHESES)
    return f"{message}; known are {listed}"


def run_estimator(estimator: Estimator, sample: Sample) -> tuple[Estimate, ...]:
    """Run one estimator; whatever goes wrong becomes rows with a status, never a gap.

    Returns
    -------
    tuple of Estimate
        One row for each of the estimator's terms that the sample asks for, in their order.
    """
    return attempt(estimator, sample, missing(sample.panel, estimator.needs))


def attempt(estimator: Estimator, sample: Sample, gaps: Sequence[str] = ()) -> tuple[Estimate, ...]:
    """Run an estimator on a sample, turning gaps in what it needs, and any error, into rows."""
    terms = sample.wanted(estimator.terms)
    if gaps:
        return tuple(failure(term, NOT_ESTIMABLE, "; ".join(gaps)) for term in terms)
    refused = refusal(estimator, sample.options, sample.adjust)
    if refused:
        return tuple(failure(term, UNUSABLE, refused) for term in terms)
    try:
        run = partial(randomized, estimator) if _is_randomized(sample) else estimator.run
        estimates = {row.term: row for row in run(sample)}
    except EstimationError as error:
        return tuple(failure(term, UNUSABLE, str(error)) for term in terms)
    except Exception as error:
        return tuple(failure(term, FAILED, f"{type(error).__name__}: {error}") for term in terms)
    return tuple(
        estimates.get(term, failure(term, UNUSABLE, "the panel lacks what this term needs"))
        for term in terms
    )


def _warned(
    estimator: Estimator, rows: tuple[Estimate, ...], warnings: tuple[str, ...]
) -> tuple[Estimate, ...]:
    """Say of each estimate what the controls may hide."""
    if not warnings or "control" not in estimator.adjusts:
        return rows
    return tuple(
        replace(row, message="; ".join(n for n in (*warnings, row.message) if n))
        if row.status == OK
        else row
        for row in rows
    )


def _is_randomized(sample: Sample) -> bool:
    return sample.options.errors == "randomization"


def as_frame(rows: Iterable[tuple[Hypothesis, Estimator, str, Estimate]]) -> pl.DataFrame:
    """Lay estimates out, with Holm's p-values over one primary term a hypothesis and arm.

    Parameters
    ----------
    rows
        Hypothesis, estimator, arm (empty where arms are not told apart) and estimate.

    Returns
    -------
    polars.DataFrame
        ESTIMATE_SCHEMA with ``arm`` beside the estimator.
    """
    frame = pl.DataFrame(
        [
            {"hypothesis": hypothesis.name, "estimator": estimator.name, "arm": arm}
            | asdict(row)
            | {"p_value_adjusted": math.nan}
            for hypothesis, estimator, arm, row in rows
        ],
        schema=_WITH_ARM,
        orient="row",
    )
    places = [_primary_row(frame, h, arm) for h in HYPOTHESES for arm in frame["arm"].unique()]
    primary = sorted({place for place in places if place is not None})
    values = frame["p_value_adjusted"].to_list()
    if primary:
        adjusted = holm(np.array([frame["p_value"][place] for place in primary]))
        for place, value in zip(primary, adjusted, strict=True):
            values[place] = float(value)
    return frame.with_columns(p_value_adjusted=pl.Series(values, dtype=pl.Float64))


def _primary_row(frame: pl.DataFrame, hypothesis: Hypothesis, arm: str) -> int | None:
    usable = frame.with_row_index("place").filter(
        (pl.col("hypothesis") == hypothesis.name)
        & (pl.col("arm") == arm)
        & (pl.col("term") == hypothesis.primary)
        & (pl.col("status") == OK)
        & pl.col("p_value").is_not_nan()
    )
    for estimator in hypothesis.estimators_of(hypothesis.primary):
        rows = usable.filter(pl.col("estimator") == estimator.name)
        if rows.height:
            return int(rows["place"][0])
    return None
