"""The rows of replicates, as they are kept and as they are returned."""

from pathlib import Path

import polars as pl

from withintask.tests_of_model.harness.kept import read_part

SCHEMA = {
    "world": pl.String,
    "design": pl.String,
    "design_hash": pl.String,
    "params_hash": pl.String,
    "seed": pl.Int64,
    "replicate": pl.Int64,
    "hypothesis": pl.String,
    "estimator": pl.String,
    "estimator_version": pl.Int64,
    "term": pl.String,
    "truth": pl.Float64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "n_obs": pl.Int64,
    "n_clusters": pl.Int64,
    "status": pl.String,
    "message": pl.String,
}
"""Columns of the replicates, one row a world, design, replicate, estimator and term."""

ORDER = ("world", "design", "replicate", "hypothesis", "estimator", "term")
"""Order of the rows of a finished ledger."""


def read_ledger_part(path: Path) -> pl.DataFrame:
    """Read one part, or no rows where it does not exist.

    Raises
    ------
    SourceError
        If the file is not a part of a ledger.
    """
    part = read_part(path, what="a part of a ledger", schema=SCHEMA)
    return pl.DataFrame(schema=SCHEMA) if part is None else part


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort replicates into the order of a finished ledger."""
    return frame.select(list(SCHEMA)).sort(ORDER)
