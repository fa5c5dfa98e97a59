"""What occupation data can bear: outcomes on exposure by year, within segments of the series.

In a balanced panel with weights that do not change, least squares on exposure x year with effects
of occupations and years is the cross-section of contrasts: the coefficient of year t against the
base year is the slope of ``y_t - y_base`` on exposure, and every linear combination of coefficients
is the slope of the same combination of outcomes. So each segment is a matrix of outcomes, each
question a row of contrasts, and covariances between all of them come from the same sums over
clusters.

OEWS pools six half-yearly panels over three years. Neighbouring years share four of the six, so the
errors of an occupation are dependent over time; clusters of occupations leave that free. And a year
is "after AI" in part only: of May 2023 one panel in six is from after ChatGPT.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import product

import numpy as np
import polars as pl
from scipy import stats

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError

ARRIVAL = date(2022, 11, 30)
"""Release of ChatGPT."""
N_PANELS = 6
"""Half-yearly panels of one estimate; OEWS Technical Notes."""
_REFERENCE_DAY = 12
MINOR_GROUP = 4
"""Characters of a SOC code that name its minor group, the cluster."""
LEVEL = 0.95
SCALES = ("sd", "rank")
POST_MINUS_PRE, FULL_EFFECT = "post minus pre", "full effect"


def panels_of(year: int) -> tuple[date, ...]:
    """Return the reference days of the six panels that May of a year pools, oldest first."""
    spring = [date(year - back, 5, _REFERENCE_DAY) for back in (2, 1, 0)]
    autumn = [date(year - back, 11, _REFERENCE_DAY) for back in (3, 2, 1)]
    return tuple(sorted([*spring, *autumn]))


def share_after(year: int, arrival: date = ARRIVAL) -> float:
    """Return the share of the panels of a year that are from after AI's arrival."""
    return sum(day > arrival for day in panels_of(year)) / N_PANELS


def shared_panels(first: int, second: int) -> float:
    """Return the share of the panels of one year that another year has as well."""
    return len(set(panels_of(first)) & set(panels_of(second))) / N_PANELS


