"""Compare jobs and conversations with AI by how much preparation a job needs.

Run ``python examples/ai_use_by_job_zone.py out/store.duckdb``. Shares of conversations come from
the Anthropic Economic Index, job zones from O*NET, pay and employment from OEWS.
"""

import sys
from pathlib import Path

import polars as pl

from withintask.ingest import connect

SQL = """
WITH zone AS (
    SELECT soc2018_code, round(avg(job_zone)) AS job_zone FROM onet_job_zone
    WHERE release = (SELECT max(release) FROM onet_job_zone) GROUP BY soc2018_code
), job AS (
    SELECT soc2018_code, o.tot_emp * b.weight AS jobs, o.a_median
    FROM oews AS o JOIN soc_bridge AS b USING (occ_code)
    WHERE b.classification = 'oews2021' AND o.o_group = 'detailed' AND o.level = 'national'
      AND o.year = 2024
), usage AS (
    SELECT soc2018_code, value FROM exposure_by_soc
    WHERE source = 'anthropic_economic_index' AND measure = 'pct'
      AND release = (SELECT max(release) FROM exposure_by_soc
                     WHERE source = 'anthropic_economic_index')
)
SELECT CAST(job_zone AS INTEGER) AS job_zone,
       100 * sum(jobs) / sum(sum(jobs)) OVER () AS jobs_pct,
       100 * sum(value) / sum(sum(value)) OVER () AS conversations_pct,
       sum(jobs * a_median) / sum(jobs) FILTER (WHERE a_median IS NOT NULL) AS mean_of_median_usd
FROM zone JOIN job USING (soc2018_code) LEFT JOIN usage USING (soc2018_code)
GROUP BY job_zone ORDER BY job_zone
"""


def use_by_job_zone(store: Path) -> pl.DataFrame:
    """Return shares of jobs and of conversations, and pay, by job zone."""
    with connect(store) as connection:
        rows: pl.DataFrame = connection.sql(SQL).pl()
    return rows


if __name__ == "__main__":
    print(use_by_job_zone(Path(sys.argv[1])))
