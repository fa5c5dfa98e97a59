"""Occupation trends: every outcome on every measure, tested for movement before AI and for asking much.

The slopes are those of :mod:`withintask.tests_of_model.evidence.occupation_slopes`; here stand the
questions asked of them and the tables of answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl
from scipy import stats

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.evidence.occupation_slopes import (
    POST_MINUS_PRE,
    SCALES,
    Slopes,
    Specification,
    contrasts_of,
    is_before,
    read_segment,
    share_after,
    shared_panels,
    slopes,
)

LEVEL = 0.95
"""Coverage of every interval."""


def trends(
    outcomes: pl.DataFrame, exposure: pl.DataFrame, asked: Sequence[Specification]
) -> pl.DataFrame:
    """Regress outcomes on exposure x year, segment by segment, for many specifications.

    Parameters
    ----------
    outcomes, exposure
        Of ``withintask.ingest.occupation_panel``.
    asked
        Specifications; of :func:`specifications` for all.

    Returns
    -------
    polars.DataFrame
        ``segment, outcome, measure, scale, weighted, term, reading, estimate, std_error, dof, p_value, conf_low, conf_high,
        bound_low, bound_high, n_obs, n_bounded, n_clusters, n_left_out, status, message``: log points for a
        standard deviation of exposure, or from the lowest rank to the highest. ``bound_low, bound_high`` are the slopes
        that top-coded outcomes allow, of ``n_bounded`` occupations.
    """
    rows = [
        row
        for one, segment in product(asked, _segments(outcomes))
        for row in _rows(outcomes, exposure, segment, one)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def specifications(
    outcomes: pl.DataFrame, exposure: pl.DataFrame, scales: Sequence[str] = SCALES
) -> list[Specification]:
    """List every outcome with every measure, on each scale, weighted and not."""
    return [
        Specification(outcome=outcome, measure=measure, scale=scale, weighted=weighted)
        for outcome, measure, scale, weighted in product(
            outcomes["outcome"].unique().sort().to_list(),
            exposure["measure"].unique().sort().to_list(),
            scales,
            (False, True),
        )
    ]


@dataclass(frozen=True, kw_only=True)
class OccupationEvidence:
    """Everything that occupation data say, and what they would say of a known compression."""

    trends: pl.DataFrame
    """Of :func:`trends`."""
    pre_trends: pl.DataFrame
    """Of :func:`pre_trends`."""
    adjusted: pl.DataFrame
    """Of :func:`romano_wolf`, for after minus before, by scale and weight."""
    pooling: pl.DataFrame
    """`year, share_after, shared_with_next`: how far a year is after AI, and whom it shares."""


def occupation_evidence(
    outcomes: pl.DataFrame, exposure: pl.DataFrame, *, n_draws: int = 1999, seed: int = 1
) -> OccupationEvidence:
    """Ask every question of occupation data at once.

    Parameters
    ----------
    outcomes, exposure
        Of ``withintask.ingest.occupation_panel``.
    n_draws, seed
        Draws for the p-values of many questions.

    Returns
    -------
    OccupationEvidence
        Trends, years without AI tested jointly, p-values adjusted for asking many questions, and what a year is of.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import polars as pl
    >>> import withintask as wt
    >>> panel = wt.occupation_panel(store)
    >>> one = panel.exposure["measure"][0]
    >>> found = wt.occupation_evidence(panel.outcomes, panel.exposure.filter(pl.col("measure") == one), n_draws=99)
    >>> "estimate" in found.trends.columns
    True
    """
    asked = specifications(outcomes, exposure)
    families: dict[tuple[str, bool], list[Specification]] = {}
    for one in asked:
        families.setdefault((one.scale, one.weighted), []).append(one)
    adjusted = [
        romano_wolf(outcomes, exposure, family, n_draws=n_draws, seed=seed)
        for family in families.values()
    ]
    years = sorted(outcomes["year"].unique().to_list())
    return OccupationEvidence(
        trends=trends(outcomes, exposure, asked),
        pre_trends=pre_trends(outcomes, exposure, asked),
        adjusted=pl.concat(adjusted),
        pooling=pl.DataFrame(
            {
                "year": years,
                "share_after": [share_after(year) for year in years],
                "shared_with_next": [shared_panels(year, year + 1) for year in years],
            }
        ),
    )


def _segments(outcomes: pl.DataFrame) -> list[str]:
    first = outcomes.group_by("segment").agg(pl.col("year").min()).sort("year")
    several = outcomes.group_by("segment").agg(pl.col("year").n_unique())
    kept = several.filter(pl.col("year") > 1)["segment"].to_list()
    return [name for name in first["segment"].to_list() if name in kept]


def _rows(
    outcomes: pl.DataFrame, exposure: pl.DataFrame, segment: str, asked: Specification
) -> list[dict[str, object]]:
    labels: dict[str, object] = {
        "segment": segment,
        "outcome": asked.outcome,
        "measure": asked.measure,
        "scale": asked.scale,
        "weighted": asked.weighted,
    }
    try:
        read = read_segment(outcomes, exposure, segment, asked)
    except EstimationError as fault:
        return [{**labels, "status": "too_few", "message": str(fault)}]
    questions = contrasts_of(read.years)
    fit = slopes(read, np.array(list(questions.values())))
    std_error = np.sqrt(np.diag(fit.covariance()))
    dof = fit.n_clusters - 1
    reach = stats.t.ppf((1 + LEVEL) / 2, dof)
    ratio = np.abs(fit.estimate) / np.where(std_error > 0, std_error, np.nan)
    p_value = 2 * stats.t.sf(ratio, dof)
    return [
        {
            **labels,
            "term": term,
            "reading": "placebo: before AI" if is_before(term) else "with AI",
            "estimate": fit.estimate[n],
            "std_error": std_error[n],
            "dof": float(dof),
            "p_value": p_value[n],
            "conf_low": fit.estimate[n] - reach * std_error[n],
            "conf_high": fit.estimate[n] + reach * std_error[n],
            "bound_low": fit.bounds[n, 0],
            "bound_high": fit.bounds[n, 1],
            "n_obs": fit.n_obs,
            "n_bounded": read.low.shape[0],
            "n_clusters": fit.n_clusters,
            "n_left_out": read.n_left_out,
            "status": "ok",
            "message": "",
        }
        for n, term in enumerate(questions)
    ]


def pre_trends(
    outcomes: pl.DataFrame, exposure: pl.DataFrame, asked: Sequence[Specification]
) -> pl.DataFrame:
    """Test jointly that outcomes did not move with exposure in years without AI, all segments.

    Returns
    -------
    polars.DataFrame
        ``outcome, measure, scale, weighted, n_restrictions, statistic, dof, p_value, message``: Wald statistic over its number of
        restrictions, F with the number of clusters less one. Slopes of different segments are of the same
        occupations in part, so their covariance enters.
    """
    rows = []
    for one in asked:
        found = [_placebo(outcomes, exposure, segment, one) for segment in _segments(outcomes)]
        fits = [fit for fit in found if fit is not None]
        if fits:
            rows.append(_joint_test(fits, one))
    return pl.DataFrame(rows, infer_schema_length=None)


def _placebo(
    outcomes: pl.DataFrame, exposure: pl.DataFrame, segment: str, asked: Specification
) -> Slopes | None:
    try:
        read = read_segment(outcomes, exposure, segment, asked)
    except EstimationError:
        return None
    questions = {t: c for t, c in contrasts_of(read.years).items() if is_before(t)}
    return slopes(read, np.array(list(questions.values()))) if questions else None


def _joint_test(fits: Sequence[Slopes], asked: Specification) -> dict[str, object]:
    estimate = np.concatenate([fit.estimate for fit in fits])
    covariance = np.block([[a.covariance(b) for b in fits] for a in fits])
    dof = min(fit.n_clusters for fit in fits) - 1
    # Outcomes that never move leave no variance, and more restrictions than clusters leave no rank.
    if np.linalg.matrix_rank(covariance) < estimate.size:
        statistic, message = np.nan, "no test: too few clusters, or outcomes that do not vary"
    else:
        statistic = float(estimate @ np.linalg.solve(covariance, estimate)) / estimate.size
        message = ""
    return {
        "outcome": asked.outcome,
        "measure": asked.measure,
        "scale": asked.scale,
        "weighted": asked.weighted,
        "n_restrictions": estimate.size,
        "statistic": statistic,
        "dof": float(dof),
        "p_value": float(stats.f.sf(statistic, estimate.size, dof)),
        "message": message,
    }


def romano_wolf(
    outcomes: pl.DataFrame,
    exposure: pl.DataFrame,
    asked: Sequence[Specification],
    *,
    term: str = POST_MINUS_PRE,
    n_draws: int = 1999,
    seed: int = 1,
) -> pl.DataFrame:
    """Adjust p-values for asking many questions at once, by the step-down of Romano and Wolf (2005).

    The null distribution of all statistics together is drawn by giving each cluster a random sign,
    the same in every regression, so that their dependence is kept.

    Parameters
    ----------
    outcomes, exposure, asked
        As in :func:`trends`: the family of questions.
    term
        The contrast that is asked for in each.
    n_draws, seed
        Draws of signs; equal seeds give equal results.

    Returns
    -------
    polars.DataFrame
        ``segment, outcome, measure, scale, weighted, statistic, p_value, p_adjusted``.
    """
    labels, influences, statistics, dofs = [], [], [], []
    for one, segment in product(asked, _segments(outcomes)):
        fit = _answer(outcomes, exposure, segment, one, term)
        if fit is None:
            continue
        std_error = np.sqrt(fit.covariance()[0, 0])
        labels.append((segment, one.outcome, one.measure, one.scale, one.weighted))
        influences.append({name: part[0] / std_error for name, part in fit.influence.items()})
        statistics.append(fit.estimate[0] / std_error)
        dofs.append(fit.n_clusters - 1)
    names = sorted({name for part in influences for name in part})
    parts = np.array([[part.get(name, 0.0) for part in influences] for name in names])
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n_draws, len(names)))
    observed = np.abs(np.array(statistics))
    adjusted = step_down(observed, np.abs(signs @ parts))
    plain = 2 * stats.t.sf(observed, np.array(dofs))
    columns = ["segment", "outcome", "measure", "scale", "weighted"]
    frame = pl.DataFrame(labels, schema=columns, orient="row")
    return frame.with_columns(
        statistic=pl.Series(statistics),
        p_value=pl.Series(plain),
        p_adjusted=pl.Series(adjusted),
    )


def _answer(
    outcomes: pl.DataFrame, exposure: pl.DataFrame, segment: str, asked: Specification, term: str
) -> Slopes | None:
    try:
        read = read_segment(outcomes, exposure, segment, asked)
    except EstimationError:
        return None
    question = contrasts_of(read.years).get(term)
    return None if question is None else slopes(read, question[None, :])


def step_down(observed: Array, drawn: Array) -> Array:
    """Return p-values adjusted by stepping down from the largest statistic.

    Parameters
    ----------
    observed
        Absolute statistics, (question,).
    drawn
        Absolute statistics under the null, (draw, question).
    """
    order = np.argsort(-observed)
    adjusted = np.empty(observed.size)
    largest = 0.0
    for place, question in enumerate(order):
        left = drawn[:, order[place:]].max(axis=1)
        n_larger = (left >= observed[question]).sum()
        largest = max(largest, (1 + n_larger) / (1 + drawn.shape[0]))
        adjusted[question] = largest
    return adjusted
