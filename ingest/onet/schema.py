"""Tables of the O*NET database, several releases in one."""

import polars as pl

from withintask.ingest.tables import Table, column

_LEADING = (
    column("release", pl.String, "Release of the O*NET database, such as 29.2"),
    column("onetsoc_code", pl.String, "O*NET-SOC code, of the classification"),
    column(
        "classification",
        pl.String,
        "onet2010 (releases 15.1 to 25.0) or onet2019 (25.1 and later): codes of one are not codes "
        "of the other",
    ),
)
_TRAILING = (
    column("survey_date", pl.Date, "First day of the month of the survey; older than the release"),
    column("domain_source", pl.String, "Incumbent, Occupational Expert or Analyst"),
    column("soc2018_code", pl.String, "SOC 2018 detailed code; null if unmatched"),
    column("weight", pl.Float64, "Share of the row that belongs to the SOC code", "share"),
    column("match_quality", pl.String, "How the code was matched"),
    column("source_file", pl.String, "File the row was read from"),
)

ONET_TASK = Table(
    name="onet_task",
    description="Task statements of O*NET occupations",
    columns=(
        *_LEADING,
        column("task_id", pl.Int64, "O*NET task identifier"),
        column("task", pl.String, "Task statement"),
        column("task_type", pl.String, "Core or Supplemental; null if not rated"),
        column("n_incumbents", pl.Int64, "Incumbents who answered; null if not surveyed"),
        *_TRAILING,
    ),
    key=("release", "onetsoc_code", "task_id", "soc2018_code"),
)

ONET_JOB_ZONE = Table(
    name="onet_job_zone",
    description="Job zones: how much preparation an occupation needs, 1 to 5",
    columns=(*_LEADING, column("job_zone", pl.Int64, "Job zone, 1 to 5"), *_TRAILING),
    key=("release", "onetsoc_code", "soc2018_code"),
)

ONET_RATING = Table(
    name="onet_rating",
    description="Ratings of education, training and experience, as published",
    columns=(
        *_LEADING,
        column("element_id", pl.String, "2.D.1 is required level of education"),
        column("element_name", pl.String, "Name of the element"),
        column(
            "scale_id", pl.String, "RL required level (12 categories), IM importance, and others"
        ),
        column("category", pl.Int64, "Category of the scale; null for importance"),
        column("value", pl.Float64, "Percent of answers in the category, or importance"),
        column("n_answers", pl.Int64, "Answers"),
        column("std_error", pl.Float64, "Standard error of the value"),
        column("ci_low", pl.Float64, "Lower end of the 95 % interval"),
        column("ci_high", pl.Float64, "Upper end of the 95 % interval"),
        column("is_suppress_recommended", pl.Boolean, "O*NET recommends not to use the value"),
        *_TRAILING,
    ),
    key=("release", "onetsoc_code", "element_id", "scale_id", "category", "soc2018_code"),
)
