"""The views of a store: SQL over its tables, with the description of their columns."""

import polars as pl

from withintask.ingest.oews.views import OEWS_JUMP
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.onet.views import ONET_TASK_CHANGE, ONET_VINTAGE
from withintask.ingest.tables import Table, View, column

ONET_EDUCATION = View(
    table=Table(
        name="onet_education",
        description="Required level of education, and whether it was surveyed anew",
        columns=(
            column("release", pl.String, "Release of the O*NET database"),
            column("onetsoc_code", pl.String, "O*NET-SOC code, of the classification"),
            column("classification", pl.String, "As in `onet_rating`"),
            column("soc2018_code", pl.String, "SOC 2018 detailed code; null if unmatched"),
            column("mean_level", pl.Float64, "Mean category, 1 (less than high school) to 12"),
            column(
                "bachelor_share",
                pl.Float64,
                "Answers in categories 6 and above; null if one of these is unknown",
                "percent",
            ),
            column("value_sum", pl.Float64, "Sum over the categories; about 100", "percent"),
            column("survey_date", pl.Date, "First day of the month of the survey"),
            column("previous_survey_date", pl.Date, "The same in the release before; null if none"),
            column("is_resurveyed", pl.Boolean, "Surveyed after that; null in the first release"),
        ),
        key=("release", "onetsoc_code", "soc2018_code"),
    ),
    sql="""
        WITH level AS (
            SELECT release, onetsoc_code, classification, soc2018_code,
                   sum(category * value) / nullif(sum(value) FILTER (WHERE category IS NOT NULL), 0)
                       AS mean_level,
                   CASE WHEN count(*) FILTER (WHERE value IS NULL
                                              AND coalesce(category, 6) >= 6) > 0
                          OR count(*) FILTER (WHERE category IS NULL) > 0
                          OR count(value) = 0 THEN NULL
                        ELSE coalesce(sum(value) FILTER (WHERE category >= 6), 0) END
                       AS bachelor_share,
                   sum(value) AS value_sum, max(survey_date) AS survey_date
            FROM onet_rating WHERE element_id = '2.D.1' AND scale_id = 'RL'
            GROUP BY release, onetsoc_code, classification, soc2018_code
        ), dated AS (
            SELECT *, lag(survey_date) OVER (
                PARTITION BY classification, onetsoc_code, soc2018_code
                ORDER BY CAST(release AS DECIMAL(6, 2))
            ) AS previous_survey_date
            FROM level
        )
        SELECT *, survey_date > previous_survey_date AS is_resurveyed FROM dated""",
)

EXPOSURE_BY_SOC = View(
    table=Table(
        name="exposure_by_soc",
        description="Exposure by SOC 2018 code: mean of ratings, sum of shares",
        columns=(
            column("source", pl.String, "As in `exposure_occupation`"),
            column("release", pl.String, "As in `exposure_occupation`"),
            column("measure", pl.String, "As in `exposure_occupation`"),
            column("soc2018_code", pl.String, "SOC 2018 detailed code"),
            column(
                "value",
                pl.Float64,
                "Weighted mean of ratings, or weighted sum of shares, over what is known; null if "
                "nothing is",
            ),
            column("n_source_codes", pl.Int64, "Source occupations whose value is known"),
            column("n_unknown", pl.Int64, "Source occupations without a value, left out"),
        ),
        key=("source", "release", "measure", "soc2018_code"),
    ),
    sql="""
        SELECT source, release, measure, soc2018_code,
               CASE WHEN any_value(aggregation) = 'sum' THEN sum(value * weight)
                    ELSE sum(value * weight)
                         / nullif(sum(weight) FILTER (WHERE value IS NOT NULL), 0) END AS value,
               count(DISTINCT source_code) FILTER (WHERE value IS NOT NULL) AS n_source_codes,
               count(DISTINCT source_code) FILTER (WHERE value IS NULL) AS n_unknown
        FROM exposure_occupation WHERE soc2018_code IS NOT NULL
        GROUP BY source, release, measure, soc2018_code""",
)


def _classification_sql() -> str:
    years = load_layouts().vintages.items()
    return " ".join(f"WHEN {year} THEN '{vintage.classification}'" for year, vintage in years)


EXPOSURE_BY_OEWS = View(
    table=Table(
        name="exposure_by_oews",
        description="Exposure by published detailed OEWS code and year, through the bridge",
        columns=(
            column("year", pl.Int16, "May of this year"),
            column("occ_code", pl.String, "Published detailed code"),
            column("source", pl.String, "As in `exposure_occupation`"),
            column("release", pl.String, "As in `exposure_occupation`"),
            column("measure", pl.String, "As in `exposure_occupation`"),
            column(
                "value",
                pl.Float64,
                "Mean over the SOC 2018 codes of the published code that are known; of shares, the "
                "sum, a code that several published codes divide being divided among them",
            ),
            column(
                "covered_share", pl.Float64, "Share of the published code that has a value", "share"
            ),
        ),
        key=("year", "occ_code", "source", "release", "measure"),
    ),
    sql=f"""
        WITH code AS (
            SELECT DISTINCT year, occ_code, CASE year {_classification_sql()} END AS classification
            FROM oews WHERE o_group = 'detailed'
        ), link AS (
            SELECT year, occ_code, soc2018_code, weight,
                   weight / sum(weight) OVER (PARTITION BY year, soc2018_code) AS divided
            FROM code JOIN soc_bridge USING (classification, occ_code)
        ), aggregation AS (
            SELECT DISTINCT source, release, measure, aggregation FROM exposure_occupation
        )
        SELECT year, occ_code, source, release, measure,
               CASE WHEN any_value(aggregation) = 'sum' THEN sum(value * divided)
                    ELSE sum(value * weight) / nullif(sum(weight), 0) END AS value,
               least(sum(weight), 1.0) AS covered_share
        FROM link JOIN exposure_by_soc USING (soc2018_code)
        JOIN aggregation USING (source, release, measure)
        WHERE value IS NOT NULL
        GROUP BY year, occ_code, source, release, measure""",
)

VIEWS = (
    ONET_EDUCATION,
    ONET_TASK_CHANGE,
    ONET_VINTAGE,
    OEWS_JUMP,
    EXPOSURE_BY_SOC,
    EXPOSURE_BY_OEWS,
)
