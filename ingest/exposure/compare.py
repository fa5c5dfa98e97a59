"""Hold measures of exposure against each other: rank correlations, coverage, disagreement."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from withintask.ingest.exposure.own import SOURCE
from withintask.ingest.load import load_oews, scan_table
from withintask.panel.errors import ParameterError

HEADLINE = (
    ("gpts_are_gpts", "human_rating_beta"),
    ("gpts_are_gpts", "dv_rating_beta"),
    ("microsoft_working_with_ai", "ai_applicability_score"),
    ("anthropic_economic_index", "pct"),
    ("anthropic_economic_index", "api_pct"),
    ("anthropic_labor_market", "observed_exposure"),
    ("aioe", "aioe"),
    ("aioe", "language_modeling_aioe"),
    ("ilo", "mean_score_2025"),
    ("webb", "pct_ai"),
    ("sml", "suitability_for_machine_learning"),
)
"""The measure of each source that stands for it; your own ones are all taken."""
_KEY = ["source", "release", "measure"]
_INTENSITY = "anthropic_economic_index"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Measures of exposure on the occupations of one year."""

    year: int
    values: pl.DataFrame
    """`name, occ_code, occ_title, tot_emp, value, rank` (0 lowest to 1 highest in the measure)."""
    coverage: pl.DataFrame
    """`name, n_occupations, employment_share, unmatched_share, unit, population, period`."""
    correlations: pl.DataFrame
    """`first, second, n_occupations, spearman, spearman_by_jobs`."""
    uncovered: pl.DataFrame
    """`name, occ_code, occ_title, tot_emp`: detailed occupations of OEWS that a measure leaves out."""
    disagreements: pl.DataFrame
    """`occ_code, occ_title, tot_emp, lowest, lowest_rank, highest, highest_rank, spread`."""


def chosen_measures(store: str | Path) -> pl.DataFrame:
    """Return `source, release, measure` of one measure a source, of its latest release.

    Raises
    ------
    ParameterError
        If the store has none.
    """
    measures = scan_table(store, "exposure_measure").filter(pl.col("level") == "occupation")
    known = measures.select(*_KEY).collect()
    wanted = pl.DataFrame(HEADLINE, schema=["source", "measure"], orient="row")
    latest = known.join(wanted, on=["source", "measure"]).filter(
        pl.col("release") == pl.col("release").max().over("source", "measure")
    )
    chosen = pl.concat([latest, known.filter(pl.col("source") == SOURCE)])
    if chosen.is_empty():
        raise ParameterError(
            f"{store}: no measure of exposure; build it from a folder that has one"
        )
    return chosen.sort(_KEY)


def exposure_values(
    store: str | Path,
    *,
    measures: pl.DataFrame | None = None,
    year: int | None = None,
    jobs_of: int | None = None,
) -> pl.DataFrame:
    """Return measures by detailed occupation of one year, with jobs and the rank in each measure.

    Shares of conversations are divided by the occupation's share of jobs: a large occupation has
    more of both. All measures are then levels of exposure of a job.

    Parameters
    ----------
    store
        Store of ``withintask data build``.
    measures
        `source, release, measure`; of :func:`chosen_measures` if left out.
    year
        May of this year; the last of the store if left out.
    jobs_of
        Year whose jobs shares of conversations are divided by; the same if left out.

    Returns
    -------
    pl.DataFrame
        `year, name, source, release, measure, occ_code, occ_title, tot_emp, value, rank`.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> values = wt.exposure_values(store, year=2023)
    >>> values["rank"].is_between(0, 1).all()
    True
    """
    wages = load_oews(store).select("year", "occ_code", "occ_title", "tot_emp").collect()
    if wages.is_empty():
        raise ParameterError(f"{store}: no national OEWS to compare exposure on")
    last = year or max(wages["year"].to_list())
    jobs = wages.filter(pl.col("year") == last)
    chosen = chosen_measures(store) if measures is None else measures
    exposure = scan_table(store, "exposure_by_oews").filter(pl.col("year") == last).collect()
    joined = exposure.join(chosen, on=_KEY).join(jobs, on=["year", "occ_code"])
    base = wages.filter(pl.col("year") == (jobs_of or last))
    shares = base.select("occ_code", job_share=pl.col("tot_emp") / base["tot_emp"].sum())
    joined = joined.join(shares, on="occ_code", how="left")
    is_intensity = (pl.col("source") == _INTENSITY) & pl.col("measure").is_in(["pct", "api_pct"])
    value = (
        pl.when(is_intensity).then(pl.col("value") / 100 / pl.col("job_share")).otherwise("value")
    )
    named = joined.with_columns(value.alias("value"), _name(chosen).alias("name"))
    rank = (pl.col("value").rank() - 1) / (pl.col("value").count() - 1)
    return named.with_columns(rank.over("name").alias("rank")).select(
        *("year", "name", *_KEY, "occ_code", "occ_title", "tot_emp", "value", "rank")
    )


