"""Applicability of AI by occupation and by work activity (Tomlinson et al. 2025, Working with AI).

The score of an occupation is half the user's side and half the AI's. A side is the weighted mean,
over the intermediate work activities (IWA) of the occupation, of completion x impact scope, where
an activity counts if it has more than 0.0005 of all conversations. :func:`recompute_applicability`
makes the scores from their parts.
"""

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.schema import (
    ACTIVITY_WEIGHT,
    EXPOSURE_ACTIVITY,
    EXPOSURE_OCCUPATION,
)
from withintask.ingest.exposure.to_soc import add_soc2018
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.text_tables import read_table
from withintask.panel.errors import SourceError

_SOURCE, _RELEASE = "microsoft_working_with_ai", "2025"
_CODE, _TITLE, _IWA = "soc_code", "title", "iwa"
_SCORE = "ai_applicability_score"
SIDES = ("user", "ai")
LEAST_SHARE = 0.0005
"""Share of conversations above which an activity counts as covered; Tomlinson et al. 2025."""
_METRICS = tuple(
    f"{name}_{side}"
    for name in (
        "coverage",
        "completion",
        "feedback_positive_fraction",
        "impact_scope",
        "ai_applicability_score",
    )
    for side in SIDES
)
_ACTIVITY = tuple(
    f"{name}_{side}"
    for name in (
        "share",
        "completion",
        "impact_scope",
        "feedback_positive_fraction",
        "completion_x_scope_x_coverage",
    )
    for side in SIDES
)


def read_scores(publication: Publication) -> pl.DataFrame:
    """Read ``soc_ai_applicability_scores.csv`` into rows of `exposure_occupation`.

    Raises
    ------
    SourceError
        If a column is missing or a score is no number.
    """
    return _occupations(publication, (_SCORE,))


def read_metrics(publication: Publication) -> pl.DataFrame:
    """Read ``soc_metrics.csv``, the parts of the scores, into rows of `exposure_occupation`.

    Raises
    ------
    SourceError
        As :func:`read_scores`.
    """
    return _occupations(publication, _METRICS)


def read_activities(publication: Publication) -> pl.DataFrame:
    """Read ``iwa_metrics.csv`` into rows of `exposure_activity`.

    Raises
    ------
    SourceError
        As :func:`read_scores`.
    """
    table = read_table(publication.path, publication.name, [_IWA, _TITLE, *_ACTIVITY])
    rows = parse_numbers(table.rows, _ACTIVITY, table.where)
    long = rows.unpivot(_ACTIVITY, index=[_IWA, _TITLE], variable_name="measure")
    return EXPOSURE_ACTIVITY.conform(
        long.rename({_IWA: "activity_id", _TITLE: "activity"}).with_columns(*_labels(publication))
    )


def read_weights(publication: Publication) -> pl.DataFrame:
    """Read ``soc_iwa_weights.csv``, which is wide, into rows of `activity_weight`.

    An activity that ``soc_to_iwas.csv`` gives an occupation is a row even if its weight is zero.

    Raises
    ------
    SourceError
        If a weight is no number.
    """
    table = read_table(publication.path, publication.name, [_CODE])
    names = [name for name in table.rows.columns if name not in (_CODE, "source_row")]
    rows = parse_numbers(table.rows, names, table.where)
    long = rows.unpivot(names, index=_CODE, variable_name="activity_id", value_name="weight")
    named = long.select(
        pl.col(_CODE).alias("source_code"),
        # Plain names are lower case.
        pl.col("activity_id").replace({name: _activity_id(name) for name in names}),
        "weight",
    )
    member = _members(publication)
    is_kept = pl.col("weight") != 0
    if member is not None:
        named = named.join(member, on=["source_code", "activity_id"], how="left")
        is_kept |= pl.col("is_member").fill_null(value=False)
    return ACTIVITY_WEIGHT.conform(named.filter(is_kept).with_columns(*_labels(publication)))


