"""Occupations by year as outcomes with bounds, segment by segment, and measures of exposure beside.

A top-coded percentile is a bound, not a number. From below it is the top code; from above it is
bounded by the published mean: a tenth of the jobs earn the 90th percentile or more, and the others
at least the percentile below them, so

    mean >= .15 p10 + .25 p25 + .25 p50 + .15 p75 + .10 p90,

with the top code in place of a percentile that is above it. Logs of ratios have bounds then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.ingest.exposure.compare import chosen_measures, exposure_values
from withintask.ingest.load import load_oews
from withintask.ingest.oews.comparable import comparable_codes
from withintask.ingest.oews.recensor import recensor
from withintask.panel.errors import ParameterError, list_problems

OUTCOMES = ("log_p90_p10", "log_p50_p10", "log_p90_p50", "log_mean", "log_employment")
_PERCENTILES = ("a_pct10", "a_pct25", "a_median", "a_pct75", "a_pct90")
_GAPS = (0.15, 0.25, 0.25, 0.15, 0.10)
"""Share of jobs between each percentile and the next one, or the top."""
_RATIOS = {
    "log_p90_p10": ("a_pct90", "a_pct10"),
    "log_p50_p10": ("a_median", "a_pct10"),
    "log_p90_p50": ("a_pct90", "a_median"),
}
_ABOVE = {"a_pct90": 4, "a_median": 2}
"""Position of the percentiles that are bounded from above by the mean."""


@dataclass(frozen=True, kw_only=True)
class OccupationPanel:
    """Outcomes of occupations over years of comparable data, and their exposure."""

    outcomes: pl.DataFrame
    """`year, segment, code, title, jobs, outcome, low, high`: a number where the two agree, null
    where nothing is known."""
    exposure: pl.DataFrame
    """`segment, code, measure, value`: several measures, each on its own scale."""
    left_out: pl.DataFrame
    """`year, occ_code, reason`: published codes that their segment does not follow."""


def occupation_panel(
    store: str | Path,
    *,
    years: Sequence[int] | None = None,
    measures: pl.DataFrame | None = None,
    bridge: str = "strict",
) -> OccupationPanel:
    """Return occupations by year, each segment of the series by itself.

    Percentiles of a segment are censored at the lowest top code of its years, so that a change of
    the top code is no change of pay.

    Parameters
    ----------
    store
        Store of ``withintask data build`` with national OEWS and measures of exposure.
    years
        Years to keep; all if left out.
    measures
        `source, release, measure`; one a source if left out, as in
        :func:`withintask.ingest.exposure.compare.chosen_measures`.
    bridge
        How codes of a segment are made comparable: ``strict`` or ``merged``.

    Returns
    -------
    OccupationPanel
        Outcomes by occupation and year, and exposure.

    Raises
    ------
    ParameterError
        If a year or all exposure is missing.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> panel = wt.occupation_panel(store, years=[2021, 2022, 2023])
    >>> panel.outcomes["year"].unique().sort().to_list()
    [2021, 2022, 2023]
    """
    wages = load_oews(store, years=years).collect()
    there = set(wages["year"].unique())
    problems = [f"no national OEWS of May {year}" for year in years or () if year not in there]
    problems += [] if there else ["no national OEWS"]
    if problems:
        raise ParameterError(list_problems(str(store), problems))
    chosen = chosen_measures(store) if measures is None else measures
    outcomes, exposure, left_out = [], [], []
    for _, segment in wages.group_by("segment", maintain_order=True):
        censored = recensor(segment, _lowest_cap(segment))
        comparable = comparable_codes(censored, bridge=bridge)
        outcomes.append(_outcomes(comparable.wages))
        left_out.append(comparable.dropped)
        exposure.append(_exposure(store, comparable.wages, chosen))
    return OccupationPanel(
        outcomes=pl.concat(outcomes).sort("outcome", "year", "code"),
        exposure=pl.concat(exposure).sort("measure", "segment", "code"),
        left_out=pl.concat(left_out),
    )


def _lowest_cap(segment: pl.DataFrame) -> int:
    caps = segment.group_by("year").agg(pl.col("top_code_annual_usd").min()).sort("year")
    return int(caps.sort("top_code_annual_usd", "year")["year"][0])


def _exposure(store: str | Path, wages: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    """Exposure by the codes of the last year; shares of use by the jobs of the first."""
    first, last = (int(year) for year in (wages["year"].to_list()[0], max(wages["year"])))
    values = exposure_values(store, measures=chosen, year=last, jobs_of=first)
    codes = wages.select("segment", code="comparable_code").unique()
    named = values.select(code="occ_code", measure="name", value="value").drop_nulls("value")
    return codes.join(named, on="code").select("segment", "code", "measure", "value")


def _outcomes(wages: pl.DataFrame) -> pl.DataFrame:
    bounded = wages.with_columns(_bounds())
    ratios = [
        _named(
            name,
            pl.col(f"{top}_low") / pl.col(f"{bottom}_high"),
            pl.col(f"{top}_high") / pl.col(f"{bottom}_low"),
        )
        for name, (top, bottom) in _RATIOS.items()
    ]
    levels = [
        _named("log_mean", _exact("a_mean"), _exact("a_mean")),
        _named("log_employment", _exact("tot_emp"), _exact("tot_emp")),
    ]
    keys = ["year", "segment", "code", "title", "jobs"]
    named = bounded.with_columns(
        code="comparable_code", title="comparable_title", jobs=pl.col("tot_emp")
    )
    parts = [
        named.select(*keys, pl.lit(name).alias("outcome"), low.alias("low"), high.alias("high"))
        for name, low, high in (*ratios, *levels)
    ]
    return pl.concat(parts)


def _named(name: str, low: pl.Expr, high: pl.Expr) -> tuple[str, pl.Expr, pl.Expr]:
    """Logs of both bounds; a ratio of percentiles is not below one, and null where unknown."""
    floor = pl.lit(1.0) if name in _RATIOS else pl.lit(0.0)
    known = low.is_not_null() & high.is_not_null() & (high > 0)
    pair = [pl.when(known).then(pl.max_horizontal(bound, floor).log()) for bound in (low, high)]
    return name, pair[0], pair[1]


def _exact(name: str) -> pl.Expr:
    is_number = pl.col(f"{name}_status").cast(pl.String).is_in(["published", "merged"])
    return pl.when(is_number & (pl.col(name) > 0)).then(pl.col(name))


def _bounds() -> list[pl.Expr]:
    """Low and high of each percentile that a ratio uses."""
    lows = [pl.col(name) for name in _PERCENTILES]
    expressions = []
    for name in _PERCENTILES:
        status = pl.col(f"{name}_status").cast(pl.String)
        high: pl.Expr = pl.when(status == "published").then(pl.col(name))
        if name in _ABOVE:
            above = _bound_from_mean(lows, _ABOVE[name])
            high = pl.when(status == "top_coded").then(above).otherwise(high)
        expressions += [
            pl.when(status.is_in(["published", "top_coded"]))
            .then(pl.col(name))
            .alias(f"{name}_low"),
            high.alias(f"{name}_high"),
        ]
    return expressions


def _bound_from_mean(lows: Sequence[pl.Expr], position: int) -> pl.Expr:
    """Return the largest value of a percentile that the published mean allows."""
    below = sum(
        (gap * low for gap, low in zip(_GAPS[:position], lows[:position], strict=True)),
        start=pl.lit(0.0),
    )
    return (_exact("a_mean") - below) / sum(_GAPS[position:])