def compare_measures(
    store: str | Path, *, measures: pl.DataFrame | None = None, year: int | None = None
) -> Comparison:
    """Compare measures of exposure on the detailed occupations of a year.

    Parameters
    ----------
    store, measures, year
        As in :func:`exposure_values`.

    Returns
    -------
    Comparison
        Coverage, rank correlations, and the occupations on which measures disagree or that they leave out.

    Raises
    ------
    ParameterError
        If the store lacks OEWS or exposure.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> comparison = wt.compare_measures(store, year=2023)
    >>> comparison.coverage.height > 1
    True
    """
    values = exposure_values(store, measures=measures, year=year)
    names = values["name"].unique(maintain_order=True).sort().to_list()
    pairs = [(a, b) for n, a in enumerate(names) for b in names[n + 1 :]]
    correlations = [_correlation(values, *pair) for pair in pairs]
    schema = {"first": pl.String, "second": pl.String, "n_occupations": pl.Int64}
    schema |= {"spearman": pl.Float64, "spearman_by_jobs": pl.Float64}
    return Comparison(
        year=int(values["year"][0]),
        values=values,
        coverage=_coverage(store, values),
        correlations=pl.DataFrame(correlations, schema=schema, orient="row"),
        uncovered=_uncovered(store, values),
        disagreements=_disagreements(values, len(names)),
    )


def _name(chosen: pl.DataFrame) -> pl.Expr:
    """Name measures as short as they stay apart."""
    has_many = chosen.group_by("source", "measure").len().filter(pl.col("len") > 1)
    plain = pl.format("{}: {}", "source", "measure")
    dated = pl.format("{}: {} ({})", "source", "measure", "release")
    is_many = pl.col("measure").is_in(has_many["measure"].to_list())
    return pl.when(is_many).then(dated).otherwise(plain)


def _coverage(store: str | Path, values: pl.DataFrame) -> pl.DataFrame:
    wages = load_oews(store, years=[int(values["year"][0])]).select("tot_emp").collect()
    texts = scan_table(store, "exposure_measure").filter(pl.col("level") == "occupation").collect()
    counted = (
        values.drop_nulls("value")
        .group_by("name", *_KEY)
        .agg(
            pl.len().alias("n_occupations"),
            (pl.col("tot_emp").sum() / wages["tot_emp"].sum()).alias("employment_share"),
        )
    )
    shown = ["unmatched_share", "unit", "population", "period"]
    joined = counted.join(texts.select(*_KEY, *shown), on=_KEY, how="left")
    return joined.drop(_KEY).sort("name")


def _uncovered(store: str | Path, values: pl.DataFrame) -> pl.DataFrame:
    """Detailed occupations without a value, those with most jobs first."""
    jobs = (
        load_oews(store, years=[int(values["year"][0])])
        .select("occ_code", "occ_title", "tot_emp")
        .collect()
    )
    every = values.select("name").unique().join(jobs, how="cross")
    known = values.drop_nulls("value").select("name", "occ_code")
    rows = every.join(known, on=["name", "occ_code"], how="anti")
    return rows.sort(
        "name", "tot_emp", "occ_code", descending=[False, True, False], nulls_last=True
    )


def _correlation(values: pl.DataFrame, first: str, second: str) -> tuple[object, ...]:
    both = (
        values.filter(pl.col("name") == first)
        .join(values.filter(pl.col("name") == second), on="occ_code", suffix="_second")
        .drop_nulls(["value", "value_second"])
    )
    ranked = both.with_columns(pl.col("value", "value_second").rank())
    plain = ranked.select(pl.corr("value", "value_second")).item()
    by_jobs = ranked.drop_nulls("tot_emp")
    return first, second, both.height, plain, _weighted_correlation(by_jobs)


def _weighted_correlation(ranked: pl.DataFrame) -> float | None:
    weight = pl.col("tot_emp") / pl.col("tot_emp").sum()
    centred = ranked.with_columns(
        (pl.col(name) - (weight * pl.col(name)).sum()).alias(name)
        for name in ("value", "value_second")
    )
    x, y = pl.col("value"), pl.col("value_second")
    slope = (weight * x * y).sum() / ((weight * x * x).sum() * (weight * y * y).sum()).sqrt()
    found: float | None = centred.select(slope).item()
    return found


def _disagreements(values: pl.DataFrame, n_measures: int) -> pl.DataFrame:
    """List occupations that every measure has, those first whose ranks lie farthest apart."""
    known = values.drop_nulls("rank")
    spread = known.group_by("occ_code").agg(
        pl.col("occ_title", "tot_emp").first(),
        pl.col("name").sort_by("rank").first().alias("lowest"),
        pl.col("rank").min().alias("lowest_rank"),
        pl.col("name").sort_by("rank").last().alias("highest"),
        pl.col("rank").max().alias("highest_rank"),
        pl.len().alias("n"),
    )
    distance = (pl.col("highest_rank") - pl.col("lowest_rank")).alias("spread")
    whole = spread.filter(pl.col("n") == n_measures).drop("n").with_columns(distance)
    return whole.sort("spread", "occ_code", descending=[True, False])