def recompute_applicability(activities: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """Compute the scores of occupations from those of activities and their weights.

    Parameters
    ----------
    activities
        Rows of `exposure_activity` of this source.
    weights
        Rows of `activity_weight`.

    Returns
    -------
    pl.DataFrame
        `source_code, coverage_user, coverage_ai, ai_applicability_score_user,
        ai_applicability_score_ai, ai_applicability_score`, by code.

    Notes
    -----
    With the weights of an occupation adding up to one, a side is the sum over its activities of
    weight x completion x impact scope x [share > .0005].
    """
    wide = activities.pivot("measure", index="activity_id", values="value")
    joined = weights.join(wide, on="activity_id", validate="m:1")
    share = pl.col("weight") / pl.col("weight").sum().over("source_code")
    sides = []
    for side in SIDES:
        is_covered = (pl.col(f"share_{side}") > LEAST_SHARE).cast(pl.Float64)
        part = pl.col(f"completion_{side}") * pl.col(f"impact_scope_{side}")
        # Activities that nobody was seen at have no completion: they are not covered, so zero.
        gain = pl.when(is_covered > 0).then(part).otherwise(0.0)
        sides += [
            (share * is_covered).alias(f"coverage_{side}"),
            (share * gain).alias(f"{_SCORE}_{side}"),
        ]
    names = [f"{name}_{side}" for name in ("coverage", _SCORE) for side in SIDES]
    parts = joined.select("source_code", *sides)
    total = parts.group_by("source_code").agg(pl.col(names).sum())
    score = (pl.col(f"{_SCORE}_user") + pl.col(f"{_SCORE}_ai")) / len(SIDES)
    return total.with_columns(score.alias(_SCORE)).sort("source_code")


def _occupations(publication: Publication, measures: tuple[str, ...]) -> pl.DataFrame:
    table = read_table(publication.path, publication.name, [_CODE, _TITLE, *measures])
    rows = parse_numbers(table.rows, measures, table.where)
    outside = [
        name
        for name in measures
        if not rows[name]
        .drop_nulls()
        .is_between(0, 1)
        .all()  # every metric is a share or a mean of them
    ]
    if outside:
        raise SourceError(
            f"{table.where}: values outside 0 to 1 in {', '.join(outside)}: percentages? "
            "The measures of this source are shares"
        )
    long = rows.unpivot(measures, index=[_CODE, _TITLE], variable_name="measure")
    named = long.rename({_CODE: "source_code", _TITLE: "source_title"}).with_columns(
        *_labels(publication), pl.lit("mean").alias("aggregation")
    )
    return EXPOSURE_OCCUPATION.conform(add_soc2018(named, "soc2018"))


def _members(publication: Publication) -> pl.DataFrame | None:
    if not publication.companions:
        return None
    path = publication.companions[0]
    rows = read_table(path, publication.relative(path), [_CODE, _IWA]).rows
    return rows.select(
        pl.col(_CODE).alias("source_code"),
        pl.col(_IWA).alias("activity_id"),
        pl.lit(value=True).alias("is_member"),
    ).unique()


def _activity_id(text: str) -> str:
    """Give an O*NET identifier its case back: ``4.a.1.a.1.i01`` is ``4.A.1.a.1.I01``."""
    parts = text.lower().split(".")
    upper = {1, len(parts) - 1}
    return ".".join(part.upper() if n in upper else part for n, part in enumerate(parts))


def _labels(publication: Publication) -> tuple[pl.Expr, ...]:
    return (
        pl.lit(_SOURCE).alias("source"),
        pl.lit(_RELEASE).alias("release"),
        pl.lit(publication.name).alias("source_file"),
    )


ADAPTERS = (
    Adapter(
        kind="microsoft_occupation",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r"soc_ai_applicability_scores\.csv",
        signature=frozenset({_CODE, _SCORE}),
        read=read_scores,
    ),
    Adapter(
        kind="microsoft_metrics",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r"soc_metrics\.csv",
        signature=frozenset({_CODE, "coverage_user", "ai_applicability_score_user"}),
        read=read_metrics,
    ),
    Adapter(
        kind="microsoft_activity",
        table=EXPOSURE_ACTIVITY,
        name_pattern=r"iwa_metrics\.csv",
        signature=frozenset({_IWA, "completion_x_scope_x_coverage_user"}),
        read=read_activities,
    ),
    Adapter(
        kind="microsoft_weight",
        table=ACTIVITY_WEIGHT,
        name_pattern=r"soc_iwa_weights\.csv",
        companion_pattern=r"soc_to_iwas\.csv",
        signature=frozenset({_CODE, "4.a.1.a.1.i01", "4.a.4.a.2.i03"}),
        read=read_weights,
    ),
)
