"""Tables of exposure to AI: by occupation and by task, all measures of all sources in one."""

import polars as pl

from withintask.ingest.tables import Table, column

_SHARED = (
    column("source", pl.String, "gpts_are_gpts, anthropic_economic_index or aioe"),
    column("release", pl.String, "Release of the source, or its year of publication"),
    column("measure", pl.String, "Name of the measure as published"),
)
_MAPPED = (
    column("soc2018_code", pl.String, "SOC 2018 detailed code; null if unmatched"),
    column("weight", pl.Float64, "Share of the row that belongs to the SOC code", "share"),
    column("match_quality", pl.String, "How the row was matched; see the data dictionary"),
    column("source_file", pl.String, "File the row was read from"),
)

EXPOSURE_OCCUPATION = Table(
    name="exposure_occupation",
    description="Exposure of occupations to AI, one row a measure, source occupation and SOC code",
    columns=(
        *_SHARED,
        column("source_code", pl.String, "Code in the source's own classification"),
        column("source_title", pl.String, "Title in the source; null if it has none"),
        column("value", pl.Float64, "Value as published, or summed over tasks"),
        column("aggregation", pl.String, "mean for ratings, sum for shares: how to combine rows"),
        *_MAPPED,
    ),
    key=("source", "release", "measure", "source_code", "soc2018_code"),
)

EXPOSURE_TASK = Table(
    name="exposure_task",
    description="Exposure of tasks to AI, one row a measure, task and occupation",
    columns=(
        *_SHARED,
        column("task_id", pl.Int64, "O*NET task identifier; null if the source gives only a text"),
        column("task", pl.String, "Task statement as published"),
        column("source_code", pl.String, "O*NET-SOC code of the task"),
        column("value", pl.Float64, "Value as published; null for labels"),
        column("label", pl.String, "Label as published; null for numbers"),
        *_MAPPED,
    ),
    key=("source", "release", "measure", "task", "source_code", "soc2018_code"),
)

MATCH_QUALITIES = {
    "exact": "the code is a SOC 2018 code, or the .00 code of one in O*NET-SOC 2019",
    "onet_part": "the code is a specialty (.01 and up) of a SOC 2018 code, O*NET-SOC 2019",
    "one_to_one": "an older code linked to this SOC code alone, and this one to it alone",
    "merge": "an older code that became part of this SOC code",
    "split": "an older code that was split; `weight` is the share of this SOC code",
    "many_to_many": "an older code that was split and merged at once",
    "shared_text": "the task text belongs to several occupations; `weight` shares it equally",
    "unmatched": "no SOC 2018 code was found; the row is kept without one",
}
