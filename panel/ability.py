"""Ability as measured before AI arrived: every measure of a panel, in its unit or standardized."""

import polars as pl

from withintask.panel.panel import Panel
from withintask.panel.transform import eager

LOG_MEASURES = ("ability_log", "ability_retest_log")
"""Measures that stand in the table workers, in log points."""


_WORKER = pl.col("worker_id").cast(pl.String)
"""As text, whatever the tables have: one may have categories that the other lacks."""


def ability_measures(panel: Panel, *, standardized: bool = False) -> pl.DataFrame:
    """Return every known measure of ability, one row a worker and measure.

    Parameters
    ----------
    panel
        Any panel.
    standardized
        Whether each measure is brought to mean zero and standard deviation one over the workers
        of whom it is known. A measure that is the same for all of them is then left out.

    Returns
    -------
    polars.DataFrame
        ``worker_id, measure, ability``, in the order of measure and worker; of `workers` and of
        `abilities`. Empty if nothing was measured.
    """
    schema = {"worker_id": pl.String, "measure": pl.String, "ability": pl.Float64}
    parts = [pl.DataFrame(schema=schema)]
    if panel.workers is not None:
        workers = eager(panel.workers)
        parts += [
            workers.select(_WORKER, measure=pl.lit(name), ability=pl.col(name))
            for name in LOG_MEASURES
            if name in workers.columns
        ]
    if panel.abilities is not None:
        parts.append(eager(panel.abilities).select(_WORKER, "measure", "ability"))
    measures = pl.concat(parts).drop_nulls().sort("measure", "worker_id")
    if not standardized:
        return measures
    ability = pl.col("ability")
    varies = ability.max().over("measure") > ability.min().over("measure")
    centred = ability - ability.mean().over("measure")
    return measures.filter(varies).with_columns(ability=centred / ability.std().over("measure"))
