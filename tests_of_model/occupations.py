"""The paper's occupation regressions, on OEWS and O*NET as they are, with placebos from before AI.

They do not test the model: they show why such data cannot. Pay by occupation mixes tasks, firms and prices, and a
"change with exposure" is there in years when nobody used AI.
"""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.errors import ParameterError, list_problems
from withintask.panel.transform import codes
from withintask.tests_of_model.estimates import from_fit
from withintask.tests_of_model.hypothesis import Estimate
from withintask.tests_of_model.regression import fit

MEASURE = "dv_rating_beta"
"""Exposure to GPT-4, half of what needs further software included (Eloundou et al. 2023), rated by GPT-4."""
FIRST_AI_YEAR = 2023
"""May 2023 is the first OEWS after ChatGPT (November 2022)."""
MINOR_GROUP = 4
"""Characters of a SOC code that name its minor group, the cluster."""

_OUTCOMES = {
    "log_p90_p10": "a_pct90 / a_pct10",
    "log_mean": "a_mean",
    "log_employment": "tot_emp",
}
_EDUCATION = ("bachelor_share", "mean_level")


def occupation_regressions(store: Path, *, first: int = 2019, last: int = 2023) -> pl.DataFrame:
    """Regress changes of pay, its dispersion and employment by occupation on exposure, year by year and over all.

    Parameters
    ----------
    store
        Database built by ``withintask data build``, with OEWS and the exposure of GPTs are GPTs.
    first, last
        Years of May, the first and the last.

    Returns
    -------
    polars.DataFrame
        One row a pair of years, outcome and weight: ``years, outcome, weighted, reading`` and the estimate's columns.
        The slope is in log points a unit of exposure (none to full); errors are clustered by minor group.

    Raises
    ------
    ParameterError
        If the store lacks a year or the exposure.

    Notes
    -----
    Codes comparable over the pair of years only; a top-coded or missing percentile leaves the occupation out. Weights
    are employment in the first year of the pair.
    """
    from withintask.ingest import load_oews, scan_table

    wages = load_oews(store).filter(pl.col("level") == "national").collect()
    exposure = scan_table(store, "exposure_by_oews").filter(pl.col("measure") == MEASURE).collect()
    years = sorted(y for y in wages["year"].unique() if first <= y <= last)
    problems = [f"no OEWS of May {y}" for y in (first, last) if y not in years]
    problems += [] if exposure.height else [f"no exposure {MEASURE}"]
    if problems:
        advice = "Build it with `withintask data build` from a folder that has both."
        raise ParameterError(list_problems(str(store), problems, advice=advice))
    pairs = [*pairwise(years), *([(first, last)] if len(years) > 2 else [])]
    rows = [row for pair in pairs for row in _pair_rows(wages, exposure, *pair)]
    return pl.DataFrame(rows, orient="row", infer_schema_length=None)


def _pair_rows(
    wages: pl.DataFrame, exposure: pl.DataFrame, first: int, last: int
) -> Iterator[dict[str, object]]:
    from withintask.ingest import comparable_codes, compare_periods

    both = comparable_codes(wages.filter(pl.col("year").is_in([first, last]))).wages
    exact = [pl.col(f"{name}_status") == "published" for name in ("a_pct10", "a_pct90")]
    ratio = pl.when(*exact).then(pl.col("a_pct90") / pl.col("a_pct10"))
    both = both.with_columns(ratio.alias(_OUTCOMES["log_p90_p10"]))
    known = exposure.filter(pl.col("year") == last).select(
        pl.col("occ_code").alias("comparable_code"), exposure="value"
    )
    jobs = both.filter(pl.col("year") == first).select("comparable_code", jobs="tot_emp")
    for outcome, column in _OUTCOMES.items():
        found = compare_periods(both, column, from_year=first, to_year=last, across_break=True)
        changes = found.changes.filter(pl.col("change_log").is_finite())
        joined = changes.join(known, on="comparable_code").join(jobs, on="comparable_code")
        usable = joined.drop_nulls(["exposure", "jobs"]).sort("comparable_code")
        left = both["comparable_code"].n_unique() - usable.height
        for weighted in (False, True):
            row = _slope(
                usable["change_log"],
                usable["exposure"],
                usable["comparable_code"],
                weights=usable["jobs"].to_numpy() if weighted else None,
                message=f"{left} occupations left out: no exposure, or a missing or top-coded value",
            )
            yield {
                "years": f"{first}-{last}",
                "outcome": outcome,
                "weighted": weighted,
                "reading": _reading(last, found.across_break),
                **asdict(row),
            }


