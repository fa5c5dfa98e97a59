"""Replicates on disk: parts that are complete or absent, so that a killed run can go on."""

from functools import partial
from pathlib import Path

import polars as pl

from withintask.panel.atomic import save
from withintask.panel.errors import SourceError

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


def write_atomically(frame: pl.DataFrame, path: Path) -> None:
    """Write a Parquet file as parts of ledgers and stages are: the old file or the new, never half of one."""
    save(path, partial(frame.write_parquet, compression="zstd", statistics=False))


def read_part(path: Path) -> pl.DataFrame:
    """Read one part, or no rows where it does not exist.

    Raises
    ------
    SourceError
        If the file is not a part of a ledger.
    """
    if not path.exists():
        return pl.DataFrame(schema=SCHEMA)
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(
            f"{path}: not a part of a ledger ({error}); delete it and run again"
        ) from error
    if dict(frame.schema) != SCHEMA:
        raise SourceError(f"{path}: columns are not those of a ledger; delete it and run again")
    return frame


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort replicates into the order of a finished ledger."""
    return frame.select(list(SCHEMA)).sort(ORDER)
