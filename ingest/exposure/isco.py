"""Measures of SOC occupations by ISCO-08, where a user has the crosswalk of BLS."""

from pathlib import Path

import polars as pl

from withintask.ingest.exposure.ilo import isco_to_soc
from withintask.ingest.exposure.to_soc import add_soc2018
from withintask.ingest.load import scan_table
from withintask.ingest.publication import Publication
from withintask.panel.errors import SourceError


def exposure_by_isco(store: str | Path, crosswalk: str | Path) -> pl.DataFrame:
    """Carry measures of SOC occupations on to ISCO-08 by the crosswalk of BLS.

    Parameters
    ----------
    store
        Store of ``withintask data build``.
    crosswalk
        ``isco_soc_crosswalk.xlsx`` or ``.csv``: ISCO-08 to SOC 2010.

    Returns
    -------
    pl.DataFrame
        `source, release, measure, isco_code, value, n_soc_codes`: the mean over the SOC 2010 codes
        of an ISCO code, each the mean over its SOC 2018 codes, of ratings; shares are summed, an
        occupation that several ISCO codes divide being divided equally.

    Raises
    ------
    SourceError
        If there is no such store or crosswalk.
    """
    path = Path(crosswalk)
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    beside = Publication(kind="", folder=path.parent, path=path, companions=(path,))
    links = add_soc2018(isco_to_soc(beside), "soc2010", code="code").drop_nulls("soc2018_code")
    links = links.with_columns(
        (pl.col("weight") / pl.col("weight").sum().over("soc2018_code")).alias("divided")
    )
    values = scan_table(store, "exposure_by_soc").drop_nulls("value").collect()
    keys = ["source", "release", "measure"]
    how = scan_table(store, "exposure_occupation").select(*keys, "aggregation").unique().collect()
    joined = values.join(how, on=keys).join(links, on="soc2018_code")
    value, weight = pl.col("value"), pl.col("weight")
    mean = (value * weight).sum() / weight.sum()
    total = (value * pl.col("divided")).sum()
    is_share = pl.col("aggregation").first() == "sum"
    return (
        joined.group_by(*keys, isco_code=pl.col("from_code"))
        .agg(
            pl.when(is_share).then(total).otherwise(mean).alias("value"),
            pl.col("soc2018_code").n_unique().alias("n_soc_codes"),
        )
        .sort(*keys, "isco_code")
    )