def _reading(last: int, across_break: bool) -> str:
    when = "after AI's arrival" if last >= FIRST_AI_YEAR else "placebo: before AI"
    return f"{when}, across the break of 2021" if across_break else when


def _slope(
    change: pl.Series,
    exposure: pl.Series,
    code: pl.Series,
    *,
    weights: np.ndarray[tuple[int], np.dtype[np.float64]] | None = None,
    message: str = "",
) -> Estimate:
    """Slope of a change on exposure, clustered by minor group."""
    fitted = fit(
        change.to_numpy(),
        exposure.to_numpy()[:, None],
        names=["exposure"],
        absorb=[np.zeros(change.len(), dtype=np.int64)],
        weights=weights,
        cluster=[codes(code.str.slice(0, MINOR_GROUP))],
    )
    return from_fit(fitted, {"slope_on_exposure": "exposure"}, message=message)[0]


def education_regressions(store: Path, *, release: str = "29.2") -> pl.DataFrame:
    """Regress changes of required education by occupation on exposure, O*NET, surveyed anew and all.

    Parameters
    ----------
    store
        Database with two O*NET releases and the exposure of GPTs are GPTs.
    release
        The later release; the one before it in the store is the earlier.

    Returns
    -------
    polars.DataFrame
        One row an outcome and sample: ``outcome, sample, reading`` and the estimate's columns. ``bachelor_share`` is in
        percentage points, ``mean_level`` in levels of twelve, per unit of exposure; errors are clustered by minor group.

    Raises
    ------
    ParameterError
        If the store lacks the release, an earlier one or the exposure.

    Notes
    -----
    O*NET is a rolling panel: occupations that were not surveyed between the releases repeat their old answers, so that
    only those surveyed anew can show a change. Even these were asked by a method that the exposure may go with.
    """
    from withintask.ingest import scan_table

    education = scan_table(store, "onet_education").collect()
    exposure = (
        scan_table(store, "exposure_by_soc")
        .filter(pl.col("measure") == MEASURE)
        .select("soc2018_code", exposure="value")
        .collect()
    )
    after = education.filter(
        pl.col("release") == release, pl.col("previous_survey_date").is_not_null()
    )
    if after.height == 0 or exposure.height == 0:
        what = f"O*NET {release} and a release before it, and exposure {MEASURE}"
        raise ParameterError(f"{store}: expected {what}; build it with `withintask data build`")
    previous = max(r for r in education["release"].unique() if r < release)
    before = education.filter(pl.col("release") == previous).select("onetsoc_code", *_EDUCATION)
    both = after.join(before, on="onetsoc_code", suffix="_before").join(exposure, on="soc2018_code")
    rows: list[dict[str, object]] = []
    for outcome in _EDUCATION:
        change = pl.col(outcome) - pl.col(f"{outcome}_before")
        known = both.with_columns(change=change).drop_nulls(["change", "exposure"])
        samples = {"surveyed anew": known.filter("is_resurveyed"), "all": known}
        for sample, frame in samples.items():
            chosen = frame.sort("onetsoc_code")
            estimate = _slope(chosen["change"], chosen["exposure"], chosen["soc2018_code"])
            reading = f"O*NET {previous} to {release}; H3's direction, not its mechanism"
            rows.append(
                {"outcome": outcome, "sample": sample, "reading": reading, **asdict(estimate)}
            )
    return pl.DataFrame(rows, orient="row", infer_schema_length=None)