@dataclass(frozen=True, kw_only=True)
class Specification:
    """One way of asking: which outcome, which exposure, on which scale, weighted or not."""

    outcome: str
    measure: str
    scale: str = "sd"
    """Exposure in standard deviations of the sample, or by rank from 0 to 1."""
    weighted: bool = False
    """By jobs of the first year of the segment."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Balanced outcomes of one segment under one specification."""

    name: str
    years: tuple[int, ...]
    low: Array
    """(occupation, year)."""
    high: Array
    """(occupation, year); equal to `low` where the outcome is a number."""
    exposure: Array
    """(occupation,), on the scale of the specification, weighted mean zero."""
    weight: Array
    """(occupation,), adding up to the number of occupations."""
    cluster: Array
    """(occupation,), names of minor groups."""
    n_left_out: int
    """Occupations of the segment without exposure, jobs or an outcome in every year."""

    @property
    def is_exact(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Tell which occupations have numbers in all years."""
        return np.asarray((self.low == self.high).all(axis=1))


@dataclass(frozen=True, kw_only=True)
class Slopes:
    """Slopes of several contrasts on exposure, with the parts their covariances are made of."""

    estimate: Array
    """(contrast,)."""
    influence: Mapping[str, Array]
    """Cluster -> its part in the error of each slope, (contrast,)."""
    n_obs: int
    bounds: Array = field(repr=False)
    """(contrast, 2): the smallest and largest slope that outcomes within their bounds allow."""

    @property
    def n_clusters(self) -> int:
        """Clusters."""
        return len(self.influence)

    def covariance(self, other: "Slopes | None" = None) -> Array:
        """Return the covariance of the slopes, or that with those of another regression."""
        second = self if other is None else other
        shared = sorted(set(self.influence) & set(second.influence))
        rows, columns = self.estimate.size, second.estimate.size
        total = np.zeros((rows, columns))
        for name in shared:
            total += np.outer(self.influence[name], second.influence[name])
        return np.asarray(total * np.sqrt(self._factor() * second._factor()))

    def _factor(self) -> float:
        """G/(G-1) (n-1)/(n-2), as :func:`withintask.tests_of_model.regression.fit.fit` has it."""
        n_groups = self.n_clusters
        return n_groups / (n_groups - 1) * (self.n_obs - 1) / (self.n_obs - 2)


def read_segment(
    outcomes: pl.DataFrame, exposure: pl.DataFrame, segment: str, asked: Specification
) -> Segment:
    """Return the balanced outcomes of a segment.

    Parameters
    ----------
    outcomes, exposure
        Of ``withintask.ingest.occupation_panel``.
    segment
        Name of the segment.
    asked
        Specification.

    Raises
    ------
    EstimationError
        If fewer than three occupations are left, or their exposure does not vary.
    """
    rows = outcomes.filter(pl.col("segment") == segment, pl.col("outcome") == asked.outcome)
    years = sorted(rows["year"].unique().to_list())
    known = rows.drop_nulls(["low", "high"])
    whole = known.filter(pl.len().over("code") == len(years)).sort("code", "year")
    jobs = rows.filter(pl.col("year") == years[0]).select("code", weight="jobs")
    measured = exposure.filter(
        pl.col("segment") == segment, pl.col("measure") == asked.measure
    ).select("code", exposure="value")
    wide = (
        whole.group_by("code", maintain_order=True)
        .agg("low", "high")
        .join(jobs, on="code")
        .join(measured, on="code")
        .drop_nulls(["weight", "exposure"])
        .sort("code")
    )
    where = f"{segment}, {asked.outcome} on {asked.measure}"
    if wide.height < 3:  # a slope needs two, its error one more
        raise EstimationError(f"{where}: {wide.height} occupations have all of it")
    weight = wide["weight"].to_numpy() if asked.weighted else np.ones(wide.height)
    weight = weight * (wide.height / weight.sum())
    return Segment(
        name=segment,
        years=tuple(years),
        low=np.array(wide["low"].to_list()),
        high=np.array(wide["high"].to_list()),
        exposure=_scaled(wide["exposure"], weight, asked.scale, where),
        weight=weight,
        cluster=wide["code"].str.slice(0, MINOR_GROUP).to_numpy(),
        n_left_out=rows["code"].n_unique() - wide.height,
    )


def _scaled(values: pl.Series, weight: Array, scale: str, where: str) -> Array:
    raw = values.to_numpy().astype(np.float64)
    if scale == "rank":
        raw = (stats.rankdata(raw) - 1) / (raw.size - 1)
    centred = raw - np.average(raw, weights=weight)
    spread = np.sqrt(np.average(centred**2, weights=weight))
    if not spread > 0:
        raise EstimationError(f"{where}: exposure does not vary")
    return np.asarray(centred / spread if scale == "sd" else centred)


def slopes(segment: Segment, contrasts: Array) -> Slopes:
    """Regress contrasts of outcomes on exposure, with a constant.

    Parameters
    ----------
    segment
        Outcomes and exposure.
    contrasts
        (contrast, year): a row says how the years are combined.

    Notes
    -----
    Estimates are of the occupations whose outcomes are numbers in all years. Bounds are of all: a
    slope is linear in outcomes, so its ends take each outcome at the end of the sign of its part.
    """
    exact = segment.is_exact
    outcome = segment.low[exact] @ contrasts.T
    pull = _pull(segment.exposure[exact], segment.weight[exact])
    estimate = pull @ outcome
    mean = np.average(outcome, axis=0, weights=segment.weight[exact])
    centred = segment.exposure[exact] - np.average(
        segment.exposure[exact], weights=segment.weight[exact]
    )
    residual = outcome - mean - centred[:, None] * estimate
    parts = pull[:, None] * residual
    cluster = segment.cluster[exact]
    influence = {name: parts[cluster == name].sum(axis=0) for name in np.unique(cluster)}
    return Slopes(
        estimate=estimate,
        influence=influence,
        n_obs=int(exact.sum()),
        bounds=_bounds(segment, contrasts),
    )


def _pull(exposure: Array, weight: Array) -> Array:
    """How much the outcome of each occupation pulls on the slope, (occupation,)."""
    centred = exposure - np.average(exposure, weights=weight)
    return np.asarray(weight * centred / np.sum(weight * centred**2))


def _bounds(segment: Segment, contrasts: Array) -> Array:
    """Smallest and largest slopes; without end if an outcome is not bounded from above."""
    is_open = bool(np.isinf(segment.high).any())
    top = np.where(np.isinf(segment.high), segment.low, segment.high)
    positive, negative = np.maximum(contrasts, 0), np.minimum(contrasts, 0)
    low = segment.low @ positive.T + top @ negative.T
    high = top @ positive.T + segment.low @ negative.T
    pull = _pull(segment.exposure, segment.weight)[:, None]
    smallest = np.where(pull > 0, pull * low, pull * high).sum(axis=0)
    largest = np.where(pull > 0, pull * high, pull * low).sum(axis=0)
    ends = np.column_stack([smallest, largest])
    return ends + np.array([-np.inf, np.inf]) if is_open else ends


def contrasts_of(years: Sequence[int], arrival: date = ARRIVAL) -> dict[str, Array]:
    """Return the questions a segment can answer, as weights of its years.

    Every year against the base, which is the last that AI is not in (else the first); after minus
    before; and the full effect: the slope on the share of each year's panels from after AI.
    """
    after = np.array([share_after(year, arrival) for year in years])
    base = max((n for n, share in enumerate(after) if share == 0), default=0)
    unit = np.eye(len(years))
    found = {
        f"{year} minus {years[base]}": unit[n] - unit[base]
        for n, year in enumerate(years)
        if n != base
    }
    if 0 < (after > 0).sum() < len(years):
        is_after = after > 0
        found[POST_MINUS_PRE] = is_after / is_after.sum() - ~is_after / (~is_after).sum()
        centred = after - after.mean()
        found[FULL_EFFECT] = centred / np.sum(centred**2)
    return found


def is_before(term: str, arrival: date = ARRIVAL) -> bool:
    """Tell whether a contrast is between years that AI is in neither of: a placebo."""
    if term in (POST_MINUS_PRE, FULL_EFFECT):
        return False
    return all(share_after(int(year), arrival) == 0 for year in term.split(" minus "))


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
    p_value = 2 * stats.t.sf(np.abs(fit.estimate) / std_error, dof)
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
        ``outcome, measure, scale, weighted, n_restrictions, statistic, dof, p_value``: Wald statistic over its number of
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
    statistic = float(estimate @ np.linalg.solve(covariance, estimate)) / estimate.size
    return {
        "outcome": asked.outcome,
        "measure": asked.measure,
        "scale": asked.scale,
        "weighted": asked.weighted,
        "n_restrictions": estimate.size,
        "statistic": statistic,
        "dof": float(dof),
        "p_value": float(stats.f.sf(statistic, estimate.size, dof)),
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
