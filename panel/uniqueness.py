"""Rows that share their key with another row, found without holding the table."""

import polars as pl

ROWS_A_PASS = 2**25
"""Keys compared at once: 8 bytes each, so a pass holds about a quarter of a gigabyte."""


def duplicated_keys(
    frame: pl.LazyFrame, key: list[str], *, rows_a_pass: int = ROWS_A_PASS
) -> pl.DataFrame:
    """Find the keys that more than one row has.

    Parameters
    ----------
    frame
        Any table; it is streamed, never held.
    key
        Its key columns. Rows with a null in the key are not compared.
    rows_a_pass
        How many rows are compared at once; a larger table is read several times, each time for
        the keys whose hash falls into one residue class.

    Returns
    -------
    polars.DataFrame
        The key columns and ``n_rows`` (> 1), one row a duplicated key.

    Notes
    -----
    Sorts 64-bit hashes of the keys. Equal keys have equal hashes, so none is missed; keys whose
    hash occurs twice are compared themselves, so that a collision is not reported.
    """
    keys = frame.select(key)
    n_rows = frame.select(pl.len()).collect(engine="streaming").item()
    n_passes = 1 + n_rows // rows_a_pass
    parts = [_duplicates(keys, key, n_passes, k) for k in range(n_passes)]
    return pl.concat(parts)


def _duplicates(keys: pl.LazyFrame, key: list[str], n_passes: int, k: int) -> pl.DataFrame:
    hashed = keys.with_columns(_hash=_hash(keys, key))
    if n_passes > 1:
        hashed = hashed.filter(pl.col("_hash") % n_passes == k)
    hashes = hashed.select("_hash").collect(engine="streaming").to_series().sort()
    twice = hashes.filter(hashes == hashes.shift(1)).unique()
    del hashes
    if twice.is_empty():
        return keys.head(0).with_columns(n_rows=pl.lit(0, dtype=pl.UInt32)).collect()
    candidates = hashed.join(twice.to_frame().lazy(), on="_hash", how="semi")
    groups = candidates.drop_nulls().group_by(key).agg(n_rows=pl.len().cast(pl.UInt32))
    return groups.filter(pl.col("n_rows") > 1).collect(engine="streaming")


def _hash(keys: pl.LazyFrame, key: list[str]) -> pl.Expr:
    """Hash each column with its own seed and add; floats lose the sign of zero first."""
    types = keys.collect_schema()
    columns = [pl.col(c) + 0.0 if types[c].is_float() else pl.col(c) for c in key]
    return pl.sum_horizontal(column.hash(seed) for seed, column in enumerate(columns))
