"""Map the occupation codes of exposure measures and of O*NET to SOC 2018."""

import polars as pl

from withintask.ingest.oews.reference import load_bridge
from withintask.panel.errors import ParameterError, quoted

CLASSIFICATIONS = (
    *("soc2018", "soc2010", "onet2019", "onet2010", "oes2018", "hybrid2019", "oews2021"),
)
"""Classifications that occupation codes may be given in."""
_SOC_LENGTH = len("11-1011")
_MAPPED = ("soc2018_code", "weight", "match_quality")


def add_soc2018(
    rows: pl.DataFrame, classification: str, *, code: str = "source_code"
) -> pl.DataFrame:
    """Add `soc2018_code`, `weight` and `match_quality`; a code that splits gives several rows.

    No row is dropped: an unmatched one has a null code, weight 1 and quality ``unmatched``.

    Parameters
    ----------
    rows
        Rows with a column of codes.
    classification
        One of :data:`CLASSIFICATIONS`: ``onet2019`` (8 digits, SOC 2018 by its first six), or a
        classification of the bridge. ``soc2018`` takes the codes that OEWS publishes of its own as
        well.
    code
        Name of the column of codes.

    Raises
    ------
    ParameterError
        If the classification is unknown.
    """
    if classification not in CLASSIFICATIONS:
        raise ParameterError(
            f"classification {quoted(classification)} is not one of {', '.join(CLASSIFICATIONS)}"
        )
    joined = rows.join(
        _links(rows[code].unique(), classification).rename({"code": code}),
        on=code,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return joined.with_columns(
        pl.col("weight").fill_null(1.0), pl.col("match_quality").fill_null("unmatched")
    )


def add_through(rows: pl.DataFrame, links: pl.DataFrame, classification: str) -> pl.DataFrame:
    """Add the columns of :func:`add_soc2018` to codes that lead to a classification by links.

    Parameters
    ----------
    rows
        Rows with a column `source_code`, in a classification that the bridge does not know.
    links
        `from_code, code`: pairs of such a code and one of `classification`; a code with several is
        divided equally among them.
    classification
        As in :func:`add_soc2018`.
    """
    onward = add_soc2018(links.unique(), classification, code="code")
    known = onward.drop_nulls("soc2018_code")
    shares = known.group_by("from_code", "soc2018_code").agg(pl.col("weight").sum())
    total = pl.col("weight").sum().over("from_code")
    n_targets = pl.len().over("from_code")
    quality = pl.when(n_targets == 1).then(pl.lit("linked")).otherwise(pl.lit("linked_to_several"))
    mapped = shares.with_columns(pl.col("weight") / total, quality.alias("match_quality"))
    joined = rows.join(
        mapped.sort("from_code", "soc2018_code"),
        left_on="source_code",
        right_on="from_code",
        how="left",
        maintain_order="left",
    )
    return joined.with_columns(
        pl.col("weight").fill_null(1.0), pl.col("match_quality").fill_null("unmatched")
    )


def _links(codes: pl.Series, classification: str) -> pl.DataFrame:
    asked = pl.DataFrame({"code": codes}).drop_nulls()
    bridge = load_bridge()
    if classification == "onet2019":
        known = bridge.filter(pl.col("classification") == "soc2018")["occ_code"].unique()
        is_whole = pl.col("code").str.ends_with(".00")
        quality = pl.when(is_whole).then(pl.lit("exact")).otherwise(pl.lit("onet_part"))
        found = asked.select(
            "code",
            pl.col("code").str.slice(0, _SOC_LENGTH).alias("soc2018_code"),
            pl.lit(1.0).alias("weight"),
            quality.alias("match_quality"),
        )
        return found.filter(pl.col("soc2018_code").is_in(known.to_list()))
    links = bridge.filter(pl.col("classification") == classification)
    quality = pl.when(pl.lit(classification == "soc2018")).then(pl.lit("exact")).otherwise("link")
    if classification == "soc2018":
        published = bridge.filter(pl.col("classification") == "oews2021")
        of_oews = published.join(links, on="occ_code", how="anti")
        links = pl.concat([links, of_oews])
        quality = (
            pl.when(pl.col("classification") == "soc2018").then(pl.lit("exact")).otherwise("link")
        )
    links = links.select(
        pl.col("occ_code").alias("code"), "soc2018_code", "weight", quality.alias("match_quality")
    )
    return asked.join(links, on="code").select("code", *_MAPPED)
