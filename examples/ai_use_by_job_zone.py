"""Compare jobs and conversations with AI by how much preparation a job needs.

Run ``python examples/ai_use_by_job_zone.py out/store.duckdb [zones.csv]``. Shares of conversations are
those of the Anthropic Economic Index, job zones those of O*NET, jobs those of OEWS.
"""

import sys

import withintask as wt

SQL = """
WITH zone AS (
    SELECT soc2018_code, round(avg(job_zone))::INTEGER AS job_zone FROM onet_job_zone
    WHERE release = (SELECT max(release) FROM onet_job_zone) GROUP BY soc2018_code
), job AS (
    SELECT soc2018_code, sum(tot_emp * weight) AS jobs FROM oews JOIN soc_bridge USING (occ_code)
    WHERE classification = 'oews2021' AND o_group = 'detailed' AND level = 'national' AND year = 2024
    GROUP BY soc2018_code
), talk AS (
    SELECT soc2018_code, value FROM exposure_by_soc
    WHERE source = 'anthropic_economic_index' AND measure = 'pct'
    QUALIFY release = max(release) OVER ()
)
SELECT job_zone, 100 * sum(jobs) / sum(sum(jobs)) OVER () AS jobs_pct,
       100 * sum(value) / sum(sum(value)) OVER () AS conversations_pct
FROM zone JOIN job USING (soc2018_code) LEFT JOIN talk USING (soc2018_code)
GROUP BY job_zone ORDER BY job_zone
"""


def use_by_job_zone(store):
    """Return shares of jobs and of conversations by job zone, in percent."""
    with wt.connect(store) as connection:
        return connection.sql(SQL).pl()


if __name__ == "__main__":
    rows = use_by_job_zone(sys.argv[1])
    print(rows)
    if len(sys.argv) > 2:
        rows.write_csv(sys.argv[2])
