"""Changes of occupations between years or releases, with their exposure to AI beside them."""

from itertools import pairwise
from pathlib import Path

import polars as pl

from withintask.ingest.load import load_oews, scan_table
from withintask.ingest.oews.comparable import comparable_codes
from withintask.ingest.oews.segments import compare_periods
from withintask.panel.errors import ParameterError, list_problems

MEASURE = "dv_rating_beta"
"""Exposure to GPT-4, half of what needs further software included (Eloundou et al. 2023), rated by GPT-4."""

OUTCOMES = {
    "log_p90_p10": "a_pct90 / a_pct10",
    "log_mean": "a_mean",
    "log_employment": "tot_emp",
}
"""Outcomes and the measures whose logarithm they are."""
EDUCATION = ("bachelor_share", "mean_level")
"""Columns of ``onet_education``: percentage points, and levels of twelve."""

_ADVICE = "Build it with `withintask data build` from a folder that has both."


def occupation_changes(store: Path, *, first: int, last: int) -> pl.DataFrame:
    """Return how pay, its dispersion and employment changed by occupation, year by year and over all.

    Parameters
    ----------
    store
        Database built by ``withintask data build``, with OEWS and the exposure of GPTs are GPTs.
    first, last
        Years of May.

    Returns
    -------
    polars.DataFrame
        ``from_year, to_year, across_break, outcome, code, change`` (log points), ``exposure`` (0 to 1) and ``jobs`` of the
        first year of the pair, for codes comparable over the pair. ``change`` is null where a value is missing or top-coded,
        ``exposure`` where the code was not matched.

    Raises
    ------
    ParameterError
        If the store lacks a year or the exposure.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> changes = wt.occupation_changes(store, first=2022, last=2023)
    >>> changes["outcome"].unique().sort().to_list()
    ['log_employment', 'log_mean', 'log_p90_p10']
    """
    wages = load_oews(store).filter(pl.col("level") == "national").collect()
    exposure = scan_table(store, "exposure_by_oews").filter(pl.col("measure") == MEASURE).collect()
    years = sorted(y for y in wages["year"].unique() if first <= y <= last)
    problems = [f"no OEWS of May {y}" for y in (first, last) if y not in years]
    problems += [] if exposure.height else [f"no exposure {MEASURE}"]
    if problems:
        raise ParameterError(list_problems(str(store), problems, advice=_ADVICE))
    pairs = [*pairwise(years), *([(first, last)] if len(years) > 2 else [])]
    return pl.concat(_changes(wages, exposure, *pair) for pair in pairs)


def _changes(wages: pl.DataFrame, exposure: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    both = comparable_codes(wages.filter(pl.col("year").is_in([first, last]))).wages
    exact = [pl.col(f"{name}_status") == "published" for name in ("a_pct10", "a_pct90")]
    ratio = pl.when(*exact).then(pl.col("a_pct90") / pl.col("a_pct10"))
    both = both.with_columns(ratio.alias(OUTCOMES["log_p90_p10"]))
    code = pl.col("comparable_code").alias("code")
    known = exposure.filter(pl.col("year") == last).select(code="occ_code", exposure="value")
    jobs = both.filter(pl.col("year") == first).select(
        code, jobs=pl.col("tot_emp").cast(pl.Float64)
    )
    frames = []
    for outcome, measure in OUTCOMES.items():
        found = compare_periods(both, measure, from_year=first, to_year=last, across_break=True)
        change = pl.col("change_log")
        frames.append(
            found.changes.select(
                pl.lit(first).alias("from_year"),
                pl.lit(last).alias("to_year"),
                "across_break",
                pl.lit(outcome).alias("outcome"),
                code,
                pl.when(change.is_finite()).then(change).alias("change"),
            )
            .join(known, on="code", how="left")
            .join(jobs, on="code", how="left")
        )
    return pl.concat(frames).sort("outcome", "code")


def education_changes(store: Path, *, release: str = "29.2") -> pl.DataFrame:
    """Return how required education changed by occupation between an O*NET release and the one before it.

    Parameters
    ----------
    store
        Database with two O*NET releases and the exposure of GPTs are GPTs.
    release
        The later release.

    Returns
    -------
    polars.DataFrame
        ``from_release, to_release, is_resurveyed, outcome, code`` (SOC 2018), ``onetsoc_code, change, exposure``. O*NET is a
        rolling panel: an occupation that was not surveyed in between repeats its old answers.

    Raises
    ------
    ParameterError
        If the store lacks the release, an earlier one or the exposure.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> changes = wt.education_changes(store)
    >>> changes["to_release"].unique().to_list()
    ['29.2']
    """
    education = scan_table(store, "onet_education").collect()
    exposure = scan_table(store, "exposure_by_soc").filter(pl.col("measure") == MEASURE)
    known = exposure.select("soc2018_code", exposure="value").collect()
    releases = sorted(education["release"].unique(), key=_release_order)
    problems = [] if release in releases[1:] else [f"no O*NET {release} with a release before it"]
    problems += [] if known.height else [f"no exposure {MEASURE}"]
    if problems:
        raise ParameterError(list_problems(str(store), problems, advice=_ADVICE))
    previous = releases[releases.index(release) - 1]
    codes = ["classification", "onetsoc_code", "soc2018_code"]
    before = education.filter(pl.col("release") == previous).select(*codes, *EDUCATION)
    after = education.filter(
        pl.col("release") == release, pl.col("previous_survey_date").is_not_null()
    )
    both = after.join(before, on=codes, suffix="_before", nulls_equal=True).join(
        known, on="soc2018_code", how="left"
    )
    frames = [
        both.select(
            pl.lit(previous).alias("from_release"),
            pl.lit(release).alias("to_release"),
            "is_resurveyed",
            pl.lit(outcome).alias("outcome"),
            pl.col("soc2018_code").alias("code"),
            "onetsoc_code",
            (pl.col(outcome) - pl.col(f"{outcome}_before")).alias("change"),
            "exposure",
        )
        for outcome in EDUCATION
    ]
    return pl.concat(frames).sort("outcome", "onetsoc_code")


def _release_order(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))
