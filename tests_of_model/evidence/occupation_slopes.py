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
