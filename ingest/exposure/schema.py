"""Tables of exposure to AI: by occupation and by task, all measures of all sources in one."""

import polars as pl

from withintask.ingest.tables import Table, column

_SHARED = (
    column("source", pl.String, "Who published it, such as gpts_are_gpts; own for your measures"),
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

EXPOSURE_ACTIVITY = Table(
    name="exposure_activity",
    description="Exposure of O*NET intermediate work activities to AI, one row a measure",
    columns=(
        *_SHARED,
        column("activity_id", pl.String, "O*NET identifier of the work activity"),
        column("activity", pl.String, "Title of the work activity"),
        column("value", pl.Float64, "Value as published; null where nobody was seen at it"),
        _MAPPED[-1],
    ),
    key=("source", "release", "measure", "activity_id"),
)

ACTIVITY_WEIGHT = Table(
    name="activity_weight",
    description="How much a work activity weighs in an occupation",
    columns=(
        *_SHARED[:2],
        column("source_code", pl.String, "Occupation code in the source"),
        column("activity_id", pl.String, "O*NET identifier of the work activity"),
        column("weight", pl.Float64, "Relevance x importance, not adding up to one"),
        _MAPPED[-1],
    ),
    key=("source", "release", "source_code", "activity_id"),
)

EXPOSURE_MEASURE = Table(
    name="exposure_measure",
    description="What each measure of exposure is: of whom, when, in which unit and range",
    columns=(
        *_SHARED,
        column("level", pl.String, "occupation, task or activity"),
        column("unit", pl.String, "Unit of the value"),
        column("low", pl.Float64, "Smallest value it can take; null if none"),
        column("high", pl.Float64, "Largest value it can take; null if none"),
        column("population", pl.String, "Whose work or which raters it is from"),
        column("period", pl.String, "When it was observed or rated"),
        column("classification", pl.String, "Classification of the source codes"),
        column("citation", pl.String, "Where it was published"),
        column("n_rows", pl.Int64, "Source codes, tasks or activities with a value"),
        column("unmatched_share", pl.Float64, "Source codes without a SOC 2018 code", "share"),
    ),
    key=("source", "release", "measure", "level"),
)

AI_USE = Table(
    name="ai_use",
    description="Use of AI by country and region, as published: one row a figure",
    columns=(
        *_SHARED[:2],
        column("product", pl.String, "Product and plans that the figures are of"),
        column("geo_id", pl.String, "ISO 3166 code of the country or region; NA is Namibia"),
        column("geography", pl.String, "global, country, or what kind of region"),
        column("date_start", pl.Date, "First day"),
        column("date_end", pl.Date, "Last day"),
        column("facet", pl.String, "What the figure is about, as published"),
        column("measure", pl.String, "Name of the figure; `_minutes` where times were hours"),
        column("cluster", pl.String, "Part that the figure is of, such as an interaction type"),
        column("value", pl.Float64, "Value as published; a row that is absent is not zero"),
        _MAPPED[-1],
    ),
    key=("release", "product", "geo_id", "geography", "date_start", "facet", "measure", "cluster"),
)

MATCH_QUALITIES = {
    "exact": "the code is a SOC 2018 code, or the .00 code of one in O*NET-SOC 2019",
    "onet_part": "the code is a specialty (.01 and up) of a SOC 2018 code, O*NET-SOC 2019",
    "one_to_one": "an older code linked to this SOC code alone, and this one to it alone",
    "merge": "an older code that became part of this SOC code",
    "split": "an older code that was split; `weight` is the share of this SOC code",
    "many_to_many": "an older code that was split and merged at once",
    "shared_text": "the task text belongs to several occupations; `weight` shares it equally",
    "linked": "a code of another country's or older classification, by a crosswalk to one SOC code",
    "linked_to_several": "the same to several SOC codes; `weight` is divided among them",
    "unmatched": "no SOC 2018 code was found; the row is kept without one",
}
