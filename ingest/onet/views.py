"""Views of O*NET: what changed between releases, and what each release is."""

import polars as pl

from withintask.ingest.tables import Table, View, column

ONET_TASK_CHANGE = View(
    table=Table(
        name="onet_task_change",
        description="Tasks of an occupation that a release added, dropped or worded anew, against "
        "the release before it in the same classification",
        columns=(
            column("from_release", pl.String, "Release before"),
            column("release", pl.String, "Release"),
            column("classification", pl.String, "As in `onet_task`"),
            column("onetsoc_code", pl.String, "O*NET-SOC code"),
            column("task_id", pl.Int64, "O*NET task identifier"),
            column("change", pl.String, "added, dropped, worded_anew or new_type"),
            column("task_before", pl.String, "Statement before; null if added"),
            column("task", pl.String, "Statement; null if dropped"),
            column("task_type_before", pl.String, "Core or Supplemental before"),
            column("task_type", pl.String, "Core or Supplemental"),
        ),
        key=("release", "onetsoc_code", "task_id"),
    ),
    sql="""
        WITH task AS (
            SELECT DISTINCT release, classification, onetsoc_code, task_id, task, task_type
            FROM onet_task
        ), pair AS (
            SELECT *, lag(release) OVER (
                PARTITION BY classification ORDER BY CAST(release AS DECIMAL(6, 2))
            ) AS from_release
            FROM (SELECT DISTINCT release, classification FROM task)
        ), before AS (
            SELECT pair.release, from_release, classification, onetsoc_code, task_id, task,
                   task_type
            FROM task JOIN pair USING (classification)
            WHERE task.release = pair.from_release
        ), now AS (
            SELECT release, from_release, classification, onetsoc_code, task_id, task, task_type
            FROM task JOIN pair USING (release, classification)
            WHERE from_release IS NOT NULL
        ), compared AS (
            SELECT from_release, release, classification, onetsoc_code, task_id,
                   CASE WHEN before.task IS NULL THEN 'added'
                        WHEN now.task IS NULL THEN 'dropped'
                        WHEN trim(before.task) <> trim(now.task) THEN 'worded_anew'
                        WHEN before.task_type IS DISTINCT FROM now.task_type THEN 'new_type'
                   END AS change,
                   before.task AS task_before, now.task AS task,
                   before.task_type AS task_type_before, now.task_type AS task_type
            FROM now FULL JOIN before
                 USING (from_release, release, classification, onetsoc_code, task_id)
        )
        SELECT * FROM compared WHERE change IS NOT NULL""",
)

ONET_VINTAGE = View(
    table=Table(
        name="onet_vintage",
        description="What each table of a release is: codes, survey dates, how much of it is new",
        columns=(
            column("release", pl.String, "Release of the O*NET database"),
            column("content", pl.String, "onet_task, onet_job_zone or onet_rating"),
            column("classification", pl.String, "Classification of its codes"),
            column("n_occupations", pl.Int64, "Occupations"),
            column("n_rows", pl.Int64, "Rows as published"),
            column("first_survey", pl.Date, "Oldest month of a survey in it"),
            column("last_survey", pl.Date, "Newest month of a survey in it"),
            column(
                "n_resurveyed",
                pl.Int64,
                "Occupations surveyed after the newest month of the "
                "release before; null in the first",
            ),
            column("unmatched_share", pl.Float64, "Occupations without a SOC 2018 code", "share"),
        ),
        key=("release", "content"),
    ),
    sql="""
        WITH line AS (
            SELECT 'onet_task' AS content, release, classification, onetsoc_code,
                   CAST(task_id AS VARCHAR) AS item, survey_date, soc2018_code
            FROM onet_task
            UNION ALL SELECT 'onet_job_zone', release, classification, onetsoc_code, '',
                   survey_date, soc2018_code FROM onet_job_zone
            UNION ALL SELECT 'onet_rating', release, classification, onetsoc_code,
                   concat_ws(' ', element_id, scale_id, category), survey_date, soc2018_code
            FROM onet_rating
        ), release_of AS (
            SELECT content, release, any_value(classification) AS classification,
                   count(DISTINCT onetsoc_code) AS n_occupations,
                   count(DISTINCT (onetsoc_code, item)) AS n_rows,
                   min(survey_date) AS first_survey, max(survey_date) AS last_survey,
                   count(DISTINCT onetsoc_code) FILTER (WHERE soc2018_code IS NULL)
                       / count(DISTINCT onetsoc_code) AS unmatched_share
            FROM line GROUP BY content, release
        ), ordered AS (
            SELECT *, lag(last_survey) OVER (
                PARTITION BY content ORDER BY CAST(release AS DECIMAL(6, 2))
            ) AS before
            FROM release_of
        ), anew AS (
            SELECT content, release, count(DISTINCT onetsoc_code) AS n_resurveyed
            FROM line JOIN (SELECT content, release, before FROM ordered) USING (content, release)
            WHERE survey_date > before GROUP BY content, release
        )
        SELECT release, content, classification, n_occupations, n_rows, first_survey, last_survey,
               CASE WHEN before IS NOT NULL THEN coalesce(n_resurveyed, 0) END AS n_resurveyed,
               unmatched_share
        FROM ordered LEFT JOIN anew USING (content, release)""",
)
