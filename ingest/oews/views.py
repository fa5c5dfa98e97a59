"""Views of OEWS: groups of occupations whose employment jumps between years."""

import polars as pl

from withintask.ingest.tables import Table, View, column

FACTOR = 2.0
"""Employment that more than doubles or halves within a year is rather a change of codes than of jobs."""

OEWS_JUMP = View(
    table=Table(
        name="oews_jump",
        description="Comparable occupations whose national employment more than doubles or halves "
        "from one year of the store to the next, with a note",
        columns=(
            column("from_year", pl.Int16, "May of this year"),
            column("year", pl.Int16, "May of the next year in the store"),
            column("comparable_code", pl.String, "As in `oews_comparable`"),
            column("comparable_title", pl.String, "As in `oews_comparable`"),
            column("tot_emp_from", pl.Float64, "Employment before", "jobs"),
            column("tot_emp", pl.Float64, "Employment after", "jobs"),
            column("ratio", pl.Float64, "After over before"),
            column("codes_from", pl.String, "Published codes of the group before"),
            column("codes", pl.String, "Published codes of the group after"),
            column("note", pl.String, "What may be behind it"),
        ),
        key=("year", "comparable_code"),
    ),
    sql=f"""
        WITH line AS (
            SELECT year, comparable_code, comparable_title, tot_emp, occ_codes, segment,
                   lag(year) OVER code AS from_year, lag(tot_emp) OVER code AS tot_emp_from,
                   lag(occ_codes) OVER code AS codes_from, lag(segment) OVER code AS segment_from
            FROM oews_comparable WHERE level = 'national'
            WINDOW code AS (PARTITION BY comparable_code ORDER BY year)
        )
        SELECT from_year, year, comparable_code, comparable_title, tot_emp_from, tot_emp,
               tot_emp / tot_emp_from AS ratio, codes_from, occ_codes AS codes,
               CASE WHEN codes_from <> occ_codes AND segment_from <> segment
                         THEN 'other codes and another segment: rather a change of the '
                              || 'classification than of jobs'
                    WHEN codes_from <> occ_codes
                         THEN 'other codes: rather a change of the classification than of jobs'
                    WHEN segment_from <> segment THEN 'the years lie in two segments'
                    ELSE 'the same code in one segment: look at its relative standard error'
               END AS note
        FROM line
        WHERE tot_emp_from > 0 AND tot_emp > 0
          AND greatest(tot_emp / tot_emp_from, tot_emp_from / tot_emp) > {FACTOR}""",
)
